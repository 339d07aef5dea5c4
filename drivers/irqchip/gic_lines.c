/* SPDX-License-Identifier: BSD-2-Clause */
/* See gic_lines.h. */
#include <errno.h>
#include "drivers/irqchip/gic_lines.h"

int gic_lines_take(struct gic_lines *lines, unsigned int count, int irqs[])
{
	unsigned int found = 0;

	if (count > lines->count - lines->used)
		return -ENOSPC;
	for (unsigned int i = 0; found < count; i++) {
		if (lines->taken[i / 32] & BIT(i % 32))
			continue;
		lines->taken[i / 32] |= BIT(i % 32);
		irqs[found++] = lines->first + (int)i;
	}
	lines->used += count;
	return 0;
}

void gic_lines_give(struct gic_lines *lines, int irq)
{
	unsigned int i = (unsigned int)(irq - lines->first);

	if (i >= lines->count || !(lines->taken[i / 32] & BIT(i % 32)))
		return;
	lines->taken[i / 32] &= ~BIT(i % 32);
	lines->used--;
}
