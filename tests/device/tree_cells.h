/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests that write device trees: a property of 32-bit cells, in the order in which they are read. */
#ifndef TESTS_DEVICE_TREE_CELLS_H
#define TESTS_DEVICE_TREE_CELLS_H

#include "tests/unit/test.h"
#include <libfdt.h>

static inline void tree_cells(void *blob, const char *name, const uint32_t *values, unsigned int n)
{
	fdt32_t be[32];

	assert_in_range(n, 1, sizeof(be) / sizeof(be[0]));
	for (unsigned int i = 0; i < n; i++)
		be[i] = cpu_to_fdt32(values[i]);
	assert_int_equal(fdt_property(blob, name, be, (int)(n * 4)), 0);
}

/* Into the tree that is called blob. */
#define CELLS(name, ...)                                        \
	tree_cells(blob, name, (const uint32_t[]){__VA_ARGS__}, \
		   sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

#endif
