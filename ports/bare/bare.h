/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port to the bare machine: virtio/port.h on one CPU, with interrupts as the only concurrency,
 * and the way from boot/ to the image's main(). An image's main loop is:
 *
 *	for (;;) {
 *		if (nothing_to_do())
 *			bare_idle(UINT64_MAX);
 *	}
 */
#ifndef PORTS_BARE_BARE_H
#define PORTS_BARE_BARE_H

#include "lib/device.h"

/*
 * Gives the time away until there may be something to do: runs the work items that wait, or
 * else sleeps until an interrupt was handled or @deadline_ns (ns since boot; UINT64_MAX: never)
 * has come. It may return early, so the caller looks again at what it waits for.
 *
 * No wake-up is lost: if any interrupt was handled since the last return from here, it returns at
 * once. The condition must be looked at after that last return, with no other wait in between.
 * Thread context, IRQs enabled.
 */
void bare_idle(uint64_t deadline_ns);

/*
 * Reads the boot options dma= and swiotlb=, and makes the pool where devices are to use one.
 * Returns 0, or a negative errno: then no device may be probed, because it would get to see
 * memory that was to be kept from it. Thread context; before any device is probed.
 */
int bare_dma_init(void);

/* Gives @dev the DMA backend that was chosen. */
void bare_dma_setup(struct device *dev);

/* Probes every "virtio,mmio" node of the device tree. Drivers are known already. Once. */
void bare_virtio_mmio_probe(void);

/* The image's program; what it returns is the exit status. */
int main(void);

#endif
