/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocking calls on a disk: a transfer of any size, cut into requests of which several are in
 * flight at a time. The requests lie in the device's structure and not on the caller's stack, so
 * that memory the device may write to is never given up, whatever becomes of the caller. They
 * are one set for each queue, on which so one call runs at a time.
 */
#include <string.h>
#include "drivers/virtio/virtio_blk_private.h"

#define SYNC_ALL_FREE (BIT(VIRTIO_BLK_SYNC_REQUESTS) - 1)
#define SYNC_RESET_NS (10 * NSEC_PER_MSEC)

/* What is still to be asked of the device. */
struct transfer {
	enum virtio_blk_op op;
	uint64_t sector;
	uint8_t *buf;
	uint64_t sectors;
	unsigned int requests; /* that carry no sectors: FLUSH, GET_ID */
};

static void sync_done(struct virtio_blk_request *req)
{
	struct virtio_blk *blk = req->priv;
	struct virtio_blk_sync *sync = &blk->sync;
	unsigned long state = port_lock(&blk->lock);

	if (!sync->status)
		sync->status = req->status;
	sync->free |= BIT(req - sync->request);
	port_unlock(&blk->lock, state);
	port_event_signal(&sync->event);
}

void virtio_blk_sync_init(struct virtio_blk_sync *sync)
{
	sync->free = SYNC_ALL_FREE;
	port_event_init(&sync->event);
}

/* Starts a call on @sectors from @sector, all of which are checked before the first is touched. */
static int sync_begin(struct virtio_blk *blk, const struct transfer *transfer)
{
	unsigned long state = port_lock(&blk->lock);
	int err = blk->error;

	if (!err && (blk->sync.busy || blk->polled))
		err = -EBUSY;
	if (!err)
		err = virtio_blk_check_range(blk, transfer->op, transfer->sector,
					     transfer->sectors);
	if (!err) {
		blk->sync.busy = true;
		blk->sync.late = false;
		blk->sync.status = 0;
		virtio_blk_hold(blk->disk);
	}
	port_unlock(&blk->lock, state);
	return err;
}

/* @blk may be gone when this returns. */
static void sync_end(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);

	blk->sync.busy = false;
	port_unlock(&blk->lock, state);
	virtio_blk_put(blk->disk);
}

/* A free request, or NULL where all are in flight or one has failed: then no more are sent. */
static struct virtio_blk_request *sync_take(struct virtio_blk *blk)
{
	struct virtio_blk_sync *sync = &blk->sync;
	struct virtio_blk_request *req = NULL;
	unsigned long state = port_lock(&blk->lock);

	if (sync->free && !sync->status) {
		req = &sync->request[__builtin_ctz(sync->free)];
		sync->free &= sync->free - 1;
	}
	port_unlock(&blk->lock, state);
	return req;
}

/* How many sectors the next request asks for. What is discarded is cut where the disk would cut it. */
static uint32_t sync_piece(const struct virtio_blk *blk, const struct transfer *transfer)
{
	const uint32_t most = virtio_blk_most_sectors(blk, transfer->op);
	uint32_t beyond;

	if (transfer->sectors <= most)
		return (uint32_t)transfer->sectors;
	if (transfer->op != VIRTIO_BLK_DISCARD)
		return most;
	beyond = (uint32_t)((transfer->sector + most) % blk->info.discard_alignment);
	return beyond < most ? most - beyond : most;
}

/* Moves the next part of @transfer to @req. */
static void sync_fill(struct virtio_blk *blk, struct virtio_blk_request *req,
		      struct transfer *transfer)
{
	req->op = transfer->op;
	req->sector = transfer->sector;
	req->buf = transfer->buf;
	req->sectors = sync_piece(blk, transfer);
	req->done = sync_done;
	req->priv = blk;
	if (transfer->requests > 0)
		transfer->requests--;
	transfer->sector += req->sectors;
	transfer->sectors -= req->sectors;
	if (transfer->buf)
		transfer->buf += (size_t)req->sectors * VIRTIO_BLK_SECTOR_SIZE;
}

/* A request that was not taken never was in flight: only now may we write its result. */
static void sync_refused(struct virtio_blk_request *req, int err)
{
	req->status = err;
	sync_done(req);
}

/* Sends as many requests as are free, with one kick. */
static void sync_send(struct virtio_blk *blk, struct transfer *transfer)
{
	struct virtio_blk_request *req;
	int err;

	while ((transfer->sectors > 0 || transfer->requests > 0) &&
	       (req = sync_take(blk)) != NULL) {
		sync_fill(blk, req, transfer);
		err = virtio_blk_add(blk, req);
		if (err)
			sync_refused(req, err);
	}
	virtio_blk_kick(blk);
}

/* Whether no request is in flight. All may be over before all was sent. */
static bool sync_idle(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);
	bool idle = blk->sync.free == SYNC_ALL_FREE;

	port_unlock(&blk->lock, state);
	return idle;
}

