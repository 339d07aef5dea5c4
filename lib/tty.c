/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all terminals share: the system terminal, line ends, and waiting for room. A terminal's own
 * write() never waits, so that interrupt handlers may call it; the waiting is done here, by asking
 * again, and has a bound with and without a clock.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <arch/barrier.h>
#include "lib/timer.h"
#include "lib/tty.h"

#define STALL_NS    NSEC_PER_SEC
#define STALL_POLLS 10000000u /* the bound before there is a clock */

static struct tty *system_tty;

void tty_set_system(struct tty *tty)
{
	system_tty = tty;
}

struct tty *tty_system(void)
{
	return system_tty;
}

/* Writes @len bytes as they are. */
static int write_raw(struct tty *tty, const char *buf, size_t len)
{
	uint64_t deadline = deadline_after(STALL_NS);
	unsigned int polls = 0;

	while (len > 0) {
		int written = tty->write(tty, buf, len);

		if (written < 0)
			return -EIO;
		if (written > 0) {
			buf += written;
			len -= MIN((size_t)written, len);
			deadline = deadline_after(STALL_NS);
			polls = 0;
			continue;
		}
		if (deadline_passed(deadline) || (++polls >= STALL_POLLS && clock_ns() == 0))
			return -ETIMEDOUT;
		barrier();
	}
	return 0;
}

int tty_write_all(struct tty *tty, const char *buf, size_t len)
{
	while (len > 0) {
		const char *line_feed = memchr(buf, '\n', len);
		size_t span = line_feed ? (size_t)(line_feed - buf) : len;
		int err = write_raw(tty, buf, span);

		if (!err && line_feed) {
			err = write_raw(tty, "\r\n", 2);
			span++;
		}
		if (err)
			return err;
		buf += span;
		len -= span;
	}
	return 0;
}
