/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short ways through the packed ring: what happens to nearly every buffer, inlined into the API
 * (virtqueue.c) so that it is straight-line code. They are taken where vvq->way says so. Whatever is
 * not as usual they hand, unchanged, to the long ways (vring_*_long()), which know what to do or what
 * to say. vring_packed.c has those, and shares the helpers here.
 */
#ifndef VIRTIO_VRING_PACKED_SHORT_H
#define VIRTIO_VRING_PACKED_SHORT_H

#include <arch/barrier.h>
#include "virtio/vring.h"

/* Moves on to the next descriptor, in the next round after the last (2.8.1). */
static inline void packed_advance(const struct vring_virtqueue *vvq, uint16_t *at, uint16_t *flags)
{
	if (unlikely(++*at == vvq->num)) {
		*at = 0;
		*flags ^= VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;
	}
}

static inline void packed_write_desc(struct vring_packed_desc *desc, dma_addr_t addr, uint32_t len,
				     uint16_t id)
{
	desc->addr = cpu_to_le64(addr);
	desc->len = cpu_to_le32(len);
	desc->id = cpu_to_le16(id);
}

/* Writes the flags of a buffer's first descriptor: at once where a held one shields it, else later. */
static inline void packed_write_head_flags(struct vring_packed *p, uint16_t at, unsigned int flags)
{
	if (p->num_added) {
		p->desc[at].flags = cpu_to_le16(flags);
	} else {
		p->held_at = at;
		p->held_flags = (uint16_t)flags;
	}
}

/* Enters the buffer @id into the record; next_avail has moved past its descriptors. */
static inline void packed_commit(struct vring_virtqueue *vvq, uint16_t id, uint16_t last_id,
				 unsigned int descs, void *data, void *ctx)
{
	struct vring_packed *p = &vvq->pkd;
	struct vring_desc_state *state = &vvq->state[id];

	state->data = data;
	state->ctx = ctx;
	state->descs = (uint16_t)descs;
	state->last = last_id;
	p->first_id = p->next_id[id];
	p->num_added = (uint16_t)(p->num_added + descs);
	vvq->vq.num_free -= descs;
	vvq->vq.stats.added++;
}

static __always_inline int add_one_packed(struct vring_virtqueue *vvq, struct scatterlist *sg,
					  const bool in, void *data, void *ctx)
{
	struct vring_packed *p = &vvq->pkd;
	uint16_t at = p->next_avail, id = p->first_id;
	uint32_t len = sg->length;

	if (unlikely(!data || !len || !sg->addr || !sg->last || !vvq->vq.num_free))
		return vring_add_one_long(vvq, sg, in, data, ctx);
	packed_write_desc(&p->desc[at], (uintptr_t)sg->addr, len, id);
	packed_write_head_flags(p, at, p->avail_flags | (in ? VRING_DESC_F_WRITE : 0u));
	vvq->state[id].in_len = in ? len : 0;
	packed_advance(vvq, &p->next_avail, &p->avail_flags);
	packed_commit(vvq, id, id, 1, data, ctx);
	return 0;
}

/* Takes the buffer @id out of the record: frees its id, its descriptors and its table. */
static inline void packed_forget(struct vring_virtqueue *vvq, uint16_t id)
{
	struct vring_packed *p = &vvq->pkd;
	struct vring_desc_state *state = &vvq->state[id];

	if (state->table) {
		vring_table_put(vvq, state->table);
		state->table = NULL;
	}
	p->next_id[id] = p->first_id;
	p->first_id = id;
	vvq->vq.num_free += state->descs;
	state->data = NULL;
}

/* Whether descriptor @at carries the flags of one that was used in the round of @used_flags. */
static inline bool packed_is_used(const struct vring_virtqueue *vvq, uint16_t at,
				  uint16_t used_flags)
{
	const uint16_t both = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;

	return (le16_to_cpu(READ_ONCE(vvq->pkd.desc[at].flags)) & both) == used_flags;
}

/* The device skips the descriptors of what it used (2.8.6). */
static inline void packed_skip_used(struct vring_virtqueue *vvq, unsigned int descs)
{
	struct vring_packed *p = &vvq->pkd;
	unsigned int next = p->next_used + descs;

	if (unlikely(next >= vvq->num)) {
		next -= vvq->num;
		p->used_flags ^= VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;
	}
	p->next_used = (uint16_t)next;
}

static __always_inline void *get_short_packed(struct vring_virtqueue *vvq, unsigned int *len,
					      void **ctx)
{
	struct vring_packed *p = &vvq->pkd;
	const struct vring_packed_desc *desc = &p->desc[p->next_used];
	struct vring_desc_state *state;
	uint32_t written;
	uint16_t id;
	void *data;

	if (!packed_is_used(vvq, p->next_used, p->used_flags))
		return NULL;
	dma_rmb(); /* as in virtqueue_get_buf_packed() */
	id = le16_to_cpu(READ_ONCE(desc->id));
	if (unlikely(id >= vvq->num))
		return vring_get_long(vvq, len, ctx);
	state = &vvq->state[id];
	data = state->data;
	written = state->in_len ? le32_to_cpu(READ_ONCE(desc->len)) : 0;
	if (unlikely(!data || written > state->in_len))
		return vring_get_long(vvq, len, ctx);
	packed_skip_used(vvq, state->descs);
	*len = written;
	if (ctx)
		*ctx = state->ctx;
	packed_forget(vvq, id);
	vvq->vq.stats.used++;
	if (vvq->rearm)
		vring_rearm_packed(vvq);
	return data;
}

#endif
