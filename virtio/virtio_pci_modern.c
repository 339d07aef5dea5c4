/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A modern function's registers (VIRTIO 1.4, 4.1.4): the common configuration structure, the registers
 * that notify the device, and its config space. Each field is accessed in its own width, those of
 * 64 bits in two halves. What a queue's notification register is, the device says; that it lies
 * in what the capability spans, we see to.
 */
#include <arch/barrier.h>
#include "virtio/port.h"
#include "virtio/virtio_pci_parts.h"
#include "virtio/virtio_transport.h"

/* As much of the config space as any device has, and of the notification registers at once. */
#define WINDOW PAGE_SIZE

/* --- finding the structures --------------------------------------------------------------------- */

/* Maps what @cap spans, @least to @most bytes of it. */
static char *map_cap(struct virtio_pci_device *vp, const struct virtio_pci_cap *cap, size_t least,
		     size_t most, size_t *size)
{
	most = (size_t)MIN((uint64_t)most, cap->length);
	return virtio_pci_map_part(vp, cap->bar, cap->offset, least, most, size);
}

/* The first capability of each type that can be used counts (4.1.4.1). */
static bool use_cap(const struct virtio_pci_cap *cap, void *arg)
{
	struct virtio_pci_device *vp = arg;
	size_t size;

	if (cap->type == VIRTIO_PCI_CAP_COMMON && !vp->common)
		vp->common = map_cap(vp, cap, VIRTIO_PCI_COMMON_BYTES,
				     VIRTIO_PCI_COMMON_RESET_BYTES, &vp->common_size);
	if (cap->type == VIRTIO_PCI_CAP_ISR && !vp->isr)
		vp->isr = map_cap(vp, cap, 1, 1, &size);
	if (cap->type == VIRTIO_PCI_CAP_DEVICE && !vp->device)
		vp->device = map_cap(vp, cap, 1, WINDOW, &vp->device_size);
	if (cap->type == VIRTIO_PCI_CAP_NOTIFY && !vp->notify) {
		vp->notify = map_cap(vp, cap, sizeof(uint16_t), WINDOW, &vp->notify_size);
		vp->notify_cap = *cap;
	}
	return true;
}

int virtio_pci_modern_probe(struct virtio_pci_device *vp)
{
	virtio_pci_walk(vp->ops, vp->fn, use_cap, vp);
	if (!vp->common)
		return -ENODEV;
	if (!vp->notify)
		return -EINVAL;
	vp->interface = &virtio_pci_modern;
	return 0;
}

/* --- config space --------------------------------------------------------------------------------- */

static void modern_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	struct virtio_pci_device *vp = to_vp(vdev);

	virtio_transport_get(vp->device, vp->device_size, offset, buf, len);
}

static void modern_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		       unsigned int len)
{
	struct virtio_pci_device *vp = to_vp(vdev);

	virtio_transport_set(vp->device, vp->device_size, offset, buf, len);
}

static uint32_t modern_generation(struct virtio_device *vdev)
{
	return vp_read8(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_GENERATION);
}

/* --- status and features --------------------------------------------------------------------------- */

static uint8_t modern_get_status(struct virtio_device *vdev)
{
	return vp_read8(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_STATUS);
}

static void modern_set_status(struct virtio_device *vdev, uint8_t status)
{
	vp_write8(to_vp(vdev), to_vp(vdev)->common + VIRTIO_PCI_STATUS, status);
}

/* Words @word and @word + 1 of the features that are offered. */
static uint64_t read_features(struct virtio_pci_device *vp, uint32_t word)
{
	uint32_t low;

	vp_write32(vp, vp->common + VIRTIO_PCI_DEVICE_FEATURE_SELECT, word);
	low = vp_read32(vp, vp->common + VIRTIO_PCI_DEVICE_FEATURE);
	vp_write32(vp, vp->common + VIRTIO_PCI_DEVICE_FEATURE_SELECT, word + 1);
	return low | (uint64_t)vp_read32(vp, vp->common + VIRTIO_PCI_DEVICE_FEATURE) << 32;
}

static void write_features(struct virtio_pci_device *vp, uint32_t word, uint64_t features)
{
	vp_write32(vp, vp->common + VIRTIO_PCI_DRIVER_FEATURE_SELECT, word);
	vp_write32(vp, vp->common + VIRTIO_PCI_DRIVER_FEATURE, (uint32_t)features);
	vp_write32(vp, vp->common + VIRTIO_PCI_DRIVER_FEATURE_SELECT, word + 1);
	vp_write32(vp, vp->common + VIRTIO_PCI_DRIVER_FEATURE, (uint32_t)(features >> 32));
}

static uint64_t modern_get_features(struct virtio_device *vdev)
{
	struct virtio_pci_device *vp = to_vp(vdev);
	uint64_t features = read_features(vp, 0);

	vdev->device_features_high = read_features(vp, 2);
	/* A feature without its register is none. */
	if (vp->common_size < VIRTIO_PCI_COMMON_RESET_BYTES)
		features &= ~BIT_ULL(VIRTIO_F_RING_RESET);
	return features;
}

static int modern_finalize_features(struct virtio_device *vdev)
{
	struct virtio_pci_device *vp = to_vp(vdev);

	write_features(vp, 0, vdev->features);
	/* Where there are more than 64, the others are refused in so many words. */
	if (vdev->device_features_high)
		write_features(vp, 2, 0);
	return 0;
}

