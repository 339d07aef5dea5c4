/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed ring's pieces that its long ways (vring_packed.c) and its short ones
 * (vring_packed_short.c) share.
 */
#ifndef VIRTIO_VRING_PACKED_H
#define VIRTIO_VRING_PACKED_H

#include <arch/barrier.h>
#include "virtio/vring.h"

/* The flags that tell the rounds apart. */
#define PACKED_ROUND_FLAGS (VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED)

/* A wish for an event as event structures have it: of this kind, and the place in it. */
#define PACKED_WISH    (VRING_PACKED_EVENT_FLAG_DESC << 16)
#define PACKED_WISH_AT (VRING_PACKED_EVENT_F_WRAP - 1)

/* Takes back the @descs descriptors that a short way wrote at next_avail, and goes the long way. */
int packed_withdraw_adding(struct vring_virtqueue *vvq, unsigned int descs);

static inline unsigned int packed_index(const struct vring_packed *p,
					const struct vring_packed_desc *desc)
{
	return (unsigned int)(desc - p->desc);
}

/* Moves next_avail on to @next, which is behind the ring where it wraps around (2.8.1). */
static __always_inline void packed_advance(struct vring_virtqueue *vvq,
					   struct vring_packed_desc *next)
{
	struct vring_packed *p = &vvq->pkd;

	if (unlikely(next >= p->end)) {
		barrier(); /* so that nobody keeps the flags for this */
		next -= vvq->num;
		p->avail_flags ^= PACKED_ROUND_FLAGS;
		p->wish ^= VRING_PACKED_EVENT_F_WRAP;
	}
	p->next_avail = next;
}

/* Keeps back the flags of the chain at next_avail until the kick. */
static __always_inline void packed_hold(struct vring_packed *p, unsigned int flags)
{
	p->held = p->wish | packed_index(p, p->next_avail);
	p->held_flags = (uint16_t)flags;
}

/* Writes the flags of the chain at next_avail: at once where a held one shields it, else later. */
static __always_inline void packed_write_head_flags(struct vring_packed *p, unsigned int flags)
{
	if (likely(p->held))
		p->next_avail->flags = cpu_to_le16((uint16_t)flags);
	else
		packed_hold(p, flags);
}

/* Enters the buffer @id, whose @descs descriptors are those from next_avail to @next, into the record. */
static __always_inline void packed_commit(struct vring_virtqueue *vvq, unsigned long id,
					  unsigned int descs, struct vring_packed_desc *next,
					  void *data, void *ctx)
{
	struct vring_packed *p = &vvq->pkd;
	struct vring_desc_state *state = &vvq->state[id];

	state->data = data;
	state->ctx = ctx;
	state->packed_descs = descs;
	p->first_id = p->next_id[id];
	packed_advance(vvq, next);
	barrier(); /* so that counters are not kept in registers for this */
	vvq->vq.num_free -= descs;
	vvq->added++;
}

static __always_inline void packed_add_prepared(struct vring_virtqueue *vvq,
						const struct virtqueue_prepared *prepared,
						void *data)
{
	struct vring_packed *p = &vvq->pkd;
	struct vring_packed_desc *desc = p->next_avail;
	unsigned long id = p->first_id;

	desc->addr = cpu_to_le64((uintptr_t)prepared->desc);
	desc->len = cpu_to_le32(prepared->bytes);
	desc->id = cpu_to_le16((uint16_t)id);
	packed_write_head_flags(p, p->avail_flags | VRING_DESC_F_INDIRECT);
	vvq->state[id].table = NULL;
	vvq->state[id].in_len = prepared->in_len;
	packed_commit(vvq, id, 1, p->next_avail + 1, data, NULL);
}

