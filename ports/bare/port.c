/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio/port.h on the bare machine, but for its lock (port_inline.h). An event is a flag that an
 * interrupt handler sets while the waiter sleeps.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <arch/cpu.h>
#include "lib/log.h"
#include "lib/reclaim.h"
#include "lib/timer.h"
#include "ports/bare/bare.h"
#include "virtio/port.h"

/* Structures that a device accesses ask for a cache line of their own, and no type for more. */
#define PORT_ALIGN 64u

/* In front of each allocation, a cache line: what is freed may have to wait. */
union header {
	struct reclaim reclaim;
	char line[PORT_ALIGN];
};

void *port_alloc(size_t size)
{
	size_t bytes = ALIGN_UP(size, PORT_ALIGN) + sizeof(union header);
	union header *header;

	if (bytes < size)
		return NULL;
	header = memalign(PORT_ALIGN, MAX(bytes, 2 * PORT_ALIGN));
	if (!header)
		return NULL;
	memset(header, 0, bytes);
	return header + 1;
}

static void free_now(struct reclaim *reclaim)
{
	free(reclaim);
}

/* A command that has found a device by its number may hold a pointer to it while it is removed. */
void port_free(void *ptr)
{
	if (ptr)
		reclaim_later(&((union header *)ptr - 1)->reclaim, free_now);
}

void port_lock_init(struct port_lock *lock)
{
	lock->impl = NULL;
}

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
	struct bare_wait wait;
	bool in_time = true;

	bare_wait_begin(&wait, deadline_after(timeout_ns));
	while (!event->signalled && in_time)
		in_time = bare_wait(&wait);
	bare_wait_end(&wait);
	if (!event->signalled)
		return -ETIMEDOUT;
	event->signalled = false;
	return 0;
}

void port_delay_ns(uint64_t ns)
{
	delay_ns(ns);
}

uint64_t port_now_ns(void)
{
	return clock_ns();
}

void port_log(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vmessage(level, fmt, args);
	va_end(args);
}
