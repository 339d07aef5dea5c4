/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue API: what all ring formats have in common. It checks what the caller hands in, keeps the
 * counters, and makes and frees queues; the formats (vring.h) do what depends on the ring's layout.
 */
#include <stdio.h>
#include <string.h>
#include <arch/barrier.h>
#include "virtio/port.h"
#include "virtio/vring.h"

/* --- broken queues ------------------------------------------------------------------------ */

void vring_break(struct vring_virtqueue *vvq, const char *fmt, ...)
{
	char why[96];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	vvq->broken = true;
	port_log(LOG_ERROR, "%s: queue %u (%s) is broken: %s", vvq->dev->name, vvq->vq.index,
		 vvq->vq.name, why);
}

bool virtqueue_is_broken(const struct virtqueue *vq)
{
	return to_vvq(vq)->broken;
}

/* --- offering buffers ------------------------------------------------------------------------ */

/* Counts the entries and writable bytes of @req. Returns 0, or -EINVAL for a list that is none. */
static int measure(struct vring_request *req)
{
	uint64_t len = 0, in_len = 0;

	for (unsigned int list = 0; list < req->out_sgs + req->in_sgs; list++) {
		struct scatterlist *sg;

		for_each_sg (req->sgs[list], sg) {
			if (unlikely(!sg->length || !sg->addr))
				return -EINVAL;
			req->total++;
			len += sg->length;
			if (list >= req->out_sgs)
				in_len += sg->length;
		}
	}
	/* A chain holds at most 2^32 bytes (2.7.5.2), and what is written must fit a used length. */
	if (unlikely(!req->total || len > 1ull << 32 || in_len > UINT32_MAX))
		return -EINVAL;
	req->in_len = (uint32_t)in_len;
	return 0;
}

static int add(struct virtqueue *vq, struct vring_request *req, unsigned int expected)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	int err;

	if (unlikely(vvq->broken))
		return -EIO;
	if (unlikely(!req->data || !req->sgs))
		return -EINVAL;
	err = measure(req);
	if (unlikely(err))
		return err;
	if (unlikely(expected && expected != req->total))
		return -EINVAL;
	if (unlikely(req->total > vvq->split.num)) /* 2.7.5.3.1: never longer than the queue */
		return -ENOSPC;
	err = virtqueue_add_split(vvq, req);
	if (likely(!err))
		vq->stats.added++;
	return err;
}

int virtqueue_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out_sgs,
		      unsigned int in_sgs, void *data, gfp_t gfp)
{
	struct vring_request req = {.sgs = sgs, .out_sgs = out_sgs, .in_sgs = in_sgs, .data = data};

	(void)gfp; /* tables come from the queue's own pool in either case */
	return add(vq, &req, 0);
}

int virtqueue_add_outbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num, void *data,
			 gfp_t gfp)
{
	struct vring_request req = {.sgs = &sg, .out_sgs = 1, .data = data};

	(void)gfp;
	return add(vq, &req, num);
}

int virtqueue_add_inbuf_ctx(struct virtqueue *vq, struct scatterlist *sg, unsigned int num,
			    void *data, void *ctx, gfp_t gfp)
{
	struct vring_request req = {.sgs = &sg, .in_sgs = 1, .data = data, .ctx = ctx};

	(void)gfp;
	return add(vq, &req, num);
}

int virtqueue_add_inbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num, void *data,
			gfp_t gfp)
{
	return virtqueue_add_inbuf_ctx(vq, sg, num, data, NULL, gfp);
}

/* --- notifying the device -------------------------------------------------------------------- */

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	vq->stats.kicks++;
	return !vvq->broken && virtqueue_kick_prepare_split(vvq);
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

/* --- taking buffers back ---------------------------------------------------------------------- */

void *virtqueue_get_buf_ctx(struct virtqueue *vq, unsigned int *len, void **ctx)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	void *data;

	if (unlikely(vvq->broken))
		return NULL;
	data = virtqueue_get_buf_split(vvq, len, ctx);
	if (data)
		vq->stats.used++;
	return data;
}

void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len)
{
	return virtqueue_get_buf_ctx(vq, len, NULL);
}

void *virtqueue_detach_unused_buf(struct virtqueue *vq)
{
	return virtqueue_detach_unused_buf_split(to_vvq(vq));
}

/* --- interrupts --------------------------------------------------------------------------- */

void virtqueue_disable_cb(struct virtqueue *vq)
{
	virtqueue_disable_cb_split(to_vvq(vq));
}

unsigned int virtqueue_enable_cb_prepare(struct virtqueue *vq)
{
	return virtqueue_enable_cb_prepare_split(to_vvq(vq));
}

