/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-aligned, zeroed memory; the image takes it from the C library's heap. */
#ifndef LIB_PAGES_H
#define LIB_PAGES_H

#include "lib/util.h"

/* @size bytes (rounded up to pages), zeroed, page-aligned; NULL where memory has run out.
 * Thread context. */
void *alloc_pages_exact(size_t size);

/* Gives back what alloc_pages_exact() returned; NULL is allowed. Thread context. */
void free_pages_exact(void *ptr, size_t size);

#endif
