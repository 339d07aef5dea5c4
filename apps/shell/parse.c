/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strict parsing of numbers, addresses and command lines. strtoul() and its like skip blanks, take
 * signs, and stop where they please; each of those would make a typing mistake into
 * a number, and a number can be the sector that gets overwritten.
 */
#include <errno.h>
#include <string.h>
#include "apps/shell/parse.h"

/* The value of a digit in base 16, or 16 for what is none. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

int parse_u64(const char *text, uint64_t max, uint64_t *value)
{
	unsigned int base = 10;
	uint64_t sum = 0;
	bool too_large = false;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (*text == '\0')
		return -EINVAL;
	/* The rest is looked at even when the number is too large: "99999z" is no number. */
	for (; *text; text++) {
		unsigned int digit = digit_value(*text);

		if (digit >= base)
			return -EINVAL;
		if (sum > (UINT64_MAX - digit) / base)
			too_large = true;
		else
			sum = sum * base + digit;
	}
	if (too_large || sum > max)
		return -ERANGE;
	*value = sum;
	return 0;
}

int parse_ipv4(const char *text, uint32_t *address)
{
	uint32_t sum = 0;

	for (unsigned int part = 0; part < 4; part++) {
		unsigned int byte = 0, digits = 0;

		for (; *text >= '0' && *text <= '9'; text++) {
			byte = byte * 10 + (unsigned int)(*text - '0');
			if (++digits > 3 || byte > 255)
				return -EINVAL;
		}
		if (digits == 0 || *text != (part < 3 ? '.' : '\0'))
			return -EINVAL;
		text++;
		sum = sum << 8 | byte;
	}
	*address = sum;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Takes the word at *@from, drops its quotes and ends it. The word only gets shorter, so it is
 * written over itself. Returns false where a quote is not closed.
 */
static bool take_word(char **from)
{
	char *in = *from, *out = *from;
	bool quoted = false;

	for (; *in && (quoted || !is_blank(*in)); in++) {
		if (*in == '"')
			quoted = !quoted;
		else
			*out++ = *in;
	}
	*from = *in ? in + 1 : in;
	*out = '\0';
	return !quoted;
}

int parse_words(char *line, char *argv[], unsigned int max)
{
	unsigned int count = 0;

	for (;;) {
		while (is_blank(*line))
			line++;
		if (*line == '\0')
			return (int)count;
		if (count == max)
			return -E2BIG;
		argv[count++] = line;
		if (!take_word(&line))
			return -EINVAL;
	}
}
