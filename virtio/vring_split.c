/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring (VIRTIO 1.4, 2.7): a table of descriptors, a ring in which the driver makes
 * chains of them available, and a ring in which the device returns them.
 *
 * Who writes what: desc[] and avail are ours alone, used is the device's alone. Two races need
 * a barrier each, and each is explained where it stands:
 *   publish against kick suppression	virtqueue_kick_prepare_split()
 *   enable_cb against a completion	virtqueue_poll_split() and its callers
 */
#include "virtio/vring.h"
#include <arch/barrier.h>

/* --- memory -------------------------------------------------------------------------------- */

size_t vring_layout_split(unsigned int num, unsigned int align, size_t *avail_offset,
			  size_t *used_offset)
{
	/* The two bytes after each ring are the event index of the other side (2.7.10). */
	size_t avail_bytes = sizeof(struct vring_avail) + num * sizeof(__le16) + sizeof(__le16);
	size_t used_bytes =
		sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) + sizeof(__le16);

	*avail_offset = num * sizeof(struct vring_desc);
	*used_offset = ALIGN_UP(*avail_offset + avail_bytes, (size_t)align);
	return *used_offset + used_bytes;
}

size_t vring_record_bytes_split(unsigned int num, bool use_map)
{
	size_t bytes = num * sizeof(struct vring_desc_state) + num * sizeof(uint16_t);

	return ALIGN_UP(bytes, sizeof(uint64_t)) +
	       (use_map ? num * sizeof(struct vring_mapping) : 0);
}

static void place_areas(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	char *ring = vvq->ring;

	s->desc = (struct vring_desc *)ring;
	s->avail = (struct vring_avail *)(ring + vvq->avail_offset);
	s->used = (struct vring_used *)(ring + vvq->used_offset);
	s->used_event = &s->avail->ring[s->num];
	s->avail_event = (const uint16_t *)&s->used->ring[s->num];
}

void vring_init_split(struct vring_virtqueue *vvq, unsigned int num, void *record)
{
	struct vring_split *s = &vvq->split;
	size_t unmapped = vring_record_bytes_split(num, false);

	s->num = num;
	place_areas(vvq);
	s->state = record;
	s->next = (uint16_t *)(s->state + num);
	s->mappings = vvq->use_map ? (struct vring_mapping *)((char *)record + unmapped) : NULL;
	for (unsigned int i = 0; i < num; i++)
		s->next[i] = (uint16_t)(i + 1);
	vvq->vq.num_free = num;
}

/* --- offering buffers ------------------------------------------------------------------------ */

static void write_desc(const struct vring_virtqueue *vvq, struct vring_desc *desc, dma_addr_t addr,
		       uint32_t len, uint16_t flags, uint16_t next)
{
	desc->addr = vring64(vvq, addr);
	desc->len = vring32(vvq, len);
	desc->flags = vring16(vvq, flags);
	desc->next = vring16(vvq, next);
}

/* Where a chain's descriptors go: a table and the links through it. */
struct chain {
	struct vring_desc *desc;
	const uint16_t *next;		/* NULL: one after the other */
	struct vring_mapping *mappings; /* NULL: not needed */
	uint16_t at;			/* the next descriptor to write */
	uint16_t last;			/* the one written last */
};

static void chain_advance(struct chain *chain)
{
	chain->last = chain->at;
	chain->at = chain->next ? chain->next[chain->at] : (uint16_t)(chain->at + 1);
}

static void unmap_chain(struct vring_virtqueue *vvq, struct chain *chain, unsigned int count)
{
	for (; count; count--) {
		const struct vring_mapping *m = &chain->mappings[chain->at];

		dma_unmap_page(vvq->dev, m->addr, m->len, m->dir);
		chain_advance(chain);
	}
}

/*
 * Maps and writes all pieces of @req into @chain, device-readable ones first (2.7.4.2). Returns 0, or
 * -ENOMEM with nothing mapped.
 */
