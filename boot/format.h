/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small formatter for reports: it needs no C library, no heap and little stack, so it works when
 * those are what is broken.
 */
#ifndef BOOT_FORMAT_H
#define BOOT_FORMAT_H

#include <stdarg.h>
#include "lib/util.h"

/*
 * Formats into @buf, cut at @size bytes (above 0) with the terminating 0. Knows %d %i %u %x %X %p
 * %s %c %%, flags '0' and '-', width, precision of strings, '*', and lengths hh to ll, z, j, t.
 * Returns the length written, without the 0.
 */
size_t format_text(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);

#endif
