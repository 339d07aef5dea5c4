/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk in memory behind the block device's requests (VIRTIO 1.4, 5.2.6). It makes no assumption
 * about how a request is cut into descriptors, except where the specification does.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"

#define SECTOR 512u

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { MAX_DISCARD = 36, MAX_ZEROES = 48 }; /* places of limits: on sectors, then on ranges */
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

static const struct refdev_field fields[] = {
	{0, 8, -1, REF_CONFIG_RO}, /* capacity */
	{8, 4, REF_BLK_F_SIZE_MAX, REF_CONFIG_RO},
	{12, 4, REF_BLK_F_SEG_MAX, REF_CONFIG_RO},
	{16, 2, REF_BLK_F_GEOMETRY, REF_CONFIG_RO},
	{18, 1, REF_BLK_F_GEOMETRY, REF_CONFIG_RO},
	{19, 1, REF_BLK_F_GEOMETRY, REF_CONFIG_RO},
	{20, 4, REF_BLK_F_BLK_SIZE, REF_CONFIG_RO},
	{24, 1, REF_BLK_F_TOPOLOGY, REF_CONFIG_RO},
	{25, 1, REF_BLK_F_TOPOLOGY, REF_CONFIG_RO},
	{26, 2, REF_BLK_F_TOPOLOGY, REF_CONFIG_RO},
	{28, 4, REF_BLK_F_TOPOLOGY, REF_CONFIG_RO},
	{32, 1, REF_BLK_F_WCE, REF_CONFIG_RW},
	{34, 2, REF_BLK_F_MQ, REF_CONFIG_RO},
	{MAX_DISCARD, 4, REF_BLK_F_DISCARD, REF_CONFIG_RO},
	{MAX_DISCARD + 4, 4, REF_BLK_F_DISCARD, REF_CONFIG_RO},
	{44, 4, REF_BLK_F_DISCARD, REF_CONFIG_RO},
	{MAX_ZEROES, 4, REF_BLK_F_ZEROES, REF_CONFIG_RO},
	{MAX_ZEROES + 4, 4, REF_BLK_F_ZEROES, REF_CONFIG_RO},
	{56, 1, REF_BLK_F_ZEROES, REF_CONFIG_RO},
	{92, 1, REF_BLK_F_ZONED, REF_CONFIG_RO}, /* the model */
};

struct refdev_blk *refdev_blk(struct refdev *dev)
{
	return dev->priv;
}

/* What a request's data looks like, for the limits that the device has set. */
static void check_segments(struct refdev *dev, const struct refdev_chain *c)
{
	struct refdev_blk *blk = dev->priv;
	unsigned int i, data = 0;

	for (i = 1; i + 1 < c->nsegs; i++) {
		data++;
		blk->max_seg_bytes = MAX(blk->max_seg_bytes, c->segs[i].len);
		if (refdev_negotiated(dev, REF_BLK_F_SIZE_MAX) &&
		    *(uint32_t *)(void *)(dev->config + 8) && /* 0: there are such devices */
		    c->segs[i].len > *(uint32_t *)(void *)(dev->config + 8))
			violation("blk: a segment of %u bytes, over size_max", c->segs[i].len);
	}
	blk->max_data_segs = MAX(blk->max_data_segs, data);
	if (refdev_negotiated(dev, REF_BLK_F_SEG_MAX) &&
	    data > *(uint32_t *)(void *)(dev->config + 12))
		violation("blk: %u segments, over seg_max", data);
}

static bool in_range(struct refdev_blk *blk, uint64_t sector, uint64_t bytes)
{
	if (bytes % SECTOR)
		violation("blk: %llu bytes of data (5.2.6.1#6)", (unsigned long long)bytes);
	if (sector <= blk->sectors && bytes / SECTOR <= blk->sectors - sector)
		return true;
	violation("blk: sector %llu is beyond the capacity (5.2.6.1#2)",
		  (unsigned long long)sector);
	return false;
}

