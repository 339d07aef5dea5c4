/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory barriers of x86. Loads stay in order with loads and stores with stores, for write-back memory as well as
 * from there to uncached registers; all that the CPU itself may swap is a store and a later load of something else.
 * What remains is to keep the compiler from it.
 */
#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

#define barrier() __asm__ volatile("" ::: "memory")

/* Between accesses to memory that a device also reads and writes. */
#define dma_rmb() barrier()
#define dma_wmb() barrier()

/* Between our word to the device and our look at its word. */
#define dma_mb() __asm__ volatile("mfence" ::: "memory")

/* Between memory and a device's registers: before a doorbell, after a status, and after an
 * acknowledgement that must precede a look at memory. */
#define mmio_wmb() barrier()
#define mmio_mb()  __asm__ volatile("mfence" ::: "memory")

#endif
