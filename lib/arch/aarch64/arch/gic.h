/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU interface of a GICv3 is system registers (ARM IHI 0069, 12.2), named here by their encoding
 * because assemblers know the names only for CPUs that have them. Writes take effect in order
 * with what follows only after an isb.
 */
#ifndef ARCH_GIC_H
#define ARCH_GIC_H

#include <stdint.h>

#define DEFINE_ICC(name, sysreg)                                                                 \
	static inline uint32_t icc_read_##name(void)                                             \
	{                                                                                        \
		uint64_t value;                                                                  \
		__asm__ volatile("mrs %0, " sysreg : "=r"(value)::"memory");                     \
		return (uint32_t)value;                                                          \
	}                                                                                        \
	static inline void icc_write_##name(uint32_t value)                                      \
	{                                                                                        \
		__asm__ volatile("msr " sysreg ", %0\n\tisb" ::"r"((uint64_t)value) : "memory"); \
	}

DEFINE_ICC(pmr, "s3_0_c4_c6_0")
DEFINE_ICC(iar1, "s3_0_c12_c12_0")
DEFINE_ICC(eoir1, "s3_0_c12_c12_1")
DEFINE_ICC(bpr1, "s3_0_c12_c12_3")
DEFINE_ICC(ctlr, "s3_0_c12_c12_4")
DEFINE_ICC(sre, "s3_0_c12_c12_5")
DEFINE_ICC(igrpen1, "s3_0_c12_c12_7")
#undef DEFINE_ICC

/* This CPU's affinity as GICR_TYPER has it: Aff3, Aff2, Aff1, Aff0, a byte each. */
static inline uint32_t cpu_affinity(void)
{
	uint64_t mpidr;

	__asm__ volatile("mrs %0, mpidr_el1" : "=r"(mpidr));
	return (uint32_t)((mpidr >> 8 & 0xff000000u) | (mpidr & 0xffffffu));
}

#endif
