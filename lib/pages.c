/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole pages for what devices share with us. They come from the C library's heap, so that one
 * heap serves all; nothing else of that heap lies in the same page, and no neighbour's data share
 * a cache line with a device's.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "lib/pages.h"

void *alloc_pages_aligned(size_t size, size_t alignment)
{
	size_t bytes = ALIGN_UP(size, PAGE_SIZE);
	void *ptr;

	if (bytes < size || !bytes)
		return NULL;
	ptr = memalign(alignment, bytes);
	if (ptr)
		memset(ptr, 0, bytes);
	return ptr;
}

void *alloc_pages_exact(size_t size)
{
	return alloc_pages_aligned(size, PAGE_SIZE);
}

void free_pages_exact(void *ptr, size_t size)
{
	(void)size;
	free(ptr);
}
