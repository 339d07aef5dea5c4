/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message-signalled interrupts: a device raises one by writing a number to an address, and the
 * controller behind that address makes a line of it. Controllers register here; who has a device (a
 * bus) finds the controller that the device tree names and asks it for lines. Such a line is an edge, and
 * is used like any other: request_irq().
 */
#ifndef LIB_MSI_H
#define LIB_MSI_H

#include "lib/list.h"
#include "lib/util.h"

/* What a device has to write, and where. */
struct msi_message {
	uint64_t address;
	uint32_t data;
};

/* How many lines a controller has for messages, and how many of them are taken. */
struct msi_usage {
	unsigned int lines, used;
};

struct msi_controller {
	struct list_head node;
	const char *name; /* "GICv2m", "GICv3 ITS" */
	int dt_node;	  /* in the device tree, so that msi-map can name it */
	/* Where devices write: physical, whole pages. An IOMMU has to let them. */
	uint64_t doorbell;
	size_t doorbell_size;
	uint64_t device_ids; /* of them it knows 0 to this - 1 */

	/*
	 * Lines for @count vectors of the device @device_id (an id of msi-map), and the message for each:
	 * all or none. A device's vectors are allocated in one call; devices for which a bridge speaks may have
	 * one id, and call for themselves. Thread context. Returns 0, -EINVAL (no vectors, or no such device id),
	 * -ENOSPC (not that many lines left), -ENOMEM, -ETIMEDOUT (the controller does not answer).
	 */
	int (*alloc)(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[]);
	/* Gives back what alloc() returned. The lines have no handlers any more, and the device is
	 * quiet. Thread context. */
	void (*free)(struct msi_controller *msi, uint32_t device_id, unsigned int count,
		     const int irqs[]);
	/* Raises vector @vector of @device_id as the device itself would. Returns 0 or -ETIMEDOUT.
	 * Thread context. */
	int (*raise)(struct msi_controller *msi, uint32_t device_id, unsigned int vector,
		     const struct msi_message *message);
	struct msi_usage (*usage)(const struct msi_controller *msi);
};

/* @source is called when somebody first looks for a controller, and registers what there is: a machine whose devices
 * send no messages need not set one up. Once, before anybody looks. */
void msi_set_source(void (*source)(void));

/* Makes @msi known. Thread context. */
void msi_register(struct msi_controller *msi);

/* The controller of node @dt_node, or NULL: there is no driver for it, or its setup failed. */
struct msi_controller *msi_find(int dt_node);

/* All controllers, in the order in which they were registered. Thread context, as msi_find(). */
struct list_head *msi_controllers(void);

#define msi_for_each(msi) list_for_each_entry (msi, msi_controllers(), node)

#endif
