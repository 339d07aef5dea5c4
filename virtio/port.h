/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port contract: everything between this library and the machine it runs on, in two halves. The first is what
 * the embedder provides; what has a default may be left out (virtio/port_default.c, weak functions: one thread that
 * polls). The second is what the embedder calls, and from where. ports/template is a port to be filled in.
 *
 * Contexts: "thread" is a place that may wait; "interrupt" one that may not, and in whose middle nobody of ours
 * runs. "Any" is both. One thread that polls has the first alone, and its callbacks run from virtio_bus_poll().
 */
#ifndef VIRTIO_PORT_H
#define VIRTIO_PORT_H

#include <stdarg.h>
#include "lib/log_level.h"
#include "lib/util.h"
#include "virtio/options.h"

/* ======================= What the embedder provides ======================================== */

/*
 * A port whose locks and events are larger than a pointer and are not to come from a heap defines struct port_lock and
 * struct port_event itself, in a header that the compiler is told of: -DVIRTIO_PORT_TYPES='"port_types.h"'.
 */
#ifdef VIRTIO_PORT_TYPES
#include VIRTIO_PORT_TYPES
#endif

/* --- memory ------------------------------------------------------------------------------ */

/*
 * @size bytes (above 0), zeroed; NULL where memory has run out. Queues' records, drivers' state. Called while a device
 * is probed or a queue resized, and for a chain that is longer than a queue's tables (GFP_KERNEL); never else. It is
 * the library's until port_free(). Thread context.
 * Required. VIRTIO_PORT_POOL (below) is one from static memory.
 * Alignment: 8 at least; 64 saves what drivers add to come to a cache line.
 */
void *port_alloc(size_t size);

/* Takes back what port_alloc() returned; NULL is allowed. Thread context. Required. */
void port_free(void *ptr);

/*
 * Memory for rings: @size bytes, zeroed, at the start of a page (PAGE_SIZE), in which nothing else lies that the CPU
 * writes. Both sides access it at any time, so where a device is not coherent with the caches it must be mapped
 * uncached. NULL where memory has run out. Thread context; while a device is probed.
 * Default: from port_alloc(), a page more than was asked for. Of devices with DMA operations of their own this
 * is not asked: see below.
 */
void *port_alloc_pages(size_t size);
void port_free_pages(void *ptr, size_t size);

/*
 * How devices reach memory is not one function but a table for each device: struct dma_map_ops (lib/dma.h: alloc, free,
 * map and unmap with a direction, synchronisation, limits), set as vdev->dev.dma_ops before the device is probed.
 * Default (NULL): a device's addresses are those of the CPU, and its accesses are coherent with the caches. In
 * the same way registers are mapped by the embedder, who hands in their address when he probes a device.
 */

/*
 * Static memory, if there is no heap: in one file at its outermost level
 *
 *	VIRTIO_PORT_POOL(65536);
 *
 * and virtio/port_pool.c is port_alloc(), port_free() and both for pages. One thread at a time may probe then. A disk with a
 * queue of 128 takes 38 KiB. (In the amalgamation: -DVIRTIO_PORT_POOL_BYTES=65536, and nothing else.)
 */
#define VIRTIO_PORT_POOL(bytes)                                                              \
	char virtio_port_pool[ALIGN_UP((size_t)(bytes), 64)] __attribute__((aligned(4096))); \
	const size_t virtio_port_pool_bytes = sizeof(virtio_port_pool)

extern char virtio_port_pool[];
extern const size_t virtio_port_pool_bytes;

/* Bytes of the pool that are free now, and in the largest piece. For who has to choose its size. Thread context. */
size_t virtio_port_pool_free(void);
size_t virtio_port_pool_largest(void);

/* --- mutual exclusion ---------------------------------------------------------------------- */

/*
 * One lock per device driver guards its queues against its own callbacks and against other threads. Held for short,
 * bounded stretches, never across a wait or a callback; not recursive; different locks may nest. It lives in
 * the library's structures; @impl is the port's, and what it points at too.
 * port_lock() returns what port_unlock() is given. Any context.
 * Default: none, right where one thread does everything and no interrupt calls in. On one CPU with interrupts: mask
 * them. With threads: a mutex if callbacks run in a thread, else a spinlock with interrupts masked.
 */
#ifndef VIRTIO_PORT_TYPES
struct port_lock {
	void *impl;
};
#endif

/* Thread context, before the first use. Default: impl is NULL. There is no call for the lock's end. */
void port_lock_init(struct port_lock *lock);
/* A port for which a call would cost more than the lock itself defines these two as inline functions, in a
 * header that the compiler is told of: -DVIRTIO_PORT_INLINE='"port_inline.h"'. */
