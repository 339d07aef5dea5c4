/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card on a wire of memory (VIRTIO 1.4, 5.1). It offers no offload, so that every
 * header field that the driver writes must be zero, and each frame takes one receive buffer.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"

enum { RECEIVEQ, TRANSMITQ };

static const struct refdev_field fields[] = {
	{0, 1, REF_NET_F_MAC, REF_CONFIG_RO},	 {1, 1, REF_NET_F_MAC, REF_CONFIG_RO},
	{2, 1, REF_NET_F_MAC, REF_CONFIG_RO},	 {3, 1, REF_NET_F_MAC, REF_CONFIG_RO},
	{4, 1, REF_NET_F_MAC, REF_CONFIG_RO},	 {5, 1, REF_NET_F_MAC, REF_CONFIG_RO},
	{6, 2, REF_NET_F_STATUS, REF_CONFIG_RO}, {10, 2, REF_NET_F_MTU, REF_CONFIG_RO},
};

struct refdev_net *refdev_net(struct refdev *dev)
{
	return dev->priv;
}

/* 5.1.9: num_buffers is there unless legacy (nothing here offers MRG_RXBUF). */
static unsigned int header_len(const struct refdev *dev)
{
	return dev->version >= 2 ? 12 : 10;
}

static void take_frame(struct refdev *dev, const struct refdev_chain *c)
{
	struct refdev_net *net = dev->priv;
	static const uint8_t zero[12];
	uint8_t header[12] = {0};
	unsigned int hlen = header_len(dev), slot = net->sent % REF_NET_FRAMES;
	uint64_t len = c->readable - hlen;

	if (c->writable)
		violation("net: a writable buffer in the transmit queue");
	if (c->readable < hlen + 14 || len > REF_NET_BYTES) {
		violation("net: a transmit buffer of %llu bytes", (unsigned long long)c->readable);
		return;
	}
	refdev_read(c, 0, header, hlen);
	if (memcmp(header, zero, hlen))
		violation("net: a header that is not zero (5.1.9.2.1)");
	if (refdev_negotiated(dev, REF_NET_F_MTU) &&
	    len > 14u + (dev->config[10] | dev->config[11] << 8))
		violation("net: a frame over the MTU (5.1.4.2#8)");
	refdev_read(c, hlen, net->frames[slot], len);
	net->lengths[slot] = (unsigned int)len;
	net->sent++;
}

static void process(struct refdev *dev, struct refdev_queue *q)
{
	static struct refdev_chain c;

	if (q->index != TRANSMITQ)
		return; /* receive buffers wait for frames */
	while (refdev_pop(q, &c)) {
		take_frame(dev, &c);
		refdev_push(q, &c, 0);
	}
	refdev_interrupt(q);
}

/* A frame into the next receive buffer, if there is one. */
static bool put_frame(struct refdev *dev, const void *frame, unsigned int len, uint32_t used)
{
	struct refdev_net *net = dev->priv;
	struct refdev_queue *q = &dev->queues[RECEIVEQ];
	static struct refdev_chain c;
	uint8_t header[12] = {0};
	unsigned int hlen = header_len(dev);

	if (!(dev->status & REF_S_DRIVER_OK) || !q->ready || !refdev_pop(q, &c))
		return false;
	if (c.readable)
		violation("net: a readable buffer in the receive queue");
	if (c.writable < hlen + (dev->version >= 2 ? 1514u : 1514u))
		violation("net: a receive buffer of %llu bytes (5.1.9.3.1#2)",
			  (unsigned long long)c.writable);
	if (hlen == 12)
		header[10] = 1; /* 5.1.9.4.1#1 */
	refdev_write(&c, 0, header, hlen);
	refdev_write(&c, hlen, frame, len);
	refdev_push(q, &c, used);
	net->delivered++;
	return true;
}

bool refdev_net_deliver_raw(struct refdev *dev, const void *frame, unsigned int len, uint32_t used)
{
	if (!put_frame(dev, frame, len, used))
		return false;
	refdev_interrupt(&dev->queues[RECEIVEQ]);
	return true;
}

unsigned int refdev_net_deliver_many(struct refdev *dev, const void *frame, unsigned int len,
				     unsigned int n)
{
	unsigned int done = 0;

	while (done < n && put_frame(dev, frame, len, len + header_len(dev)))
		done++;
	if (done)
		refdev_interrupt(&dev->queues[RECEIVEQ]);
	return done;
}

bool refdev_net_deliver(struct refdev *dev, const void *frame, unsigned int len)
{
	return refdev_net_deliver_raw(dev, frame, len, len + header_len(dev));
}

void refdev_net_set_link(struct refdev *dev, bool up)
{
	uint8_t status[2] = {up, 0};

	refdev_config_change(dev, 6, status, sizeof(status));
}

static void destroy(struct refdev *dev)
{
	free(dev->priv);
}

static const struct refdev_type type = {
	.id = 1,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = process,
	.free = destroy,
};

struct refdev *refdev_net_new(uint32_t version, uint64_t features)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
	struct refdev *dev = refdev_new(&type, version, 2, 64);

	dev->priv = calloc(1, sizeof(struct refdev_net));
	dev->offered |= features;
	dev->config_len = 12;
	memcpy(dev->config, mac, sizeof(mac));
	refdev_set_config(dev, 6, 1, 2);
	refdev_set_config(dev, 10, 1500, 2);
	refdev_net(dev)->header_len = header_len(dev);
	return dev;
}
