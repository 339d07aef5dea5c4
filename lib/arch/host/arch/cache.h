/* SPDX-License-Identifier: BSD-2-Clause */
/* On the host whoever simulates what does not look into caches provides this, and sees what it may see. */
#ifndef ARCH_CACHE_H
#define ARCH_CACHE_H

#include <stddef.h>

void cache_clean_invalidate(const void *start, size_t size);

#endif
