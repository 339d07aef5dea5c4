/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short ways through the split ring (vring.h): straight-line code that makes one pass over a
 * buffer. Nothing is committed before all of it has been found to be as usual, so that the long way
 * can still be taken from anywhere; descriptors that were written until then mean nothing.
 *
 * Every instruction here is paid for with each buffer: `make bench-ring` counts them. READ_ONCE() and
 * barrier() on the record's own fields mean only this: to read a field anew costs less than to keep it in
 * a register through a loop, or to save one for it.
 */
#include "virtio/vring_split.h"

/* --- offering buffers ------------------------------------------------------------------------- */

static __always_inline bool is_usual(const struct vring_virtqueue *vvq,
				     const struct scatterlist *sg, unsigned int num,
				     const void *data)
{
	return num == 1 && data && sg->length && sg->last &&
	       vvq->split.first_free <= vvq->split.mask;
}

/* A buffer of one entry. */
static __always_inline void add_one(struct vring_virtqueue *vvq, const struct scatterlist *sg,
				    const bool in, void *data, void *ctx)
{
	struct vring_split *s = &vvq->split;
	unsigned int head = s->first_free;
	struct vring_desc_state *state = &vvq->state[head];

	split_write_desc(vvq, &s->desc[head], (uintptr_t)sg->addr, sg->length,
			 in ? VRING_DESC_F_WRITE : 0, 0);
	state->in_len = in ? sg->length : 0;
	state->table = NULL;
	split_commit(vvq, state, 1, head, s->next[head], data, ctx);
}

/* Into the table of the next descriptor. */
static __noinline int add_table_short_split(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					    unsigned int out_sgs, unsigned int in_sgs, void *data,
					    gfp_t gfp)
{
	struct vring_split *s = &vvq->split;
	struct vring_table *table = &vvq->pool.own[s->first_free];
	struct scatterlist *const *list = sgs, *const *stop = sgs + out_sgs;
	struct vring_desc *at = table->desc;
	uint16_t flags = VRING_DESC_F_NEXT;
	unsigned int head;
	struct vring_desc_state *state;
	uint64_t bytes = 0;

	vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
	for (;;) {
		const struct scatterlist *sg;

		if (list == stop && !vring_turn_to_writable(vvq, list, &stop, &flags, bytes))
			break;
		for (sg = *list++;; sg++) {
			if (unlikely(!sg->length || at == table->end))
				return vring_add_adding_long(vvq);
			at->addr = vring64(vvq, (uintptr_t)sg->addr);
			at->len = vring32(vvq, sg->length);
			at->flags = vring16(vvq, flags);
			at++;
			bytes += sg->length;
			if (sg->last)
				break;
		}
	}
	if (unlikely(bytes > UINT32_MAX))
		return vring_add_adding_long(vvq);
	barrier();
	at[-1].flags = vring16(vvq, (uint16_t)(flags - VRING_DESC_F_NEXT));
	table->used = (uint32_t)((char *)at - (char *)table->desc);
	head = s->first_free;
	split_write_desc(vvq, &s->desc[head], table->addr, table->used, VRING_DESC_F_INDIRECT, 0);
	state = &vvq->state[head];
	state->table = table;
	state->in_len = (uint32_t)bytes - vvq->adding.out_bytes;
	split_commit(vvq, state, 1, head, s->next[head], vvq->adding.data, NULL);
	return 0;
}

