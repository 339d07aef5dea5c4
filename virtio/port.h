/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port contract: all that virtio/ and drivers/virtio/ need from the machine they run on,
 * besides the plain C of lib/. A port implements these functions; ports/bare is the one of this
 * repository's images.
 *
 * In the other direction a port calls a transport's interrupt entry (virtio_mmio_interrupt())
 * and runs work items (lib/work.h) in thread context.
 */
#ifndef VIRTIO_PORT_H
#define VIRTIO_PORT_H

#include <stdarg.h>
#include "lib/log.h"
#include "lib/util.h"

/*
 * A port whose locks and events are larger than a pointer and are not to come from a heap defines struct port_lock and
 * struct port_event itself, in a header that the compiler is told of: -DVIRTIO_PORT_TYPES='"port_types.h"'.
 */
#ifdef VIRTIO_PORT_TYPES
#include VIRTIO_PORT_TYPES
#endif

/* --- memory ------------------------------------------------------------------------------ */

/* @size bytes, zeroed, aligned for any type; NULL where memory has run out. Thread context,
 * and only while a device is probed. */
void *port_alloc(size_t size);

/* Gives back what port_alloc() returned; NULL is allowed. Thread context. */
void port_free(void *ptr);

/* --- mutual exclusion ---------------------------------------------------------------------- */

/*
 * One lock per device driver guards its queues against its own callbacks, which run in interrupt
 * context. port_lock() returns what port_unlock() needs. Any context; held for short, bounded
 * stretches only; not recursive. On a single CPU masking interrupts is enough.
 */
#ifndef VIRTIO_PORT_TYPES
struct port_lock {
	void *impl;
};
#endif

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
 * then on: false while the device is being reset, when it must not be notified. Where all runs in one thread, and
 * interrupts on top of it, the three do nothing, and the first is always true. Any context.
 */
#ifndef VIRTIO_PORT_INLINE
bool port_device_enter(struct virtio_device *vdev);
void port_device_leave(struct virtio_device *vdev);
void port_device_synchronize(struct virtio_device *vdev);
#endif

/* --- waiting ------------------------------------------------------------------------------- */

/* A binary event: one waits, another signals. A signal given before the wait is not lost. */
#ifndef VIRTIO_PORT_TYPES
struct port_event {
	volatile bool signalled;
	void *impl;
};
#endif

void port_event_init(struct port_event *event);

/* Wakes the waiter. Any context. */
void port_event_signal(struct port_event *event);

/*
 * Waits for a signal and clears it; at most @timeout_ns nanoseconds (UINT64_MAX: for ever). Work
 * items run meanwhile. Thread context. Returns 0 or -ETIMEDOUT.
 */
int port_event_wait(struct port_event *event, uint64_t timeout_ns);

/* Lets @ns nanoseconds pass, at least. Any context, also with interrupts masked. */
void port_delay_ns(uint64_t ns);

/* Nanoseconds on a clock that never goes back. Any context. */
uint64_t port_now_ns(void);

/* --- messages ------------------------------------------------------------------------------ */

/* One line of text without its line end. Any context. */
void port_log(enum log_level level, const char *fmt, ...) __printf(2, 3);

#endif
