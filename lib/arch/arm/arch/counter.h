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

	__asm__ volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(value)::"memory");
	return value;
}

/* Ticks per second, as firmware stored it; 0 where it did not. */
static inline uint32_t counter_frequency(void)
{
	uint32_t value;

	__asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(value));
	return value;
}

static inline void counter_write_compare(uint64_t ticks)
{
	__asm__ volatile("mcrr p15, 3, %Q0, %R0, c14" ::"r"(ticks) : "memory");
}

static inline uint32_t counter_read_ctl(void)
{
	uint32_t value;

	__asm__ volatile("mrc p15, 0, %0, c14, c3, 1" : "=r"(value)::"memory");
	return value;
}

static inline void counter_write_ctl(uint32_t value)
{
	__asm__ volatile("mcr p15, 0, %0, c14, c3, 1\n\tisb" ::"r"(value) : "memory");
}

#endif
