/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed ring (VIRTIO 1.4, 2.8): one ring of descriptors, which the driver fills in order and
 * in which the device writes its answers over them. Whose a descriptor is says its AVAIL and USED
 * flags, compared with the round that each side is in.
 *
 * A chain is published by the flags of its first descriptor, and so is a batch: the device walks
 * the ring in order and cannot pass a descriptor that is not available. So the first buffer after a
 * kick is held back, and the kick publishes everything behind it with one store.
 */
#include "virtio/vring.h"
#include "virtio/vring_order.h"
#include "virtio/vring_packed_short.h"
#include <arch/barrier.h>

/* --- memory * --------------------------------------------------------------------------------- */
size_t vring_layout_packed(unsigned int num, unsigned int align, size_t *driver_offset,
			   size_t *device_offset)
{
	size_t ring =
		num *
		sizeof(struct
		       vring_packed_desc); /* Each event structure on a cache line that the other side does not write. */
	*driver_offset = ALIGN_UP(ring, (size_t)align);
	*device_offset = *driver_offset + ALIGN_UP(sizeof(struct vring_packed_event), align);
	return *device_offset + sizeof(struct vring_packed_event);
}
void vring_init_packed(struct vring_virtqueue *vvq, uint16_t *links)
{
	struct vring_packed *p = &vvq->pkd;
	char *ring = vvq->ring;
	*p = (struct vring_packed){
		.desc = (struct vring_packed_desc *)ring,
		.driver_event = (struct vring_packed_event *)(ring + vvq->driver_offset),
		.device_event = (const struct vring_packed_event *)(ring + vvq->device_offset),
		.next_id = links,
		.avail_flags = VRING_PACKED_DESC_F_AVAIL,
		.used_flags = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED,
	};
	for (unsigned int i = 0; i < vvq->num; i++)
		links[i] = (uint16_t)(i + 1);
}

/* --- offering buffers ------------------------------------------------------------------------- */

/* A chain that is being written into the ring. */
struct packed_chain {
	uint64_t bytes;
	unsigned int room;
	uint16_t at, round, id;
	uint16_t last_flags; /* of the entry written last, without NEXT */
};

/* Writes the entries of one list, all flags but those of @first, the chain's head, included. Returns
 * false where one is not as it should be, or does not fit. */
static __always_inline bool packed_write_list(const struct vring_virtqueue *vvq,
					      struct packed_chain *chain,
					      const struct scatterlist *sg, unsigned int write,
					      uint16_t first)
{
	struct vring_packed_desc *ring = vvq->pkd.desc;

	for (;; sg++) {
		struct vring_packed_desc *desc = &ring[chain->at];

		if (unlikely(!sg->length || !sg->addr || !chain->room))
			return false;
		chain->room--;
		packed_write_desc(desc, (uintptr_t)sg->addr, sg->length, chain->id);
		chain->last_flags = (uint16_t)(chain->round | write);
		if (chain->at != first)
			desc->flags = cpu_to_le16(chain->last_flags | VRING_DESC_F_NEXT);
		packed_advance(vvq, &chain->at, &chain->round);
		chain->bytes += sg->length;
		if (sg->last)
			return true;
	}
}

/* Makes all but the first of the @count descriptors from next_avail on unavailable again: that
 * one never was, and what was written behind it must not come to life with the next buffer. */
static __noinline void packed_withdraw(struct vring_virtqueue *vvq, unsigned int count)
{
	const unsigned int both = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;
	uint16_t at = vvq->pkd.next_avail, round = vvq->pkd.avail_flags;

	for (unsigned int i = 1; i < count; i++) {
		packed_advance(vvq, &at, &round);
		vvq->pkd.desc[at].flags = cpu_to_le16(round ^ both);
	}
}

