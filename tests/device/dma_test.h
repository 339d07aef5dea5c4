/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DMA address space that is not the CPU's: bus addresses start above 4 GiB, and a mapped buffer
 * is a copy, made at map and brought back at unmap as its direction says. A driver that
 * forgets to map or to unmap, or names the wrong direction or size, is caught here and not on
 * the first machine with an IOMMU.
 */
#ifndef TESTS_DEVICE_DMA_TEST_H
#define TESTS_DEVICE_DMA_TEST_H

#include "lib/dma.h"

#define DMA_TEST_BASE 0x100000000ull

/* What memory holds that no device has written: a driver must not rely on it. */
#define DMA_TEST_POISON 0xa5

extern const struct dma_map_ops dma_test_ops;

/* Whether devices see the CPU's memory itself, at its addresses: for those without dma_ops. */
void dma_test_direct(bool direct);

/* The device's view: @len bytes at bus address @addr, or NULL (a violation is recorded) where they
 * are not mapped as one piece, or not for that access. */
void *dma_test_access(uint64_t addr, size_t len, bool write);

/* Mappings and coherent allocations that live now, and all mappings since the reset. */
unsigned int dma_test_mappings(void);
unsigned int dma_test_allocations(void);
unsigned long dma_test_total_mappings(void);

/* The @nth mapping from now fails (1: the next); 0: none. */
void dma_test_fail_map(unsigned int nth);

/* Called before each coherent allocation; true makes it fail. For the port's counter. */
void dma_test_set_alloc_hook(bool (*hook)(void));

/* Physical memory that devices reach besides what is mapped: where @reachable says so. For other
 * backends than this one; until the reset. */
void dma_test_set_physical(bool (*reachable)(const void *addr, size_t len));

/* Other backends' addresses: @translate says where in our memory they are, or NULL after a fault. Until the
 * reset. */
void dma_test_set_translation(void *(*translate)(uint64_t addr, size_t len, bool write));

/* Records a violation for each leak, and forgets everything. */
void dma_test_reset(void);

#endif
