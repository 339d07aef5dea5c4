/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMA backend behind an IOMMU: each buffer is mapped for its device alone, for its direction alone,
 * for as long as the device has it. An access to anything else is a fault.
 *
 * An IOMMU maps whole pages. A page that belongs to a buffer only in part is not shown to the
 * device: the part is copied to a page of a small pool that is this device's for good, and that is
 * mapped in its place. Whole pages are mapped as they are, nothing is copied.
 *
 *	dma_iommu_attach(dev, iommu, stream, &config);	before the device is probed
 */
#ifndef LIB_DMA_IOMMU_H
#define LIB_DMA_IOMMU_H

#include "lib/dma.h"
#include "lib/iommu.h"

struct dma_iommu_config {
	/* The window in which buffers are mapped: no bus that the device could reach may decode its
	 * addresses as anything else, as a PCI bridge does with its own windows. */
	uint64_t window;
	uint32_t window_pages; /* up to IOVA_PAGES_MAX */
	uint32_t bounce_pages; /* for partial pages, 1 to 65535 */
};

struct dma_iommu_stats {
	unsigned long maps;	 /* buffers */
	unsigned long bounced;	 /* partial pages */
	unsigned long exhausted; /* not mapped: no addresses or stand-ins, or the IOMMU said no */
	unsigned long mistakes;	 /* calls for what is not mapped so: our own fault */
	unsigned long lost;	 /* perhaps mapped for ever: their addresses stay taken */
	uint32_t used_pages, used_bounce_pages; /* now */
};

/* Gives @dev, whose stream is @id, a domain and this backend; or the domain that its stream has already.
 * Returns 0 or a negative errno with nothing changed. Thread context. */
int __must_check dma_iommu_attach(struct device *dev, struct iommu *iommu, uint32_t id,
				  const struct dma_iommu_config *config);

/* Takes both away again. Nothing may be mapped any more. Returns 0, or -ETIMEDOUT where the IOMMU does not
 * answer: then the domain's memory is lost on purpose. Thread context. */
int dma_iommu_detach(struct device *dev);

/* The backend. */
extern const struct dma_map_ops iommu_dma_ops;

/* Consistent among themselves; false where @dev has another backend. Any context. */
bool dma_iommu_get_stats(const struct device *dev, struct dma_iommu_stats *stats);

#endif
