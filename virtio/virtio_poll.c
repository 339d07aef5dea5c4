/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Life without interrupts: one call that does what all of them would. To look at a queue is to look at memory; what else
 * a device may have to say stands in its registers, which cost more than everything else here, so they are read once
 * in a while.
 */
#include "virtio/virtio_transport.h"
#include "virtio/vring.h"

/* A poll in so many looks at registers. */
#define POLLS_PER_LOOK 64u

/* Where nothing was used there is no interrupt to count as spurious. */
static void poll_queues(struct virtio_device *vdev)
{
	struct virtqueue *vq;

	list_for_each_entry (vq, &vdev->vqs, list) {
		if (to_vvq(vq)->ways.more_used(to_vvq(vq)))
			vring_interrupt(vdev->irq, vq);
	}
}

void virtio_bus_poll(struct virtio_bus *bus)
{
	bool look = bus->polls++ % POLLS_PER_LOOK == 0;
	struct virtio_device *vdev;

	virtio_for_each_device (vdev, bus) {
		if (look && vdev->driver_ok && vdev->config->poll)
			vdev->config->poll(vdev);
		if (vdev->driver_ok)
			poll_queues(vdev);
	}
	work_run(bus->work);
}
