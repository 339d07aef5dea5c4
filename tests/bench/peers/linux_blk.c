// SPDX-License-Identifier: BSD-2-Clause
/*
 * blk 0 r|w rand|seq BYTES qd=DEPTH n=COUNT: requests past the page cache. Depth 1 is pread and
 * pwrite, the least that Linux can do for one request; more is io_uring, whose system calls are made
 * here: no library, one call for each round of submissions and completions. With uring=1 depth 1 is
 * io_uring too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux_bench.h"

#define HUGE_PAGE 0x200000
#define MAX_DEPTH 256

struct disk {
	int file;
	bool writes;
	bool random;
	size_t bytes;
	unsigned depth;
	uint64_t count;
	uint64_t blocks; /* requests of this size that fit on the disk */
	uint64_t next;
	uint64_t seed;
	char *buffers;
};

struct ring {
	int file;
	unsigned *sq_tail, *sq_mask, *sq_array;
	unsigned *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *completions;
};

static uint64_t next_offset(struct disk *disk)
{
	uint64_t block;

	if (disk->random) {
		disk->seed ^= disk->seed << 13;
		disk->seed ^= disk->seed >> 7;
		disk->seed ^= disk->seed << 17;
		block = disk->seed % disk->blocks;
	} else {
		block = disk->next++ % disk->blocks;
	}
	return block * disk->bytes;
}

static int one_by_one(const struct job *job, struct disk *disk)
{
	uint64_t i;

	for (i = 0; i < disk->count; i++) {
		off_t offset = (off_t)next_offset(disk);
		ssize_t done = disk->writes ? pwrite(disk->file, disk->buffers, disk->bytes, offset)
					    : pread(disk->file, disk->buffers, disk->bytes, offset);

		if (done != (ssize_t)disk->bytes)
			return job_fails(job, "short or failed transfer");
	}
	return 0;
}

static void *map_ring(const struct ring *ring, size_t size, off_t what)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->file,
		    what);
}

