/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring (VIRTIO 1.4, 2.7): a table of descriptors, a ring in which the driver makes chains of
 * them available, and a ring in which the device returns them. This file serves every queue of that
 * format; vring_split_short.c serves ordinary ones with less work.
 *
 * Who writes what: desc[] and avail are ours alone, used is the device's alone. Two races need a
 * barrier each, and each is explained where it stands:
 *	publish against kick suppression	split_publish()
 *	enable_cb against a completion		virtqueue_poll_split() and its callers
 */
#include <arch/barrier.h>
#include "virtio/vring_order.h"
#include "virtio/vring_split.h"

/* --- memory ----------------------------------------------------------------------------------- */

size_t vring_layout_split(unsigned int num, unsigned int align, size_t *driver_offset,
			  size_t *device_offset)
{
	/* The two bytes after each ring are the event index of the other side (2.7.10). */
	size_t avail_bytes = sizeof(struct vring_avail) + num * sizeof(__le16) + sizeof(__le16);
	size_t used_bytes =
		sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) + sizeof(__le16);

	*driver_offset = num * sizeof(struct vring_desc);
	*device_offset = ALIGN_UP(*driver_offset + avail_bytes, (size_t)align);
	return *device_offset + used_bytes;
}

void vring_init_split(struct vring_virtqueue *vvq, uint16_t *links)
{
	struct vring_split *s = &vvq->split;
	char *ring = vvq->ring;

	*s = (struct vring_split){
		.desc = (struct vring_desc *)ring,
		.avail = (struct vring_avail *)(ring + vvq->driver_offset),
		.used = (struct vring_used *)(ring + vvq->device_offset),
		.next = links,
		.mask = vvq->num - 1,
	};
	s->used_event = &s->avail->ring[vvq->num];
	s->avail_event = (const uint16_t *)&s->used->ring[vvq->num];
	for (unsigned int i = 0; i < s->mask; i++)
		links[i] = (uint16_t)(i + 1);
	/* With VIRTIO_F_IN_ORDER a circle: descriptors are taken in ring order for ever (2.7.5). */
	links[s->mask] = vvq->in_order ? 0 : SPLIT_NO_DESC;
}

void vring_link_table_split(const struct vring_virtqueue *vvq, const struct vring_table *table)
{
	struct vring_desc *desc = table->desc;

	for (unsigned int i = 0; i < table->capacity; i++)
		desc[i].next = vring16(vvq, (uint16_t)(i + 1));
}

/* --- offering buffers ------------------------------------------------------------------------- */

static void unmap_direct(struct vring_virtqueue *vvq, uint16_t at, unsigned int count)
{
	if (!vvq->mappings)
		return;
	for (; count; count--) {
		vring_unmap(vvq, &vvq->mappings[at]);
		at = vvq->split.next[at];
	}
}

/* Writes the chain into the ring itself. Returns the last descriptor, or -ENOMEM with nothing
 * mapped. */
static int add_direct(struct vring_virtqueue *vvq, const struct vring_buffer *buf, uint32_t *in_len)
{
	struct vring_split *s = &vvq->split;
	uint16_t at = (uint16_t)s->first_free, last = at;
	unsigned int done = 0, flags = 0;

	for (unsigned int list = 0; list < buf->out_sgs + buf->in_sgs; list++) {
		const bool in = list >= buf->out_sgs;
		struct scatterlist *sg;

		flags = in ? VRING_DESC_F_WRITE : 0;
		for_each_sg (buf->sgs[list], sg) {
			dma_addr_t addr;

			if (vring_map(vvq, sg, in, vvq->mappings, at, &addr)) {
				unmap_direct(vvq, (uint16_t)s->first_free, done);
				return -ENOMEM;
			}
			last = at;
			at = s->next[at];
			split_write_desc(vvq, &s->desc[last], addr, sg->length,
					 flags | VRING_DESC_F_NEXT, at);
			*in_len += in ? sg->length : 0;
			done++;
		}
	}
	s->desc[last].flags = vring16(vvq, (uint16_t)flags);
	return last;
}

/* Writes the chain into @table. Returns 0, or -ENOMEM with nothing mapped. */
static int fill_table(struct vring_virtqueue *vvq, const struct vring_buffer *buf,
		      struct vring_table *table, uint32_t *in_len)
{
	struct vring_desc *desc = table->desc;
	unsigned int flags = 0;
	uint16_t at = 0;

