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

/* A status byte no device writes: a request that comes back with it was not answered. */
#define BLK_STATUS_UNWRITTEN 0xffu

/* --- checks ------------------------------------------------------------------------------ */

int virtio_blk_check_range(const struct virtio_blk *blk, enum virtio_blk_op op, uint64_t sector,
			   uint64_t sectors)
{
	const uint64_t capacity = blk->info.capacity_sectors;

	if (op == VIRTIO_BLK_WRITE && blk->info.read_only)
		return -EROFS;
	if (op != VIRTIO_BLK_READ && op != VIRTIO_BLK_WRITE)
		return 0;
	if (sector > capacity || sectors > capacity - sector)
		return -ERANGE;
	return 0;
}

static int blk_check_fields(const struct virtio_blk *blk, const struct virtio_blk_request *req)
{
	if (!req->done)
		return -EINVAL;
	switch ((enum virtio_blk_op)req->op) {
	case VIRTIO_BLK_READ:
	case VIRTIO_BLK_WRITE:
		if (req->sectors == 0 || req->sectors > blk->info.max_request_sectors)
			return -EINVAL;
		return req->buf ? 0 : -EINVAL;
	case VIRTIO_BLK_GET_ID:
		return req->buf ? 0 : -EINVAL;
	case VIRTIO_BLK_FLUSH:
		return 0;
	}
	return -EINVAL;
}

/* Whether the ring is out of use until recovery is over: requests wait. Under the lock. */
static bool blk_is_blocked(const struct virtio_blk *blk)
{
	return blk->frozen || virtqueue_is_broken(blk->vq);
}

/* To be called where something has changed on which this depends. */
static void blk_note_state(struct virtio_blk *blk)
{
	blk->unusual = blk->error || blk->frozen || !list_empty(&blk->pending) ||
		       !list_empty(&blk->finished);
}

/* --- into the ring ----------------------------------------------------------------------- */

static uint32_t blk_data_bytes(const struct virtio_blk_request *req)
{
	switch ((enum virtio_blk_op)req->op) {
	case VIRTIO_BLK_READ:
	case VIRTIO_BLK_WRITE:
		return req->sectors * VIRTIO_BLK_SECTOR_SIZE;
	case VIRTIO_BLK_GET_ID:
		return VIRTIO_BLK_ID_BYTES;
	case VIRTIO_BLK_FLUSH:
		break;
	}
	return 0;
}

static void blk_fill_header(const struct virtio_blk *blk, struct virtio_blk_request *req)
{
	static const uint32_t types[] = {
		[VIRTIO_BLK_READ] = VIRTIO_BLK_T_IN,
		[VIRTIO_BLK_WRITE] = VIRTIO_BLK_T_OUT,
		[VIRTIO_BLK_FLUSH] = VIRTIO_BLK_T_FLUSH,
		[VIRTIO_BLK_GET_ID] = VIRTIO_BLK_T_GET_ID,
	};
	const bool data = req->op == VIRTIO_BLK_READ || req->op == VIRTIO_BLK_WRITE;

	/* The header is no longer that for which @descs are ready, and blk_send_again() leaves it as it is. */
	if (req->op != req->ready.op)
		req->ready.self = NULL;
	req->header.type = cpu_to_virtio32(blk->vdev, types[req->op]);
	req->header.reserved = 0;
	req->header.sector = cpu_to_virtio64(blk->vdev, data ? req->sector : 0);
	req->device_status = BLK_STATUS_UNWRITTEN;
}

/* Cuts @bytes (above 0) at @buf into segments of at most size_max bytes. */
static void blk_fill_segments(const struct virtio_blk *blk, struct scatterlist *sg, uint8_t *buf,
			      uint32_t bytes)
{
	sg_init_table(sg, DIV_ROUND_UP(bytes, blk->info.size_max));
	while (bytes > 0) {
		uint32_t length = MIN(bytes, blk->info.size_max);

		sg_set_buf(sg++, buf, length);
		buf += length;
		bytes -= length;
	}
}

/*
 * Header, data, status, each in descriptors of its own, as a legacy device without ANY_LAYOUT
 * demands (5.2.6.4) and any other accepts. Data may take several.
 */
static int blk_add_lists(struct virtio_blk *blk, struct virtio_blk_request *req, uint32_t bytes)
{
	struct scatterlist header, data[VIRTIO_BLK_MAX_SEGS], status;
	struct scatterlist *sgs[3];
	unsigned int out = 0, in = 0;

	sg_init_one(&header, &req->header, sizeof(req->header));
	sg_init_one(&status, &req->device_status, sizeof(req->device_status));
	sgs[out++] = &header;
	if (bytes > 0) {
		blk_fill_segments(blk, data, req->buf, bytes);
		sgs[1] = data;
		if (req->op == VIRTIO_BLK_WRITE)
			out++;
		else
			in++;
	}
	sgs[out + in] = &status;
	in++;
	return virtqueue_add_sgs(blk->vq, sgs, out, in, req, GFP_ATOMIC);
}

