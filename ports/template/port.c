/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the library asks of a machine, entry by entry; the contract of each stands in virtio/port.h. What is here is right
 * for one thread that polls. Entries whose default you want to keep can simply be deleted: all but the
 * memory, and the clock where the CPU is no Arm.
 */
#include "ports/template/template.h"
#include "virtio/port.h"

#if __STDC_HOSTED__
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#endif

/* --- memory -------------------------------------------------------------------------------- */

#if __STDC_HOSTED__
/* FILL IN: your heap, if it gives zeroed memory or you clear it. FreeRTOS: pvPortMalloc(); Zephyr: k_malloc(). Called
 * while devices are probed, in the thread that probes. */
void *port_alloc(size_t size)
{
	return calloc(1, size);
}

void port_free(void *ptr)
{
	free(ptr);
}
#elif !defined(VIRTIO_PORT_POOL_BYTES)
/* FILL IN: how much a machine without a heap sets aside. A disk with a queue of 128 takes 38 KiB. (With the amalgamation
 * -DVIRTIO_PORT_POOL_BYTES=... in its place.) */
VIRTIO_PORT_POOL(256u << 10);
#endif

/*
 * FILL IN, if devices do not see the caches (rings would have to be mapped uncached): port_alloc_pages() and
 * port_free_pages(). If devices have other addresses than the CPU, or buffers must be flushed: a struct dma_map_ops
 * of your own (lib/dma.h), which devices.c puts into vdev.dev.dma_ops. Else there is nothing to do.
 */

/* --- exclusion ----------------------------------------------------------------------------- */

/*
 * FILL IN, as soon as an interrupt handler or a second thread calls in. On one CPU: port_lock() masks interrupts and
 * returns what they were, port_unlock() restores that, and lock->impl is not used. With threads: lock->impl is a
 * mutex, made in port_lock_init(), if interrupts are served by a thread (template_interrupt() called there), which
 * is the easiest. Not recursive, held for microseconds.
 */
void port_lock_init(struct port_lock *lock)
{
	lock->impl = NULL;
}

unsigned long port_lock(struct port_lock *lock)
{
	(void)lock;
	return 0;
}

void port_unlock(struct port_lock *lock, unsigned long state)
{
	(void)lock;
	(void)state;
}

/*
 * FILL IN, if threads preempt each other, or interrupts are served by a thread or another CPU: enter and
 * leave count who is in, bracket template_interrupt() with them, and synchronize waits until all who were in have left.
 * port_device_enter() then returns vdev->driver_ok. Where everything runs in one thread, and interrupts on top of it,
 * this is all there is to do.
 */
bool port_device_enter(struct virtio_device *vdev)
{
	(void)vdev;
	return true;
}

void port_device_leave(struct virtio_device *vdev)
{
	(void)vdev;
}

void port_device_synchronize(struct virtio_device *vdev)
{
	(void)vdev;
}

/* --- waiting ------------------------------------------------------------------------------- */

/*
 * FILL IN, if a thread that waits for a disk shall sleep: event->impl is a binary semaphore. Signal gives it, from
 * interrupt context too; wait takes it, with a timeout, and the ticks of your clock rounded up. Then some other thread
 * must call work_run(template_bus.work) after each interrupt: a waiter that does it himself, before and after he
 * sleeps, will do as well. What is here spins.
 */
void port_event_init(struct port_event *event)
{
	event->signalled = false;
	event->impl = NULL;
}

void port_event_signal(struct port_event *event)
{
	event->signalled = true;
}

int port_event_wait(struct port_event *event, uint64_t timeout_ns)
{
	uint64_t start = port_now_ns();

	while (!event->signalled) {
		if (timeout_ns != UINT64_MAX && port_now_ns() - start >= timeout_ns)
			return -ETIMEDOUT;
		port_idle();
	}
	event->signalled = false;
	return 0;
}

/* FILL IN: with interrupts work_run(template_bus.work), and what your machine does when it has nothing to do. Without them
 * this is all that makes devices go on. */
void port_idle(void)
{
	virtio_bus_poll(&template_bus);
}

/* FILL IN, if there is something better than to spin: sleeps of a thread are fine in thread context only, and the library
 * calls this in thread context for 10 us at a time while a device resets. */
void port_delay_ns(uint64_t ns)
{
	uint64_t start = port_now_ns();

	while (port_now_ns() - start < ns)
		;
}

/* --- time ---------------------------------------------------------------------------------- */

#if __STDC_HOSTED__
/* FILL IN: a clock that never goes back, in nanoseconds, callable from interrupts. C has none; this one holds still
 * while the time of day is set back. A tick of a millisecond is fine enough. On bare Arm delete it. */
uint64_t port_now_ns(void)
{
	static uint64_t last;
	struct timespec now;
	uint64_t ns;

	if (!timespec_get(&now, TIME_UTC))
		return last;
	ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	last = MAX(last, ns);
	return last;
}
#endif

/* --- messages ------------------------------------------------------------------------------ */

/* FILL IN: one line, without its end, from any context, so it must not wait. While you bring a port up they are worth a
 * lot: the library says what it does not like about a device. Later -DVIREO_MESSAGES=0 takes them out. */
void port_log(enum log_level level, const char *fmt, ...)
{
#if __STDC_HOSTED__
	static const char *const names[] = {"error", "warning", "info", "debug"};
	va_list args;

	fprintf(stderr, "virtio %s: ", names[level]);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
#else
	(void)level;
	(void)fmt;
#endif
}