/* Into the ring, by the short way. */
static inline bool packed_add_direct_short(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
					   unsigned int out_sgs, unsigned int in_sgs, void *data,
					   unsigned int room)
{
	struct vring_packed *p = &vvq->pkd;
	const uint16_t first = p->next_avail, id = p->first_id;
	unsigned int head_flags = p->avail_flags | (out_sgs ? 0 : VRING_DESC_F_WRITE);
	struct packed_chain chain = {0, room, first, p->avail_flags, id, 0};
	unsigned int descs, last;
	uint64_t out_bytes;

	for (; out_sgs; out_sgs--)
		if (!packed_write_list(vvq, &chain, *sgs++, 0, first))
			goto withdraw;
	out_bytes = chain.bytes;
	for (; in_sgs; in_sgs--)
		if (!packed_write_list(vvq, &chain, *sgs++, VRING_DESC_F_WRITE, first))
			goto withdraw;
	if (chain.bytes - 1 >= UINT32_MAX) /* empty, or too long */
		goto withdraw;

	descs = room - chain.room;
	last = (chain.at ? chain.at : vvq->num) - 1;
	if (descs > 1) {
		head_flags |= VRING_DESC_F_NEXT;
		p->desc[last].flags = cpu_to_le16(chain.last_flags);
	}
	/* The chain's own head comes after its rest (2.8.6). */
	packed_write_head_flags(p, first, head_flags);
	p->next_avail = chain.at;
	p->avail_flags = chain.round;
	vvq->state[id].in_len = (uint32_t)(chain.bytes - out_bytes);
	packed_commit(vvq, id, id, descs, data, NULL);
	return true;

withdraw:
	packed_withdraw(vvq, room - chain.room);
	return false;
}

/* Writes the entries of one list into @table, which has @room. Returns how many, or 0. */
static __always_inline unsigned int packed_fill_short(struct vring_packed_desc *desc,
						      const struct scatterlist *sg,
						      unsigned int room, unsigned int flags,
						      uint64_t *bytes)
{
	for (unsigned int count = 1; count <= room; count++, desc++, sg++) {
		if (unlikely(!sg->length || !sg->addr))
			return 0;
		packed_write_desc(desc, (uintptr_t)sg->addr, sg->length, 0);
		/* The only flag that is allowed here (2.8.19). */
		desc->flags = cpu_to_le16(flags);
		*bytes += sg->length;
		if (sg->last)
			return count;
	}
	return 0;
}

/* Into a table, by the short way. */
static __noinline bool packed_add_table_short(struct vring_virtqueue *vvq,
					      struct scatterlist *sgs[], unsigned int out_sgs,
					      unsigned int in_sgs, void *data)
{
	struct vring_packed *p = &vvq->pkd;
	struct vring_table *table = vvq->pool.free;
	const unsigned int room = MIN(table->capacity, vvq->num);
	struct vring_packed_desc *desc = table->desc;
	const uint16_t id = p->first_id, at = p->next_avail;
	uint64_t out_bytes = 0, in_bytes = 0;
	unsigned int used = 0;

	for (unsigned int i = 0; i < out_sgs + in_sgs; i++) {
		bool in = i >= out_sgs;
		unsigned int count =
			packed_fill_short(desc + used, sgs[i], room - used,
					  in ? VRING_DESC_F_WRITE : 0, in ? &in_bytes : &out_bytes);

		if (!count)
			return false;
		used += count;
	}
	if (out_bytes + in_bytes > UINT32_MAX)
		return false;
	vvq->pool.free = table->next;
	table->used = (uint16_t)used;
	packed_write_desc(&p->desc[at], table->addr, used * (uint32_t)sizeof(*desc), id);
	packed_write_head_flags(p, at, p->avail_flags | VRING_DESC_F_INDIRECT);
	packed_advance(vvq, &p->next_avail, &p->avail_flags);
	vvq->state[id].table = table;
	vvq->state[id].in_len = (uint32_t)in_bytes;
	packed_commit(vvq, id, id, 1, data, NULL);
	return true;
}

int virtqueue_add_short_packed(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
			       unsigned int out_sgs, unsigned int in_sgs, void *data, gfp_t gfp)
{
	unsigned int room = vvq->vq.num_free;
	bool done = false;

	if (unlikely(!data || !sgs || !room))
		return vring_add_long(vvq, sgs, out_sgs, in_sgs, data, NULL, gfp);
	if (vvq->indirect)
		room = MIN(room, vvq->vq.direct_max);
	/* At least an entry a list; a chain that turns out longer than that goes the long way. */
	if (!vring_wants_table(vvq, out_sgs + in_sgs))
		done = packed_add_direct_short(vvq, sgs, out_sgs, in_sgs, data, room);
	else if (vvq->pool.free)
		done = packed_add_table_short(vvq, sgs, out_sgs, in_sgs, data);
	if (likely(done))
		return 0;
	return vring_add_long(vvq, sgs, out_sgs, in_sgs, data, NULL, gfp);
}

/*
 * Mappings are not kept by place: another buffer's return may free the place of one that is still in
 * flight (2.8.6). So a chain that is mapped takes an id for each descriptor; the first names it.
 */
