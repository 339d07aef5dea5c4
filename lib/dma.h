/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMA API: what must happen before a device may touch memory, and after. Each device has
 * a backend (struct dma_map_ops); without one it is direct, which costs nothing: memory is
 * identity mapped and coherent.
 *
 * Between map and unmap the buffer belongs to the device. The CPU may look at it only after
 * dma_unmap_*() or dma_sync_single_for_cpu(); what the device then has not written of a
 * DMA_FROM_DEVICE buffer is undefined. All calls may be made in any context, except
 * that dma_alloc_coherent() with GFP_KERNEL and dma_free_coherent() need thread context.
 */
#ifndef LIB_DMA_H
#define LIB_DMA_H

#include "lib/device.h"
#include "lib/dma_types.h"
#include "lib/scatterlist.h"

#define DMA_MAPPING_ERROR (~(dma_addr_t)0)

/* A backend. Each function has the contract of the call of the same name below. */
struct dma_map_ops {
	void *(*alloc)(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp);
	void (*free)(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle);
	dma_addr_t (*map)(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir);
	void (*unmap)(struct device *dev, dma_addr_t addr, size_t size,
		      enum dma_data_direction dir);
	void (*sync_for_cpu)(struct device *dev, dma_addr_t addr, size_t size,
			     enum dma_data_direction dir);
	void (*sync_for_device)(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction dir);
	size_t (*max_mapping_size)(struct device *dev); /* NULL: no limit */
	size_t (*mapping_capacity)(struct device *dev); /* NULL: no limit */
	bool (*faulted)(struct device *dev);		/* NULL: never */
	bool translated; /* addresses are an IOMMU's, not those of physical memory */
};

/*
 * Allocates @size bytes (1 to 2^31), zeroed, aligned to a page, that CPU and device may both
 * access at any time, and stores the device's address in *@handle. NULL where memory has run
 * out or lies beyond the device's mask. The caller frees it with the same @size.
 */
void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp);
void dma_free_coherent(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle);

/*
 * Hands @size bytes at @ptr to the device. Returns the device's address, or DMA_MAPPING_ERROR
 * (out of slots, or beyond the device's mask); test with dma_mapping_error(). @ptr needs to stay
 * valid, and @size and @dir the same, until the matching unmap.
 */
dma_addr_t dma_map_single(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir);
void dma_unmap_single(struct device *dev, dma_addr_t addr, size_t size,
		      enum dma_data_direction dir);

/* The largest @size for which a mapping can be expected to succeed; SIZE_MAX: any. */
size_t dma_max_mapping_size(struct device *dev);

/* How many bytes can be mapped at a time, shared by all users of the backend; SIZE_MAX: any number. A
 * driver that keeps many buffers mapped leaves most of it to others. */
size_t dma_mapping_capacity(struct device *dev);

/*
 * Whether an access of @dev has been refused since the last call, or may have been, as nobody kept count: then what it says of requests that were in
 * flight is not to be believed, as a device need not know what became of its writes. Faults that nobody
 * has been told of yet are asked for. Any context.
 */
static inline bool dma_faulted(struct device *dev)
{
	return unlikely(dev->dma_ops) && dev->dma_ops->faulted && dev->dma_ops->faulted(dev);
}

/* As above, for @size bytes at @offset in a page; a "page" here is its CPU address. */
dma_addr_t dma_map_page(struct device *dev, void *page, size_t offset, size_t size,
			enum dma_data_direction dir);
void dma_unmap_page(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir);

/* True where a map call has failed. */
static inline bool dma_mapping_error(struct device *dev, dma_addr_t addr)
{
	(void)dev;
	return addr == DMA_MAPPING_ERROR;
}

/*
 * Maps each of the first @nents entries of @sgl and fills in its dma_address. Returns @nents,
 * or 0 with nothing mapped. No entries are merged.
 */
int dma_map_sg(struct device *dev, struct scatterlist *sgl, int nents, enum dma_data_direction dir);
void dma_unmap_sg(struct device *dev, struct scatterlist *sgl, int nents,
		  enum dma_data_direction dir);

/* Lends a mapped buffer (or a part of one) to the CPU, and gives it back to the device. */
void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			     enum dma_data_direction dir);
void dma_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction dir);

#endif