/* Whether the device asked for an event between the place @held and next_avail (2.8.10). */
static __always_inline bool packed_wants_kick(const struct vring_virtqueue *vvq, uint32_t held)
{
	const struct vring_packed *p = &vvq->pkd;
	/* Both fields at once: the place belongs to the flags that speak of it. */
	uint32_t wish = le32_to_cpu(READ_ONCE(p->device_event->both));
	unsigned int flags = wish >> 16 & 3, at = wish & PACKED_WISH_AT,
		     old = held & PACKED_WISH_AT;

	/* Mostly the device waits for the very next buffer. */
	if (likely(wish == held))
		return true;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !vvq->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* Places are in the round that they name; brought to ours, all is modulo 2^16 as in the
	 * split ring. */
	if ((wish ^ p->wish) & VRING_PACKED_EVENT_F_WRAP)
		at -= vvq->num;
	if ((held ^ p->wish) & VRING_PACKED_EVENT_F_WRAP)
		old -= vvq->num;
	return vring_need_event((uint16_t)at, (uint16_t)packed_index(p, p->next_avail),
				(uint16_t)old);
}

/* Lets the device see what was added. Returns whether it wants to be notified. */
static __always_inline bool packed_publish(struct vring_virtqueue *vvq)
{
	struct vring_packed *p = &vvq->pkd;
	uint32_t held = (uint32_t)p->held;

	if (!held)
		return false;
	p->held = 0;

	/* All descriptors before the flags that make them visible (2.8.21.1.1). */
	dma_wmb();
	WRITE_ONCE(p->desc[held & PACKED_WISH_AT].flags, cpu_to_le16(p->held_flags));

	/* The flags before our look at what the device asks for: as in the split ring
	 * (2.8.21.3.1). */
	dma_mb();
	return packed_wants_kick(vvq, held);
}

/* Takes the buffer @id, whose table if any is back, out of the record, of which @p is part. */
static __always_inline void packed_forget(struct vring_virtqueue *vvq, struct vring_packed *p,
					  struct vring_desc_state *state, unsigned int id)
{
	vvq->vq.num_free += state->packed_descs;
	state->data = NULL;
	p->next_id[id] = (uint16_t)p->first_id;
	p->first_id = id;
}

/* Whether @flags are those of a descriptor that was used in the round of @used_flags. */
static inline bool packed_is_used(uint16_t flags, uint16_t used_flags)
{
	return (flags & PACKED_ROUND_FLAGS) == used_flags;
}

/* The device skips the descriptors of what it used (2.8.6). */
static __always_inline void packed_skip_used(struct vring_packed *p, unsigned int num,
					     unsigned int descs)
{
	struct vring_packed_desc *next = p->next_used + descs;

	if (unlikely(next >= p->end)) {
		next -= num;
		p->used_flags ^= PACKED_ROUND_FLAGS;
	}
	p->next_used = next;
}

/* The place of the next used descriptor, as an event structure and virtqueue_poll() have it. */
static inline uint16_t packed_used_place(const struct vring_virtqueue *vvq)
{
	const struct vring_packed *p = &vvq->pkd;
	bool wrap = p->used_flags & VRING_PACKED_DESC_F_USED;

	return (uint16_t)(packed_index(p, p->next_used) | (wrap ? VRING_PACKED_EVENT_F_WRAP : 0));
}

/* Asks for an interrupt when the descriptor at @place is used. */
static inline void packed_enable_at(struct vring_virtqueue *vvq, uint16_t place)
{
	struct vring_packed_event *event = vvq->pkd.driver_event;

	if (!vvq->event_idx) {
		WRITE_ONCE(event->flags, cpu_to_le16(VRING_PACKED_EVENT_FLAG_ENABLE));
		return;
	}
	WRITE_ONCE(event->off_wrap, cpu_to_le16(place));
	dma_wmb(); /* the place before the flags that make it count */
	WRITE_ONCE(event->flags, cpu_to_le16(VRING_PACKED_EVENT_FLAG_DESC));
}

/* Asks for no interrupts. */
static __always_inline void packed_disable(struct vring_virtqueue *vvq)
{
	WRITE_ONCE(vvq->pkd.driver_event->flags, cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE));
}

#endif
