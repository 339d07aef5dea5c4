/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's side of a ring, of either format, just good enough to take what the driver offers and
 * to return it. It checks nothing and believes nothing: what it finds where it has scribbled before
 * leads it nowhere but into its own memory. Returning the right things is up to who uses it.
 */
#ifndef TESTS_FUZZ_HRING_H
#define TESTS_FUZZ_HRING_H

#include "lib/util.h"

#define HRING_SEGS 48u

struct hring {
	bool packed;
	unsigned int size;
	uint64_t desc, driver, device; /* addresses of the three areas */
	uint16_t last_avail, used_at;  /* indexes (split) or places (packed) */
	bool avail_wrap, used_wrap;    /* of a packed ring */
};

struct hchain {
	uint16_t id;
	unsigned int descs; /* of the ring */
	unsigned int nsegs;
	uint32_t writable; /* bytes */
	struct {
		uint64_t addr;
		uint32_t len;
		bool writable;
	} segs[HRING_SEGS];
};

/* Starts at the beginning of a ring of @size with these areas. */
void hring_init(struct hring *r, bool packed, unsigned int size, uint64_t desc, uint64_t driver,
		uint64_t device);

/* Takes the next buffer that the driver has made available. Returns whether there was one. */
bool hring_pop(struct hring *r, struct hchain *chain);

/* Writes a used entry and moves on: by @descs descriptors (packed), by @entries (split). */
void hring_push(struct hring *r, uint32_t id, uint32_t len, unsigned int descs,
		unsigned int entries);

/* Moves the used index (split), or writes flags where the next used descriptor goes (packed). */
void hring_jump(struct hring *r, uint16_t by);

/* The used index that the driver sees (split), whoever has written it. */
uint16_t hring_used_idx(const struct hring *r);

/* Writes what the driver's notifications depend on: flags and event index. */
void hring_suppress(struct hring *r, uint16_t flags, uint16_t event);

/* Copies @len bytes of the input into the writable part of @chain. */
void hchain_fill(const struct hchain *chain, uint32_t len);

/* Copies up to @len bytes out of the readable part; returns how many there were. */
uint32_t hchain_read(const struct hchain *chain, void *buf, uint32_t len);

/* Writes one byte at @offset of the writable part. */
void hchain_put(const struct hchain *chain, uint32_t offset, uint8_t value);

#endif
