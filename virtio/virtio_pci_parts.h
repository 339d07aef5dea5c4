/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the PCI transport know of each other: the walk of the capabilities, the two interfaces
 * (modern, legacy) behind one set of operations, and the interrupts. For virtio/virtio_pci*.c only.
 */
#ifndef VIRTIO_VIRTIO_PCI_PARTS_H
#define VIRTIO_VIRTIO_PCI_PARTS_H

#include <arch/mmio.h>
#include "virtio/virtio_pci.h"
#include "virtio/wire/pci.h"

/* A queue's place in the device, kept for as long as the queue lives. */
struct virtio_pci_queue {
	struct virtqueue *vq; /* NULL: the driver does without it */
	char *notify;	      /* the register that tells the device of it */
	uint16_t vector;      /* VIRTIO_PCI_NO_VECTOR: none */
	bool irq;	      /* the vector is its own, and has a handler */
	unsigned long
		added_at_late; /* buffers offered by the time of the last message that found nothing */
	char irq_name[32];
};

/* What differs between modern and legacy registers. */
struct virtio_pci_interface {
	const struct virtio_config_ops *config;
	/* How many descriptors the device takes for queue @index: above 0, or -ENOENT, -EBUSY. */
	int (*queue_max)(struct virtio_pci_device *vp, unsigned int index);
	bool fixed_size; /* and it takes no other number */
	/* Where the device is notified of queue @index; NULL: nowhere that we can reach. */
	char *(*queue_notify)(struct virtio_pci_device *vp, unsigned int index);
	/* Selects the queue and gives it its size and places, as far as that does not start it. 0 or -errno. */
	int (*configure)(struct virtio_pci_device *vp, const struct virtqueue *vq);
	/* Starts it. */
	void (*enable)(struct virtio_pci_device *vp, const struct virtqueue *vq);
	/* Writes a vector, and returns what is read back. map_queue() selects the queue. */
	uint16_t (*map_config)(struct virtio_pci_device *vp, uint16_t vector);
	uint16_t (*map_queue)(struct virtio_pci_device *vp, unsigned int index, uint16_t vector);
};

extern const struct virtio_pci_interface virtio_pci_modern, virtio_pci_legacy;

static inline struct virtio_pci_device *to_vp(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_pci_device, vdev);
}

/* --- capabilities (virtio_pci_caps.c) --------------------------------------------------------- */

/* Shows @visit each capability of the device that can be used as far as it tells, in the list's
 * order, until it returns false. Bounded, whatever the list looks like. */
void virtio_pci_walk(const struct virtio_pci_ops *ops, void *fn,
		     bool (*visit)(const struct virtio_pci_cap *cap, void *arg), void *arg);

/* --- finding the registers -------------------------------------------------------------------- */

/* Both map what they need of the device. 0, -ENODEV (it has no such interface), -EINVAL. */
int virtio_pci_modern_probe(struct virtio_pci_device *vp);
int virtio_pci_legacy_probe(struct virtio_pci_device *vp);

/* Maps @bar from @offset on: @most bytes, or half of that, a quarter ... down to @least, as far as the
 * BAR goes; *@size says how many. NULL where even that is too much. */
char *virtio_pci_map_part(struct virtio_pci_device *vp, unsigned int bar, uint64_t offset,
			  size_t least, size_t most, size_t *size);

/* --- registers -------------------------------------------------------------------------------- */

static inline uint8_t vp_read8(struct virtio_pci_device *vp, const char *reg)
{
	COUNT_UP(vp->vdev.accesses, 1);
	return mmio_read8(reg);
}

static inline uint16_t vp_read16(struct virtio_pci_device *vp, const char *reg)
{
	COUNT_UP(vp->vdev.accesses, 1);
	return le16_to_cpu(mmio_read16(reg));
}

static inline uint32_t vp_read32(struct virtio_pci_device *vp, const char *reg)
{
	COUNT_UP(vp->vdev.accesses, 1);
	return le32_to_cpu(mmio_read32(reg));
}

static inline void vp_write8(struct virtio_pci_device *vp, char *reg, uint8_t value)
{
	COUNT_UP(vp->vdev.accesses, 1);
	mmio_write8(reg, value);
}

static inline void vp_write16(struct virtio_pci_device *vp, char *reg, uint16_t value)
{
	COUNT_UP(vp->vdev.accesses, 1);
	mmio_write16(reg, cpu_to_le16(value));
}

static inline void vp_write32(struct virtio_pci_device *vp, char *reg, uint32_t value)
{
	COUNT_UP(vp->vdev.accesses, 1);
	mmio_write32(reg, cpu_to_le32(value));
}

/* --- queues, the same for both (virtio_pci.c) -------------------------------------------------- */

int virtio_pci_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
			const struct virtqueue_info infos[]);
void virtio_pci_del_vqs(struct virtio_device *vdev);
int virtio_pci_enable_vq(struct virtqueue *vq);
bool virtio_pci_gone(struct virtio_device *vdev);
void virtio_pci_isolate(struct virtio_device *vdev);
const char *virtio_pci_bus_name(struct virtio_device *vdev);

/* --- interrupts (virtio_pci_irq.c) -------------------------------------------------------------- */

/* Finds the best way for events that device, machine and queues allow. 0 or -errno. */
int virtio_pci_take_irqs(struct virtio_pci_device *vp);
void virtio_pci_drop_irqs(struct virtio_pci_device *vp);
void virtio_pci_poll(struct virtio_device *vdev);

/* Whether the device has (again) the vectors that the plan gave to config space, and to @vq. */
bool virtio_pci_map_again(struct virtio_pci_device *vp, const struct virtqueue *vq);

static inline bool virtio_pci_has_vectors(const struct virtio_pci_device *vp)
{
	return vp->plan != VIRTIO_PCI_PLAN_NONE && vp->plan != VIRTIO_PCI_PLAN_INTX;
}

#endif
