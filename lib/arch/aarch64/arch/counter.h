/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of the generic timer's virtual counter and comparator. The virtual one is what a
 * guest owns under any hypervisor; without one it equals the physical counter. The isb keeps the
 * counter from being read ahead of the instructions before it.
 */
#ifndef ARCH_COUNTER_H
#define ARCH_COUNTER_H

#include <stdint.h>

#define COUNTER_CTL_ENABLE  0x1u
#define COUNTER_CTL_IMASK   0x2u
#define COUNTER_CTL_ISTATUS 0x4u

static inline uint64_t counter_read(void)
{
	uint64_t value;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
	return value;
}

/* Ticks per second, as firmware stored it; 0 where it did not. */
static inline uint32_t counter_frequency(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
	return (uint32_t)value;
}

static inline void counter_write_compare(uint64_t ticks)
{
	__asm__ volatile("msr cntv_cval_el0, %0" ::"r"(ticks) : "memory");
}

static inline uint32_t counter_read_ctl(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, cntv_ctl_el0" : "=r"(value)::"memory");
	return (uint32_t)value;
}

static inline void counter_write_ctl(uint32_t value)
{
	__asm__ volatile("msr cntv_ctl_el0, %0\n\tisb" ::"r"((uint64_t)value) : "memory");
}

#endif
