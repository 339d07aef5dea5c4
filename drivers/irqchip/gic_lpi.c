/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of LPIs. Both cover the smallest range of INTIDs that GICs agree on, 14 bits: with more,
 * some look through all of it at each interrupt. See gic_lpi.h.
 */
#include <errno.h>
#include <string.h>
#include <arch/barrier.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_lines.h"
#include "drivers/irqchip/gic_lpi.h"
#include "drivers/irqchip/gic_memory.h"
#include "lib/irq.h"
#include "lib/pages.h"

#define TYPER_LPIS	  BIT(17)
#define TYPER_ID_BITS(t)  (((t) >> 19 & 0x1f) + 1)
#define TYPER_NUM_LPIS(t) ((t) >> 11 & 0x1f) /* a power of two less one; 0: as INTIDs allow */

#define GICR_TYPER_PLPIS BIT(0)
#define CTLR_ENABLE_LPIS BIT(0)
#define GICR_PROPBASER	 0x0070u /* the number of INTID bits less one, and the address */
#define GICR_PENDBASER	 0x0078u
#define PENDBASER_ZERO	 BIT_ULL(62) /* the table has been zeroed */
#define PROPBASER_CHECK	 0x000ffffffffff01full
#define PENDBASER_CHECK	 0x000fffffffff0000ull

#define ID_BITS		  14
#define PROPERTIES_SIZE	  ((1u << ID_BITS) - IRQ_LPI_FIRST) /* a byte an LPI */
#define PENDING_SIZE	  ((1u << ID_BITS) / 8)		    /* a bit an INTID */
#define PENDING_ALIGNMENT 0x10000u

#define PROPERTY_ENABLED 0x01u
#define PROPERTY_GROUP1	 0x02u /* to be written as one */
#define PROPERTY_DEFAULT ((GIC_PRIORITY & 0xfcu) | PROPERTY_GROUP1)

struct lpi_owner {
	struct its *its; /* NULL: nobody has it */
	uint32_t device, event;
};

#define OWNERS_SIZE (IRQ_LPIS * sizeof(struct lpi_owner))

static uint8_t *properties; /* NULL: no LPIs */
static bool properties_coherent;
static struct lpi_owner *owners;
static struct gic_lines lines;

static bool tables_taken(const struct gic_block *redist, void *pending)
{
	uint64_t value = (uintptr_t)properties | (ID_BITS - 1);
	uint64_t got = gic_write_base(redist, GICR_PROPBASER, value, GICR_BASE_CACHE,
				      &properties_coherent);
	bool pending_coherent; /* We do not look at it, and allocated it out of our caches. */

	if ((got ^ value) & PROPBASER_CHECK)
		return false;
	value = (uintptr_t)pending;
	/* Bit 62 reads as zero. */
	got = gic_write_base(redist, GICR_PENDBASER, value | PENDBASER_ZERO, GICR_BASE_CACHE,
			     &pending_coherent);
	return !((got ^ value) & PENDBASER_CHECK);
}

/* Where they cannot be switched off, what firmware has set up must not be changed. */
static int switch_off(const struct gic_block *redist)
{
	uint32_t ctlr = gic_read(redist, GICR_CTLR);

	if (!(ctlr & CTLR_ENABLE_LPIS))
		return 0;
	gic_write(redist, GICR_CTLR, ctlr & ~CTLR_ENABLE_LPIS);
	gic_wait_clear(redist, GICR_CTLR, GICR_CTLR_RWP);
	return gic_read(redist, GICR_CTLR) & CTLR_ENABLE_LPIS ? -EBUSY : 0;
}

/* 0, -ENOMEM or -EIO; then nothing of @pending is the GIC's. */
static int switch_on(const struct gic_block *redist, void *pending)
{
	if (!pending || !properties || !owners)
		return -ENOMEM;
	memset(properties, PROPERTY_DEFAULT, PROPERTIES_SIZE);
	if (!tables_taken(redist, pending))
		return -EIO;
	gic_publish(properties, PROPERTIES_SIZE, properties_coherent);
	gic_write(redist, GICR_CTLR, gic_read(redist, GICR_CTLR) | CTLR_ENABLE_LPIS);
	mmio_mb();
	return 0;
}

static int set_up(const struct gic_block *redist)
{
	void *pending = gic_alloc(PENDING_SIZE, PENDING_ALIGNMENT);
	int err;

	properties = gic_alloc(PROPERTIES_SIZE, PAGE_SIZE);
	owners = alloc_pages_exact(OWNERS_SIZE);
	err = switch_on(redist, pending);
	if (!err)
		return 0;
	free_pages_exact(pending, PENDING_SIZE);
	free_pages_exact(properties, PROPERTIES_SIZE);
	free_pages_exact(owners, OWNERS_SIZE);
	properties = NULL;
	return err;
}

int gic_lpi_init(const struct gic_block *dist, const struct gic_block *redist)
{
	uint32_t typer = gic_read(dist, GICD_TYPER);
	unsigned int bits = TYPER_NUM_LPIS(typer);
	int err;

	if (!(typer & TYPER_LPIS) || TYPER_ID_BITS(typer) < ID_BITS ||
	    !(gic_read(redist, GICR_TYPER_LOW) & GICR_TYPER_PLPIS))
		return -ENODEV;
	err = switch_off(redist);
	if (!err)
		err = set_up(redist);
	if (!err)
		lines = (struct gic_lines){
			.first = IRQ_LPI_FIRST,
			.count = bits && bits < 31 ? MIN(BIT(bits + 1), IRQ_LPIS) : IRQ_LPIS,
		};
	return err;
}

int gic_lpi_take(struct its *its, uint32_t device, uint32_t first, unsigned int count, int irqs[])
{
	int err = gic_lines_take(&lines, count, irqs);

	for (unsigned int i = 0; !err && i < count; i++)
		owners[irqs[i] - IRQ_LPI_FIRST] = (struct lpi_owner){its, device, first + i};
	return err;
}

void gic_lpi_give(struct its *its, uint32_t device, uint32_t first, unsigned int count)
{
	for (int i = 0; i < IRQ_LPIS; i++) {
		if (owners[i].its != its || owners[i].device != device ||
		    owners[i].event - first >= count)
			continue;
		owners[i].its = NULL;
		properties[i] = PROPERTY_DEFAULT;
		gic_lines_give(&lines, IRQ_LPI_FIRST + i);
	}
	gic_publish(properties, IRQ_LPIS, properties_coherent);
}

bool gic_lpi_taken(int irq)
{
	unsigned int i = (unsigned int)irq - IRQ_LPI_FIRST;

	return i < IRQ_LPIS && properties && owners[i].its;
}

/* The GIC may keep what it has read of the table until it is told. */
void gic_lpi_enable(int irq, bool enable)
{
	unsigned int i = (unsigned int)irq - IRQ_LPI_FIRST;

	if (!gic_lpi_taken(irq))
		return;
	properties[i] = (uint8_t)(PROPERTY_DEFAULT | (enable ? PROPERTY_ENABLED : 0));
	gic_publish(&properties[i], 1, properties_coherent);
	its_invalidate(owners[i].its, owners[i].device, owners[i].event);
}

struct msi_usage gic_lpi_usage(void)
{
	return (struct msi_usage){lines.count, lines.used};
}
