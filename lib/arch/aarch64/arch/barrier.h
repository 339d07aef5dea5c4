/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory barriers of AArch64 (ARM DDI 0487, B2.3). Rings lie in Normal inner-shareable
 * memory, and a device is an observer in that domain: dmb ish orders our accesses to
 * them. A doorbell is Device memory: dsb st before it makes the ring's contents
 * complete before the device can be told of them.
 */
#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

#define barrier() __asm__ volatile("" ::: "memory")

/* Between accesses to memory that a device also reads and writes. */
#define dma_rmb() __asm__ volatile("dmb ishld" ::: "memory")
#define dma_wmb() __asm__ volatile("dmb ishst" ::: "memory")

/* Between our word to the device and our look at its word. The barrier is all that the architecture
 * asks for. The counter is read for the sake of emulators that leave the barrier out: QEMU takes for
 * it the lock under which its devices work (docs/DESIGN.md, "Barriers"). */
static inline void dma_mb(void)
{
	unsigned long ticks;

	__asm__ volatile("dmb ish\n\tmrs %0, cntvct_el0" : "=r"(ticks)::"memory");
}

/* Between Normal memory and a device's registers: before a doorbell, after a status, and
 * after an acknowledgement that must precede a look at memory. */
#define mmio_wmb() __asm__ volatile("dsb st" ::: "memory")
#define mmio_mb()  __asm__ volatile("dsb sy" ::: "memory")

#endif
