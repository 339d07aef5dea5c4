/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests on their way through the ring (VIRTIO 1.4, 5.2.6). A request goes into the ring, or
 * where that is full onto the pending list, from which the next completion moves it on. Rounds take
 * finished requests back: each collects under the lock what the device has finished and refills
 * the ring, then calls done() without the lock, so that done() may submit again; what it
 * submitted is published with one kick at the end of the round.
 */
#include "drivers/virtio/virtio_blk_private.h"

/* A device that is always done cannot keep us in the interrupt for more than this many rounds. */
#define BLK_ROUNDS 4u

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
	switch (req->op) {
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

/* --- into the ring ----------------------------------------------------------------------- */

static uint32_t blk_data_bytes(const struct virtio_blk_request *req)
{
	switch (req->op) {
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
	if (virtqueue_prepare(blk->vq, &req->descs, sg, out, 3 - out))
		return false;
	req->prepared = req;
	req->prepared_op = req->op;
	req->prepared_buf = req->buf;
	req->prepared_sectors = req->sectors;
	req->prepared_disk = blk->number;
	return true;
}

static int blk_add_to_ring(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	const uint32_t bytes = blk_data_bytes(req);

	if (req->op > VIRTIO_BLK_WRITE || bytes > blk->info.size_max)
		return blk_add_lists(blk, req, bytes);
	if (req->prepared == req && req->prepared_op == req->op &&
	    req->prepared_disk == blk->number) {
		virtqueue_prepared_set(blk->vq, &req->descs, 1, req->buf, bytes);
		req->prepared_buf = req->buf;
		req->prepared_sectors = req->sectors;
	} else if (!blk_prepare(blk, req, bytes))
		return blk_add_lists(blk, req, bytes);
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
		blk->unkicked = true;
		return 0;
	}
	if ((err == -ENOSPC || err == -ENOMEM) && virtqueue_in_flight(blk->vq) > 0)
		return -EAGAIN;
	return err == -ENOMEM ? -ENOMEM : -EIO;
}

/* Whether the device is to be notified; the caller does so after it has dropped the lock. While
 * done() functions run, their round kicks for all. */
static bool blk_kick_prepare(struct virtio_blk *blk)
{
	if (!blk->unkicked || blk->completing > 0 || blk->error || blk_is_blocked(blk))
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
}

static __noinline int blk_start(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	int err = blk_check_fields(blk, req);

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
	if (err && err != -EAGAIN)
		return err;
	list_add_tail(&req->node, err ? &blk->pending : &blk->sent);
	return 0;
}

/*
 * What nearly every request is: a read or write within the disk, that was here before with the same
 * buffer, while nothing waits. Then all but the place is as it was, and nothing can go wrong but that
 * the ring is full. Returns whether @req was sent; if not, blk_start() finds out what is unusual.
 */
static __always_inline bool blk_send_again(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	const struct virtio_blk_request *prepared = req->prepared;

	if (unlikely(prepared != req || req->prepared_disk != blk->number ||
		     req->prepared_op != req->op || req->prepared_buf != req->buf ||
		     req->prepared_sectors != req->sectors || !req->done))
		return false;
	if (unlikely(req->sector + req->sectors > blk->info.capacity_sectors ||
		     req->sector > blk->info.capacity_sectors))
		return false;
	if (unlikely(blk->frozen || !list_empty(&blk->pending)))
		return false;
	req->header.sector = cpu_to_virtio64(blk->vdev, req->sector);
	req->device_status = BLK_STATUS_UNWRITTEN;
	if (unlikely(virtqueue_add_prepared(blk->vq, &req->descs, req)))
		return false;
	blk->unkicked = true;
	list_add_tail(&req->node, &blk->sent);
	return true;
}

static __always_inline int blk_add(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	if (unlikely(blk->error))
		return blk->error;
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
	bool notify = !err && !blk->completing && blk_kick_prepare(blk);

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
static int blk_result(const struct virtio_blk *blk, const struct virtio_blk_request *req,
		      unsigned int len)
{
	/* Read once: the device could change it under our eyes. */
	const uint8_t status = *(const volatile uint8_t *)&req->device_status;

	if (status == VIRTIO_BLK_S_UNSUPP)
		return -EOPNOTSUPP;
	if (status != VIRTIO_BLK_S_OK)
		return -EIO;
	if (req->op != VIRTIO_BLK_READ || blk->vdev->legacy)
		return 0;
	return len >= blk_data_bytes(req) ? 0 : -EIO;
}

/* Bounded by the ring: nothing is added meanwhile. */
static void blk_collect(struct virtio_blk *blk)
{
	struct virtio_blk_request *req;
	unsigned int len;

	while ((req = virtqueue_get_buf(blk->vq, &len)) != NULL) {
		list_del(&req->node);
		blk_finish(blk, req, blk_result(blk, req, len));
	}
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
		else
			list_add_tail(&req->node, &blk->sent);
	}
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

/* Takes finished requests into @over and refills the ring. Interrupts stay off until the end of
 * the round: what the device finishes meanwhile is found there. */
static void blk_begin_round(struct virtio_blk *blk, struct list_head *over)
{
	unsigned long state = port_lock(&blk->lock);
	bool notify;

	if (!blk->frozen) {
		virtqueue_disable_cb(blk->vq);
		blk_collect(blk);
		blk_send_pending(blk);
	}
	list_splice_tail_init(&blk->finished, over);
	notify = blk_kick_prepare(blk);
	blk->completing++;
	port_unlock(&blk->lock, state);
	blk_notify(blk, notify);
}

/* Returns whether there is more to take, for which no interrupt may come. */
static bool blk_end_round(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);
	bool notify, more = false;

	blk->completing--;
	notify = blk_kick_prepare(blk);
	if (!blk_is_blocked(blk) && !blk->error)
		more = !virtqueue_enable_cb(blk->vq) || !list_empty(&blk->finished);
	port_unlock(&blk->lock, state);
	blk_notify(blk, notify);
	return more;
}

void virtio_blk_serve(struct virtqueue *vq)
{
	struct virtio_blk *blk = vq->priv;
	unsigned int round;

	for (round = 0; round < BLK_ROUNDS; round++) {
		struct list_head over = LIST_HEAD_INIT(over);

		blk_begin_round(blk, &over);
		blk_call_done(&over);
		if (!blk_end_round(blk))
			return;
	}
	work_schedule(&blk->work);
}

/* --- recovery and the end ------------------------------------------------------------------ */

/* Takes everything out of the ring, which the device no longer uses, to the head of those who wait. */
static void blk_take_back(struct virtio_blk *blk)
{
	while (blk->vq && virtqueue_detach_unused_buf(blk->vq))
		;
	list_splice_tail_init(&blk->pending, &blk->sent);
	list_splice_tail_init(&blk->sent, &blk->pending);
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
	port_unlock(&blk->lock, state);
}

/* A round of its own does the rest: sends what waits, calls done() for what is over. */
void virtio_blk_thaw_queue(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);

	blk->frozen = false;
	port_unlock(&blk->lock, state);
	virtio_blk_serve(blk->vq);
}

void virtio_blk_end_all(struct virtio_blk *blk, int error)
{
	struct list_head over = LIST_HEAD_INIT(over);
	struct virtio_blk_request *req;
	unsigned long state = port_lock(&blk->lock);

	blk->error = error;
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
