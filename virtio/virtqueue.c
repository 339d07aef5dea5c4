/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue API: what both ring formats have in common. It checks what the caller hands in, keeps
 * the counters, and tells the driver when its queue is broken; the formats (vring.h) do what
 * depends on the ring's layout. A format is chosen once, when the queue is made
 * (virtqueue_setup.c).
 */
#include "lib/format.h"
#include "virtio/port.h"
#include "virtio/vring.h"

/* --- broken queues ---------------------------------------------------------------------------- */

static void mark_broken(struct vring_virtqueue *vvq)
{
	WRITE_ONCE(vvq->broken, true);
	vring_choose_ways(vvq);
}

void vring_break(struct vring_virtqueue *vvq, const char *fmt, ...)
{
	char why[96];
	va_list args;

	if (VIREO_MESSAGES) {
		va_start(args, fmt);
		format_text(why, sizeof(why), fmt, args);
		va_end(args);
	}
	mark_broken(vvq);
	port_log(LOG_ERROR, "%s: queue %u (%s) is broken: %s", vvq->dev->name, vvq->vq.index,
		 vvq->vq.name, why);
	virtio_needs_recovery(vvq->vq.vdev, -EIO);
}

bool virtqueue_is_broken(const struct virtqueue *vq)
{
	return READ_ONCE(to_vvq(vq)->broken);
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
	vring_choose_ways(vvq);
	return -ENOSPC;
}

/* Counts the entries of @buf. Returns 0, or -EINVAL for a list that is none. */
static int measure(struct vring_buffer *buf)
{
	uint64_t bytes = 0;

	buf->total = 0;
	for (unsigned int list = 0; list < buf->out_sgs + buf->in_sgs; list++) {
		const struct scatterlist *sg = buf->sgs[list];

		for (;; sg++) {
			if (unlikely(!sg->length))
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
static int add(struct vring_virtqueue *vvq, struct vring_buffer *buf, unsigned int expected)
{
	int err;

	if (unlikely(vvq->broken))
		return -EIO;
	if (unlikely(!buf->data || !buf->sgs))
		return -EINVAL;
	err = measure(buf);
	if (unlikely(err))
		return err;
	if (unlikely(expected && expected != buf->total))
		return -EINVAL;
	if (unlikely(buf->total > vvq->num)) /* 2.7.5.3.1: never longer than the queue */
		return -ENOSPC;
	err = vring_is_packed(vvq) ? virtqueue_add_packed(vvq, buf) : virtqueue_add_split(vvq, buf);
	return unlikely(err == -ENOSPC) ? no_room(vvq) : err;
}

int vring_add_adding_long(struct vring_virtqueue *vvq)
{
	vvq->adding.ctx = NULL;
	return add(vvq, &vvq->adding, 0);
}

static int add_sgs_long(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
			unsigned int out_sgs, unsigned int in_sgs, void *data, gfp_t gfp)
{
	struct vring_buffer buf = {sgs, out_sgs, in_sgs, data, NULL, gfp, 0, 0};

	return add(vvq, &buf, 0);
}

int vring_add_outbuf_long(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			  void *data, gfp_t gfp)
{
	struct vring_buffer buf = {&sg, 1, 0, data, NULL, gfp, 0, 0};

	return num ? add(vvq, &buf, num) : -EINVAL;
}

int vring_add_inbuf_long(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			 void *data, void *ctx, gfp_t gfp)
{
	struct vring_buffer buf = {&sg, 0, 1, data, ctx, gfp, 0, 0};

	return num ? add(vvq, &buf, num) : -EINVAL;
}

int vring_add_prepared_long(struct vring_virtqueue *vvq, struct virtqueue_prepared *p, void *data)
{
	if (unlikely(vvq->broken))
		return -EIO;
	if (unlikely(!data))
		return -EINVAL;
	if (unlikely(!vvq->vq.num_free))
		return no_room(vvq);
	if (vring_is_packed(vvq))
		virtqueue_add_prepared_packed(vvq, p, data);
	else
		virtqueue_add_prepared_split(vvq, p, data);
	return 0;
}

int virtqueue_add_prepared(struct virtqueue *vq, struct virtqueue_prepared *p, void *data)
{
	return to_vvq(vq)->ways.add_prepared(to_vvq(vq), p, data);
}

int virtqueue_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out_sgs,
		      unsigned int in_sgs, void *data, gfp_t gfp)
{
	return to_vvq(vq)->ways.add_sgs(to_vvq(vq), sgs, out_sgs, in_sgs, data, gfp);
}

int virtqueue_add_outbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num, void *data,
			 gfp_t gfp)
{
	return to_vvq(vq)->ways.add_outbuf(to_vvq(vq), sg, num, data, gfp);
}

int virtqueue_add_inbuf_ctx(struct virtqueue *vq, struct scatterlist *sg, unsigned int num,
			    void *data, void *ctx, gfp_t gfp)
{
	return to_vvq(vq)->ways.add_inbuf_ctx(to_vvq(vq), sg, num, data, ctx, gfp);
}

int virtqueue_add_inbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num, void *data,
			gfp_t gfp)
{
	return to_vvq(vq)->ways.add_inbuf_ctx(to_vvq(vq), sg, num, data, NULL, gfp);
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

static bool kick_prepare_long(struct vring_virtqueue *vvq)
{
	vvq->stats.kicks++;
	if (unlikely(vvq->broken))
		return false;
	return vring_is_packed(vvq) ? virtqueue_kick_prepare_packed(vvq)
				    : virtqueue_kick_prepare_split(vvq);
}

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	return to_vvq(vq)->ways.kick_prepare(to_vvq(vq));
}

