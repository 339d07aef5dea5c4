/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VIRTIO_F_IN_ORDER (VIRTIO 1.4, 2.7.12, 2.8.9): the device uses buffers in the order in which they
 * were offered, and may return a batch by naming only its last buffer. So the record keeps the
 * order of what is in flight, and hands the buffers of a batch out one by one; those that were not
 * named count as written completely.
 */
#ifndef VIRTIO_VRING_ORDER_H
#define VIRTIO_VRING_ORDER_H

#include "virtio/vring.h"

static inline unsigned int vring_order_step(const struct vring_virtqueue *vvq, unsigned int at)
{
	return at + 1 == vvq->num ? 0 : at + 1;
}

/* Notes that the buffer @i was offered; there is room for one of each state. */
static inline void vring_order_push(struct vring_virtqueue *vvq, uint16_t i)
{
	vvq->order[vvq->order_next] = i;
	vvq->order_next = vring_order_step(vvq, vvq->order_next);
}

/* A batch of used buffers, counted in buffers and in descriptors of the ring. */
struct vring_batch {
	unsigned int buffers, descs;
};

/* Opens the batch that ends with @last, which is in flight; the device wrote @len bytes to it. */
static inline struct vring_batch vring_order_batch(struct vring_virtqueue *vvq, int last,
						   uint32_t len)
{
	struct vring_batch batch = {0, 0};
	unsigned int at = vvq->order_first;
	int i;

	do { /* ends at the latest at in_flight: @last is among them */
		i = vvq->order[at];
		at = vring_order_step(vvq, at);
		batch.buffers++;
		batch.descs += vring_descs(vvq, (unsigned int)i);
	} while (i != last && batch.buffers < vring_in_flight(vvq));
	vvq->batch_last = last;
	vvq->batch_len = len;
	return batch;
}

/* The next buffer of the open batch, and the bytes written to it. */
static inline int vring_order_pop(struct vring_virtqueue *vvq, uint32_t *len)
{
	int i = vvq->order[vvq->order_first];

	vvq->order_first = vring_order_step(vvq, vvq->order_first);
	*len = vvq->state[i].in_len;
	if (i == vvq->batch_last) {
		*len = vvq->batch_len;
		vvq->batch_last = -1;
	}
	return i;
}

#endif
