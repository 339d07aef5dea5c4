/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a node of the device tree to an ITS that takes messages. All of it is done when the first device
 * may send messages: it costs a few pages. One that fails is switched off again and its memory given back; the others, and all wired lines,
 * are not concerned.
 */
#include <errno.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_lpi.h"
#include "lib/devicetree.h"
#include "lib/log.h"
#include "lib/pages.h"

#define CTLR_QUIESCENT BIT(31)

#define TYPER_PHYSICAL	     BIT_ULL(0)
#define TYPER_EVENT_BITS(t)  ((unsigned int)((t) >> 8 & 0x1f) + 1)
#define TYPER_DEVICE_BITS(t) ((unsigned int)((t) >> 13 & 0x1f) + 1)
#define TYPER_PTA	     BIT_ULL(19) /* redistributors are named by address, else by number */
#define TARGET_ADDRESS	     0x000fffffffff0000ull

#define PIDR2_VERSION(p) ((p) >> 4 & 0xf)

#define GICR_TYPER_NUMBER(t) ((t) >> 8 & 0xffff)

/* 0, or -EBUSY where it does not come to rest: then it may still use memory. */
static int switch_off(const struct its *its)
{
	gic_write(&its->regs, GITS_CTLR, 0);
	for (unsigned int i = 0; i < GIC_POLLS; i++) {
		if (gic_read(&its->regs, GITS_CTLR) & CTLR_QUIESCENT)
			return 0;
	}
	return -EBUSY;
}

static int map(struct its *its, int node)
{
	uint64_t size, phys;
	uint32_t version;
	int err;

	if (dt_reg(node, 0, &phys, &size) || size < 2 * GITS_FRAME)
		return -EINVAL;
	err = gic_map(node, 0, GITS_FRAME, &its->regs);
	if (err)
		return err;
	version = PIDR2_VERSION(gic_read(&its->regs, GITS_PIDR2));
	return version == 3 || version == 4 ? 0 : -ENODEV;
}

static int read_type(struct its *its, const struct gic_block *redist)
{
	uint64_t typer = gic_read64(&its->regs, GITS_TYPER);
	uint32_t number = GICR_TYPER_NUMBER(gic_read(redist, GICR_TYPER_LOW));

	its->event_bits = MIN(TYPER_EVENT_BITS(typer), ITS_EVENT_BITS);
	its->device_bits = TYPER_DEVICE_BITS(typer);
	its->target = typer & TYPER_PTA ? redist->phys & TARGET_ADDRESS : (uint64_t)number << 16;
	return typer & TYPER_PHYSICAL ? 0 : -ENODEV;
}

/* Enabled, with one collection: this CPU. */
static int switch_on(struct its *its)
{
	int err;

	gic_write(&its->regs, GITS_CTLR, GITS_CTLR_ENABLED);
	err = its_post(its, ITS_SAY(its_mapc(ITS_COLLECTION, its->target)));
	if (!err)
		err = its_post(its, ITS_SAY(its_invall(ITS_COLLECTION)));
	return err ? err : its_sync(its);
}

static int set_up(struct its *its, const struct gic_block *redist)
{
	int err = switch_off(its);

	if (err)
		return err;
	err = read_type(its, redist);
	if (!err)
		err = its_tables_init(its);
	if (!err)
		err = its_queue_init(its);
	if (!err)
		err = switch_on(its);
	if (err && !switch_off(its)) {
		its_queue_free(its);
		its_tables_free(its);
	}
	return err;
}

static int init_one(int node, const struct gic_block *redist)
{
	struct its *its = alloc_pages_exact(sizeof(*its));
	int err;

	if (!its)
		return -ENOMEM;
	its->msi.name = "GICv3 ITS";
	its->msi.dt_node = node;
	err = map(its, node);
	if (!err)
		err = set_up(its, redist);
	if (err) {
		free_pages_exact(its, sizeof(*its));
		return err;
	}
	its->msi.doorbell = its->regs.phys + ALIGN_DOWN(GITS_TRANSLATER, PAGE_SIZE);
	its->msi.doorbell_size = PAGE_SIZE;
	its->msi.device_ids = its->devices.ids;
	its_devices_init(its);
	msi_register(&its->msi);
	return 0;
}

void gic_its_init(int gic_node, const struct gic_block *dist, const struct gic_block *redist)
{
	int node = dt_next_child(gic_node, -1, "arm,gic-v3-its");
	int err;

	if (node < 0)
		return;
	err = gic_lpi_init(dist, redist);
	if (err) {
		log_warning("gic: no LPIs (%d), so no messages", err);
		return;
	}
	dt_for_each_child (node, gic_node, "arm,gic-v3-its") {
		err = init_one(node, redist);
		if (err)
			log_warning("gic: %s: not usable for messages (%d)", dt_name(node), err);
	}
}
