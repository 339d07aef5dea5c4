/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct DMA backend: the device sees the CPU's addresses, and its accesses are coherent with
 * the caches. Mapping is then a range check, and stands inline because every buffer takes it.
 */
#ifndef LIB_DMA_DIRECT_H
#define LIB_DMA_DIRECT_H

#include "lib/dma.h"

/* Whether @dev can reach all of @size bytes (above 0) at @addr. */
static inline bool dma_direct_reachable(const struct device *dev, dma_addr_t addr, size_t size)
{
	dma_addr_t last = addr + size - 1;

	return last >= addr && (!dev->dma_mask || last <= dev->dma_mask);
}

static inline dma_addr_t dma_direct_map(const struct device *dev, const void *ptr, size_t size)
{
	dma_addr_t addr = (uintptr_t)ptr;

	return likely(dma_direct_reachable(dev, addr, size)) ? addr : DMA_MAPPING_ERROR;
}

/* As dma_alloc_coherent() and dma_free_coherent(). */
void *dma_direct_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp);
void dma_direct_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle);

#endif
