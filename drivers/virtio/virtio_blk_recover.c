/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of the requests of a disk that fails, or goes away. After a reset of the device nothing in the ring
 * is in use: what it had finished is over, everything else waits, in its order, to be sent once more, or
 * ends with an error.
 */
#include "drivers/virtio/virtio_blk_private.h"

/* The request is its owner's again as soon as done() is called. */
void virtio_blk_call_done(struct list_head *over)
{
	while (!list_empty(over)) {
		struct virtio_blk_request *req = virtio_blk_first(over);

		list_del(&req->node);
		req->done(req);
	}
}

/* Collects what the device had finished before it was reset. */
static void blk_collect(struct virtio_blk *blk)
{
	struct virtio_blk_request *req;
	unsigned int len;

	while ((req = virtqueue_get_buf(blk->vq, &len)) != NULL)
		virtio_blk_finish(blk, req, virtio_blk_result(blk, req, len));
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
		virtio_blk_finish(blk, req, -ETIMEDOUT);
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
	virtio_blk_note_state(blk);
	port_unlock(&blk->lock, state);
}

/* A round of its own does the rest: sends what waits, calls done() for what is over. */
void virtio_blk_thaw_queue(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);

	blk->frozen = false;
	virtio_blk_note_state(blk);
	port_unlock(&blk->lock, state);
	virtio_blk_serve(blk->vq);
}

static void blk_end_queue(struct virtio_blk *blk, int error)
{
	struct list_head over = LIST_HEAD_INIT(over);
	struct virtio_blk_request *req;
	unsigned long state = port_lock(&blk->lock);

	blk->unkicked = false;
	blk_take_back(blk);
	while (!list_empty(&blk->pending)) {
		req = virtio_blk_first(&blk->pending);
		list_del_init(&req->node);
		virtio_blk_finish(blk, req, error);
	}
	list_splice_tail_init(&blk->finished, &over);
	port_unlock(&blk->lock, state);
	virtio_blk_call_done(&over);
}

/* No queue takes requests any more before done() is called for the first. */
void virtio_blk_end_all(struct virtio_blk_disk *disk, int error)
{
	for (unsigned int i = 0; i < disk->queues; i++) {
		struct virtio_blk *blk = &disk->queue[i];
		unsigned long state = port_lock(&blk->lock);

		blk->error = error;
		blk->unusual = true;
		port_unlock(&blk->lock, state);
	}
	for (unsigned int i = 0; i < disk->queues; i++)
		blk_end_queue(&disk->queue[i], error);
}
