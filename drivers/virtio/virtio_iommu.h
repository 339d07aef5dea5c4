/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU device (VIRTIO 1.4, 5.13) as an IOMMU of lib/iommu.h. In QEMU: -device virtio-iommu-pci.
 * What stands behind it is not said by the device but by the device tree, so the port brings the two together:
 *
 *	virtio_iommu_init();				 before devices are probed
 *	... the transport probes the device ...
 *	virtio_iommu_register(vdev, node);		 now iommu_find(node) knows it
 *	virtio_iommu_admit(vdev, id);			 where its own interrupts are messages
 *	... the devices behind it are probed ...
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_IOMMU_H
#define DRIVERS_VIRTIO_VIRTIO_IOMMU_H

#include "virtio/virtio.h"

/* What it has done, for people. */
struct virtio_iommu_stats {
	unsigned long requests;	      /* sent */
	unsigned long refused;	      /* answered with an error, or not at all */
	unsigned long events_ignored; /* reports of faults that made no sense */
	unsigned int endpoints, domains, mappings, regions; /* now */
};

/* Makes the driver known. Once. */
int virtio_iommu_init(struct virtio_bus *bus);

/*
 * Makes @vdev, which the driver has, the IOMMU of node @dt_node, and closes it: from now on an endpoint that
 * nobody attaches reaches nothing. Returns 0, -ENODEV (not driven), -EBUSY (it has a node), -EIO (it
 * does not let itself be closed). Thread context.
 */
int __must_check virtio_iommu_register(struct virtio_device *vdev, int dt_node);

/*
 * The device's own DMA goes past itself, but what it sends as interrupts may not: attaches it, as endpoint @id, to
 * a domain with nothing but the doorbells. Returns 0, also where it knows no such endpoint, and
 * therefore does not hold it back; or a negative errno. After virtio_iommu_register(). Thread context.
 */
int __must_check virtio_iommu_admit(struct virtio_device *vdev, uint32_t id);

/* False where the driver does not have @vdev. Any context. */
bool virtio_iommu_get_stats(struct virtio_device *vdev, struct virtio_iommu_stats *stats);

#endif
