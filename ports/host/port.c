/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio/port.h in a Linux process with one thread, but for its memory (memory.c). Interrupt handlers run where the thread
 * waits and nowhere else, so that there is nothing to lock, and nothing to mask. Registers there are none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <arch/cpu.h>
#include <arch/mmio.h>
#include "lib/log.h"
#include "ports/host/host_private.h"
#include "virtio/port.h"

static enum log_level log_level = LOG_WARNING;

/* --- mutual exclusion ------------------------------------------------------------------------- */

void port_lock_init(struct port_lock *lock)
{
	lock->impl = NULL;
}

#ifndef VIRTIO_PORT_INLINE
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
#endif

unsigned long irq_save(void)
{
	return 0;
}

void irq_restore(unsigned long state)
{
	(void)state;
}

/* --- waiting ---------------------------------------------------------------------------------- */

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
	const uint64_t now = port_now_ns();
	const uint64_t end = timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;

	while (!event->signalled && port_now_ns() < end)
		host_wait(end);
	if (!event->signalled)
		return -ETIMEDOUT;
	event->signalled = false;
	return 0;
}

void port_delay_ns(uint64_t ns)
{
	struct timespec left = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

uint64_t port_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* --- messages --------------------------------------------------------------------------------- */

void host_set_log_level(enum log_level level)
{
	log_level = level;
}

void log_vmessage(enum log_level level, const char *fmt, va_list args)
{
	static const char *const prefixes[] = {"error: ", "warning: ", "", "debug: "};

	if (level > log_level)
		return;
	fputs(prefixes[level], stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void log_message(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vmessage(level, fmt, args);
	va_end(args);
}

void port_log(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vmessage(level, fmt, args);
	va_end(args);
}

/* --- registers -------------------------------------------------------------------------------- */

/* What the transports share has code for them, that nobody comes to here. */
uint8_t mmio_read8(const volatile void *reg)
{
	return *(const volatile uint8_t *)reg;
}

uint16_t mmio_read16(const volatile void *reg)
{
	return *(const volatile uint16_t *)reg;
}

uint32_t mmio_read32(const volatile void *reg)
{
	return *(const volatile uint32_t *)reg;
}

void mmio_write8(volatile void *reg, uint8_t value)
{
	*(volatile uint8_t *)reg = value;
}

void mmio_write16(volatile void *reg, uint16_t value)
{
	*(volatile uint16_t *)reg = value;
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	*(volatile uint32_t *)reg = value;
}
