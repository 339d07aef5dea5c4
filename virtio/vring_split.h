/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring's pieces that its long ways (vring_split.c) and its short ones
 * (vring_split_short.c) share.
 */
#ifndef VIRTIO_VRING_SPLIT_H
#define VIRTIO_VRING_SPLIT_H

#include <arch/barrier.h>
#include "virtio/vring.h"

/* The link of the last free descriptor: there is no other. */
#define SPLIT_NO_DESC UINT16_MAX

static inline void split_write_desc(const struct vring_virtqueue *vvq, struct vring_desc *desc,
				    dma_addr_t addr, uint32_t len, unsigned int flags,
				    unsigned int next)
{
	desc->addr = vring64(vvq, addr);
	desc->len = vring32(vvq, len);
	desc->flags = vring16(vvq, (uint16_t)flags);
	desc->next = vring16(vvq, (uint16_t)next);
}

/* Enters the chain from first_free to @last, after which @rest is free, into the record and the ring. */
static __always_inline void split_commit(struct vring_virtqueue *vvq,
					 struct vring_desc_state *state, unsigned int descs,
					 unsigned int last, unsigned int rest, void *data,
					 void *ctx)
{
	struct vring_split *s = &vvq->split;
	unsigned int head = s->first_free;

	state->data = data;
	state->ctx = ctx;
	state->split.descs = (uint16_t)descs;
	state->split.last = (uint16_t)last;
	s->first_free = rest;
	vvq->vq.num_free -= descs;

	/* The device looks at this entry only once avail->idx has passed it: at the next kick. */
	s->avail->ring[vvq->added & s->mask] = vring16(vvq, (uint16_t)head);
	barrier(); /* so that the counter is not kept in a register for this */
	vvq->added++;
}

static __always_inline void split_add_prepared(struct vring_virtqueue *vvq,
					       const struct virtqueue_prepared *p, void *data)
{
	struct vring_split *s = &vvq->split;
	unsigned int head = s->first_free;
	struct vring_desc_state *state = &vvq->state[head];

	split_write_desc(vvq, &s->desc[head], (uintptr_t)p->desc, p->bytes, VRING_DESC_F_INDIRECT,
			 0);
	state->table = NULL;
	state->in_len = p->in_len;
	split_commit(vvq, state, 1, head, s->next[head], data, NULL);
}

/* Lets the device see what was added. Returns whether it wants to be notified. */
static __always_inline bool split_publish(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	uint16_t old = (uint16_t)s->published, now = (uint16_t)vvq->added, event;

	if (vvq->added == s->published)
		return false;
	s->published = vvq->added;

	/* Descriptors and ring entries before the index that makes them visible (2.7.13.3.1). */
	dma_wmb();
	WRITE_ONCE(s->avail->idx, vring16(vvq, now));

	/*
	 * The index before our look at what the device asks for (2.7.13.4.1). The device does the
	 * reverse: it asks for a notification, then looks at the index again. Without a full
	 * barrier on both sides each could miss the other, and the queue would sleep for ever.
	 */
	dma_mb();
	if (!vvq->event_idx)
		return !(vring16(vvq, READ_ONCE(s->used->flags)) & VRING_USED_F_NO_NOTIFY);
	event = vring16(vvq, READ_ONCE(*s->avail_event));
	/* Mostly the device waits for the very next buffer. */
	return likely(event == old) || vring_need_event(event, now, old);
}

/* Buffers that the device knows of and that were not taken back. */
static inline unsigned int split_outstanding(const struct vring_virtqueue *vvq)
{
	return (unsigned int)(vvq->split.published - vvq->used);
}

static inline void split_free_chain(struct vring_split *s, unsigned int head, unsigned int last)
{
	s->next[last] = (uint16_t)s->first_free;
	s->first_free = head;
}

/* Takes the buffer of @state, whose table if any is back, out of the record. Returns the number of
 * descriptors that are free now, for num_free. */
static __always_inline unsigned int split_forget(struct vring_desc_state *state)
{
	state->data = NULL;
	return state->split.descs;
}

/* Asks for an interrupt when the device's index passes @event. */
static __always_inline void split_enable_at(struct vring_virtqueue *vvq, uint16_t event)
{
	struct vring_split *s = &vvq->split;

	if (vvq->event_idx)
		WRITE_ONCE(*s->used_event, vring16(vvq, event));
	else
		WRITE_ONCE(s->avail->flags, 0);
}

/* Asks for no interrupts. */
static __always_inline void split_disable(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;

	/* With event index the flag must stay 0 (2.7.7.1): ask for an index that was just passed
	 * instead, which comes round again only after 65535 buffers. */
	if (vvq->event_idx)
		WRITE_ONCE(*s->used_event, vring16(vvq, (uint16_t)(vvq->used - 1)));
	else
		WRITE_ONCE(s->avail->flags, vring16(vvq, VRING_AVAIL_F_NO_INTERRUPT));
}

#endif