bool virtqueue_poll(struct virtqueue *vq, unsigned int last_used_idx)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	return !vvq->broken && virtqueue_poll_split(vvq, last_used_idx);
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return !virtqueue_poll(vq, virtqueue_enable_cb_prepare(vq));
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	return virtqueue_enable_cb_delayed_split(vvq) || vvq->broken;
}

/* Tells the driver, once, that its queue is broken. */
static void report_broken(struct vring_virtqueue *vvq)
{
	if (vvq->broken_reported)
		return;
	vvq->broken_reported = true;
	if (vvq->vq.callback)
		vvq->vq.callback(&vvq->vq);
}

irqreturn_t vring_interrupt(int irq, void *_vq)
{
	struct virtqueue *vq = _vq;
	struct vring_virtqueue *vvq = to_vvq(vq);

	(void)irq;
	if (unlikely(vvq->broken)) {
		report_broken(vvq);
		return IRQ_HANDLED;
	}
	if (!more_used_split(vvq)) {
		vq->stats.spurious++;
		return IRQ_NONE;
	}
	vq->stats.interrupts++;
	if (vq->callback)
		vq->callback(vq);
	if (unlikely(vvq->broken)) /* found while it was drained */
		report_broken(vvq);
	return IRQ_HANDLED;
}

void virtio_break_device(struct virtio_device *vdev, int error)
{
	struct virtqueue *vq;

	vdev->state = VIRTIO_STATE_FAILED;
	vdev->error = error;
	list_for_each_entry (vq, &vdev->vqs, list)
		to_vvq(vq)->broken = true;
	list_for_each_entry (vq, &vdev->vqs, list)
		report_broken(to_vvq(vq));
}

/* --- what a queue is ---------------------------------------------------------------------- */

unsigned int virtqueue_get_vring_size(const struct virtqueue *vq)
{
	return to_vvq(vq)->split.num;
}

unsigned int virtqueue_in_flight(const struct virtqueue *vq)
{
	return to_vvq(vq)->in_flight;
}

const char *virtqueue_format(const struct virtqueue *vq)
{
	(void)vq;
	return "split";
}

dma_addr_t virtqueue_get_desc_addr(const struct virtqueue *vq)
{
	return to_vvq(vq)->ring_addr;
}

dma_addr_t virtqueue_get_avail_addr(const struct virtqueue *vq)
{
	return to_vvq(vq)->ring_addr + to_vvq(vq)->avail_offset;
}

dma_addr_t virtqueue_get_used_addr(const struct virtqueue *vq)
{
	return to_vvq(vq)->ring_addr + to_vvq(vq)->used_offset;
}

/* --- making and freeing queues --------------------------------------------------------------- */

uint64_t vring_transport_features(void)
{
	return BIT_ULL(VIRTIO_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_F_EVENT_IDX) |
	       BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
	       BIT_ULL(VIRTIO_F_ANY_LAYOUT);
}

uint16_t vring_table_get(struct vring_table_pool *pool)
{
	uint16_t table = pool->first_free;

	if (table != VRING_NO_TABLE)
		pool->first_free = pool->next[table];
	return table;
}

void vring_table_put(struct vring_table_pool *pool, uint16_t table)
{
	pool->next[table] = pool->first_free;
	pool->first_free = table;
}

static size_t pool_table_bytes(const struct vring_table_pool *pool)
{
	return (size_t)pool->count * VRING_TABLE_ENTRIES * sizeof(struct vring_desc);
}

static void pool_free(struct vring_virtqueue *vvq)
{
	struct vring_table_pool *pool = &vvq->pool;

	if (pool->tables && !vvq->vq.vdev->stuck)
		dma_free_coherent(vvq->dev, pool_table_bytes(pool), pool->tables, pool->addr);
	port_free(pool->next);
}

/* Fills the pool of indirect tables. Returns 0, or -ENOMEM: then the queue does without. */
static int pool_init(struct vring_virtqueue *vvq, unsigned int num)
{
	struct vring_table_pool *pool = &vvq->pool;
	size_t links, mappings;

	pool->first_free = VRING_NO_TABLE;
	if (!vvq->indirect || num < 2)
		return 0;
	pool->count = (uint16_t)MIN(num, VRING_POOL_TABLES);
	links = ALIGN_UP(pool->count * sizeof(uint16_t), sizeof(uint64_t));
	mappings =
		vvq->use_map ? pool->count * VRING_TABLE_ENTRIES * sizeof(struct vring_mapping) : 0;
	pool->next = port_alloc(links + mappings);
	if (!pool->next)
		return -ENOMEM;
	pool->tables =
		dma_alloc_coherent(vvq->dev, pool_table_bytes(pool), &pool->addr, GFP_KERNEL);
	if (!pool->tables) {
		port_free(pool->next);
		pool->next = NULL;
		return -ENOMEM;
	}
	if (vvq->use_map)
		pool->mappings = (struct vring_mapping *)((char *)pool->next + links);
	for (uint16_t i = 0; i < pool->count; i++)
		vring_table_put(pool, i);
	return 0;
}

