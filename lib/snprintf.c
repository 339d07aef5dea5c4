/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snprintf() of an image: the formatter of format.h, instead of the C libraries', which bring floating point, a
 * heap and 10 to 20 KiB along. So there is one formatter, it may be called in any context, and it knows what
 * format.h says and no more. The host has its own.
 */
#include <limits.h>
#include <stdio.h>
#include "lib/format.h"

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	size_t len = format_text(buf, size, fmt, args);

	return (int)MIN(len, (size_t)INT_MAX);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}
