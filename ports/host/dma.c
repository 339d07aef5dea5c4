/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How devices in other processes reach memory: what lies in the shared region they see at the addresses at which we
 * see it, so that mapping it is nothing but a look whether it does. Anything else (a caller's stack or heap) is copied through
 * a pool in the region, as on a machine that keeps its memory from its devices. What does not fit there is
 * refused: the driver waits until something comes back, or fails the request.
 */
#include <errno.h>
#include "lib/memory_encryption.h"
#include "lib/swiotlb.h"
#include "ports/host/host_private.h"
#include "virtio/port.h"

static struct io_tlb_mem pool;

static void *host_dma_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *ptr = gfp == GFP_ATOMIC ? NULL : host_region_alloc(size, PAGE_SIZE);

	(void)dev;
	*handle = (uintptr_t)ptr;
	return ptr;
}

static void host_dma_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	(void)dev;
	(void)size;
	(void)handle;
	(void)host_region_free(cpu_addr);
}

static dma_addr_t host_dma_map(struct device *dev, void *ptr, size_t size,
			       enum dma_data_direction dir)
{
	if (likely(host_region_has(ptr, size)))
		return (uintptr_t)ptr;
	return swiotlb_map(dev, ptr, size, dir);
}

static void host_dma_unmap(struct device *dev, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir)
{
	if (unlikely(is_swiotlb_buffer(&pool, addr, size)))
		swiotlb_unmap(dev, addr, size, dir);
}

static void host_dma_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
				  enum dma_data_direction dir)
{
	if (unlikely(is_swiotlb_buffer(&pool, addr, size)))
		swiotlb_sync_single_for_cpu(dev, addr, size, dir);
}

static void host_dma_sync_for_device(struct device *dev, dma_addr_t addr, size_t size,
				     enum dma_data_direction dir)
{
	if (unlikely(is_swiotlb_buffer(&pool, addr, size)))
		swiotlb_sync_single_for_device(dev, addr, size, dir);
}

/* Nobody knows beforehand where a buffer lies, so the pool sets the limit for all. */
static size_t host_dma_capacity(struct device *dev)
{
	(void)dev;
	return pool.size;
}

static const struct dma_map_ops host_dma_ops = {
	.alloc = host_dma_alloc,
	.free = host_dma_free,
	.map = host_dma_map,
	.unmap = host_dma_unmap,
	.sync_for_cpu = host_dma_sync_for_cpu,
	.sync_for_device = host_dma_sync_for_device,
	.max_mapping_size = swiotlb_max_mapping_size,
	.mapping_capacity = host_dma_capacity,
};

void host_dma_setup(struct device *dev)
{
	dev->dma_ops = &host_dma_ops;
	dev->dma_priv = &pool;
}

int host_dma_init(size_t pool_bytes)
{
	void *pages = host_region_alloc(pool_bytes, PAGE_SIZE);
	int err = pages ? swiotlb_init(&pool, pages, pool_bytes) : -ENOMEM;

	if (err)
		(void)host_region_free(pages);
	return err;
}

void host_dma_exit(void)
{
	void *pages = pool.base;

	if (!pages)
		return;
	if (swiotlb_exit(&pool))
		port_log(LOG_WARNING, "host: buffers are still mapped");
	else
		(void)host_region_free(pages);
}

/* --- shared memory is shared from the start --------------------------------------------------- */

int set_memory_decrypted(void *addr, size_t size)
{
	(void)addr;
	(void)size;
	return 0;
}

int set_memory_encrypted(void *addr, size_t size)
{
	(void)addr;
	(void)size;
	return 0;
}
