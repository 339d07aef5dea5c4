/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt core on a controller of the test's own. */
#include <arch/cpu.h>
#include "tests/unit/test.h"
#include "lib/irq.h"

/* --- a controller whose pending lines are a queue ------------------------------------------------ */

static int pending[256];
static unsigned int pending_count, pending_next, ended;
static unsigned int enabled[IRQ_LPI_FIRST + IRQ_LPIS];
static unsigned int types[IRQ_LPI_FIRST + IRQ_LPIS];

static int fake_acknowledge(void)
{
	return pending_next < pending_count ? pending[pending_next++] : IRQ_SPURIOUS;
}

static void fake_end(int irq)
{
	(void)irq;
	ended++;
}

static void fake_enable(int irq)
{
	enabled[irq] = 1;
}

static void fake_disable(int irq)
{
	enabled[irq] = 0;
}

static int fake_set_type(int irq, unsigned int trigger)
{
	if (trigger == IRQF_TRIGGER_LOW)
		return -EINVAL;
	types[irq] = trigger;
	return 0;
}

static const struct irq_chip fake_chip = {
	.name = "fake",
	.acknowledge = fake_acknowledge,
	.end = fake_end,
	.enable = fake_enable,
	.disable = fake_disable,
	.set_type = fake_set_type,
};

static void raise_line(int irq)
{
	pending[pending_count++] = irq;
}

/* As the exception vector does, with IRQs masked. */
static void take(void)
{
	/* As a CPU does: again while a line is pending. */
	do {
		unsigned long state = irq_save();

		irq_handle();
		irq_restore(state);
	} while (pending_next < pending_count);
	if (pending_next == pending_count)
		pending_next = pending_count = 0;
}

static int setup(void **state)
{
	irq_set_chip(&fake_chip);
	pending_next = pending_count = ended = 0;
	return port_host_setup(state);
}

/* --- handlers ---------------------------------------------------------------------------------- */

struct sharer {
	irqreturn_t answer;
	unsigned int calls;
};

static irqreturn_t handler(int irq, void *dev_id)
{
	struct sharer *sharer = dev_id;

	(void)irq;
	assert_true(in_interrupt());
	sharer->calls++;
	return sharer->answer;
}

static void a_line_reaches_its_handler(void **state)
{
	struct sharer a = {IRQ_HANDLED, 0};
	struct irq_stats before = irq_get_stats(40);

	(void)state;
	assert_int_equal(request_irq(40, handler, IRQF_TRIGGER_HIGH, "a", &a), 0);
	assert_int_equal(enabled[40], 1);
	assert_int_equal(types[40], IRQF_TRIGGER_HIGH);
	raise_line(40);
	raise_line(40);
	take();
	assert_int_equal(a.calls, 2);
	assert_int_equal(ended, 2);
	assert_false(in_interrupt());
	assert_int_equal(irq_get_stats(40).count, before.count + 2);
	assert_int_equal(irq_get_stats(40).unhandled, before.unhandled);
	assert_int_equal(free_irq(40, &a), 0);
	assert_int_equal(enabled[40], 0);
}

static void sharers_are_all_asked(void **state)
{
	struct sharer a = {IRQ_NONE, 0}, b = {IRQ_HANDLED, 0}, c = {IRQ_HANDLED, 0};
	unsigned int flags = IRQF_SHARED | IRQF_TRIGGER_RISING;
	struct irq_stats before = irq_get_stats(41);

	(void)state;
	assert_int_equal(request_irq(41, handler, flags, "a", &a), 0);
	assert_int_equal(request_irq(41, handler, flags, "b", &b), 0);
	assert_int_equal(request_irq(41, handler, flags, "c", &c), 0);
	raise_line(41);
	take();
	assert_int_equal(a.calls + b.calls + c.calls, 3);
	assert_int_equal(irq_get_stats(41).unhandled, before.unhandled);
	assert_int_equal(free_irq(41, &b), 0);
	assert_int_equal(enabled[41], 1); /* others are left */
	raise_line(41);
	take();
	assert_int_equal(b.calls, 1);
	assert_int_equal(c.calls, 2);
	assert_int_equal(free_irq(41, &a), 0);
	assert_int_equal(free_irq(41, &c), 0);
	assert_int_equal(enabled[41], 0);
}

static void a_line_is_shared_only_by_those_who_agree(void **state)
{
	struct sharer a = {IRQ_HANDLED, 0}, b = {IRQ_HANDLED, 0};

	(void)state;
	assert_int_equal(request_irq(42, handler, 0, "a", &a), 0);
	assert_int_equal(request_irq(42, handler, 0, "b", &b), -EBUSY);
	assert_int_equal(request_irq(42, handler, IRQF_SHARED, "b", &b), -EBUSY);
	assert_int_equal(free_irq(42, &a), 0);
	assert_int_equal(request_irq(42, handler, IRQF_SHARED | IRQF_TRIGGER_HIGH, "a", &a), 0);
	assert_int_equal(request_irq(42, handler, IRQF_SHARED | IRQF_TRIGGER_RISING, "b", &b),
			 -EBUSY);
	assert_int_equal(request_irq(42, handler, IRQF_SHARED | IRQF_TRIGGER_HIGH, "a", &a),
			 -EINVAL); /* the same device twice */
	assert_int_equal(free_irq(42, &b), -ENOENT);
	assert_int_equal(free_irq(42, &a), 0);
	assert_int_equal(free_irq(42, &a), -ENOENT);
}

