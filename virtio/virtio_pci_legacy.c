/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A transitional function's legacy header (VIRTIO 1.4, 4.1.4.10), which begins BAR 0: features of 32 bits, a
 * queue's page number, which starts it, and a size that the device alone decides. With MSI-X two vector
 * registers push the config space back by 4 bytes. The header is little-endian, the config
 * space the guest's own order.
 */
#include "virtio/virtio_pci_parts.h"
#include "virtio/virtio_transport.h"

/* I/O BARs have at most so many bytes. */
#define BAR_BYTES 256u

int virtio_pci_legacy_probe(struct virtio_pci_device *vp)
{
	vp->common = virtio_pci_map_part(vp, 0, 0, VIRTIO_PCI_LEGACY_CONFIG_MSIX, BAR_BYTES,
					 &vp->common_size);
	if (!vp->common)
		return -ENODEV;
	vp->isr = vp->common + VIRTIO_PCI_LEGACY_ISR;
	vp->interface = &virtio_pci_legacy;
	vp->vdev.legacy = true;
	return 0;
}

/* --- config space --------------------------------------------------------------------------------- */

static unsigned int config_begin(struct virtio_pci_device *vp)
{
	return virtio_pci_has_vectors(vp) ? VIRTIO_PCI_LEGACY_CONFIG_MSIX
					  : VIRTIO_PCI_LEGACY_CONFIG;
}

static void legacy_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	struct virtio_pci_device *vp = to_vp(vdev);
	unsigned int begin = config_begin(vp);

	virtio_transport_get(vp->common + begin, vp->common_size - begin, offset, buf, len);
}

static void legacy_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		       unsigned int len)
{
	struct virtio_pci_device *vp = to_vp(vdev);
	unsigned int begin = config_begin(vp);

	virtio_transport_set(vp->common + begin, vp->common_size - begin, offset, buf, len);
}

/* It has no counter (2.5.4): fields are read until they stand still. */
static uint32_t legacy_generation(struct virtio_device *vdev)
{
	(void)vdev;
	return 0;
}

/* --- status and features --------------------------------------------------------------------------- */

static uint8_t legacy_get_status(struct virtio_device *vdev)
{
	return vp_read8(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_LEGACY_STATUS);
}

static void legacy_set_status(struct virtio_device *vdev, uint8_t status)
{
	vp_write8(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_LEGACY_STATUS, status);
}

static uint64_t legacy_get_features(struct virtio_device *vdev)
{
	return vp_read32(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_LEGACY_DEVICE_FEATURES);
}

static int legacy_finalize_features(struct virtio_device *vdev)
{
	vp_write32(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_LEGACY_DRIVER_FEATURES,
		   (uint32_t)vdev->features);
	return 0;
}

/* --- queues ----------------------------------------------------------------------------------------- */

static void select_queue(struct virtio_pci_device *vp, unsigned int index)
{
	vp_write16(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_SELECT, (uint16_t)index);
}

static int legacy_queue_max(struct virtio_pci_device *vp, unsigned int index)
{
	uint16_t size;

	select_queue(vp, index);
	size = vp_read16(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_SIZE);
	if (!size)
		return -ENOENT;
	if (vp_read32(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_PFN) != 0)
		return -EBUSY;
	return size;
}

static char *legacy_queue_notify(struct virtio_pci_device *vp, unsigned int index)
{
	(void)index; /* is what is written to it */
	return vp->common + VIRTIO_PCI_LEGACY_QUEUE_NOTIFY;
}

static int legacy_configure(struct virtio_pci_device *vp, const struct virtqueue *vq)
{
	uint32_t pfn;

	select_queue(vp, vq->index);
	/* The device's size is the ring's layout: it must be what it was. */
	if (vp_read16(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_SIZE) !=
	    virtqueue_get_vring_size(vq))
		return -EINVAL;
	return virtio_transport_legacy_pfn(vq, &pfn);
}

static void legacy_enable(struct virtio_pci_device *vp, const struct virtqueue *vq)
{
	select_queue(vp, vq->index);
	vp_write32(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_PFN,
		   (uint32_t)(virtqueue_get_desc_addr(vq) >> PAGE_SHIFT));
}

/* --- interrupts ------------------------------------------------------------------------------------- */

static uint16_t legacy_map_config(struct virtio_pci_device *vp, uint16_t vector)
{
	vp_write16(vp, vp->common + VIRTIO_PCI_LEGACY_CONFIG_VECTOR, vector);
	return vp_read16(vp, vp->common + VIRTIO_PCI_LEGACY_CONFIG_VECTOR);
}

static uint16_t legacy_map_queue(struct virtio_pci_device *vp, unsigned int index, uint16_t vector)
{
	select_queue(vp, index);
	vp_write16(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_VECTOR, vector);
	return vp_read16(vp, vp->common + VIRTIO_PCI_LEGACY_QUEUE_VECTOR);
}

static const struct virtio_config_ops legacy_config_ops = {
	.get = legacy_get,
	.set = legacy_set,
	.generation = legacy_generation,
	.get_status = legacy_get_status,
	.set_status = legacy_set_status,
	.get_features = legacy_get_features,
	.finalize_features = legacy_finalize_features,
	.gone = virtio_pci_gone,
	.isolate = virtio_pci_isolate,
	.find_vqs = virtio_pci_find_vqs,
	.del_vqs = virtio_pci_del_vqs,
	.enable_vq = virtio_pci_enable_vq,
	.poll = virtio_pci_poll,
	.bus_name = virtio_pci_bus_name,
};

const struct virtio_pci_interface virtio_pci_legacy = {
	.config = &legacy_config_ops,
	.fixed_size = true,
	.queue_max = legacy_queue_max,
	.queue_notify = legacy_queue_notify,
	.configure = legacy_configure,
	.enable = legacy_enable,
	.map_config = legacy_map_config,
	.map_queue = legacy_map_queue,
};
