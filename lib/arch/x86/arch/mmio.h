/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of device registers: one plain move of the exact width. The compiler might otherwise
 * fold an access into another instruction, which a hypervisor need not know how to carry out.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include <stdint.h>

#define DEFINE_MMIO(bits, move, class)                                                       \
	static inline uint##bits##_t mmio_read##bits(const volatile void *reg)               \
	{                                                                                    \
		uint##bits##_t value;                                                        \
		__asm__ volatile(move " (%1), %0" : "=" class(value) : "r"(reg) : "memory"); \
		return value;                                                                \
	}                                                                                    \
	static inline void mmio_write##bits(volatile void *reg, uint##bits##_t value)        \
	{                                                                                    \
		__asm__ volatile(move " %0, (%1)" ::class(value), "r"(reg) : "memory");      \
	}

DEFINE_MMIO(8, "movb", "q")
DEFINE_MMIO(16, "movw", "r")
DEFINE_MMIO(32, "movl", "r")
#ifdef __x86_64__
DEFINE_MMIO(64, "movq", "r")
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
