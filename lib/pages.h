/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-aligned, zeroed memory; the image takes it from the C library's heap. */
#ifndef LIB_PAGES_H
#define LIB_PAGES_H

#include "lib/util.h"

/* @size bytes (rounded up to pages), zeroed, page-aligned; NULL where memory has run out.
 * Thread context. */
void *alloc_pages_exact(size_t size);

/* The same, aligned to @alignment: a power of two, a page or more. */
void *alloc_pages_aligned(size_t size, size_t alignment);

/* Gives back what these returned; NULL is allowed. Thread context. */
void free_pages_exact(void *ptr, size_t size);

#endif
