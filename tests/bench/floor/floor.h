/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: what a request costs where nothing but the request is done. A split ring laid out once,
 * one device at a time, no driver, no look at what the device returns but its used index. What a
 * stack costs above this is its own.
 *
 *	-kernel build/ARCH/floor.elf -append 'JOB; JOB; ...'
 *
 *	blk N r rand|seq BYTES [qd=D] [wait=poll|wfi|pend] [n=COUNT]
 *	net N tx BYTES [batch=B] [wait=...] [n=COUNT]
 *	net N rtt BYTES [wait=...] [n=COUNT]
 *	poweroff
 *
 * wait=wfi sleeps with interrupts masked at the CPU, then acknowledges at the GIC and the device;
 * wait=pend clears the pending state in the GIC's distributor instead, which is an access less;
 * wait=poll spins on the used index. Frames' BYTES are without the header of virtio-net.
 */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <arch/barrier.h>
#include <arch/cpu.h>
#include <arch/mmio.h>
#include "lib/util.h"
#include "virtio/wire/mmio.h"
#include "virtio/wire/ring.h"

enum wait { WAIT_POLL, WAIT_WFI, WAIT_PEND };

struct job {
	const char *text;
	unsigned int device; /* counted within its type */
	bool random;
	uint32_t bytes;
	unsigned int depth; /* requests or frames that are sent with one notification */
	enum wait wait;
	uint64_t count;
};

struct device {
	char *base;
	int irq;
	unsigned int trigger;
};

/* What a wait for an interrupt touches, all in one place. */
struct ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	char *base;		     /* the device's registers */
	char *gic_cpu, *gic_pending; /* GICC, and the line's word of GICD_ICPENDR */
	uint32_t gic_bit;
	uint32_t queue;
	unsigned int size;
};

/* Features are the low 32 bits; VIRTIO_F_VERSION_1 is always there. */
void device_find(struct device *dev, uint32_t type, unsigned int index);
void device_start(struct device *dev, uint32_t features);
void device_ready(const struct device *dev);
void ring_setup(struct ring *ring, struct device *dev, uint32_t queue, unsigned int size);
/* Lets the interrupt of @ring's @dev reach the GIC, and no further; not where @job polls. */
void device_enable_irq(const struct device *dev, struct ring *ring, const struct job *job);
/* The other way round: the device is reset, then its memory may be given back. */
void device_stop(const struct device *dev, struct ring *ring);

/* Zeroed pages, or it panics. floor_free_all() takes all back. */
void *floor_alloc(size_t size);
void floor_free_all(void);
/* VIRTIO_F_EVENT_IDX where a batch is to interrupt at its end alone. */
uint32_t floor_features(const struct job *job);

/* What lies between the two is measured; it has to come to an end within a time that grows with the
 * job's count. */
void floor_begin(const struct job *job);
void floor_end(void);
/* Prints the line of a job that has come to its end, with what @more says behind it. */
void floor_report(const struct job *job, const char *more, ...) __printf(2, 3);
/* Gives up where the time is over. For waits that interrupts masked at the CPU keep the timer from. */
void floor_look_at_clock(void);

void blk_run(const struct job *job);
void net_run_tx(const struct job *job);
void net_run_rtt(const struct job *job);

#define GICC_IAR  0x0cu
#define GICC_EOIR 0x10u

static __always_inline void ring_publish(const struct ring *ring, uint16_t idx)
{
	dma_wmb();
	WRITE_ONCE(ring->avail->idx, idx);
}

static __always_inline void ring_notify(const struct ring *ring)
{
	mmio_wmb();
	mmio_write32(ring->base + VIRTIO_MMIO_QUEUE_NOTIFY, ring->queue);
}

/* Where the device has to be asked for the interrupt (VIRTIO_F_EVENT_IDX): when it uses entry @idx. */
static __always_inline void ring_ask_interrupt(const struct ring *ring, uint16_t idx)
{
	WRITE_ONCE(ring->avail->ring[ring->size], idx);
}

static __always_inline bool ring_has_used(const struct ring *ring, uint16_t idx)
{
	return (int16_t)(uint16_t)(READ_ONCE(ring->used->idx) - idx) >= 0;
}

/* The line falls only after the GIC has taken note, and only then the used index is read: whatever
 * the device does in between, it is either seen or raises the line again. */
static __always_inline void ring_acknowledge(const struct ring *ring, enum wait how)
{
	if (how == WAIT_PEND) {
		mmio_write32(ring->gic_pending, ring->gic_bit);
		mmio_write32(ring->base + VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	} else {
		uint32_t iar = mmio_read32(ring->gic_cpu + GICC_IAR);

		mmio_write32(ring->base + VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
		mmio_wmb();
		mmio_write32(ring->gic_cpu + GICC_EOIR, iar);
	}
	mmio_mb();
}

/* Until the device has used all entries before @idx. */
static __always_inline void ring_wait(const struct ring *ring, uint16_t idx, enum wait how)
{
	if (how == WAIT_POLL) {
		while (!ring_has_used(ring, idx))
			barrier();
		return;
	}
	for (;;) {
		wait_for_interrupt();
		ring_acknowledge(ring, how);
		if (likely(ring_has_used(ring, idx)))
			return;
		floor_look_at_clock();
	}
}

/* Calls @loop with the way of waiting as a constant. */
#define floor_specialise(how, loop, ...)              \
	do {                                          \
		if ((how) == WAIT_POLL)               \
			loop(__VA_ARGS__, WAIT_POLL); \
		else if ((how) == WAIT_WFI)           \
			loop(__VA_ARGS__, WAIT_WFI);  \
		else                                  \
			loop(__VA_ARGS__, WAIT_PEND); \
	} while (0)

#endif
