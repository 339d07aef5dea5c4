/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that the GIC itself reads and writes: tables and the queue of commands. It wants to share our
 * caches; where the GIC says that it does not, memory is uncached for it, and what we write has to be
 * taken out of our caches before it looks.
 */
#ifndef DRIVERS_IRQCHIP_GIC_MEMORY_H
#define DRIVERS_IRQCHIP_GIC_MEMORY_H

#include "drivers/irqchip/gic_private.h"

/* Where a base register has the field for (inner) cacheability; those of shareability are alike. */
#define GICR_BASE_CACHE 7u  /* GICR_PROPBASER, GICR_PENDBASER */
#define GITS_BASE_CACHE 59u /* GITS_CBASER, GITS_BASER */

/*
 * Zeroed memory for the GIC, aligned to @alignment (a page or more), nothing of it in our caches. NULL where
 * memory has run out. Given back with free_pages_exact().
 */
void *gic_alloc(size_t size, size_t alignment);

/*
 * Writes @value, without attributes, to the base register @reg of @block: cached and shared if the GIC
 * can, which *@coherent tells. Returns what the register reads then.
 */
uint64_t gic_write_base(const struct gic_block *block, unsigned int reg, uint64_t value,
			unsigned int cache_shift, bool *coherent);

/* What was written at @start is there for the GIC, before anything that follows. */
void gic_publish(const void *start, size_t size, bool coherent);

#endif
