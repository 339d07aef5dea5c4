/* SPDX-License-Identifier: BSD-2-Clause */
/* The packed ring against a hostile device: see ring.c. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_ring(true, data, size);
	return 0;
}
