/* SPDX-License-Identifier: BSD-2-Clause */
/* Read before every source that Frama-C analyses (gcc -include). */
#ifndef PROOF_EVA_H
#define PROOF_EVA_H

#include "lib/util.h"

/* The compiler's, which Frama-C does not know. */
/*@ assigns \nothing; */
void __atomic_thread_fence(int order);

/*
 * What was read from ring memory: any value, being volatile. Returned unchanged; but each value below
 * VARIANT_NUM, which may be an index, is followed by itself.
 */
static inline unsigned long followed(unsigned long value)
{
	for (unsigned long i = 0; i < VARIANT_NUM; i++)
		if (value == i)
			return i;
	return value;
}

/* What the driver has READ_ONCE read again of its own is no volatile memory. */
#define IS_OWN(text) (sizeof(text) == sizeof("vvq->adding.in_sgs") && (text)[5] == 'a')

#undef READ_ONCE
#define READ_ONCE(x) \
	(IS_OWN(#x) ? (x) : (__typeof__(x))followed(*(const volatile __typeof__(x) *)&(x)))

#undef READ_ONCE_INTO
#define READ_ONCE_INTO(x) ((x) = (__typeof__(x))followed(x))

#endif
