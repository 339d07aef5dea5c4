/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's slots are handed out first fit: long-lived small mappings (receive buffers) gather at
 * the low end and leave long runs for disks behind them. A search steps over whole mappings
 * and is bounded by the slots of the pool. Who has mapped what stands in a record that no
 * device can reach; copying is done outside of the lock, since the slots belong to the caller.
 */
#include <errno.h>
#include <string.h>
#include <arch/cpu.h>
#include "lib/dma_direct.h"
#include "lib/dma_shared.h"
#include "lib/iommu.h"
#include "lib/log.h"
#include "lib/pages.h"
#include "lib/swiotlb.h"

/* No mapping is asked to be longer: the longer the run, the less likely it is found. */
#define MAX_MAPPING_BYTES (256u << 10)

/* Only the first slot of a mapping describes it; the others point to it. */
struct io_tlb_slot {
	void *orig_addr;     /* the driver's buffer */
	uint32_t alloc_size; /* its bytes */
	uint32_t head;	     /* the mapping's first slot */
	uint16_t count;	     /* slots of the mapping */
	bool used;
	uint8_t dir; /* enum dma_data_direction */
};

_Static_assert(IO_TLB_MAX_BYTES / IO_TLB_SIZE < UINT16_MAX, "count is too narrow");

/* --- slots --------------------------------------------------------------------------------- */

/* Where in a slot a buffer lies, and so its copy. */
static size_t slot_offset(const void *ptr)
{
	return (uintptr_t)ptr & (IO_TLB_SIZE - 1);
}

static char *slot_address(const struct io_tlb_mem *mem, unsigned int index)
{
	return mem->base + ((size_t)index << IO_TLB_SHIFT);
}

/* Whether the copy of @ptr may begin in slot @index: a page or more keeps its offset in a page, for
 * devices that cut their transfers there. */
static bool slot_fits(unsigned int index, const void *ptr, size_t size)
{
	const size_t mask = PAGE_SIZE - IO_TLB_SIZE;

	return size < PAGE_SIZE ||
	       (((size_t)index << IO_TLB_SHIFT) & mask) == ((uintptr_t)ptr & mask);
}

/* The first run of @count free slots, or -ENOSPC. Under the lock. */
static int find_slots(const struct io_tlb_mem *mem, unsigned int count, const void *ptr,
		      size_t size)
{
	unsigned int run = 0, i = mem->first_free;

	while (i < mem->nslabs) {
		if (mem->slots[i].used) {
			i += mem->slots[i].count;
			run = 0;
			continue;
		}
		if (run || slot_fits(i, ptr, size))
			run++;
		i++;
		if (run == count)
			return (int)(i - count);
	}
	return -ENOSPC;
}

/* Under the lock. */
static void take_slots(struct io_tlb_mem *mem, unsigned int head, unsigned int count)
{
	struct io_tlb_stats *stats = &mem->stats;

	for (unsigned int i = head; i < head + count; i++) {
		mem->slots[i].used = true;
		mem->slots[i].head = head;
	}
	mem->slots[head].count = (uint16_t)count;
	if (head == mem->first_free)
		mem->first_free += count;
	stats->used_bytes += (size_t)count << IO_TLB_SHIFT;
	stats->high_water_bytes = MAX(stats->high_water_bytes, stats->used_bytes);
	stats->maps++;
}

/* Reserves slots for a buffer. Returns the first, or -ENOSPC. */
static int reserve(struct io_tlb_mem *mem, const void *ptr, size_t size)
{
	unsigned int count;
	unsigned long state;
	int head = -ENOSPC;

	if (size > mem->size)
		count = mem->nslabs + 1; /* and no overflow */
	else
		count = (unsigned int)DIV_ROUND_UP(slot_offset(ptr) + size, IO_TLB_SIZE);
	state = irq_save();
	if (count <= mem->nslabs - (mem->stats.used_bytes >> IO_TLB_SHIFT))
		head = find_slots(mem, count, ptr, size);
	if (head >= 0)
		take_slots(mem, (unsigned int)head, count);
	else
		mem->stats.exhausted++; /* no message: for a driver it means to wait, mostly */
	irq_restore(state);
	return head;
}

