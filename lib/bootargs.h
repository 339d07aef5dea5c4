/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot arguments: segments separated by ';'. One of the form NAME=VALUE (a name of letters,
 * digits, '_', '-', '.', directly followed by '=') is an option, every other a command.
 * Blanks around a segment do not count, empty ones are passed over. A segment in which a ';' is
 * needed puts it between double quotes.
 */
#ifndef LIB_BOOTARGS_H
#define LIB_BOOTARGS_H

#include "lib/util.h"

/* Splits @args; a copy is kept. At boot, once. Returns 0, -E2BIG (over 4 KiB; cut there). */
int bootargs_init(const char *args);

/* The value of the last option @name, or NULL. Asking marks it as known. */
const char *bootargs_option(const char *name);

/* Calls @report for each option that nobody has asked for. */
void bootargs_unknown(void (*report)(const char *name, const char *value));

/* Command @index (from 0), or NULL after the last. */
const char *bootargs_command(unsigned int index);

#endif
