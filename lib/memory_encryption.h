/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On a machine that encrypts a guest's memory, devices see only what the guest shares with them. These
 * two calls move pages between the two states; the port implements them. Everything that a bounce
 * buffered device touches passes through here: the pool (lib/swiotlb.h) and each coherent
 * allocation (lib/dma_shared.h).
 *
 * The contents of a page are undefined after its state has changed. Where a call fails, pages may
 * be in either state: nobody may use them again.
 */
#ifndef LIB_MEMORY_ENCRYPTION_H
#define LIB_MEMORY_ENCRYPTION_H

#include "lib/util.h"

/* Shares @size bytes at @addr, whole pages, with the devices. Returns 0 or a negative errno.
 * Thread context. */
int __must_check set_memory_decrypted(void *addr, size_t size);

/* Takes exactly such a range back. Returns 0 or a negative errno. Thread context. */
int __must_check set_memory_encrypted(void *addr, size_t size);

/* Bytes that are shared now. */
size_t memory_shared_bytes(void);

/* Calls @visit for each range that is shared, until it returns other than 0. Returns that, or 0. Thread
 * context. */
int memory_shared_visit(int (*visit)(void *addr, size_t size, void *arg), void *arg);

#endif
