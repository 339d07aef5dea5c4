/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many requests at a time, each sent anew as soon as it is over. `bench` counts them; `exercise` checks them: it writes
 * sectors that say where they belong and how often they were written, keeps a record of that, and expects to read what
 * the record says. No two requests that are in flight at a time touch the same sectors.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ports/host/tools/vireo_blk.h"
#include "virtio/port.h"

#define DEPTH_MAX	256u
#define POLLS_A_LOOK	1024u /* at sockets and work items */
#define EXERCISE_MAX	(64u << 10)
#define ZEROED		0x80000000u /* in the record: the last that was written were zeroes */
#define WORDS_OF_SECTOR (VIRTIO_BLK_SECTOR_SIZE / sizeof(uint64_t))

struct load;

struct slot {
	struct virtio_blk_request req;
	struct load *load;
	struct virtio_blk *queue;
	uint64_t sent_ns;
	bool busy;
};

struct load {
	const struct blk_job *job;
	struct slot *slots[DEPTH_MAX];
	uint64_t random, place; /* the next number; the next sector of a sequential job */
	uint64_t issued, done, errors, wrong;
	uint64_t total_ns, worst_ns;
	uint64_t end_ns;
	int first_error;
	uint32_t *written; /* exercise: times that each sector of the range was written */
	void (*fill)(struct slot *slot);
	void (*check)(struct slot *slot);
};

/* --- what both do ----------------------------------------------------------------------------- */

/* Marsaglia's xorshift: enough to spread requests, and the same each time. */
static uint64_t random_number(struct load *load)
{
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	return load->random;
}

static bool enough(const struct load *load)
{
	if (load->errors || load->wrong)
		return true;
	if (load->job->count)
		return load->issued >= load->job->count;
	return port_now_ns() >= load->end_ns;
}

static void send(struct slot *slot)
{
	struct load *load = slot->load;
	int err;

	load->fill(slot);
	slot->busy = true;
	slot->sent_ns = port_now_ns();
	load->issued++;
	err = virtio_blk_submit(slot->queue, &slot->req);
	if (!err)
		return;
	slot->busy = false;
	load->errors++;
	load->first_error = load->first_error ? load->first_error : err;
}

static void done(struct virtio_blk_request *req)
{
	struct slot *slot = container_of(req, struct slot, req);
	struct load *load = slot->load;
	const uint64_t ns = port_now_ns() - slot->sent_ns;

	slot->busy = false;
	load->done++;
	load->total_ns += ns;
	load->worst_ns = MAX(load->worst_ns, ns);
	if (req->status) {
		load->errors++;
		load->first_error = load->first_error ? load->first_error : req->status;
	} else if (load->check) {
		load->check(slot);
	}
	if (!enough(load))
		send(slot);
}

static bool any_busy(const struct load *load)
{
	for (unsigned int i = 0; i < load->job->depth; i++)
		if (load->slots[i]->busy)
			return true;
	return false;
}

static void set_polled(const struct blk_job *job, bool polled)
{
	for (unsigned int i = 0; job->polled && i < job->queues; i++)
		virtio_blk_set_polled(virtio_blk_queue(job->blk, i), polled);
}

/* Until nothing is in flight; a request that is over sends the next one. */
static void run(struct load *load)
{
	const struct blk_job *job = load->job;
	unsigned int polls = 0;

	set_polled(job, true);
	for (unsigned int i = 0; i < job->depth && !enough(load); i++)
		send(load->slots[i]);
	while (any_busy(load)) {
		if (!job->polled) {
			host_wait(UINT64_MAX);
			continue;
		}
		virtio_blk_poll(virtio_blk_queue(job->blk, polls % job->queues));
		if (++polls % POLLS_A_LOOK == 0)
			host_wait(0);
	}
	set_polled(job, false);
}

static void make_slots(struct load *load, uint32_t bytes)
{
	for (unsigned int i = 0; i < load->job->depth; i++) {
		struct slot *slot = tool_buffer(sizeof(*slot));
		void *buf = tool_buffer(bytes);

		slot->load = load;
		slot->queue = virtio_blk_queue(load->job->blk, i % load->job->queues);
		slot->req.buf = buf;
		slot->req.done = done;
		load->slots[i] = slot;
	}
}