static int write_chain(struct vring_virtqueue *vvq, const struct vring_request *req,
		       struct chain *chain)
{
	struct chain start = *chain;
	unsigned int done = 0;

	for (unsigned int list = 0; list < req->out_sgs + req->in_sgs; list++) {
		bool in = list >= req->out_sgs;
		enum dma_data_direction dir = in ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
		struct scatterlist *sg;

		for_each_sg (req->sgs[list], sg) {
			dma_addr_t addr = vring_map(vvq, sg, dir);
			uint16_t at = chain->at;
			uint16_t flags = in ? VRING_DESC_F_WRITE : 0;

			if (unlikely(vvq->use_map)) {
				if (dma_mapping_error(vvq->dev, addr)) {
					unmap_chain(vvq, &start, done);
					return -ENOMEM;
				}
				chain->mappings[at] = (struct vring_mapping){addr, sg->length, dir};
			}
			chain_advance(chain);
			if (++done < req->total)
				flags |= VRING_DESC_F_NEXT;
			write_desc(vvq, &chain->desc[at], addr, sg->length, flags, chain->at);
		}
	}
	return 0;
}

/* Writes the chain into the ring itself. */
static int add_direct(struct vring_virtqueue *vvq, const struct vring_request *req,
		      struct vring_desc_state *state)
{
	struct vring_split *s = &vvq->split;
	struct chain chain = {s->desc, s->next, s->mappings, s->first_free, s->first_free};
	int err = write_chain(vvq, req, &chain);

	if (unlikely(err))
		return err;
	state->last = chain.last;
	state->descs = (uint16_t)req->total;
	state->table = VRING_NO_TABLE;
	return 0;
}

/* Writes the chain into table @table of the pool, and one descriptor that refers to it (2.7.5.3). */
static int add_indirect(struct vring_virtqueue *vvq, const struct vring_request *req,
			struct vring_desc_state *state, uint16_t table)
{
	struct vring_split *s = &vvq->split;
	struct chain chain = {vring_table(&vvq->pool, table), NULL,
			      vring_table_mappings(&vvq->pool, table), 0, 0};
	int err = write_chain(vvq, req, &chain);

	if (unlikely(err)) {
		vring_table_put(&vvq->pool, table);
		return err;
	}
	write_desc(vvq, &s->desc[s->first_free], vring_table_addr(&vvq->pool, table),
		   req->total * (uint32_t)sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, 0);
	state->last = s->first_free;
	state->descs = 1;
	state->table = table;
	state->entries = (uint16_t)req->total;
	return 0;
}

/*
 * A short chain goes into the ring while at least half of the ring is free, because a table costs the
 * device a read and us a descriptor. A long one, or one in a ring that fills up, takes a table, so
 * that the ring holds a buffer per descriptor.
 */
static bool wants_table(const struct vring_virtqueue *vvq, unsigned int total)
{
	if (!vvq->indirect || total < 2 || total > VRING_TABLE_ENTRIES)
		return false;
	return total > 4 || vvq->vq.num_free < vvq->split.num / 2 + total;
}

static int place(struct vring_virtqueue *vvq, const struct vring_request *req,
		 struct vring_desc_state *state)
{
	if (vvq->vq.num_free && wants_table(vvq, req->total)) {
		uint16_t table = vring_table_get(&vvq->pool);

		if (table != VRING_NO_TABLE)
			return add_indirect(vvq, req, state, table);
	}
	if (unlikely(req->total > vvq->vq.num_free))
		return -ENOSPC;
	return add_direct(vvq, req, state);
}

