/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a queue: made, reset, given another size, freed; and what people ask about it. A
 * queue is a structure that stays where it is (drivers point at it), the ring memory that the
 * device sees, and the record of what is in flight; the last two change with the size.
 */
#include "lib/format.h"
#include "virtio/port.h"
#include "virtio/vring.h"
#include <string.h>

uint64_t vring_transport_features(void)
{
	return BIT_ULL(VIRTIO_F_ANY_LAYOUT) | BIT_ULL(VIRTIO_F_INDIRECT_DESC) |
	       BIT_ULL(VIRTIO_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_VERSION_1) |
	       BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
	       (VIREO_PACKED ? BIT_ULL(VIRTIO_F_RING_PACKED) : 0) | BIT_ULL(VIRTIO_F_IN_ORDER) |
	       BIT_ULL(VIRTIO_F_ORDER_PLATFORM) | BIT_ULL(VIRTIO_F_NOTIFICATION_DATA) |
	       BIT_ULL(VIRTIO_F_RING_RESET);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* The record: states, mappings, the format's links, the order. Widest alignment first. */
static size_t mappings_bytes(const struct vring_virtqueue *vvq, unsigned int num)
{
	return vvq->use_map && !vvq->premapped ? num * sizeof(struct vring_mapping) : 0;
}

static int alloc_record(struct vring_virtqueue *vvq, unsigned int num)
{
	size_t states = num * sizeof(struct vring_desc_state);
	size_t mappings = mappings_bytes(vvq, num);
	char *record = port_alloc(states + mappings + 2 * num * sizeof(uint16_t));

	if (!record)
		return -ENOMEM;
	vvq->record = record;
	vvq->state = (struct vring_desc_state *)record;
	vvq->mappings = mappings ? (struct vring_mapping *)(record + states) : NULL;
	vvq->links = (uint16_t *)(record + states + mappings);
	vvq->order = vvq->links + num;
	return 0;
}

/* Ring and record for @num descriptors. Returns 0, or -ENOMEM with nothing allocated. */
static int alloc_ring(struct vring_virtqueue *vvq, unsigned int num)
{
	vvq->ring_bytes = vring_is_packed(vvq)
				  ? vring_layout_packed(num, vvq->align, &vvq->driver_offset,
							&vvq->device_offset)
				  : vring_layout_split(num, vvq->align, &vvq->driver_offset,
						       &vvq->device_offset);
	if (alloc_record(vvq, num))
		return -ENOMEM;
	vvq->ring = dma_alloc_coherent(vvq->dev, vvq->ring_bytes, &vvq->ring_addr, GFP_KERNEL);
	if (!vvq->ring) {
		port_free(vvq->record);
		return -ENOMEM;
	}
	vvq->num = num;
	return 0;
}

static void free_ring(struct vring_virtqueue *vvq)
{
	/* A device that did not answer its reset may still write here: this memory is lost. */
	if (!vvq->vq.vdev->stuck)
		dma_free_coherent(vvq->dev, vvq->ring_bytes, vvq->ring, vvq->ring_addr);
	port_free(vvq->record);
}

/* A queue as after a reset of the device: empty, with the driver's wish for interrupts kept. */
static void init_ring(struct vring_virtqueue *vvq)
{
	memset(vvq->ring, 0, vvq->ring_bytes);
	memset(vvq->state, 0, vvq->num * sizeof(*vvq->state));
	WRITE_ONCE(vvq->broken, false);
	vvq->broken_reported = false;
	vvq->starved = false;
	vvq->stats.added += vvq->added;
	vvq->stats.used += vvq->used;
	vvq->added = 0;
	vvq->used = 0;
	vvq->recycled = 0;
	vvq->detached = 0;
	vvq->order_first = 0;
	vvq->order_next = 0;
	vvq->batch_last = -1;
	vvq->vq.num_free = vvq->num;
	if (vring_is_packed(vvq))
		vring_init_packed(vvq, vvq->links);
	else
		vring_init_split(vvq, vvq->links);
	vring_pool_fit(vvq);
	vring_choose_ways(vvq);
	if (vvq->callbacks) {
		(void)virtqueue_enable_cb_prepare(&vvq->vq);
	} else {
		vvq->callbacks = true;
		virtqueue_disable_cb(&vvq->vq);
	}
}

/* --- making and freeing queues ---------------------------------------------------------------- */

static bool size_is_allowed(bool packed, unsigned int num)
{
	return num && num <= VRING_SIZE_MAX && (packed || !(num & (num - 1)));
}

static void choose_features(struct vring_virtqueue *vvq, const struct virtio_device *vdev)
{
	vvq->legacy = vdev->legacy;
	vvq->packed = virtio_has_feature(vdev, VIRTIO_F_RING_PACKED);
	vvq->event_idx = virtio_has_feature(vdev, VIRTIO_F_EVENT_IDX);
	vvq->indirect = virtio_has_feature(vdev, VIRTIO_F_INDIRECT_DESC);
	vvq->in_order = virtio_has_feature(vdev, VIRTIO_F_IN_ORDER);
	vvq->notification_data = virtio_has_feature(vdev, VIRTIO_F_NOTIFICATION_DATA);
	vvq->use_map = vdev->dev.dma_ops != NULL;
}

struct virtqueue *vring_create_virtqueue(unsigned int index, unsigned int num,
					 unsigned int vring_align, struct virtio_device *vdev,
					 bool may_reduce_num, vq_notify_t *notify,
					 vq_callback_t *callback, const char *name)
{
	struct vring_virtqueue *vvq;

	if (!size_is_allowed(virtio_has_feature(vdev, VIRTIO_F_RING_PACKED), num))
		return NULL;
	vvq = port_alloc(sizeof(*vvq));
	if (!vvq)
		return NULL;
	vvq->vq.vdev = vdev;
	vvq->vq.index = index;
	vvq->vq.name = name;
	vvq->vq.callback = callback;
	vvq->vq.direct_max = VIRTQUEUE_DIRECT_MAX;
	vvq->dev = &vdev->dev;
	vvq->notify = notify;
	vvq->align = vring_align;
	vvq->callbacks = callback != NULL;
	choose_features(vvq, vdev);
	while (alloc_ring(vvq, num)) {
		if (!may_reduce_num || num == 1) {
			port_free(vvq);
			return NULL;
		}
		num /= 2;
	}
	vring_pool_init(vvq);
	init_ring(vvq);
	list_add_tail(&vvq->vq.list, &vdev->vqs);
	return &vvq->vq;
}

void vring_del_virtqueue(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	list_del(&vq->list); /* somebody may stand on it */
	vvq->broken = vvq->deleted = true;
	vvq->broken_reported = true;
	vring_choose_ways(vvq);
	vring_pool_free(vvq);
	free_ring(vvq);
	port_free(vvq);
}

int vring_restart(struct vring_virtqueue *vvq)
{
	const struct virtio_config_ops *config = vvq->vq.vdev->config;

	if (!config->enable_vq)
		return -EOPNOTSUPP;
	init_ring(vvq);
	return config->enable_vq(&vvq->vq);
}

/* --- reset and resize of one queue (2.6.1) ---------------------------------------------------- */

static void recycle_all(struct virtqueue *vq, void (*recycle)(struct virtqueue *vq, void *data))
{
	void *data;

	while ((data = virtqueue_detach_unused_buf(vq)) != NULL)
		recycle(vq, data);
}

/* Takes the queue from the device. Returns 0, -EOPNOTSUPP, or the transport's error. */
static int take_from_device(struct virtqueue *vq, void (*recycle)(struct virtqueue *vq, void *data))
{
	struct virtio_device *vdev = vq->vdev;
	int err;

	if (!virtio_has_feature(vdev, VIRTIO_F_RING_RESET) || !vdev->config->reset_vq)
		return -EOPNOTSUPP;
	err = vdev->config->reset_vq(vq);
	if (err) {
		vring_break(to_vvq(vq), "no answer to its reset");
		return err;
	}
	recycle_all(vq, recycle);
	return 0;
}

int virtqueue_reset(struct virtqueue *vq, void (*recycle)(struct virtqueue *vq, void *data))
{
	int err = take_from_device(vq, recycle);

	if (err)
		return err;
	init_ring(to_vvq(vq));
	return vq->vdev->config->enable_vq(vq);
}

int virtqueue_resize(struct virtqueue *vq, unsigned int num,
		     void (*recycle)(struct virtqueue *vq, void *data))
{
	struct vring_virtqueue *vvq = to_vvq(vq), old = *vvq;
	int err, enable_err;

	if (num > vq->num_max || !size_is_allowed(vring_is_packed(vvq), num))
		return -EINVAL;
	err = take_from_device(vq, recycle);
	if (err)
		return err;
	old = *vvq;
	err = alloc_ring(vvq, num);
	if (err)
		*vvq = old; /* goes on with the ring it has */
	else
		free_ring(&old);
	init_ring(vvq);
	enable_err = vq->vdev->config->enable_vq(vq);
	return err ? err : enable_err;
}

int virtqueue_set_dma_premapped(struct virtqueue *vq)
{
	struct vring_virtqueue *vvq = to_vvq(vq);

	if (virtqueue_get_stats(vq).added)
		return -EINVAL;
	vvq->use_map = true;
	vvq->premapped = true;
	vvq->mappings = NULL; /* there will be nothing in them to unmap */
	vring_choose_ways(vvq);
	return 0;
}

/* --- what a queue is -------------------------------------------------------------------------- */

unsigned int virtqueue_get_vring_size(const struct virtqueue *vq)
{
	return to_vvq(vq)->num;
}

struct virtqueue_stats virtqueue_get_stats(const struct virtqueue *vq)
{
	struct virtqueue_stats stats = to_vvq(vq)->stats;

	stats.added += to_vvq(vq)->added;
	stats.used += to_vvq(vq)->used;
	return stats;
}

unsigned int virtqueue_in_flight(const struct virtqueue *vq)
{
	return vring_in_flight(to_vvq(vq));
}

const char *virtqueue_format(const struct virtqueue *vq)
{
	return vring_is_packed(to_vvq(vq)) ? "packed" : "split";
}

dma_addr_t virtqueue_get_desc_addr(const struct virtqueue *vq)
{
	return to_vvq(vq)->ring_addr;
}

dma_addr_t virtqueue_get_avail_addr(const struct virtqueue *vq)
{
	return to_vvq(vq)->ring_addr + to_vvq(vq)->driver_offset;
}

dma_addr_t virtqueue_get_used_addr(const struct virtqueue *vq)
{
	return to_vvq(vq)->ring_addr + to_vvq(vq)->device_offset;
}

/* --- for people ------------------------------------------------------------------------------- */

static void dump_places(const struct vring_virtqueue *vvq, char *line, size_t len)
{
	const struct vring_split *s = &vvq->split;
	const struct vring_packed *p = &vvq->pkd;

	if (vring_is_packed(vvq))
		format_string(line, len, "next avail %u round %d, next used %u round %d",
			      (unsigned int)(p->next_avail - p->desc),
			      !!(p->avail_flags & VRING_PACKED_DESC_F_AVAIL),
			      (unsigned int)(p->next_used - p->desc),
			      !!(p->used_flags & VRING_PACKED_DESC_F_USED));
	else
		format_string(line, len,
			      "avail idx %u (device sees %u), used idx %u (taken back %u)",
			      (uint16_t)vvq->added, vring16(vvq, READ_ONCE(s->avail->idx)),
			      vring16(vvq, READ_ONCE(s->used->idx)), (uint16_t)vvq->used);
}

static void dump_buffer(const struct vring_virtqueue *vvq, unsigned int i, char *line, size_t len)
{
	const struct vring_desc_state *state = &vvq->state[i];
	unsigned int descs = state->table ? vring_table_entries(state->table) : vring_descs(vvq, i);

	format_string(line, len, "  %s %u: %s of %u, %lu bytes writable",
		      vring_is_packed(vvq) ? "id" : "head", i, state->table ? "table" : "chain",
		      descs, (unsigned long)state->in_len);
}

void virtqueue_dump(struct virtqueue *vq, unsigned int max,
		    void (*print)(void *arg, const char *line), void *arg)
{
	struct vring_virtqueue *vvq = to_vvq(vq);
	unsigned int shown = 0;
	char line[96];

	format_string(line, sizeof(line), "%s: %s ring of %u at 0x%llx%s", vq->name,
		      virtqueue_format(vq), vvq->num, (unsigned long long)vvq->ring_addr,
		      vvq->broken ? ", broken" : "");
	print(arg, line);
	if (vvq->deleted)
		return;
	dump_places(vvq, line, sizeof(line));
	print(arg, line);
	format_string(line, sizeof(line),
		      "%u descriptors free, %u buffers in flight, interrupts %s", vq->num_free,
		      vring_in_flight(vvq), vvq->callbacks ? "wanted" : "not wanted");
	print(arg, line);
	/* The device may be removed while a line is printed. */
	for (unsigned int i = 0; !vvq->deleted && i < vvq->num && shown < max; i++) {
		if (!vvq->state[i].data)
			continue;
		dump_buffer(vvq, i, line, sizeof(line));
		print(arg, line);
		shown++;
	}
}
