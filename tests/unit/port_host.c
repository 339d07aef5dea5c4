/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One CPU, simulated: while a lock is held or irq_save() is in force no interrupt is delivered;
 * in a wait the devices run, then work items, and when nothing moves the clock does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <arch/cpu.h>
#include "lib/machine.h"
#include "lib/work.h"
#include "tests/device/dma_test.h"
#include "tests/device/refdev.h"
#include "tests/device/violation.h"
#include "tests/unit/port_host.h"
#include "virtio/virtio.h"

/* A wait without a timeout that lasts longer than this is one for ever. */
#define FOREVER_NS (3600 * NSEC_PER_SEC)
#define TICK_NS	   (100 * NSEC_PER_USEC)

static uint64_t now_ns;
static unsigned int live, fail_in, locks_held, irqs_saved, irq_depth, sections;
static unsigned int messages[LOG_DEBUG + 1];
static char last_message[256];
static bool alloc_failed, alloc_forbidden, eager, run_in_delays;
static char locked_tag, unlocked_tag;
static void *held[64];
static unsigned int held_count;
static bool holding;

static struct {
	uint64_t at_ns;
	void (*fn)(void *arg);
	void *arg;
} after;

/* --- memory ------------------------------------------------------------------------------ */

static bool refuse_alloc(void)
{
	if (alloc_forbidden)
		violation("port: memory is allocated after probe");
	if (irq_depth || locks_held)
		violation("port: memory is allocated outside of thread context");
	if (fail_in && --fail_in == 0) {
		alloc_failed = true;
		return true;
	}
	return false;
}

void *port_alloc(size_t size)
{
	void *ptr;

	if (refuse_alloc())
		return NULL;
	ptr = calloc(1, size);
	if (ptr)
		live++;
	return ptr;
}

void port_free(void *ptr)
{
	if (irq_depth)
		violation("port: memory is freed in an interrupt");
	if (ptr)
		live--;
	if (ptr && holding) {
		assert_in_range(held_count, 0, ARRAY_SIZE(held) - 1);
		held[held_count++] = ptr;
		return;
	}
	free(ptr);
}

void port_host_hold(bool on)
{
	holding = on;
	while (!on && held_count > 0)
		free(held[--held_count]);
}

/* --- mutual exclusion ---------------------------------------------------------------------- */

static bool masked(void)
{
	return locks_held || irqs_saved;
}

void port_lock_init(struct port_lock *lock)
{
	lock->impl = &unlocked_tag;
}

unsigned long port_lock(struct port_lock *lock)
{
	if (lock->impl == &locked_tag)
		violation("port: a lock is taken twice");
	else if (lock->impl != &unlocked_tag)
		violation("port: a lock is taken that was never made");
	lock->impl = &locked_tag;
	return ++locks_held;
}

void port_unlock(struct port_lock *lock, unsigned long state)
{
	if (lock->impl != &locked_tag)
		violation("port: a lock is released that is not held");
	if (state != locks_held)
		violation("port: a lock is released with another's state");
	lock->impl = &unlocked_tag;
	locks_held--;
	if (eager && !masked() && !irq_depth)
		refdev_pump();
}

bool port_device_enter(struct virtio_device *vdev)
{
	(void)vdev;
	sections++;
	return true;
}

void port_device_leave(struct virtio_device *vdev)
{
	(void)vdev;
	sections--;
}

void port_device_synchronize(struct virtio_device *vdev)
{
	(void)vdev;
	if (irq_depth || locks_held || sections)
		violation(
			"port: waiting for sections in one, in an interrupt, or with a lock held");
}

unsigned long irq_save(void)
{
	return irqs_saved++;
}

void irq_restore(unsigned long state)
{
	irqs_saved--;
	if (state != irqs_saved)
		violation("irq_restore() out of order");
}

void irq_enable(void)
{
	irqs_saved = 0;
}

bool irqs_masked(void)
{
	return masked();
}

void wait_for_interrupt(void)
{
	port_host_advance(TICK_NS);
}

/* --- waiting ------------------------------------------------------------------------------- */

void port_event_init(struct port_event *event)
{
	event->signalled = false;
	event->impl = event;
}

