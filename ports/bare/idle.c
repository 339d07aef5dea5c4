/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping without losing a wake-up. A handler may run after the caller has looked at its condition
 * and before the CPU sleeps. So with IRQs masked we compare the number of interrupts taken with the
 * number at the last return, and sleep only where it is the same; WFI wakes for a masked interrupt
 * too, so none can slip in between. The deadline is an ordinary timer, whose interrupt wakes us.
 */
#include <arch/cpu.h>
#include "lib/irq.h"
#include "lib/timer.h"
#include "lib/work.h"
#include "ports/bare/bare.h"

static unsigned long seen_count;

/* The interrupt itself is the wake-up. */
static void wake(struct timer *timer)
{
	(void)timer;
}

static void sleep_until(uint64_t deadline_ns)
{
	bool bounded = deadline_ns != UINT64_MAX;
	unsigned long flags = irq_save();
	struct timer timer;

	timer_init(&timer, wake);
	if (bounded)
		timer_start(&timer, deadline_ns);
	if (irq_taken_count() == seen_count)
		wait_for_interrupt();
	irq_restore(flags);
	if (bounded)
		timer_cancel(&timer);
}

void bare_idle(uint64_t deadline_ns)
{
	static bool in_work;

	/* A work item that waits comes here again. The other items have to wait until it is over. */
	if (!in_work && work_pending()) {
		in_work = true;
		work_run();
		in_work = false;
	} else if (!deadline_passed(deadline_ns)) {
		sleep_until(deadline_ns);
	}
	seen_count = irq_taken_count();
}
