/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator of I/O virtual addresses: which pages of a window a device's mappings take. It is a
 * buddy system whose free blocks stand in bitmaps, a small tree of words for each order, so the lowest
 * free block of a size is found by counting zeroes three times. Memory is taken once, at setup, and
 * a page costs about two bits of it.
 *
 * A run of any length takes exactly its pages: what it leaves of a block of a power of two goes back
 * at once, and free neighbours are always joined again.
 */
#ifndef LIB_IOVA_H
#define LIB_IOVA_H

#include "lib/util.h"

#define IOVA_ORDERS    16
#define IOVA_PAGES_MAX (1u << (IOVA_ORDERS - 1)) /* three words of 32 bits, one above the other */

/* The free blocks of one order: bit n is block n; a bit above says that a word below is not 0. */
struct iova_order {
	uint32_t top;
	uint32_t *middle;
	uint32_t *bottom;
};

struct iova_space {
	uint64_t base; /* the first address */
	uint32_t pages;
	uint32_t free_pages;
	struct iova_order orders[IOVA_ORDERS];
	void *words;
	size_t words_size;
};

/*
 * Makes a space of @pages (1 to IOVA_PAGES_MAX) from @base on, which is a page's and not 0: no driver
 * sees 0 as an address. Returns 0, -EINVAL or -ENOMEM. Thread context.
 */
int __must_check iova_init(struct iova_space *space, uint64_t base, uint32_t pages);

/* Frees its memory; everything in it is forgotten. A space of zeroes is allowed. Thread context. */
void iova_exit(struct iova_space *space);

/*
 * Takes @pages adjacent ones (above 0), none beyond the address @limit (its last byte; 0: no limit).
 * The shortest block that will do is cut, the lowest of them: long-lived mappings gather at
 * the low end. Returns the address, or 0 where no run is long enough. A run longer than a page begins on a
 * multiple of the next power of two. Any context.
 */
uint64_t iova_alloc(struct iova_space *space, uint32_t pages, uint64_t limit);

/* Gives back exactly what iova_alloc() returned. Any context. */
void iova_free(struct iova_space *space, uint64_t addr, uint32_t pages);

#endif
