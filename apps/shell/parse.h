/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turning what somebody typed into values. Everything is strict: the whole string must be the
 * value, a number that does not fit is refused and not cut, and nothing here can fail in
 * another way than by its return value.
 */
#ifndef APPS_SHELL_PARSE_H
#define APPS_SHELL_PARSE_H

#include "lib/util.h"

/*
 * Reads @text as an unsigned number, decimal or with "0x" hexadecimal, at most @max. Returns 0,
 * -EINVAL (no number) or -ERANGE (above @max); *@value is written only where it returns 0.
 */
int parse_u64(const char *text, uint64_t max, uint64_t *value);

/* Reads @text as an IPv4 address A.B.C.D, decimal, into *@address (A is the highest byte).
 * Returns 0 or -EINVAL. */
int parse_ipv4(const char *text, uint32_t *address);

/*
 * Cuts @line, in place, into words: they are separated by blanks, and double quotes keep blanks
 * in a word (they may stand anywhere in it, and "" is an empty word). Stores at most @max of
 * them in @argv. Returns how many, -EINVAL (a quote is not closed) or -E2BIG (more than @max).
 */
int parse_words(char *line, char *argv[], unsigned int max);

#endif
