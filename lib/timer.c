/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock turns ticks of the hardware's counter into nanoseconds by multiplication with a
 * fixed-point factor (32 bits of fraction), computed once; no division is left in the read path.
 * One-shot timers stand in a list sorted by deadline, and the comparator is set to the first.
 * The list is shared with the timer interrupt, so IRQs are masked while it is used.
 */
#include <arch/barrier.h>
#include <arch/cpu.h>
#include "lib/machine.h"
#include "lib/timer.h"

/* The comparator is never set further ahead than this: it keeps ns_to_ticks() in range, and an
 * interrupt a minute that finds nothing to do costs nothing. */
#define MAX_ARM_NS (60 * NSEC_PER_SEC)

/* A factor: integer part and 32 bits of fraction. */
struct scale {
	uint64_t whole;
	uint32_t fraction;
};

/* start.S stores the counter at reset here; without it (unit tests) time counts from tick 0. */
__attribute__((weak)) uint64_t boot_ticks;

static const struct timer_device *hw;
static uint64_t epoch_ticks;
static struct scale ns_per_tick, ticks_per_ns;
static struct list_head timers = LIST_HEAD_INIT(timers);

/* a / b, for b below 2^32. */
static struct scale make_scale(uint64_t a, uint64_t b)
{
	struct scale scale = {
		.whole = a / b,
		.fraction = (uint32_t)(((a % b) << 32) / b),
	};
	return scale;
}

/* value * scale, rounded down. The product's lowest 32 bits are dropped piecewise, so that no
 * step needs more than 64 bits. */
static uint64_t apply_scale(uint64_t value, struct scale scale)
{
	uint32_t low = (uint32_t)value;
	uint32_t high = (uint32_t)(value >> 32);

	return value * scale.whole + (uint64_t)high * scale.fraction +
	       (((uint64_t)low * scale.fraction) >> 32);
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
	return hw ? apply_scale(ticks, ns_per_tick) : 0;
}

uint64_t clock_ns(void)
{
	if (!hw)
		return 0;
	return apply_scale(hw->read() - epoch_ticks, ns_per_tick);
}

uint64_t deadline_after(uint64_t timeout_ns)
{
	uint64_t now = clock_ns();

	return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

bool deadline_passed(uint64_t deadline)
{
	return deadline != UINT64_MAX && clock_ns() >= deadline;
}

void delay_ns(uint64_t ns)
{
	uint64_t deadline = deadline_after(ns);

	if (!hw) {
		/* No clock yet: a turn a nanosecond is too long rather than too short. */
		while (ns--)
			barrier();
		return;
	}
	while (!deadline_passed(deadline))
		barrier();
}

/* Sets the comparator to the first deadline. IRQs are masked. The way to go is converted, not the
 * deadline itself, so that the rounding error shrinks as the deadline comes near. */
static void arm_first(void)
{
	uint64_t now_ticks, now_ns, delta_ns = 0;
	struct timer *first;

	if (!hw)
		return;
	if (list_empty(&timers)) {
		hw->disarm();
		return;
	}
	first = list_entry(timers.next, struct timer, node);
	now_ticks = hw->read();
	now_ns = apply_scale(now_ticks - epoch_ticks, ns_per_tick);
	if (first->deadline > now_ns)
		delta_ns = MIN(first->deadline - now_ns, MAX_ARM_NS);
	hw->arm(now_ticks + apply_scale(delta_ns, ticks_per_ns) + 1);
}

void timer_set_device(const struct timer_device *device)
{
	unsigned long flags = irq_save();
	uint64_t now = device->read();

	ns_per_tick = make_scale(NSEC_PER_SEC, device->frequency_hz);
	ticks_per_ns = make_scale(device->frequency_hz, NSEC_PER_SEC);
	epoch_ticks = MIN(boot_ticks, now);
	hw = device;
	arm_first();
	irq_restore(flags);
}

void timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
	list_init(&timer->node);
	timer->deadline = UINT64_MAX;
	timer->fn = fn;
}

/* After those with the same deadline: they run in the order in which they were started. */
static void insert_sorted(struct timer *timer)
{
	struct timer *pos;

	list_for_each_entry (pos, &timers, node) {
		if (pos->deadline > timer->deadline)
			break;
	}
	/* At the end of the list, @pos is the head's place. */
	list_add_tail(&timer->node, &pos->node);
}

void timer_start(struct timer *timer, uint64_t deadline)
{
	unsigned long flags = irq_save();

	list_del_init(&timer->node);
	timer->deadline = deadline;
	insert_sorted(timer);
	arm_first();
	irq_restore(flags);
}

bool timer_cancel(struct timer *timer)
{
	unsigned long flags = irq_save();
	bool was_running = !list_empty(&timer->node);

	if (was_running) {
		list_del_init(&timer->node);
		arm_first();
	}
	irq_restore(flags);
	return was_running;
}

/* Moves the timers whose deadline has come to @due. */
static void take_due(struct list_head *due)
{
	uint64_t now = clock_ns();
	struct timer *timer, *next;

	list_for_each_entry_safe (timer, next, &timers, node) {
		if (timer->deadline > now)
			break;
		list_del_init(&timer->node);
		list_add_tail(&timer->node, due);
	}
}

void timer_interrupt(void)
{
	struct list_head due = LIST_HEAD_INIT(due);

	/* What a timer's function starts anew goes to the sorted list, not to @due: a timer that
	 * restarts itself with a deadline in the past cannot keep us here. */
	take_due(&due);
	while (!list_empty(&due)) {
		struct timer *timer = list_entry(due.next, struct timer, node);

		list_del_init(&timer->node);
		timer->fn(timer);
	}
	arm_first();
}
