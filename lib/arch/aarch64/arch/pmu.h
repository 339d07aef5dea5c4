/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting instructions with event counter 0 of PMUv3 (ARM DDI 0487, D12). INST_RETIRED does not
 * count while the CPU sleeps in WFI. QEMU has the event under `-icount shift=N` only, and is exact
 * then; elsewhere it says so in PMCEID0, and there is nothing to count with.
 */
#ifndef ARCH_PMU_H
#define ARCH_PMU_H

#include <stdbool.h>
#include <stdint.h>

#define PMU_INST_RETIRED   8u
#define PMU_COUNTER_0	   1ull
#define PMU_ENABLE	   1ull
#define PMU_COUNTERS(pmcr) ((pmcr) >> 11 & 0x1f)

/* Whether the other two functions may be called and count. Not to be asked while they do: on Armv7 it
 * has to be tried out. */
static inline bool pmu_insn_available(void)
{
	uint64_t features, events, control;
	unsigned int version;

	__asm__("mrs %0, id_aa64dfr0_el1" : "=r"(features));
	version = features >> 8 & 0xf;
	if (version == 0 || version == 0xf)
		return false;
	__asm__("mrs %0, pmceid0_el0" : "=r"(events));
	__asm__ volatile("mrs %0, pmcr_el0" : "=r"(control));
	return (events >> PMU_INST_RETIRED & 1) && PMU_COUNTERS(control) > 0;
}

/* Counts from 0. */
static inline void pmu_insn_start(void)
{
	uint64_t control;

	__asm__ volatile("mrs %0, pmcr_el0" : "=r"(control));
	__asm__ volatile("msr pmcntenclr_el0, %0\n\t"
			 "msr pmintenclr_el1, %0\n\t"
			 "msr pmevtyper0_el0, %1\n\t" /* in EL1 and EL0 */
			 "msr pmevcntr0_el0, xzr\n\t"
			 "msr pmovsclr_el0, %0\n\t"
			 "msr pmcr_el0, %2\n\t"
			 "msr pmcntenset_el0, %0\n\t"
			 "isb" ::"r"(PMU_COUNTER_0),
			 "r"((uint64_t)PMU_INST_RETIRED), "r"(control | PMU_ENABLE)
			 : "memory");
}

/* Instructions since pmu_insn_start(), up to 2^33 - 1: 32 bits, and the one that says that they have
 * overflowed. */
static inline uint64_t pmu_insn_read(void)
{
	uint64_t before, after, count;

	__asm__ volatile("isb\n\tmrs %0, pmovsclr_el0" : "=r"(after)::"memory");
	do {
		before = after;
		__asm__ volatile("mrs %0, pmevcntr0_el0\n\tisb\n\tmrs %1, pmovsclr_el0"
				 : "=&r"(count), "=r"(after)::"memory");
	} while (before != after);
	return (after & PMU_COUNTER_0) << 32 | (uint32_t)count;
}

#endif