static void free_slots(struct load *load)
{
	for (unsigned int i = 0; i < load->job->depth; i++) {
		host_free(load->slots[i]->req.buf);
		host_free(load->slots[i]);
	}
}

static int result(const struct load *load)
{
	if (load->errors)
		fprintf(stderr, "%s: %" PRIu64 " requests failed, the first with: %s\n", tool_name,
			load->errors, strerror(-load->first_error));
	if (load->wrong)
		fprintf(stderr, "%s: %" PRIu64 " requests read something else than was written\n",
			tool_name, load->wrong);
	return load->errors || load->wrong ? EXIT_FAILED : EXIT_OK;
}

static void begin(struct load *load, const struct blk_job *job)
{
	if (job->queues == 0 || job->queues > job->info.queues)
		die(EXIT_USAGE, "--queues: the disk has %u", job->info.queues);
	if (job->depth == 0 || job->depth > DEPTH_MAX)
		die(EXIT_USAGE, "--depth: 1 to %u", DEPTH_MAX);
	load->job = job;
	load->random = job->seed * 2 + 1;
	load->end_ns = port_now_ns() + job->time_ns;
}

/* --- bench ------------------------------------------------------------------------------------ */

static void fill_bench(struct slot *slot)
{
	struct load *load = slot->load;
	const struct blk_job *job = load->job;
	const uint64_t places = job->length / job->size;
	uint64_t place = (job->sequential ? load->place++ : random_number(load)) % places;

	slot->req.op = job->write ? VIRTIO_BLK_WRITE : VIRTIO_BLK_READ;
	slot->req.sector = (job->offset + place * job->size) / VIRTIO_BLK_SECTOR_SIZE;
	slot->req.sectors = job->size / VIRTIO_BLK_SECTOR_SIZE;
}

int blk_bench(const struct blk_job *job)
{
	struct load load = {.fill = fill_bench};
	uint64_t start;
	double seconds;

	if (job->size > job->length)
		die(EXIT_USAGE, "--size: the range is shorter than that");
	if (job->size / VIRTIO_BLK_SECTOR_SIZE > job->info.max_request_sectors)
		die(EXIT_USAGE, "--size: at most %u bytes",
		    job->info.max_request_sectors * VIRTIO_BLK_SECTOR_SIZE);
	begin(&load, job);
	make_slots(&load, job->size);
	start = port_now_ns();
	run(&load);
	seconds = (double)(port_now_ns() - start) / (double)NSEC_PER_SEC;
	printf("%s %s: %" PRIu64 " requests of %u bytes in %.3f s, depth %u: %.0f IOPS, "
	       "%.1f MiB/s, latency %.1f us (worst %.1f us)\n",
	       job->sequential ? "sequential" : "random", job->write ? "write" : "read", load.done,
	       job->size, seconds, job->depth, (double)load.done / seconds,
	       (double)load.done * job->size / seconds / (1024 * 1024),
	       load.done ? (double)load.total_ns / (double)load.done / 1000 : 0,
	       (double)load.worst_ns / 1000);
	free_slots(&load);
	return result(&load);
}

/* --- exercise --------------------------------------------------------------------------------- */

/* The words of a sector: its number, how often it was written, and then both mixed with the word's place. Or zeroes. */
static uint64_t word_of(uint64_t sector, uint32_t times, unsigned int i)
{
	if (times & ZEROED)
		return 0;
	if (i == 0)
		return sector;
	if (i == 1)
		return times;
	return (sector * 0x9e3779b97f4a7c15ull) ^ ((uint64_t)times << 32) ^ i;
}

static uint64_t first_sector(const struct load *load)
{
	return load->job->offset / VIRTIO_BLK_SECTOR_SIZE;
}

static bool overlaps(const struct load *load, uint64_t sector, uint32_t sectors)
{
	for (unsigned int i = 0; i < load->job->depth; i++) {
		const struct slot *slot = load->slots[i];

		if (slot->busy && sector < slot->req.sector + slot->req.sectors &&
		    slot->req.sector < sector + sectors)
			return true;
	}
	return false;
}

