/* SPDX-License-Identifier: BSD-2-Clause */
/* See gic_memory.h. Attributes: ARM IHI 0069, 12.11.21 (GICR_PENDBASER), 12.19.1 (GITS_BASER). */
#include <arch/barrier.h>
#include <arch/cache.h>
#include "drivers/irqchip/gic_memory.h"
#include "lib/pages.h"

#define SHARE_MASK   (3ull << 10)
#define SHARE_INNER  (1ull << 10)
#define CACHE_MASK   7ull
#define CACHE_NONE   1ull /* Normal memory, not cached; those above are cached in some way */
#define CACHE_ALWAYS 7ull /* write-back, allocated by reads and by writes */

void *gic_alloc(size_t size, size_t alignment)
{
	void *memory = alloc_pages_aligned(size, alignment);

	if (memory)
		cache_clean_invalidate(memory, size);
	return memory;
}

uint64_t gic_write_base(const struct gic_block *block, unsigned int reg, uint64_t value,
			unsigned int cache_shift, bool *coherent)
{
	uint64_t got;

	gic_write64(block, reg, value | SHARE_INNER | CACHE_ALWAYS << cache_shift);
	got = gic_read64(block, reg);
	*coherent = (got & SHARE_MASK) && (got >> cache_shift & CACHE_MASK) > CACHE_NONE;
	if (*coherent)
		return got;
	gic_write64(block, reg, value | CACHE_NONE << cache_shift);
	return gic_read64(block, reg);
}

void gic_publish(const void *start, size_t size, bool coherent)
{
	if (!coherent)
		cache_clean_invalidate(start, size);
	mmio_wmb();
}
