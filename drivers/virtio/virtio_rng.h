/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (VIRTIO 1.4, 5.4): random bytes from the host.
 *
 *	-device virtio-rng-device
 */
#ifndef DRIVERS_VIRTIO_RNG_H
#define DRIVERS_VIRTIO_RNG_H

#include "virtio/virtio.h"

struct virtio_rng;

/*
 * A request for random bytes. The caller owns it and the buffer; both belong to the driver until
 * @done is called.
 */
struct virtio_rng_request {
	void *buf;
	uint32_t len; /* 1 to INT32_MAX */
	/* Called once, in interrupt context or from a work item, with no lock held; may submit.
	 * @received: bytes the device gave (1 to len; it may give fewer than asked), or a negative
	 * errno (-EIO, -ENODEV). */
	void (*done)(struct virtio_rng_request *req, int received);
	void *priv; /* the caller's */

	/* The driver's. */
	struct list_head node;
	int received;
};

/* Makes the driver known to the core. Thread context. */
int virtio_rng_init(struct virtio_bus *bus);

/* The @n-th entropy device, or NULL: there is none, or its probe failed. */
struct virtio_rng *virtio_rng_find(const struct virtio_bus *bus, unsigned int n);
struct virtio_device *virtio_rng_device(struct virtio_rng *rng);

/* Starts @req. Where the device fails and can be recovered (virtio_recovery.c), a request that is not
 * over is sent to it once more. Returns 0, or an error after which @done will not be called: -ENOSPC (the ring is
 * full; try again when a request is over), -EINVAL, -EIO (the device failed), -ENODEV. Any
 * context. */
int __must_check virtio_rng_submit(struct virtio_rng *rng, struct virtio_rng_request *req);

/*
 * Fills @buf with @len random bytes, asking as often as needed; @timeout_ns (above 0) for the
 * whole. The device writes to memory of the driver's, never to @buf, which may lie on the stack.
 * Returns 0; -ETIMEDOUT (the device has then been reset and started again), -EIO, -ENODEV, -EINVAL, -ENOSPC (the
 * ring is full of others' requests), -EBUSY (another call on this device has not returned).
 * After an error @buf's contents are undefined. Thread context.
 */
int __must_check virtio_rng_read(struct virtio_rng *rng, void *buf, size_t len,
				 uint64_t timeout_ns);

#endif
