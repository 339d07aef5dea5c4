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

/* A chain that is being written, into the ring (by its links) or into a table (one after the other). */
struct split_chain {
	struct vring_desc *desc;
	const uint16_t *next; /* NULL: a table */
	uint64_t bytes;
	unsigned int room;
	uint16_t at, last;
};

/* Writes the entries of one list. Returns false where one is not as it should be, or does not fit. */
static __always_inline bool split_write_list(const struct vring_virtqueue *vvq,
					     struct split_chain *chain,
					     const struct scatterlist *sg, unsigned int flags)
{
	for (;; sg++) {
		if (unlikely(!sg->length || !sg->addr || !chain->room))
			return false;
		chain->room--;
		chain->last = chain->at;
		chain->at = chain->next ? chain->next[chain->at] : (uint16_t)(chain->at + 1);
		split_write_desc(vvq, &chain->desc[chain->last], (uintptr_t)sg->addr, sg->length,
				 flags | VRING_DESC_F_NEXT, chain->at);
		chain->bytes += sg->length;
		if (sg->last)
			return true;
	}
}

/* Writes all lists and ends the chain. What is not committed after that was never there. */
static __always_inline bool split_write_lists(const struct vring_virtqueue *vvq,
					      struct split_chain *chain, struct scatterlist *sgs[],
					      unsigned int out_sgs, unsigned int in_sgs,
					      uint32_t *in_len)
{
	uint64_t out_bytes;

	for (; out_sgs; out_sgs--)
		if (!split_write_list(vvq, chain, *sgs++, 0))
			return false;
	out_bytes = chain->bytes;
	for (unsigned int i = 0; i < in_sgs; i++)
		if (!split_write_list(vvq, chain, *sgs++, VRING_DESC_F_WRITE))
			return false;
	*in_len = (uint32_t)(chain->bytes - out_bytes);
	chain->desc[chain->last].flags = vring16(vvq, in_sgs ? VRING_DESC_F_WRITE : 0);
	return chain->bytes - 1 < UINT32_MAX; /* neither empty nor too long */
}

/* Into a table, by the short way. */
static inline bool split_add_table_short(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					 unsigned int out_sgs, unsigned int in_sgs, void *data)
{
	struct vring_split *s = &vvq->split;
	struct vring_table *table = vvq->pool.free;
	struct vring_desc_state *state = &vvq->state[s->first_free];
	struct split_chain chain = {table->desc, NULL, 0, MIN(table->capacity, vvq->num), 0, 0};
	uint32_t in_len;

	if (!split_write_lists(vvq, &chain, sgs, out_sgs, in_sgs, &in_len))
		return false;
	vvq->pool.free = table->next;
	chain.desc[chain.last].next = 0;
	table->used = chain.at;
	split_write_desc(vvq, &s->desc[s->first_free], table->addr,
			 chain.at * (uint32_t)sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, 0);
	state->table = table;
	state->in_len = in_len;
	split_commit(vvq, state, 1, s->first_free, data, NULL);
	return true;
}

static __always_inline int add_short_split(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					   unsigned int out_sgs, unsigned int in_sgs, void *data,
					   gfp_t gfp)
{
	struct vring_split *s = &vvq->split;
	uint16_t head = s->first_free;
	struct split_chain chain = {s->desc, s->next, 0, vvq->vq.num_free, head, head};
	uint32_t in_len;

	if (unlikely(!data || !sgs || !chain.room))
		goto long_way;
	/* At least an entry a list; a chain that turns out longer than that goes the long way. */
	if (vring_wants_table(vvq, out_sgs + in_sgs)) {
		if (vvq->pool.free && split_add_table_short(vvq, sgs, out_sgs, in_sgs, data))
			return 0;
		goto long_way;
	}
	if (vvq->indirect)
		chain.room = MIN(chain.room, vvq->vq.direct_max);
	if (!split_write_lists(vvq, &chain, sgs, out_sgs, in_sgs, &in_len))
		goto long_way;
	vvq->state[head].in_len = in_len;
	split_commit(
		vvq, &vvq->state[head],
		(vvq->indirect ? MIN(vvq->vq.num_free, vvq->vq.direct_max) : vvq->vq.num_free) -
			chain.room,
		chain.last, data, NULL);
	return 0;

long_way:
	return vring_add_long(vvq, sgs, out_sgs, in_sgs, data, NULL, gfp);
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
