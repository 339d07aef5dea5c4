/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short ways through the packed ring (vring.h): straight-line code that makes one pass over a
 * buffer. Nothing is committed before all of it has been found to be as usual, so that the long way
 * can still be taken from anywhere.
 *
 * Every instruction here is paid for with each buffer: `make bench-ring` counts them. READ_ONCE() and
 * barrier() on the record's own fields mean only this: to read a field anew costs less than to keep it in
 * a register through a loop, or to save one for it.
 */
#include "virtio/vring_packed.h"

/* --- offering buffers ------------------------------------------------------------------------- */

static __always_inline void write_desc(struct vring_packed_desc *desc, const struct scatterlist *sg,
				       unsigned int id)
{
	desc->addr = cpu_to_le64((uintptr_t)sg->addr);
	desc->len = cpu_to_le32(sg->length);
	desc->id = cpu_to_le16((uint16_t)id);
}

static __always_inline bool is_usual(const struct vring_virtqueue *vvq,
				     const struct scatterlist *sg, unsigned int num,
				     const void *data)
{
	return num == 1 && data && sg->length && sg->last && vvq->vq.num_free;
}

/* A buffer of one entry. */
static __always_inline void add_one(struct vring_virtqueue *vvq, const struct scatterlist *sg,
				    const bool in, void *data, void *ctx)
{
	struct vring_packed *p = &vvq->pkd;
	unsigned int id = p->first_id;

	write_desc(p->next_avail, sg, id);
	packed_write_head_flags(p, p->avail_flags | (in ? VRING_DESC_F_WRITE : 0u));
	vvq->state[id].in_len = in ? sg->length : 0;
	vvq->state[id].table = NULL;
	packed_commit(vvq, id, 1, p->next_avail + 1, data, ctx);
}

/* Into the table of the next id. The id that its entries carry means nothing, and stays 0. */
static __noinline int add_table_short_packed(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					     unsigned int out_sgs, unsigned int in_sgs, void *data,
					     gfp_t gfp)
{
	struct vring_packed *p = &vvq->pkd;
	struct vring_table *table = &vvq->pool.own[p->first_id];
	struct scatterlist *const *list = sgs, *const *stop = sgs + out_sgs;
	struct vring_packed_desc *at = table->desc, *desc;
	uint16_t flags = 0; /* but for WRITE none is allowed here (2.8.19) */
	uint64_t bytes = 0;
	unsigned long id;

	vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
	if (unlikely(!vvq->vq.num_free))
		return vring_add_adding_long(vvq);
	for (;;) {
		const struct scatterlist *sg;

		if (list == stop && !vring_turn_to_writable(vvq, list, &stop, &flags, bytes))
			break;
		for (sg = *list++;; sg++) {
			if (unlikely(!sg->length || at == table->end))
				return vring_add_adding_long(vvq);
			at->addr = cpu_to_le64((uintptr_t)sg->addr);
			at->len = cpu_to_le32(sg->length);
			at->flags = cpu_to_le16(flags);
			at++;
			bytes += sg->length;
			if (sg->last)
				break;
		}
	}
	if (unlikely(bytes > UINT32_MAX))
		return vring_add_adding_long(vvq);
	barrier();
	id = p->first_id;
	table->used = (uint32_t)((char *)at - (char *)table->desc);
	desc = p->next_avail;
	desc->addr = cpu_to_le64(table->addr);
	desc->len = cpu_to_le32(table->used);
	desc->id = cpu_to_le16((uint16_t)id);
	packed_write_head_flags(p, p->avail_flags | VRING_DESC_F_INDIRECT);
	vvq->state[id].table = table;
	vvq->state[id].in_len = (uint32_t)bytes - vvq->adding.out_bytes;
	packed_commit(vvq, id, 1, p->next_avail + 1, vvq->adding.data, NULL);
	return 0;
}

/*
 * Into the ring, where the chain ends before the ring does. Behind a held buffer (@shielded) the device
 * sees nothing yet, and all flags are written at once. Otherwise this becomes the held one: its first
 * descriptor is written as one that is not available, and the kick corrects that.
 */