static uint8_t do_in(struct refdev_blk *blk, const struct refdev_chain *c, uint64_t sector,
		     uint32_t *written)
{
	uint64_t bytes = c->writable - 1;

	blk->reads++;
	if (!in_range(blk, sector, bytes))
		return S_IOERR;
	*written = (uint32_t)refdev_write(c, 0, blk->disk + sector * SECTOR, bytes);
	return S_OK;
}

static uint8_t do_out(struct refdev *dev, const struct refdev_chain *c, uint64_t sector)
{
	struct refdev_blk *blk = dev->priv;
	uint64_t bytes = c->readable - 16;

	blk->writes++;
	if (!in_range(blk, sector, bytes) || (dev->offered & BIT_ULL(REF_BLK_F_RO)))
		return S_IOERR; /* 5.2.6.2#3 */
	refdev_read(c, 16, blk->disk + sector * SECTOR, bytes);
	return S_OK;
}

/* A discarded sector reads as something else than before (5.2.6.1#15); a zeroed one as zeroes (5.2.6.2#8). */
static uint8_t do_range(struct refdev_blk *blk, const struct refdev_blk_range *range)
{
	if (!in_range(blk, range->sector, (uint64_t)range->sectors * SECTOR))
		return S_IOERR;
	memset(blk->disk + range->sector * SECTOR, range->zeroes ? 0 : 0xdd,
	       (size_t)range->sectors * SECTOR);
	if (blk->nranges < REF_BLK_RANGES)
		blk->ranges[blk->nranges++] = *range;
	return S_OK;
}

static uint8_t do_ranges(struct refdev *dev, const struct refdev_chain *c, bool zeroes)
{
	const uint32_t *limits = (void *)(dev->config + (zeroes ? MAX_ZEROES : MAX_DISCARD));
	const uint64_t bytes = c->readable - 16;
	uint8_t status = S_OK;
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} wire;

	if (!refdev_negotiated(dev, zeroes ? REF_BLK_F_ZEROES : REF_BLK_F_DISCARD))
		violation("blk: a request without its feature");
	if (bytes % sizeof(wire) || !bytes || c->writable != 1)
		violation("blk: ranges of %llu bytes (5.2.6.1#7)", (unsigned long long)bytes);
	if (bytes / sizeof(wire) > limits[1])
		violation("blk: more ranges than %u (5.2.6.1#9, 5.2.6.1#11)", limits[1]);
	if (dev->offered & BIT_ULL(REF_BLK_F_RO))
		return S_IOERR;
	for (uint64_t at = 0; at + sizeof(wire) <= bytes && status == S_OK; at += sizeof(wire)) {
		struct refdev_blk_range range;

		refdev_read(c, 16 + at, &wire, sizeof(wire));
		range = (struct refdev_blk_range){wire.sector, wire.sectors, zeroes, wire.flags};
		if (wire.sectors > limits[0])
			violation("blk: a range of %u sectors, over %u", wire.sectors, limits[0]);
		if (wire.flags > zeroes) { /* 5.2.6.2#4, #5 */
			violation("blk: a range with flags %#x (5.2.6.1#14)", wire.flags);
			return S_UNSUPP;
		}
		status = do_range(dev->priv, &range);
	}
	return status;
}

static uint8_t execute(struct refdev *dev, const struct refdev_chain *c, uint32_t *written)
{
	struct refdev_blk *blk = dev->priv;
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;

	refdev_read(c, 0, &header, sizeof(header));
	switch (header.type) {
	case T_IN:
		return do_in(blk, c, header.sector, written);
	case T_OUT:
		return do_out(dev, c, header.sector);
	case T_FLUSH:
		blk->flushes++;
		if (header.sector || c->readable != 16 || c->writable != 1)
			violation("blk: a flush with sector or data (5.2.6.1#4, 5.2.6.1#5)");
		return S_OK;
	case T_GET_ID:
		blk->ids++;
		if (c->writable != sizeof(blk->id) + 1)
			violation("blk: GET_ID with %llu bytes (5.2.6.1#8)",
				  (unsigned long long)c->writable - 1);
		*written = (uint32_t)refdev_write(c, 0, blk->id, sizeof(blk->id));
		return S_OK;
	case T_DISCARD:
	case T_ZEROES:
		if (header.sector)
			violation("blk: a request for ranges with a sector");
		return do_ranges(dev, c, header.type == T_ZEROES);
	default:
		blk->unknown++;
		return S_UNSUPP;
	}
}

