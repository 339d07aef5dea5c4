/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: the conversion of ticks at any frequency, deadlines, and one-shot timers in their order. */
#include "tests/unit/test.h"
#include "tests/unit/fake_timer.h"

static void use(uint64_t frequency_hz)
{
	static struct timer_device device;

	fake_ticks = fake_step = 0;
	fake_deadline = UINT64_MAX;
	device = fake_timer;
	device.frequency_hz = frequency_hz;
	timer_set_device(&device);
}

static int setup(void **state)
{
	use(NSEC_PER_SEC);
	return port_host_setup(state);
}

static void ticks_become_nanoseconds_at_any_frequency(void **state)
{
	static const uint64_t frequencies[] = {1,	 3,	   32768,      19200000,
					       24000000, 62500000, 1000000000, 999999937};
	static const uint64_t ticks[] = {0,    1,	  2,	      7,
					 1000, 123456789, 1ull << 32, (1ull << 40) + 17};
	unsigned int f, t;

	(void)state;
	for (f = 0; f < ARRAY_SIZE(frequencies); f++) {
		use(frequencies[f]);
		for (t = 0; t < ARRAY_SIZE(ticks); t++) {
			unsigned __int128 want =
				(unsigned __int128)ticks[t] * NSEC_PER_SEC / frequencies[f];
			uint64_t got, error;

			if (want > UINT64_MAX / 2)
				continue;
			fake_ticks = ticks[t];
			got = clock_ns();
			assert_int_equal(clock_ticks_to_ns(ticks[t]), got);
			error = got > want ? got - (uint64_t)want : (uint64_t)want - got;
			/* The factor has 32 bits of fraction: an error of a tick in 2^32. */
			assert_true(error <= 1 + (ticks[t] >> 32));
		}
	}
}

static void the_clock_never_goes_back(void **state)
{
	uint64_t last = 0, now, i;

	(void)state;
	use(62500000);
	for (i = 0; i < 100000; i++) {
		fake_ticks = i * 99991;
		now = clock_ns();
		assert_true(now >= last);
		last = now;
	}
}

static void a_deadline_saturates_and_never_never_comes(void **state)
{
	(void)state;
	fake_ticks = 1000;
	assert_int_equal(deadline_after(500), 1500);
	assert_true(deadline_after(UINT64_MAX) == UINT64_MAX);
	assert_true(deadline_after(UINT64_MAX - 10) == UINT64_MAX);
	assert_true(deadline_passed(1000));
	assert_true(deadline_passed(0));
	assert_false(deadline_passed(1001));
	fake_ticks = UINT64_MAX;
	assert_false(deadline_passed(UINT64_MAX));
}

static void a_delay_lasts_at_least_as_long(void **state)
{
	uint64_t begin;

	(void)state;
	fake_step = 3;
	begin = clock_ns();
	delay_ns(1000);
	assert_in_range(clock_ns() - begin, 1000, 1100);
}

/* --- timers --------------------------------------------------------------------------------------- */

static char order[64];
static struct timer timers[4];

static void fired(struct timer *timer)
{
	size_t len = strlen(order);

	order[len] = (char)('0' + (timer - timers));
	order[len + 1] = '\0';
}

static void start(unsigned int i, uint64_t deadline)
{
	timer_start(&timers[i], deadline);
}

/* Lets time pass as the hardware does: an interrupt when the comparator says so. */
static void pass(uint64_t until)
{
	unsigned int interrupts = 0;

	while (fake_deadline <= until && interrupts++ < 1000) {
		fake_ticks = MAX(fake_ticks, fake_deadline);
		timer_interrupt();
	}
	assert_true(interrupts < 1000);
	fake_ticks = until;
}

static void init_timers(void)
{
	unsigned int i;

	order[0] = '\0';
	for (i = 0; i < 4; i++)
		timer_init(&timers[i], fired);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
	(void)state;
	init_timers();
	start(0, 3000);
	start(1, 1000);
	start(2, 2000);
	start(3, 1000); /* after the one that was first */
	pass(999);
	assert_string_equal(order, "");
	pass(1500);
	assert_string_equal(order, "13");
	pass(5000);
	assert_string_equal(order, "1320");
	assert_true(fake_deadline == UINT64_MAX); /* nothing left, disarmed */
	assert_false(timer_cancel(&timers[0]));
}

static void a_timer_in_the_past_fires_at_once(void **state)
{
	(void)state;
	init_timers();
	fake_ticks = 5000;
	start(0, 10);
	pass(5002);
	assert_string_equal(order, "0");
}

static void a_running_timer_is_moved_or_cancelled(void **state)
{
	(void)state;
	init_timers();
	start(0, 1000);
	start(1, 2000);
	start(0, 3000);
	pass(2500);
	assert_string_equal(order, "1");
	assert_true(timer_cancel(&timers[0]));
	assert_false(timer_cancel(&timers[0]));
	pass(4000);
	assert_string_equal(order, "1");
}

static void restart(struct timer *timer)
{
	fired(timer);
	if (strlen(order) < 5)
		timer_start(timer, 0); /* in the past already */
}

static void a_timer_may_start_itself_again(void **state)
{
	(void)state;
	init_timers();
	timer_init(&timers[0], restart);
	start(0, 100);
	pass(10000);
	assert_string_equal(order, "00000");
}

static void cancel_next(struct timer *timer)
{
	fired(timer);
	(void)timer_cancel(&timers[1]);
}

static void a_timer_may_cancel_one_that_is_due_as_well(void **state)
{
	(void)state;
	init_timers();
	timer_init(&timers[0], cancel_next);
	start(0, 100);
	start(1, 100);
	fake_ticks = 200;
	timer_interrupt();
	assert_string_equal(order, "0");
}

static void a_deadline_hours_away_is_reached(void **state)
{
	uint64_t hours = 10 * 3600 * NSEC_PER_SEC;

	(void)state;
	init_timers();
	start(0, hours);
	assert_true(fake_deadline < hours); /* in steps */
	pass(hours - 1);
	assert_string_equal(order, "");
	pass(hours + 2);
	assert_string_equal(order, "0");
	start(1, UINT64_MAX);
	pass(2 * hours);
	assert_string_equal(order, "0");
	assert_true(timer_cancel(&timers[1]));
}

#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TIMER_TEST(ticks_become_nanoseconds_at_any_frequency),
		TIMER_TEST(the_clock_never_goes_back),
		TIMER_TEST(a_deadline_saturates_and_never_never_comes),
		TIMER_TEST(a_delay_lasts_at_least_as_long),
		TIMER_TEST(timers_fire_in_the_order_of_their_deadlines),
		TIMER_TEST(a_timer_in_the_past_fires_at_once),
		TIMER_TEST(a_running_timer_is_moved_or_cancelled),
		TIMER_TEST(a_timer_may_start_itself_again),
		TIMER_TEST(a_timer_may_cancel_one_that_is_due_as_well),
		TIMER_TEST(a_deadline_hours_away_is_reached),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
