/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of device registers: one plain instruction of the exact width, with the
 * address in a register. Pairs, write-back addressing and atomics are kept out on purpose:
 * a hypervisor cannot decode them from the syndrome of a trapped access.
 * None of these orders Normal memory; see <arch/barrier.h>.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include <stdint.h>

#define DEFINE_MMIO(bits, load, store)                                                \
	static inline uint##bits##_t mmio_read##bits(const volatile void *reg)        \
	{                                                                             \
		uint##bits##_t value;                                                 \
		__asm__ volatile(load : "=r"(value) : "r"(reg) : "memory");           \
		return value;                                                         \
	}                                                                             \
	static inline void mmio_write##bits(volatile void *reg, uint##bits##_t value) \
	{                                                                             \
		__asm__ volatile(store ::"r"(value), "r"(reg) : "memory");            \
	}

DEFINE_MMIO(8, "ldrb %0, [%1]", "strb %0, [%1]")
DEFINE_MMIO(16, "ldrh %0, [%1]", "strh %0, [%1]")
DEFINE_MMIO(32, "ldr %0, [%1]", "str %0, [%1]")
#undef DEFINE_MMIO

/* A register of 64 bits in its two halves. The upper one is written last: where a register has a bit that makes
 * the rest valid, it is there. */
static inline uint64_t mmio_read64(const volatile void *reg)
{
	uint32_t low = mmio_read32(reg);

	return (uint64_t)mmio_read32((const volatile char *)reg + 4) << 32 | low;
}

static inline void mmio_write64(volatile void *reg, uint64_t value)
{
	mmio_write32(reg, (uint32_t)value);
	mmio_write32((volatile char *)reg + 4, (uint32_t)(value >> 32));
}

#endif
