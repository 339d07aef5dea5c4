/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests on their way through the ring (VIRTIO 1.4, 5.2.6). A request goes into the ring, or
 * where that is full onto the pending list, from which the next completion moves it on. Rounds take
 * finished requests back: each takes under the lock what the device has finished and refills
 * the ring, then calls done() without the lock, so that done() may submit again; what it
 * submitted is published with one kick at the end of the round.
 */
#include "drivers/virtio/virtio_blk_private.h"
#include "lib/dma.h"

/* Requests are taken back so many at a time, and so many times at most in one interrupt, however fast the
 * device is. */
#define BLK_BATCH 32u
#define BLK_TAKES 32u

/* Whether the device is to be notified; the caller does so after it has dropped the lock. While
 * done() functions run, their round kicks for all. */
static bool blk_kick_prepare(struct virtio_blk *blk)
{
	if (!likely(blk->unkicked) || blk->completing > 0)
		return false;
	blk->unkicked = false;
	return virtqueue_kick_prepare(blk->vq);
}

/* A queue that cannot be notified is broken, and what is in it is sent again by recovery. */
static void blk_notify(struct virtio_blk *blk, bool notify)
{
	if (notify)
		(void)virtqueue_notify(blk->vq);
}

/* An operation and, behind it, a number of sectors, in one word. */
static __always_inline uint64_t blk_shape(const uint32_t *op)
{
	typedef uint64_t __attribute__((may_alias)) word;

	_Static_assert(offsetof(struct virtio_blk_request, sectors) == sizeof(*op) &&
			       offsetof(struct virtio_blk_request, ready.sectors) ==
				       offsetof(struct virtio_blk_request, ready.op) + sizeof(*op),
		       "one behind the other");
	return *(const word *)op;
}

/* Whether the descriptors of @req say what it asks for, but for the place, and such a disk takes them. */
static __always_inline bool blk_is_ready(const struct virtio_blk *blk,
					 const struct virtio_blk_request *req)
{
	/* One branch for all: nearly always each is as it was. */
	return !(((uintptr_t)req->ready.self ^ (uintptr_t)req) | (req->ready.kind ^ blk->kind) |
		 ((uintptr_t)req->ready.buf ^ (uintptr_t)req->buf) |
		 (blk_shape(&req->ready.op) ^ blk_shape(&req->op)));
}

/*
 * What nearly every request is: a read or write within the disk, that was here before with the same
 * buffer, while nothing waits. Then all but the place is as it was, and nothing can go wrong but that
 * the ring is full. Returns whether @req was sent; if not, virtio_blk_start() finds out what is unusual.
 */
static __always_inline bool blk_send_again(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	const uint64_t capacity = blk->info.capacity_sectors;

	if (unlikely(!blk_is_ready(blk, req) || !req->done || blk->unusual))
		return false;
	if (unlikely(req->sector > capacity || req->sectors > capacity - req->sector))
		return false;
	req->header.sector = cpu_to_virtio64(blk->vdev, req->sector);
	req->device_status = BLK_STATUS_UNWRITTEN;
	if (unlikely(virtqueue_add_prepared(blk->vq, &req->descs, req)))
		return false;
	req->order = blk->requests++;
	blk->unkicked = true;
	return true;
}

static __always_inline int blk_add(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	return likely(blk_send_again(blk, req)) ? 0 : virtio_blk_start(blk, req);
}

int virtio_blk_add(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	unsigned long state = port_lock(&blk->lock);
	int err = blk_add(blk, req);

	port_unlock(&blk->lock, state);
	return err;
}

void virtio_blk_kick(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);
	bool notify = blk_kick_prepare(blk);

	port_unlock(&blk->lock, state);
	blk_notify(blk, notify);
}

int virtio_blk_submit(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	unsigned long state = port_lock(&blk->lock);
	int err = blk_add(blk, req);
	bool notify = !err && blk_kick_prepare(blk);

	port_unlock(&blk->lock, state);
	blk_notify(blk, notify);
	return err;
}

/* --- out of the ring --------------------------------------------------------------------- */

/* Requests that the device has finished, and for each the bytes that it says it wrote. */
struct blk_batch {
	void *req[BLK_BATCH];
	unsigned int len[BLK_BATCH];
};

/* No request is in flight for as long as it takes to send so many others. */
#define BLK_OVERTAKEN 0x10000u

/*
 * Where an access of the disk was refused nobody knows which request it was for, and the disk may well say that all
 * went well: so all that were in flight fail. After they were taken, so that nothing is missed.
 */
static void blk_check_faults(struct virtio_blk *blk, const struct blk_batch *batch,
			     unsigned int count)
{
	struct virtio_blk_disk *disk = blk->disk;
	unsigned long distrusted, state = port_lock(&disk->lock);

	/* The fault is told of once, and may be that of any queue. What others have not counted yet was sent after it. */
	if (count && dma_faulted(&blk->vdev->dev)) {
		for (unsigned int i = 0; i < disk->queues; i++)
			disk->queue[i].distrusted = READ_ONCE(disk->queue[i].requests);
	}
	if (blk->requests - blk->distrusted > 2 * BLK_OVERTAKEN)
		blk->distrusted = blk->requests - BLK_OVERTAKEN; /* as numbers go round */
	distrusted = blk->distrusted;
	port_unlock(&disk->lock, state);
	for (unsigned int i = 0; i < count; i++) {
		struct virtio_blk_request *req = batch->req[i];

		if ((long)(req->order - distrusted) < 0)
			req->device_status = VIRTIO_BLK_S_IOERR;
	}
}