/* Into the ring. */
static __always_inline int add_direct(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
				      unsigned int out_sgs, unsigned int in_sgs, void *data,
				      gfp_t gfp, const bool indirect)
{
	struct vring_split *s = &vvq->split;
	struct scatterlist *const *list = sgs, *const *stop = sgs + out_sgs;
	unsigned int at = s->first_free, descs = 0, room = vvq->vq.num_free;
	uint16_t flags = VRING_DESC_F_NEXT;
	struct vring_desc_state *state;
	struct vring_desc *desc = NULL;
	uint64_t bytes = 0;

	vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
	if (indirect)
		room = MIN(room, vvq->vq.direct_max);
	for (;;) {
		const struct scatterlist *sg;

		if (list == stop && !vring_turn_to_writable(vvq, list, &stop, &flags, bytes))
			break;
		for (sg = *list++;; sg++) {
			if (unlikely(!sg->length || descs == room))
				return vring_add_adding_long(vvq);
			descs++;
			desc = &s->desc[at];
			at = s->next[at];
			desc->addr = vring64(vvq, (uintptr_t)sg->addr);
			desc->len = vring32(vvq, sg->length);
			desc->flags = vring16(vvq, flags);
			WRITE_ONCE(desc->next, vring16(vvq, (uint16_t)at));
			bytes += sg->length;
			if (sg->last)
				break;
		}
	}
	if (unlikely(bytes - 1 >= UINT32_MAX)) /* empty, or too long */
		return vring_add_adding_long(vvq);
	barrier();
	desc->flags = vring16(vvq, (uint16_t)(flags - VRING_DESC_F_NEXT));
	state = &vvq->state[s->first_free];
	state->table = NULL;
	state->in_len = (uint32_t)bytes - vvq->adding.out_bytes;
	split_commit(vvq, state, descs, (unsigned int)(desc - s->desc), at, vvq->adding.data, NULL);
	return 0;
}

static int add_sgs_short_split(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
			       unsigned int out_sgs, unsigned int in_sgs, void *data, gfp_t gfp)
{
	if (unlikely(!data)) {
		vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
		return vring_add_adding_long(vvq);
	}
	return add_direct(vvq, sgs, out_sgs, in_sgs, data, gfp, false);
}

static __noinline int add_direct_indirect_short_split(struct vring_virtqueue *vvq,
						      struct scatterlist *sgs[],
						      unsigned int out_sgs, unsigned int in_sgs,
						      void *data, gfp_t gfp)
{
	return add_direct(vvq, sgs, out_sgs, in_sgs, data, gfp, true);
}

static int add_sgs_indirect_short_split(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					unsigned int out_sgs, unsigned int in_sgs, void *data,
					gfp_t gfp)
{
	if (unlikely(!data)) {
		vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
		return vring_add_adding_long(vvq);
	}
	/* At least an entry a list; a chain that turns out longer than that goes the long way. */
	if (vvq->split.first_free < vvq->pool.own_count &&
	    vring_prefers_table(vvq, out_sgs + in_sgs))
		return add_table_short_split(vvq, sgs, out_sgs, in_sgs, data, gfp);
	return add_direct_indirect_short_split(vvq, sgs, out_sgs, in_sgs, data, gfp);
}

/* The entries of the table go into the ring: the device need not read another one for them. */
static __always_inline void add_prepared_direct(struct vring_virtqueue *vvq,
						const struct virtqueue_prepared *p, void *data,
						const unsigned int count)
{
	struct vring_split *s = &vvq->split;
	struct vring_desc *const descs = s->desc;
	const uint16_t *const next = s->next;
	unsigned int at = s->first_free, last = at;
	struct vring_desc_state *state = &vvq->state[at];

#pragma GCC unroll 4
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc *desc = &descs[at];

		last = at;
		at = next[at];
		__builtin_memcpy(desc, &p->desc[i], sizeof(*desc));
		if (i + 1 < count)
			WRITE_ONCE(desc->next, vring16(vvq, (uint16_t)at));
	}
	state->table = NULL;
	state->in_len = p->in_len;
	split_commit(vvq, state, count, last, at, data, NULL);
}

static __noinline int add_any_prepared_short_split(struct vring_virtqueue *vvq,
						   struct virtqueue_prepared *p, void *data)
{
	if (unlikely(!data || vvq->split.first_free > vvq->split.mask))
		return vring_add_prepared_long(vvq, p, data);
	if (vring_prefers_table(vvq, p->count) || p->count > vvq->vq.num_free)
		split_add_prepared(vvq, p, data);
	else
		add_prepared_direct(vvq, p, data, p->count);
	return 0;
}

/* Mostly there are three entries, and most of the ring is free. */
static int add_prepared_short_split(struct vring_virtqueue *vvq, struct virtqueue_prepared *p,
				    void *data)
{
	if (unlikely(!data || p->count != 3 || vring_prefers_table(vvq, 3)))
		return add_any_prepared_short_split(vvq, p, data);
	add_prepared_direct(vvq, p, data, 3);
	return 0;
}