static __always_inline int add_direct(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
				      unsigned int out_sgs, unsigned int in_sgs, void *data,
				      gfp_t gfp, const bool indirect, const bool shielded)
{
	struct vring_packed *p = &vvq->pkd;
	struct scatterlist *const *list = sgs, *const *stop = sgs + out_sgs;
	struct vring_packed_desc *desc = p->next_avail, *full;
	unsigned int id = p->first_id, room = vvq->vq.num_free, descs;
	uint16_t flags = p->avail_flags | VRING_DESC_F_NEXT, now;
	uint64_t bytes = 0;

	vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
	if (indirect)
		room = MIN(room, vvq->vq.direct_max);
	full = MIN(desc + room, p->end);
	if (unlikely(!out_sgs)) {
		vvq->adding.out_bytes = 0;
		stop += in_sgs;
		flags |= VRING_DESC_F_WRITE;
	}
	now = shielded ? flags : flags ^ PACKED_ROUND_FLAGS;
	for (;;) {
		const struct scatterlist *sg;

		if (list == stop) {
			if (!vring_turn_to_writable(vvq, list, &stop, &flags, bytes))
				break;
			now = flags;
		}
		for (sg = *list++;; sg++) {
			if (unlikely(!sg->length || desc == full))
				goto unusual;
			write_desc(desc, sg, id);
			WRITE_ONCE(desc->flags, cpu_to_le16(now));
			desc++;
			now = flags;
			bytes += sg->length;
			if (sg->last)
				break;
		}
	}
	descs = (unsigned int)(desc - p->next_avail);
	if (unlikely(bytes - 1 >= UINT32_MAX || descs == 1)) /* empty, or too long, or no chain */
		goto unusual;
	barrier();
	desc[-1].flags = cpu_to_le16((uint16_t)(flags - VRING_DESC_F_NEXT));
	if (!shielded)
		packed_hold(p, p->avail_flags | VRING_DESC_F_NEXT |
				       (vvq->adding.out_sgs ? 0u : VRING_DESC_F_WRITE));
	vvq->state[id].table = NULL;
	vvq->state[id].in_len = (uint32_t)bytes - vvq->adding.out_bytes;
	packed_commit(vvq, id, descs, desc, vvq->adding.data, NULL);
	return 0;

unusual:
	return packed_withdraw_adding(vvq, (unsigned int)(desc - p->next_avail));
}

/* The first since the kick. */
static __noinline int add_direct_first_short_packed(struct vring_virtqueue *vvq,
						    struct scatterlist *sgs[], unsigned int out_sgs,
						    unsigned int in_sgs, void *data, gfp_t gfp)
{
	return add_direct(vvq, sgs, out_sgs, in_sgs, data, gfp, vvq->indirect, false);
}

static int add_sgs_short_packed(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
				unsigned int out_sgs, unsigned int in_sgs, void *data, gfp_t gfp)
{
	if (unlikely(!data)) {
		vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
		return vring_add_adding_long(vvq);
	}
	if (!vvq->pkd.held)
		return add_direct_first_short_packed(vvq, sgs, out_sgs, in_sgs, data, gfp);
	return add_direct(vvq, sgs, out_sgs, in_sgs, data, gfp, false, true);
}

static __noinline int add_direct_indirect_short_packed(struct vring_virtqueue *vvq,
						       struct scatterlist *sgs[],
						       unsigned int out_sgs, unsigned int in_sgs,
						       void *data, gfp_t gfp)
{
	if (!vvq->pkd.held)
		return add_direct_first_short_packed(vvq, sgs, out_sgs, in_sgs, data, gfp);
	return add_direct(vvq, sgs, out_sgs, in_sgs, data, gfp, true, true);
}

static int add_sgs_indirect_short_packed(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					 unsigned int out_sgs, unsigned int in_sgs, void *data,
					 gfp_t gfp)
{
	if (unlikely(!data)) {
		vring_keep(vvq, sgs, out_sgs, in_sgs, data, gfp);
		return vring_add_adding_long(vvq);
	}
	/* At least an entry a list; a chain that turns out longer than that goes the long way. */
	if (vvq->pkd.first_id < vvq->pool.own_count && vring_prefers_table(vvq, out_sgs + in_sgs))
		return add_table_short_packed(vvq, sgs, out_sgs, in_sgs, data, gfp);
	return add_direct_indirect_short_packed(vvq, sgs, out_sgs, in_sgs, data, gfp);
}

