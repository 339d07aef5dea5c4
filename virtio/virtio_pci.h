/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport (VIRTIO 1.4, 4.1): modern functions, whose structures lie where vendor capabilities
 * say, and transitional ones through the legacy header in BAR 0 where that is asked for, or all there is.
 * Of PCI itself it knows nothing: whoever has enumerated the bus hands in a function and a few
 * operations on it.
 *
 *	qemu-system-aarch64 -M virt -device virtio-blk-pci,drive=...		transitional
 *	... -device virtio-blk-pci,drive=...,disable-legacy=on			modern
 */
#ifndef VIRTIO_VIRTIO_PCI_H
#define VIRTIO_VIRTIO_PCI_H

#include "virtio/virtio.h"

/* What the port provides for a function; @fn is its own. Thread context, but for config_read. */
struct virtio_pci_ops {
	/* PCI configuration space, @width 1, 2 or 4. All ones where no function answers. Any context. */
	uint32_t (*config_read)(void *fn, unsigned int offset, unsigned int width);
	/* @length bytes of registers at @offset of a BAR (0 to 5), mapped as device memory for as long
	 * as the function is there. NULL: no such BAR, or not that large. */
	void *(*map)(void *fn, unsigned int bar, uint64_t offset, uint64_t length);
	/* How many MSI-X vectors can be had; 0: none, the wired line it is then. */
	unsigned int (*vectors)(void *fn);
	/* Vectors 0 to @count - 1, all or none: 0 or -errno. From then on the wired line is silent. */
	int (*enable_vectors)(void *fn, unsigned int count);
	void (*disable_vectors)(void *fn);
	/* Routes a vector, or (@vector below 0) the wired line, which may be shared, to @handler. @name is
	 * kept, not copied. Returns the interrupt's number, or -errno. */
	int (*request_irq)(void *fn, int vector, irq_handler_t handler, const char *name,
			   void *dev_id);
	/* No handler runs any more once it returns. */
	void (*free_irq)(void *fn, int vector, void *dev_id);
	/* The device is given up: it is to master the bus no more, nor to pull its wire. Registers stay mapped. */
	void (*isolate)(void *fn);
};

/* Where a capability says that something lies. */
struct virtio_pci_cap {
	uint8_t type; /* VIRTIO_PCI_CAP_* */
	uint8_t bar, id;
	uint64_t offset, length;
	uint32_t multiplier; /* of a notify capability */
};

/* How events reach us. */
enum virtio_pci_plan {
	VIRTIO_PCI_PLAN_NONE,
	VIRTIO_PCI_PLAN_EACH, /* a vector for changes of config space, and one for each queue */
	VIRTIO_PCI_PLAN_TWO,  /* one for changes of config space, one for all queues */
	VIRTIO_PCI_PLAN_ONE,  /* one for everything */
	VIRTIO_PCI_PLAN_INTX, /* the wired line, and the ISR status says what it is about */
};

struct virtio_pci_queue;
struct virtio_pci_interface;

struct virtio_pci_device {
	struct virtio_device vdev;
	const struct virtio_pci_ops *ops;
	void *fn;
	const struct virtio_pci_interface *interface; /* modern or legacy */

	/* Registers, mapped. NULL: there are none. */
	char *common; /* legacy: BAR 0 */
	size_t common_size;
	char *isr;
	char *device; /* modern: the config space */
	size_t device_size;
	struct virtio_pci_cap notify_cap;
	char *notify; /* the first notify_size bytes */
	size_t notify_size;

	enum virtio_pci_plan plan;
	uint16_t config_vector;		 /* or VIRTIO_PCI_NO_VECTOR */
	struct virtio_pci_queue *queues; /* queue_count of them, by index; NULL: none */
	unsigned int queue_count;
	bool config_irq, queues_irq; /* vectors that are not one queue's have their handlers */
	/* What was claimed of interrupts that showed nothing (virtio_pci_irq.c). */
	unsigned long added_at_late; /* buffers offered by the time of the last one for queues */
	unsigned int config_claims;  /* of changes of config space, in the period config_period */
	uint32_t config_period;
	char config_irq_name[32];
	char bus_name[24];
};

/* Whether these ids are a virtio device's, modern or transitional, of whatever revision. */
bool virtio_pci_is_virtio(uint16_t vendor, uint16_t device);

/*
 * Drives the function @fn, which is enabled (memory, I/O, bus master) and has its BARs: fills in @vp
 * (zeroed before; vdev.dev.dma_ops, dma_priv and vdev.max_queue_size may have been set) and registers the
 * device. @name ("pci@00:01.0") is copied; @ops, @fn and @vp stay until virtio_pci_remove().
 * @force_legacy: a transitional device is driven through its legacy interface.
 * Returns 0; -ENODEV (no virtio device, or it does not answer), -EINVAL (structures are missing, or
 * cannot be used as they are). Thread context.
 */
int virtio_pci_probe(struct virtio_bus *bus, struct virtio_pci_device *vp,
		     const struct virtio_pci_ops *ops, void *fn, const char *name,
		     bool force_legacy);

/* Takes the driver and the device away, also one that is gone. Thread context. */
void virtio_pci_remove(struct virtio_pci_device *vp);

/* Maps the shared memory region @id of the device (2.10): its address with *@length, or NULL: there is no
 * such region, or it cannot be mapped. Thread context. */
void *virtio_pci_shared_memory(struct virtio_pci_device *vp, uint8_t id, uint64_t *length);

/* "a vector per queue", "INTx" ... For people. */
const char *virtio_pci_plan_name(enum virtio_pci_plan plan);

#endif
