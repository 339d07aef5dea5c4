/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue API: what both ring formats have in common. It checks what the caller hands in, keeps
 * the counters, and tells the driver when its queue is broken; the formats (vring.h) do what
 * depends on the ring's layout. A format is chosen once, when the queue is made
 * (virtqueue_setup.c).
 */
#include "virtio/port.h"
#include "virtio/vring.h"
#include "virtio/vring_packed_short.h"
#include "virtio/vring_split_short.h"
#include <stdio.h>

/* --- broken queues ---------------------------------------------------------------------------- */

static void mark_broken(struct vring_virtqueue *vvq)
{
	vvq->broken = true;
	vring_update_ways(vvq);
}

void vring_break(struct vring_virtqueue *vvq, const char *fmt, ...)
{
	char why[96];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	mark_broken(vvq);
	port_log(LOG_ERROR, "%s: queue %u (%s) is broken: %s", vvq->dev->name, vvq->vq.index,
		 vvq->vq.name, why);
	virtio_needs_recovery(vvq->vq.vdev, -EIO);
}

bool virtqueue_is_broken(const struct virtqueue *vq)
{
	return to_vvq(vq)->broken;
}

void vring_report_broken(struct vring_virtqueue *vvq)
{
	if (vvq->broken_reported)
		return;
	vvq->broken_reported = true;
	if (vvq->vq.callback)
		vvq->vq.callback(&vvq->vq);
}

/* --- offering buffers ------------------------------------------------------------------------- */

/* Remembers that somebody waits for room. */
static int no_room(struct vring_virtqueue *vvq)
{
	vvq->starved = true;
	vring_update_ways(vvq);
	return -ENOSPC;
}

static inline bool is_sane(const struct vring_virtqueue *vvq, const struct scatterlist *sg)
{
	return sg->length && (sg->addr || vvq->premapped);
}

/* Counts the entries of @buf. Returns 0, or -EINVAL for a list that is none. */
static inline int measure(const struct vring_virtqueue *vvq, struct vring_buffer *buf)
{
	uint64_t bytes = 0;

	for (unsigned int list = 0; list < buf->out_sgs + buf->in_sgs; list++) {
		const struct scatterlist *sg = buf->sgs[list];

		for (;; sg++) {
			if (unlikely(!is_sane(vvq, sg)))
				return -EINVAL;
			buf->total++;
			bytes += sg->length;
			if (sg->last)
				break;
		}
	}
	/* A chain holds less than 2^32 bytes (2.7.5.2), so that a used length can count them. */
	return likely(buf->total && bytes <= UINT32_MAX) ? 0 : -EINVAL;
}

/* @expected: the number of entries that the caller announced, or 0. */
static int add(struct virtqueue *vq, struct vring_buffer *buf, unsigned int expected)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	int err;

	if (unlikely(vvq->broken))
		return -EIO;
	if (unlikely(!buf->data || !buf->sgs))
		return -EINVAL;
	err = measure(vvq, buf);
	if (unlikely(err))
		return err;
	if (unlikely(expected && expected != buf->total))
		return -EINVAL;
	if (unlikely(buf->total > vvq->num)) /* 2.7.5.3.1: never longer than the queue */
		return -ENOSPC;
	err = vvq->packed ? virtqueue_add_packed(vvq, buf) : virtqueue_add_split(vvq, buf);
	return unlikely(err == -ENOSPC) ? no_room(vvq) : err;
}

__noinline int vring_add_long(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
			      unsigned int out_sgs, unsigned int in_sgs, void *data, void *ctx,
			      gfp_t gfp)
{
	struct vring_buffer buf = {sgs, out_sgs, in_sgs, 0, data, ctx, gfp};

	return add(&vvq->vq, &buf, 0);
}

int virtqueue_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out_sgs,
		      unsigned int in_sgs, void *data, gfp_t gfp)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (vvq->way == VRING_WAY_SPLIT)
		return virtqueue_add_short_split(vvq, sgs, out_sgs, in_sgs, data, gfp);
	if (vvq->way == VRING_WAY_PACKED)
		return virtqueue_add_short_packed(vvq, sgs, out_sgs, in_sgs, data, gfp);
	return vring_add_long(vvq, sgs, out_sgs, in_sgs, data, NULL, gfp);
}

