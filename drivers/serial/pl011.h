/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 UART as a terminal (lib/tty.h), the system's first one. It works polled as soon as it is
 * initialised, and by interrupts once pl011_request_irq() has been called.
 */
#ifndef DRIVERS_SERIAL_PL011_H
#define DRIVERS_SERIAL_PL011_H

#include "lib/tty.h"

/*
 * Finds the UART (/chosen's stdout-path, else the first of the tree) and makes it the system terminal,
 * polled. The line's speed stays as firmware has set it. Thread context. Returns 0; -ENODEV,
 * -EINVAL (a malformed node), -ENOMEM (registers could not be mapped).
 */
int pl011_init(void);

/* Goes over to interrupts. After the interrupt controller. Thread context. Returns 0, -ENODEV
 * (no UART), -EINVAL (no interrupt in the tree), or what request_irq() returned. */
int pl011_request_irq(void);

/* The terminal, or NULL before pl011_init(). */
struct tty *pl011_tty(void);

/* Bytes received, sent, and overruns: times at which input was lost because the hardware's
 * queue was full. */
struct pl011_stats {
	unsigned long rx_bytes, tx_bytes, rx_dropped;
};
void pl011_get_stats(struct pl011_stats *stats);

#endif
