/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the transports have in common: access to a config space in the width of its fields, the size of
 * a queue and its making, the page number of a legacy queue, the end of a queue's reset, and the
 * round through all queues after an interrupt that may be any's. For transports only.
 */
#ifndef VIRTIO_VIRTIO_TRANSPORT_H
#define VIRTIO_VIRTIO_TRANSPORT_H

#include "virtio/virtio.h"

/* Reads a field of @len bytes (1, 2, 4) at @offset of the config space of @size bytes at @space; zeroes where
 * it does not lie in it, or has another width. Any context. */
void virtio_transport_get(const void *space, size_t size, unsigned int offset, void *buf,
			  unsigned int len);

/* Writes one; nothing where it does not lie in it. Any context. */
void virtio_transport_set(void *space, size_t size, unsigned int offset, const void *buf,
			  unsigned int len);

/* Queue @index for a device that takes up to @max (above 0) descriptors, or (@fixed) just so many. Returns
 * 0 with *@result, -ENOMEM, or -EINVAL (a fixed size that no queue can have). */
int __must_check virtio_transport_make_vq(struct virtio_device *vdev, unsigned int index,
					  unsigned int max, bool fixed,
					  const struct virtqueue_info *info, vq_notify_t *notify,
					  struct virtqueue **result);

/* Where a legacy device finds @vq: *@pfn, in pages. Returns 0 or -E2BIG: beyond its reach. */
int __must_check virtio_transport_legacy_pfn(const struct virtqueue *vq, uint32_t *pfn);

/* Waits, bounded, until @is_reset says so. Returns 0, -ETIMEDOUT, or -ENODEV (the device is gone). Thread
 * context. */
int __must_check virtio_transport_await_reset(struct virtqueue *vq,
					      bool (*is_reset)(const struct virtqueue *vq));

/* Lets every queue look whether buffers were used. Before DRIVER_OK there is nothing to complete, and no
 * driver behind the callbacks. Returns whether one of them had something for its driver. Interrupt context. */
static inline bool virtio_transport_serve_queues(struct virtio_device *vdev, int irq)
{
	bool served = false;
	struct virtqueue *vq;

	if (!READ_ONCE(vdev->driver_ok))
		return false;
	list_for_each_entry (vq, &vdev->vqs, list)
		if (vring_interrupt(irq, vq) == IRQ_HANDLED && vq->callback)
			served = true;
	return served;
}

#endif
