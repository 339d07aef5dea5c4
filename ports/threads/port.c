/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio/port.h over POSIX threads. */
#include <arch/cpu.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "virtio/port.h"

/* --- memory ---------------------------------------------------------------------------------- */

void *port_alloc(size_t size)
{
	void *ptr;

	if (posix_memalign(&ptr, 64, size ? size : 1))
		return NULL;
	return memset(ptr, 0, size);
}

void port_free(void *ptr)
{
	free(ptr);
}

/* --- mutual exclusion -------------------------------------------------------------------------- */

void port_lock_init(struct port_lock *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
}

unsigned long port_lock(struct port_lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
	return 0;
}

void port_unlock(struct port_lock *lock, unsigned long state)
{
	(void)state;
	pthread_mutex_unlock(&lock->mutex);
}

/* What masks interrupts on a machine with one CPU is one lock for all here. */
static pthread_mutex_t masked = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

unsigned long irq_save(void)
{
	pthread_mutex_lock(&masked);
	return 0;
}

void irq_restore(unsigned long state)
{
	(void)state;
	pthread_mutex_unlock(&masked);
}

/* --- time -------------------------------------------------------------------------------------- */

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NSEC_PER_SEC),
				 .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

uint64_t port_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void port_delay_ns(uint64_t ns)
{
	struct timespec left = to_timespec(ns);

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* --- waiting ----------------------------------------------------------------------------------- */

void port_event_init(struct port_event *event)
{
	pthread_condattr_t attr;

	event->signalled = false;
	pthread_mutex_init(&event->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&event->cond, &attr);
	pthread_condattr_destroy(&attr);
}

void port_event_signal(struct port_event *event)
{
	pthread_mutex_lock(&event->mutex);
	event->signalled = true;
	pthread_cond_signal(&event->cond);
	pthread_mutex_unlock(&event->mutex);
}

/* Work items run in their bus's thread meanwhile. */
int port_event_wait(struct port_event *event, uint64_t timeout_ns)
{
	uint64_t now = port_now_ns();
	struct timespec end =
		to_timespec(timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns);
	int err = 0;

	pthread_mutex_lock(&event->mutex);
	while (!event->signalled && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&event->cond, &event->mutex, &end);
	err = event->signalled ? 0 : -ETIMEDOUT;
	event->signalled = false;
	pthread_mutex_unlock(&event->mutex);
	return err;
}

/* --- messages ---------------------------------------------------------------------------------- */

void port_log(enum log_level level, const char *fmt, ...)
{
	char line[256];
	va_list args;

	if (level > LOG_WARNING)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	fprintf(stderr, "%s\n", line);
}