void port_event_signal(struct port_event *event)
{
	if (event->impl != event)
		violation("port: an event is signalled that was never made");
	event->signalled = true;
}

static void run_after(void)
{
	void (*fn)(void *arg) = after.fn;

	if (!fn || now_ns < after.at_ns)
		return;
	after.fn = NULL;
	fn(after.arg);
}

/* Lets the machine run for a moment; the clock moves when nothing else does. */
static void run(uint64_t end_ns)
{
	bool moved = refdev_pump();

	if (work_pending(&system_wq)) {
		work_run(&system_wq);
		moved = true;
	}
	now_ns += moved ? 100 : MIN(TICK_NS, end_ns - now_ns);
	run_after();
}

int port_event_wait(struct port_event *event, uint64_t timeout_ns)
{
	uint64_t end_ns = now_ns + MIN(timeout_ns, FOREVER_NS);

	if (irq_depth || masked())
		violation("port: waiting in an interrupt or with a lock held");
	if (event->impl != event)
		violation("port: waiting for an event that was never made");
	while (!event->signalled && now_ns < end_ns)
		run(end_ns);
	if (!event->signalled && timeout_ns > FOREVER_NS)
		violation("port: a wait that never ends");
	if (!event->signalled)
		return -ETIMEDOUT;
	event->signalled = false;
	return 0;
}

void port_delay_ns(uint64_t ns)
{
	now_ns += ns;
	run_after();
	if (!run_in_delays)
		return;
	irqs_saved++;
	refdev_pump();
	irqs_saved--;
}

uint64_t port_now_ns(void)
{
	return now_ns;
}

/* --- messages ------------------------------------------------------------------------------ */

void port_log(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_message, sizeof(last_message), fmt, args);
	va_end(args);
	messages[level]++;
	if (strchr(last_message, '\n'))
		violation("port: a message with a line end");
	if (getenv("VERBOSE"))
		fprintf(stderr, "log: %s\n", last_message);
}

_Noreturn void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* --- for tests ----------------------------------------------------------------------------- */

static void enter_interrupt(bool enter)
{
	irq_depth += enter ? 1 : -1u;
}

int port_host_setup(void **state)
{
	(void)state;
	list_init(&test_bus.devices); /* a test that failed may have left some */
	refdev_forget();
	dma_test_reset();
	violation_reset();
	dma_test_set_alloc_hook(refuse_alloc);
	refdev_set_masked(masked);
	refdev_set_context_hook(enter_interrupt);
	now_ns = NSEC_PER_SEC;
	live = fail_in = locks_held = irqs_saved = 0;
	alloc_failed = alloc_forbidden = eager = run_in_delays = false;
	memset(messages, 0, sizeof(messages));
	last_message[0] = '\0';
	after.fn = NULL;
	return 0;
}

int port_host_teardown(void **state)
{
	(void)state;
	alloc_forbidden = false;
	dma_test_reset();
	if (live)
		violation("port: %u blocks of memory leaked", live);
	if (locks_held || irqs_saved)
		violation("port: a lock is still held");
	if (violation_count()) {
		print_error("%u rules broken, first: %s\n", violation_count(), violation_first());
		return -1;
	}
	return 0;
}

void port_host_fail_alloc(unsigned int nth)
{
	fail_in = nth;
	alloc_failed = false;
}

bool port_host_alloc_failed(void)
{
	return alloc_failed;
}

void port_host_forbid_alloc(bool forbid)
{
	alloc_forbidden = forbid;
}

unsigned int port_host_live(void)
{
	return live;
}

void port_host_advance(uint64_t ns)
{
	now_ns += ns;
	run_after();
}

void port_host_after(uint64_t ns, void (*fn)(void *arg), void *arg)
{
	after.at_ns = now_ns + ns;
	after.fn = fn;
	after.arg = arg;
}

void port_host_eager(bool on)
{
	eager = on;
}

void port_host_run_in_delays(bool on)
{
	run_in_delays = on;
}

unsigned int port_host_messages(enum log_level level)
{
	unsigned int i, n = 0;

	for (i = 0; i <= level; i++)
		n += messages[i];
	return n;
}

const char *port_host_last_message(void)
{
	return last_message;
}
