/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device (VIRTIO 1.4, 5.3), port 0: a terminal (lib/tty.h) on which a shell can run.
 *
 *	-device virtio-serial-device -chardev socket,id=c,... -device virtconsole,chardev=c
 */
#ifndef DRIVERS_VIRTIO_CONSOLE_H
#define DRIVERS_VIRTIO_CONSOLE_H

#include "lib/tty.h"
#include "virtio/virtio.h"

struct virtio_console;

/* Makes the driver known to the core. Thread context. */
int virtio_console_init(struct virtio_bus *bus);

/* The @n-th console, or NULL: there is none, or its probe failed. Valid until the device is removed; calls that wait
 * then come back with -ENODEV. The terminal must not be used any more. */
struct virtio_console *virtio_console_find(const struct virtio_bus *bus, unsigned int n);
struct virtio_device *virtio_console_device(struct virtio_console *con);

/* Its terminal; cols and rows follow the device's size (VIRTIO_CONSOLE_F_SIZE). Input that nobody
 * reads is held back at the host; none is dropped. write_panic works where the device offers
 * VIRTIO_CONSOLE_F_EMERG_WRITE, also after the queues have failed. */
struct tty *virtio_console_tty(struct virtio_console *con);

/*
 * Sends all of @len bytes as they are, and waits up to @timeout_ns until the device has taken the last
 * of them. Returns 0, -ETIMEDOUT (some may have left, the rest may follow), -EIO (the device
 * failed for good) or -ENODEV (it is gone). Output that a device had not confirmed when it failed is sent once more after its
 * recovery (virtio_recovery.c): it may appear twice. Thread context.
 */
int __must_check virtio_console_write(struct virtio_console *con, const char *buf, size_t len,
				      uint64_t timeout_ns);

/*
 * Reads what has come, at most @len (above 0) bytes, and waits up to @timeout_ns for the first of them. Returns how
 * many, -ETIMEDOUT, -EIO or -ENODEV (the device failed for good or is gone, and all has been read). It takes from the same input as
 * the terminal's read; one call at a time. Thread context.
 */
int __must_check virtio_console_read(struct virtio_console *con, char *buf, size_t len,
				     uint64_t timeout_ns);

/*
 * Without interrupts: while @polled, the device is asked for none. Its terminal's read and write look for
 * themselves what has come and what was taken, the two calls above do not sleep, and the terminal's input
 * callback is not called but for what had come before. Thread context.
 */
void virtio_console_set_polled(struct virtio_console *con, bool polled);

/* Bytes received from the device, handed to it, and lost because they could not be sent once more. */
struct virtio_console_stats {
	unsigned long rx_bytes, tx_bytes, tx_lost;
};
void virtio_console_get_stats(struct virtio_console *con, struct virtio_console_stats *stats);

#endif
