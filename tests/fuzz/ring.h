/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring against a hostile device, in one of the two formats: see ring.c. */
#ifndef TESTS_FUZZ_RING_H
#define TESTS_FUZZ_RING_H

#include "lib/util.h"

void fuzz_ring(bool packed, const uint8_t *data, size_t size);

#endif
