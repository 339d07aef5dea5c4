/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine that encrypts its memory: lib/memory_encryption.h as it is strict. Pages change their
 * contents with their state, as ciphertext read in the other way does; a range that is shared
 * twice, or taken back in another shape, is a violation.
 */
#ifndef TESTS_DEVICE_ENCRYPTION_H
#define TESTS_DEVICE_ENCRYPTION_H

#include "lib/memory_encryption.h"

/* Forgets everything. */
void encryption_reset(void);

/* The @nth call from now fails (1: the next) and leaves the pages as they were; 0: none. */
void encryption_fail(unsigned int nth);

/* Calls so far, failed ones too; ranges that are shared; whether all of a range is shared. */
unsigned int encryption_calls(void);
unsigned int encryption_ranges(void);
bool encryption_shared(const void *addr, size_t size);

#endif
