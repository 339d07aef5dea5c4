/* SPDX-License-Identifier: BSD-2-Clause */
/* The MMIO transport and the life of a device: every register may answer anything at any read,
 * while a driver is probed, used, and removed. Nothing hangs, nothing leaks. */
#include "tests/fuzz/hdev.h"
#include "tests/fuzz/life.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	life_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	hdev_start(fuzz_u8() % 6, fuzz_u32(), NULL);
	while (fuzz_more())
		life_step();
	hdev_end();
	return 0;
}
