/* SPDX-License-Identifier: BSD-2-Clause */
/* bench con: writes to a console, one after the other, each until the device has taken its last byte. */
#include "apps/bench/bench.h"
#include "drivers/virtio/virtio_console.h"

#define TIMEOUT_NS (60 * NSEC_PER_SEC) /* of one write */

static int write_once(void *con, void *buf, size_t bytes)
{
	return virtio_console_write(con, buf, bytes, TIMEOUT_NS);
}

int bench_con(struct shell *sh, int argc, char **argv)
{
	struct bench_option options[] = {
		{"n", 1000, 1, UINT32_MAX, NULL},
		{"wait", 0, 0, 0, bench_waits},
		{0},
	};
	int number = bench_device(sh, VIRTIO_ID_CONSOLE, options, 3, argc, argv);
	struct virtio_console *con;
	int err;

	if (number < 0)
		return number;
	con = virtio_console_find((unsigned int)number);
	virtio_console_set_polled(con, options[1].value == BENCH_WAIT_POLL);
	err = bench_loop(sh, &(struct bench_loop){virtio_console_device(con), write_once, con},
			 options[0].value, argc, argv);
	virtio_console_set_polled(con, false);
	return err;
}
