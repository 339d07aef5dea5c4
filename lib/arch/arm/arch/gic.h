/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU interface of a GICv3 is system registers (ARM IHI 0069, 12.2), which AArch32 reaches through
 * coprocessor 15. Writes take effect in order with what follows only after an isb.
 */
#ifndef ARCH_GIC_H
#define ARCH_GIC_H

#include <stdint.h>

#define DEFINE_ICC(name, crn, crm, op2)                                                          \
	static inline uint32_t icc_read_##name(void)                                             \
	{                                                                                        \
		uint32_t value;                                                                  \
		__asm__ volatile("mrc p15, 0, %0, " crn ", " crm ", " op2                        \
				 : "=r"(value)::"memory");                                       \
		return value;                                                                    \
	}                                                                                        \
	static inline void icc_write_##name(uint32_t value)                                      \
	{                                                                                        \
		__asm__ volatile("mcr p15, 0, %0, " crn ", " crm ", " op2 "\n\tisb" ::"r"(value) \
				 : "memory");                                                    \
	}

DEFINE_ICC(pmr, "c4", "c6", "0")
DEFINE_ICC(iar1, "c12", "c12", "0")
DEFINE_ICC(eoir1, "c12", "c12", "1")
DEFINE_ICC(bpr1, "c12", "c12", "3")
DEFINE_ICC(ctlr, "c12", "c12", "4")
DEFINE_ICC(sre, "c12", "c12", "5")
DEFINE_ICC(igrpen1, "c12", "c12", "7")
#undef DEFINE_ICC

/* This CPU's affinity as GICR_TYPER has it: Aff3 (none on Armv7), Aff2, Aff1, Aff0, a byte each. */
static inline uint32_t cpu_affinity(void)
{
	uint32_t mpidr;

	__asm__ volatile("mrc p15, 0, %0, c0, c0, 5" : "=r"(mpidr));
	return mpidr & 0xffffffu;
}

#endif
