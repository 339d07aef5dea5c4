/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On the host a CPU's interrupt mask is simulated: the test that links the stack provides these
 * functions, and can check that what must run with interrupts masked does, and that what sleeps
 * is woken.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>

unsigned long irq_save(void);
void irq_restore(unsigned long state);
void irq_enable(void);
bool irqs_masked(void);
void wait_for_interrupt(void);

#endif