static void release(struct io_tlb_mem *mem, unsigned int head)
{
	unsigned long state = irq_save();
	unsigned int count = mem->slots[head].count;

	for (unsigned int i = head; i < head + count; i++)
		mem->slots[i].used = false;
	mem->first_free = MIN(mem->first_free, head);
	mem->stats.used_bytes -= (size_t)count << IO_TLB_SHIFT;
	irq_restore(state);
}

/* --- mappings ------------------------------------------------------------------------------ */

bool is_swiotlb_buffer(const struct io_tlb_mem *mem, dma_addr_t addr, size_t size)
{
	dma_addr_t base = (uintptr_t)mem->base;

	return addr >= base && addr - base < mem->size && size <= mem->size - (addr - base);
}

/* A part of a mapping: @offset is that of @addr in it. */
struct part {
	struct io_tlb_slot *slot;
	char *copy; /* in the pool */
	size_t offset;
};

/* Finds the mapping that holds @size bytes at @addr. Everything the device could influence is left
 * out of it, so a failure is a driver's mistake: it is counted, and nothing is copied. */
static bool find_part(struct io_tlb_mem *mem, const char *what, dma_addr_t addr, size_t size,
		      struct part *part)
{
	struct io_tlb_slot *slot;
	char *start;

	if (!size || !is_swiotlb_buffer(mem, addr, size))
		goto mistake;
	part->copy = (char *)(uintptr_t)addr;
	slot = &mem->slots[(size_t)(part->copy - mem->base) >> IO_TLB_SHIFT];
	if (!slot->used)
		goto mistake;
	slot = &mem->slots[slot->head];
	start = slot_address(mem, slot->head) + slot_offset(slot->orig_addr);
	part->slot = slot;
	part->offset = (size_t)(part->copy - start);
	if (part->copy >= start && part->offset < slot->alloc_size &&
	    size <= slot->alloc_size - part->offset)
		return true;
mistake:
	mem->stats.mistakes++;
	log_error("swiotlb: %s of %lu bytes at 0x%llx, which are not mapped", what,
		  (unsigned long)size, (unsigned long long)addr);
	return false;
}

/* The direction that was mapped counts, not the one that somebody names later: what a device may
 * not write is never copied out of the pool, what it may not read never into it. */
static void copy_to_device(const struct part *part, size_t size)
{
	if (part->slot->dir != DMA_FROM_DEVICE)
		memcpy(part->copy, (char *)part->slot->orig_addr + part->offset, size);
}

static void copy_to_cpu(const struct part *part, size_t size)
{
	if (part->slot->dir != DMA_TO_DEVICE)
		memcpy((char *)part->slot->orig_addr + part->offset, part->copy, size);
}

int swiotlb_tbl_map_single(struct io_tlb_mem *mem, void *ptr, size_t size,
			   enum dma_data_direction dir, dma_addr_t *addr)
{
	int head = reserve(mem, ptr, size);
	struct io_tlb_slot *slot;
	struct part part;

	if (head < 0)
		return head;
	slot = &mem->slots[head];
	slot->orig_addr = ptr;
	slot->alloc_size = (uint32_t)size;
	slot->dir = (uint8_t)dir;
	part = (struct part){slot, slot_address(mem, (unsigned int)head) + slot_offset(ptr), 0};
	if (dir == DMA_FROM_DEVICE)
		memset(part.copy, IO_TLB_FILL, size);
	else
		copy_to_device(&part, size);
	*addr = (uintptr_t)part.copy;
	return 0;
}

void swiotlb_tbl_unmap_single(struct io_tlb_mem *mem, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir)
{
	struct part part;

	if (!find_part(mem, "unmap", addr, 1, &part))
		return;
	if (part.offset || size != part.slot->alloc_size || dir != part.slot->dir) {
		mem->stats.mistakes++;
		log_error("swiotlb: unmap of %lu bytes in direction %d, mapped were %lu in %d",
			  (unsigned long)size, (int)dir, (unsigned long)part.slot->alloc_size,
			  part.slot->dir);
	}
	/* Not from the middle: then it is another mapping that somebody means. */
	if (part.offset)
		return;
	if (dir != DMA_TO_DEVICE)
		copy_to_cpu(&part, MIN(size, part.slot->alloc_size));
	release(mem, part.slot->head);
}

