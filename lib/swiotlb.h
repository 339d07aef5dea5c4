/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounce DMA backend. A device sees a pool and nothing else: what it is to read is copied into
 * the pool when it is mapped, what it wrote is copied out when it is unmapped. So it reaches
 * no memory that it was not given, and what a driver looks at no longer changes under its eyes.
 *
 * The pool consists of slots; a mapping takes as many adjacent ones as it needs, and keeps the offset
 * of its buffer in a slot (in a page, where it is a page or longer).
 *
 *	swiotlb_init(&mem, pages, size);
 *	dev->dma_priv = &mem;
 *	dev->dma_ops = &swiotlb_dma_ops;	before the device is probed
 */
#ifndef LIB_SWIOTLB_H
#define LIB_SWIOTLB_H

#include "lib/dma.h"

#define IO_TLB_SHIFT 11
#define IO_TLB_SIZE  (1u << IO_TLB_SHIFT) /* bytes of a slot: a network frame fits */

/* Pools are whole pages within these bounds, so that a search is short: it masks interrupts. */
#define IO_TLB_MIN_BYTES (64u << 10)
#define IO_TLB_MAX_BYTES (64u << 20)

/*
 * What the pool holds where a device may write, until it has written: a device that says it wrote
 * more than it did hands over this, and nothing that was in the pool before. No status that VIRTIO
 * defines has this value.
 */
#define IO_TLB_FILL 0xffu

struct io_tlb_stats {
	size_t used_bytes;	 /* of slots in use now */
	size_t high_water_bytes; /* most ever */
	unsigned long maps;	 /* that succeeded */
	unsigned long exhausted; /* that found no room */
	unsigned long mistakes;	 /* calls for what is not mapped so: our own fault */
};

struct io_tlb_slot;

struct io_tlb_mem {
	char *base;
	size_t size;
	struct io_tlb_slot *slots; /* private: the devices do not see it */
	unsigned int nslabs;	   /* slots of the pool */
	unsigned int first_free;   /* all slots before it are in use */
	struct io_tlb_stats stats;
};

/*
 * Makes a pool of @size bytes (whole pages, within the bounds above) at @base (page-aligned), shares
 * it with the devices and clears it. Returns 0; -EINVAL or -ENOMEM, with @base untouched; or
 * the error of set_memory_decrypted(), and @base must not be used again. Thread context.
 */
int __must_check swiotlb_init(struct io_tlb_mem *mem, void *base, size_t size);

/* Takes the pool back from the devices. Returns 0; -EBUSY where something is mapped; or the error of
 * set_memory_encrypted(), and the pool's memory must not be used again. Thread context. */
int __must_check swiotlb_exit(struct io_tlb_mem *mem);

/* The backend; dev->dma_priv is the pool. */
extern const struct dma_map_ops swiotlb_dma_ops;

/* The pool of @dev, or NULL where it has another backend. */
struct io_tlb_mem *dev_io_tlb_mem(const struct device *dev);

/* Consistent among themselves. Any context. */
struct io_tlb_stats swiotlb_get_stats(const struct io_tlb_mem *mem);

/* Whether all of @size bytes (above 0) at @addr lie in the pool. */
bool is_swiotlb_buffer(const struct io_tlb_mem *mem, dma_addr_t addr, size_t size);

/* The parts of swiotlb_dma_ops, with the contracts of the calls in lib/dma.h. Any context. */
dma_addr_t swiotlb_map(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir);
void swiotlb_unmap(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir);
void swiotlb_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
				 enum dma_data_direction dir);
void swiotlb_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size,
				    enum dma_data_direction dir);
size_t swiotlb_max_mapping_size(struct device *dev);

/*
 * Reserves slots for @size bytes at @ptr and copies what the device may read. Stores the address
 * in the pool in *@addr. Returns 0, or -ENOSPC where no run of free slots is long enough. Any
 * context.
 */
int swiotlb_tbl_map_single(struct io_tlb_mem *mem, void *ptr, size_t size,
			   enum dma_data_direction dir, dma_addr_t *addr);

/* Copies what the device may have written, at most @size bytes, and gives the slots back. */
void swiotlb_tbl_unmap_single(struct io_tlb_mem *mem, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir);

#endif
