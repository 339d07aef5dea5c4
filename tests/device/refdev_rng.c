/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An entropy device (VIRTIO 1.4, 5.4) whose bytes can be foretold, so that a test sees whether
 * each of them arrived where it should.
 */
#include <stdlib.h>
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"

struct refdev_rng *refdev_rng(struct refdev *dev)
{
	return dev->priv;
}

static void process(struct refdev *dev, struct refdev_queue *q)
{
	struct refdev_rng *rng = dev->priv;
	static struct refdev_chain c;

	while (refdev_pop(q, &c)) {
		uint64_t i, n = c.writable;

		if (c.readable)
			violation("rng: a readable buffer (5.4.6.1#1)");
		if (rng->max_bytes)
			n = MIN(n, rng->max_bytes);
		if (rng->zero_bytes)
			n = 0;
		for (i = 0; i < n; i++) {
			/* The n-th byte given is n modulo 251. */
			uint8_t byte = (uint8_t)(rng->given++ % 251);

			refdev_write(&c, i, &byte, 1);
		}
		refdev_push(q, &c, (uint32_t)n);
	}
	refdev_interrupt(q);
}

static void destroy(struct refdev *dev)
{
	free(dev->priv);
}

static const struct refdev_type type = {
	.id = 4,
	.process = process,
	.free = destroy,
};

struct refdev *refdev_rng_new(uint32_t version)
{
	struct refdev *dev = refdev_new(&type, version, 1, 8);

	dev->priv = calloc(1, sizeof(struct refdev_rng));
	return dev;
}