static int open_ring(struct ring *ring, unsigned depth)
{
	struct io_uring_params params = {0};
	char *queues, *completions;

	ring->file = (int)syscall(SYS_io_uring_setup, depth, &params);
	if (ring->file < 0)
		return -1;
	queues = map_ring(ring, params.sq_off.array + params.sq_entries * sizeof(unsigned),
			  IORING_OFF_SQ_RING);
	completions =
		map_ring(ring, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			 IORING_OFF_CQ_RING);
	ring->entries =
		map_ring(ring, params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	if (queues == MAP_FAILED || completions == MAP_FAILED || ring->entries == MAP_FAILED)
		return -1;
	ring->sq_tail = (unsigned *)(queues + params.sq_off.tail);
	ring->sq_mask = (unsigned *)(queues + params.sq_off.ring_mask);
	ring->sq_array = (unsigned *)(queues + params.sq_off.array);
	ring->cq_head = (unsigned *)(completions + params.cq_off.head);
	ring->cq_tail = (unsigned *)(completions + params.cq_off.tail);
	ring->cq_mask = (unsigned *)(completions + params.cq_off.ring_mask);
	ring->completions = (struct io_uring_cqe *)(completions + params.cq_off.cqes);
	return 0;
}

/* Only we write the tail; the kernel reads it in io_uring_enter. */
static void submit(const struct ring *ring, struct disk *disk, unsigned slot)
{
	unsigned tail = *ring->sq_tail;
	unsigned index = tail & *ring->sq_mask;
	struct io_uring_sqe *entry = &ring->entries[index];

	memset(entry, 0, sizeof(*entry));
	entry->opcode = disk->writes ? IORING_OP_WRITE : IORING_OP_READ;
	entry->fd = disk->file;
	entry->off = next_offset(disk);
	entry->addr = (uintptr_t)(disk->buffers + slot * disk->bytes);
	entry->len = (unsigned)disk->bytes;
	entry->user_data = slot;
	ring->sq_array[index] = index;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/* Takes what has completed and submits as many again, up to @left; returns how many completed. */
static int refill(const struct job *job, const struct ring *ring, struct disk *disk, uint64_t left,
		  unsigned *submitted)
{
	unsigned head = *ring->cq_head;
	unsigned tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
	int done = 0;

	*submitted = 0;
	for (; head != tail; head++, done++) {
		const struct io_uring_cqe *completion = &ring->completions[head & *ring->cq_mask];

		if (completion->res != (int)disk->bytes) {
			errno = completion->res < 0 ? -completion->res : 0;
			return job_fails(job, "short or failed transfer");
		}
		if (*submitted < left) {
			submit(ring, disk, (unsigned)completion->user_data);
			*submitted += 1;
		}
	}
	__atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
	return done;
}

static int many_at_once(const struct job *job, struct disk *disk, const struct ring *ring)
{
	uint64_t done = 0, begun = 0;
	unsigned submitted = 0;

	while (begun < disk->depth && begun < disk->count) {
		submit(ring, disk, submitted++);
		begun++;
	}
	while (done < disk->count) {
		int some;

		if (syscall(SYS_io_uring_enter, ring->file, submitted, 1, IORING_ENTER_GETEVENTS,
			    NULL, 0) != (long)submitted)
			return job_fails(job, "io_uring_enter");
		some = refill(job, ring, disk, disk->count - begun, &submitted);
		if (some < 0)
			return -1;
		done += (unsigned)some;
		begun += submitted;
	}
	return 0;
}

static int measure(const struct job *job, struct disk *disk, struct result *result)
{
	bool uring = disk->depth > 1 || job_number(job, "uring", 0);
	struct ring ring;
	uint64_t start;
	int status;

	if (uring && open_ring(&ring, disk->depth) < 0)
		return job_fails(job, "io_uring_setup");
	start = now_ns();
	status = uring ? many_at_once(job, disk, &ring) : one_by_one(job, disk);
	result->ns = now_ns() - start;
	result->operations = disk->count;
	if (uring)
		close(ring.file);
	return status;
}

/* The buffers are huge pages, if there are any, so that large requests have few segments. */
static int open_disk(const struct job *job, struct disk *disk)
{
	uint64_t size;

	disk->file = open("/dev/vda", (disk->writes ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (disk->file < 0 || ioctl(disk->file, BLKGETSIZE64, &size) < 0)
		return job_fails(job, "/dev/vda");
	disk->blocks = size / disk->bytes;
	if (!disk->blocks)
		return job_fails(job, "the disk is smaller than a request");
	size = (disk->bytes * disk->depth + HUGE_PAGE - 1) & -(uint64_t)HUGE_PAGE;
	disk->buffers = aligned_alloc(HUGE_PAGE, size);
	if (!disk->buffers)
		return job_fails(job, "memory");
	madvise(disk->buffers, size, MADV_HUGEPAGE);
	memset(disk->buffers, 0x5a, size);
	return 0;
}

int job_blk(const struct job *job, struct result *result)
{
	struct disk disk = {.file = -1, .seed = 0x9e3779b97f4a7c15};
	int status;

	if (job->count < 5 || strcmp(job->words[1], "0") != 0)
		return job_fails(job, "blk 0 r|w rand|seq BYTES");
	disk.writes = job->words[2][0] == 'w';
	disk.random = strcmp(job->words[3], "rand") == 0;
	disk.bytes = strtoul(job->words[4], NULL, 0);
	disk.depth = (unsigned)job_number(job, "qd", 1);
	disk.count = job_number(job, "n", 1000);
	if (!disk.bytes || disk.bytes % 512 || !disk.depth || disk.depth > MAX_DEPTH)
		return job_fails(job, "size or depth");
	status = open_disk(job, &disk);
	if (status == 0)
		status = measure(job, &disk, result);
	free(disk.buffers);
	if (disk.file >= 0)
		close(disk.file);
	return status;
}