static __noinline int add_list(struct virtqueue *vq, struct scatterlist *sg, unsigned int num,
			       bool in, void *data, void *ctx, gfp_t gfp)
{
	struct vring_buffer buf = {&sg, !in, in, 0, data, ctx, gfp};

	return num ? add(vq, &buf, num) : -EINVAL;
}

int vring_add_one_long(struct vring_virtqueue *vvq, struct scatterlist *sg, bool in, void *data,
		       void *ctx)
{
	return add_list(&vvq->vq, sg, 1, in, data, ctx, GFP_ATOMIC);
}

/* A list of a single entry is the case that matters most, and takes a way of its own. */
int virtqueue_add_outbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num, void *data,
			 gfp_t gfp)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (likely(num == 1)) {
		if (vvq->way == VRING_WAY_SPLIT)
			return add_one_split(vvq, sg, false, data, NULL);
		if (vvq->way == VRING_WAY_PACKED)
			return add_one_packed(vvq, sg, false, data, NULL);
	}
	return add_list(vq, sg, num, false, data, NULL, gfp);
}

int virtqueue_add_inbuf_ctx(struct virtqueue *vq, struct scatterlist *sg, unsigned int num,
			    void *data, void *ctx, gfp_t gfp)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (likely(num == 1)) {
		if (vvq->way == VRING_WAY_SPLIT)
			return add_one_split(vvq, sg, true, data, ctx);
		if (vvq->way == VRING_WAY_PACKED)
			return add_one_packed(vvq, sg, true, data, ctx);
	}
	return add_list(vq, sg, num, true, data, ctx, gfp);
}

int virtqueue_add_inbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num, void *data,
			gfp_t gfp)
{
	return virtqueue_add_inbuf_ctx(vq, sg, num, data, NULL, gfp);
}

int vring_map_slow(struct vring_virtqueue *vvq, struct scatterlist *sg, bool in,
		   struct vring_mapping *mapping, dma_addr_t *addr)
{
	enum dma_data_direction dir = in ? DMA_FROM_DEVICE : DMA_TO_DEVICE;

	if (vvq->premapped) {
		*addr = sg->dma_address;
		return 0;
	}
	*addr = dma_map_page(vvq->dev, sg->addr, 0, sg->length, dir);
	if (dma_mapping_error(vvq->dev, *addr))
		return -ENOMEM;
	*mapping = (struct vring_mapping){*addr, sg->length, dir};
	return 0;
}

/* --- notifying the device --------------------------------------------------------------------- */

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	vq->stats.kicks++;
	if (unlikely(vvq->broken))
		return false;
	return vvq->packed ? virtqueue_kick_prepare_packed(vvq) : virtqueue_kick_prepare_split(vvq);
}

bool virtqueue_notify(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (unlikely(vvq->broken))
		return false;
	vq->stats.notified++;
	if (unlikely(!vvq->notify(vq))) {
		vring_break(vvq, "the device cannot be notified");
		return false;
	}
	return true;
}

bool virtqueue_kick(struct virtqueue *vq)
{
	if (virtqueue_kick_prepare(vq))
		return virtqueue_notify(vq);
	return !virtqueue_is_broken(vq);
}

uint32_t vring_notification_data(const struct virtqueue *vq)
{
	const struct vring_virtqueue *vvq = to_vvq(vq);
	uint32_t next = vvq->packed ? vring_next_offset_packed(vvq) : vring_next_offset_split(vvq);

	return vvq->notification_data ? vq->index | next << 16 : vq->index;
}

/* --- taking buffers back ---------------------------------------------------------------------- */

/* After buffers were taken back the long way: asks for the next interrupt, and tells whoever was
 * refused, once, that room has come back. */
