/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device side of a packed virtqueue (VIRTIO 1.4, 2.8). Places in the ring are counted from the
 * beginning and never wrap: the descriptor and the wrap counter follow from the count, by a
 * division, so that nothing here resembles the arithmetic that it is there to test.
 *
 * It checks what the driver puts into the ring: chains are available as a whole, ids are unique, tables
 * hold no flags but WRITE, and a descriptor stays as it is from being made available to its use.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/dma_test.h"
#include "tests/device/refdev.h"
#include "tests/device/violation.h"

/* 2.8.13 */
#define DESC_BYTES    16u
#define DESC_NEXT     0x0001u
#define DESC_WRITE    0x0002u
#define DESC_INDIRECT 0x0004u
#define DESC_AVAIL    0x0080u
#define DESC_USED     0x8000u

/* 2.8.14 */
#define EVENT_ENABLE  0u
#define EVENT_DISABLE 1u
#define EVENT_DESC    2u
#define EVENT_WRAP    0x8000u

struct refdev_packed {
	bool id_taken[65536];
	uint16_t skipped[32768];      /* ids of a batch whose end is not told yet */
	uint8_t copies[][DESC_BYTES]; /* of what the driver made available, by descriptor */
};

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

static uint64_t desc_at(const struct refdev_queue *q, uint64_t place)
{
	return q->desc + place % q->size * DESC_BYTES;
}

/* The wrap counter of the round of @place: 1 in the first, then in turn (2.8.1). */
static bool wrap_at(const struct refdev_queue *q, uint64_t place)
{
	return place / q->size % 2 == 0;
}

static struct desc load_desc(const struct refdev_queue *q, uint64_t at)
{
	struct desc d = {
		.addr = refdev_load(q, at, 8),
		.len = (uint32_t)refdev_load(q, at + 8, 4),
		.id = (uint16_t)refdev_load(q, at + 12, 2),
		.flags = (uint16_t)refdev_load(q, at + 14, 2),
	};

	return d;
}

static bool is_available(const struct refdev_queue *q, uint64_t place)
{
	uint16_t flags = (uint16_t)refdev_load(q, desc_at(q, place) + 14, 2);

	return !(flags & DESC_AVAIL) != wrap_at(q, place) &&
	       !(flags & DESC_USED) == wrap_at(q, place);
}

/* A place as event structures and notification data have it. */
static uint16_t off_wrap(const struct refdev_queue *q, uint64_t place)
{
	return (uint16_t)(place % q->size | (wrap_at(q, place) ? EVENT_WRAP : 0));
}

/* --- life ------------------------------------------------------------------------------------- */

