/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the transports have in common (virtio_transport.h). Whatever a device says about its config
 * space and its queues ends here at what a driver can live with.
 */
#include <string.h>
#include <arch/mmio.h>
#include "virtio/port.h"
#include "virtio/virtio_transport.h"
#include "virtio/wire/ring.h"

/* --- config space ----------------------------------------------------------------------------- */

static bool contains(size_t size, unsigned int offset, unsigned int len)
{
	return offset <= size && len <= size - offset;
}

void virtio_transport_get(const void *space, size_t size, unsigned int offset, void *buf,
			  unsigned int len)
{
	const char *field;
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;

	memset(buf, 0, len);
	if (!contains(size, offset, len))
		return;
	field = (const char *)space + offset;
	switch (len) {
	case 1:
		v8 = mmio_read8(field);
		memcpy(buf, &v8, len);
		break;
	case 2:
		v16 = mmio_read16(field);
		memcpy(buf, &v16, len);
		break;
	case 4:
		v32 = mmio_read32(field);
		memcpy(buf, &v32, len);
		break;
	}
}

void virtio_transport_set(void *space, size_t size, unsigned int offset, const void *buf,
			  unsigned int len)
{
	char *field;
	uint32_t v32;
	uint16_t v16;

	if (!contains(size, offset, len))
		return;
	field = (char *)space + offset;
	switch (len) {
	case 1:
		mmio_write8(field, *(const uint8_t *)buf);
		break;
	case 2:
		memcpy(&v16, buf, len);
		mmio_write16(field, v16);
		break;
	case 4:
		memcpy(&v32, buf, len);
		mmio_write32(field, v32);
		break;
	}
}

/* --- queues ----------------------------------------------------------------------------------- */

/* The size for a queue of which the device takes up to @max (above 0). A split ring's size is a power
 * of two (2.7); the device's maximum need not be one. */
static unsigned int queue_size(const struct virtio_device *vdev, unsigned int max)
{
	unsigned int limit = vdev->max_queue_size ? vdev->max_queue_size : VIRTIO_QUEUE_SIZE;
	unsigned int size = 1;

	limit = MIN(limit, MIN(max, VRING_SIZE_MAX));
	if (virtio_has_feature(vdev, VIRTIO_F_RING_PACKED))
		return limit;
	while (size * 2 <= limit)
		size *= 2;
	return size;
}

int virtio_transport_make_vq(struct virtio_device *vdev, unsigned int index, unsigned int max,
			     bool fixed, const struct virtqueue_info *info, vq_notify_t *notify,
			     struct virtqueue **result)
{
	unsigned int size = fixed ? max : queue_size(vdev, max);
	struct virtqueue *vq;

	if (fixed && (max > VRING_SIZE_MAX || (max & (max - 1)))) {
		port_log(LOG_ERROR, "%s: queue %u has %u descriptors, which no ring can have",
			 vdev->dev.name, index, max);
		return -EINVAL;
	}
	vq = vring_create_virtqueue(index, size, vdev->legacy ? PAGE_SIZE : 64, vdev, !fixed,
				    notify, info->callback, info->name);
	if (!vq)
		return -ENOMEM;
	vq->num_max = MIN(max, VRING_SIZE_MAX);
	*result = vq;
	return 0;
}

int virtio_transport_legacy_pfn(const struct virtqueue *vq, uint32_t *pfn)
{
	dma_addr_t page = virtqueue_get_desc_addr(vq) >> PAGE_SHIFT;

	if (page > UINT32_MAX) {
		port_log(LOG_ERROR, "%s: ring beyond the reach of a legacy device",
			 vq->vdev->dev.name);
		return -E2BIG;
	}
	*pfn = (uint32_t)page;
	return 0;
}

int virtio_transport_await_reset(struct virtqueue *vq, bool (*is_reset)(const struct virtqueue *vq))
{
	struct virtio_device *vdev = vq->vdev;
	uint64_t start = port_now_ns();

	while (!is_reset(vq)) {
		if (vdev->config->gone && vdev->config->gone(vdev))
			return -ENODEV;
		if (port_now_ns() - start > VIRTIO_RESET_TIMEOUT_NS)
			return -ETIMEDOUT;
		port_delay_ns(VIRTIO_RESET_POLL_NS);
	}
	return 0;
}
