/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the direct backend: plain pages. All RAM is Normal write-back inner-shareable, and
 * devices on this board are coherent, so "coherent" memory needs no other attributes.
 */
#include "lib/dma_direct.h"
#include "lib/pages.h"

void *dma_direct_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *ptr;

	/* There is no pool to fall back on, and the heap is no place for an interrupt handler. */
	if (gfp == GFP_ATOMIC)
		return NULL;
	ptr = alloc_pages_exact(size);
	if (!ptr)
		return NULL;
	*handle = dma_direct_map(dev, ptr, size);
	if (dma_mapping_error(dev, *handle)) {
		free_pages_exact(ptr, size);
		return NULL;
	}
	return ptr;
}

void dma_direct_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	(void)dev;
	(void)handle;
	free_pages_exact(cpu_addr, size);
}
