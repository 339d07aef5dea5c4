/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A range of lines that are handed out to devices, each to one, and come back. A device gets all that it
 * asks for or none. Which ones does not matter, so there is no fragmentation.
 */
#ifndef DRIVERS_IRQCHIP_GIC_LINES_H
#define DRIVERS_IRQCHIP_GIC_LINES_H

#include "lib/util.h"

#define GIC_LINES_MAX 1024

struct gic_lines {
	int first;
	unsigned int count, used;	    /* count: at most GIC_LINES_MAX */
	uint32_t taken[GIC_LINES_MAX / 32]; /* a bit a line */
};

/* Takes the @count lowest free lines into @irqs, in ascending order. 0 or -ENOSPC. */
int gic_lines_take(struct gic_lines *lines, unsigned int count, int irqs[]);

/* Gives one line back. One that is not taken, or not of this range, is left alone. */
void gic_lines_give(struct gic_lines *lines, int irq);

#endif
