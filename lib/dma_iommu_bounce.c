/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partial pages. A buffer that begins or ends inside a page has its part of that page copied into a page
 * of the device's own pool. What else is in such a page has been this device's before: pages never
 * move between devices, so none has to be cleared.
 */
#include <string.h>
#include <arch/cpu.h>
#include "lib/dma_iommu_private.h"
#include "lib/swiotlb.h"

/* What devices may expect of the alignment of a buffer that is shorter than a page. */
#define SHORT_ALIGN 64u

/* Where in a page the copy of a short buffer may lie: where it was, or at least as aligned; a page's
 * size where it fits neither way. */
static uint32_t short_offset(uint32_t offset, size_t size)
{
	if (offset + size <= PAGE_SIZE)
		return offset;
	offset %= SHORT_ALIGN;
	return offset + size <= PAGE_SIZE ? offset : PAGE_SIZE;
}

struct iommu_layout dma_iommu_layout(const void *ptr, size_t size)
{
	struct iommu_layout layout = {.offset = (uint32_t)((uintptr_t)ptr % PAGE_SIZE)};
	uint32_t offset;

	if (size < PAGE_SIZE) {
		offset = short_offset(layout.offset, size);
		if (offset < PAGE_SIZE)
			return (struct iommu_layout){
				.pages = 1, .offset = offset, .head = (uint32_t)size};
	}
	layout.pages = (uint32_t)DIV_ROUND_UP(layout.offset + size, PAGE_SIZE);
	layout.head = layout.offset ? PAGE_SIZE - layout.offset : 0;
	layout.tail = (uint32_t)((layout.offset + size) % PAGE_SIZE);
	return layout;
}

bool dma_iommu_bounce_take(struct dma_iommu *dma, const struct iommu_layout *layout,
			   struct iommu_buffer *buffer)
{
	const uint32_t need = (layout->head != 0) + (layout->tail != 0);
	unsigned long state = irq_save();
	bool enough = need <= dma->bounce_free_count;

	buffer->head = buffer->tail = 0;
	if (enough && layout->head)
		buffer->head = dma->bounce_free[--dma->bounce_free_count];
	if (enough && layout->tail)
		buffer->tail = dma->bounce_free[--dma->bounce_free_count];
	if (enough)
		dma->stats.bounced += need;
	irq_restore(state);
	return enough;
}

void dma_iommu_bounce_give(struct dma_iommu *dma, struct iommu_buffer *buffer)
{
	unsigned long state = irq_save();

	if (buffer->head)
		dma->bounce_free[dma->bounce_free_count++] = buffer->head;
	if (buffer->tail)
		dma->bounce_free[dma->bounce_free_count++] = buffer->tail;
	irq_restore(state);
	buffer->head = buffer->tail = 0;
}

/* A part of a buffer that was asked for and lies in a page that stands in: where both are. */
struct piece {
	char *cpu, *copy;
	size_t size;
};

/* What [@from, @end) of the buffer has in common with [@start, @stop), whose copy begins at @copy. */
static struct piece common(const struct iommu_buffer *buffer, char *copy, size_t start, size_t stop,
			   size_t from, size_t end)
{
	from = MAX(from, start);
	end = MIN(end, stop);
	if (from >= end)
		return (struct piece){0};
	return (struct piece){buffer->cpu + from, copy + (from - start), end - from};
}

static struct piece head_piece(const struct dma_iommu *dma, const struct iommu_buffer *buffer,
			       size_t from, size_t end)
{
	struct iommu_layout layout;

	if (!buffer->head)
		return (struct piece){0};
	layout = dma_iommu_layout(buffer->cpu, buffer->size);
	return common(buffer, dma_iommu_bounce_page(dma, buffer->head) + layout.offset, 0,
		      layout.head, from, end);
}

static struct piece tail_piece(const struct dma_iommu *dma, const struct iommu_buffer *buffer,
			       size_t from, size_t end)
{
	struct iommu_layout layout;

	if (!buffer->tail)
		return (struct piece){0};
	layout = dma_iommu_layout(buffer->cpu, buffer->size);
	return common(buffer, dma_iommu_bounce_page(dma, buffer->tail), buffer->size - layout.tail,
		      buffer->size, from, end);
}

void dma_iommu_copy_in(const struct dma_iommu *dma, const struct iommu_buffer *buffer, size_t from,
		       size_t size)
{
	const struct piece pieces[] = {head_piece(dma, buffer, from, from + size),
				       tail_piece(dma, buffer, from, from + size)};

	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (pieces[i].size)
			memcpy(pieces[i].copy, pieces[i].cpu, pieces[i].size);
	}
}

void dma_iommu_copy_out(const struct dma_iommu *dma, const struct iommu_buffer *buffer, size_t from,
			size_t size)
{
	const struct piece pieces[] = {head_piece(dma, buffer, from, from + size),
				       tail_piece(dma, buffer, from, from + size)};

	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (pieces[i].size)
			memcpy(pieces[i].cpu, pieces[i].copy, pieces[i].size);
	}
}

void dma_iommu_fill(const struct dma_iommu *dma, const struct iommu_buffer *buffer)
{
	const struct piece pieces[] = {head_piece(dma, buffer, 0, buffer->size),
				       tail_piece(dma, buffer, 0, buffer->size)};

	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (pieces[i].size)
			memset(pieces[i].copy, IO_TLB_FILL, pieces[i].size);
	}
}
