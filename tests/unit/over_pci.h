/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A test program once more, with its devices behind PCI: with a vector for each queue, and with the wired
 * line alone. To be included before its test_*.c, whose main() is called from the one here.
 */
#ifndef TESTS_UNIT_OVER_PCI_H
#define TESTS_UNIT_OVER_PCI_H

#include <sys/wait.h>
#include <unistd.h>
#include "tests/device/refdev_pci.h"

int all_tests(void);

int main(void)
{
	int status = -1;
	pid_t child;

	rig_over_pci = true;
	child = fork(); /* drivers make themselves known once */
	if (child == 0)
		return all_tests();
	waitpid(child, &status, 0);
	rig_vectors = 0;
	return all_tests() || status != 0;
}

#define main all_tests

#endif
