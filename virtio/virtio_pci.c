/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport: it recognises a function (VIRTIO 1.4, 4.1.2), chooses between its modern and its
 * legacy interface, and makes and starts queues over either. A queue is started when everything
 * else of all queues is settled, so that what fails leaves a device that was never started.
 */
#include <string.h>
#include <arch/barrier.h>
#include "lib/format.h"
#include "virtio/port.h"
#include "virtio/virtio_pci_parts.h"
#include "virtio/virtio_transport.h"

/* --- notifications ------------------------------------------------------------------------------ */

static bool notify(struct virtqueue *vq)
{
	/* What the rings say before the device is told to look at them. */
	mmio_wmb();
	vp_write16(to_vp(vq->vdev), vq->transport_priv, (uint16_t)vq->index);
	return true;
}

/* With VIRTIO_F_NOTIFICATION_DATA. */
static bool notify_with_data(struct virtqueue *vq)
{
	uint32_t data = vring_notification_data(vq);

	mmio_wmb();
	vp_write32(to_vp(vq->vdev), vq->transport_priv, data);
	return true;
}

/* --- queues --------------------------------------------------------------------------------------- */

static int make_vq(struct virtio_pci_device *vp, unsigned int index,
		   const struct virtqueue_info *info)
{
	bool data = virtio_has_feature(&vp->vdev, VIRTIO_F_NOTIFICATION_DATA);
	struct virtio_pci_queue *q = &vp->queues[index];
	int err, max = vp->interface->queue_max(vp, index);

	if (max == -EBUSY)
		port_log(LOG_ERROR, "%s: queue %u is in use already", vp->bus_name, index);
	if (max < 0)
		return max;
	q->notify = vp->interface->queue_notify(vp, index);
	if (!q->notify) {
		port_log(LOG_ERROR, "%s: queue %u has no register for notifications", vp->bus_name,
			 index);
		return -EINVAL;
	}
	err = virtio_transport_make_vq(&vp->vdev, index, (unsigned int)max,
				       vp->interface->fixed_size, info,
				       data ? notify_with_data : notify, &q->vq);
	if (err)
		return err;
	q->vq->transport_priv = q->notify;
	format_string(q->irq_name, sizeof(q->irq_name), "%s %s", vp->bus_name, info->name);
	return vp->interface->configure(vp, q->vq);
}

static int make_vqs(struct virtio_pci_device *vp, unsigned int count,
		    const struct virtqueue_info infos[])
{
	int err = 0;

	vp->queues = port_alloc(MAX(count, 1u) * sizeof(*vp->queues));
	if (!vp->queues)
		return -ENOMEM;
	vp->queue_count = count;
	for (unsigned int i = 0; i < count && !err; i++)
		if (infos[i].name)
			err = make_vq(vp, i, &infos[i]);
	return err;
}

/* The device uses none of them. */
static void free_vqs(struct virtio_pci_device *vp)
{
	struct virtqueue *vq, *next;

	list_for_each_entry_safe (vq, next, &vp->vdev.vqs, list)
		vring_del_virtqueue(vq);
	port_free(vp->queues);
	vp->queues = NULL;
	vp->queue_count = 0;
}

int virtio_pci_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
			const struct virtqueue_info infos[])
{
	struct virtio_pci_device *vp = to_vp(vdev);
	int err = make_vqs(vp, nvqs, infos);

	if (!err)
		err = virtio_pci_take_irqs(vp);
	if (err) {
		free_vqs(vp);
		return err;
	}
	for (unsigned int i = 0; i < nvqs; i++) {
		vqs[i] = vp->queues[i].vq;
		if (vqs[i])
			vp->interface->enable(vp, vqs[i]);
	}
	return 0;
}

/* A queue that was started is taken back by a reset of the device, and by nothing less (4.1.4.3.2). */
void virtio_pci_del_vqs(struct virtio_device *vdev)
{
	struct virtio_pci_device *vp = to_vp(vdev);

	if (!vdev->stuck && vdev->config->get_status(vdev) != 0)
		(void)virtio_reset_device(vdev);
	virtio_pci_drop_irqs(vp);
	free_vqs(vp);
}