bool virtqueue_notify(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	bool told = true;

	if (unlikely(READ_ONCE(vvq->broken)))
		return false;
	/* Else it is being reset, and is told of its buffers when it has started again. */
	if (likely(port_device_enter(vq->vdev))) {
		COUNT_UP(vvq->stats.notified, 1);
		told = vvq->notify(vq);
	}
	port_device_leave(vq->vdev);
	return told;
}

bool vring_notify_failed(struct virtqueue *vq)
{
	vring_break(to_vvq(vq), "the device cannot be notified");
	return false;
}

static bool kick_long(struct vring_virtqueue *vvq)
{
	if (kick_prepare_long(vvq))
		return virtqueue_notify(&vvq->vq);
	return !vvq->broken;
}

bool virtqueue_kick(struct virtqueue *vq)
{
	return to_vvq(vq)->ways.kick(to_vvq(vq));
}

uint32_t vring_notification_data(const struct virtqueue *vq)
{
	const struct vring_virtqueue *vvq = to_vvq(vq);
	uint32_t next;

	if (likely(!vvq->notification_data))
		return vq->index;
	next = vring_is_packed(vvq) ? vring_next_offset_packed(vvq) : vring_next_offset_split(vvq);
	return vq->index | next << 16;
}

/* --- taking buffers back ---------------------------------------------------------------------- */

/* After buffers were taken back the long way: tells whoever was refused, once, that room has come back. */
static void tell_room(struct vring_virtqueue *vvq)
{
	/* A queue that broke while several were taken will have no room. */
	if (!vvq->starved || vvq->broken)
		return;
	vvq->starved = false;
	vring_choose_ways(vvq);
	if (vvq->vq.room)
		vvq->vq.room(&vvq->vq);
}

static inline void *take(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	if (unlikely(vvq->broken))
		return NULL;
	return vring_is_packed(vvq) ? virtqueue_get_buf_packed(vvq, len, ctx)
				    : virtqueue_get_buf_split(vvq, len, ctx);
}

void *vring_get_buf_long(struct vring_virtqueue *vvq, unsigned int *len, void **ctx)
{
	void *data = take(vvq, len, ctx);

	if (!data)
		return NULL;
	if (vvq->rearm)
		(void)(vring_is_packed(vvq) ? vring_rearm_packed(vvq, NULL)
					    : vring_rearm_split(vvq, NULL));
	tell_room(vvq);
	return data;
}

static void *get_buf_long(struct vring_virtqueue *vvq, unsigned int *len)
{
	return vring_get_buf_long(vvq, len, NULL);
}

void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len)
{
	return to_vvq(vq)->ways.get_buf(to_vvq(vq), len);
}

void *virtqueue_get_buf_ctx(struct virtqueue *vq, unsigned int *len, void **ctx)
{
	return to_vvq(vq)->ways.get_buf_ctx(to_vvq(vq), len, ctx);
}

unsigned int vring_get_more_bufs(struct vring_virtqueue *vvq, void *data[], unsigned int len[],
				 unsigned int count, unsigned int max)
{
	while (count < max && (data[count] = take(vvq, &len[count], NULL)) != NULL)
		count++;
	if (count)
		tell_room(vvq);
	return count;
}

