/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as the disk wants to see it (VIRTIO 1.4, 5.2.6): checked, given its header, cut into
 * descriptors. This is the way of a request that is new, or for which the ring has no room; one that comes
 * again takes the short way in virtio_blk_queue.c.
 */
#include "drivers/virtio/virtio_blk_private.h"
#include "lib/dma.h"

/* --- checks ------------------------------------------------------------------------------ */

int virtio_blk_check_range(const struct virtio_blk *blk, enum virtio_blk_op op, uint64_t sector,
			   uint64_t sectors)
{
	const uint64_t capacity = blk->info.capacity_sectors;

	if (op == VIRTIO_BLK_FLUSH || op == VIRTIO_BLK_GET_ID)
		return 0;
	if (op != VIRTIO_BLK_READ && blk->info.read_only)
		return -EROFS;
	if (sector > capacity || sectors > capacity - sector)
		return -ERANGE;
	return 0;
}

uint32_t virtio_blk_most_sectors(const struct virtio_blk *blk, enum virtio_blk_op op)
{
	if (op == VIRTIO_BLK_DISCARD)
		return blk->info.max_discard_sectors;
	return op > VIRTIO_BLK_DISCARD ? blk->info.max_zeroes_sectors
				       : blk->info.max_request_sectors;
}

static int blk_check_fields(const struct virtio_blk *blk, const struct virtio_blk_request *req)
{
	const uint32_t most = virtio_blk_most_sectors(blk, req->op);
	const bool needs_buf = req->op < VIRTIO_BLK_DISCARD && req->op != VIRTIO_BLK_FLUSH;

	if (!req->done || req->op > VIRTIO_BLK_WRITE_ZEROES_UNMAP || (needs_buf && !req->buf))
		return -EINVAL;
	if (req->op == VIRTIO_BLK_FLUSH || req->op == VIRTIO_BLK_GET_ID)
		return 0;
	if (!most)
		return -EOPNOTSUPP;
	return req->sectors == 0 || req->sectors > most ? -EINVAL : 0;
}

/* Whether the ring is out of use until recovery is over: requests wait. Under the lock. */
static bool blk_is_blocked(const struct virtio_blk *blk)
{
	return blk->frozen || virtqueue_is_broken(blk->vq);
}

void virtio_blk_note_state(struct virtio_blk *blk)
{
	blk->unusual = blk->error || blk->frozen || !list_empty(&blk->pending) ||
		       !list_empty(&blk->finished);
}

/* --- into the ring ----------------------------------------------------------------------- */

static uint32_t blk_data_bytes(const struct virtio_blk_request *req)
{
	if (req->op <= VIRTIO_BLK_WRITE)
		return req->sectors * VIRTIO_BLK_SECTOR_SIZE;
	if (req->op == VIRTIO_BLK_FLUSH)
		return 0;
	return req->op == VIRTIO_BLK_GET_ID ? VIRTIO_BLK_ID_BYTES : sizeof(req->range);
}

/* The data of a request for sectors that sends none of them (5.2.6): one range, which keeps every limit on their
 * number. A DISCARD has no flag (5.2.6.1#14). */
static void blk_fill_range(const struct virtio_blk *blk, struct virtio_blk_request *req)
{
	const bool unmap = req->op == VIRTIO_BLK_WRITE_ZEROES_UNMAP;

	req->range.sector = cpu_to_virtio64(blk->vdev, req->sector);
	req->range.num_sectors = cpu_to_virtio32(blk->vdev, req->sectors);
	req->range.flags =
		cpu_to_virtio32(blk->vdev, unmap ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0);
}