static void bad_arguments_are_refused(void **state)
{
	struct sharer a = {IRQ_HANDLED, 0};

	(void)state;
	assert_int_equal(request_irq(-1, handler, 0, "a", &a), -EINVAL);
	assert_int_equal(request_irq(IRQ_LINES, handler, 0, "a", &a), -EINVAL);
	assert_int_equal(request_irq(43, NULL, 0, "a", &a), -EINVAL);
	assert_int_equal(request_irq(43, handler, 0x40, "a", &a), -EINVAL);
	assert_int_equal(request_irq(43, handler, IRQF_TRIGGER_HIGH | IRQF_TRIGGER_RISING, "a", &a),
			 -EINVAL);
	assert_int_equal(request_irq(43, handler, IRQF_TRIGGER_LOW, "a", &a), -EINVAL);
	assert_int_equal(enabled[43], 0); /* the controller could not */
	for (int i = 0; i < 5000; i++)	  /* and nothing is used up by that */
		assert_int_equal(request_irq(43, handler, IRQF_TRIGGER_LOW, "a", &a), -EINVAL);
	assert_int_equal(free_irq(-1, &a), -ENOENT);
	assert_int_equal(free_irq(IRQ_LINES, &a), -ENOENT);
	assert_int_equal(irq_get_stats(-1).count, 0);
	assert_int_equal(irq_get_stats(IRQ_LINES).count, 0);
}

static void an_interrupt_that_nobody_claims_is_counted(void **state)
{
	struct sharer a = {IRQ_NONE, 0};
	struct irq_stats before = irq_get_stats(44);
	unsigned long spurious = irq_spurious_count();

	(void)state;
	raise_line(44); /* no handler at all */
	take();
	assert_int_equal(request_irq(44, handler, 0, "a", &a), 0);
	raise_line(44);
	take();
	assert_int_equal(irq_get_stats(44).unhandled, before.unhandled + 2);
	assert_int_equal(irq_spurious_count(), spurious);
	take(); /* withdrawn before it was acknowledged */
	assert_int_equal(irq_spurious_count(), spurious + 1);
	assert_int_equal(free_irq(44, &a), 0);
}

static void a_line_that_nobody_claims_for_ever_is_masked(void **state)
{
	struct sharer a = {IRQ_NONE, 0};
	unsigned int i;

	(void)state;
	assert_int_equal(request_irq(45, handler, 0, "screamer", &a), 0);
	for (i = 0; i < 1000000 && enabled[45]; i++) {
		raise_line(45);
		take();
	}
	assert_int_equal(enabled[45], 0);
	assert_true(i >= 1000); /* but not at the first doubt */
	assert_int_equal(free_irq(45, &a), 0);
}

/* More than one at a time would cost a look at the controller after each that finds nothing. */
static void one_exception_serves_one_interrupt(void **state)
{
	struct sharer a = {IRQ_HANDLED, 0};
	unsigned long spurious = irq_spurious_count(), flags = irq_save();

	(void)state;
	assert_int_equal(request_irq(46, handler, 0, "a", &a), 0);
	raise_line(46);
	raise_line(46);
	irq_handle();
	assert_int_equal(a.calls, 1);
	assert_int_equal(ended, 1);
	irq_handle();
	assert_int_equal(a.calls, 2);
	irq_restore(flags);
	assert_int_equal(irq_spurious_count(), spurious);
	assert_int_equal(free_irq(46, &a), 0);
}