static void unmap_direct(struct vring_virtqueue *vvq, uint16_t id, unsigned int count)
{
	if (!vvq->mappings)
		return;
	for (; count; count--) {
		vring_unmap(vvq, &vvq->mappings[id]);
		id = vvq->pkd.next_id[id];
	}
}

/* Writes the chain into the ring itself. Returns 0, or -ENOMEM with nothing mapped. */
static int add_direct(struct vring_virtqueue *vvq, const struct vring_buffer *buf, uint16_t id)
{
	struct vring_packed *p = &vvq->pkd;
	uint16_t first = p->next_avail, at = first, round = p->avail_flags, head_flags = 0;
	uint16_t map_id = id, last_id = id;
	unsigned int left = buf->total;
	uint32_t in_len = 0;

	for (unsigned int list = 0; list < buf->out_sgs + buf->in_sgs; list++) {
		const bool in = list >= buf->out_sgs;
		const unsigned int write = in ? VRING_DESC_F_WRITE : 0;
		struct scatterlist *sg;

		for_each_sg (buf->sgs[list], sg) {
			unsigned int flags = round | write | (--left ? VRING_DESC_F_NEXT : 0);
			dma_addr_t addr;

			if (vring_map(vvq, sg, in, vvq->mappings, map_id, &addr)) {
				unmap_direct(vvq, id, buf->total - left - 1);
				packed_withdraw(vvq, buf->total - left - 1);
				return -ENOMEM;
			}
			last_id = map_id;
			map_id = p->next_id[map_id];
			packed_write_desc(&p->desc[at], addr, sg->length, id);
			if (at == first)
				head_flags = (uint16_t)flags;
			else
				p->desc[at].flags = cpu_to_le16(flags);
			in_len += in ? sg->length : 0;
			packed_advance(vvq, &at, &round);
		}
	}
	/* The chain's own head comes after its rest (2.8.6). */
	packed_write_head_flags(p, first, head_flags);
	p->next_avail = at;
	p->avail_flags = round;
	vvq->state[id].in_len = in_len;
	packed_commit(vvq, id, last_id, buf->total, buf->data, buf->ctx);
	if (vvq->mappings)
		p->first_id = map_id;
	return 0;
}

/* Writes the chain into @table. Returns 0, or -ENOMEM with nothing mapped. */
static int fill_table(struct vring_virtqueue *vvq, const struct vring_buffer *buf,
		      struct vring_table *table, uint32_t *in_len)
{
	struct vring_packed_desc *desc = table->desc;
	uint16_t at = 0;

	for (unsigned int list = 0; list < buf->out_sgs + buf->in_sgs; list++) {
		const bool in = list >= buf->out_sgs;
		struct scatterlist *sg;

		for_each_sg (buf->sgs[list], sg) {
			dma_addr_t addr;

			if (vring_map(vvq, sg, in, table->mappings, at, &addr)) {
				vring_table_unmap(vvq, table, at);
				return -ENOMEM;
			}
			packed_write_desc(&desc[at], addr, sg->length, 0);
			/* The only flag that is allowed here (2.8.19). */
			desc[at].flags = cpu_to_le16(in ? VRING_DESC_F_WRITE : 0);
			*in_len += in ? sg->length : 0;
			at++;
		}
	}
	table->used = at;
	return 0;
}

/* Writes the chain into @table, and one descriptor that refers to it (2.8.7). */
static int add_indirect(struct vring_virtqueue *vvq, const struct vring_buffer *buf, uint16_t id,
			struct vring_table *table)
{
	struct vring_packed *p = &vvq->pkd;
	uint16_t at = p->next_avail;
	uint32_t in_len = 0;
	int err = fill_table(vvq, buf, table, &in_len);

	if (unlikely(err)) {
		vring_table_put(vvq, table);
		return err;
	}
	packed_write_desc(&p->desc[at], table->addr,
			  table->used * (uint32_t)sizeof(struct vring_packed_desc), id);
	packed_write_head_flags(p, at, p->avail_flags | VRING_DESC_F_INDIRECT);
	vvq->state[id].table = table;
	vvq->state[id].in_len = in_len;
	packed_advance(vvq, &p->next_avail, &p->avail_flags);
	packed_commit(vvq, id, id, 1, buf->data, buf->ctx);
	return 0;
}

