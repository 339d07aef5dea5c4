/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings and tables are written by both sides at any time, so they cannot be bounced: their own pages
 * are shared. A change of state that fails leaves pages of which nobody knows who can read them.
 * They are lost on purpose: reused, they could hand somebody's secrets to the device, or turn
 * into noise under their next owner.
 */
#include <string.h>
#include "lib/dma_direct.h"
#include "lib/dma_shared.h"
#include "lib/log.h"
#include "lib/memory_encryption.h"
#include "lib/pages.h"

static int report(const struct device *dev, int err, const char *what, size_t size)
{
	if (err)
		log_error("%s: %lu bytes could not be %s (%d) and are lost", dev->name,
			  (unsigned long)size, what, err);
	return err;
}

int dma_set_decrypted(struct device *dev, void *addr, size_t size)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	return report(dev, set_memory_decrypted(addr, size), "shared", size);
}

int dma_set_encrypted(struct device *dev, void *addr, size_t size)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	return report(dev, set_memory_encrypted(addr, size), "taken back", size);
}

void *dma_shared_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *ptr;

	/* Changing a page's state may wait, and the heap is no place for an interrupt handler. */
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
	if (dma_set_decrypted(dev, ptr, size))
		return NULL;
	/* The change may have left anything in it. */
	memset(ptr, 0, ALIGN_UP(size, PAGE_SIZE));
	return ptr;
}

void dma_shared_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	(void)handle;
	if (!dma_set_encrypted(dev, cpu_addr, size))
		free_pages_exact(cpu_addr, size);
}