	for (unsigned int list = 0; list < buf->out_sgs + buf->in_sgs; list++) {
		const bool in = list >= buf->out_sgs;
		struct scatterlist *sg;

		flags = in ? VRING_DESC_F_WRITE : 0;
		for_each_sg (buf->sgs[list], sg) {
			dma_addr_t addr;

			if (vring_map(vvq, sg, in, table->mappings, at, &addr)) {
				vring_table_unmap(vvq, table, at);
				return -ENOMEM;
			}
			split_write_desc(vvq, &desc[at], addr, sg->length,
					 flags | VRING_DESC_F_NEXT, (uint16_t)(at + 1));
			*in_len += in ? sg->length : 0;
			at++;
		}
	}
	desc[at - 1].flags = vring16(vvq, (uint16_t)flags);
	table->used = at * (uint32_t)sizeof(*desc);
	return 0;
}

/* Writes the chain into @table, and one descriptor that refers to it (2.7.5.3). */
static int add_indirect(struct vring_virtqueue *vvq, const struct vring_buffer *buf,
			struct vring_desc_state *state, struct vring_table *table)
{
	struct vring_split *s = &vvq->split;
	unsigned int head = s->first_free;
	uint32_t in_len = 0;
	int err = fill_table(vvq, buf, table, &in_len);

	if (unlikely(err)) {
		vring_table_put(vvq, table);
		return err;
	}
	split_write_desc(vvq, &s->desc[head], table->addr, table->used, VRING_DESC_F_INDIRECT, 0);
	state->table = table;
	state->in_len = in_len;
	split_commit(vvq, state, 1, head, s->next[head], buf->data, buf->ctx);
	return 0;
}

int virtqueue_add_split(struct vring_virtqueue *vvq, const struct vring_buffer *buf)
{
	struct vring_desc_state *state;
	struct vring_table *table = NULL;
	uint32_t in_len = 0;
	int last, err = 0;
	uint16_t head;

	if (unlikely(!vvq->vq.num_free))
		return -ENOSPC;
	head = (uint16_t)vvq->split.first_free;
	state = &vvq->state[head];
	if (vvq->indirect && vring_prefers_table(vvq, buf->total))
		table = vring_table_get(vvq, head, buf->total, buf->gfp);
	if (table) {
		err = add_indirect(vvq, buf, state, table);
	} else {
		if (unlikely(buf->total > vvq->vq.num_free))
			return -ENOSPC;
		last = add_direct(vvq, buf, &in_len);
		if (unlikely(last < 0))
			return last;
		state->in_len = in_len;
		state->table = NULL;
		split_commit(vvq, state, buf->total, (unsigned int)last, vvq->split.next[last],
			     buf->data, buf->ctx);
	}
	if (unlikely(vvq->in_order && !err))
		vring_order_push(vvq, head);
	return err;
}

void virtqueue_add_prepared_split(struct vring_virtqueue *vvq, const struct virtqueue_prepared *p,
				  void *data)
{
	uint16_t head = (uint16_t)vvq->split.first_free;

	split_add_prepared(vvq, p, data);
	if (vvq->in_order)
		vring_order_push(vvq, head);
}

bool virtqueue_kick_prepare_split(struct vring_virtqueue *vvq)
{
	return split_publish(vvq);
}

uint16_t vring_next_offset_split(const struct vring_virtqueue *vvq)
{
	return (uint16_t)vvq->split.published;
}

/* --- taking buffers back ---------------------------------------------------------------------- */

static void unmap_buf(struct vring_virtqueue *vvq, uint16_t head)
{
	const struct vring_desc_state *state = &vvq->state[head];

	if (state->table)
		vring_table_unmap(vvq, state->table, vring_table_entries(state->table));
	else
		unmap_direct(vvq, head, state->split.descs);
}

void detach_buf_split(struct vring_virtqueue *vvq, uint16_t head)
{
	struct vring_desc_state *state = &vvq->state[head];

	if (vvq->use_map)
		unmap_buf(vvq, head);
	if (!vvq->in_order)
		split_free_chain(&vvq->split, head, state->split.last);
	if (state->table)
		vring_table_put(vvq, state->table);
	vvq->vq.num_free += split_forget(state);
}

/* Reads the device's index anew. It must not run ahead of what is in flight. */
static bool refresh_used(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	uint16_t idx = vring16(vvq, READ_ONCE(s->used->idx));
	uint16_t more = (uint16_t)(idx - vvq->used);

	if (!more)
		return false;
	if (unlikely(more > split_outstanding(vvq))) {
		vring_break(vvq, "used index went from %u to %u with %u in flight",
			    (uint16_t)vvq->used, idx, split_outstanding(vvq));
		return false;
	}
	/* The index before the entries that it covers; pairs with the device's barrier. */
	dma_rmb();
	s->device_used = idx;
	return true;
}