static void after_get(struct vring_virtqueue *vvq)
{
	if (vvq->rearm) {
		if (vvq->packed)
			vring_rearm_packed(vvq);
		else
			vring_rearm_split(vvq);
	}
	if (!vvq->starved)
		return;
	vvq->starved = false;
	vring_update_ways(vvq);
	if (vvq->vq.room)
		vvq->vq.room(&vvq->vq);
}

static inline void *take(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	if (unlikely(vvq->broken))
		return NULL;
	return vvq->packed ? virtqueue_get_buf_packed(vvq, len, ctx)
			   : virtqueue_get_buf_split(vvq, len, ctx);
}

__noinline void *vring_get_long(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	void *data = take(vvq, len, ctx);

	if (data)
		after_get(vvq);
	return data;
}

static __always_inline void *get_short(struct virtqueue *vq, unsigned int *len, void **ctx)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (vvq->way == VRING_WAY_SPLIT)
		return get_short_split(vvq, len, ctx);
	if (vvq->way == VRING_WAY_PACKED)
		return get_short_packed(vvq, len, ctx);
	return vring_get_long(vvq, len, ctx);
}

void *virtqueue_get_buf_ctx(struct virtqueue *vq, unsigned int *len, void **ctx)
{
	return get_short(vq, len, ctx);
}

void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len)
{
	return get_short(vq, len, NULL);
}

unsigned int virtqueue_get_bufs(struct virtqueue *vq, void *data[], unsigned int len[],
				unsigned int max)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	unsigned int count = 0;

	while (count < max && (data[count] = take(vvq, &len[count], NULL)) != NULL)
		count++;
	if (count)
		after_get(vvq);
	return count;
}

void *virtqueue_detach_unused_buf(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	for (; vvq->detached < vvq->num; vvq->detached++) {
		uint16_t i = (uint16_t)vvq->detached;
		void *data = vvq->state[i].data;

		if (!data)
			continue;
		if (vvq->packed)
			detach_buf_packed(vvq, i);
		else
			detach_buf_split(vvq, i);
		vvq->recycled++;
		return data;
	}
	return NULL;
}

/* --- interrupts
 * ---------------------------------------------------------------------------
 */

void virtqueue_disable_cb(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (!vvq->callbacks)
		return;
	vvq->callbacks = false;
	vring_update_ways(vvq);
	if (vvq->packed)
		virtqueue_disable_cb_packed(vvq);
	else
		virtqueue_disable_cb_split(vvq);
}

unsigned int virtqueue_enable_cb_prepare(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	vvq->callbacks = true;
	vring_update_ways(vvq);
	return vvq->packed ? virtqueue_enable_cb_prepare_packed(vvq)
			   : virtqueue_enable_cb_prepare_split(vvq);
}

bool virtqueue_poll(struct virtqueue *vq, unsigned int last_used_idx)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (unlikely(vvq->broken))
		return false;
	return vvq->packed ? virtqueue_poll_packed(vvq, last_used_idx)
			   : virtqueue_poll_split(vvq, last_used_idx);
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return !virtqueue_poll(vq, virtqueue_enable_cb_prepare(vq));
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	vvq->callbacks = true;
	vring_update_ways(vvq);
	return (vvq->packed ? virtqueue_enable_cb_delayed_packed(vvq)
			    : virtqueue_enable_cb_delayed_split(vvq)) ||
	       vvq->broken;
}

irqreturn_t vring_interrupt(int irq, void *_vq)
{
	struct virtqueue *vq = _vq;
	struct vring_virtqueue *vvq = to_vvq(vq);

	(void)irq;
	if (unlikely(vvq->broken)) {
		vring_report_broken(vvq);
		return IRQ_HANDLED;
	}
	if (!(vvq->packed ? more_used_packed(vvq) : more_used_split(vvq))) {
		vq->stats.spurious++;
		return IRQ_NONE;
	}
	vq->stats.interrupts++;
	if (vq->callback)
		vq->callback(vq);
	if (unlikely(vvq->broken)) /* found while it was drained */
		vring_report_broken(vvq);
	return IRQ_HANDLED;
}
