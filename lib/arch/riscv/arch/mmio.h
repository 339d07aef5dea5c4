/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of device registers: one plain instruction of the exact width. None of these
 * orders memory; see <arch/barrier.h>.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include <stdint.h>

#define DEFINE_MMIO(bits, load, store)                                                   \
	static inline uint##bits##_t mmio_read##bits(const volatile void *reg)           \
	{                                                                                \
		uint##bits##_t value;                                                    \
		__asm__ volatile(load " %0, 0(%1)" : "=r"(value) : "r"(reg) : "memory"); \
		return value;                                                            \
	}                                                                                \
	static inline void mmio_write##bits(volatile void *reg, uint##bits##_t value)    \
	{                                                                                \
		__asm__ volatile(store " %0, 0(%1)" ::"r"(value), "r"(reg) : "memory");  \
	}

DEFINE_MMIO(8, "lbu", "sb")
DEFINE_MMIO(16, "lhu", "sh")
DEFINE_MMIO(32, "lw", "sw")
#if __riscv_xlen == 64
DEFINE_MMIO(64, "ld", "sd")
#else
/* In its two halves, the upper one written last. */
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
#undef DEFINE_MMIO

#endif
