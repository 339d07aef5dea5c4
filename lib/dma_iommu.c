/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping and unmapping, strictly: when a buffer comes back to its driver the IOMMU has forgotten it, so a
 * late access of the device is a fault, and its addresses can be given out again at once. Where
 * the IOMMU does not say that it has forgotten, addresses and stand-in pages stay taken for ever.
 * Page tables for all of the window are made at setup; mapping takes addresses and stand-in pages, and no
 * memory. The IOMMU may refuse it all the same: one that is a device keeps a record that can be full.
 */
#include <errno.h>
#include <string.h>
#include <arch/cpu.h>
#include "lib/dma_iommu_private.h"
#include "lib/log.h"
#include "lib/pages.h"

static unsigned int prot_of(enum dma_data_direction dir)
{
	switch (dir) {
	case DMA_TO_DEVICE:
		return IOMMU_READ;
	case DMA_FROM_DEVICE:
		return IOMMU_WRITE;
	default:
		return IOMMU_READ | IOMMU_WRITE;
	}
}

/* --- the record ------------------------------------------------------------------------------ */

static uint32_t page_of(const struct dma_iommu *dma, dma_addr_t addr)
{
	return (uint32_t)((addr - dma->iovas.base) >> PAGE_SHIFT);
}

static dma_addr_t address_of(const struct dma_iommu *dma, const struct iommu_buffer *buffer)
{
	return dma->iovas.base + ((uint64_t)buffer->first << PAGE_SHIFT) + buffer->offset;
}

/* The mapping that holds @size bytes at @addr, and their @offset in it; NULL. Nothing here comes from a
 * device, so that is a driver's mistake. */
static struct iommu_buffer *find(struct dma_iommu *dma, const char *what, dma_addr_t addr,
				 size_t size, size_t *offset)
{
	struct iommu_buffer *buffer;

	if (addr < dma->iovas.base || page_of(dma, addr) >= dma->iovas.pages ||
	    addr - dma->iovas.base >= (uint64_t)dma->iovas.pages << PAGE_SHIFT)
		goto mistake;
	buffer = &dma->buffers[page_of(dma, addr)];
	if (buffer->state == BUFFER_FREE)
		goto mistake;
	buffer = &dma->buffers[buffer->first];
	if (addr < address_of(dma, buffer))
		goto mistake;
	*offset = (size_t)(addr - address_of(dma, buffer));
	if (*offset < buffer->size && size <= buffer->size - *offset)
		return buffer;
mistake:
	dma->stats.mistakes++;
	log_error("iommu: %s of %lu bytes at 0x%llx, which are not mapped", what,
		  (unsigned long)size, (unsigned long long)addr);
	return NULL;
}

/* Writes the state of all pages of a mapping. */
static void set_state(struct dma_iommu *dma, uint32_t first, uint32_t pages,
		      enum buffer_state state)
{
	for (uint32_t i = first; i < first + pages; i++) {
		dma->buffers[i].first = (uint16_t)first;
		dma->buffers[i].state = (uint8_t)state;
	}
}

/* --- pages ----------------------------------------------------------------------------------- */

static void lost(struct dma_iommu *dma, const struct iommu_buffer *buffer, int err)
{
	dma->stats.lost++;
	log_error("%s: %lu bytes at 0x%llx may be mapped for ever (%d): a device may reach them",
		  dma->domain->iommu->name, (unsigned long)buffer->size,
		  (unsigned long long)address_of(dma, buffer), err);
}

/* Maps the first page, the whole ones and the last. On failure @done has the bytes that are mapped. */
static int map_pages(struct dma_iommu *dma, const struct iommu_buffer *buffer,
		     const struct iommu_layout *layout, uint64_t iova, uint64_t *done)
{
	const uint64_t start = ALIGN_DOWN((uint64_t)(uintptr_t)buffer->cpu, PAGE_SIZE);
	const uint64_t total = (uint64_t)layout->pages << PAGE_SHIFT;
	const uint64_t whole_end = total - (buffer->tail ? PAGE_SIZE : 0);
	const unsigned int prot = prot_of((enum dma_data_direction)buffer->dir);
	int err = 0;

	*done = 0;
	if (buffer->head) {
		err = iommu_map(dma->domain, iova,
				(uintptr_t)dma_iommu_bounce_page(dma, buffer->head), PAGE_SIZE,
				prot);
		if (err)
			return err;
		*done = PAGE_SIZE;
	}
	if (*done < whole_end) {
		err = iommu_map(dma->domain, iova + *done, start + *done, whole_end - *done, prot);
		if (err)
			return err;
		*done = whole_end;
	}
	if (buffer->tail)
		err = iommu_map(dma->domain, iova + *done,
				(uintptr_t)dma_iommu_bounce_page(dma, buffer->tail), PAGE_SIZE,
				prot);
	return err;
}

