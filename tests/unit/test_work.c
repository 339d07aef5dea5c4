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
	work_run(); /* returns at once */
	work_schedule(work);
}

static void cancel_b(struct work *work)
{
	(void)work;
	note('x');
	assert_true(work_cancel(&b));
}

static int setup(void **state)
{
	order[0] = '\0';
	work_init(&a, run_a);
	work_init(&b, run_b);
	work_init(&c, again_c);
	return port_host_setup(state);
}

static void items_run_once_in_the_order_they_were_queued(void **state)
{
	(void)state;
	assert_false(work_pending());
	assert_true(work_schedule(&b));
	assert_true(work_schedule(&a));
	assert_false(work_schedule(&b));
	assert_true(work_pending());
	work_run();
	assert_string_equal(order, "ba");
	assert_false(work_pending());
	work_run();
	assert_string_equal(order, "ba");
	assert_true(work_schedule(&b));
	work_run();
	assert_string_equal(order, "bab");
}

static void an_item_that_queues_itself_waits_for_the_next_run(void **state)
{
	(void)state;
	work_schedule(&c);
	work_schedule(&a);
	work_run();
	assert_string_equal(order, "ca");
	work_run();
	assert_string_equal(order, "cac");
	assert_true(work_cancel(&c));
	work_run();
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
	work_run();
	assert_string_equal(order, "b");
}

static void an_item_may_cancel_a_later_one_of_the_same_run(void **state)
{
	struct work x;

	(void)state;
	work_init(&x, cancel_b);
	work_schedule(&x);
	work_schedule(&b);
	work_schedule(&a);
	work_run();
	assert_string_equal(order, "xa");
	assert_false(work_pending());
}

#define WORK_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORK_TEST(items_run_once_in_the_order_they_were_queued),
		WORK_TEST(an_item_that_queues_itself_waits_for_the_next_run),
		WORK_TEST(a_cancelled_item_does_not_run),
		WORK_TEST(an_item_may_cancel_a_later_one_of_the_same_run),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