/* --- the backend --------------------------------------------------------------------------- */

dma_addr_t swiotlb_map(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir)
{
	struct io_tlb_mem *mem = dev->dma_priv;
	dma_addr_t addr;

	/* Before anything is copied. */
	if (unlikely(!dma_direct_reachable(dev, (uintptr_t)mem->base, mem->size)))
		return DMA_MAPPING_ERROR;
	return swiotlb_tbl_map_single(mem, ptr, size, dir, &addr) ? DMA_MAPPING_ERROR : addr;
}

void swiotlb_unmap(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)
{
	swiotlb_tbl_unmap_single(dev->dma_priv, addr, size, dir);
}

void swiotlb_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
				 enum dma_data_direction dir)
{
	struct part part;

	if (find_part(dev->dma_priv, "sync", addr, size, &part) && dir != DMA_TO_DEVICE)
		copy_to_cpu(&part, size);
}

void swiotlb_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size,
				    enum dma_data_direction dir)
{
	struct part part;

	if (find_part(dev->dma_priv, "sync", addr, size, &part) && dir != DMA_FROM_DEVICE)
		copy_to_device(&part, size);
}

/* A quarter of the pool at most, so that one mapping does not shut out all others. */
size_t swiotlb_max_mapping_size(struct device *dev)
{
	const struct io_tlb_mem *mem = dev->dma_priv;

	return MIN((size_t)MAX_MAPPING_BYTES, mem->size / 4);
}

static size_t mapping_capacity(struct device *dev)
{
	const struct io_tlb_mem *mem = dev->dma_priv;

	return mem->size;
}

const struct dma_map_ops swiotlb_dma_ops = {
	.alloc = dma_shared_alloc,
	.free = dma_shared_free,
	.map = swiotlb_map,
	.unmap = swiotlb_unmap,
	.sync_for_cpu = swiotlb_sync_single_for_cpu,
	.sync_for_device = swiotlb_sync_single_for_device,
	.max_mapping_size = swiotlb_max_mapping_size,
	.mapping_capacity = mapping_capacity,
	.faulted = iommu_faulted, /* where one confines devices to the pool */
};

/* --- the pool's life ----------------------------------------------------------------------- */

/* The pool belongs to no single device; messages need a name. */
static struct device pool_device = {.name = "swiotlb"};

int swiotlb_init(struct io_tlb_mem *mem, void *base, size_t size)
{
	const unsigned int nslabs = (unsigned int)(size >> IO_TLB_SHIFT);
	int err;

	if (!base || (uintptr_t)base % PAGE_SIZE || size % PAGE_SIZE || size < IO_TLB_MIN_BYTES ||
	    size > IO_TLB_MAX_BYTES)
		return -EINVAL;
	*mem = (struct io_tlb_mem){.base = base, .size = size, .nslabs = nslabs};
	mem->slots = alloc_pages_exact(nslabs * sizeof(mem->slots[0]));
	if (!mem->slots)
		return -ENOMEM;
	err = dma_set_decrypted(&pool_device, base, size);
	if (err) {
		free_pages_exact(mem->slots, nslabs * sizeof(mem->slots[0]));
		mem->slots = NULL;
		return err;
	}
	memset(base, 0, size);
	return 0;
}

int swiotlb_exit(struct io_tlb_mem *mem)
{
	int err;

	if (mem->stats.used_bytes)
		return -EBUSY;
	err = dma_set_encrypted(&pool_device, mem->base, mem->size);
	free_pages_exact(mem->slots, mem->nslabs * sizeof(mem->slots[0]));
	*mem = (struct io_tlb_mem){0};
	return err;
}

struct io_tlb_mem *dev_io_tlb_mem(const struct device *dev)
{
	return dev->dma_ops == &swiotlb_dma_ops ? dev->dma_priv : NULL;
}

struct io_tlb_stats swiotlb_get_stats(const struct io_tlb_mem *mem)
{
	unsigned long state = irq_save();
	struct io_tlb_stats stats = mem->stats;

	irq_restore(state);
	return stats;
}
