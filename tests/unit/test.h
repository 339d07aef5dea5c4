/* SPDX-License-Identifier: BSD-2-Clause */
/* What every test program begins with: cmocka and its C library headers, in the order it wants. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>
#include "tests/device/dma_test.h"
#include "tests/device/violation.h"
#include "tests/unit/port_host.h"

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, port_host_setup, port_host_teardown)

/* A repeatable sequence of numbers. */
static inline uint32_t test_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#endif
