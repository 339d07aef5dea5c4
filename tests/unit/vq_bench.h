/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One queue with its driver's side in the hands of the test, and its device's side in those of
 * the reference device, of which the test says when it takes a buffer and when it returns one. The
 * device sees memory through a DMA address space of its own.
 */
#ifndef TESTS_UNIT_VQ_BENCH_H
#define TESTS_UNIT_VQ_BENCH_H

#include "tests/unit/test.h"
#include "tests/device/refdev.h"
#include "virtio/virtio.h"
#include "virtio/virtqueue.h"

#define EVENT_IDX BIT_ULL(VIRTIO_F_EVENT_IDX)
#define INDIRECT  BIT_ULL(VIRTIO_F_INDIRECT_DESC)

#define PACKED	 BIT_ULL(VIRTIO_F_RING_PACKED)
#define IN_ORDER BIT_ULL(VIRTIO_F_IN_ORDER)
#define RESET	 BIT_ULL(VIRTIO_F_RING_RESET)

static struct bench {
	struct virtio_device vdev;
	struct refdev *dev;
	struct refdev_queue *q;
	struct virtqueue *vq;
	unsigned int notified, callbacks;
} b;

static struct refdev_chain chain; /* large */

static inline bool bench_notify(struct virtqueue *vq)
{
	assert_ptr_equal(vq, b.vq);
	assert_ptr_equal(refdev_notify(b.dev, vring_notification_data(vq)), b.q);
	b.notified++;
	return true;
}

static inline void bench_callback(struct virtqueue *vq)
{
	assert_ptr_equal(vq, b.vq);
	b.callbacks++;
}

static inline bool bench_try(unsigned int num, uint64_t features, bool legacy, bool reduce)
{
	memset(&b, 0, sizeof(b));
	list_init(&b.vdev.vqs);
	strcpy(b.vdev.dev.name, "bench");
	b.vdev.dev.dma_ops = &dma_test_ops;
	b.vdev.legacy = legacy;
	b.vdev.features = features | (legacy ? 0 : BIT_ULL(VIRTIO_F_VERSION_1));
	b.vq = vring_create_virtqueue(0, num, legacy ? 4096 : 64, &b.vdev, reduce, bench_notify,
				      bench_callback, "queue");
	if (!b.vq)
		return false;
	b.dev = refdev_new(NULL, legacy ? 1 : 2, 1, 32768);
	b.dev->accepted = b.vdev.features;
	b.q = &b.dev->queues[0];
	b.q->size = virtqueue_get_vring_size(b.vq);
	b.q->desc = virtqueue_get_desc_addr(b.vq);
	b.q->driver = virtqueue_get_avail_addr(b.vq);
	b.q->device = virtqueue_get_used_addr(b.vq);
	refdev_queue_enable(b.q);
	return true;
}

static inline void bench_make(unsigned int num, uint64_t features)
{
	assert_true(bench_try(num, features, false, false));
	assert_int_equal(virtqueue_get_vring_size(b.vq), num);
}

static inline void bench_end(void)
{
	if (b.vq) {
		while (virtqueue_detach_unused_buf(b.vq))
			;
		refdev_queue_disable(b.q);
		vring_del_virtqueue(b.vq);
		assert_true(list_empty(&b.vdev.vqs));
	}
	refdev_free(b.dev);
}

static inline int add_out(void *buf, uint32_t len, void *token)
{
	struct scatterlist sg;

	sg_init_one(&sg, buf, len);
	return virtqueue_add_outbuf(b.vq, &sg, 1, token, GFP_ATOMIC);
}

static inline int add_in(void *buf, uint32_t len, void *token)
{
	struct scatterlist sg;

	sg_init_one(&sg, buf, len);
	return virtqueue_add_inbuf(b.vq, &sg, 1, token, GFP_ATOMIC);
}

/* @out readable and @in writable pieces of @bytes each, of @buf. */
static inline int add_pieces(char *buf, uint32_t bytes, unsigned int out, unsigned int in,
			     void *token)
{
	struct scatterlist sg[64], *sgs[2];
	unsigned int i, lists = 0;

	assert_true(out + in <= ARRAY_SIZE(sg));
	sg_init_table(sg, out + in);
	for (i = 0; i < out + in; i++)
		sg_set_buf(&sg[i], buf + (size_t)i * bytes, bytes);
	if (out) {
		sg_mark_end(&sg[out - 1]);
		sgs[lists++] = sg;
	}
	if (in)
		sgs[lists++] = sg + out;
	return virtqueue_add_sgs(b.vq, sgs, out ? 1 : 0, in ? 1 : 0, token, GFP_ATOMIC);
}

/* The device takes the next buffer and returns it with @len. */
static inline void device_serve(uint32_t len)
{
	assert_true(refdev_pop(b.q, &chain));
	refdev_push(b.q, &chain, len);
}

/* One buffer there and back, so that all indexes move on by one. */
static inline void turn(void)
{
	static char byte[4];
	unsigned int len;

	assert_int_equal(add_out(byte, sizeof(byte), byte), 0);
	virtqueue_kick(b.vq);
	device_serve(0);
	(void)b.q->ops->wants_interrupt(b.q);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), byte);
}

static inline bool device_interrupts(void)
{
	return b.q->ops->wants_interrupt(b.q);
}

#endif
