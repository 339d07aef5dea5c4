/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of breaches: a count, and the text of the first few, which are the ones that
 * explain the rest.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tests/device/violation.h"

#define KEPT 16

static char texts[KEPT][200];
static unsigned int count;
static bool silent;

void violation(const char *fmt, ...)
{
	char text[sizeof(texts[0])];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (count < KEPT) {
		memcpy(texts[count], text, sizeof(text));
		if (!silent)
			fprintf(stderr, "violation: %s\n", text);
	}
	count++;
}

unsigned int violation_count(void)
{
	return count;
}

const char *violation_first(void)
{
	return count ? texts[0] : "";
}

bool violation_seen(const char *text)
{
	unsigned int i;

	for (i = 0; i < MIN(count, (unsigned int)KEPT); i++)
		if (strstr(texts[i], text))
			return true;
	return false;
}

void violation_reset(void)
{
	count = 0;
	silent = false;
}

void violation_quiet(bool quiet)
{
	silent = quiet;
}
