/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache maintenance by address, for memory that is shared with something that does not look into our
 * caches. Devices of the DMA API do; see lib/dma.h.
 */
#ifndef ARCH_CACHE_H
#define ARCH_CACHE_H

#include <stddef.h>
#include <stdint.h>

/* Writes @size bytes at @start back to memory and forgets them; complete when it returns. */
static inline void cache_clean_invalidate(const void *start, size_t size)
{
	uintptr_t at, end = (uintptr_t)start + size;
	uint64_t type;

	__asm__("mrs %0, ctr_el0" : "=r"(type));
	/* The smallest line of the data caches, as a power of two of words. */
	at = (uintptr_t)start & ~(((uintptr_t)4 << (type >> 16 & 0xf)) - 1);
	for (; at < end; at += (uintptr_t)4 << (type >> 16 & 0xf))
		__asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
	__asm__ volatile("dsb sy" ::: "memory");
}

#endif