int virtio_pci_enable_vq(struct virtqueue *vq)
{
	struct virtio_pci_device *vp = to_vp(vq->vdev);
	int err = vp->interface->configure(vp, vq);

	if (err) {
		port_log(LOG_ERROR, "%s: queue %u has another size", vp->bus_name, vq->index);
		return err;
	}
	/* A reset has made the device forget them. */
	if (!virtio_pci_map_again(vp, vq)) {
		port_log(LOG_ERROR, "%s: queue %u lost its interrupt", vp->bus_name, vq->index);
		return -EIO;
	}
	vp->interface->enable(vp, vq);
	return 0;
}

/* --- finding the device --------------------------------------------------------------------------- */

bool virtio_pci_gone(struct virtio_device *vdev)
{
	const struct virtio_pci_device *vp = to_vp(vdev);

	return vp->ops->config_read(vp->fn, PCI_CFG_ID, 4) == UINT32_MAX;
}

void virtio_pci_isolate(struct virtio_device *vdev)
{
	const struct virtio_pci_device *vp = to_vp(vdev);

	vp->ops->isolate(vp->fn);
}

const char *virtio_pci_bus_name(struct virtio_device *vdev)
{
	return to_vp(vdev)->bus_name;
}

bool virtio_pci_is_virtio(uint16_t vendor, uint16_t device)
{
	return vendor == VIRTIO_PCI_VENDOR && device >= VIRTIO_PCI_TRANSITIONAL_FIRST &&
	       device <= VIRTIO_PCI_MODERN_LAST;
}

/* 4.1.2: which device type a transitional id stands for. Others are named by the subsystem id. */
static uint32_t transitional_type(const struct virtio_pci_device *vp, uint16_t device)
{
	static const uint8_t types[] = {
		VIRTIO_ID_NET,	VIRTIO_ID_BLOCK, VIRTIO_ID_BALLOON,  VIRTIO_ID_CONSOLE,
		VIRTIO_ID_SCSI, VIRTIO_ID_RNG,	 [9] = VIRTIO_ID_9P,
	};
	unsigned int n = device - VIRTIO_PCI_TRANSITIONAL_FIRST;

	if (n < ARRAY_SIZE(types) && types[n])
		return types[n];
	return vp->ops->config_read(vp->fn, PCI_CFG_SUBSYSTEM, 2);
}

char *virtio_pci_map_part(struct virtio_pci_device *vp, unsigned int bar, uint64_t offset,
			  size_t least, size_t most, size_t *size)
{
	for (size_t part = most; part >= least; part /= 2) {
		char *regs = vp->ops->map(vp->fn, bar, offset, part);

		if (regs) {
			*size = part;
			return regs;
		}
	}
	return NULL;
}

static int find_registers(struct virtio_pci_device *vp, bool transitional, bool force_legacy)
{
	int err = -ENODEV;

	if (!transitional || !force_legacy)
		err = virtio_pci_modern_probe(vp);
	if (err == -ENODEV && transitional)
		err = virtio_pci_legacy_probe(vp);
	if (err)
		port_log(LOG_ERROR, "%s: the registers of a virtio device are missing",
			 vp->bus_name);
	return err == -ENODEV ? -EINVAL : err;
}

int virtio_pci_probe(struct virtio_bus *bus, struct virtio_pci_device *vp,
		     const struct virtio_pci_ops *ops, void *fn, const char *name,
		     bool force_legacy)
{
	struct virtio_device *vdev = &vp->vdev;
	uint32_t id = ops->config_read(fn, PCI_CFG_ID, 4);
	uint16_t device = (uint16_t)(id >> 16);
	bool transitional = device < VIRTIO_PCI_MODERN_FIRST;
	int err;

	if (!virtio_pci_is_virtio((uint16_t)id, device))
		return -ENODEV;
	vp->ops = ops;
	vp->fn = fn;
	vp->config_vector = VIRTIO_PCI_NO_VECTOR;
	format_string(vp->bus_name, sizeof(vp->bus_name), "%s", name);
	memcpy(vdev->dev.name, vp->bus_name, sizeof(vdev->dev.name));
	vdev->id.vendor = (uint16_t)id;
	vdev->id.device =
		transitional ? transitional_type(vp, device) : device - VIRTIO_PCI_MODERN_FIRST;
	if (!vdev->id.device)
		return -ENODEV;
	err = find_registers(vp, transitional, force_legacy);
	if (virtio_pci_gone(vdev))
		return -ENODEV;
	if (err)
		return err;
	vdev->config = vp->interface->config;
	vdev->irq = -1;
	return virtio_register_device(bus, vdev);
}

void virtio_pci_remove(struct virtio_pci_device *vp)
{
	virtio_unregister_device(&vp->vdev);
}