static void complete(struct refdev *dev, struct refdev_queue *q, const struct refdev_chain *c)
{
	struct refdev_blk *blk = dev->priv;
	uint32_t written = 0;
	uint8_t status;

	if (c->readable < 16 || c->writable < 1) {
		violation("blk: a request without header or status");
		refdev_push(q, c, 0);
		return;
	}
	check_segments(dev, c);
	if (blk->fail_count && blk->fail_status) {
		blk->fail_count--;
		status = blk->fail_status;
	} else {
		status = execute(dev, c, &written);
	}
	if (!blk->no_status)
		refdev_write(c, c->writable - 1, &status, 1);
	/* 2.7.8.2#2: only bytes from the first one on without a gap count. */
	if (written + 1 != c->writable)
		written = 0;
	refdev_push(q, c, blk->short_reads ? 1 : written + 1);
}

static void complete_held(struct refdev *dev, struct refdev_queue *q)
{
	struct refdev_blk *blk = dev->priv;
	unsigned int i, n = blk->inflight;

	blk->inflight = 0;
	for (i = 0; i < n; i++) {
		struct refdev_chain *c = blk->held[blk->reverse ? n - 1 - i : i];

		complete(dev, q, c);
		free(c);
	}
	refdev_interrupt(q);
}

static void process(struct refdev *dev, struct refdev_queue *q)
{
	struct refdev_blk *blk = dev->priv;
	struct refdev_chain *c = malloc(sizeof(*c));

	while (refdev_pop(q, c)) {
		blk->held[blk->inflight++] = c;
		blk->max_inflight = MAX(blk->max_inflight, blk->inflight);
		c = malloc(sizeof(*c));
		if (blk->inflight == REF_BLK_HELD || blk->inflight == blk->batch)
			complete_held(dev, q);
	}
	free(c);
	complete_held(dev, q);
}

static void reset(struct refdev *dev)
{
	struct refdev_blk *blk = dev->priv;

	while (blk && blk->inflight)
		free(blk->held[--blk->inflight]);
}

static void destroy(struct refdev *dev)
{
	struct refdev_blk *blk = dev->priv;

	reset(dev);
	free(blk->disk);
	free(blk);
}

static const struct refdev_type type = {
	.id = 2,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = process,
	.reset = reset,
	.free = destroy,
};

struct refdev *refdev_blk_new(uint32_t version, uint64_t sectors, uint64_t extra)
{
	const unsigned int queues = extra & BIT_ULL(REF_BLK_F_MQ) ? REFDEV_QUEUES : 1;
	struct refdev *dev = refdev_new(&type, version, queues, 128);
	struct refdev_blk *blk = calloc(1, sizeof(*blk));

	blk->disk = calloc(sectors, SECTOR);
	blk->sectors = sectors;
	memcpy(blk->id, "refdev-serial", 13);
	dev->priv = blk;
	dev->offered |= BIT_ULL(REF_BLK_F_FLUSH) | BIT_ULL(REF_BLK_F_BLK_SIZE) |
			BIT_ULL(REF_BLK_F_TOPOLOGY) | BIT_ULL(REF_BLK_F_SEG_MAX) | extra;
	dev->config_len = 96;
	refdev_set_config(dev, 0, sectors, 8);
	refdev_set_config(dev, 12, 126, 4);
	refdev_set_config(dev, 20, 512, 4);
	refdev_set_config(dev, 32, 1, 1);
	for (unsigned int at = MAX_DISCARD; at <= MAX_ZEROES; at += MAX_ZEROES - MAX_DISCARD) {
		refdev_set_config(dev, at, 64, 4);
		refdev_set_config(dev, at + 4, 1, 4);
	}
	refdev_set_config(dev, 44, 1, 4);
	refdev_set_config(dev, 34, queues, 2);
	return dev;
}