int virtqueue_add_packed(struct vring_virtqueue *vvq, const struct vring_buffer *buf)
{
	uint16_t id = vvq->pkd.first_id;
	struct vring_table *table = NULL;
	int err;

	if (unlikely(!vvq->vq.num_free))
		return -ENOSPC;
	if (vring_wants_table(vvq, buf->total))
		table = vring_table_get(vvq, buf->total, buf->gfp);
	if (unlikely(!table && buf->total > vvq->vq.num_free))
		return -ENOSPC;

	err = table ? add_indirect(vvq, buf, id, table) : add_direct(vvq, buf, id);
	if (unlikely(vvq->in_order && !err))
		vring_order_push(vvq, id);
	return err;
}

/* Whether the device asked for an event within the last @num_added descriptors (2.8.10). Its
 * offset is in the round it names; brought to ours, all is modulo 2^16 as in the split ring. */
static bool wants_kick(const struct vring_virtqueue *vvq, uint16_t num_added)
{
	const struct vring_packed *p = &vvq->pkd;
	uint16_t flags = le16_to_cpu(READ_ONCE(p->device_event->flags)) & 3;
	uint16_t off_wrap, event;

	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !vvq->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	dma_rmb(); /* the flags before the place that they speak of */
	off_wrap = le16_to_cpu(READ_ONCE(p->device_event->off_wrap));
	event = off_wrap & (uint16_t)~VRING_PACKED_EVENT_F_WRAP;
	if (!(off_wrap & VRING_PACKED_EVENT_F_WRAP) !=
	    !(p->avail_flags & VRING_PACKED_DESC_F_AVAIL))
		event = (uint16_t)(event - vvq->num);
	return vring_need_event(event, p->next_avail, (uint16_t)(p->next_avail - num_added));
}

bool virtqueue_kick_prepare_packed(struct vring_virtqueue *vvq)
{
	struct vring_packed *p = &vvq->pkd;
	uint16_t num_added = p->num_added;

	if (!num_added)
		return false;
	p->num_added = 0;

	/* All descriptors before the flags that make them visible (2.8.21.1.1). */
	dma_wmb();
	WRITE_ONCE(p->desc[p->held_at].flags, cpu_to_le16(p->held_flags));

	/* The flags before our look at what the device asks for: as in the split ring
	 * (2.8.21.3.1). */
	dma_mb();
	return wants_kick(vvq, num_added);
}

uint16_t vring_next_offset_packed(const struct vring_virtqueue *vvq)
{
	const struct vring_packed *p = &vvq->pkd;
	/* What was added since the kick is not available yet: it begins at the held descriptor. */
	uint16_t at = p->num_added ? p->held_at : p->next_avail;
	uint16_t round = p->num_added ? p->held_flags : p->avail_flags;

	return (uint16_t)(at | (round & VRING_PACKED_DESC_F_AVAIL ? VRING_PACKED_EVENT_F_WRAP : 0));
}

/* --- taking buffers back ---------------------------------------------------------------------- */

static void unmap_buf(struct vring_virtqueue *vvq, uint16_t id)
{
	const struct vring_desc_state *state = &vvq->state[id];

	if (state->table)
		vring_table_unmap(vvq, state->table, state->table->used);
	else
		unmap_direct(vvq, id, state->descs);
}

void detach_buf_packed(struct vring_virtqueue *vvq, uint16_t id)
{
	const struct vring_desc_state *state = &vvq->state[id];
	bool many_ids = vvq->mappings && !state->table && state->descs > 1;
	uint16_t *links = vvq->pkd.next_id, second = links[id];

	if (vvq->use_map)
		unmap_buf(vvq, id);
	packed_forget(vvq, id);
	if (many_ids) { /* the others between the first and the free ones */
		links[state->last] = links[id];
		links[id] = second;
	}
}

bool more_used_packed(const struct vring_virtqueue *vvq)
{
	return vvq->batch_last >= 0 || packed_is_used(vvq, vvq->pkd.next_used, vvq->pkd.used_flags);
}

