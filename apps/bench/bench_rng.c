/* SPDX-License-Identifier: BSD-2-Clause */
/* bench rng: reads of entropy, one after the other. */
#include <errno.h>
#include "apps/bench/bench.h"
#include "drivers/virtio/virtio_rng.h"
#include "lib/pages.h"

#define BYTES_MAX  65536u
#define TIMEOUT_NS (60 * NSEC_PER_SEC) /* of one read */

static int measure(struct shell *sh, struct virtio_rng *rng, size_t bytes, uint64_t n, int argc,
		   char **argv)
{
	uint8_t *buf = alloc_pages_exact(bytes);
	struct bench bench;
	int err = 0;

	if (!buf)
		return sh_error(sh, -ENOMEM, "%s", sh_strerror(-ENOMEM));
	bench_begin(&bench, sh, virtio_rng_device(rng));
	for (uint64_t i = 0; i < n && !err; i++)
		err = virtio_rng_read(rng, buf, bytes, TIMEOUT_NS);
	if (!err)
		bench_end(&bench, n, argc, argv);
	free_pages_exact(buf, bytes);
	return err ? sh_error(sh, err, "%s", sh_strerror(err)) : 0;
}

int bench_rng(struct shell *sh, int argc, char **argv)
{
	struct bench_option options[] = {{"n", 100, 1, UINT32_MAX, NULL}, {0}};
	int number = command_device(sh, VIRTIO_ID_RNG, argv[1]);
	uint64_t bytes;
	int err;

	if (number < 0)
		return number;
	err = sh_number(sh, "bytes", argv[2], BYTES_MAX, &bytes);
	if (!err)
		err = bench_options(sh, options, 3, argc, argv);
	if (err)
		return err;
	if (bytes == 0)
		return sh_error(sh, -EINVAL, "bytes is 0");
	return measure(sh, virtio_rng_find((unsigned int)number), (size_t)bytes, options[0].value,
		       argc, argv);
}