static void count(struct dma_iommu *dma, unsigned long *counter)
{
	unsigned long state = irq_save();

	(void)dma;
	(*counter)++;
	irq_restore(state);
}

/* Fills in @buffer, which is the window's page at @iova, and maps it. 0 or a negative errno, with the
 * addresses free again; -ETIMEDOUT: they are lost, as the device may reach the buffer. */
static int map_at(struct dma_iommu *dma, uint64_t iova, const struct iommu_layout *layout,
		  struct iommu_buffer *buffer)
{
	uint64_t done;
	int err;

	if (!dma_iommu_bounce_take(dma, layout, buffer)) {
		iova_free(&dma->iovas, iova, layout->pages);
		return -ENOSPC;
	}
	if (buffer->dir == DMA_FROM_DEVICE)
		dma_iommu_fill(dma, buffer);
	else
		dma_iommu_copy_in(dma, buffer, 0, buffer->size);
	err = map_pages(dma, buffer, layout, iova, &done);
	if (!err)
		return 0;
	if ((done && iommu_unmap(dma->domain, iova, done)) || err == -ETIMEDOUT) {
		set_state(dma, buffer->first, layout->pages, BUFFER_LOST);
		lost(dma, buffer, err);
		return -ETIMEDOUT;
	}
	dma_iommu_bounce_give(dma, buffer);
	iova_free(&dma->iovas, iova, layout->pages);
	return err;
}

/* Maps @size bytes at @ptr: 0 with the device's address in *@addr, or as map_at(). */
static int map_buffer(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir,
		      enum buffer_state state, dma_addr_t *addr)
{
	struct dma_iommu *dma = dev->dma_priv;
	struct iommu_layout layout;
	struct iommu_buffer *buffer;
	uint64_t iova = 0;
	int err;

	if (size <= (uint64_t)dma->iovas.pages << PAGE_SHIFT) { /* and no overflow */
		layout = dma_iommu_layout(ptr, size);
		iova = iova_alloc(&dma->iovas, layout.pages, dev->dma_mask);
	}
	if (!iova) {
		count(dma, &dma->stats.exhausted);
		return -ENOSPC;
	}
	buffer = &dma->buffers[page_of(dma, iova)];
	buffer->cpu = ptr;
	buffer->size = (uint32_t)size;
	buffer->first = (uint16_t)page_of(dma, iova);
	buffer->offset = (uint16_t)layout.offset;
	buffer->dir = (uint8_t)dir;
	err = map_at(dma, iova, &layout, buffer);
	if (err) {
		count(dma, &dma->stats.exhausted);
		return err;
	}
	set_state(dma, buffer->first, layout.pages, state);
	count(dma, &dma->stats.maps);
	*addr = address_of(dma, buffer);
	return 0;
}

/* Unmaps a mapping, hands its data over where the device may have written some, and forgets it. 0, or an
 * error: then the device may reach it still. */
static int unmap_buffer(struct dma_iommu *dma, struct iommu_buffer *buffer, size_t size)
{
	const uint32_t pages = dma_iommu_layout(buffer->cpu, buffer->size).pages;
	const uint32_t first = buffer->first;
	const uint64_t iova = dma->iovas.base + ((uint64_t)first << PAGE_SHIFT);
	int err = iommu_unmap(dma->domain, iova, (uint64_t)pages << PAGE_SHIFT);

	if (buffer->dir != DMA_TO_DEVICE)
		dma_iommu_copy_out(dma, buffer, 0, MIN(size, buffer->size));
	if (err) {
		set_state(dma, first, pages, BUFFER_LOST);
		lost(dma, buffer, err);
		return err;
	}
	dma_iommu_bounce_give(dma, buffer);
	set_state(dma, first, pages, BUFFER_FREE);
	iova_free(&dma->iovas, iova, pages);
	return 0;
}

/* --- the backend ----------------------------------------------------------------------------- */

static dma_addr_t iommu_dma_map(struct device *dev, void *ptr, size_t size,
				enum dma_data_direction dir)
{
	dma_addr_t addr;

	return map_buffer(dev, ptr, size, dir, BUFFER_MAPPED, &addr) ? DMA_MAPPING_ERROR : addr;
}

/* The mapping of @kind that begins at @addr, or NULL. */
static struct iommu_buffer *find_start(struct dma_iommu *dma, const char *what, dma_addr_t addr,
				       enum buffer_state kind)
{
	size_t offset;
	struct iommu_buffer *buffer = find(dma, what, addr, 1, &offset);

