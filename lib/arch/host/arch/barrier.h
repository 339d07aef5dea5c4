/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory barriers for the host build, in the terms of C11. */
#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

#define barrier()  __asm__ volatile("" ::: "memory")
#define dma_mb()   __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dma_rmb()  __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define dma_wmb()  __atomic_thread_fence(__ATOMIC_RELEASE)
#define mmio_wmb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define mmio_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif
