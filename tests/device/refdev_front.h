/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam between the reference device and the transport that it stands behind. A device without a
 * front stands behind the MMIO block (refdev_mmio.c), whose registers are all that any front is made of:
 * one checks what is its own, and hands the rest on.
 */
#ifndef TESTS_DEVICE_REFDEV_FRONT_H
#define TESTS_DEVICE_REFDEV_FRONT_H

#include "tests/device/refdev.h"

struct refdev_front {
	uint32_t (*read)(struct refdev *dev, unsigned int offset, unsigned int width);
	void (*write)(struct refdev *dev, unsigned int offset, uint32_t value, unsigned int width);
	/* Sends REF_INT_* of the device, or of queue @q, as messages. False: there are none. */
	bool (*send)(struct refdev *dev, uint32_t bits, struct refdev_queue *q);
	/* Delivers messages that wait. Returns whether there were any. */
	bool (*deliver)(struct refdev *dev);
	void (*lose)(struct refdev *dev); /* those that wait */
	void (*reset)(struct refdev *dev);
	void (*free)(struct refdev *dev);
};

/* The registers of the MMIO block by their offsets there, with all their checks but that of the width. */
uint32_t refdev_register_read(struct refdev *dev, unsigned int offset);
void refdev_register_write(struct refdev *dev, unsigned int offset, uint32_t value);
uint32_t refdev_config_read(struct refdev *dev, unsigned int offset, unsigned int width);
void refdev_config_write(struct refdev *dev, unsigned int offset, uint32_t value,
			 unsigned int width);

/* Gives @dev @front and an address space of @size bytes. */
void refdev_set_front(struct refdev *dev, const struct refdev_front *front, void *state,
		      size_t size);

/* Calls an interrupt's handler as the CPU would. Returns false where it cannot now. */
bool refdev_call(struct refdev *dev, int irq, irqreturn_t (*handler)(int irq, void *dev_id),
		 void *dev_id);

/* The registers' offsets in the MMIO block. */
enum refdev_register {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	GUEST_PAGE_SIZE = 0x028,
	QUEUE_SEL = 0x030,
	QUEUE_SIZE_MAX = 0x034,
	QUEUE_SIZE = 0x038,
	QUEUE_ALIGN = 0x03c,
	QUEUE_PFN = 0x040,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

#endif
