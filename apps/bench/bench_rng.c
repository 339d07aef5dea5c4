/* SPDX-License-Identifier: BSD-2-Clause */
/* bench rng: reads of entropy, one after the other. */
#include "apps/bench/bench.h"
#include "drivers/virtio/virtio_rng.h"

#define TIMEOUT_NS (60 * NSEC_PER_SEC) /* of one read */

static int read_once(void *rng, void *buf, size_t bytes)
{
	return virtio_rng_read(rng, buf, bytes, TIMEOUT_NS);
}

int bench_rng(struct shell *sh, int argc, char **argv)
{
	struct bench_option options[] = {{"n", 100, 1, UINT32_MAX, NULL}, {0}};
	int number = bench_device(sh, VIRTIO_ID_RNG, options, 3, argc, argv);
	struct virtio_rng *rng;

	if (number < 0)
		return number;
	rng = virtio_rng_find(app_bus, (unsigned int)number);
	return bench_loop(sh, &(struct bench_loop){virtio_rng_device(rng), read_once, rng},
			  options[0].value, argc, argv);
}