/* Allocates the ring memory for @num descriptors, and the structure with its record. */
static struct vring_virtqueue *alloc_queue(struct virtio_device *vdev, unsigned int num,
					   unsigned int align)
{
	bool use_map = vdev->dev.dma_ops != NULL;
	size_t head = ALIGN_UP(sizeof(struct vring_virtqueue), sizeof(uint64_t));
	struct vring_virtqueue *vvq = port_alloc(head + vring_record_bytes_split(num, use_map));

	if (!vvq)
		return NULL;
	vvq->dev = &vdev->dev;
	vvq->use_map = use_map;
	vvq->ring_bytes = vring_layout_split(num, align, &vvq->avail_offset, &vvq->used_offset);
	vvq->ring = dma_alloc_coherent(vvq->dev, vvq->ring_bytes, &vvq->ring_addr, GFP_KERNEL);
	if (!vvq->ring) {
		port_free(vvq);
		return NULL;
	}
	vring_init_split(vvq, num, (char *)vvq + head);
	return vvq;
}

struct virtqueue *vring_create_virtqueue(unsigned int index, unsigned int num,
					 unsigned int vring_align, struct virtio_device *vdev,
					 bool may_reduce_num, vq_notify_t *notify,
					 vq_callback_t *callback, const char *name)
{
	struct vring_virtqueue *vvq;

	if (!num || num > VRING_SIZE_MAX || (num & (num - 1)))
		return NULL;
	vvq = alloc_queue(vdev, num, vring_align);
	while (!vvq && may_reduce_num && num > 1) {
		num /= 2;
		vvq = alloc_queue(vdev, num, vring_align);
	}
	if (!vvq)
		return NULL;

	vvq->vq.vdev = vdev;
	vvq->vq.index = index;
	vvq->vq.name = name;
	vvq->vq.callback = callback;
	vvq->notify = notify;
	vvq->legacy = vdev->legacy;
	vvq->event_idx = virtio_has_feature(vdev, VIRTIO_F_EVENT_IDX);
	vvq->indirect = virtio_has_feature(vdev, VIRTIO_F_INDIRECT_DESC);
	vvq->callbacks = true;
	if (pool_init(vvq, num))
		vvq->indirect = false;
	if (!callback)
		virtqueue_disable_cb(&vvq->vq);
	list_add_tail(&vvq->vq.list, &vdev->vqs);
	return &vvq->vq;
}

void vring_del_virtqueue(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	list_del_init(&vq->list);
	pool_free(vvq);
	/* A device that did not answer its reset may still write here: this memory is lost. */
	if (!vq->vdev->stuck)
		dma_free_coherent(vvq->dev, vvq->ring_bytes, vvq->ring, vvq->ring_addr);
	port_free(vvq);
}

/* --- for people --------------------------------------------------------------------------- */

static void dump_buffer(const struct vring_split *s, unsigned int head,
			void (*print)(void *arg, const char *line), void *arg)
{
	const struct vring_desc_state *state = &s->state[head];
	char line[96];

	if (state->table == VRING_NO_TABLE)
		snprintf(line, sizeof(line), "  head %u: %u descriptors, %lu bytes writable", head,
			 state->descs, (unsigned long)state->in_len);
	else
		snprintf(line, sizeof(line),
			 "  head %u: table %u of %u descriptors, %lu bytes writable", head,
			 state->table, state->entries, (unsigned long)state->in_len);
	print(arg, line);
}

void virtqueue_dump(struct virtqueue *vq, unsigned int max,
		    void (*print)(void *arg, const char *line), void *arg)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	struct vring_split *s = &vvq->split;
	unsigned int shown = 0;
	char line[96];

	snprintf(line, sizeof(line), "%s: %s ring of %u at 0x%llx%s", vq->name,
		 virtqueue_format(vq), s->num, (unsigned long long)vvq->ring_addr,
		 vvq->broken ? ", broken" : "");
	print(arg, line);
	snprintf(line, sizeof(line), "avail idx %u (device sees %u), used idx %u (taken back %u)",
		 s->avail_idx, vring16(vvq, READ_ONCE(s->avail->idx)),
		 vring16(vvq, READ_ONCE(s->used->idx)), s->last_used);
	print(arg, line);
	snprintf(line, sizeof(line), "%u descriptors free, %u buffers in flight, interrupts %s",
		 vq->num_free, vvq->in_flight, vvq->callbacks ? "wanted" : "not wanted");
	print(arg, line);
	for (unsigned int head = 0; head < s->num && shown < max; head++) {
		if (!s->state[head].data)
			continue;
		dump_buffer(s, head, print, arg);
		shown++;
	}
}
