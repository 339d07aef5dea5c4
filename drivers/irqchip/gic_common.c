/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers with the same layout in all GICs, and access to them. See gic_private.h. */
#include <errno.h>
#include <arch/barrier.h>
#include "drivers/irqchip/gic_private.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/machine.h"

unsigned long gic_accesses;

unsigned long gic_access_count(void)
{
	return gic_accesses;
}

void gic_secure_write(const struct gic_block *block, unsigned int reg, uint32_t value)
{
	machine_secure_write32(block->phys + reg, value);
}

int gic_map(int node, unsigned int index, size_t max_size, struct gic_block *block)
{
	uint64_t size;

	if (dt_reg(node, index, &block->phys, &size))
		return -EINVAL;
	block->base = ioremap(block->phys, (size_t)MIN(size, (uint64_t)max_size));
	return block->base ? 0 : -ENOMEM;
}

int gic_line_count(const struct gic_block *dist)
{
	int lines = 32 * ((int)(gic_read(dist, GICD_TYPER) & 0x1f) + 1);

	return MIN(lines, GIC_SPI_LAST + 1);
}

void gic_write_bit(const struct gic_block *block, unsigned int reg, int irq)
{
	gic_write(block, reg + (unsigned int)irq / 32 * 4, BIT(irq % 32));
}

void gic_wait_clear(const struct gic_block *block, unsigned int reg, uint32_t bit)
{
	for (unsigned int i = 0; i < GIC_POLLS && (gic_read(block, reg) & bit); i++)
		barrier();
}

void gic_quiesce(const struct gic_block *block, int first, int end)
{
	for (int irq = first; irq < end; irq += 32) {
		unsigned int word = (unsigned int)irq / 32 * 4;

		gic_write(block, GICD_ICENABLER + word, UINT32_MAX);
		gic_write(block, GICD_ICPENDR + word, UINT32_MAX);
		gic_write(block, GICD_ICACTIVER + word, UINT32_MAX);
	}
	for (int irq = first; irq < end; irq += 4)
		gic_write(block, GICD_IPRIORITYR + (unsigned int)irq, GIC_PRIORITY);
}

int gic_set_trigger(const struct gic_block *block, int irq, unsigned int trigger)
{
	unsigned int reg = GICD_ICFGR + (unsigned int)irq / 16 * 4;
	uint32_t edge = 2u << (irq % 16 * 2);
	uint32_t old, value;

	if (trigger != IRQF_TRIGGER_RISING && trigger != IRQF_TRIGGER_HIGH)
		return -EINVAL;
	if (irq < GIC_PPI_FIRST)
		return -EINVAL;
	old = gic_read(block, reg);
	value = trigger == IRQF_TRIGGER_RISING ? old | edge : old & ~edge;
	if (value == old)
		return 0;
	gic_write(block, reg, value);
	/* The trigger of a private line may be wired; then it is what it is. */
	if (irq >= GIC_SPI_FIRST && gic_read(block, reg) != value)
		return -EINVAL;
	return 0;
}