static int add_prepared_short_packed(struct vring_virtqueue *vvq, struct virtqueue_prepared *p,
				     void *data)
{
	if (unlikely(!data || !vvq->vq.num_free))
		return vring_add_prepared_long(vvq, p, data);
	packed_add_prepared(vvq, p, data);
	return 0;
}

/* --- notifying the device --------------------------------------------------------------------- */

static __always_inline bool kick_prepare_short_packed(struct vring_virtqueue *vvq)
{
	vvq->stats.kicks++;
	return packed_publish(vvq);
}

/* --- taking buffers back ---------------------------------------------------------------------- */

static __always_inline void *get(struct vring_virtqueue *vvq, unsigned int *len, void **ctx,
				 const bool rearm)
{
	struct vring_packed *p = &vvq->pkd;
	const struct vring_packed_desc *desc = p->next_used;
	struct vring_desc_state *state;
	uint32_t written;
	unsigned int id;
	void *data;

	if (!packed_is_used(le16_to_cpu(READ_ONCE(desc->flags)), p->used_flags))
		return NULL;
	dma_rmb(); /* as in virtqueue_get_buf_packed() */
	id = le16_to_cpu(desc->id);
	READ_ONCE_INTO(id);
	written = le32_to_cpu(READ_ONCE(desc->len));
	if (unlikely(id >= vvq->num))
		return vring_get_buf_long(vvq, len, ctx);
	state = &vvq->state[id];
	data = state->data;
	if (unlikely(!data || written > state->in_len))
		return vring_get_buf_long(vvq, len, ctx);
	*len = written;
	if (ctx)
		*ctx = state->ctx;
	packed_forget(vvq, p, state, id);
	packed_skip_used(p, vvq->num, state->packed_descs);
	barrier();
	vvq->used++;
	return rearm ? vring_rearm_packed(vvq, data) : data;
}

static __racy bool more_used_short_packed(const struct vring_virtqueue *vvq)
{
	const struct vring_packed *p = &vvq->pkd;

	return packed_is_used(le16_to_cpu(READ_ONCE(p->next_used->flags)), p->used_flags);
}

/* The record is copied, as the compiler cannot know that the stores in the loop leave it alone. */
static unsigned int get_bufs_short_packed(struct vring_virtqueue *vvq, void *data[],
					  unsigned int len[], unsigned int max)
{
	struct vring_packed copy = vvq->pkd, *p = &copy;
	struct vring_desc_state *const states = vvq->state;
	const unsigned int num = vvq->num;
	unsigned int i;

	for (i = 0; i < max; i++) {
		const struct vring_packed_desc *desc = p->next_used;
		struct vring_desc_state *state;
		uint32_t written;
		unsigned int id;

		if (!packed_is_used(le16_to_cpu(READ_ONCE(desc->flags)), p->used_flags)) {
			max = i; /* that is all */
			break;
		}
		dma_rmb(); /* as in virtqueue_get_buf_packed() */
		id = le16_to_cpu(READ_ONCE(desc->id));
		written = le32_to_cpu(READ_ONCE(desc->len));
		if (unlikely(id >= num))
			break;
		state = &states[id];
		if (unlikely(!state->data || written > state->in_len))
			break;
		data[i] = state->data;
		len[i] = written;
		packed_forget(vvq, p, state, id);
		packed_skip_used(p, num, state->packed_descs);
	}
	vvq->pkd.next_used = p->next_used;
	vvq->pkd.used_flags = p->used_flags;
	vvq->pkd.first_id = p->first_id;
	vvq->used += i;
	return likely(i == max) ? i : vring_get_more_bufs(vvq, data, len, i, max);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static bool enable_cb_short_packed(struct vring_virtqueue *vvq)
{
	if (!vvq->callbacks)
		vring_want_callbacks(vvq, true);
	packed_enable_at(vvq, packed_used_place(vvq));
	dma_mb(); /* as in virtqueue_poll_packed() */
	return !more_used_short_packed(vvq);
}

#define FORMAT(name) packed_##name
#define SHORT(name)  name##_short_packed
#define SHORT_WAYS   vring_short_packed
#include "virtio/vring_short_ways.h"
