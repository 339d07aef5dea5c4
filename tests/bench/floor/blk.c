/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads. Each of the D requests in flight has its three descriptors, its buffer and its place in the
 * available ring for good: only the sector changes, and the index once for all D. The next D are sent
 * when all are back, so the order in which they come back does not matter.
 */
#include <inttypes.h>
#include <zlib.h>
#include "drivers/virtio/wire/virtio_blk.h"
#include "lib/machine.h"
#include "tests/bench/floor/floor.h"
#include "virtio/wire/virtio.h"

#define SECTOR_SHIFT   9
#define SEGMENTS       3u
#define DEPTH_MAX      64u
#define NEVER_WRITTEN  0xffu
#define LCG_MULTIPLIER 1664525u
#define LCG_INCREMENT  1013904223u

struct blk {
	struct ring ring;
	struct virtio_blk_outhdr *headers;
	uint8_t *statuses;
	uint8_t *data;
	uint32_t request_shift; /* log2 of sectors in a request */
	uint32_t
		random_shift; /* leaves as many bits of the generator as requests fit on the disk */
	uint32_t sector_mask;
};

static unsigned int log2_of(uint64_t value)
{
	return 63u - (unsigned int)__builtin_clzll(value);
}

/* Of the disk a power of two is read. */
static void read_capacity(struct blk *blk, const struct device *dev, const struct job *job)
{
	char *config = dev->base + VIRTIO_MMIO_CONFIG + VIRTIO_BLK_CONFIG_CAPACITY;
	uint64_t sectors = mmio_read32(config) | (uint64_t)mmio_read32(config + 4) << 32;
	unsigned int disk_shift;

	if (!job->bytes || job->bytes >> SECTOR_SHIFT << SECTOR_SHIFT != job->bytes ||
	    (job->bytes & (job->bytes - 1)))
		panic("%s: not a power of two of sectors", job->text);
	blk->request_shift = log2_of(job->bytes >> SECTOR_SHIFT);
	disk_shift = sectors ? MIN(log2_of(sectors), 31u) : 0;
	if (disk_shift <= blk->request_shift)
		panic("%s: the disk is too small", job->text);
	blk->random_shift = 32 - (disk_shift - blk->request_shift);
	blk->sector_mask = BIT(disk_shift) - 1;
}

static void describe(struct vring_desc *desc, const void *addr, uint32_t len, unsigned int flags,
		     unsigned int next)
{
	desc->addr = cpu_to_le64((uintptr_t)addr);
	desc->len = cpu_to_le32(len);
	desc->flags = cpu_to_le16(flags);
	desc->next = cpu_to_le16(next);
}

static void build_request(struct blk *blk, const struct job *job, unsigned int slot)
{
	unsigned int head = slot * SEGMENTS;

	blk->headers[slot].type = cpu_to_le32(VIRTIO_BLK_T_IN);
	blk->statuses[slot] = NEVER_WRITTEN;
	describe(&blk->ring.desc[head], &blk->headers[slot], sizeof(blk->headers[slot]),
		 VRING_DESC_F_NEXT, head + 1);
	describe(&blk->ring.desc[head + 1], blk->data + (size_t)slot * job->bytes, job->bytes,
		 VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, head + 2);
	describe(&blk->ring.desc[head + 2], &blk->statuses[slot], 1, VRING_DESC_F_WRITE, 0);
}

static void build_all(struct blk *blk, const struct job *job)
{
	blk->headers = floor_alloc(job->depth * sizeof(*blk->headers));
	blk->statuses = floor_alloc(job->depth);
	blk->data = floor_alloc((size_t)job->depth * job->bytes);
	for (unsigned int slot = 0; slot < job->depth; slot++)
		build_request(blk, job, slot);
	for (unsigned int i = 0; i < blk->ring.size; i++)
		blk->ring.avail->ring[i] = cpu_to_le16(i % job->depth * SEGMENTS);
}

/* The measured loop. */
static __always_inline void read_batches(const struct blk *blk, unsigned int batches,
					 unsigned int depth, bool random, enum wait how)
{
	const struct ring ring = blk->ring;
	struct virtio_blk_outhdr *end = blk->headers + depth;
	const uint32_t step = BIT(blk->request_shift), mask = blk->sector_mask;
	const uint32_t shift = blk->request_shift, random_shift = blk->random_shift;
	uint32_t state = 0;
	uint16_t idx = 0;

	while (batches--) {
		for (struct virtio_blk_outhdr *header = blk->headers; header < end; header++) {
			if (random) {
				state = state * LCG_MULTIPLIER + LCG_INCREMENT;
				header->sector =
					cpu_to_le64((uint64_t)(state >> random_shift) << shift);
			} else {
				header->sector = cpu_to_le64((uint64_t)state);
				state = (state + step) & mask;
			}
		}
		idx += (uint16_t)depth;
		/* Without EVENT_IDX nobody looks at it. */
		if (how != WAIT_POLL)
			ring_ask_interrupt(&ring, (uint16_t)(idx - 1));
		ring_publish(&ring, idx);
		ring_notify(&ring);
		ring_wait(&ring, idx, how);
	}
}

static __noinline void read_random(const struct blk *blk, unsigned int batches, unsigned int depth,
				   enum wait how)
{
	floor_specialise(how, read_batches, blk, batches, depth, true);
}

static __noinline void read_in_order(const struct blk *blk, unsigned int batches,
				     unsigned int depth, enum wait how)
{
	floor_specialise(how, read_batches, blk, batches, depth, false);
}

static void report(const struct blk *blk, const struct job *job)
{
	unsigned int bad = 0;

	dma_rmb();
	for (unsigned int slot = 0; slot < job->depth; slot++)
		bad += blk->statuses[slot] != VIRTIO_BLK_S_OK;
	floor_report(job, "used_idx=%u bad=%u sum=%08" PRIx32, blk->ring.used->idx, bad,
		     (uint32_t)crc32(crc32(0, NULL, 0), blk->data, job->depth * job->bytes));
}

void blk_run(const struct job *job)
{
	static struct blk blk;
	unsigned int batches;
	struct device dev;

	if (job->depth & (job->depth - 1) || job->depth > DEPTH_MAX)
		panic("%s: qd is a power of two up to %u", job->text, DEPTH_MAX);
	device_find(&dev, VIRTIO_ID_BLOCK, job->device);
	device_start(&dev, floor_features(job));
	read_capacity(&blk, &dev, job);
	ring_setup(&blk.ring, &dev, 0, DEPTH_MAX * 4);
	build_all(&blk, job);
	device_enable_irq(&dev, &blk.ring, job);
	device_ready(&dev);
	batches = (unsigned int)(job->count / job->depth);
	floor_begin(job);
	if (job->random)
		read_random(&blk, batches, job->depth, job->wait);
	else
		read_in_order(&blk, batches, job->depth, job->wait);
	floor_end();
	report(&blk, job);
	device_stop(&dev, &blk.ring);
}
