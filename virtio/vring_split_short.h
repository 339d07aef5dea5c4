/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short ways through the split ring: what happens to nearly every buffer, inlined into the API
 * (virtqueue.c) so that it is straight-line code. They are taken where vvq->way says so. Whatever is
 * not as usual they hand, unchanged, to the long ways (vring_*_long()), which know what to do or what
 * to say. vring_split.c has those, and shares the helpers here.
 */
#ifndef VIRTIO_VRING_SPLIT_SHORT_H
#define VIRTIO_VRING_SPLIT_SHORT_H

#include <arch/barrier.h>
#include "virtio/vring.h"

static inline void split_write_desc(const struct vring_virtqueue *vvq, struct vring_desc *desc,
				    dma_addr_t addr, uint32_t len, unsigned int flags,
				    uint16_t next)
{
	desc->addr = vring64(vvq, addr);
	desc->len = vring32(vvq, len);
	desc->flags = vring16(vvq, (uint16_t)flags);
	desc->next = vring16(vvq, next);
}

/* Enters the chain that starts at first_free into the record and the ring. */
static inline void split_commit(struct vring_virtqueue *vvq, struct vring_desc_state *state,
				unsigned int descs, uint16_t last, void *data, void *ctx)
{
	struct vring_split *s = &vvq->split;
	uint16_t head = s->first_free;

	state->data = data;
	state->ctx = ctx;
	state->descs = (uint16_t)descs;
	state->last = last;
	s->first_free = s->next[last];
	vvq->vq.num_free -= descs;
	vvq->vq.stats.added++;

	/* The device looks at this entry only once avail->idx has passed it: at the next kick. */
	s->avail->ring[s->avail_idx & s->mask] = vring16(vvq, head);
	s->avail_idx++;
}

static __always_inline int add_one_split(struct vring_virtqueue *vvq, struct scatterlist *sg,
					 const bool in, void *data, void *ctx)
{
	struct vring_split *s = &vvq->split;
	uint16_t head = s->first_free;
	struct vring_desc_state *state = &vvq->state[head];
	uint32_t len = sg->length;

	if (unlikely(!data || !len || !sg->addr || !sg->last || !vvq->vq.num_free))
		return vring_add_one_long(vvq, sg, in, data, ctx);
	split_write_desc(vvq, &s->desc[head], (uintptr_t)sg->addr, len, in ? VRING_DESC_F_WRITE : 0,
			 0);
	state->in_len = in ? len : 0;
	split_commit(vvq, state, 1, head, data, ctx);
	return 0;
}

/* Takes the buffer at @head out of the record: frees its descriptors and its table. */
static inline void split_forget(struct vring_virtqueue *vvq, struct vring_desc_state *state)
{
	if (state->table) {
		vring_table_put(vvq, state->table);
		state->table = NULL;
	}
	vvq->vq.num_free += state->descs;
	state->data = NULL;
}

static inline void split_free_chain(struct vring_split *s, uint16_t head, uint16_t last)
{
	s->next[last] = s->first_free;
	s->first_free = head;
}

static __always_inline void *get_short_split(struct vring_virtqueue *vvq, unsigned int *len,
					     void **ctx)
{
	struct vring_split *s = &vvq->split;
	struct vring_used_elem *elem = &s->used->ring[s->last_used & s->mask];
	struct vring_desc_state *state;
	uint32_t id, written;
	void *data;

	if (s->last_used == s->device_used) {
		uint16_t idx = vring16(vvq, READ_ONCE(s->used->idx));

		if (idx == s->last_used)
			return NULL;
		if (unlikely((uint16_t)(idx - s->last_used) > vring_in_flight(vvq)))
			return vring_get_long(vvq, len, ctx);
		dma_rmb(); /* as in refresh_used() */
		s->device_used = idx;
	}
	id = vring32(vvq, READ_ONCE(elem->id));
	written = vring32(vvq, READ_ONCE(elem->len));
	if (unlikely(id > s->mask))
		return vring_get_long(vvq, len, ctx);
	state = &vvq->state[id];
	data = state->data;
	if (unlikely(!data || written > state->in_len))
		return vring_get_long(vvq, len, ctx);
	s->last_used++;
	*len = written;
	if (ctx)
		*ctx = state->ctx;
	split_free_chain(s, (uint16_t)id, state->last);
	split_forget(vvq, state);
	vvq->vq.stats.used++;
	if (vvq->rearm)
		vring_rearm_split(vvq);
	return data;
}

#endif
