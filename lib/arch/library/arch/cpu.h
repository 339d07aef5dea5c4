/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU as the library sees it, in front of the architecture's own headers on the include path: it masks no
 * interrupts, because it may run where that is not allowed, or not enough. What needs a guard has the port's lock; a
 * work queue without operations (lib/work.h) is one thread's alone.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

static inline unsigned long irq_save(void)
{
	return 0;
}

static inline void irq_restore(unsigned long state)
{
	(void)state;
}

#endif
