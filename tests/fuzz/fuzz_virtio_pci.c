/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI transport and the life of a device behind it: a configuration space and capabilities spoiled by the
 * input, registers that may answer anything, vectors that are refused, a device that vanishes. What
 * is accessed was mapped, and lies as its width asks; nothing hangs, nothing leaks. */
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
	hdev_start_pci(fuzz_u8() % 6);
	while (fuzz_more())
		life_step();
	hdev_end();
	return 0;
}
