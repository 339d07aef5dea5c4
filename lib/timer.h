/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time: a monotonic clock in nanoseconds since boot, deadlines, and one-shot timers. The
 * hardware is a struct timer_device that a driver registers.
 */
#ifndef LIB_TIMER_H
#define LIB_TIMER_H

#include "lib/list.h"

/* A counter and one comparator. */
struct timer_device {
	const char *name;
	uint64_t (*read)(void);		/* counter, in ticks, never goes back */
	uint64_t frequency_hz;		/* ticks per second, above 0 */
	void (*arm)(uint64_t deadline); /* interrupt at or after this tick */
	void (*disarm)(void);
};

/* Makes @device the clock. Once, at boot. The driver calls timer_interrupt() from its handler. */
void timer_set_device(const struct timer_device *device);
void timer_interrupt(void);

/* Nanoseconds since boot; 0 before there is a clock. Any context. */
uint64_t clock_ns(void);

/* The nanoseconds of @ticks of the clock's counter; 0 before there is a clock. Any context. */
uint64_t clock_ticks_to_ns(uint64_t ticks);

/* The moment @timeout_ns from now; it saturates. UINT64_MAX means never. Any context. */
uint64_t deadline_after(uint64_t timeout_ns);

/* Whether @deadline has come. Any context. */
bool deadline_passed(uint64_t deadline);

/* Busy-waits. Any context. */
void delay_ns(uint64_t ns);

struct timer {
	struct list_head node;
	uint64_t deadline;
	void (*fn)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*fn)(struct timer *timer));

/*
 * Calls @timer's function once, in interrupt context, at or after @deadline (ns since boot). A
 * timer that is running is moved to the new deadline. Any context.
 */
void timer_start(struct timer *timer, uint64_t deadline);

/* Stops @timer. Returns whether it was running. Any context. */
bool timer_cancel(struct timer *timer);

#endif