/* --- queues ----------------------------------------------------------------------------------------- */

static void select_queue(struct virtio_pci_device *vp, unsigned int index)
{
	vp_write16(vp, vp->common + VIRTIO_PCI_QUEUE_SELECT, (uint16_t)index);
}

static int modern_queue_max(struct virtio_pci_device *vp, unsigned int index)
{
	uint16_t max;

	if (index >= vp_read16(vp, vp->common + VIRTIO_PCI_NUM_QUEUES))
		return -ENOENT;
	select_queue(vp, index);
	if (vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_ENABLE) != 0)
		return -EBUSY;
	max = vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_SIZE);
	return max ? max : -ENOENT;
}

/* 4.1.4.4: the register lies so many multipliers behind the capability's begin, and all of them lie
 * within its length. Beyond the window that is mapped already, it is mapped alone. */
static char *modern_queue_notify(struct virtio_pci_device *vp, unsigned int index)
{
	const struct virtio_pci_cap *cap = &vp->notify_cap;
	unsigned int width =
		virtio_has_feature(&vp->vdev, VIRTIO_F_NOTIFICATION_DATA) ? 4 : sizeof(uint16_t);
	uint64_t at;

	select_queue(vp, index);
	at = (uint64_t)vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_NOTIFY_OFF) * cap->multiplier;
	if (at + width > cap->length || (cap->offset + at) % width)
		return NULL;
	if (at + width <= vp->notify_size)
		return vp->notify + at;
	return vp->ops->map(vp->fn, cap->bar, cap->offset + at, width);
}

static void write_address(struct virtio_pci_device *vp, unsigned int reg, dma_addr_t addr)
{
	vp_write32(vp, vp->common + reg, (uint32_t)addr);
	vp_write32(vp, vp->common + reg + 4, (uint32_t)((uint64_t)addr >> 32));
}

static int modern_configure(struct virtio_pci_device *vp, const struct virtqueue *vq)
{
	unsigned int size = virtqueue_get_vring_size(vq);

	select_queue(vp, vq->index);
	/* It may have become smaller since it was made. */
	if (vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_SIZE) < size)
		return -EINVAL;
	vp_write16(vp, vp->common + VIRTIO_PCI_QUEUE_SIZE, (uint16_t)size);
	write_address(vp, VIRTIO_PCI_QUEUE_DESC, virtqueue_get_desc_addr(vq));
	write_address(vp, VIRTIO_PCI_QUEUE_DRIVER, virtqueue_get_avail_addr(vq));
	write_address(vp, VIRTIO_PCI_QUEUE_DEVICE, virtqueue_get_used_addr(vq));
	return 0;
}

static void modern_enable(struct virtio_pci_device *vp, const struct virtqueue *vq)
{
	select_queue(vp, vq->index);
	vp_write16(vp, vp->common + VIRTIO_PCI_QUEUE_ENABLE, 1);
}

static bool is_reset(const struct virtqueue *vq)
{
	struct virtio_pci_device *vp = to_vp(vq->vdev);

	return vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_RESET) == 0 &&
	       vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_ENABLE) == 0;
}

/* 4.1.4.3.2: it is over when queue_reset reads 0. */
static int modern_reset_vq(struct virtqueue *vq)
{
	struct virtio_pci_device *vp = to_vp(vq->vdev);

	select_queue(vp, vq->index);
	vp_write16(vp, vp->common + VIRTIO_PCI_QUEUE_RESET, 1);
	return virtio_transport_await_reset(vq, is_reset);
}

/* --- interrupts ------------------------------------------------------------------------------------- */

static uint16_t modern_map_config(struct virtio_pci_device *vp, uint16_t vector)
{
	vp_write16(vp, vp->common + VIRTIO_PCI_CONFIG_VECTOR, vector);
	return vp_read16(vp, vp->common + VIRTIO_PCI_CONFIG_VECTOR);
}

static uint16_t modern_map_queue(struct virtio_pci_device *vp, unsigned int index, uint16_t vector)
{
	select_queue(vp, index);
	vp_write16(vp, vp->common + VIRTIO_PCI_QUEUE_VECTOR, vector);
	return vp_read16(vp, vp->common + VIRTIO_PCI_QUEUE_VECTOR);
}

static const struct virtio_config_ops modern_config_ops = {
	.get = modern_get,
	.set = modern_set,
	.generation = modern_generation,
	.get_status = modern_get_status,
	.set_status = modern_set_status,
	.get_features = modern_get_features,
	.finalize_features = modern_finalize_features,
	.gone = virtio_pci_gone,
	.isolate = virtio_pci_isolate,
	.find_vqs = virtio_pci_find_vqs,
	.del_vqs = virtio_pci_del_vqs,
	.reset_vq = modern_reset_vq,
	.enable_vq = virtio_pci_enable_vq,
	.poll = virtio_pci_poll,
	.bus_name = virtio_pci_bus_name,
};

const struct virtio_pci_interface virtio_pci_modern = {
	.config = &modern_config_ops,
	.queue_max = modern_queue_max,
	.queue_notify = modern_queue_notify,
	.configure = modern_configure,
	.enable = modern_enable,
	.map_config = modern_map_config,
	.map_queue = modern_map_queue,
};
