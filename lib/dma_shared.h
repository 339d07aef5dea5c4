/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coherent memory for devices that cannot see all of ours: pages that are shared with them from their
 * allocation to their release. The device's address is the CPU's.
 */
#ifndef LIB_DMA_SHARED_H
#define LIB_DMA_SHARED_H

#include "lib/dma.h"

/* Shares whole pages at @addr with @dev, and takes them back. Return 0, or the hook's error:
 * then the pages must not be used again. Thread context. */
int __must_check dma_set_decrypted(struct device *dev, void *addr, size_t size);
int __must_check dma_set_encrypted(struct device *dev, void *addr, size_t size);

/* As dma_alloc_coherent() and dma_free_coherent(). */
void *dma_shared_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp);
void dma_shared_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle);

#endif
