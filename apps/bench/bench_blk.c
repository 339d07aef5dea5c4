/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench blk: keeps a number of requests in flight until enough are done. Each completion submits its
 * request again, at the next place, from within the interrupt, or with wait=poll the look, that has found it: the
 * driver publishes those of one interrupt or look with one notification.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "apps/bench/bench.h"
#include "drivers/virtio/virtio_blk.h"
#include "lib/pages.h"
#include "lib/timer.h"
#include "lib/work.h"

#define DEPTH_MAX  256u
#define BYTES_MAX  (1u << 20)
#define TIMEOUT_NS (600 * NSEC_PER_SEC)
/* Buffers are spread so that no two begin in the same slot of an emulator's or CPU's cache. */
#define STAGGER (PAGE_SIZE + 64u)

struct blk_job {
	struct virtio_blk *blk;
	struct port_event over;
	uint64_t todo;	  /* requests to be submitted still */
	uint64_t left;	  /* ... and to come back */
	uint32_t places;  /* a power of two: where requests go */
	uint32_t place;	  /* the next, or the state of the random sequence */
	uint32_t sectors; /* of each */
	bool random, polled;
	int error; /* the first */
	struct virtio_blk_request reqs[DEPTH_MAX];
};

static uint64_t next_sector(struct blk_job *job)
{
	uint32_t place = job->random ? bench_random(&job->place) : job->place++;

	return (uint64_t)(place & (job->places - 1)) * job->sectors;
}

/* Notes the first error, after which nothing more is submitted. */
static void give_up(struct blk_job *job, int err)
{
	if (!job->error)
		job->error = err;
	job->todo = 0;
}

/* Submits @req again, at the next place, or counts it as over. */
static void done(struct virtio_blk_request *req)
{
	struct blk_job *job = req->priv;
	int err = req->status;

	if (likely(!err && job->todo)) {
		job->todo--;
		req->sector = next_sector(job);
		err = virtio_blk_add(job->blk, req); /* the driver kicks for all */
		if (likely(!err))
			return;
	}
	if (err)
		give_up(job, err);
	if (--job->left == 0)
		port_event_signal(&job->over);
}

static void fill_request(struct blk_job *job, struct virtio_blk_request *req, bool write, void *buf)
{
	req->op = write ? VIRTIO_BLK_WRITE : VIRTIO_BLK_READ;
	req->buf = buf;
	req->sectors = job->sectors;
	req->done = done;
	req->priv = job;
}

/* The largest power of two that is at most @x, which is above 0. */
static uint32_t power_below(uint64_t x)
{
	uint32_t power = 1;

	while (power < 1u << 30 && (uint64_t)power * 2 <= x)
		power *= 2;
	return power;
}

/* Looks until all are back: 0 or -ETIMEDOUT. What finds requests is bounded by their number. */
static int poll(struct blk_job *job)
{
	uint64_t deadline = deadline_after(TIMEOUT_NS);

	while (!job->over.signalled) {
		const uint64_t before = job->todo + job->left;

		virtio_blk_poll(job->blk);
		if (job->todo + job->left != before)
			continue;
		if (work_pending(&system_wq))
			work_run(&system_wq);
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
	}
	return 0;
}

/* Waits until all are back. */
static int wait(struct blk_job *job)
{
	if (!job->left)
		return 0;
	return job->polled ? poll(job) : port_event_wait(&job->over, TIMEOUT_NS);
}

/* Starts all, waits until all are back. Returns 0 or a negative errno. */
static int run(struct blk_job *job, unsigned int depth)
{
	int err;

	for (unsigned int i = 0; i < depth; i++) {
		job->todo--;
		job->reqs[i].sector = next_sector(job);
		err = virtio_blk_add(job->blk, &job->reqs[i]);
		if (err) {
			give_up(job, err);
			job->left -= depth - i;
			break;
		}
	}
	virtio_blk_kick(job->blk);
	err = wait(job);
	if (err)
		give_up(job, err); /* what comes back later is not sent again */
	return job->error;
}

