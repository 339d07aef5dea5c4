/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory barriers of RISC-V (RVWMO). A fence names what it orders: r and w are memory, i and o are
 * devices' registers. Rings are memory that a coherent device reads and writes like another hart.
 */
#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

#define barrier() __asm__ volatile("" ::: "memory")

/* Between accesses to memory that a device also reads and writes. */
#define dma_rmb() __asm__ volatile("fence r, r" ::: "memory")
#define dma_wmb() __asm__ volatile("fence w, w" ::: "memory")

/* Between our word to the device and our look at its word. */
#define dma_mb() __asm__ volatile("fence rw, rw" ::: "memory")

/* Between memory and a device's registers: before a doorbell, after a status, and after an
 * acknowledgement that must precede a look at memory. */
#define mmio_wmb() __asm__ volatile("fence w, o" ::: "memory")
#define mmio_mb()  __asm__ volatile("fence iorw, iorw" ::: "memory")

#endif