/* The used length, where it is more than was offered: fatal, but old legacy devices put any
 * length here, which is to be ignored (2.7.8.2). Returns whether the queue is still sound. */
static bool excess_length(struct vring_virtqueue *vvq, uint32_t *len, uint32_t offered)
{
	if (!vvq->legacy) {
		vring_break(vvq, "used length %lu is over the %lu offered", (unsigned long)*len,
			    (unsigned long)offered);
		return false;
	}
	*len = offered;
	return true;
}

/* Reads one used entry, once, and checks it. Returns the head, or -1 with the queue broken. */
static inline int read_used_elem(struct vring_virtqueue *vvq, uint32_t *len)
{
	struct vring_split *s = &vvq->split;
	struct vring_used_elem *elem = &s->used->ring[vvq->used & s->mask];
	uint32_t id = vring32(vvq, READ_ONCE(elem->id));

	*len = vring32(vvq, READ_ONCE(elem->len));
	if (unlikely(id > s->mask || !vvq->state[id].data)) {
		vring_break(vvq, "used id %lu is not in flight", (unsigned long)id);
		return -1;
	}
	if (unlikely(*len > vvq->state[id].in_len) &&
	    !excess_length(vvq, len, vvq->state[id].in_len))
		return -1;
	return (int)id;
}

/* With VIRTIO_F_IN_ORDER: the used entry stands for all buffers up to the one it names. */
static int next_in_order(struct vring_virtqueue *vvq, uint32_t *len)
{
	uint16_t done = (uint16_t)(vvq->split.device_used - vvq->used);
	uint32_t last_len;
	int last;

	if (vvq->batch_last < 0) {
		last = read_used_elem(vvq, &last_len);
		if (last < 0)
			return -1;
		if (vring_order_batch(vvq, last, last_len).buffers > done) {
			vring_break(vvq, "a batch reaches beyond the used index");
			return -1;
		}
	}
	return vring_order_pop(vvq, len);
}

void *virtqueue_get_buf_split(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	struct vring_split *s = &vvq->split;
	uint32_t written;
	void *data;
	int head;

	if ((uint16_t)vvq->used == s->device_used && vvq->batch_last < 0 && !refresh_used(vvq))
		return NULL;
	head = vvq->in_order ? next_in_order(vvq, &written) : read_used_elem(vvq, &written);
	if (unlikely(head < 0))
		return NULL;

	data = vvq->state[head].data;
	if (ctx)
		*ctx = vvq->state[head].ctx;
	*len = written;
	detach_buf_split(vvq, (uint16_t)head);
	vvq->used++;
	return data;
}

void *vring_rearm_split(struct vring_virtqueue *vvq, void *data)
{
	WRITE_ONCE(*vvq->split.used_event, vring16(vvq, (uint16_t)vvq->used));
	dma_mb(); /* as in virtqueue_poll_split() */
	return data;
}

__racy bool more_used_split(const struct vring_virtqueue *vvq)
{
	return vvq->batch_last >= 0 ||
	       (uint16_t)vvq->used != vring16(vvq, READ_ONCE(vvq->split.used->idx));
}

/* --- interrupts ------------------------------------------------------------------------------- */

void virtqueue_disable_cb_split(struct vring_virtqueue *vvq)
{
	split_disable(vvq);
}

unsigned int virtqueue_enable_cb_prepare_split(struct vring_virtqueue *vvq)
{
	uint16_t last_used = (uint16_t)vvq->used;

	split_enable_at(vvq, last_used);
	return last_used;
}

bool virtqueue_poll_split(const struct vring_virtqueue *vvq, unsigned int last_used)
{
	/*
	 * Our wish for an interrupt before our look at the index. The device moves its index first,
	 * then looks whether we want an interrupt: with a full barrier on both sides, either it
	 * sees our wish or we see its buffer.
	 */
	dma_mb();
	return vvq->batch_last >= 0 ||
	       (uint16_t)last_used != vring16(vvq, READ_ONCE(vvq->split.used->idx));
}

bool virtqueue_enable_cb_delayed_split(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	uint16_t wait_for = 1;
	uint16_t done;

	if (vvq->event_idx && vring_in_flight(vvq) > 1)
		wait_for = (uint16_t)(vring_in_flight(vvq) - vring_in_flight(vvq) / 4);
	split_enable_at(vvq, (uint16_t)(vvq->used + wait_for - 1));
	dma_mb(); /* as in virtqueue_poll_split() */
	done = (uint16_t)(vring16(vvq, READ_ONCE(s->used->idx)) - vvq->used);
	return vvq->batch_last < 0 && done < wait_for;
}
