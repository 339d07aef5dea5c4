/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes for people: an offset, sixteen bytes in hex, and the same bytes as characters. The line is
 * made by a function of its own, apart from the terminal.
 */
#ifndef APPS_SHELL_HEXDUMP_H
#define APPS_SHELL_HEXDUMP_H

#include "apps/shell/shell.h"

#define HEXDUMP_BYTES	 16u
#define HEXDUMP_LINE_MAX 96u

/* Formats @len bytes (1 to HEXDUMP_BYTES) at @data, shown as lying at @offset, with a line end. */
void hexdump_line(char line[HEXDUMP_LINE_MAX], uint64_t offset, const uint8_t *data,
		  unsigned int len);

/* Prints @len bytes; the first is shown as lying at @offset. */
void hexdump(struct shell *sh, uint64_t offset, const void *data, size_t len);

#endif
