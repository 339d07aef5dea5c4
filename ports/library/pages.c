/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/pages.h in the library: the pages that the direct DMA backend hands to devices are the port's. The image has
 * the C library's heap for them (lib/pages.c).
 */
#include "lib/pages.h"
#include "virtio/port.h"

void *alloc_pages_exact(size_t size)
{
	size_t bytes = ALIGN_UP(size, PAGE_SIZE);

	return bytes ? port_alloc_pages(bytes) : NULL;
}

void free_pages_exact(void *ptr, size_t size)
{
	port_free_pages(ptr, ALIGN_UP(size, PAGE_SIZE));
}
