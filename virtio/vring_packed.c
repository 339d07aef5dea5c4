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
#include <arch/barrier.h>
#include "virtio/vring_order.h"
#include "virtio/vring_packed.h"

/* --- memory ----------------------------------------------------------------------------------- */

size_t vring_layout_packed(unsigned int num, unsigned int align, size_t *driver_offset,
			   size_t *device_offset)
{
	size_t ring = num * sizeof(struct vring_packed_desc);

	/* Each event structure on a cache line that the other side does not write. */
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
		.end = (struct vring_packed_desc *)ring + vvq->num,
		.next_avail = (struct vring_packed_desc *)ring,
		.next_used = (struct vring_packed_desc *)ring,
		.driver_event = (struct vring_packed_event *)(ring + vvq->driver_offset),
		.device_event = (const struct vring_packed_event *)(ring + vvq->device_offset),
		.next_id = links,
		.avail_flags = VRING_PACKED_DESC_F_AVAIL,
		.used_flags = PACKED_ROUND_FLAGS,
		.wish = PACKED_WISH | VRING_PACKED_EVENT_F_WRAP,
	};
	for (unsigned int i = 0; i < vvq->num; i++)
		links[i] = (uint16_t)(i + 1 == vvq->num ? 0 : i + 1);
}

/* --- offering buffers ------------------------------------------------------------------------- */

/* The descriptor after @desc, in the next round after the last (2.8.1). */
static inline struct vring_packed_desc *step(const struct vring_packed *p,
					     struct vring_packed_desc *desc, uint16_t *flags)
{
	if (likely(++desc != p->end))
		return desc;
	*flags ^= PACKED_ROUND_FLAGS;
	return p->desc;
}

/* Makes all but the first of the @descs descriptors from next_avail on unavailable again: that one
 * never was, and what was written behind it must not come to life with the next buffer. */
static void withdraw(struct vring_virtqueue *vvq, unsigned int descs)
{
	struct vring_packed_desc *desc = vvq->pkd.next_avail;
	uint16_t round = vvq->pkd.avail_flags;

	for (unsigned int i = 0; i < descs; i++) {
		desc->flags = cpu_to_le16(round ^ PACKED_ROUND_FLAGS);
		desc = step(&vvq->pkd, desc, &round);
	}
}

int packed_withdraw_adding(struct vring_virtqueue *vvq, unsigned int descs)
{
	withdraw(vvq, descs);
	return vring_add_adding_long(vvq);
}

static void write_desc(struct vring_packed_desc *desc, dma_addr_t addr, uint32_t len, uint16_t id)
{
	desc->addr = cpu_to_le64(addr);
	desc->len = cpu_to_le32(len);
	desc->id = cpu_to_le16(id);
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
	struct vring_packed_desc *desc = p->next_avail;
	uint16_t round = p->avail_flags, head_flags = 0;
	uint16_t map_id = id;
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
				withdraw(vvq, buf->total - left - 1);
				return -ENOMEM;
			}
			map_id = p->next_id[map_id];
			write_desc(desc, addr, sg->length, id);
			if (desc == p->next_avail)
				head_flags = (uint16_t)flags;
			else
				desc->flags = cpu_to_le16((uint16_t)flags);
			in_len += in ? sg->length : 0;
			desc = step(p, desc, &round);
		}
	}
	/* The chain's own head comes after its rest (2.8.6). */
	packed_write_head_flags(p, head_flags);
	vvq->state[id].in_len = in_len;
	vvq->state[id].table = NULL;
	packed_commit(vvq, id, buf->total, p->next_avail + buf->total, buf->data, buf->ctx);
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
			write_desc(&desc[at], addr, sg->length, 0);
			/* The only flag that is allowed here (2.8.19). */
			desc[at].flags = cpu_to_le16(in ? VRING_DESC_F_WRITE : 0);
			*in_len += in ? sg->length : 0;
			at++;
		}
	}
	table->used = at * (uint32_t)sizeof(*desc);
	return 0;
}

/* Writes the chain into @table, and one descriptor that refers to it (2.8.7). */
static int add_indirect(struct vring_virtqueue *vvq, const struct vring_buffer *buf, uint16_t id,
			struct vring_table *table)
{
	struct vring_packed *p = &vvq->pkd;
	uint32_t in_len = 0;
	int err = fill_table(vvq, buf, table, &in_len);

	if (unlikely(err)) {
		vring_table_put(vvq, table);
		return err;
	}
	write_desc(p->next_avail, table->addr, table->used, id);
	packed_write_head_flags(p, p->avail_flags | VRING_DESC_F_INDIRECT);
	vvq->state[id].table = table;
	vvq->state[id].in_len = in_len;
	packed_commit(vvq, id, 1, p->next_avail + 1, buf->data, buf->ctx);
	return 0;
}

int virtqueue_add_packed(struct vring_virtqueue *vvq, const struct vring_buffer *buf)
{
	uint16_t id = (uint16_t)vvq->pkd.first_id;
	struct vring_table *table = NULL;
	int err;

	if (unlikely(!vvq->vq.num_free))
		return -ENOSPC;
	if (vvq->indirect && vring_prefers_table(vvq, buf->total))
		table = vring_table_get(vvq, id, buf->total, buf->gfp);
	if (unlikely(!table && buf->total > vvq->vq.num_free))
		return -ENOSPC;

	err = table ? add_indirect(vvq, buf, id, table) : add_direct(vvq, buf, id);
	if (unlikely(vvq->in_order && !err))
		vring_order_push(vvq, id);
	return err;
}

void virtqueue_add_prepared_packed(struct vring_virtqueue *vvq, const struct virtqueue_prepared *p,
				   void *data)
{
	uint16_t id = (uint16_t)vvq->pkd.first_id;

	packed_add_prepared(vvq, p, data);
	if (vvq->in_order)
		vring_order_push(vvq, id);
}

