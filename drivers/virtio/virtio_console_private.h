/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the console driver: what virtio_console.c (the device's life and configuration) and
 * virtio_console_queue.c (the terminal and both queues) share. Nobody else includes this.
 */
#ifndef DRIVERS_VIRTIO_CONSOLE_PRIVATE_H
#define DRIVERS_VIRTIO_CONSOLE_PRIVATE_H

#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/wire/virtio_console.h"
#include "virtio/port.h"

#define CONSOLE_RX_BUFFERS 8u
#define CONSOLE_TX_BUFFERS 16u
#define CONSOLE_INPUT_LEN  4096u /* a power of two */

/* One buffer; the token of the queues. */
struct console_buffer {
	struct console_buffer *next; /* in a free list */
	unsigned int len;	     /* of output */
	unsigned int order;	     /* of output: one more for each buffer */
	char *data;		     /* 256 bytes, see virtio_console_queue.c */
};

struct virtio_console {
	struct virtio_device *vdev;
	struct virtqueue *rx_vq, *tx_vq;
	struct tty tty;
	struct port_lock lock; /* guards the queues and all below */
	struct console_buffer *rx_free, *tx_free;
	struct console_buffer *tx_held; /* output to be sent once more, oldest first */
	unsigned int tx_order;		/* of the next buffer of output */
	int failed; /* not 0: nothing more is sent or received; -EIO: given up, -ENODEV: gone */
	unsigned int references; /* probe's, and one of each call that waits: the last one frees */
	bool frozen;		 /* being recovered: nothing goes into the rings */
	bool polled;	 /* no interrupts are asked for: who reads or writes looks himself */
	bool tx_waiting; /* somebody waits for the device to take output */
	struct port_event tx_event, rx_event;
	void (*input_fn)(void *arg);
	void *input_arg;
	struct virtio_console_stats stats;
	unsigned int input_head, input_tail; /* bytes ever put in and taken out */
	char input[CONSOLE_INPUT_LEN];
	struct console_buffer buffers[CONSOLE_RX_BUFFERS + CONSOLE_TX_BUFFERS];
	void *memory; /* that the buffers point into */
};

/* Drops a reference. Thread context. */
void console_put(struct virtio_console *con);

/* The operations of the terminal. */
extern const struct tty console_tty;

/* Makes the buffers and offers the first of them; the device learns of them with console_rx_start().
 * Returns 0 or -ENOMEM; console_queues_destroy() in any case. */
int console_queues_init(struct virtio_console *con);

/* Publishes the buffers that were offered, once the device is ready. */
void console_rx_start(struct virtio_console *con);

/* Recovery, after the reset: input that has come is taken, output that the device has not confirmed
 * is kept; and the way back, where that is sent again. */
void console_queues_freeze(struct virtio_console *con);
void console_queues_thaw(struct virtio_console *con);

/* Wakes who waits for the device to take output, so that he looks again. Without the lock. */
void console_tx_wake(struct virtio_console *con);

/* Takes back what is in the queues, which the device no longer uses, and frees queues and buffers. */
void console_queues_destroy(struct virtio_console *con);

/* The callbacks of the queues. */
vq_callback_t console_rx_callback, console_tx_callback;

#endif
