/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2 (ARM IHI 0048): a distributor, and a CPU interface in memory. Without the Security
 * Extensions all lines are in group 0. With them we are Non-secure, see group 1 as if it were the
 * only one, through the same registers, and the secure world has to put the lines there: where
 * that world is ours we do it here, else firmware has.
 */
#include <errno.h>
#include <arch/barrier.h>
#include "drivers/irqchip/gic_private.h"
#include "lib/irq.h"
#include "lib/machine.h"
#include "lib/msi.h"

#define GICC_CTLR 0x00u
#define GICC_PMR  0x04u
#define GICC_BPR  0x08u
#define GICC_IAR  0x0cu
#define GICC_EOIR 0x10u

#define CTLR_ENABLE 0x1u

#define GICD_SIZE 0x1000u
#define GICC_SIZE 0x1000u

static struct gic_block dist, cpu;
static int line_count;
static int gic_node;	  /* in the device tree */
static uint32_t last_iar; /* handlers do not nest, so one is enough */

static int v2_acknowledge(void)
{
	uint32_t iar = gic_read(&cpu, GICC_IAR), intid = iar & GIC_INTID_MASK;

	last_iar = iar;
	/* A message says that memory has been written: it must not be looked at before the message was there. */
	mmio_mb();
	return gic_is_line(intid) ? (int)intid : IRQ_SPURIOUS;
}

static void v2_end(int irq)
{
	(void)irq;
	/* The handler's last write has to reach the device, which lowers its line, before the
	 * line is looked at again. */
	mmio_wmb();
	/* The value as it was read: for a software interrupt it names the sender too. */
	gic_write(&cpu, GICC_EOIR, last_iar);
}

static void v2_enable(int irq)
{
	if (irq < line_count)
		gic_write_bit(&dist, GICD_ISENABLER, irq);
}

static void v2_disable(int irq)
{
	if (irq < line_count)
		gic_write_bit(&dist, GICD_ICENABLER, irq);
}

static int v2_set_type(int irq, unsigned int trigger)
{
	return irq < line_count ? gic_set_trigger(&dist, irq, trigger) : -EINVAL;
}

static const struct irq_chip gic_v2_chip = {
	.name = "GICv2",
	.acknowledge = v2_acknowledge,
	.end = v2_end,
	.enable = v2_enable,
	.disable = v2_disable,
	.set_type = v2_set_type,
	.access_count = gic_access_count,
};

/* The targets of the private lines are read-only and name this CPU; 0 where there is but one CPU,
 * and then targets have no meaning. */
static uint32_t own_target(void)
{
	uint32_t target = 0;

	for (unsigned int i = 0; i < 8; i++)
		target |= gic_read(&dist, GICD_ITARGETSR + 4 * i);
	target |= target >> 16;
	target |= target >> 8;
	return target & 0xff;
}

static void init_groups(void)
{
	for (int irq = 0; irq < line_count; irq += 32) {
		unsigned int reg = GICD_IGROUPR + (unsigned int)irq / 32 * 4;

		/* Ignored where there are two Security states; then the other counts. */
		gic_write(&dist, reg, 0);
		gic_secure_write(&dist, reg, UINT32_MAX);
	}
}

static void init_distributor(void)
{
	uint32_t target;

	gic_write(&dist, GICD_CTLR, 0);
	line_count = gic_line_count(&dist);
	init_groups();
	gic_quiesce(&dist, 0, line_count);
	target = own_target();
	for (int irq = GIC_SPI_FIRST; irq < line_count; irq += 4)
		gic_write(&dist, GICD_ITARGETSR + (unsigned int)irq, target * 0x01010101u);
	gic_write(&dist, GICD_CTLR, CTLR_ENABLE);
}

static void init_cpu_interface(void)
{
	/* A mask in the secure half of the priorities would keep our own write out. */
	gic_secure_write(&cpu, GICC_PMR, 0xff);
	gic_write(&cpu, GICC_PMR, GIC_PRIORITIES);
	gic_write(&cpu, GICC_BPR, 0);
	gic_write(&cpu, GICC_CTLR, CTLR_ENABLE);
}

static void find_msi_controllers(void)
{
	gic_v2m_init(gic_node, &dist, line_count);
}

int gic_v2_init(int node)
{
	int err = gic_map(node, 0, GICD_SIZE, &dist);

	if (!err)
		err = gic_map(node, 1, GICC_SIZE, &cpu);
	if (err)
		return err;
	init_distributor();
	init_cpu_interface();
	irq_set_chip(&gic_v2_chip);
	gic_node = node;
	msi_set_source(find_msi_controllers);
	return 0;
}
