/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device side of a split virtqueue (VIRTIO 1.4, 2.7). It reads the driver's areas through
 * the DMA address space, and checks what the driver puts there: each descriptor belongs to one
 * outstanding buffer at most and does not change while it does, chains end, readable pieces come
 * first, indirect tables are used by their rules, and the available index moves forward only.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/dma_test.h"
#include "tests/device/refdev.h"
#include "tests/device/violation.h"

/* 2.7.5 */
#define DESC_BYTES    16u
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

#define NOBODY 0xffffffffu

/* What we remember of each descriptor of the ring. */
struct refdev_desc_state {
	uint32_t owner; /* the head of the outstanding buffer that it is a part of */
	uint8_t copy[DESC_BYTES];
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct desc load_desc(const struct refdev_queue *q, uint64_t table, unsigned int i)
{
	uint64_t at = table + (uint64_t)i * DESC_BYTES;
	struct desc d = {
		.addr = refdev_load(q, at, 8),
		.len = (uint32_t)refdev_load(q, at + 8, 4),
		.flags = (uint16_t)refdev_load(q, at + 12, 2),
		.next = (uint16_t)refdev_load(q, at + 14, 2),
	};

	return d;
}

/* --- layout -------------------------------------------------------------------------------- */

static uint64_t used_event_at(const struct refdev_queue *q)
{
	return q->driver + 4 + 2ull * q->size;
}

static uint64_t avail_event_at(const struct refdev_queue *q)
{
	return q->device + 4 + 8ull * q->size;
}

static void want_notify(struct refdev_queue *q, bool want)
{
	if (q->event_idx)
		refdev_store(q, avail_event_at(q),
			     want ? q->last_avail : (uint16_t)(q->last_avail - 1), 2);
	else
		refdev_store(q, q->device, !want, 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void split_enable(struct refdev_queue *q)
{
	uint32_t i;

	if (q->size == 0 || (q->size & (q->size - 1)) || q->size > 32768)
		violation("split: queue size %u is not a power of two up to 32768", q->size);
	if (q->desc % 16 || q->driver % 2 || q->device % 4)
		violation("split: areas at %#llx %#llx %#llx are not aligned (2.7.1)",
			  (unsigned long long)q->desc, (unsigned long long)q->driver,
			  (unsigned long long)q->device);
	if (!dma_test_access(q->desc, (size_t)q->size * DESC_BYTES, false) ||
	    !dma_test_access(q->driver, 6 + 2 * (size_t)q->size, false) ||
	    !dma_test_access(q->device, 6 + 8 * (size_t)q->size, true))
		violation("split: an area is not the device's to use");
	if (refdev_load(q, q->device, 2) || refdev_load(q, q->device + 2, 2))
		violation("split: the used ring does not start as zero (2.7.10.1#1)");
	q->last_avail = 0;
	q->used_idx = 0;
	q->signalled_used = 0;
	q->next_in_order = 0;
	q->state = calloc(q->size, sizeof(*q->state));
	for (i = 0; i < q->size; i++)
		q->state[i].owner = NOBODY;
	if (q->suppress_notify)
		want_notify(q, false);
}

static void split_disable(struct refdev_queue *q)
{
	free(q->state);
	q->state = NULL;
}

/* --- buffers the driver makes available ------------------------------------------------------ */

static bool add_seg(struct refdev_queue *q, struct refdev_chain *chain, const struct desc *d)
{
	return refdev_add_seg(q, chain, d->addr, d->len, d->flags & DESC_WRITE);
}

/* 2.7.5.3.1#5, 2.7.5.2#2: with VIRTIO_F_IN_ORDER chains lie in a row. */
static void check_in_order_next(const struct refdev_queue *q, const struct desc *d, uint32_t i,
				uint32_t wanted)
{
	if (q->in_order && (d->flags & DESC_NEXT) && d->next != wanted)
		violation("split: next is %u at %u, in order wants %u (2.7.5.2#2)", d->next, i,
			  wanted);
}

static bool walk_indirect(struct refdev_queue *q, struct refdev_chain *chain, const struct desc *d)
{
	uint32_t entries = d->len / DESC_BYTES, i = 0, steps;

	if (!q->indirect)
		violation("split: an indirect table without the feature (2.7.5.3.1#1)");
	if (d->flags & DESC_NEXT)
		violation("split: INDIRECT with NEXT (2.7.5.3.1#4)");
	if (d->len == 0 || d->len % DESC_BYTES) {
		violation("split: an indirect table of %u bytes", d->len);
		return false;
	}
	if (!dma_test_access(d->addr, d->len, false))
		return false;
	for (steps = 0; steps < entries; steps++) {
		struct desc e = load_desc(q, d->addr, i);

		if (e.flags & ~(DESC_NEXT | DESC_WRITE))
			violation("split: flags %#x within an indirect table (2.7.5.3.1#2)",
				  e.flags);
		if (!add_seg(q, chain, &e))
			return false;
		if (!(e.flags & DESC_NEXT))
			return true;
		check_in_order_next(q, &e, i, i + 1);
		i = e.next;
		if (i >= entries)
			break;
	}
	violation("split: an indirect chain that leaves its table or loops");
	return false;
}

/* Notes that descriptor @i belongs to the buffer @head now. */
static bool claim(struct refdev_queue *q, uint32_t head, uint32_t i)
{
	struct refdev_desc_state *s = &q->state[i];
	const void *mem;

	if (s->owner != NOBODY) {
		violation("split: descriptor %u is used twice: by buffer %u and by %u", i, s->owner,
			  head);
		return false;
	}
	mem = dma_test_access(q->desc + (uint64_t)i * DESC_BYTES, DESC_BYTES, false);
	if (!mem)
		return false;
	s->owner = head;
	memcpy(s->copy, mem, DESC_BYTES);
	return true;
}

static bool walk(struct refdev_queue *q, struct refdev_chain *chain)
{
	uint32_t i = chain->id;

	for (;;) {
		struct desc d;

		if (i >= q->size) {
			violation("split: descriptor %u of %u", i, q->size);
			return false;
		}
		if (!claim(q, chain->id, i))
			return false;
		chain->descriptors++;
		d = load_desc(q, q->desc, i);
		if (d.flags & ~(DESC_NEXT | DESC_WRITE | DESC_INDIRECT))
			violation("split: descriptor flags %#x", d.flags);
		if (d.flags & DESC_INDIRECT)
			return walk_indirect(q, chain, &d);
		if (!add_seg(q, chain, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		check_in_order_next(q, &d, i, (i + 1) % q->size);
		i = d.next;
	}
}

static void check_avail_flags(struct refdev_queue *q)
{
	uint16_t flags = (uint16_t)refdev_load(q, q->driver, 2);

	if (q->event_idx ? flags != 0 : flags > 1)
		violation("split: available ring flags %#x (2.7.7.1#%d)", flags,
			  q->event_idx ? 3 : 1);
}

static uint16_t available(struct refdev_queue *q)
{
	uint16_t n = (uint16_t)(refdev_load(q, q->driver + 2, 2) - q->last_avail);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (n > q->size) {
		violation("split: the available index moved by %u in a queue of %u (2.7.6.1#1)", n,
			  q->size);
		return 0;
	}
	return n;
}

static bool split_pop(struct refdev_queue *q, struct refdev_chain *chain)
{
	uint64_t slot;

	check_avail_flags(q);
	if (!available(q)) {
		/* Ask first, look again after: what came in between would not be announced. */
		want_notify(q, !q->suppress_notify);
		if (!available(q))
			return false;
	}
	slot = q->driver + 4 + 2ull * (q->last_avail % q->size);
	chain->id = (uint16_t)refdev_load(q, slot, 2);
	chain->descriptors = 0;
	chain->nsegs = 0;
	chain->readable = chain->writable = 0;
	q->last_avail++;
	return walk(q, chain);
}

/* --- buffers the device returns -------------------------------------------------------------- */

static void put_used(struct refdev_queue *q, uint32_t id, uint32_t len)
{
	uint64_t slot = q->device + 4 + 8ull * (q->used_idx % q->size);

	refdev_store(q, slot, id, 4);
	refdev_store(q, slot + 4, len, 4);
	/* 2.7.12: an entry stands for a batch, and takes as many places. */
	q->used_idx = (uint16_t)(q->used_idx + 1 + q->batch_buffers);
	q->batch_buffers = 0;
}

/* Gives back the descriptors of buffer @head, which must be as they were. */
static void release(struct refdev_queue *q, const struct refdev_chain *chain)
{
	uint32_t i, left = chain->descriptors;

	for (i = 0; i < q->size && left; i++) {
		/* The chain is short and the table long: walk from the head, wrapping. */
		uint32_t n = (chain->id + i) % q->size;
		const void *mem;

		if (q->state[n].owner != chain->id)
			continue;
		mem = dma_test_access(q->desc + (uint64_t)n * DESC_BYTES, DESC_BYTES, false);
		if (mem && memcmp(mem, q->state[n].copy, DESC_BYTES))
			violation("split: descriptor %u changed while the device had it", n);
		q->state[n].owner = NOBODY;
		left--;
	}
}

/* Whether buffer @id is available, and not taken yet. */
static bool is_waiting(const struct refdev_queue *q, uint32_t id)
{
	uint16_t end = (uint16_t)refdev_load(q, q->driver + 2, 2), i;

	for (i = q->last_avail; i != end; i++)
		if (refdev_load(q, q->driver + 4 + 2ull * (i % q->size), 2) == id)
			return true;
	return false;
}

/* A descriptor at which no buffer starts that the driver has offered, other than @id. */
static uint32_t not_a_head(const struct refdev_queue *q, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < q->size; i++)
		if (q->state[i].owner != i && i != id && !is_waiting(q, i))
			return i;
	return q->size;
}

/* 6.2#5: the device itself, that is the test, keeps the order. */
static void check_order(struct refdev_queue *q, const struct refdev_chain *chain)
{
	uint64_t slot = q->driver + 4 + 2ull * (q->next_in_order++ % q->size);

	if (q->in_order && refdev_load(q, slot, 2) != chain->id)
		violation("test: buffer %u is used out of order", chain->id);
}

/* The next push returns this one as well. */
static void split_skip(struct refdev_queue *q, const struct refdev_chain *chain)
{
	release(q, chain);
	check_order(q, chain);
	q->batch_buffers++;
}

static uint16_t split_next_offset(const struct refdev_queue *q)
{
	return (uint16_t)refdev_load(q, q->driver + 2, 2);
}

static void split_push(struct refdev_queue *q, const struct refdev_chain *chain, uint32_t len)
{
	enum refdev_lie lie = q->lie;
	uint32_t id = chain->id;
	uint16_t idx;

	release(q, chain);
	check_order(q, chain);
	if (q->lied) /* or the truth would cover the lie before the driver looks */
		return;
	q->lied = lie != LIE_NONE;
	q->lie = LIE_NONE;
	if (lie == LIE_ID_RANGE)
		id = q->size;
	if (lie == LIE_ID_NOT_OUTSTANDING)
		id = not_a_head(q, id);
	if (lie == LIE_LEN)
		len = (uint32_t)chain->writable + 1;
	if (lie == LIE_LEN_MAX)
		len = UINT32_MAX;
	put_used(q, id, len);
	if (lie == LIE_ID_DUPLICATE)
		put_used(q, id, len);
	idx = q->used_idx;
	if (lie == LIE_BATCH) /* the entry's batch reaches beyond the index */
		idx = (uint16_t)(q->used_idx - 1);
	if (lie == LIE_IDX_JUMP)
		idx = (uint16_t)(q->last_avail + q->size + 1);
	if (lie == LIE_IDX_BACK)
		idx = (uint16_t)(q->used_idx - 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	refdev_store(q, q->device + 2, idx, 2);
}

/* 2.7.7.2; used_event is compared as the specification's own example does, modulo 2^16. */
static bool wants_interrupt(struct refdev_queue *q)
{
	uint16_t old = q->signalled_used, new = q->used_idx, event;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	check_avail_flags(q);
	q->signalled_used = new;
	if (new == old)
		return false;
	if (!q->event_idx)
		return !(refdev_load(q, q->driver, 2) & 1);
	event = (uint16_t)refdev_load(q, used_event_at(q), 2);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

const struct refdev_ring_ops refdev_split_ops = {
	.name = "split",
	.enable = split_enable,
	.disable = split_disable,
	.pop = split_pop,
	.push = split_push,
	.skip = split_skip,
	.next_offset = split_next_offset,
	.wants_interrupt = wants_interrupt,
	.want_notify = want_notify,
};
