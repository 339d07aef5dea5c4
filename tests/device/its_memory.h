/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the simulated ITS: what the driver has allocated, and beside it what of that has been taken
 * out of the caches, which is all that an ITS sees that does not share them.
 */
#ifndef TESTS_DEVICE_ITS_MEMORY_H
#define TESTS_DEVICE_ITS_MEMORY_H

#include "lib/util.h"

/* A piece of memory. */
struct its_range {
	uint64_t start;
	size_t size;
};

static inline bool its_overlaps(struct its_range a, uint64_t start, size_t size)
{
	return start < a.start + a.size && a.start < start + size;
}

/* Forgets and frees all. */
void its_memory_reset(void);

/* What the ITS sees of the @size bytes at @address, which is memory; else a violation, and NULL. */
const void *its_see(uint64_t address, size_t size, const char *what);

/* That there is memory for the ITS to write to: zeroed. */
void its_check_given(uint64_t address, size_t size, const char *what);

/* its_model.c: whether the GIC uses any of @range now. */
bool its_model_uses(struct its_range range);

#endif
