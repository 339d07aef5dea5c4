/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of slots, each with a request and a buffer, and by turns on the queues of the disk. Chunk number n of the disk always uses slot
 * n % SLOTS, so "in the order of the disk" is simply "slot after slot". The completion, in
 * interrupt context, only marks its slot and wakes us; the sum is long work and is
 * made in thread context, while the device fills the other buffers.
 *
 * Buffers belong to the device until their request is over. Where it never is, they are left to it:
 * a little lost memory is better than a device that writes into somebody else's.
 */
#include <errno.h>
#include <inttypes.h>
#include <zlib.h>
#include "apps/shell/blksum.h"
#include "lib/pages.h"
#include "lib/timer.h"

#define SLOTS	      16u
#define CHUNK_SECTORS 128u /* 64 KiB */
#define BLOCK_MAX     CHUNK_SECTORS
#define PROGRESS_NS   (30 * NSEC_PER_SEC)
#define BUFFER_BYTES  (CHUNK_SECTORS * VIRTIO_BLK_SECTOR_SIZE)

struct summer;

struct slot {
	struct virtio_blk_request req;
	struct summer *summer;
	bool done; /* written by the completion */
};

struct summer {
	struct slot slots[SLOTS];
	struct shell *sh;
	struct virtio_blk *blk;
	unsigned int queues;
	struct port_event event;
	unsigned int completed; /* written by the completion */
	unsigned int issued;	/* requests that were submitted */
	uint32_t chunk_sectors;
	uint64_t first, end;	 /* sectors that are wanted */
	uint64_t next, next_end; /* sectors still to be read: whole blocks */
	uint64_t chunks_issued, chunks_summed;
	uLong crc;
	uint64_t bytes;
	uint8_t buffers[SLOTS][BUFFER_BYTES] __attribute__((aligned(PAGE_SIZE)));
};

uint32_t blk_align_range(const struct virtio_blk_info *info, uint64_t *first, uint64_t *end)
{
	uint32_t block = info->block_size / VIRTIO_BLK_SECTOR_SIZE;

	/* A block of a size that makes no sense, or too large for our buffers: do as asked. */
	if (block <= 1 || block > BLOCK_MAX || (block & (block - 1)) != 0)
		return 1;
	*first = ALIGN_DOWN(*first, block);
	if (*end <= UINT64_MAX - block)
		*end = MIN(ALIGN_UP(*end, block), MAX(info->capacity_sectors, *end));
	return block;
}

static void chunk_done(struct virtio_blk_request *req)
{
	struct slot *slot = container_of(req, struct slot, req);
	struct summer *summer = slot->summer;

	__atomic_store_n(&slot->done, true, __ATOMIC_RELEASE);
	/* A completion in an interrupt may come in the middle of one in a work item. */
	(void)__atomic_fetch_add(&summer->completed, 1, __ATOMIC_RELEASE);
	port_event_signal(&summer->event);
}

static unsigned int completions(struct summer *summer)
{
	return __atomic_load_n(&summer->completed, __ATOMIC_ACQUIRE);
}

static int read_error(struct summer *summer, const struct virtio_blk_request *req, int err)
{
	return sh_error(summer->sh, err, "reading sectors %" PRIu64 " to %" PRIu64 ": %s",
			req->sector, req->sector + req->sectors - 1, sh_strerror(err));
}

static int issue_chunk(struct summer *summer)
{
	unsigned int index = (unsigned int)(summer->chunks_issued % SLOTS);
	struct slot *slot = &summer->slots[index];
	int err;

	slot->summer = summer;
	slot->done = false;
	slot->req.op = VIRTIO_BLK_READ;
	slot->req.sector = summer->next;
	slot->req.sectors =
		(uint32_t)MIN(summer->next_end - summer->next, (uint64_t)summer->chunk_sectors);
	slot->req.buf = summer->buffers[index];
	slot->req.done = chunk_done;
	err = virtio_blk_submit(virtio_blk_queue(summer->blk, index % summer->queues), &slot->req);
	if (err)
		return read_error(summer, &slot->req, err);
	summer->issued++;
	summer->chunks_issued++;
	summer->next += slot->req.sectors;
	return 0;
}

