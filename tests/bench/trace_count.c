/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts instructions by address: reads QEMU's trace of one-instruction blocks (-singlestep
 * -d exec,nochain) from standard input, from the first time that the CPU is at BEGIN until it is at END,
 * and prints "ADDRESS COUNT" for the SIZE bytes from BASE on. All in hexadecimal. See profile.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	unsigned long base, size, begin, end;
	unsigned long *counts;
	char line[512];
	int on = 0;

	if (argc != 5)
		return 1;
	base = strtoul(argv[1], NULL, 16);
	size = strtoul(argv[2], NULL, 16);
	begin = strtoul(argv[3], NULL, 16);
	end = strtoul(argv[4], NULL, 16);
	counts = calloc(size, sizeof(*counts));
	if (!counts)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		/* Trace 0: 0x7f... [cs_base/PC/flags/cflags] symbol */
		const char *pc = strchr(line, '[');
		unsigned long at;

		pc = pc && strncmp(line, "Trace", 5) == 0 ? strchr(pc, '/') : NULL;
		if (!pc)
			continue;
		at = strtoul(pc + 1, NULL, 16);
		on = at == begin ? 1 : at == end ? 0 : on;
		if (on && at >= base && at - base < size)
			counts[at - base]++;
	}
	for (unsigned long i = 0; i < size; i++)
		if (counts[i])
			printf("%lx %lu\n", base + i, counts[i]);
	return 0;
}
