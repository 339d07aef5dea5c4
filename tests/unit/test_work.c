/* SPDX-License-Identifier: BSD-2-Clause */
/* Bottom halves: each item runs once for each time it was queued, in order, and never nested. */
#include "tests/unit/test.h"
#include "lib/work.h"

static char order[64];
static struct work a, b, c;

static void note(char name)
{
	size_t len = strlen(order);

	order[len] = name;
	order[len + 1] = '\0';
}

static void run_a(struct work *work)
{
	assert_ptr_equal(work, &a);
	note('a');
}

static void run_b(struct work *work)
{
	(void)work;
	note('b');
}

static void again_c(struct work *work)
{
	note('c');
	work_run(&system_wq); /* returns at once */
	work_schedule(work);
}

static void cancel_b(struct work *work)
{
	(void)work;
	note('x');
	assert_true(work_cancel(&b));
}

/* --- a queue of one's own ----------------------------------------------------------------------- */

static struct work_queue own;
static unsigned int wakes;
static bool own_locked;

static unsigned long own_lock(void *arg)
{
	assert_ptr_equal(arg, &own);
	assert_false(own_locked);
	own_locked = true;
	return 42;
}

static void own_unlock(void *arg, unsigned long state)
{
	assert_ptr_equal(arg, &own);
	assert_int_equal(state, 42);
	assert_true(own_locked);
	own_locked = false;
}

static void own_wake(void *arg)
{
	assert_ptr_equal(arg, &own);
	assert_false(own_locked);
	wakes++;
}

static void run_unlocked(struct work *work)
{
	assert_ptr_equal(work->queue, &own);
	assert_false(own_locked);
	note('o');
}

static void a_queue_has_its_owners_lock_and_wakes_him(void **state)
{
	static const struct work_queue_ops ops = {own_lock, own_unlock, own_wake};
	struct work work;

	(void)state;
	work_queue_init(&own, &ops, &own);
	work_init(&work, &own, run_unlocked);
	wakes = 0;
	assert_true(work_schedule(&work));
	assert_false(work_schedule(&work));
	assert_int_equal(wakes, 1);
	assert_true(work_pending(&own));
	assert_false(work_pending(&system_wq));
	work_run(&system_wq);
	assert_string_equal(order, "");
	work_run(&own);
	assert_string_equal(order, "o");
	assert_false(work_pending(&own) || work_cancel(&work));
}

static struct work late;

/* As another thread that is woken for @late while this item runs. */
static void somebody_comes_meanwhile(struct work *work)
{
	(void)work;
	assert_true(work_schedule(&late));
	work_run(&own); /* returns at once */
	note('m');
}

static void who_was_sent_away_is_woken_again(void **state)
{
	static const struct work_queue_ops ops = {own_lock, own_unlock, own_wake};
	struct work work;

	(void)state;
	work_queue_init(&own, &ops, &own);
	work_init(&work, &own, somebody_comes_meanwhile);
	work_init(&late, &own, run_unlocked);
	wakes = 0;
	assert_true(work_schedule(&work));
	work_run(&own);
	assert_string_equal(order, "m");
	assert_int_equal(wakes, 3); /* for each item, and at the end */
	work_run(&own);
	assert_string_equal(order, "mo");
	assert_int_equal(wakes, 3);
}

static int setup(void **state)
{
	order[0] = '\0';
	work_init(&a, &system_wq, run_a);
	work_init(&b, &system_wq, run_b);
	work_init(&c, &system_wq, again_c);
	return port_host_setup(state);
}

static void items_run_once_in_the_order_they_were_queued(void **state)
{
	(void)state;
	assert_false(work_pending(&system_wq));
	assert_true(work_schedule(&b));
	assert_true(work_schedule(&a));
	assert_false(work_schedule(&b));
	assert_true(work_pending(&system_wq));
	work_run(&system_wq);
	assert_string_equal(order, "ba");
	assert_false(work_pending(&system_wq));
	work_run(&system_wq);
	assert_string_equal(order, "ba");
	assert_true(work_schedule(&b));
	work_run(&system_wq);
	assert_string_equal(order, "bab");
}

static void an_item_that_queues_itself_waits_for_the_next_run(void **state)
{
	(void)state;
	work_schedule(&c);
	work_schedule(&a);
	work_run(&system_wq);
	assert_string_equal(order, "ca");
	work_run(&system_wq);
	assert_string_equal(order, "cac");
	assert_true(work_cancel(&c));
	work_run(&system_wq);
	assert_string_equal(order, "cac");
}

static void a_cancelled_item_does_not_run(void **state)
{
	(void)state;
	assert_false(work_cancel(&a));
	work_schedule(&a);
	work_schedule(&b);
	assert_true(work_cancel(&a));
	assert_false(work_cancel(&a));
	work_run(&system_wq);
	assert_string_equal(order, "b");
}

static void an_item_may_cancel_a_later_one_of_the_same_run(void **state)
{
	struct work x;

	(void)state;
	work_init(&x, &system_wq, cancel_b);
	work_schedule(&x);
	work_schedule(&b);
	work_schedule(&a);
	work_run(&system_wq);
	assert_string_equal(order, "xa");
	assert_false(work_pending(&system_wq));
}

#define WORK_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORK_TEST(items_run_once_in_the_order_they_were_queued),
		WORK_TEST(an_item_that_queues_itself_waits_for_the_next_run),
		WORK_TEST(a_cancelled_item_does_not_run),
		WORK_TEST(an_item_may_cancel_a_later_one_of_the_same_run),
		WORK_TEST(a_queue_has_its_owners_lock_and_wakes_him),
		WORK_TEST(who_was_sent_away_is_woken_again),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