int virtqueue_add_split(struct vring_virtqueue *vvq, const struct vring_request *req)
{
	struct vring_split *s = &vvq->split;
	uint16_t head = s->first_free;
	struct vring_desc_state *state = &s->state[head & (s->num - 1)];
	int err = place(vvq, req, state);

	if (unlikely(err))
		return err;
	state->data = req->data;
	state->ctx = req->ctx;
	state->in_len = req->in_len;
	s->first_free = s->next[state->last];
	vvq->vq.num_free -= state->descs;

	/* The device looks at this entry only once avail->idx has passed it: at the next kick. */
	s->avail->ring[s->avail_idx & (s->num - 1)] = vring16(vvq, head);
	s->avail_idx++;
	vvq->num_added++;
	vvq->in_flight++;
	return 0;
}

bool virtqueue_kick_prepare_split(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	uint16_t old = (uint16_t)(s->avail_idx - vvq->num_added);

	if (!vvq->num_added)
		return false;
	vvq->num_added = 0;

	/* Descriptors and ring entries before the index that makes them visible (2.7.13.3.1). */
	dma_wmb();
	WRITE_ONCE(s->avail->idx, vring16(vvq, s->avail_idx));

	/*
	 * The index before our look at what the device asks for (2.7.13.4.1). The device does
	 * the reverse: it asks for a notification, then looks at the index again. Without a full
	 * barrier on both sides each could miss the other, and the queue would sleep for ever.
	 */
	dma_mb();
	if (vvq->event_idx)
		return vring_need_event(vring16(vvq, READ_ONCE(*s->avail_event)), s->avail_idx,
					old);
	return !(vring16(vvq, READ_ONCE(s->used->flags)) & VRING_USED_F_NO_NOTIFY);
}

/* --- taking buffers back ---------------------------------------------------------------------- */

static void unmap_buf(struct vring_virtqueue *vvq, uint16_t head,
		      const struct vring_desc_state *state)
{
	struct vring_split *s = &vvq->split;
	struct chain chain = {s->desc, s->next, s->mappings, head, head};
	unsigned int count = state->descs;

	if (state->table != VRING_NO_TABLE) {
		chain = (struct chain){NULL, NULL, vring_table_mappings(&vvq->pool, state->table),
				       0, 0};
		count = state->entries;
	}
	unmap_chain(vvq, &chain, count);
}

/* Takes the buffer at @head out of the record: unmaps it and frees its descriptors and its table. */
static void detach_buf_split(struct vring_virtqueue *vvq, uint16_t head)
{
	struct vring_split *s = &vvq->split;
	struct vring_desc_state *state = &s->state[head];

	if (unlikely(vvq->use_map))
		unmap_buf(vvq, head, state);
	if (state->table != VRING_NO_TABLE)
		vring_table_put(&vvq->pool, state->table);
	s->next[state->last] = s->first_free;
	s->first_free = head;
	vvq->vq.num_free += state->descs;
	vvq->in_flight--;
	state->data = NULL;
}

/*
 * Whether a used entry waits, from our copy of the device's index where that is enough. A fresh index
 * must not run ahead of what is in flight.
 */
static bool used_available(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	uint16_t idx;

	if (s->last_used != s->device_used)
		return true;
	idx = vring16(vvq, READ_ONCE(s->used->idx));
	if (idx == s->last_used)
		return false;
	if (unlikely((uint16_t)(idx - s->last_used) > vvq->in_flight)) {
		vring_break(vvq, "used index went from %u to %u with %u in flight", s->last_used,
			    idx, vvq->in_flight);
		return false;
	}
	/* The index before the entries that it covers; pairs with the device's barrier. */
	dma_rmb();
	s->device_used = idx;
	return true;
}

