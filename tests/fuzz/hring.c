/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a ring for the fuzz targets (VIRTIO 1.4, 2.7 and 2.8). All memory is reached
 * through fuzz_memory(), which knows what the driver has shared; all loops are bounded by the size
 * of the ring, because a descriptor may be one that the device itself has scribbled over.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hring.h"

#define F_NEXT	   1u
#define F_WRITE	   2u
#define F_INDIRECT 4u
#define F_AVAIL	   (1u << 7)
#define F_USED	   (1u << 15)

/* The descriptors of both formats as bytes of one kind. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t third, fourth; /* split: flags, next; packed: id, flags */
};

void hring_init(struct hring *r, bool packed, unsigned int size, uint64_t desc, uint64_t driver,
		uint64_t device)
{
	*r = (struct hring){.packed = packed, .size = size, .avail_wrap = true, .used_wrap = true};
	r->desc = desc;
	r->driver = driver;
	r->device = device;
}

static bool read_at(uint64_t addr, void *buf, size_t len)
{
	const void *memory = fuzz_memory(addr, len, false);

	if (memory)
		memcpy(buf, memory, len);
	return memory;
}

static void write_at(uint64_t addr, const void *buf, size_t len)
{
	void *memory = fuzz_memory(addr, len, true);

	if (memory)
		memcpy(memory, buf, len);
}

static void write16_at(uint64_t addr, uint16_t value)
{
	write_at(addr, &value, sizeof(value));
}

/* --- taking buffers --------------------------------------------------------------------------- */

static void add_seg(struct hchain *chain, const struct desc *d, bool writable)
{
	if (chain->nsegs == HRING_SEGS)
		return;
	chain->segs[chain->nsegs].addr = d->addr;
	chain->segs[chain->nsegs].len = d->len;
	chain->segs[chain->nsegs++].writable = writable;
	chain->writable += writable ? d->len : 0;
}

/* A table is walked in order; the links of a split one are as good as in order. */
static void add_table(const struct hring *r, struct hchain *chain, const struct desc *table)
{
	for (uint32_t at = 0; at + sizeof(struct desc) <= table->len; at += sizeof(struct desc)) {
		struct desc d;

		if (chain->nsegs == HRING_SEGS || !read_at(table->addr + at, &d, sizeof(d)))
			return;
		add_seg(chain, &d, (r->packed ? d.fourth : d.third) & F_WRITE);
	}
}

static void add_desc(const struct hring *r, struct hchain *chain, const struct desc *d)
{
	unsigned int flags = r->packed ? d->fourth : d->third;

	chain->descs++;
	if (flags & F_INDIRECT)
		add_table(r, chain, d);
	else
		add_seg(chain, d, flags & F_WRITE);
}

static bool pop_split(struct hring *r, struct hchain *chain)
{
	uint16_t idx, head;
	struct desc d;

	if (!read_at(r->driver + 2, &idx, sizeof(idx)) || idx == r->last_avail)
		return false;
	if (!read_at(r->driver + 4 + 2 * (r->last_avail % r->size), &head, sizeof(head)))
		return false;
	r->last_avail++;
	chain->id = head;
	do {
		if (!read_at(r->desc + sizeof(d) * (head % r->size), &d, sizeof(d)))
			break;
		add_desc(r, chain, &d);
		head = d.fourth;
	} while ((d.third & F_NEXT) && chain->descs < r->size);
	return true;
}

static void step(const struct hring *r, uint16_t *at, bool *wrap, unsigned int descs)
{
	unsigned int next = *at + descs % (r->size + 1);

	if (next >= r->size) {
		next -= r->size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)(next % r->size);
}

static bool pop_packed(struct hring *r, struct hchain *chain)
{
	uint16_t at = r->last_avail;
	bool wrap = r->avail_wrap;
	struct desc d;

	if (!read_at(r->desc + sizeof(d) * at, &d, sizeof(d)) || !!(d.fourth & F_AVAIL) != wrap ||
	    !!(d.fourth & F_USED) == wrap)
		return false;
	do {
		if (!read_at(r->desc + sizeof(d) * at, &d, sizeof(d)))
			break;
		add_desc(r, chain, &d);
		chain->id = d.third;
		step(r, &at, &wrap, 1);
	} while ((d.fourth & F_NEXT) && chain->descs < r->size);
	step(r, &r->last_avail, &r->avail_wrap, chain->descs);
	return true;
}

bool hring_pop(struct hring *r, struct hchain *chain)
{
	chain->descs = chain->nsegs = 0;
	chain->writable = 0;
	if (!r->size)
		return false;
	return r->packed ? pop_packed(r, chain) : pop_split(r, chain);
}

/* --- returning them ----------------------------------------------------------------------------- */

static void push_split(struct hring *r, uint32_t id, uint32_t len, unsigned int entries)
{
	uint32_t elem[2] = {id, len};

	write_at(r->device + 4 + sizeof(elem) * (r->used_at % r->size), elem, sizeof(elem));
	r->used_at = (uint16_t)(r->used_at + entries);
	write16_at(r->device + 2, r->used_at);
}

static void push_packed(struct hring *r, uint32_t id, uint32_t len, unsigned int descs)
{
	struct desc d = {0, len, (uint16_t)id, r->used_wrap ? F_AVAIL | F_USED : 0};

	/* The address stays as it is. */
	write_at(r->desc + sizeof(d) * r->used_at + 8, &d.len, sizeof(d) - 8);
	step(r, &r->used_at, &r->used_wrap, descs);
}

void hring_push(struct hring *r, uint32_t id, uint32_t len, unsigned int descs,
		unsigned int entries)
{
	if (!r->size)
		return;
	if (r->packed)
		push_packed(r, id, len, descs);
	else
		push_split(r, id, len, entries);
}

void hring_jump(struct hring *r, uint16_t by)
{
	if (r->packed) {
		write16_at(r->desc + sizeof(struct desc) * r->used_at + 14, by);
	} else {
		r->used_at = (uint16_t)(r->used_at + by);
		write16_at(r->device + 2, r->used_at);
	}
}

uint16_t hring_used_idx(const struct hring *r)
{
	uint16_t idx = 0;

	(void)read_at(r->device + 2, &idx, sizeof(idx));
	return idx;
}

void hring_suppress(struct hring *r, uint16_t flags, uint16_t event)
{
	if (r->packed) {
		write16_at(r->device, event);
		write16_at(r->device + 2, flags);
	} else {
		write16_at(r->device, flags);
		write16_at(r->device + 4 + 8 * (uint64_t)r->size, event);
	}
}

/* --- contents ----------------------------------------------------------------------------------- */

void hchain_put(const struct hchain *chain, uint32_t offset, uint8_t value)
{
	for (unsigned int i = 0; i < chain->nsegs; i++) {
		if (!chain->segs[i].writable)
			continue;
		if (offset < chain->segs[i].len) {
			write_at(chain->segs[i].addr + offset, &value, 1);
			return;
		}
		offset -= chain->segs[i].len;
	}
}

uint32_t hchain_read(const struct hchain *chain, void *buf, uint32_t len)
{
	uint32_t done = 0;

	for (unsigned int i = 0; i < chain->nsegs && done < len; i++) {
		uint32_t n = MIN(chain->segs[i].len, len - done);

		if (chain->segs[i].writable)
			continue;
		if (!read_at(chain->segs[i].addr, (uint8_t *)buf + done, n))
			break;
		done += n;
	}
	return done;
}

void hchain_fill(const struct hchain *chain, uint32_t len)
{
	for (uint32_t i = 0; i < len && fuzz_more(); i++)
		hchain_put(chain, i, fuzz_u8());
}
