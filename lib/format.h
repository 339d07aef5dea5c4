/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small formatter: it needs no C library, no heap and little stack, so reports of faults can be written with
 * it when those are what is broken. In an image it is snprintf() as well (snprintf.c).
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include "lib/util.h"

/*
 * Formats into @buf, cut at @size bytes with the terminating 0; @size may be 0. Knows %d %i %u %x %X %p
 * %s %c %%, flags '0' and '-', width, precision of strings, '*', and lengths hh to ll, z, j, t.
 * Returns the length of the whole text, without the 0.
 */
size_t format_text(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);

/* The same with its arguments here. */
size_t format_string(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