/* Reads the used descriptor, once, and checks it. Returns the id, or -1 with the queue broken. */
static inline int read_used_desc(struct vring_virtqueue *vvq, uint32_t *len)
{
	const struct vring_packed_desc *desc = &vvq->pkd.desc[vvq->pkd.next_used];
	uint16_t id = le16_to_cpu(READ_ONCE(desc->id));
	uint32_t in_len;

	if (unlikely(id >= vvq->num || !vvq->state[id].data)) {
		vring_break(vvq, "used id %u is not in flight", id);
		return -1;
	}
	in_len = vvq->state[id].in_len;
	/* The length is reserved where nothing was written (2.8.4). */
	*len = in_len ? le32_to_cpu(READ_ONCE(desc->len)) : 0;
	if (unlikely(*len > in_len)) {
		vring_break(vvq, "used length %lu is over the %lu offered", (unsigned long)*len,
			    (unsigned long)in_len);
		return -1;
	}
	return id;
}

/* With VIRTIO_F_IN_ORDER: the used descriptor stands for all buffers up to the one it names. */
static int next_in_order(struct vring_virtqueue *vvq, uint32_t *len)
{
	if (vvq->batch_last < 0) {
		uint32_t last_len;
		int last = read_used_desc(vvq, &last_len);

		if (last < 0)
			return -1;
		packed_skip_used(vvq, vring_order_batch(vvq, last, last_len).descs);
	}
	return vring_order_pop(vvq, len);
}

/* The place of the next used descriptor, as an event structure and virtqueue_poll() have it. */
static uint16_t used_place(const struct vring_virtqueue *vvq)
{
	bool wrap = vvq->pkd.used_flags & VRING_PACKED_DESC_F_USED;

	return (uint16_t)(vvq->pkd.next_used | (wrap ? VRING_PACKED_EVENT_F_WRAP : 0));
}

void *virtqueue_get_buf_packed(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	uint32_t written;
	void *data;
	int id;

	if (!more_used_packed(vvq))
		return NULL;
	/* The flags before the rest of the descriptor; pairs with the device's barrier. */
	dma_rmb();
	id = vvq->in_order ? next_in_order(vvq, &written) : read_used_desc(vvq, &written);
	if (unlikely(id < 0))
		return NULL;
	if (!vvq->in_order)
		packed_skip_used(vvq, vvq->state[id].descs);

	data = vvq->state[id].data;
	if (ctx)
		*ctx = vvq->state[id].ctx;
	*len = written;
	detach_buf_packed(vvq, (uint16_t)id);
	vvq->vq.stats.used++;
	return data;
}

void vring_rearm_packed(struct vring_virtqueue *vvq)
{
	WRITE_ONCE(vvq->pkd.driver_event->off_wrap, cpu_to_le16(used_place(vvq)));
	dma_mb(); /* as in virtqueue_poll_packed() */
}

/* --- interrupts
 * ---------------------------------------------------------------------------
 */

void virtqueue_disable_cb_packed(struct vring_virtqueue *vvq)
{
	WRITE_ONCE(vvq->pkd.driver_event->flags, cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE));
}

/* Asks for an interrupt when the descriptor at @place is used. */
static void enable_at(struct vring_virtqueue *vvq, uint16_t place)
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

unsigned int virtqueue_enable_cb_prepare_packed(struct vring_virtqueue *vvq)
{
	uint16_t place = used_place(vvq);

	enable_at(vvq, place);
	return place;
}

bool virtqueue_poll_packed(const struct vring_virtqueue *vvq, unsigned int last_used)
{
	uint16_t at = (uint16_t)(last_used & ~VRING_PACKED_EVENT_F_WRAP);
	uint16_t used_flags = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;

	if (!(last_used & VRING_PACKED_EVENT_F_WRAP))
		used_flags = 0;
	/* Our wish for an interrupt before our look at the descriptor; the device does the
	 * reverse, with a barrier of its own (2.8.22). */
	dma_mb();
	return vvq->batch_last >= 0 || packed_is_used(vvq, at, used_flags);
}

bool virtqueue_enable_cb_delayed_packed(struct vring_virtqueue *vvq)
{
	struct vring_packed *p = &vvq->pkd;
	uint16_t place = used_place(vvq);
	unsigned int descs = vvq->num - vvq->vq.num_free;
	unsigned int at = p->next_used + descs - descs / 4 - 1;
	bool wrap = place & VRING_PACKED_EVENT_F_WRAP;

	if (vvq->event_idx && descs > 1) {
		if (at >= vvq->num) {
			at -= vvq->num;
			wrap = !wrap;
		}
		place = (uint16_t)(at | (wrap ? VRING_PACKED_EVENT_F_WRAP : 0));
	}
	enable_at(vvq, place);
	dma_mb(); /* as in virtqueue_poll_packed() */
	return !more_used_packed(vvq);
}