bool virtqueue_kick_prepare_packed(struct vring_virtqueue *vvq)
{
	return packed_publish(vvq);
}

uint16_t vring_next_offset_packed(const struct vring_virtqueue *vvq)
{
	const struct vring_packed *p = &vvq->pkd;

	/* What was added since the kick is not available yet: it begins at the held descriptor. */
	return (uint16_t)(p->held ? p->held : p->wish | packed_index(p, p->next_avail));
}

/* --- taking buffers back ---------------------------------------------------------------------- */

static void unmap_buf(struct vring_virtqueue *vvq, uint16_t id)
{
	const struct vring_desc_state *state = &vvq->state[id];

	if (state->table)
		vring_table_unmap(vvq, state->table, vring_table_entries(state->table));
	else
		unmap_direct(vvq, id, state->packed_descs);
}

/* Frees the ids after the first of a chain that took one for each of @count descriptors. */
static void free_other_ids(struct vring_packed *p, uint16_t id, unsigned int count)
{
	uint16_t last = id;

	while (--count)
		last = p->next_id[last];
	if (last == id)
		return;
	p->next_id[last] = (uint16_t)p->first_id;
	p->first_id = p->next_id[id];
}

void detach_buf_packed(struct vring_virtqueue *vvq, uint16_t id)
{
	struct vring_desc_state *state = &vvq->state[id];

	if (vvq->use_map)
		unmap_buf(vvq, id);
	if (state->table)
		vring_table_put(vvq, state->table);
	else if (vvq->mappings)
		free_other_ids(&vvq->pkd, id, state->packed_descs);
	packed_forget(vvq, &vvq->pkd, state, id);
}

__racy bool more_used_packed(const struct vring_virtqueue *vvq)
{
	const struct vring_packed *p = &vvq->pkd;
	uint16_t flags = le16_to_cpu(READ_ONCE(p->next_used->flags));

	return vvq->batch_last >= 0 || packed_is_used(flags, p->used_flags);
}

/* Reads the used descriptor, once, and checks it. Returns the id, or -1 with the queue broken. */
static inline int read_used_desc(struct vring_virtqueue *vvq, uint32_t *len)
{
	const struct vring_packed_desc *desc = vvq->pkd.next_used;
	uint16_t id = le16_to_cpu(READ_ONCE(desc->id));
	uint32_t in_len;

	if (unlikely(id >= vvq->num || !vvq->state[id].data)) {
		vring_break(vvq, "used id %u is not in flight", id);
		return -1;
	}
	in_len = vvq->state[id].in_len;
	*len = le32_to_cpu(READ_ONCE(desc->len));
	/* Without the WRITE flag the length is reserved (2.8.4). Devices leave the flag out where they
	 * did write, too: so a plausible length counts, and any other is ignored. */
	if (*len > in_len && !(le16_to_cpu(READ_ONCE(desc->flags)) & VRING_DESC_F_WRITE))
		*len = 0;
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
		packed_skip_used(&vvq->pkd, vvq->num, vring_order_batch(vvq, last, last_len).descs);
	}
	return vring_order_pop(vvq, len);
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
		packed_skip_used(&vvq->pkd, vvq->num, vvq->state[id].packed_descs);

	data = vvq->state[id].data;
	if (ctx)
		*ctx = vvq->state[id].ctx;
	*len = written;
	detach_buf_packed(vvq, (uint16_t)id);
	vvq->used++;
	return data;
}

void *vring_rearm_packed(struct vring_virtqueue *vvq, void *data)
{
	WRITE_ONCE(vvq->pkd.driver_event->off_wrap, cpu_to_le16(packed_used_place(vvq)));
	dma_mb(); /* as in virtqueue_poll_packed() */
	return data;
}

/* --- interrupts ------------------------------------------------------------------------------- */

void virtqueue_disable_cb_packed(struct vring_virtqueue *vvq)
{
	packed_disable(vvq);
}

unsigned int virtqueue_enable_cb_prepare_packed(struct vring_virtqueue *vvq)
{
	uint16_t place = packed_used_place(vvq);

	packed_enable_at(vvq, place);
	return place;
}

bool virtqueue_poll_packed(const struct vring_virtqueue *vvq, unsigned int last_used)
{
	uint16_t at = (uint16_t)(last_used & ~VRING_PACKED_EVENT_F_WRAP);
	uint16_t used_flags = PACKED_ROUND_FLAGS;

	if (!(last_used & VRING_PACKED_EVENT_F_WRAP))
		used_flags = 0;
	/* Our wish for an interrupt before our look at the descriptor; the device does the
	 * reverse, with a barrier of its own (2.8.22). */
	dma_mb();
	return vvq->batch_last >= 0 ||
	       packed_is_used(le16_to_cpu(READ_ONCE(vvq->pkd.desc[at].flags)), used_flags);
}

bool virtqueue_enable_cb_delayed_packed(struct vring_virtqueue *vvq)
{
	struct vring_packed *p = &vvq->pkd;
	uint16_t place = packed_used_place(vvq);
	unsigned int descs = vvq->num - vvq->vq.num_free;
	unsigned int at = packed_index(p, p->next_used) + descs - descs / 4 - 1;
	bool wrap = place & VRING_PACKED_EVENT_F_WRAP;

	if (vvq->event_idx && descs > 1) {
		if (at >= vvq->num) {
			at -= vvq->num;
			wrap = !wrap;
		}
		place = (uint16_t)(at | (wrap ? VRING_PACKED_EVENT_F_WRAP : 0));
	}
	packed_enable_at(vvq, place);
	dma_mb(); /* as in virtqueue_poll_packed() */
	return !more_used_packed(vvq);
}