/* Reads one used entry, once, and checks it. Returns the head, or -1 with the queue broken. */
static int read_used_elem(struct vring_virtqueue *vvq, unsigned int *len)
{
	struct vring_split *s = &vvq->split;
	struct vring_used_elem *elem = &s->used->ring[s->last_used & (s->num - 1)];
	uint32_t id = vring32(vvq, READ_ONCE(elem->id));
	uint32_t written = vring32(vvq, READ_ONCE(elem->len));

	if (unlikely(id >= s->num)) {
		vring_break(vvq, "used id %lu is out of range", (unsigned long)id);
		return -1;
	}
	if (unlikely(!s->state[id].data)) {
		vring_break(vvq, "used id %lu is not in flight", (unsigned long)id);
		return -1;
	}
	if (unlikely(written > s->state[id].in_len)) {
		/* Old legacy devices put any length here; it is to be ignored (2.7.8.1). */
		if (!vvq->legacy) {
			vring_break(vvq, "used length %lu is over the %lu offered",
				    (unsigned long)written, (unsigned long)s->state[id].in_len);
			return -1;
		}
		written = s->state[id].in_len;
	}
	*len = written;
	return (int)id;
}

void *virtqueue_get_buf_split(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	struct vring_split *s = &vvq->split;
	void *data;
	int head;

	if (!used_available(vvq))
		return NULL;
	head = read_used_elem(vvq, len);
	if (unlikely(head < 0))
		return NULL;

	data = s->state[head].data;
	if (ctx)
		*ctx = s->state[head].ctx;
	detach_buf_split(vvq, (uint16_t)head);
	s->last_used++;

	/* While interrupts are wanted, ask for the next one; see virtqueue_poll_split(). */
	if (vvq->callbacks && vvq->event_idx) {
		WRITE_ONCE(*s->used_event, vring16(vvq, s->last_used));
		dma_mb();
	}
	return data;
}

void *virtqueue_detach_unused_buf_split(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;

	for (; vvq->detached < s->num; vvq->detached++) {
		void *data = s->state[vvq->detached].data;

		if (data) {
			detach_buf_split(vvq, (uint16_t)vvq->detached);
			return data;
		}
	}
	return NULL;
}

/* --- interrupts --------------------------------------------------------------------------- */

void virtqueue_disable_cb_split(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;

	if (!vvq->callbacks)
		return;
	vvq->callbacks = false;
	/* With event index the flag must stay 0 (2.7.7.1): ask for an index that was just passed
	 * instead, which comes round again only after 65535 buffers. */
	if (vvq->event_idx)
		WRITE_ONCE(*s->used_event, vring16(vvq, (uint16_t)(s->last_used - 1)));
	else
		WRITE_ONCE(s->avail->flags, vring16(vvq, VRING_AVAIL_F_NO_INTERRUPT));
}

/* Asks for an interrupt when the device's index passes @event. */
static void enable_at(struct vring_virtqueue *vvq, uint16_t event)
{
	struct vring_split *s = &vvq->split;

	vvq->callbacks = true;
	if (vvq->event_idx)
		WRITE_ONCE(*s->used_event, vring16(vvq, event));
	else
		WRITE_ONCE(s->avail->flags, 0);
}

unsigned int virtqueue_enable_cb_prepare_split(struct vring_virtqueue *vvq)
{
	enable_at(vvq, vvq->split.last_used);
	return vvq->split.last_used;
}

bool virtqueue_poll_split(const struct vring_virtqueue *vvq, unsigned int last_used)
{
	/*
	 * Our wish for an interrupt before our look at the index. The device moves its index first, then
	 * looks whether we want an interrupt: with a full barrier on both sides, either it
	 * sees our wish or we see its buffer.
	 */
	dma_mb();
	return (uint16_t)last_used != vring16(vvq, READ_ONCE(vvq->split.used->idx));
}

bool virtqueue_enable_cb_delayed_split(struct vring_virtqueue *vvq)
{
	struct vring_split *s = &vvq->split;
	uint16_t wait_for = (uint16_t)(vvq->in_flight - vvq->in_flight / 4);
	uint16_t done;

	if (wait_for == 0)
		wait_for = 1;
	enable_at(vvq, (uint16_t)(s->last_used + wait_for - 1));
	dma_mb(); /* as in virtqueue_poll_split() */
	done = (uint16_t)(vring16(vvq, READ_ONCE(s->used->idx)) - s->last_used);
	return done < (vvq->event_idx ? wait_for : 1);
}
