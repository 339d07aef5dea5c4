/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 (ARM IHI 0069): a distributor for the shared lines, a redistributor per CPU for its private
 * ones, and a CPU interface in system registers. All lines are in group 1, Non-secure where there
 * are two Security states; then the secure world has to put them there, and where that world is
 * ours we do it here. LPIs, which only messages raise, come with an ITS (gic_its.h).
 */
#include <errno.h>
#include <arch/barrier.h>
#include <arch/gic.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_lpi.h"
#include "drivers/irqchip/gic_private.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/machine.h"
#include "lib/msi.h"

/* GICD_CTLR as we see it, with one Security state or from the Non-secure of two. */
#define CTLR_ENABLE_GRP1 0x02u
#define CTLR_ARE	 0x10u
#define CTLR_RWP	 0x80000000u
/* GICD_CTLR as the secure world sees it. */
#define CTLR_S_ENABLE_GRP1NS 0x02u
#define CTLR_S_ARE_S	     0x10u
#define CTLR_S_ARE_NS	     0x20u

/* A redistributor: the frame RD_base, then SGI_base, then two more with virtual LPIs. */
#define GICR_TYPER_AFF 0x000cu
#define GICR_WAKER     0x0014u
#define GICR_FRAME     0x10000u

#define TYPER_VLPIS		  0x02u
#define TYPER_LAST		  0x10u
#define WAKER_PROCESSOR_SLEEP	  0x2u
#define WAKER_CHILDREN_ASLEEP	  0x4u
#define REDISTRIBUTOR_REGIONS_MAX 8u

#define GICD_SIZE 0x10000u

#define ICC_SRE_ENABLE 0x1u

static struct gic_block dist;
static struct gic_block redist; /* RD_base of this CPU */
static struct gic_block sgi;	/* SGI_base of this CPU: lines 0 to 31 */
static int line_count;
static int gic_node; /* in the device tree */

/* Until a disable has taken effect everywhere. */
static void wait_for_writes(int irq)
{
	if (irq < GIC_SPI_FIRST)
		gic_wait_clear(&redist, GICR_CTLR, GICR_CTLR_RWP);
	else
		gic_wait_clear(&dist, GICD_CTLR, CTLR_RWP);
}

static const struct gic_block *block_of(int irq)
{
	return irq < GIC_SPI_FIRST ? &sgi : &dist;
}

/* An LPI, or nothing. LPIs that are not ours are not enabled either; should one come, it is over. */
static __noinline int acknowledge_message(uint32_t intid)
{
	if (intid < IRQ_LPI_FIRST)
		return IRQ_SPURIOUS;
	if (intid < IRQ_LPI_FIRST + IRQ_LPIS)
		return (int)intid;
	icc_write_eoir1(intid);
	return IRQ_SPURIOUS;
}

static int v3_acknowledge(void)
{
	uint32_t intid = icc_read_iar1();

	/* The acknowledgement is complete before the handler touches its device, or looks at memory that the device has
	 * written before its message. */
	mmio_mb();
	return likely(gic_is_line(intid)) ? (int)intid : acknowledge_message(intid);
}

static void v3_end(int irq)
{
	/* The handler's last write has to reach the device, which lowers its line, before the
	 * line is looked at again. */
	mmio_wmb();
	icc_write_eoir1((uint32_t)irq);
}

static void v3_enable(int irq)
{
	if (irq < line_count)
		gic_write_bit(block_of(irq), GICD_ISENABLER, irq);
	else if (irq >= IRQ_LPI_FIRST)
		gic_lpi_enable(irq, true);
}

static void v3_disable(int irq)
{
	if (irq < line_count) {
		gic_write_bit(block_of(irq), GICD_ICENABLER, irq);
		wait_for_writes(irq);
	} else if (irq >= IRQ_LPI_FIRST) {
		gic_lpi_enable(irq, false);
	}
}

static int v3_set_type(int irq, unsigned int trigger)
{
	if (irq >= IRQ_LPI_FIRST)
		return gic_lpi_taken(irq) && trigger == IRQF_TRIGGER_RISING ? 0 : -EINVAL;
	return irq < line_count ? gic_set_trigger(block_of(irq), irq, trigger) : -EINVAL;
}

static const struct irq_chip gic_v3_chip = {
	.name = "GICv3",
	.acknowledge = v3_acknowledge,
	.end = v3_end,
	.enable = v3_enable,
	.disable = v3_disable,
	.set_type = v3_set_type,
	.access_count = gic_access_count,
};

/* All lines of @block from @first on to group 1 Non-secure. */
static void init_groups(const struct gic_block *block, int first, int end)
{
	for (int irq = first; irq < end; irq += 32) {
		unsigned int word = (unsigned int)irq / 32 * 4;

		gic_secure_write(block, GICD_IGRPMODR + word, 0);
		gic_secure_write(block, GICD_IGROUPR + word, UINT32_MAX);
		/* Ignored where there are two Security states. */
		gic_write(block, GICD_IGROUPR + word, UINT32_MAX);
	}
}