/* --- notifying the device --------------------------------------------------------------------- */

static __always_inline bool kick_prepare_short_split(struct vring_virtqueue *vvq)
{
	vvq->stats.kicks++;
	return split_publish(vvq);
}

/* --- taking buffers back ---------------------------------------------------------------------- */

static __always_inline void *get(struct vring_virtqueue *vvq, unsigned int *len, void **ctx,
				 const bool rearm)
{
	struct vring_split *s = &vvq->split;
	const struct vring_used_elem *elem;
	struct vring_desc_state *state;
	uint32_t id, written;
	void *data;

	if (likely((uint16_t)vvq->used == s->device_used)) {
		uint16_t idx = vring16(vvq, READ_ONCE(s->used->idx));
		uint16_t more = (uint16_t)(idx - vvq->used);

		if (!more)
			return NULL;
		if (unlikely(more > split_outstanding(vvq)))
			return vring_get_buf_long(vvq, len, ctx);
		s->device_used = idx;
		dma_rmb(); /* as in refresh_used() */
	}
	elem = &s->used->ring[vvq->used & s->mask];
	id = vring32(vvq, READ_ONCE(elem->id));
	written = vring32(vvq, READ_ONCE(elem->len));
	if (unlikely(id > s->mask))
		return vring_get_buf_long(vvq, len, ctx);
	state = &vvq->state[id];
	data = state->data;
	if (unlikely(!data || written > state->in_len))
		return vring_get_buf_long(vvq, len, ctx);
	barrier();
	*len = written;
	if (ctx)
		*ctx = state->ctx;
	split_free_chain(s, id, state->split.last);
	vvq->vq.num_free += split_forget(state);
	vvq->used++;
	return rearm ? vring_rearm_split(vvq, data) : data;
}

/* The record is copied, as the compiler cannot know that the stores in the loop leave it alone. */
static unsigned int get_bufs_short_split(struct vring_virtqueue *vvq, void *data[],
					 unsigned int len[], unsigned int max)
{
	struct vring_split copy = vvq->split, *s = &copy;
	struct vring_desc_state *const states = vvq->state;
	const unsigned long used = vvq->used;
	uint16_t idx = vring16(vvq, READ_ONCE(s->used->idx));
	uint16_t more = (uint16_t)(idx - used);
	unsigned int i, freed = 0;

	if (unlikely(more > split_outstanding(vvq)))
		return vring_get_more_bufs(vvq, data, len, 0, max);
	max = MIN(max, more);
	if (!max)
		return 0;
	vvq->split.device_used = idx;
	dma_rmb(); /* as in refresh_used() */
	for (i = 0; i < max; i++) {
		const struct vring_used_elem *elem = &s->used->ring[(used + i) & s->mask];
		uint32_t id = vring32(vvq, READ_ONCE(elem->id));
		uint32_t written = vring32(vvq, READ_ONCE(elem->len));
		struct vring_desc_state *state;

		if (unlikely(id > s->mask))
			break;
		state = &states[id];
		if (unlikely(!state->data || written > state->in_len))
			break;
		data[i] = state->data;
		len[i] = written;
		split_free_chain(s, id, state->split.last);
		freed += split_forget(state);
	}
	vvq->split.first_free = s->first_free;
	vvq->vq.num_free += freed;
	vvq->used = used + i;
	return likely(i == max) ? i : vring_get_more_bufs(vvq, data, len, i, max);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static bool enable_cb_short_split(struct vring_virtqueue *vvq)
{
	uint16_t used = (uint16_t)vvq->used;

	if (!vvq->callbacks)
		vring_want_callbacks(vvq, true);
	split_enable_at(vvq, used);
	dma_mb(); /* as in virtqueue_poll_split() */
	return used == vring16(vvq, READ_ONCE(vvq->split.used->idx));
}

static __racy bool more_used_short_split(const struct vring_virtqueue *vvq)
{
	return (uint16_t)vvq->used != vring16(vvq, READ_ONCE(vvq->split.used->idx));
}

#define FORMAT(name) split_##name
#define SHORT(name)  name##_short_split
#define SHORT_WAYS   vring_short_split
#include "virtio/vring_short_ways.h"
