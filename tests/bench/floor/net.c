/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames. There is one to send, built once, which every descriptor of the transmit ring names, and
 * every entry of the available ring names its own descriptor: sending is counting the index on.
 */
#include <inttypes.h>
#include <string.h>
#include <zlib.h>
#include "drivers/virtio/wire/virtio_net.h"
#include "lib/machine.h"
#include "tests/bench/floor/floor.h"
#include "virtio/wire/virtio.h"

#define TX_SIZE	   1024u
#define RX_SIZE	   128u
#define RX_POSTED  (RX_SIZE / 2)
#define FRAME_MIN  60u
#define FRAME_MAX  1514u
#define RX_BYTES   2048u
#define ETH_HEADER 14u
#define IP_HEADER  20u

static struct {
	struct ring tx, rx;
	uint8_t *frame; /* behind the header of virtio-net */
	uint8_t *buffers;
} net;

/* To all stations: UDP from 10.0.2.15:9 to 10.0.2.2:7. The lengths and the checksum of the IP header
 * are filled in. */
static const uint8_t template[ETH_HEADER + IP_HEADER + 8] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x08, 0x00,
	0x45, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0x0a, 0x00,
	0x02, 0x0f, 0x0a, 0x00, 0x02, 0x02, 0x00, 0x09, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00,
};

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t ip_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < IP_HEADER; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void build_frame(uint32_t bytes)
{
	uint8_t *ip, *payload;

	if (bytes < FRAME_MIN || bytes > FRAME_MAX)
		panic("a frame has %u to %u bytes", FRAME_MIN, FRAME_MAX);
	net.frame = floor_alloc(VIRTIO_NET_HDR_LEN + bytes);
	memcpy(net.frame + VIRTIO_NET_HDR_LEN, template, sizeof(template));
	ip = net.frame + VIRTIO_NET_HDR_LEN + ETH_HEADER;
	put_be16(ip + 2, bytes - ETH_HEADER);
	put_be16(ip + IP_HEADER + 4, bytes - ETH_HEADER - IP_HEADER);
	put_be16(ip + 10, ip_checksum(ip));
	payload = net.frame + VIRTIO_NET_HDR_LEN + sizeof(template);
	for (uint32_t i = 0; i < bytes - sizeof(template); i++)
		payload[i] = (uint8_t)i;
}

/* Entry i of the available ring and descriptor i: @stride bytes apart from @start on. */
static void fill_ring(struct ring *ring, uint8_t *start, uint32_t len, uint32_t stride,
		      unsigned int flags)
{
	for (unsigned int i = 0; i < ring->size; i++) {
		ring->desc[i].addr = cpu_to_le64((uintptr_t)(start + (size_t)i * stride));
		ring->desc[i].len = cpu_to_le32(len);
		ring->desc[i].flags = cpu_to_le16(flags);
		ring->avail->ring[i] = cpu_to_le16(i);
	}
}

static void setup_tx(struct device *dev, const struct job *job)
{
	ring_setup(&net.tx, dev, VIRTIO_NET_VQ_TX, TX_SIZE);
	build_frame(job->bytes);
	fill_ring(&net.tx, net.frame, VIRTIO_NET_HDR_LEN + job->bytes, 0, 0);
}

/* Until the device has used all entries before @idx; sleeps only where it has not yet. Said too late,
 * the wish for an interrupt is not heard, hence the second look. */
static __always_inline void reclaim(const struct ring *ring, uint16_t idx, enum wait how)
{
	if (how != WAIT_POLL) {
		if (likely(ring_has_used(ring, idx)))
			return;
		ring_ask_interrupt(ring, (uint16_t)(idx - 1));
		dma_mb();
		if (ring_has_used(ring, idx))
			return;
	}
	ring_wait(ring, idx, how);
}

/* The ring is kept filled, so that there is something to do for the device meanwhile: by polling to
 * the last entry. Who sleeps sleeps until half of it is free. */
