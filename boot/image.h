/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map that linker.ld lays out. Each name is an address: only &name or the array itself
 * means anything. All but text_end, load_end and the bounds of .bss lie on page boundaries.
 */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

extern char ram_base[];
extern char image_start[], image_end[];
extern char text_end[], rodata_start[], data_start[];
extern char main_guard[], main_stack_bottom[], main_stack_top[];
extern char irq_guard[], irq_stack_bottom[], irq_stack_top[];
extern char fault_guard[], fault_stack_bottom[], fault_stack_top[];
extern char mmu_tables_start[], mmu_tables_end[];
extern void (*init_array_start[])(void);
extern void (*init_array_end[])(void);

#endif