	if (!buffer || (!offset && buffer->state == kind))
		return buffer;
	dma->stats.mistakes++;
	log_error("iommu: %s of 0x%llx, where no such mapping begins", what,
		  (unsigned long long)addr);
	return NULL;
}

static void iommu_dma_unmap(struct device *dev, dma_addr_t addr, size_t size,
			    enum dma_data_direction dir)
{
	struct dma_iommu *dma = dev->dma_priv;
	struct iommu_buffer *buffer = find_start(dma, "unmap", addr, BUFFER_MAPPED);

	if (!buffer)
		return;
	if (size != buffer->size || dir != buffer->dir) {
		dma->stats.mistakes++;
		log_error("iommu: unmap of %lu bytes in direction %d, mapped were %lu in %d",
			  (unsigned long)size, (int)dir, (unsigned long)buffer->size, buffer->dir);
	}
	/* As the direction that was mapped says. What failed has been reported and stays taken. */
	(void)unmap_buffer(dma, buffer, size);
}

static void iommu_dma_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
				   enum dma_data_direction dir)
{
	struct dma_iommu *dma = dev->dma_priv;
	size_t offset;
	const struct iommu_buffer *buffer = find(dma, "sync", addr, size, &offset);

	if (buffer && dir != DMA_TO_DEVICE && buffer->dir != DMA_TO_DEVICE)
		dma_iommu_copy_out(dma, buffer, offset, size);
}

static void iommu_dma_sync_for_device(struct device *dev, dma_addr_t addr, size_t size,
				      enum dma_data_direction dir)
{
	struct dma_iommu *dma = dev->dma_priv;
	size_t offset;
	const struct iommu_buffer *buffer = find(dma, "sync", addr, size, &offset);

	if (buffer && dir != DMA_FROM_DEVICE && buffer->dir != DMA_FROM_DEVICE)
		dma_iommu_copy_in(dma, buffer, offset, size);
}

static void *iommu_dma_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	const size_t bytes = ALIGN_UP(size, PAGE_SIZE);
	void *ptr;
	int err;

	/* The heap is no place for an interrupt handler. */
	if (gfp == GFP_ATOMIC)
		return NULL;
	ptr = alloc_pages_exact(bytes);
	if (!ptr)
		return NULL;
	err = map_buffer(dev, ptr, bytes, DMA_BIDIRECTIONAL, BUFFER_COHERENT, handle);
	if (!err)
		return ptr;
	/* Pages that the device may reach are nobody's. */
	if (err != -ETIMEDOUT)
		free_pages_exact(ptr, bytes);
	return NULL;
}

static void iommu_dma_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	struct dma_iommu *dma = dev->dma_priv;
	struct iommu_buffer *buffer = find_start(dma, "free", handle, BUFFER_COHERENT);

	if (!buffer)
		return;
	if (buffer->cpu != cpu_addr || buffer->size != ALIGN_UP(size, PAGE_SIZE)) {
		dma->stats.mistakes++;
		log_error("iommu: free of %lu bytes at 0x%llx, allocated were %lu",
			  (unsigned long)size, (unsigned long long)handle,
			  (unsigned long)buffer->size);
		return;
	}
	/* Pages that a device may still write to are nobody's. */
	if (!unmap_buffer(dma, buffer, buffer->size))
		free_pages_exact(cpu_addr, ALIGN_UP(size, PAGE_SIZE));
}

/* A quarter of the window, so that one mapping does not shut out all others; less a page, as buffers need
 * not begin on one. */
static size_t iommu_dma_max_mapping_size(struct device *dev)
{
	const struct dma_iommu *dma = dev->dma_priv;

	return ((size_t)MAX(dma->iovas.pages / 4, 2u) - 1) << PAGE_SHIFT;
}

/* Short buffers take a stand-in page each, of which there are fewer than addresses; long ones take two at
 * most. Whoever keeps short ones mapped, a page of a quarter of this for each, has half of the stand-ins then. */
static size_t iommu_dma_mapping_capacity(struct device *dev)
{
	const struct dma_iommu *dma = dev->dma_priv;

	return (size_t)MIN(dma->iovas.pages, 2 * dma->bounce_pages) << PAGE_SHIFT;
}

