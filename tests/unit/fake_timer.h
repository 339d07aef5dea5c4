/* SPDX-License-Identifier: BSD-2-Clause */
/* A counter and a comparator that tests move by hand. */
#ifndef TESTS_UNIT_FAKE_TIMER_H
#define TESTS_UNIT_FAKE_TIMER_H

#include "lib/timer.h"

static uint64_t fake_ticks, fake_deadline = UINT64_MAX, fake_step;

static inline uint64_t fake_read(void)
{
	fake_ticks += fake_step; /* time passes while somebody looks */
	return fake_ticks;
}

static inline void fake_arm(uint64_t deadline)
{
	fake_deadline = deadline;
}

static inline void fake_disarm(void)
{
	fake_deadline = UINT64_MAX;
}

static struct timer_device fake_timer = {
	.name = "fake",
	.read = fake_read,
	.frequency_hz = NSEC_PER_SEC,
	.arm = fake_arm,
	.disarm = fake_disarm,
};

#endif
