/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Interrupt Translation Service of a GICv3 (ARM IHI 0069, 5.2 and 12.19). A device writes the number of
 * an event to it; who the device is, the bus tells. The ITS looks up the device, then the event in that
 * device's own table, and makes an LPI of it at the redistributor of a collection. Software changes these
 * tables by commands only, which it puts into a ring.
 *
 *	gic_its.c		devices: their lines, from alloc() to free()
 *	gic_its_setup.c		from the device tree to an ITS that is enabled
 *	gic_its_table.c		the memory behind GITS_BASER
 *	gic_its_queue.c		the ring of commands
 *	gic_its_command.c	what the commands look like
 */
#ifndef DRIVERS_IRQCHIP_GIC_ITS_H
#define DRIVERS_IRQCHIP_GIC_ITS_H

#include "drivers/irqchip/gic_private.h"
#include "lib/msi.h"
#include "lib/timer.h"

#define GITS_CTLR	0x0000u
#define GITS_TYPER	0x0008u
#define GITS_CBASER	0x0080u
#define GITS_CWRITER	0x0088u
#define GITS_CREADR	0x0090u
#define GITS_BASER	0x0100u /* eight of them, 8 bytes each */
#define GITS_PIDR2	0xffe8u
#define GITS_FRAME	0x10000u /* the registers; the same again with the one that devices write to */
#define GITS_TRANSLATER 0x10040u

#define GITS_CTLR_ENABLED BIT(0)
#define GITS_BASERS	  8u

#define ITS_VALID \
	BIT_ULL(63) /* in GITS_CBASER, GITS_BASER, entries of a first level, and commands */
#define ITS_BASE_PAGES	0xffull /* GITS_CBASER, GITS_BASER: pages less one */
#define ITS_COMMAND	32u	/* bytes of a command */
#define ITS_QUEUE_BYTES PAGE_SIZE
#define ITS_QUEUE_SIZE	(ITS_QUEUE_BYTES / ITS_COMMAND)
#define ITS_COLLECTION	0u  /* the only one: there is one CPU */
#define ITS_DEVICES	128 /* that have lines at a time */
#define ITS_EVENT_BITS	8u /* of a table of events: a page of entries, which have 16 bytes at most */
#define ITS_ITT_BYTES	PAGE_SIZE

struct its_command {
	uint64_t word[4];
};

/* A device with lines. */
struct its_device {
	void *itt; /* its table of events; NULL: this slot is free. Those with one id share one */
	uint32_t id;
	int irq;		   /* of its first event */
	unsigned int first, count; /* its events in the table */
	unsigned int mapped; /* of these, from the first on: a MAPTI was posted, and no DISCARD */
	bool known;	     /* the same of MAPD */
	bool abandoned;	     /* given back, but the ITS has not confirmed that it forgot it */
};

/* The table of devices: flat, or in two levels, of which the second is made as needed. */
struct its_table {
	uint64_t *first;    /* the first level, or the flat table */
	size_t size, page;  /* bytes of that, and of a page of the second level */
	uint64_t ids;	    /* that it has room for */
	unsigned int entry; /* bytes of an entry */
	bool two_levels, coherent;
};

struct its {
	struct msi_controller msi;
	struct gic_block regs;
	uint64_t target; /* this CPU's redistributor, as commands name it */
	unsigned int event_bits, device_bits;
	struct its_table devices;
	void *other[GITS_BASERS]; /* tables that are the ITS's alone */
	size_t other_size[GITS_BASERS];
	/* The ring: we write at head; it has seen all up to told. */
	struct its_command *queue;
	unsigned int head, told;
	bool queue_coherent;
	bool late; /* it has not carried out what it was told, and nothing more is said until it has */
	bool missed_inv;    /* an INV was not said, because it is late */
	struct timer again; /* while it is late and may have missed one */
	struct its_device device[ITS_DEVICES];
};

/* --- gic_its_setup.c ------------------------------------------------------------------------- */

/* Sets up LPIs and every ITS among the children of the GIC's node. What fails is said in the log; messages are
 * missing then. */
void gic_its_init(int gic_node, const struct gic_block *dist, const struct gic_block *redist);

/* --- gic_its.c ------------------------------------------------------------------------------- */

/* Fills in the functions of @its->msi. */
void its_devices_init(struct its *its);

/* The configuration of the LPI of @event of @device has changed. Any context. */
void its_invalidate(struct its *its, uint32_t device, uint32_t event);

/* --- gic_its_table.c ------------------------------------------------------------------------- */

/* Provides the memory behind every GITS_BASER. 0, -ENOMEM, -EIO (refused), -ENODEV (no table of devices). */
int its_tables_init(struct its *its);
void its_tables_free(struct its *its);

/* Makes room for device @id, which is below ids. 0 or -ENOMEM. */
int its_table_cover(struct its *its, uint32_t id);

/* --- gic_its_queue.c ------------------------------------------------------------------------- */

/* 0, -ENOMEM or -EIO (refused). The ITS is disabled. */
int its_queue_init(struct its *its);
void its_queue_free(struct its *its);

/* Whether the ITS has done all that it was told: 0, or -ETIMEDOUT. One that had stopped and has gone on is told what it
 * missed; one that has not is told to, and not waited for. Any context. */
int its_ready(struct its *its);

/* Puts a command into the ring; the ITS need not know yet. 0 or -ETIMEDOUT. Any context. */
int its_post(struct its *its, const struct its_command *command);

/* Such a pointer, to what one of the functions below returns. */
#define ITS_SAY(command) ((const struct its_command[]){command})

/* Waits until all that was posted is done and seen by the redistributor. 0 or -ETIMEDOUT. Any context. */
int its_sync(struct its *its);

/* --- gic_its_command.c ----------------------------------------------------------------------- */

struct its_command its_mapd(uint32_t device, uint64_t itt, unsigned int event_bits);
struct its_command its_unmapd(uint32_t device);
struct its_command its_mapc(unsigned int collection, uint64_t target);
struct its_command its_mapti(uint32_t device, uint32_t event, uint32_t lpi,
			     unsigned int collection);
struct its_command its_inv(uint32_t device, uint32_t event);
struct its_command its_invall(unsigned int collection);
struct its_command its_discard(uint32_t device, uint32_t event);
struct its_command its_int(uint32_t device, uint32_t event);
struct its_command its_sync_of(uint64_t target);

#endif
