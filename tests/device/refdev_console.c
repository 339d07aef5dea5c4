/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console (VIRTIO 1.4, 5.3), port 0 only: what the driver sends is kept, and what a test types
 * goes into the receive buffers that the driver has offered.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"

enum { RECEIVEQ, TRANSMITQ };

static const struct refdev_field fields[] = {
	{0, 2, REF_CONSOLE_F_SIZE, REF_CONFIG_RO},
	{2, 2, REF_CONSOLE_F_SIZE, REF_CONFIG_RO},
	{8, 4, REF_CONSOLE_F_EMERG_WRITE, REF_CONFIG_WO_EARLY},
};

struct refdev_console *refdev_console(struct refdev *dev)
{
	return dev->priv;
}

static void process(struct refdev *dev, struct refdev_queue *q)
{
	struct refdev_console *con = dev->priv;
	static struct refdev_chain c;

	if (q->index != TRANSMITQ)
		return;
	while (refdev_pop(q, &c)) {
		size_t room = sizeof(con->output) - con->output_len;

		if (c.writable)
			violation("console: a writable buffer in the transmitq (5.3.6.1#2)");
		con->output_len += refdev_read(&c, 0, con->output + con->output_len,
					       MIN(room, (size_t)c.readable));
		refdev_push(q, &c, 0);
	}
	refdev_interrupt(q);
}

size_t refdev_console_input(struct refdev *dev, const char *text, size_t len)
{
	struct refdev_queue *q = &dev->queues[RECEIVEQ];
	static struct refdev_chain c;
	size_t done = 0;

	while (done < len && (dev->status & REF_S_DRIVER_OK) && q->ready && refdev_pop(q, &c)) {
		size_t n = MIN(len - done, (size_t)c.writable);

		if (c.readable)
			violation("console: a readable buffer in the receiveq (5.3.6.1#1)");
		done += refdev_write(&c, 0, text + done, n);
		refdev_push(q, &c, (uint32_t)n);
	}
	if (done)
		refdev_interrupt(q);
	return done;
}

void refdev_console_resize(struct refdev *dev, uint16_t cols, uint16_t rows)
{
	uint8_t size[4] = {(uint8_t)cols, (uint8_t)(cols >> 8), (uint8_t)rows,
			   (uint8_t)(rows >> 8)};

	refdev_config_change(dev, 0, size, sizeof(size));
}

/* 5.3.5.1#2: the lower byte goes to an appropriate place. */
static void config_written(struct refdev *dev, unsigned int offset)
{
	struct refdev_console *con = dev->priv;

	if (offset == 8 && con->emergency_len < sizeof(con->emergency))
		con->emergency[con->emergency_len++] = (char)dev->config[8];
}

static void destroy(struct refdev *dev)
{
	free(dev->priv);
}

static const struct refdev_type type = {
	.id = 3,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = process,
	.config_written = config_written,
	.free = destroy,
};

struct refdev *refdev_console_new(uint32_t version, uint64_t features)
{
	struct refdev *dev = refdev_new(&type, version, 2, 64);

	dev->priv = calloc(1, sizeof(struct refdev_console));
	dev->offered |= features;
	dev->config_len = 12;
	refdev_set_config(dev, 0, 80, 2);
	refdev_set_config(dev, 2, 25, 2);
	return dev;
}
