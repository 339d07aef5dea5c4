/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMA API, dispatched to a device's backend. The direct one is tested for first and costs no
 * indirect call; there, unmapping and synchronising have nothing to do, because the barriers
 * that order a buffer's contents belong to the ring (see <arch/barrier.h>).
 */
#include "lib/dma.h"
#include "lib/dma_direct.h"

#define COHERENT_MAX_BYTES (1ull << 31)

void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	if (size == 0 || size > COHERENT_MAX_BYTES)
		return NULL;
	if (likely(!dev->dma_ops))
		return dma_direct_alloc(dev, size, handle, gfp);
	return dev->dma_ops->alloc(dev, size, handle, gfp);
}

void dma_free_coherent(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	if (!cpu_addr)
		return;
	if (likely(!dev->dma_ops))
		dma_direct_free(dev, size, cpu_addr, handle);
	else
		dev->dma_ops->free(dev, size, cpu_addr, handle);
}

dma_addr_t dma_map_single(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir)
{
	if (unlikely(size == 0))
		return DMA_MAPPING_ERROR;
	if (likely(!dev->dma_ops))
		return dma_direct_map(dev, ptr, size);
	return dev->dma_ops->map(dev, ptr, size, dir);
}

void dma_unmap_single(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)
{
	if (unlikely(dev->dma_ops))
		dev->dma_ops->unmap(dev, addr, size, dir);
}

size_t dma_max_mapping_size(struct device *dev)
{
	if (likely(!dev->dma_ops) || !dev->dma_ops->max_mapping_size)
		return SIZE_MAX;
	return dev->dma_ops->max_mapping_size(dev);
}

size_t dma_mapping_capacity(struct device *dev)
{
	if (likely(!dev->dma_ops) || !dev->dma_ops->mapping_capacity)
		return SIZE_MAX;
	return dev->dma_ops->mapping_capacity(dev);
}

dma_addr_t dma_map_page(struct device *dev, void *page, size_t offset, size_t size,
			enum dma_data_direction dir)
{
	return dma_map_single(dev, (char *)page + offset, size, dir);
}

void dma_unmap_page(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)
{
	dma_unmap_single(dev, addr, size, dir);
}

int dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents, enum dma_data_direction dir)
{
	struct scatterlist *sg = sgl;

	for (int i = 0; i < nents; i++, sg++) {
		sg->dma_address = dma_map_single(dev, sg->addr, sg->length, dir);
		if (dma_mapping_error(dev, sg->dma_address)) {
			dma_unmap_sg(dev, sgl, i, dir);
			return 0;
		}
	}
	return nents;
}

void dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
		  enum dma_data_direction dir)
{
	struct scatterlist *sg = sgl;

	if (likely(!dev->dma_ops))
		return;
	for (int i = 0; i < nents; i++, sg++)
		dma_unmap_single(dev, sg->dma_address, sg->length, dir);
}

void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			     enum dma_data_direction dir)
{
	if (unlikely(dev->dma_ops))
		dev->dma_ops->sync_for_cpu(dev, addr, size, dir);
}

void dma_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction dir)
{
	if (unlikely(dev->dma_ops))
		dev->dma_ops->sync_for_device(dev, addr, size, dir);
}
