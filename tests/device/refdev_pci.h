/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference device as a PCI function (VIRTIO 1.4, 4.1): a configuration space with a list of capabilities,
 * BAR 0 with the legacy header (a device of version 1) and BAR 4 with the modern structures, MSI-X vectors and
 * a wired line. Every access is checked for width, direction and place; what it means is checked by the
 * registers of the MMIO block, which it is translated to.
 *
 *	dev = refdev_blk_new(2, disk, sectors);
 *	refdev_pci_attach(dev);
 *	virtio_pci_probe(&test_bus, &vp, &refdev_pci_ops, dev, "pci@00:01.0", false);
 */
#ifndef TESTS_DEVICE_REFDEV_PCI_H
#define TESTS_DEVICE_REFDEV_PCI_H

#include "tests/device/refdev.h"
#include "virtio/virtio_pci.h"

#define REFDEV_PCI_VECTORS  16
#define REFDEV_PCI_NOBODY   0xffffu /* no vector */
#define REFDEV_PCI_BAR0	    0x100u  /* bytes of BAR 0, which comes first in dev->base, */
#define REFDEV_PCI_BAR4_AT  0x1000u /* and where BAR 4 begins there */
#define REFDEV_PCI_BAR4	    0x8000u
#define REFDEV_PCI_COMMON   0x0000u /* in BAR 4 */
#define REFDEV_PCI_ISR	    0x1000u
#define REFDEV_PCI_DEVICE   0x2000u
#define REFDEV_PCI_NOTIFY   0x3000u
#define REFDEV_PCI_CAPS_END 0x100u

struct refdev_pci_vector {
	irq_handler_t handler;
	void *dev_id;
	bool pending;
	unsigned long sent;
};

struct refdev_pci {
	uint8_t config[256];
	unsigned int caps_end; /* where the next capability goes */
	unsigned int caps_last;
	uint32_t common_length;
	uint32_t multiplier;
	uint32_t notify_length;
	uint16_t notify_off[REFDEV_QUEUES];

	/* The port. */
	unsigned int table;	   /* vectors that the device and the machine have */
	unsigned int refuse_from;  /* so many vectors cannot be enabled at once; 0: all can */
	unsigned int fail_request; /* the nth request_irq() from now fails; 0: none */
	unsigned int enabled;	   /* vectors; 0: the wired line */
	unsigned int maps;	   /* calls of map() */
	uint64_t max_mapped;	   /* the largest */
	bool isolated;		   /* masters the bus no more */
	struct refdev_pci_vector vectors[REFDEV_PCI_VECTORS];

	/* The device. */
	uint16_t config_vector, queue_vector[REFDEV_QUEUES];
	unsigned long isr_reads, vector_writes;

	/* Lies. */
	bool gone; /* all reads are ones */
	unsigned int
		vanish_in; /* so many reads of configuration space until it is gone; 0: never */
	bool status_ones;  /* only that of the status */
	unsigned int max_vector;   /* a vector from this on is answered by NO_VECTOR; 0: none is */
	bool forget_config_vector; /* the next ones of config space are */
	uint16_t num_queues;	   /* not 0: what it says that it has */
};

extern const struct virtio_pci_ops refdev_pci_ops;

/* Puts @dev behind PCI: version 2 with a modern id, version 1 with a transitional one. */
struct refdev_pci *refdev_pci_attach(struct refdev *dev);
struct refdev_pci *refdev_pci(struct refdev *dev);

/* A transitional id for a device of version 2: BAR 0 is there and must not be touched. */
void refdev_pci_make_transitional(struct refdev *dev);

/* Forgets all capabilities; adds one: returns where it lies. @extra: the words after the first four. */
void refdev_pci_clear_caps(struct refdev *dev);
unsigned int refdev_pci_add_cap(struct refdev *dev, uint8_t type, uint8_t bar, uint32_t offset,
				uint32_t length, unsigned int extra_words, const uint32_t *extra);
/* The structures that every modern device has. */
void refdev_pci_add_all_caps(struct refdev *dev);

/* For rigs: whether devices stand behind PCI, and with how many vectors. */
extern bool rig_over_pci;
extern unsigned int rig_vectors;

#endif
