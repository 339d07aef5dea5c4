/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting instructions with event counter 0 of the Performance Monitors (ARM DDI 0406C, C12), reached
 * through coprocessor 15. INST_RETIRED does not count while the CPU sleeps in WFI. QEMU has the
 * event under `-icount shift=N` only, and is exact then; elsewhere the counter stands still.
 */
#ifndef ARCH_PMU_H
#define ARCH_PMU_H

#include <stdbool.h>
#include <stdint.h>

#define PMU_INST_RETIRED   8u
#define PMU_COUNTER_0	   1u
#define PMU_ENABLE	   1u
#define PMU_COUNTERS(pmcr) ((pmcr) >> 11 & 0x1f)

/* Counts from 0. */
static inline void pmu_insn_start(void)
{
	uint32_t control;

	__asm__ volatile("mrc p15, 0, %0, c9, c12, 0" : "=r"(control));
	__asm__ volatile("mcr p15, 0, %0, c9, c12, 2\n\t" /* PMCNTENCLR */
			 "mcr p15, 0, %0, c9, c14, 2\n\t" /* PMINTENCLR */
			 "mcr p15, 0, %1, c9, c12, 5\n\t" /* PMSELR: counter 0 */
			 "isb\n\t"
			 "mcr p15, 0, %2, c9, c13, 1\n\t" /* PMXEVTYPER: in PL1 and PL0 */
			 "mcr p15, 0, %1, c9, c13, 2\n\t" /* PMXEVCNTR */
			 "mcr p15, 0, %0, c9, c12, 3\n\t" /* PMOVSR */
			 "mcr p15, 0, %3, c9, c12, 0\n\t" /* PMCR */
			 "mcr p15, 0, %0, c9, c12, 1\n\t" /* PMCNTENSET */
			 "isb" ::"r"(PMU_COUNTER_0),
			 "r"(0), "r"(PMU_INST_RETIRED), "r"(control | PMU_ENABLE)
			 : "memory");
}

/* Instructions since pmu_insn_start(), up to 2^33 - 1: 32 bits, and the one that says that they have
 * overflowed. */
static inline uint64_t pmu_insn_read(void)
{
	uint32_t before, after, count;

	__asm__ volatile("isb\n\tmrc p15, 0, %0, c9, c12, 3" : "=r"(after)::"memory");
	do {
		before = after;
		__asm__ volatile("mrc p15, 0, %0, c9, c13, 2\n\tisb\n\tmrc p15, 0, %1, c9, c12, 3"
				 : "=&r"(count), "=r"(after)::"memory");
	} while (before != after);
	return (uint64_t)(after & PMU_COUNTER_0) << 32 | count;
}

/*
 * Whether the other two functions may be called and count. PMCEID0 would say so, but QEMU has that
 * register from Armv8 on, so it is tried out; whatever was being counted is lost, and counts begin anew.
 */
static inline bool pmu_insn_available(void)
{
	uint32_t features, control;
	unsigned int version;

	__asm__("mrc p15, 0, %0, c0, c1, 2" : "=r"(features)); /* ID_DFR0 */
	version = features >> 24 & 0xf;
	if (version == 0 || version == 0xf)
		return false;
	__asm__ volatile("mrc p15, 0, %0, c9, c12, 0" : "=r"(control)); /* PMCR */
	if (PMU_COUNTERS(control) == 0)
		return false;
	pmu_insn_start();
	return pmu_insn_read() != 0;
}

#endif