/* Bytes from one buffer to the next. */
static size_t stride(const struct blk_job *job)
{
	return ALIGN_UP((size_t)job->sectors * VIRTIO_BLK_SECTOR_SIZE + STAGGER, PAGE_SIZE);
}

static uint8_t *make_requests(struct blk_job *job, unsigned int depth, bool write)
{
	uint8_t *buffers = alloc_pages_exact(depth * stride(job));

	for (unsigned int i = 0; buffers && i < depth; i++)
		fill_request(job, &job->reqs[i], write, buffers + i * stride(job) + i % 64 * 64);
	return buffers;
}

/* Fills in what the words say. 0, or a negative errno after the error was printed. */
static int prepare(struct shell *sh, struct blk_job *job, char **argv)
{
	struct virtio_blk_info info;
	uint64_t bytes;
	int err = sh_number(sh, "bytes", argv[4], BYTES_MAX, &bytes);

	if (err)
		return err;
	virtio_blk_get_info(job->blk, &info);
	job->sectors = (uint32_t)bytes / VIRTIO_BLK_SECTOR_SIZE;
	if (!job->sectors || bytes % VIRTIO_BLK_SECTOR_SIZE ||
	    job->sectors > info.max_request_sectors || job->sectors > info.capacity_sectors)
		return sh_error(sh, -EINVAL, "%s: not a number of sectors for one request",
				argv[4]);
	job->places = power_below(info.capacity_sectors / job->sectors);
	job->random = strcmp(argv[3], "rand") == 0;
	job->place = job->random ? 0x2545f491u : 0;
	if ((strcmp(argv[2], "r") && strcmp(argv[2], "w")) ||
	    (!job->random && strcmp(argv[3], "seq")))
		return sh_error(sh, -EINVAL, "%s %s: not r|w rand|seq", argv[2], argv[3]);
	return 0;
}

/* Does the job and prints what it cost. A disk that does not finish keeps what it may still use. */
static int measure(struct shell *sh, struct blk_job *job, unsigned int depth, int argc, char **argv)
{
	uint8_t *buffers = make_requests(job, depth, strcmp(argv[2], "w") == 0);
	const uint64_t n = job->todo;
	struct bench bench;
	int err;

	if (!buffers)
		return sh_error(sh, -ENOMEM, "buffers: %s", sh_strerror(-ENOMEM));
	port_event_init(&job->over);
	job->left = depth;
	virtio_blk_set_polled(job->blk, job->polled);
	bench_begin(&bench, sh, virtio_blk_device(job->blk));
	err = run(job, depth);
	if (!err)
		bench_end(&bench, n, argc, argv);
	virtio_blk_set_polled(job->blk, false);
	if (err == -ETIMEDOUT)
		return sh_error(sh, err, "the disk does not finish");
	free_pages_exact(buffers, depth * stride(job));
	free(job);
	return err ? sh_error(sh, err, "%s", sh_strerror(err)) : 0;
}

int bench_blk(struct shell *sh, int argc, char **argv)
{
	struct bench_option options[] = {
		{"qd", 1, 1, DEPTH_MAX, NULL},
		{"n", 1000, 1, UINT32_MAX, NULL},
		{"wait", 0, 0, 0, bench_waits},
		{0},
	};
	int number = bench_device(sh, VIRTIO_ID_BLOCK, options, 5, argc, argv);
	struct blk_job *job;
	int err;

	if (number < 0)
		return number;
	job = calloc(1, sizeof(*job));
	if (!job)
		return sh_error(sh, -ENOMEM, "%s", sh_strerror(-ENOMEM));
	job->blk = virtio_blk_find(app_bus, (unsigned int)number);
	job->todo = options[1].value;
	job->polled = options[2].value == BENCH_WAIT_POLL;
	err = prepare(sh, job, argv);
	if (!err)
		return measure(sh, job, (unsigned int)MIN(options[0].value, job->todo), argc, argv);
	free(job);
	return err;
}