/* Makes the descriptors of a read or write in one segment ready. Returns whether that can be done. */
static bool blk_prepare(struct virtio_blk *blk, struct virtio_blk_request *req, uint32_t bytes)
{
	const unsigned int out = req->op == VIRTIO_BLK_WRITE ? 2 : 1;
	struct scatterlist sg[3];

	sg_init_table(sg, 3);
	sg_set_buf(&sg[0], &req->header, sizeof(req->header));
	sg_set_buf(&sg[1], req->buf, bytes);
	sg_set_buf(&sg[2], &req->device_status, sizeof(req->device_status));
	req->ready.self = NULL;
	if (virtqueue_prepare(blk->vq, &req->descs, sg, out, 3 - out))
		return false;
	req->ready.self = req;
	req->ready.disk = blk->number;
	req->ready.op = req->op;
	return true;
}

static int blk_add_to_ring(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	const uint32_t bytes = blk_data_bytes(req);

	if (req->op > VIRTIO_BLK_WRITE || bytes > blk->info.size_max)
		return blk_add_lists(blk, req, bytes);
	if (req->ready.self == req && req->ready.disk == blk->number && req->ready.op == req->op)
		virtqueue_prepared_set(blk->vq, &req->descs, 1, req->buf, bytes);
	else if (!blk_prepare(blk, req, bytes))
		return blk_add_lists(blk, req, bytes);
	req->ready.buf = req->buf;
	req->ready.sectors = req->sectors;
	return virtqueue_add_prepared(blk->vq, &req->descs, req);
}

/* Returns 0, -EAGAIN (once something comes back, or recovery is over, there will be room), -ENOMEM,
 * -EIO. */
static int blk_send(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	int err;

	if (blk_is_blocked(blk))
		return -EAGAIN;
	err = blk_add_to_ring(blk, req);
	if (!err) {
		req->order = blk->requests++;
		blk->unkicked = true;
		return 0;
	}
	/* With a table each the ring holds more of them, from now on. */
	if (err == -ENOSPC)
		blk->vq->direct_max = 1;
	if ((err == -ENOSPC || err == -ENOMEM) && virtqueue_in_flight(blk->vq) > 0)
		return -EAGAIN;
	return err == -ENOMEM ? -ENOMEM : -EIO;
}

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

/* Notes the result of @req; done() is called by the next round. */
static void blk_finish(struct virtio_blk *blk, struct virtio_blk_request *req, int status)
{
	req->status = status;
	list_add_tail(&req->node, &blk->finished);
	blk->unusual = true;
}

