/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the system itself, one line each, to the system terminal. Any context: in an
 * interrupt they are formatted into a bounded line and queued for output.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdarg.h>
#include "lib/log_level.h"
#include "lib/util.h"

/* Messages above @level are dropped. LOG_INFO unless the boot option loglevel=0..3 says else. */
void log_set_level(enum log_level level);

/* One line, without its line end; at most 200 bytes of it are printed. */
void log_message(enum log_level level, const char *fmt, ...) __printf(2, 3);
void log_vmessage(enum log_level level, const char *fmt, va_list args) __printf(2, 0);

#define log_error(...)	 log_message(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...)	 log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_message(LOG_DEBUG, __VA_ARGS__)

#endif
