/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping without losing a wake-up. A handler may run after the caller has looked at its condition
 * and before the CPU sleeps. So with IRQs masked we compare the number of interrupts taken with the
 * number at the last return, and sleep only where it is the same; WFI wakes for a masked interrupt
 * too, so none can slip in between. What woke us is served right here, while IRQs are still masked:
 * that saves the exception. The deadline is an ordinary timer, which is set once for the whole wait.
 */
#include <arch/cpu.h>
#include "lib/irq.h"
#include "lib/work.h"
#include "ports/bare/bare.h"

static unsigned long seen_count;
static bool in_work;

static void time_is_up(struct timer *timer)
{
	container_of(timer, struct bare_wait, timer)->over = true;
}

void bare_wait_begin(struct bare_wait *wait, uint64_t deadline_ns)
{
	timer_init(&wait->timer, time_is_up);
	wait->deadline_ns = deadline_ns;
	wait->over = false;
	wait->armed = false;
}

void bare_wait_end(struct bare_wait *wait)
{
	if (wait->armed)
		timer_cancel(&wait->timer);
}

static void arm(struct bare_wait *wait)
{
	timer_start(&wait->timer, wait->deadline_ns);
	wait->armed = true;
}

static void sleep_for_an_interrupt(struct bare_wait *wait)
{
	unsigned long flags;

	if (unlikely(!wait->armed) && wait->deadline_ns != UINT64_MAX)
		arm(wait);
	flags = irq_save();
	if (irq_taken_count() == seen_count) {
		wait_for_interrupt();
		irq_handle();
	}
	irq_restore(flags);
}

static __noinline void run_work(struct bare_wait *wait)
{
	in_work = true;
	work_run(&system_wq);
	in_work = false;
	/* Items that follow one another must not hide that time is up. */
	wait->over = wait->over || deadline_passed(wait->deadline_ns);
}

bool bare_wait(struct bare_wait *wait)
{
	/* A work item that waits comes here again. The other items have to wait until it is over. */
	if (unlikely(work_pending(&system_wq)) && !in_work)
		run_work(wait);
	else
		sleep_for_an_interrupt(wait);
	seen_count = irq_taken_count();
	return !*(volatile bool *)&wait->over;
}