static void fill_sectors(struct slot *slot)
{
	uint32_t *written = slot->load->written;
	uint64_t *word = slot->req.buf;

	for (uint32_t s = 0; s < slot->req.sectors; s++) {
		uint64_t sector = slot->req.sector + s;
		uint32_t *record = &written[sector - first_sector(slot->load)];
		uint32_t times = *record = (*record & ~ZEROED) + 1;

		for (unsigned int i = 0; i < WORDS_OF_SECTOR; i++)
			*word++ = word_of(sector, times, i);
	}
}

static void zero_sectors(struct slot *slot)
{
	uint32_t *written = slot->load->written;

	for (uint32_t s = 0; s < slot->req.sectors; s++)
		written[slot->req.sector + s - first_sector(slot->load)] |= ZEROED;
}

static void fill_exercise(struct slot *slot)
{
	struct load *load = slot->load;
	const uint64_t sectors = load->job->length / VIRTIO_BLK_SECTOR_SIZE;
	const uint32_t most =
		MIN(EXERCISE_MAX / VIRTIO_BLK_SECTOR_SIZE, load->job->info.max_request_sectors);

	do {
		slot->req.sectors = 1 + (uint32_t)(random_number(load) % MIN(most, sectors));
		slot->req.sector = first_sector(load) +
				   random_number(load) % (sectors - slot->req.sectors + 1);
	} while (overlaps(load, slot->req.sector, slot->req.sectors));
	if (load->issued % 64 == 63) {
		slot->req.op = VIRTIO_BLK_FLUSH;
		slot->req.sectors = 0;
		return;
	}
	if (load->issued % 8 == 7 && slot->req.sectors <= load->job->info.max_zeroes_sectors) {
		slot->req.op = VIRTIO_BLK_WRITE_ZEROES;
		zero_sectors(slot);
		return;
	}
	slot->req.op = random_number(load) & 1 ? VIRTIO_BLK_WRITE : VIRTIO_BLK_READ;
	if (slot->req.op == VIRTIO_BLK_WRITE)
		fill_sectors(slot);
	else
		memset(slot->req.buf, 0xa5, slot->req.sectors * VIRTIO_BLK_SECTOR_SIZE);
}

/* What was never written here is not known, and not looked at. */
static void check_exercise(struct slot *slot)
{
	struct load *load = slot->load;
	const uint64_t *word = slot->req.buf;

	if (slot->req.op != VIRTIO_BLK_READ)
		return;
	for (uint32_t s = 0; s < slot->req.sectors; s++, word += WORDS_OF_SECTOR) {
		uint64_t sector = slot->req.sector + s;
		uint32_t times = load->written[sector - first_sector(load)];

		for (unsigned int i = 0; times && i < WORDS_OF_SECTOR; i++) {
			if (word[i] == word_of(sector, times, i))
				continue;
			fprintf(stderr, "%s: sector %" PRIu64 ", word %u\n", tool_name, sector, i);
			load->wrong++;
			return;
		}
	}
}

int blk_exercise(const struct blk_job *job)
{
	struct load load = {.fill = fill_exercise, .check = check_exercise};
	const uint64_t sectors = job->length / VIRTIO_BLK_SECTOR_SIZE;

	/* Room for every request to find a place of its own. */
	if (job->length < 2ull * job->depth * EXERCISE_MAX || job->length > 1ull << 32)
		die(EXIT_USAGE,
		    "exercise: %u requests at a time need %u KiB of disk, and at most 4 GiB",
		    job->depth, 2 * job->depth * EXERCISE_MAX / 1024);
	begin(&load, job);
	load.written = calloc(sectors, sizeof(load.written[0]));
	if (!load.written)
		die(EXIT_FAILED, "no memory");
	make_slots(&load, EXERCISE_MAX);
	run(&load);
	printf("%" PRIu64 " requests, %" PRIu64 " errors, %" PRIu64 " wrong\n", load.done,
	       load.errors, load.wrong);
	free_slots(&load);
	free(load.written);
	return result(&load);
}
