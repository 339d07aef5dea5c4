/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of an interrupted place, as vectors.S stores them. */
#ifndef BOOT_AARCH64_FRAME_H
#define BOOT_AARCH64_FRAME_H

#include "lib/util.h"

struct fault_frame {
	uint64_t x[31];
	uint64_t sp;
	uint64_t pc;
	uint64_t pstate;
	uint64_t esr;
	uint64_t far;
	uint64_t sp_el1;
	uint64_t vector;
};

_Static_assert(sizeof(struct fault_frame) == 38 * 8, "vectors.S has the same numbers");

#endif
