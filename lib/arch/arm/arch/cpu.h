/* SPDX-License-Identifier: BSD-2-Clause */
/* What a CPU does besides computing: mask interrupts, and sleep until the next one. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>

#define CPSR_I 0x80u

/*
 * Masks IRQs; returns the state to hand to irq_restore(). Calls nest. To write the mask costs a CPU, and an
 * emulator even more, much more than a branch; an inner pair has nothing to write.
 */
static inline unsigned long irq_save(void)
{
	unsigned long cpsr;
	__asm__ volatile("mrs %0, cpsr" : "=r"(cpsr)::"memory");
	if (!(cpsr & CPSR_I))
		__asm__ volatile("cpsid i" ::: "memory");
	return cpsr;
}

static inline void irq_restore(unsigned long cpsr)
{
	if (!(cpsr & CPSR_I))
		__asm__ volatile("cpsie i" ::: "memory");
	else
		__asm__ volatile("" ::: "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("cpsie i" ::: "memory");
}

static inline bool irqs_masked(void)
{
	unsigned long cpsr;
	__asm__ volatile("mrs %0, cpsr" : "=r"(cpsr));
	return cpsr & CPSR_I;
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
