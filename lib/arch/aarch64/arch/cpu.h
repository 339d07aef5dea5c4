/* SPDX-License-Identifier: BSD-2-Clause */
/* What a CPU does besides computing: mask interrupts, and sleep until the next one. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>

#define DAIF_I 0x80u

/*
 * Masks IRQs; returns the state to hand to irq_restore(). Calls nest. To write the mask costs a CPU, and an
 * emulator even more, much more than a branch; an inner pair has nothing to write.
 */
static inline unsigned long irq_save(void)
{
	unsigned long daif;
	__asm__ volatile("mrs %0, daif" : "=r"(daif)::"memory");
	if (!(daif & DAIF_I))
		__asm__ volatile("msr daifset, #2" ::: "memory");
	__asm__("" : "+r"(daif)); /* to test one bit twice is cheaper than to keep it apart */
	return daif;
}

static inline void irq_restore(unsigned long daif)
{
	if (!(daif & DAIF_I))
		__asm__ volatile("msr daifclr, #2" ::: "memory");
	else
		__asm__ volatile("" ::: "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline bool irqs_masked(void)
{
	unsigned long daif;
	__asm__ volatile("mrs %0, daif" : "=r"(daif));
	return daif & DAIF_I;
}

/*
 * Sleeps until an interrupt is pending. It returns for a masked interrupt as well, so the
 * caller may test its condition with IRQs masked and lose no wake-up.
 */
static inline void wait_for_interrupt(void)
{
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

#endif