static __always_inline void send_batches(unsigned int batches, unsigned int depth, enum wait how)
{
	const struct ring ring = net.tx;
	const unsigned int room = how == WAIT_POLL ? depth : ring.size / 2;
	const uint16_t full = (uint16_t)(ring.size - depth);
	uint16_t idx = 0, free_at = 0; /* the ring has room up to full after free_at */

	while (batches--) {
		idx += (uint16_t)depth;
		ring_publish(&ring, idx);
		ring_notify(&ring);
		if ((uint16_t)(idx - free_at) > full) {
			free_at = (uint16_t)(idx - (ring.size - room));
			reclaim(&ring, free_at, how);
		}
	}
	reclaim(&ring, idx, how);
}

static __noinline void send_all(unsigned int batches, unsigned int depth, enum wait how)
{
	floor_specialise(how, send_batches, batches, depth);
}

void net_run_tx(const struct job *job)
{
	unsigned int batches;
	struct device dev;

	if (job->depth > TX_SIZE / 2)
		panic("%s: a batch has up to %u frames", job->text, TX_SIZE / 2);
	device_find(&dev, VIRTIO_ID_NET, job->device);
	device_start(&dev, floor_features(job));
	setup_tx(&dev, job);
	device_enable_irq(&dev, &net.tx, job);
	device_ready(&dev);
	batches = (unsigned int)(job->count / job->depth);
	floor_begin(job);
	send_all(batches, job->depth, job->wait);
	floor_end();
	floor_report(job, "used_idx=%u", net.tx.used->idx);
	device_stop(&dev, &net.tx);
}

/* The ring of received frames always holds RX_POSTED buffers: it needs no notification after the
 * first. What came back says that what was sent has been sent. */
static __always_inline void round_trips(unsigned int count, enum wait how)
{
	const struct ring tx = net.tx, rx = net.rx;
	uint16_t idx = 0;

	while (count--) {
		idx++;
		ring_publish(&tx, idx);
		ring_notify(&tx);
		ring_wait(&rx, idx, how);
		ring_publish(&rx, (uint16_t)(idx + RX_POSTED));
	}
}

static __noinline void all_round_trips(unsigned int count, enum wait how)
{
	floor_specialise(how, round_trips, count);
}

static void report_round_trips(const struct job *job)
{
	uint16_t idx = net.rx.used->idx;
	uint32_t last, len;
	const uint8_t *frame;

	dma_rmb();
	last = (uint16_t)(idx - 1) % RX_SIZE;
	frame = net.buffers + le32_to_cpu(net.rx.used->ring[last].id) % RX_SIZE * RX_BYTES;
	len = MIN(le32_to_cpu(net.rx.used->ring[last].len), RX_BYTES);
	len -= MIN(len, VIRTIO_NET_HDR_LEN);
	floor_report(job, "used_idx=%u len=%u sum=%08" PRIx32, idx, (unsigned int)len,
		     (uint32_t)crc32(crc32(0, NULL, 0), frame + VIRTIO_NET_HDR_LEN, len));
}

void net_run_rtt(const struct job *job)
{
	struct device dev;

	device_find(&dev, VIRTIO_ID_NET, job->device);
	device_start(&dev, 0);
	setup_tx(&dev, job);
	net.tx.avail->flags = cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
	ring_setup(&net.rx, &dev, VIRTIO_NET_VQ_RX, RX_SIZE);
	net.buffers = floor_alloc(RX_SIZE * RX_BYTES);
	fill_ring(&net.rx, net.buffers, RX_BYTES, RX_BYTES, VRING_DESC_F_WRITE);
	device_enable_irq(&dev, &net.rx, job);
	device_ready(&dev);
	ring_publish(&net.rx, RX_POSTED);
	ring_notify(&net.rx);
	floor_begin(job);
	all_round_trips((unsigned int)job->count, job->wait);
	floor_end();
	report_round_trips(job);
	device_stop(&dev, &net.rx);
}