static int fill_slots(struct summer *summer)
{
	while (summer->next < summer->next_end &&
	       summer->chunks_issued - summer->chunks_summed < SLOTS) {
		int err = issue_chunk(summer);

		if (err)
			return err;
	}
	return 0;
}

/* Waits for @slot; every request that is finished meanwhile starts the time limit anew. */
static int await_slot(struct summer *summer, struct slot *slot)
{
	uint64_t deadline = deadline_after(PROGRESS_NS);
	unsigned int seen = completions(summer);

	while (!__atomic_load_n(&slot->done, __ATOMIC_ACQUIRE)) {
		int err = sh_wait(summer->sh, &summer->event, deadline);

		if (err == -ETIMEDOUT)
			return sh_error(summer->sh, err, "no request was finished for %u s",
					(unsigned int)(PROGRESS_NS / NSEC_PER_SEC));
		if (err)
			return sh_error(summer->sh, err, "%s", sh_strerror(err));
		if (completions(summer) != seen) {
			seen = completions(summer);
			deadline = deadline_after(PROGRESS_NS);
		}
	}
	return slot->req.status ? read_error(summer, &slot->req, slot->req.status) : 0;
}

/* Adds what is wanted of the chunk in @slot: a chunk of whole blocks may stick out at both ends. */
static void sum_slot(struct summer *summer, const struct slot *slot)
{
	const struct virtio_blk_request *req = &slot->req;
	uint64_t from = MAX(req->sector, summer->first);
	uint64_t to = MIN(req->sector + req->sectors, summer->end);

	if (from < to) {
		const uint8_t *data = req->buf;
		uint32_t bytes = (uint32_t)(to - from) * VIRTIO_BLK_SECTOR_SIZE;

		data += (from - req->sector) * VIRTIO_BLK_SECTOR_SIZE;
		summer->crc = crc32(summer->crc, data, bytes);
		summer->bytes += bytes;
	}
	summer->chunks_summed++;
}

static int sum_range(struct summer *summer)
{
	while (summer->next < summer->next_end || summer->chunks_summed < summer->chunks_issued) {
		struct slot *slot = &summer->slots[summer->chunks_summed % SLOTS];
		int err = fill_slots(summer);

		if (!err)
			err = await_slot(summer, slot);
		if (err)
			return err;
		sum_slot(summer, slot);
		if (sh_interrupted(summer->sh))
			return sh_error(summer->sh, -EINTR, "%s", sh_strerror(-EINTR));
	}
	return 0;
}

/* Waits until the device has given back every buffer. Returns false where it does not. */
static bool settle(struct summer *summer)
{
	while (completions(summer) != summer->issued) {
		/* A signal may be an old one: only time says that nothing comes any more. */
		if (port_event_wait(&summer->event, PROGRESS_NS) != 0)
			return completions(summer) == summer->issued;
	}
	return true;
}

static void prepare(struct summer *summer, const struct virtio_blk_info *info)
{
	uint32_t block;

	port_event_init(&summer->event);
	summer->queues = info->queues;
	summer->next = summer->first;
	summer->next_end = summer->end;
	block = blk_align_range(info, &summer->next, &summer->next_end);
	summer->chunk_sectors = MIN(info->max_request_sectors, CHUNK_SECTORS);
	if (summer->chunk_sectors > block)
		summer->chunk_sectors -= summer->chunk_sectors % block;
	summer->crc = crc32(0, NULL, 0);
}

int blksum(struct shell *sh, struct virtio_blk *blk, uint64_t first, uint64_t count,
	   struct blksum_result *result)
{
	struct virtio_blk_info info;
	struct summer *summer = alloc_pages_exact(sizeof(*summer)); /* zeroed */
	int err;

	if (!summer)
		return sh_error(sh, -ENOMEM, "no memory for %u KiB of buffers",
				(unsigned int)(sizeof(*summer) / 1024));
	virtio_blk_get_info(blk, &info);
	summer->sh = sh;
	summer->blk = blk;
	summer->first = first;
	summer->end = first + count;
	prepare(summer, &info);
	err = sum_range(summer);
	result->crc32 = (uint32_t)summer->crc;
	result->bytes = summer->bytes;
	if (settle(summer))
		free_pages_exact(summer, sizeof(*summer));
	else
		sh_puts(sh, "blk sum: the device keeps its buffers; their memory is lost\n");
	return err;
}