static __noinline unsigned int blk_get_checked(struct virtio_blk *blk, struct blk_batch *batch)
{
	unsigned int count;

	if (blk->disables)
		virtqueue_disable_cb(blk->vq);
	count = virtqueue_get_bufs(blk->vq, batch->req, batch->len, BLK_BATCH);
	blk_check_faults(blk, batch, count);
	return count;
}

static __always_inline unsigned int blk_get(struct virtio_blk *blk, struct blk_batch *batch)
{
	if (blk->special) {
		if (unlikely(blk->checked))
			return blk_get_checked(blk, batch);
		virtqueue_disable_cb(blk->vq);
	}
	return virtqueue_get_bufs(blk->vq, batch->req, batch->len, BLK_BATCH);
}

static __noinline unsigned int blk_get_and_refill(struct virtio_blk *blk, struct blk_batch *batch)
{
	unsigned int count;

	if (blk->frozen)
		return 0;
	count = blk_get(blk, batch);
	virtio_blk_send_pending(blk);
	return count;
}

/*
 * Fills @batch, and then the ring. Returns the number of requests in @batch. Where a round begins interrupts
 * are turned off, or stay off anyway, until its end: what the device finishes meanwhile is found there.
 */
static __always_inline unsigned int blk_take(struct virtio_blk *blk, struct blk_batch *batch,
					     bool begin)
{
	unsigned long state = port_lock(&blk->lock);
	unsigned int count;

	blk->completing += begin;
	count = likely(!blk->unusual) ? blk_get(blk, batch) : blk_get_and_refill(blk, batch);
	port_unlock(&blk->lock, state);
	return count;
}

/* Those that were over already, or are so without the device. */
static __noinline void blk_end_others(struct virtio_blk *blk)
{
	struct list_head over = LIST_HEAD_INIT(over);
	unsigned long state = port_lock(&blk->lock);

	list_splice_tail_init(&blk->finished, &over);
	virtio_blk_note_state(blk);
	port_unlock(&blk->lock, state);
	virtio_blk_call_done(&over);
}

/* The requests are their owners' again as soon as done() is called. */
static __always_inline void blk_end_batch(struct virtio_blk *blk, const struct blk_batch *batch,
					  unsigned int count)
{
	const unsigned int *len = batch->len;
	void *const *req = batch->req;

	for (; count; count--) {
		struct virtio_blk_request *over = *req++;

		over->status = virtio_blk_result(blk, over, *len++);
		over->done(over);
	}
}

/* Asks for interrupts again. Returns whether there is more to take, for which none may come. */
static __always_inline bool blk_rearm(struct virtio_blk *blk)
{
	return !blk->polled && !virtqueue_enable_cb(blk->vq);
}

static __noinline bool blk_rearm_unusual(struct virtio_blk *blk)
{
	if (blk->frozen || blk->error)
		return false;
	return blk_rearm(blk) || !list_empty(&blk->finished);
}

/* Returns whether there is more to take. Interrupts come again only after the notification: what a device
 * finishes within it, as many a virtual one does, needs none. */
static __always_inline bool blk_end_round(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);
	bool notify, more;

	blk->completing--;
	notify = blk_kick_prepare(blk);
	port_unlock(&blk->lock, state);
	blk_notify(blk, notify);

	state = port_lock(&blk->lock);
	more = likely(!blk->unusual) ? blk_rearm(blk) : blk_rearm_unusual(blk);
	port_unlock(&blk->lock, state);
	return more;
}

void virtio_blk_serve(struct virtqueue *vq)
{
	struct virtio_blk *blk = vq->priv;
	unsigned int takes = BLK_TAKES;
	struct blk_batch batch;
	bool begin = true;

	do {
		unsigned int count = blk_take(blk, &batch, begin);

		blk_end_batch(blk, &batch, count);
		if (unlikely(blk->unusual))
			blk_end_others(blk);
		begin = true;
		if (unlikely(count == BLK_BATCH && takes > 1))
			begin = false; /* the ring may hold more */
		else if (likely(!blk_end_round(blk)))
			return;
	} while (--takes);
	work_schedule(&blk->work);
}

/* --- without interrupts ------------------------------------------------------------------- */

void virtio_blk_set_polled(struct virtio_blk *blk, bool polled)
{
	unsigned long state = port_lock(&blk->lock);

	blk->polled = polled;
	blk->disables = polled || !virtio_has_feature(blk->vdev, VIRTIO_F_EVENT_IDX);
	blk->special = blk->disables || blk->checked;
	port_unlock(&blk->lock, state);
	/* A round ends as is right now: with interrupts asked for, or without. */
	virtio_blk_poll(blk);
}

void virtio_blk_poll(struct virtio_blk *blk)
{
	if (blk->vq) /* else it was removed */
		virtio_blk_serve(blk->vq);
}