#ifdef VIRTIO_PORT_INLINE
#include VIRTIO_PORT_INLINE
#else
unsigned long port_lock(struct port_lock *lock);
void port_unlock(struct port_lock *lock, unsigned long state);
#endif

struct virtio_device;

/*
 * Sections in which a device is used without a lock: notifications, and whatever an interrupt does. A port whose
 * threads preempt each other, or whose interrupts are threads or other CPUs', lets them nest and run at the same
 * time, enters one around each interrupt entry that it calls, and has port_device_synchronize() return when none
 * is running any more that began before the call: then a reset comes between no two steps of one. That is
 * called in thread context, in no section and without a lock. port_device_enter() returns vdev->driver_ok, as it is from
 * then on: false while the device is being reset, when it must not be notified. Any context.
 * Default: they do nothing, and the first is always true: right where all runs in one thread, and interrupts on top of it.
 */
#if !defined(VIRTIO_PORT_INLINE) || \
	defined(VIRTIO_PORT_SECTIONS) /* which a port's inline header may define */
bool port_device_enter(struct virtio_device *vdev);
void port_device_leave(struct virtio_device *vdev);
void port_device_synchronize(struct virtio_device *vdev);
#else
static inline bool port_device_enter(struct virtio_device *vdev)
{
	(void)vdev;
	return true;
}
static inline void port_device_leave(struct virtio_device *vdev)
{
	(void)vdev;
}
static inline void port_device_synchronize(struct virtio_device *vdev)
{
	(void)vdev;
}
#endif

/* --- waiting ------------------------------------------------------------------------------- */

/*
 * A binary event: one thread waits, others signal. A signal given before the wait is not lost. It lives in the
 * library's structures; @impl is the port's.
 */
#ifndef VIRTIO_PORT_TYPES
struct port_event {
	volatile bool signalled;
	void *impl;
};
#endif

/* Thread context. Default: not signalled. */
void port_event_init(struct port_event *event);

/* Wakes the waiter, or the next one. Any context, also with a lock held. Default: sets @signalled. */
void port_event_signal(struct port_event *event);

/*
 * Waits for a signal and clears it; at most @timeout_ns nanoseconds (UINT64_MAX: for ever). Somebody must run the bus's
 * work meanwhile, if need be the waiter himself: recovery is such work. Thread context, without locks. Returns 0
 * or -ETIMEDOUT.
 * Default: calls port_idle() until there is a signal or time is up.
 */
int port_event_wait(struct port_event *event, uint64_t timeout_ns);

/*
 * What the default of port_event_wait() does again and again. Thread context; it may come again from within a work item
 * that waits.
 * Who polls writes `virtio_bus_poll(&my_bus);` here; on one CPU with interrupts it is `work_run(my_bus.work);`.
 * Default: nothing, and then nothing ever comes.
 */
void port_idle(void);

/* Lets @ns nanoseconds pass, at least. Any context, also with interrupts masked. Default: looks at
 * port_now_ns() until they have. */
void port_delay_ns(uint64_t ns);

/* --- time ---------------------------------------------------------------------------------- */

/* Nanoseconds on a clock that never goes back and never stops. Any context, any thread. Every wait is bounded by it.
 * Default on Arm (both): the generic timer's virtual counter. Elsewhere required. */
uint64_t port_now_ns(void);

/* --- messages ------------------------------------------------------------------------------ */

/* One line of text without its line end, in printf()'s language: %d %u %x %s %c %p, widths, l and ll. Any context, also with a
 * lock held. Default: silent. */
#if VIREO_MESSAGES
void port_log(enum log_level level, const char *fmt, ...) __printf(2, 3);
#else
static inline void __printf(2, 3) port_log_nothing(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}
#define port_log(...) ((void)(0 && (port_log_nothing(__VA_ARGS__), 0)))
#endif

/* ======================= What the embedder calls =========================================== */

/*
 *					context		when
 *	virtio_bus_init()		thread		first; one for each instance
 *	virtio_blk_init(), ...		thread		each driver that is wanted; before or after the devices
 *	virtio_mmio_probe()		thread		for each register block: from a table, or a device tree
 *	virtio_pci_probe()		thread		for each PCI function that virtio_pci_is_virtio()
 *	virtio_mmio_interrupt(irq, vm)	interrupt	when the block's line is raised; or in a thread of interrupts
 *	(PCI: the handler that struct virtio_pci_ops.request_irq() was given)
 *	work_run(bus->work)		thread		soon after an interrupt: bottom halves, recovery
 *	virtio_bus_poll(bus)		thread		instead of the last two, by who polls: as often as can be
 *	virtio_mmio_remove(), ..	thread		when a device is gone, or is to be given back
 *
 * Which of a driver's calls may be made from where stands on each of them. In general: submitting and looking in any
 * context, blocking calls in thread context, and done() functions come in interrupt context or from a work item.
 */

#endif