static unsigned int get_bufs_long(struct vring_virtqueue *vvq, void *data[], unsigned int len[],
				  unsigned int max)
{
	return vring_get_more_bufs(vvq, data, len, 0, max);
}

unsigned int virtqueue_get_bufs(struct virtqueue *vq, void *data[], unsigned int len[],
				unsigned int max)
{
	return to_vvq(vq)->ways.get_bufs(to_vvq(vq), data, len, max);
}

void *virtqueue_detach_unused_buf(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	for (; vvq->detached < vvq->num; vvq->detached++) {
		uint16_t i = (uint16_t)vvq->detached;
		void *data = vvq->state[i].data;

		if (!data)
			continue;
		if (vring_is_packed(vvq))
			detach_buf_packed(vvq, i);
		else
			detach_buf_split(vvq, i);
		vvq->recycled++;
		return data;
	}
	return NULL;
}

/* --- interrupts ------------------------------------------------------------------------------- */

static __racy bool more_used_long(const struct vring_virtqueue *vvq)
{
	/* A broken queue has something to say. */
	return vvq->broken || (vring_is_packed(vvq) ? more_used_packed(vvq) : more_used_split(vvq));
}

static void disable_cb_long(struct vring_virtqueue *vvq)
{
	if (!vvq->callbacks)
		return;
	vring_want_callbacks(vvq, false);
	if (vring_is_packed(vvq))
		virtqueue_disable_cb_packed(vvq);
	else
		virtqueue_disable_cb_split(vvq);
}

void virtqueue_disable_cb(struct virtqueue *vq)
{
	to_vvq(vq)->ways.disable_cb(to_vvq(vq));
}

unsigned int virtqueue_enable_cb_prepare(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	vring_want_callbacks(vvq, true);
	return vring_is_packed(vvq) ? virtqueue_enable_cb_prepare_packed(vvq)
				    : virtqueue_enable_cb_prepare_split(vvq);
}

bool virtqueue_poll(struct virtqueue *vq, unsigned int last_used_idx)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (unlikely(vvq->broken))
		return false;
	return vring_is_packed(vvq) ? virtqueue_poll_packed(vvq, last_used_idx)
				    : virtqueue_poll_split(vvq, last_used_idx);
}

static bool enable_cb_long(struct vring_virtqueue *vvq)
{
	return !virtqueue_poll(&vvq->vq, virtqueue_enable_cb_prepare(&vvq->vq));
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return to_vvq(vq)->ways.enable_cb(to_vvq(vq));
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	bool early;

	vring_want_callbacks(vvq, true);
	early = vring_is_packed(vvq) ? virtqueue_enable_cb_delayed_packed(vvq)
				     : virtqueue_enable_cb_delayed_split(vvq);
	return early || vvq->broken;
}

#define WAYS                                                                                 \
	{                                                                                    \
		vring_add_outbuf_long, vring_add_inbuf_long, add_sgs_long,                   \
			vring_add_prepared_long, kick_long, kick_prepare_long, get_buf_long, \
			vring_get_buf_long, get_bufs_long, enable_cb_long, disable_cb_long,  \
			more_used_long                                                       \
	}
const struct vring_ways vring_long_ways[2] = {WAYS, WAYS};

/* Where nobody wants to know, the interrupt is another queue's, or was on its way. Who asks again finds
 * what is there by then: virtqueue_enable_cb(). So does he who changes the queue at this moment, on another CPU. */
static __racy bool concerns_nobody(const struct vring_virtqueue *vvq)
{
	return (!vvq->callbacks && vvq->vq.callback && !vvq->broken) || !vvq->ways.more_used(vvq);
}

irqreturn_t vring_interrupt(int irq, void *_vq)
{
	struct virtqueue *vq = _vq;
	struct vring_virtqueue *vvq = to_vvq(vq);

	(void)irq;
	if (concerns_nobody(vvq)) {
		COUNT_UP(vvq->stats.spurious, 1);
		return IRQ_NONE;
	}
	if (likely(!READ_ONCE(vvq->broken))) {
		COUNT_UP(vvq->stats.interrupts, 1);
		if (vq->callback)
			vq->callback(vq);
	}
	if (unlikely(READ_ONCE(vvq->broken))) /* found now, or while it was drained */
		vring_report_broken(vvq);
	return IRQ_HANDLED;
}