static bool sync_finished(const struct virtio_blk *blk, const struct transfer *transfer)
{
	return blk->sync.status || (transfer->sectors == 0 && transfer->requests == 0);
}

static uint64_t time_left(uint64_t deadline)
{
	uint64_t now = port_now_ns();

	if (deadline == UINT64_MAX)
		return UINT64_MAX;
	return deadline > now ? deadline - now : 0;
}

bool virtio_blk_sync_gave_up(const struct virtio_blk *blk, const struct virtio_blk_request *req)
{
	return blk->sync.late && req->done == sync_done;
}

/* The deadline has passed: recovery takes our requests from the device. */
static void sync_abort(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);

	blk->sync.late = true;
	port_unlock(&blk->lock, state);
	/* Somebody else's recovery may have come first: then we look again. */
	(void)virtio_recover(blk->vdev, -ETIMEDOUT);
}

/*
 * Sends all of @transfer and waits until the last request is over. While one is in flight we do
 * not return; after the deadline the device's reset ends all of them, and other callers' requests
 * are sent again. Where somebody else's reset is under way already, which is bounded, a moment
 * more is needed.
 */
static int sync_run(struct virtio_blk *blk, struct transfer *transfer, uint64_t deadline)
{
	bool late = false;

	for (;;) {
		uint64_t left = late ? SYNC_RESET_NS : time_left(deadline);

		if (!late)
			sync_send(blk, transfer);
		if (sync_idle(blk)) {
			if (late) /* or it was found to have vanished */
				return blk->error == -ENODEV ? -ENODEV : -ETIMEDOUT;
			if (sync_finished(blk, transfer))
				return blk->sync.status;
			continue;
		}
		if (left > 0 && !port_event_wait(&blk->sync.event, left))
			continue;
		if (sync_idle(blk))
			continue;
		late = true;
		sync_abort(blk);
	}
}

/* @id: where a GET_ID's answer goes, while the call still owns the buffer; else NULL. */
static int sync_call(struct virtio_blk *blk, struct transfer *transfer, uint64_t timeout_ns,
		     char *id)
{
	uint64_t now = port_now_ns();
	int err;

	if (timeout_ns == 0)
		return -EINVAL;
	err = sync_begin(blk, transfer);
	if (err)
		return err;
	memset(blk->sync.id, 0, sizeof(blk->sync.id));
	err = sync_run(blk, transfer,
		       timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns);
	if (!err && id)
		memcpy(id, blk->sync.id, VIRTIO_BLK_ID_BYTES);
	sync_end(blk);
	return err;
}

int virtio_blk_read(struct virtio_blk *blk, uint64_t sector, void *buf, uint32_t sectors,
		    uint64_t timeout_ns)
{
	struct transfer transfer = {VIRTIO_BLK_READ, sector, buf, sectors, 0};

	if (!buf)
		return -EINVAL;
	return sync_call(blk, &transfer, timeout_ns, NULL);
}

int virtio_blk_write(struct virtio_blk *blk, uint64_t sector, const void *buf, uint32_t sectors,
		     uint64_t timeout_ns)
{
	/* The device only reads the buffer of a write. */
	struct transfer transfer = {VIRTIO_BLK_WRITE, sector, (uint8_t *)(uintptr_t)buf, sectors,
				    0};

	if (!buf)
		return -EINVAL;
	return sync_call(blk, &transfer, timeout_ns, NULL);
}

int virtio_blk_range(struct virtio_blk *blk, enum virtio_blk_op op, uint64_t sector,
		     uint64_t sectors, uint64_t timeout_ns)
{
	struct transfer transfer = {op, sector, NULL, sectors, 0};

	if (op < VIRTIO_BLK_DISCARD || op > VIRTIO_BLK_WRITE_ZEROES_UNMAP)
		return -EINVAL;
	return sync_call(blk, &transfer, timeout_ns, NULL);
}

int virtio_blk_flush(struct virtio_blk *blk, uint64_t timeout_ns)
{
	struct transfer transfer = {VIRTIO_BLK_FLUSH, 0, NULL, 0, 1};

	return sync_call(blk, &transfer, timeout_ns, NULL);
}

int virtio_blk_get_id(struct virtio_blk *blk, char id[VIRTIO_BLK_ID_BYTES + 1], uint64_t timeout_ns)
{
	struct transfer transfer = {VIRTIO_BLK_GET_ID, 0, blk->sync.id, 0, 1};
	unsigned int n;
	int err = sync_call(blk, &transfer, timeout_ns, id);

	if (err)
		return err;
	id[VIRTIO_BLK_ID_BYTES] = '\0';
	for (n = 0; id[n]; n++) {
		if (id[n] < ' ' || id[n] > '~')
			id[n] = '?';
	}
	return 0;
}
