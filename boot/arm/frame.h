/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of an interrupted place, as vectors.S pushes them. */
#ifndef BOOT_ARM_FRAME_H
#define BOOT_ARM_FRAME_H

#include "lib/util.h"

/* The exception vectors, by their offset in words. */
enum fault_vector {
	VECTOR_UNDEFINED = 1,
	VECTOR_SVC = 2,
	VECTOR_PREFETCH = 3,
	VECTOR_DATA = 4,
	VECTOR_FIQ = 7,
};

struct fault_frame {
	uint32_t vector;
	uint32_t sp, lr; /* of the interrupted mode */
	uint32_t r[13];
	uint32_t return_address; /* as the CPU left it, beyond the instruction */
	uint32_t cpsr;
};

_Static_assert(sizeof(struct fault_frame) == 18 * 4, "vectors.S has the same layout");

#endif