static void blk_fill_header(const struct virtio_blk *blk, struct virtio_blk_request *req)
{
	static const uint8_t types[] = {
		[VIRTIO_BLK_READ] = VIRTIO_BLK_T_IN,
		[VIRTIO_BLK_WRITE] = VIRTIO_BLK_T_OUT,
		[VIRTIO_BLK_FLUSH] = VIRTIO_BLK_T_FLUSH,
		[VIRTIO_BLK_GET_ID] = VIRTIO_BLK_T_GET_ID,
		[VIRTIO_BLK_DISCARD] = VIRTIO_BLK_T_DISCARD,
		[VIRTIO_BLK_WRITE_ZEROES] = VIRTIO_BLK_T_WRITE_ZEROES,
		[VIRTIO_BLK_WRITE_ZEROES_UNMAP] = VIRTIO_BLK_T_WRITE_ZEROES,
	};
	const bool data = req->op == VIRTIO_BLK_READ || req->op == VIRTIO_BLK_WRITE;

	/* The header is no longer that for which @descs are ready, and blk_send_again() leaves it as it is. */
	if (req->op != req->ready.op)
		req->ready.self = NULL;
	req->header.type = cpu_to_virtio32(blk->vdev, types[req->op]);
	req->header.reserved = 0;
	req->header.sector = cpu_to_virtio64(blk->vdev, data ? req->sector : 0);
	req->device_status = BLK_STATUS_UNWRITTEN;
	if (req->op >= VIRTIO_BLK_DISCARD)
		blk_fill_range(blk, req);
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
	const bool own = req->op >= VIRTIO_BLK_DISCARD; /* the data is in the request */
	struct scatterlist *sgs[3];
	unsigned int out = 0, in = 0;

	sg_init_one(&header, &req->header, sizeof(req->header));
	sg_init_one(&status, &req->device_status, sizeof(req->device_status));
	sgs[out++] = &header;
	if (bytes > 0) {
		blk_fill_segments(blk, data, own ? (void *)&req->range : req->buf, bytes);
		sgs[1] = data;
		if (own || req->op == VIRTIO_BLK_WRITE)
			out++;
		else
			in++;
	}
	sgs[out + in] = &status;
	in++;
	return virtqueue_add_sgs(blk->vq, sgs, out, in, req, GFP_ATOMIC);
}

/* The format of the descriptors, and what their request must keep within. 0: none are made ready for such a disk. */
unsigned long virtio_blk_kind(const struct virtio_blk *blk)
{
	const struct virtio_device *vdev = blk->vdev;
	unsigned long sectors =
		MIN(blk->info.size_max / VIRTIO_BLK_SECTOR_SIZE, blk->info.max_request_sectors);

	if (vdev->dev.dma_ops || !virtio_has_feature(vdev, VIRTIO_F_INDIRECT_DESC))
		return 0;
	return sectors << 3 | (unsigned long)blk->info.read_only << 2 |
	       (unsigned long)virtio_has_feature(vdev, VIRTIO_F_RING_PACKED) << 1 | vdev->legacy;
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
	req->ready.kind = blk->kind;
	req->ready.op = req->op;
	return true;
}

static int blk_add_to_ring(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	const uint32_t bytes = blk_data_bytes(req);

	if (req->op > VIRTIO_BLK_WRITE || bytes > blk->info.size_max)
		return blk_add_lists(blk, req, bytes);
	if (req->ready.self == req && req->ready.kind == blk->kind && req->ready.op == req->op)
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

void virtio_blk_finish(struct virtio_blk *blk, struct virtio_blk_request *req, int status)
{
	req->status = status;
	list_add_tail(&req->node, &blk->finished);
	blk->unusual = true;
}

int virtio_blk_start(struct virtio_blk *blk, struct virtio_blk_request *req)
{
	int err = blk->error ? blk->error : blk_check_fields(blk, req);

	if (!err)
		err = virtio_blk_check_range(blk, req->op, req->sector, req->sectors);
	if (err)
		return err;
	if (req->op == VIRTIO_BLK_FLUSH && !blk->info.flush) {
		/* No cache, nothing to do; done() comes later all the same, as always. */
		virtio_blk_finish(blk, req, 0);
		work_schedule(&blk->work);
		return 0;
	}
	blk_fill_header(blk, req);
	/* Nobody overtakes those who wait already. */
	err = list_empty(&blk->pending) ? blk_send(blk, req) : -EAGAIN;
	if (err != -EAGAIN)
		return err;
	list_add_tail(&req->node, &blk->pending);
	virtio_blk_note_state(blk);
	return 0;
}

void virtio_blk_send_pending(struct virtio_blk *blk)
{
	while (!blk->error && !list_empty(&blk->pending)) {
		struct virtio_blk_request *req = virtio_blk_first(&blk->pending);
		/* The disk may have shrunk while the request waited (5.2.6.1). */
		int err = virtio_blk_check_range(blk, req->op, req->sector, req->sectors);

		if (!err)
			err = blk_send(blk, req);
		if (err == -EAGAIN)
			return;
		list_del_init(&req->node);
		if (err)
			virtio_blk_finish(blk, req, err);
	}
	virtio_blk_note_state(blk);
}
