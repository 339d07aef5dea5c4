/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of a hex dump:
 *
 *	00000200  55 aa 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |U...............|
 *
 * A short last line keeps its columns. Bytes that are no printable ASCII show as dots, so that
 * nothing on a disk or a wire can play tricks on the terminal.
 */
#include <inttypes.h>
#include <stdio.h>
#include "apps/shell/hexdump.h"

static char *put_byte(char *out, uint8_t byte)
{
	static const char digits[16] __attribute__((nonstring)) = "0123456789abcdef";

	*out++ = digits[byte >> 4];
	*out++ = digits[byte & 15];
	return out;
}

void hexdump_line(char line[HEXDUMP_LINE_MAX], uint64_t offset, const uint8_t *data,
		  unsigned int len)
{
	char *out = line + snprintf(line, 20, "%08" PRIx64 " ", offset);

	for (unsigned int i = 0; i < HEXDUMP_BYTES; i++) {
		if (i % 8 == 0)
			*out++ = ' ';
		if (i < len) {
			out = put_byte(out, data[i]);
		} else {
			*out++ = ' ';
			*out++ = ' ';
		}
		*out++ = ' ';
	}
	*out++ = ' ';
	*out++ = '|';
	for (unsigned int i = 0; i < len; i++)
		*out++ = data[i] >= 0x20 && data[i] < 0x7f ? (char)data[i] : '.';
	*out++ = '|';
	*out++ = '\n';
	*out = '\0';
}

void hexdump(struct shell *sh, uint64_t offset, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t at = 0; at < len; at += HEXDUMP_BYTES) {
		char line[HEXDUMP_LINE_MAX];

		hexdump_line(line, offset + at, bytes + at,
			     (unsigned int)MIN(len - at, (size_t)HEXDUMP_BYTES));
		sh_puts(sh, line);
	}
}
