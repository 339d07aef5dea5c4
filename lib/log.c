/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the system. A line is formatted on the stack and goes out in one piece: in thread
 * context we wait for room, in an interrupt what finds no room is lost, because the handler must
 * not wait. Messages from before the terminal's time are kept and come out ahead of the next one.
 */
#include <stdio.h>
#include <string.h>
#include <arch/cpu.h>
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/tty.h"

#define TEXT_MAX  200u
#define EARLY_MAX 1024u

static enum log_level max_level = LOG_INFO;
static char early[EARLY_MAX];
static size_t early_len;

static const char *const prefixes[] = {
	[LOG_ERROR] = "error: ",
	[LOG_WARNING] = "warning: ",
	[LOG_INFO] = "",
	[LOG_DEBUG] = "debug: ",
};

void log_set_level(enum log_level level)
{
	max_level = level;
}

static void keep_early(const char *line, size_t len)
{
	unsigned long flags = irq_save();

	if (len <= EARLY_MAX - early_len) {
		memcpy(early + early_len, line, len);
		early_len += len;
	}
	irq_restore(flags);
}

/* @text has LF line ends. */
static void emit(struct tty *tty, const char *text, size_t len)
{
	if (!in_interrupt()) {
		(void)tty_write_all(tty, text, len);
		return;
	}
	/* One line, with its line feed last: no search for others. */
	(void)tty->write(tty, text, len - 1);
	(void)tty->write(tty, "\r\n", 2);
}

static void flush_early(struct tty *tty)
{
	size_t len = early_len;

	if (len == 0 || in_interrupt())
		return;
	early_len = 0;
	emit(tty, early, len);
}

void log_vmessage(enum log_level level, const char *fmt, va_list args)
{
	char line[sizeof("warning: ") + TEXT_MAX + 1];
	struct tty *tty = tty_system();
	size_t prefix_len, room;
	int len;

	if (tty)
		flush_early(tty);
	if ((unsigned int)level > LOG_DEBUG || level > max_level)
		return;
	prefix_len = strlen(prefixes[level]);
	memcpy(line, prefixes[level], prefix_len);
	room = TEXT_MAX + 1;
	len = vsnprintf(line + prefix_len, room, fmt, args);
	if (len < 0)
		return;
	room = prefix_len + MIN((size_t)len, TEXT_MAX);
	line[room++] = '\n';
	if (tty)
		emit(tty, line, room);
	else
		keep_early(line, room);
}

void log_message(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vmessage(level, fmt, args);
	va_end(args);
}