const struct dma_map_ops iommu_dma_ops = {
	.alloc = iommu_dma_alloc,
	.free = iommu_dma_free,
	.map = iommu_dma_map,
	.unmap = iommu_dma_unmap,
	.sync_for_cpu = iommu_dma_sync_for_cpu,
	.sync_for_device = iommu_dma_sync_for_device,
	.max_mapping_size = iommu_dma_max_mapping_size,
	.mapping_capacity = iommu_dma_mapping_capacity,
	.faulted = iommu_faulted,
	.translated = true,
};

/* --- life ------------------------------------------------------------------------------------ */

static size_t buffers_size(const struct dma_iommu *dma)
{
	return dma->iovas.pages * sizeof(dma->buffers[0]);
}

static void destroy(struct dma_iommu *dma)
{
	if (dma->domain)
		iommu_domain_free(dma->domain);
	free_pages_exact(dma->buffers, buffers_size(dma));
	free_pages_exact(dma->bounce, (size_t)dma->bounce_pages << PAGE_SHIFT);
	free_pages_exact(dma->bounce_free, dma->bounce_pages * sizeof(dma->bounce_free[0]));
	iova_exit(&dma->iovas);
	free_pages_exact(dma, sizeof(*dma));
}

static int set_up(struct dma_iommu *dma, struct iommu *iommu, const struct dma_iommu_config *config)
{
	const uint64_t size = (uint64_t)config->window_pages << PAGE_SHIFT;
	int err = iova_init(&dma->iovas, config->window, config->window_pages);

	if (err)
		return err;
	dma->bounce_pages = dma->bounce_free_count = config->bounce_pages;
	dma->buffers = alloc_pages_exact(buffers_size(dma));
	dma->bounce = alloc_pages_exact((size_t)dma->bounce_pages << PAGE_SHIFT);
	dma->bounce_free = alloc_pages_exact(dma->bounce_pages * sizeof(dma->bounce_free[0]));
	if (!dma->buffers || !dma->bounce || !dma->bounce_free)
		return -ENOMEM;
	/* The stack's top is the lowest. */
	for (uint32_t i = 0; i < dma->bounce_pages; i++)
		dma->bounce_free[i] = (uint16_t)(dma->bounce_pages - i);
	dma->domain = iommu_domain_alloc(iommu);
	if (!dma->domain)
		return -ENOMEM;
	dma->domain->user = dma;
	return iommu_prepare(dma->domain, config->window, size);
}

/* A domain of @iommu with all that this backend needs, or NULL with the reason in @err. */
static struct dma_iommu *create(struct iommu *iommu, const struct dma_iommu_config *config,
				int *err)
{
	struct dma_iommu *dma;

	*err = -EINVAL;
	if (!config->bounce_pages || config->bounce_pages > UINT16_MAX ||
	    iommu_has_doorbell(config->window, (uint64_t)config->window_pages << PAGE_SHIFT))
		return NULL;
	*err = -ENOMEM;
	dma = alloc_pages_exact(sizeof(*dma));
	if (!dma)
		return NULL;
	*err = set_up(dma, iommu, config);
	if (!*err)
		return dma;
	destroy(dma);
	return NULL;
}

int dma_iommu_attach(struct device *dev, struct iommu *iommu, uint32_t id,
		     const struct dma_iommu_config *config)
{
	struct iommu_domain *domain = iommu_domain_of_stream(iommu, id);
	struct dma_iommu *dma = domain ? domain->user : NULL;
	int err = 0;

	if (domain && !dma)
		return -EBUSY;
	if (!dma)
		dma = create(iommu, config, &err);
	if (!dma)
		return err;
	err = iommu_attach(dma->domain, id, dev);
	if (err) {
		/* Where the IOMMU did not answer it may use the tables, which are lost then. */
		if (!dma->domain->streams && err != -ETIMEDOUT)
			destroy(dma);
		return err;
	}
	dev->dma_priv = dma;
	dev->dma_ops = &iommu_dma_ops;
	return 0;
}

int dma_iommu_detach(struct device *dev)
{
	struct iommu_domain *domain = iommu_detach(dev);

	dev->dma_ops = NULL;
	dev->dma_priv = NULL;
	if (!domain)
		return -ETIMEDOUT;
	if (!domain->streams)
		destroy(domain->user);
	return 0;
}

bool dma_iommu_get_stats(const struct device *dev, struct dma_iommu_stats *stats)
{
	const struct dma_iommu *dma = dev->dma_priv;
	unsigned long state;

	if (dev->dma_ops != &iommu_dma_ops)
		return false;
	state = irq_save();
	*stats = dma->stats;
	stats->used_pages = dma->iovas.pages - dma->iovas.free_pages;
	stats->used_bounce_pages = dma->bounce_pages - dma->bounce_free_count;
	irq_restore(state);
	return true;
}
