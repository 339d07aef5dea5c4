/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port for one thread that polls: every entry of virtio/port.h that has a default, as a weak function, so that a
 * port defines those that it wants to be different. The images have a port of their own and do without this file; the
 * clock is in port_time.c, because not every CPU has one that can be read without being told of it.
 */
#include <errno.h>
#include "virtio/port.h"

#define __weak __attribute__((weak))

/* --- memory ------------------------------------------------------------------------------ */

#ifndef VIRTIO_PORT_POOL_BYTES /* the pool has pages of its own */
/* In front of the pages: what port_alloc() gave. A page holds it, so it costs no more than alignment does. */
struct pages_header {
	void *allocation;
};

__weak void *port_alloc_pages(size_t size)
{
	size_t bytes = size + PAGE_SIZE - 1 + sizeof(struct pages_header);
	char *allocation = bytes > size ? port_alloc(bytes) : NULL;
	uintptr_t pages;

	if (!allocation)
		return NULL;
	pages = ALIGN_UP((uintptr_t)allocation + sizeof(struct pages_header), PAGE_SIZE);
	((struct pages_header *)pages - 1)->allocation = allocation;
	return (void *)pages;
}

__weak void port_free_pages(void *ptr, size_t size)
{
	(void)size;
	if (ptr)
		port_free(((struct pages_header *)ptr - 1)->allocation);
}
#endif

/* --- mutual exclusion ---------------------------------------------------------------------- */

#ifndef VIRTIO_PORT_TYPES /* whose port has these, too */
__weak void port_lock_init(struct port_lock *lock)
{
	lock->impl = NULL;
}
#endif

#ifndef VIRTIO_PORT_INLINE
__weak unsigned long port_lock(struct port_lock *lock)
{
	(void)lock;
	return 0;
}

__weak void port_unlock(struct port_lock *lock, unsigned long state)
{
	(void)lock;
	(void)state;
}

__weak bool port_device_enter(struct virtio_device *vdev)
{
	(void)vdev;
	return true;
}

__weak void port_device_leave(struct virtio_device *vdev)
{
	(void)vdev;
}

__weak void port_device_synchronize(struct virtio_device *vdev)
{
	(void)vdev;
}
#endif

/* --- waiting ------------------------------------------------------------------------------- */

#ifndef VIRTIO_PORT_TYPES
__weak void port_event_init(struct port_event *event)
{
	event->signalled = false;
	event->impl = NULL;
}

__weak void port_event_signal(struct port_event *event)
{
	event->signalled = true;
}
#endif

__weak void port_idle(void)
{
}

#ifndef VIRTIO_PORT_TYPES
/* The last look comes after the time is up, so that a wait of no length is one look. */
__weak int port_event_wait(struct port_event *event, uint64_t timeout_ns)
{
	uint64_t start = port_now_ns();
	bool in_time = true;

	while (!event->signalled) {
		if (!in_time)
			return -ETIMEDOUT;
		in_time = timeout_ns == UINT64_MAX || port_now_ns() - start < timeout_ns;
		port_idle();
	}
	event->signalled = false;
	return 0;
}
#endif

__weak void port_delay_ns(uint64_t ns)
{
	uint64_t start = port_now_ns();

	while (port_now_ns() - start < ns)
		;
}

/* --- messages ------------------------------------------------------------------------------ */

#if VIREO_MESSAGES
__weak void port_log(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}
#endif
