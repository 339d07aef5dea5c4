/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench irq: how long after its deadline a timer's function is called, while the CPU sleeps or, with
 * wait=poll, runs. Each call starts the timer again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "apps/bench/bench.h"
#include "lib/timer.h"

#define PERIOD_NS (200 * NSEC_PER_USEC)
#define SPARE_NS  (60 * NSEC_PER_SEC) /* for a host that is busy */

struct irq_job {
	struct timer timer;
	struct port_event over;
	uint64_t left;
	uint64_t min, max, sum; /* of the delays, in ns */
	bool poll;
};

/* Interrupt context. */
static void expired(struct timer *timer)
{
	struct irq_job *job = container_of(timer, struct irq_job, timer);
	uint64_t now = clock_ns(), late = now - timer->deadline;

	job->min = MIN(job->min, late);
	job->max = MAX(job->max, late);
	job->sum += late;
	if (--job->left)
		timer_start(timer, now + PERIOD_NS);
	else
		port_event_signal(&job->over);
}

/* 0 or -ETIMEDOUT. */
static int wait(struct irq_job *job, uint64_t timeout_ns)
{
	uint64_t deadline = deadline_after(timeout_ns);

	if (!job->poll)
		return port_event_wait(&job->over, timeout_ns);
	while (!job->over.signalled) {
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
	}
	return 0;
}

/* The timer lies on the stack: it is stopped before this returns. */
static int run(struct irq_job *job)
{
	uint64_t limit = job->left * PERIOD_NS * 100 + SPARE_NS;
	int err;

	timer_start(&job->timer, deadline_after(PERIOD_NS));
	err = wait(job, limit);
	(void)timer_cancel(&job->timer);
	return err;
}

int bench_irq(struct shell *sh, int argc, char **argv)
{
	struct bench_option options[] = {
		{"n", 1000, 1, 1000000, NULL},
		{"wait", 0, 0, 0, bench_waits},
		{0},
	};
	struct irq_job job = {.min = UINT64_MAX};
	struct bench bench;
	char more[96];
	uint64_t n;
	int err = bench_options(sh, options, 1, argc, argv);

	if (err)
		return err;
	n = job.left = options[0].value;
	job.poll = options[1].value == BENCH_WAIT_POLL;
	timer_init(&job.timer, expired);
	port_event_init(&job.over);
	bench_begin(&bench, sh, NULL);
	err = run(&job);
	if (err)
		return sh_error(sh, err, "the timer does not come");
	(void)snprintf(more, sizeof(more), " min=%" PRIu64 " avg=%" PRIu64 " max=%" PRIu64, job.min,
		       job.sum / n, job.max);
	bench_end_with(&bench, n, argc, argv, more);
	return 0;
}
