/* SPDX-License-Identifier: BSD-2-Clause */
/* The two types that the DMA API and those who store its results share. */
#ifndef LIB_DMA_TYPES_H
#define LIB_DMA_TYPES_H

#include <stdint.h>

/* An address as a device uses it. 64 bits on every CPU: Armv7 devices see 40. */
typedef uint64_t dma_addr_t;

/* Who writes: DMA_TO_DEVICE is read by the device, DMA_FROM_DEVICE is written by it. */
enum dma_data_direction {
	DMA_BIDIRECTIONAL = 0,
	DMA_TO_DEVICE = 1,
	DMA_FROM_DEVICE = 2,
};

/* The context of an allocation: GFP_ATOMIC must not reach a general-purpose allocator. */
typedef enum { GFP_KERNEL = 0, GFP_ATOMIC = 1 } gfp_t;

#endif