static void want_notify(struct refdev_queue *q, bool want)
{
	uint16_t flags = !want ? EVENT_DISABLE : q->event_idx ? EVENT_DESC : EVENT_ENABLE;

	refdev_store(q, q->device, off_wrap(q, q->avail_place), 2);
	refdev_store(q, q->device + 2, flags, 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void packed_enable(struct refdev_queue *q)
{
	uint32_t i;

	if (q->size == 0 || q->size > 32768)
		violation("packed: queue size %u", q->size);
	if (q->desc % 16 || q->driver % 4 || q->device % 4)
		violation("packed: areas at %#llx %#llx %#llx are not aligned (2.8.11#1)",
			  (unsigned long long)q->desc, (unsigned long long)q->driver,
			  (unsigned long long)q->device);
	if (!dma_test_access(q->desc, (size_t)q->size * DESC_BYTES, true) ||
	    !dma_test_access(q->driver, 4, false) || !dma_test_access(q->device, 4, true))
		violation("packed: an area is not the device's to use");
	for (i = 0; i < q->size; i++)
		if (refdev_load(q, desc_at(q, i) + 14, 2) & (DESC_AVAIL | DESC_USED))
			violation("packed: descriptor %u does not start as zero (2.8.1)", i);
	q->avail_place = q->used_place = q->signalled_place = 0;
	q->packed = calloc(1, sizeof(*q->packed) + (size_t)q->size * DESC_BYTES);
	want_notify(q, !q->suppress_notify);
}

static void packed_disable(struct refdev_queue *q)
{
	free(q->packed);
	q->packed = NULL;
}

/* --- buffers the driver makes available --------------------------------------------------------- */

static bool walk_table(struct refdev_queue *q, struct refdev_chain *chain, const struct desc *d)
{
	uint32_t i;

	if (!q->indirect)
		violation("packed: an indirect table without the feature (2.8.19#1)");
	if (d->len == 0 || d->len % DESC_BYTES) {
		violation("packed: an indirect table of %u bytes", d->len);
		return false;
	}
	if (!dma_test_access(d->addr, d->len, false))
		return false;
	for (i = 0; i < d->len / DESC_BYTES; i++) {
		struct desc e = load_desc(q, d->addr + (uint64_t)i * DESC_BYTES);

		if (e.flags & ~DESC_WRITE)
			violation("packed: flags %#x within an indirect table (2.8.19#2)", e.flags);
		if (!refdev_add_seg(q, chain, e.addr, e.len, e.flags & DESC_WRITE))
			return false;
	}
	return true;
}

/* Takes the descriptor at avail_place, the next one of @chain. */
static bool take_desc(struct refdev_queue *q, struct refdev_chain *chain, struct desc *d)
{
	uint64_t at = desc_at(q, q->avail_place);
	const void *mem = dma_test_access(at, DESC_BYTES, false);

	if (q->avail_place - q->used_place == q->size) {
		violation("packed: a chain longer than the ring has room (2.8.17#5)");
		return false;
	}
	if (!is_available(q, q->avail_place)) {
		violation("packed: the head is available before the rest of its chain (2.8.17#6)");
		return false;
	}
	*d = load_desc(q, at);
	if (d->flags & ~(DESC_NEXT | DESC_WRITE | DESC_INDIRECT | DESC_AVAIL | DESC_USED))
		violation("packed: descriptor flags %#x", d->flags);
	memcpy(q->packed->copies[q->avail_place % q->size], mem, DESC_BYTES);
	q->avail_place++;
	chain->descriptors++;
	return true;
}

static bool walk(struct refdev_queue *q, struct refdev_chain *chain)
{
	struct desc d;

	do {
		if (!take_desc(q, chain, &d))
			return false;
		if (!(d.flags & DESC_INDIRECT)) {
			if (!refdev_add_seg(q, chain, d.addr, d.len, d.flags & DESC_WRITE))
				return false;
			continue;
		}
		if ((d.flags & DESC_NEXT) || chain->descriptors > 1)
			violation("packed: INDIRECT within a chain (2.8.19#4)");
		if (!walk_table(q, chain, &d))
			return false;
	} while (d.flags & DESC_NEXT);
	chain->id = d.id; /* 2.8.6: that of the last descriptor counts */
	if (q->packed->id_taken[chain->id])
		violation("packed: id %u names two buffers", chain->id);
	q->packed->id_taken[chain->id] = true;
	return true;
}

static bool something_available(const struct refdev_queue *q)
{
	return q->avail_place - q->used_place < q->size && is_available(q, q->avail_place);
}

static bool packed_pop(struct refdev_queue *q, struct refdev_chain *chain)
{
	if (!something_available(q)) {
		/* Ask first, look again after: what came in between would not be announced. */
		want_notify(q, !q->suppress_notify);
		if (!something_available(q))
			return false;
	}
	chain->descriptors = 0;
	chain->nsegs = 0;
	chain->readable = chain->writable = 0;
	return walk(q, chain);
}

/* 2.8.16#3: the first descriptor that the driver has not made available yet. */
static uint16_t packed_next_offset(const struct refdev_queue *q)
{
	uint64_t place = q->avail_place;

	while (place - q->used_place < q->size && is_available(q, place))
		place++;
	return off_wrap(q, place);
}

/* --- buffers the device returns ------------------------------------------------------------------- */

/* Gives @count descriptors back, which must be as they were made available (2.8.16#2). */
static void check_unchanged(struct refdev_queue *q, unsigned int count)
{
	uint64_t place;

	for (place = q->used_place; place < q->used_place + count; place++) {
		const void *mem = dma_test_access(desc_at(q, place), DESC_BYTES, false);

		if (mem && memcmp(mem, q->packed->copies[place % q->size], DESC_BYTES))
			violation("packed: descriptor %u changed while the device had it (2.8.16)",
				  (unsigned int)(place % q->size));
	}
}

/* Writes a used descriptor at @place: all of it, then the flags. */
static void write_used(struct refdev_queue *q, uint64_t place, uint16_t id, uint32_t len,
		       unsigned int flags)
{
	uint64_t at = desc_at(q, place);

	flags |= wrap_at(q, place) ? DESC_AVAIL | DESC_USED : 0;
	refdev_store(q, at + 8, len, 4);
	refdev_store(q, at + 12, id, 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	refdev_store(q, at + 14, flags, 2);
}

/* An id below the size of a buffer that the device does not have. */
static uint16_t not_in_flight(const struct refdev_queue *q, uint16_t id)
{
	bool waiting[65536] = {false};
	uint64_t place;
	uint32_t i;

	for (place = q->avail_place; place - q->used_place < q->size && is_available(q, place);
	     place++)
		waiting[refdev_load(q, desc_at(q, place) + 12, 2)] = true;
	for (i = 0; i < q->size; i++)
		if (!q->packed->id_taken[i] && i != id && !waiting[i])
			return (uint16_t)i;
	return (uint16_t)q->size;
}

/* Puts the used descriptor of @chain in the ring, with a lie. */
static void tell_lie(struct refdev_queue *q, const struct refdev_chain *chain, enum refdev_lie lie)
{
	unsigned int flags = DESC_WRITE;
	uint64_t place = q->used_place;
	uint16_t id = chain->id;
	uint32_t len = (uint32_t)chain->writable;

	if (lie == LIE_ID_RANGE)
		id = (uint16_t)q->size;
	if (lie == LIE_ID_NOT_OUTSTANDING)
		id = not_in_flight(q, id);
	if (lie == LIE_LEN)
		len++;
	if (lie == LIE_LEN_MAX)
		len = UINT32_MAX;
	if (lie == LIE_WRAP)
		place += q->size;
	if (lie == LIE_IDX_JUMP)
		place += 1;
	if (lie == LIE_IDX_BACK) /* in the first round there is none before the first */
		place += place ? -1ull : q->size - 1ull;
	write_used(q, place, id, len, flags);
	if (lie == LIE_ID_DUPLICATE)
		write_used(q, q->used_place + q->batch_descs + chain->descriptors, id, len, flags);
}

static void packed_skip(struct refdev_queue *q, const struct refdev_chain *chain)
{
	q->packed->skipped[q->batch_buffers++] = chain->id;
	q->batch_descs += chain->descriptors;
}

/* The ids of @chain and of the batch that it ends may be used again. */
static void free_ids(struct refdev_queue *q, const struct refdev_chain *chain)
{
	q->packed->id_taken[chain->id] = false;
	while (q->batch_buffers)
		q->packed->id_taken[q->packed->skipped[--q->batch_buffers]] = false;
}

static void packed_push(struct refdev_queue *q, const struct refdev_chain *chain, uint32_t len)
{
	enum refdev_lie lie = q->lie;

	q->lie = LIE_NONE;
	if (!q->lied)
		check_unchanged(q, q->batch_descs + chain->descriptors);
	if (lie != LIE_NONE)
		tell_lie(q, chain, lie);
	else if (!q->lied) /* the length says nothing where nothing was written (2.8.4) */
		write_used(q, q->used_place, chain->id, chain->writable ? len : 0xdeadbeef,
			   chain->writable ? DESC_WRITE : 0);
	q->lied |= lie != LIE_NONE;
	free_ids(q, chain);
	q->used_place += q->batch_descs + chain->descriptors;
	q->batch_descs = 0;
}

/* 2.8.10: whether what was used since the last time contains what the driver waits for. */
static bool wants_interrupt(struct refdev_queue *q)
{
	uint64_t old = q->signalled_place, cycle = 2ull * q->size, event;
	uint16_t flags, at;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = (uint16_t)refdev_load(q, q->driver + 2, 2);
	if (flags > (q->event_idx ? EVENT_DESC : EVENT_DISABLE))
		violation("packed: event flags %#x (2.8.14)", flags);
	q->signalled_place = q->used_place;
	if (q->used_place == old || flags == EVENT_DISABLE)
		return false;
	if (flags == EVENT_ENABLE)
		return true;
	at = (uint16_t)refdev_load(q, q->driver, 2);
	event = at & (EVENT_WRAP - 1u);
	if (event >= q->size)
		violation("packed: an event at descriptor %u of %u", at & 0x7fffu, q->size);
	if (!(at & EVENT_WRAP))
		event += q->size;
	return (event + cycle - old % cycle) % cycle < q->used_place - old;
}

const struct refdev_ring_ops refdev_packed_ops = {
	.name = "packed",
	.enable = packed_enable,
	.disable = packed_disable,
	.pop = packed_pop,
	.push = packed_push,
	.skip = packed_skip,
	.next_offset = packed_next_offset,
	.wants_interrupt = wants_interrupt,
	.want_notify = want_notify,
};
