/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench con: writes to a console, one after the other, each until the device has taken its last byte; or with
 * dir=rx reads from it, each until all its bytes have come.
 */
#include "apps/bench/bench.h"
#include "drivers/virtio/virtio_console.h"

#define TIMEOUT_NS (60 * NSEC_PER_SEC) /* of one write */
#define SILENCE_NS (5 * NSEC_PER_SEC)  /* without any input a job is over */

static int write_once(void *con, void *buf, size_t bytes)
{
	return virtio_console_write(con, buf, bytes, TIMEOUT_NS);
}

static int read_once(void *con, void *buf, size_t bytes)
{
	int got = 0;

	for (size_t done = 0; done < bytes && got >= 0; done += (size_t)MAX(got, 0))
		got = virtio_console_read(con, (char *)buf + done, bytes - done, SILENCE_NS);
	return MIN(got, 0);
}

int bench_con(struct shell *sh, int argc, char **argv)
{
	static const char *const dirs[] = {"tx", "rx", NULL};
	struct bench_option options[] = {
		{"n", 1000, 1, UINT32_MAX, NULL},
		{"wait", 0, 0, 0, bench_waits},
		{"dir", 0, 0, 0, dirs},
		{0},
	};
	int number = bench_device(sh, VIRTIO_ID_CONSOLE, options, 3, argc, argv);
	struct virtio_console *con;
	struct bench_loop loop;
	int err;

	if (number < 0)
		return number;
	con = virtio_console_find(app_bus, (unsigned int)number);
	virtio_console_set_polled(con, options[1].value == BENCH_WAIT_POLL);
	loop = (struct bench_loop){virtio_console_device(con),
				   options[2].value ? read_once : write_once, con};
	err = bench_loop(sh, &loop, options[0].value, argc, argv);
	virtio_console_set_polled(con, false);
	return err;
}
