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

static uint64_t load(uint64_t addr, unsigned int width)
{
	const uint8_t *p = dma_test_access(addr, width, false);
	uint64_t value = 0;

	while (p && width-- > 0)
		value = value << 8 | p[width];
	return value;
}

static void store(uint64_t addr, uint64_t value, unsigned int width)
{
	uint8_t *p = dma_test_access(addr, width, true);
	unsigned int i;

	for (i = 0; p && i < width; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static struct desc load_desc(uint64_t table, unsigned int i)
{
	uint64_t at = table + (uint64_t)i * DESC_BYTES;
	struct desc d = {
		.addr = load(at, 8),
		.len = (uint32_t)load(at + 8, 4),
		.flags = (uint16_t)load(at + 12, 2),
		.next = (uint16_t)load(at + 14, 2),
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
		store(avail_event_at(q), want ? q->last_avail : (uint16_t)(q->last_avail - 1), 2);
	else
		store(q->device, !want, 2);
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
	if (load(q->device, 2) || load(q->device + 2, 2))
		violation("split: the used ring does not start as zero (2.7.10.1#1)");
	q->last_avail = 0;
	q->used_idx = 0;
	q->signalled_used = 0;
	q->lied = false;
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
	bool writable = d->flags & DESC_WRITE;
	struct refdev_seg *seg = &chain->segs[chain->nsegs];

	if (chain->nsegs == REFDEV_MAX_SEGS || chain->nsegs == q->size) {
		violation("split: a chain longer than the queue (2.7.5.3.1#3)");
		return false;
	}
	if (!writable && chain->writable)
		violation("split: a readable descriptor after a writable one (2.7.4.2#1)");
	if (d->len == 0)
		violation("split: an empty descriptor");
	if (!dma_test_access(d->addr, d->len, writable))
		return false;
	seg->addr = d->addr;
	seg->len = d->len;
	seg->writable = writable;
	chain->nsegs++;
	*(writable ? &chain->writable : &chain->readable) += d->len;
	if (chain->readable + chain->writable > 1ull << 32)
		violation("split: a chain of more than 2^32 bytes (2.7.5.2#1)");
	return true;
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
		struct desc e = load_desc(d->addr, i);

		if (e.flags & ~(DESC_NEXT | DESC_WRITE))
			violation("split: flags %#x within an indirect table (2.7.5.3.1#2)",
				  e.flags);
		if (!add_seg(q, chain, &e))
			return false;
		if (!(e.flags & DESC_NEXT))
			return true;
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
		d = load_desc(q->desc, i);
		if (d.flags & ~(DESC_NEXT | DESC_WRITE | DESC_INDIRECT))
			violation("split: descriptor flags %#x", d.flags);
		if (d.flags & DESC_INDIRECT)
			return walk_indirect(q, chain, &d);
		if (!add_seg(q, chain, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		i = d.next;
	}
}

static void check_avail_flags(struct refdev_queue *q)
{
	uint16_t flags = (uint16_t)load(q->driver, 2);

	if (q->event_idx ? flags != 0 : flags > 1)
		violation("split: available ring flags %#x (2.7.7.1#%d)", flags,
			  q->event_idx ? 3 : 1);
}

static uint16_t available(struct refdev_queue *q)
{
	uint16_t n = (uint16_t)(load(q->driver + 2, 2) - q->last_avail);

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
	chain->id = (uint16_t)load(slot, 2);
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

	store(slot, id, 4);
	store(slot + 4, len, 4);
	q->used_idx++;
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
	uint16_t end = (uint16_t)load(q->driver + 2, 2), i;

	for (i = q->last_avail; i != end; i++)
		if (load(q->driver + 4 + 2ull * (i % q->size), 2) == id)
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

static void split_push(struct refdev_queue *q, const struct refdev_chain *chain, uint32_t len)
{
	enum refdev_lie lie = q->lie;
	uint32_t id = chain->id;
	uint16_t idx;

	release(q, chain);
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
	if (lie == LIE_IDX_JUMP)
		idx = (uint16_t)(q->last_avail + q->size + 1);
	if (lie == LIE_IDX_BACK)
		idx = (uint16_t)(q->used_idx - 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	store(q->device + 2, idx, 2);
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
		return !(load(q->driver, 2) & 1);
	event = (uint16_t)load(used_event_at(q), 2);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

const struct refdev_ring_ops refdev_split_ops = {
	.name = "split",
	.enable = split_enable,
	.disable = split_disable,
	.pop = split_pop,
	.push = split_push,
	.wants_interrupt = wants_interrupt,
	.want_notify = want_notify,
};