static void init_distributor(void)
{
	uint32_t affinity = cpu_affinity();

	/* Affinity routing first, alone: the other bits may change only while groups are off. */
	gic_secure_write(&dist, GICD_CTLR, CTLR_S_ARE_S | CTLR_S_ARE_NS);
	gic_write(&dist, GICD_CTLR, CTLR_ARE);
	gic_wait_clear(&dist, GICD_CTLR, CTLR_RWP);
	line_count = gic_line_count(&dist);
	init_groups(&dist, GIC_SPI_FIRST, line_count);
	gic_quiesce(&dist, GIC_SPI_FIRST, line_count);
	for (int irq = GIC_SPI_FIRST; irq < line_count; irq++) {
		unsigned int reg = GICD_IROUTER + 8 * (unsigned int)irq;

		gic_write(&dist, reg, affinity & 0xffffffu);
		gic_write(&dist, reg + 4, affinity >> 24);
	}
	gic_wait_clear(&dist, GICD_CTLR, CTLR_RWP);
	gic_secure_write(&dist, GICD_CTLR, CTLR_S_ARE_S | CTLR_S_ARE_NS | CTLR_S_ENABLE_GRP1NS);
	gic_write(&dist, GICD_CTLR, CTLR_ARE | CTLR_ENABLE_GRP1);
}

/*
 * Looks for this CPU's redistributor in one region. Returns 0 with redist set, -ENOENT where it
 * is not in this region, -ENOMEM. Redistributors are mapped one by one: a region has room for
 * more than a hundred, and the first CPU's is mostly the first.
 */
static int search_region(uint64_t phys, uint64_t size)
{
	uint64_t offset = 0;

	while (offset + 2 * GICR_FRAME <= size) {
		uint32_t type;

		redist.phys = phys + offset;
		redist.base = ioremap(redist.phys, 2 * GICR_FRAME);
		if (!redist.base)
			return -ENOMEM;
		if (gic_read(&redist, GICR_TYPER_AFF) == cpu_affinity())
			return 0;
		type = gic_read(&redist, GICR_TYPER_LOW);
		if (type & TYPER_LAST)
			break;
		offset += (type & TYPER_VLPIS ? 4 : 2) * (uint64_t)GICR_FRAME;
	}
	return -ENOENT;
}

static int find_redistributor(int node)
{
	uint32_t regions = dt_u32(node, "#redistributor-regions", 1);

	for (uint32_t i = 0; i < MIN(regions, REDISTRIBUTOR_REGIONS_MAX); i++) {
		uint64_t phys, size;
		int err;

		if (dt_reg(node, 1 + i, &phys, &size))
			return -EINVAL;
		err = search_region(phys, size);
		if (err != -ENOENT)
			return err;
	}
	return -EINVAL;
}

static void init_redistributor(void)
{
	uint32_t waker = gic_read(&redist, GICR_WAKER) & ~WAKER_PROCESSOR_SLEEP;

	sgi.base = redist.base + GICR_FRAME;
	sgi.phys = redist.phys + GICR_FRAME;
	/* Secure only where there are two Security states. */
	gic_secure_write(&redist, GICR_WAKER, 0);
	gic_write(&redist, GICR_WAKER, waker);
	gic_wait_clear(&redist, GICR_WAKER, WAKER_CHILDREN_ASLEEP);
	init_groups(&sgi, 0, GIC_SPI_FIRST);
	gic_quiesce(&sgi, 0, GIC_SPI_FIRST);
	gic_wait_clear(&redist, GICR_CTLR, GICR_CTLR_RWP);
}

/* -ENODEV where the CPU interface is not in system registers, because firmware has not said so. */
static int init_cpu_interface(void)
{
	icc_write_sre(icc_read_sre() | ICC_SRE_ENABLE);
	if (!(icc_read_sre() & ICC_SRE_ENABLE))
		return -ENODEV;
	icc_write_pmr(GIC_PRIORITIES);
	icc_write_bpr1(0);
	icc_write_ctlr(0); /* one write to EOIR ends an interrupt */
	icc_write_igrpen1(1);
	return 0;
}

static void find_msi_controllers(void)
{
	gic_v2m_init(gic_node, &dist, line_count);
	gic_its_init(gic_node, &dist, &redist);
}

int gic_v3_init(int node)
{
	int err = gic_map(node, 0, GICD_SIZE, &dist);

	if (!err)
		err = find_redistributor(node);
	if (err)
		return err;
	init_distributor();
	init_redistributor();
	err = init_cpu_interface();
	if (err)
		return err;
	irq_set_chip(&gic_v3_chip);
	gic_node = node;
	msi_set_source(find_msi_controllers);
	return 0;
}
