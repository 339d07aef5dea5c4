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

DEFINE_MMIO(8, "ldrb %w0, [%1]", "strb %w0, [%1]")
DEFINE_MMIO(16, "ldrh %w0, [%1]", "strh %w0, [%1]")
DEFINE_MMIO(32, "ldr %w0, [%1]", "str %w0, [%1]")
DEFINE_MMIO(64, "ldr %0, [%1]", "str %0, [%1]")
#undef DEFINE_MMIO

#endif
