/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal: bytes in, bytes out. The PL011 is one, each virtio console is another, and a shell
 * runs on any of them. The C library's standard streams use the system terminal.
 */
#ifndef LIB_TTY_H
#define LIB_TTY_H

#include "lib/util.h"

struct tty {
	const char *name;
	/* Takes up to @len bytes, as they are, for output without waiting; returns how many, or a
	 * negative errno where the device is gone. Any context. */
	int (*write)(struct tty *tty, const char *buf, size_t len);
	/* Gives up to @len bytes of input without waiting; returns how many. Any context. */
	int (*read)(struct tty *tty, char *buf, size_t len);
	/* Output from a machine that is about to stop: polled, no interrupts, no queue.
	 * May be NULL. */
	void (*write_panic)(struct tty *tty, const char *buf, size_t len);
	/* Waits until all output has left. May be NULL. Thread context. */
	void (*drain)(struct tty *tty);
	/* Calls @fn in interrupt context when input has come; NULL: nobody. May be NULL: then
	 * whoever wants input asks from time to time. Any context. */
	void (*set_input_callback)(struct tty *tty, void (*fn)(void *arg), void *arg);
	/* The size in characters, 0 where it is not known. */
	uint16_t cols, rows;
};

/* The terminal of printf() and log_message(); NULL before there is one. */
void tty_set_system(struct tty *tty);
struct tty *tty_system(void);

/*
 * Writes all of @len bytes, a line feed as CR LF, waiting for room up to a second without
 * progress. Thread context. Returns 0, -EIO or -ETIMEDOUT.
 */
int tty_write_all(struct tty *tty, const char *buf, size_t len);

#endif
