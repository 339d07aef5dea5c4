/* SPDX-License-Identifier: BSD-2-Clause */
/* The command of entropy devices: random bytes in hex. */
#include <errno.h>
#include <stdio.h>
#include "apps/shell/commands.h"
#include "drivers/virtio/virtio_rng.h"
#include "lib/pages.h"

#define RNG_MAX	       4096u
#define BYTES_PER_LINE 32u
#define TIMEOUT_NS     (10 * NSEC_PER_SEC)

static struct virtio_rng *find_rng(struct shell *sh, const char *number)
{
	int n = command_device(sh, VIRTIO_ID_RNG, number);

	return n < 0 ? NULL : virtio_rng_find(app_bus, (unsigned int)n);
}

static void print_hex(struct shell *sh, const uint8_t *bytes, size_t len)
{
	char line[2 * BYTES_PER_LINE + 1];

	for (size_t at = 0; at < len; at += BYTES_PER_LINE) {
		size_t now = MIN(len - at, (size_t)BYTES_PER_LINE);

		for (size_t i = 0; i < now; i++)
			(void)snprintf(line + 2 * i, 3, "%02x", bytes[at + i]);
		sh_printf(sh, "%s\n", line);
	}
}

static int rng(struct shell *sh, int argc, char **argv)
{
	struct virtio_rng *device = find_rng(sh, argv[1]);
	uint64_t len;
	uint8_t *bytes;
	int err;

	(void)argc;
	if (!device)
		return -ENODEV;
	err = sh_number(sh, "count", argv[2], RNG_MAX, &len);
	if (err)
		return err;
	if (len == 0)
		return sh_error(sh, -EINVAL, "count is 0");
	bytes = alloc_pages_exact(RNG_MAX); /* a device must not write to a stack */
	if (!bytes)
		return sh_error(sh, -ENOMEM, "out of memory");
	err = virtio_rng_read(device, bytes, (size_t)len, TIMEOUT_NS);
	if (err)
		(void)sh_error(sh, err, "%s", sh_strerror(err));
	else
		print_hex(sh, bytes, (size_t)len);
	free_pages_exact(bytes, RNG_MAX);
	return err;
}

const struct command rng_commands[] = {
	{"rng", "N BYTES", "random bytes in hex", 2, 2, rng},
	{NULL, NULL, NULL, 0, 0, NULL},
};
