/* SPDX-License-Identifier: BSD-2-Clause */
/* Read before the contracts (gcc -include): barriers order memory, and are nothing to arithmetic. */
#ifndef PROOF_WP_H
#define PROOF_WP_H

#include <arch/barrier.h>

#undef barrier
#undef dma_mb
#undef dma_rmb
#undef dma_wmb
#define barrier() ((void)0)
#define dma_mb()  ((void)0)
#define dma_rmb() ((void)0)
#define dma_wmb() ((void)0)

#endif