/* The second range: its first and its last line, and no neighbour of either. */
static void message_lines_are_lines_like_others(void **state)
{
	const int first = IRQ_LPI_FIRST, last = IRQ_LPI_FIRST + IRQ_LPIS - 1;
	struct sharer a = {IRQ_HANDLED, 0}, b = {IRQ_HANDLED, 0}, c = {IRQ_HANDLED, 0};
	unsigned long spurious = irq_spurious_count();

	(void)state;
	assert_int_equal(request_irq(first, handler, IRQF_TRIGGER_RISING, "a", &a), 0);
	assert_int_equal(request_irq(last, handler, IRQF_TRIGGER_RISING, "b", &b), 0);
	assert_int_equal(request_irq(IRQ_LINES - 1, handler, 0, "c", &c), 0);
	assert_int_equal(types[first], IRQF_TRIGGER_RISING);
	assert_int_equal(enabled[first] + enabled[last], 2);
	raise_line(first);
	raise_line(last);
	raise_line(last);
	take();
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 2);
	assert_int_equal(c.calls, 0);
	assert_int_equal(ended, 3);
	assert_int_equal(irq_get_stats(first).count, 1);
	assert_int_equal(irq_get_stats(last).count, 2);
	assert_int_equal(irq_get_stats(last + 1).count, 0);
	assert_int_equal(irq_get_stats(0).count + irq_get_stats(IRQ_LINES - 1).count, 0);
	/* What lies between the ranges, and behind them, is nobody's. */
	raise_line(IRQ_LINES);
	raise_line(first - 1);
	raise_line(last + 1);
	take();
	assert_int_equal(irq_spurious_count(), spurious + 3);
	assert_int_equal(ended, 3);
	assert_int_equal(request_irq(first - 1, handler, 0, "a", &a), -EINVAL);
	assert_int_equal(request_irq(last + 1, handler, 0, "a", &a), -EINVAL);
	assert_int_equal(free_irq(last + 1, &b), -ENOENT);
	assert_int_equal(free_irq(first, &a) + free_irq(last, &b), 0);
	assert_int_equal(free_irq(IRQ_LINES - 1, &c), 0);
	assert_int_equal(enabled[first] + enabled[last], 0);
}

static irqreturn_t free_myself(int irq, void *dev_id)
{
	((struct sharer *)dev_id)->calls++;
	(void)irq;
	return IRQ_HANDLED;
}

static void count_visit(int irq, const char *name, void *arg)
{
	int *last = arg;

	assert_true(irq >= *last);
	assert_non_null(name);
	*last = irq;
}

static void handlers_are_visited_in_the_order_of_lines(void **state)
{
	struct sharer a = {IRQ_HANDLED, 0}, b = {IRQ_HANDLED, 0}, c = {IRQ_HANDLED, 0};
	int last = -1;

	(void)state;
	assert_string_equal(irq_chip_name(), "fake");
	assert_int_equal(request_irq(60, free_myself, 0, "b", &b), 0);
	assert_int_equal(request_irq(50, free_myself, 0, "a", &a), 0);
	assert_int_equal(request_irq(IRQ_LPI_FIRST + 3, free_myself, 0, "c", &c), 0);
	irq_for_each(count_visit, &last);
	assert_int_equal(last, IRQ_LPI_FIRST + 3);
	assert_int_equal(free_irq(IRQ_LPI_FIRST + 3, &c), 0);
	assert_int_equal(free_irq(60, &b), 0);
	assert_int_equal(free_irq(50, &a), 0);
}

/* The visitor may wait, and what it waits for may take handlers away. */
static void visit_and_free(int irq, const char *name, void *arg)
{
	static char other;

	assert_int_equal(irq, 50);
	assert_string_equal(name, "first");
	assert_int_equal(free_irq(50, arg), 0);
	/* One that is no longer on any line stands before others that are free. */
	assert_int_equal(request_irq(40, handler, 0, "other", &other), 0);
	assert_int_equal(free_irq(40, &other), 0);
}

static void a_handler_may_go_while_it_is_visited(void **state)
{
	static char ids[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(request_irq(30, handler, IRQF_SHARED, "stale", &ids[i]), 0);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(free_irq(30, &ids[i]), 0);
	assert_int_equal(request_irq(50, handler, 0, "first", ids), 0);
	irq_for_each(visit_and_free, ids);
}

static void handlers_run_out_and_come_back(void **state)
{
	static char ids[4096];
	unsigned int n = 0, i;

	(void)state;
	while (n < sizeof(ids) &&
	       request_irq((int)(n % 1000), handler, IRQF_SHARED, "x", &ids[n]) == 0)
		n++;
	assert_in_range(n, 64, sizeof(ids) - 1);
	assert_int_equal(request_irq(5, handler, IRQF_SHARED, "x", ids + sizeof(ids) - 1), -ENOMEM);
	for (i = 0; i < n; i++)
		assert_int_equal(free_irq((int)(i % 1000), &ids[i]), 0);
	assert_int_equal(request_irq(5, handler, 0, "x", ids), 0);
	assert_int_equal(free_irq(5, ids), 0);
}

#define IRQ_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IRQ_TEST(a_line_reaches_its_handler),
		IRQ_TEST(sharers_are_all_asked),
		IRQ_TEST(a_line_is_shared_only_by_those_who_agree),
		IRQ_TEST(bad_arguments_are_refused),
		IRQ_TEST(an_interrupt_that_nobody_claims_is_counted),
		IRQ_TEST(a_line_that_nobody_claims_for_ever_is_masked),
		IRQ_TEST(one_exception_serves_one_interrupt),
		IRQ_TEST(message_lines_are_lines_like_others),
		IRQ_TEST(handlers_are_visited_in_the_order_of_lines),
		IRQ_TEST(a_handler_may_go_while_it_is_visited),
		IRQ_TEST(handlers_run_out_and_come_back),
	};

	return cmocka_run_group_tests_name("irq", tests, NULL, NULL);
}
