/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of what is mapped, which no device reaches, and the pages that stand in for partial ones.
 * dma_iommu.c decides, dma_iommu_bounce.c copies.
 */
#ifndef LIB_DMA_IOMMU_PRIVATE_H
#define LIB_DMA_IOMMU_PRIVATE_H

#include "lib/dma_iommu.h"
#include "lib/iova.h"

enum buffer_state { BUFFER_FREE, BUFFER_MAPPED, BUFFER_COHERENT, BUFFER_LOST };

/* One for each page of the window; the mapping's first page has all of it, the others @first alone. */
struct iommu_buffer {
	char *cpu;
	uint32_t size;
	uint16_t first;	 /* the mapping's first page */
	uint16_t offset; /* of the buffer in that page */
	uint16_t head,
		tail;  /* pages that stand in for the first and the last, counted from 1; 0: none */
	uint8_t dir;   /* enum dma_data_direction */
	uint8_t state; /* enum buffer_state */
};

struct dma_iommu {
	struct iommu_domain *domain;
	struct iova_space iovas;
	struct iommu_buffer *buffers;
	char *bounce;
	uint16_t *bounce_free; /* a stack of page numbers */
	uint32_t bounce_pages, bounce_free_count;
	struct dma_iommu_stats stats;
};

/* What of a buffer lies in partial pages. Bytes; 0: that end is a page's. */
struct iommu_layout {
	uint32_t pages, offset;
	uint32_t head, tail;
};

/* How @size bytes at @ptr lie in pages of the window. */
struct iommu_layout dma_iommu_layout(const void *ptr, size_t size);

/* The page that stands in for one. @number counts from 1. */
static inline char *dma_iommu_bounce_page(const struct dma_iommu *dma, unsigned int number)
{
	return dma->bounce + ((size_t)(number - 1) << PAGE_SHIFT);
}

/* Takes the pages that @layout needs, both or none, or gives them back. Any context. */
bool dma_iommu_bounce_take(struct dma_iommu *dma, const struct iommu_layout *layout,
			   struct iommu_buffer *buffer);
void dma_iommu_bounce_give(struct dma_iommu *dma, struct iommu_buffer *buffer);

/* Copies those of the bytes [@from, @from + @size) of a buffer that lie in partial pages. */
void dma_iommu_copy_in(const struct dma_iommu *dma, const struct iommu_buffer *buffer, size_t from,
		       size_t size);
void dma_iommu_copy_out(const struct dma_iommu *dma, const struct iommu_buffer *buffer, size_t from,
			size_t size);

/* Fills the parts that the device is to write with IO_TLB_FILL, so that nothing old is taken for its answer. */
void dma_iommu_fill(const struct dma_iommu *dma, const struct iommu_buffer *buffer);

#endif