static __noinline int blk_start(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	int err = blk->error ? blk->error : blk_check_fields(blk, req);

	if (!err)
		err = virtio_blk_check_range(blk, req->op, req->sector, req->sectors);
	if (err)
		return err;
	if (req->op == VIRTIO_BLK_FLUSH && !blk->info.flush) {
		/* No cache, nothing to do; done() comes later all the same, as always. */
		blk_finish(blk, req, 0);
		work_schedule(&blk->work);
		return 0;
	}
	blk_fill_header(blk, req);
	/* Nobody overtakes those who wait already. */
	err = list_empty(&blk->pending) ? blk_send(blk, req) : -EAGAIN;
	if (err != -EAGAIN)
		return err;
	list_add_tail(&req->node, &blk->pending);
	blk_note_state(blk);
	return 0;
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

/* Whether the descriptors of @req say what it asks for, but for the place, and of this disk. */
static __always_inline bool blk_is_ready(const struct virtio_blk *blk,
					 const struct virtio_blk_request *req)
{
	/* One branch for all: nearly always each is as it was. */
	return !(((uintptr_t)req->ready.self ^ (uintptr_t)req) | (req->ready.disk ^ blk->number) |
		 ((uintptr_t)req->ready.buf ^ (uintptr_t)req->buf) |
		 (blk_shape(&req->ready.op) ^ blk_shape(&req->op)));
}

/*
 * What nearly every request is: a read or write within the disk, that was here before with the same
 * buffer, while nothing waits. Then all but the place is as it was, and nothing can go wrong but that
 * the ring is full. Returns whether @req was sent; if not, blk_start() finds out what is unusual.
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
	return likely(blk_send_again(blk, req)) ? 0 : blk_start(blk, req);
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

/*
 * The result of a request for which the device says it wrote @len bytes. Success is believed only
 * where all data of a read was written: beyond @len there are old contents of the buffer (2.7.8.3).
 * Legacy devices report any length (5.2.6.3). The status byte needs no length: it was
 * BLK_STATUS_UNWRITTEN before.
 */
static __always_inline int blk_result(const struct virtio_blk *blk,
				      const struct virtio_blk_request *req, unsigned int len)
{
	/* Read once: the device could change it under our eyes. */
	const uint8_t status = *(const volatile uint8_t *)&req->device_status;

	if (likely(status == VIRTIO_BLK_S_OK && len >= req->sectors * VIRTIO_BLK_SECTOR_SIZE))
		return 0; /* this much is written for reads alone */
	if (status == VIRTIO_BLK_S_OK)
		return req->op != VIRTIO_BLK_READ || blk->vdev->legacy ? 0 : -EIO;
	return status == VIRTIO_BLK_S_UNSUPP ? -EOPNOTSUPP : -EIO;
}

static struct virtio_blk_request *blk_first(struct list_head *list)
{
	return list_entry(list->next, struct virtio_blk_request, node);
}

static void blk_send_pending(struct virtio_blk *blk)
{
	while (!blk->error && !list_empty(&blk->pending)) {
		struct virtio_blk_request *req = blk_first(&blk->pending);
		/* The disk may have shrunk while the request waited (5.2.6.1). */
		int err = virtio_blk_check_range(blk, req->op, req->sector, req->sectors);

		if (!err)
			err = blk_send(blk, req);
		if (err == -EAGAIN)
			return;
		list_del_init(&req->node);
		if (err)
			blk_finish(blk, req, err);
	}
	blk_note_state(blk);
}

/* The request is its owner's again as soon as done() is called. */
static void blk_call_done(struct list_head *over)
{
	while (!list_empty(over)) {
		struct virtio_blk_request *req = blk_first(over);

		list_del(&req->node);
		req->done(req);
	}
}

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
	if (count && dma_faulted(&blk->vdev->dev))
		blk->distrusted = blk->requests;
	else if (blk->requests - blk->distrusted > 2 * BLK_OVERTAKEN)
		blk->distrusted = blk->requests - BLK_OVERTAKEN; /* as numbers go round */
	for (unsigned int i = 0; i < count; i++) {
		struct virtio_blk_request *req = batch->req[i];

		if ((long)(req->order - blk->distrusted) < 0)
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
	blk_send_pending(blk);
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
	blk_note_state(blk);
	port_unlock(&blk->lock, state);
	blk_call_done(&over);
}

/* The requests are their owners' again as soon as done() is called. */
static __always_inline void blk_end_batch(struct virtio_blk *blk, const struct blk_batch *batch,
					  unsigned int count)
{
	const unsigned int *len = batch->len;
	void *const *req = batch->req;

	for (; count; count--) {
		struct virtio_blk_request *over = *req++;

		over->status = blk_result(blk, over, *len++);
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

/* --- recovery and the end ------------------------------------------------------------------ */

/* Collects what the device had finished before it was reset. */
static void blk_collect(struct virtio_blk *blk)
{
	struct virtio_blk_request *req;
	unsigned int len;

	while ((req = virtqueue_get_buf(blk->vq, &len)) != NULL)
		blk_finish(blk, req, blk_result(blk, req, len));
}

/* Whether the request at @a was sent after that at @b. */
static bool blk_sent_after(const struct list_head *a, const struct list_head *b)
{
	return (long)(list_entry(a, const struct virtio_blk_request, node)->order -
		      list_entry(b, const struct virtio_blk_request, node)->order) > 0;
}

/* Takes everything out of the ring, which the device no longer uses, to the head of those who wait. */
static void blk_take_back(struct virtio_blk *blk)
{
	struct list_head sent = LIST_HEAD_INIT(sent);
	struct virtio_blk_request *req;

	while (blk->vq && (req = virtqueue_detach_unused_buf(blk->vq)) != NULL)
		list_add_tail(&req->node, &sent);
	list_sort(&sent, blk_sent_after);
	list_splice_tail_init(&blk->pending, &sent);
	list_splice_tail_init(&sent, &blk->pending);
}

static void blk_end_those_given_up(struct virtio_blk *blk)
{
	struct list_head *node, *next;

	/* By nodes: the list's head is in no request, whose alignment it would not have. */
	for (node = blk->pending.next; node != &blk->pending; node = next) {
		struct virtio_blk_request *req = list_entry(node, struct virtio_blk_request, node);

		next = node->next;
		if (!virtio_blk_sync_gave_up(blk, req))
			continue;
		list_del_init(&req->node);
		blk_finish(blk, req, -ETIMEDOUT);
	}
}

void virtio_blk_freeze_queue(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);

	blk->frozen = true;
	blk->unkicked = false;
	blk_collect(blk);
	blk_take_back(blk);
	blk_end_those_given_up(blk);
	blk_note_state(blk);
	port_unlock(&blk->lock, state);
}

/* A round of its own does the rest: sends what waits, calls done() for what is over. */
void virtio_blk_thaw_queue(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);

	blk->frozen = false;
	blk_note_state(blk);
	port_unlock(&blk->lock, state);
	virtio_blk_serve(blk->vq);
}

void virtio_blk_end_all(struct virtio_blk *blk, int error)
{
	struct list_head over = LIST_HEAD_INIT(over);
	struct virtio_blk_request *req;
	unsigned long state = port_lock(&blk->lock);

	blk->error = error;
	blk->unusual = true;
	blk->unkicked = false;
	blk_take_back(blk);
	while (!list_empty(&blk->pending)) {
		req = blk_first(&blk->pending);
		list_del_init(&req->node);
		blk_finish(blk, req, error);
	}
	list_splice_tail_init(&blk->finished, &over);
	port_unlock(&blk->lock, state);
	blk_call_done(&over);
}
