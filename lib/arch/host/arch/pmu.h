/* SPDX-License-Identifier: BSD-2-Clause */
/* The host build has no counter of instructions. */
#ifndef ARCH_PMU_H
#define ARCH_PMU_H

#include <stdbool.h>
#include <stdint.h>

static inline bool pmu_insn_available(void)
{
	return false;
}

static inline void pmu_insn_start(void)
{
}

static inline uint64_t pmu_insn_read(void)
{
	return 0;
}

#endif
