/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers without interrupts: a disk and a console of which the caller looks himself what the device has
 * finished. On every kind of ring.
 */
#include "lib/work.h"
#include "tests/unit/recovery_rig.h"

static unsigned long queue_interrupts(unsigned int queue)
{
	return rig.dev->queues[queue].interrupts;
}

/* --- disk ----------------------------------------------------------------------------------- */

/* Lets the device work and looks, until @n requests are over. */
static void look_until(unsigned int n)
{
	for (unsigned int i = 0; i < 10000 && all_done < n; i++) {
		refdev_pump();
		virtio_blk_poll(blk);
	}
}

static void requests_end_in_the_look_alone(void **state)
{
	static uint8_t buf[512];

	(void)state;
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		start_disk(kind);
		virtio_blk_set_polled(blk, true);
		submit(0, REQUESTS);
		refdev_pump();
		assert_int_equal(all_done, 0);
		assert_int_equal(virtio_blk_read(blk, 0, buf, 1, SECONDS(1)), -EBUSY);
		virtio_blk_poll(blk);
		assert_true(all_done > 0);
		look_until(REQUESTS);
		assert_all_done(REQUESTS, 0);
		assert_int_equal(queue_interrupts(0), 0);
		virtio_blk_set_polled(blk, false);
		assert_disk_works();
		assert_true(queue_interrupts(0) > 0);
		rig_end(&rig);
	}
}

/* What is finished at the moment of the change is found, whichever way it goes. */
static void nothing_is_lost_when_polling_begins_or_ends(void **state)
{
	(void)state;
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		start_disk(kind);
		virtio_blk_set_polled(blk, true);
		submit(0, 40);
		refdev_pump();
		assert_int_equal(all_done, 0);
		virtio_blk_set_polled(blk, false);
		assert_all_done(40, 0);

		rig.dev->hold = true;
		submit(40, 80);
		virtio_blk_set_polled(blk, true);
		rig.dev->hold = false;
		refdev_release(rig.dev);
		refdev_pump();
		assert_int_equal(all_done, 40);
		look_until(80);
		assert_all_done(80, 0);
		rig_end(&rig);
	}
}

/* Neither the reset nor the new start asks for interrupts. */
static void a_polled_disk_recovers(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) { /* a legacy device cannot ask */
		start_disk(kind);
		virtio_blk_set_polled(blk, true);
		rig.dev->hold = true;
		submit(0, REQUESTS);
		ask_for_reset();
		rig.dev->hold = false;
		run_machine();
		assert_int_equal(all_done, 0);
		look_until(REQUESTS);
		assert_all_done(REQUESTS, 0);
		assert_recovered(1);
		assert_int_equal(queue_interrupts(0), 0);
		rig_end(&rig);
	}
}

static void a_look_at_a_disk_with_interrupts_leaves_them_on(void **state)
{
	(void)state;
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		start_disk(kind);
		rig.dev->lies.no_interrupts = true;
		submit(0, 40);
		refdev_pump();
		assert_int_equal(all_done, 0);
		virtio_blk_poll(blk);
		assert_all_done(40, 0);
		rig.dev->lies.no_interrupts = false;
		assert_disk_works();
		rig_end(&rig);
	}
}

/* --- console -------------------------------------------------------------------------------- */

/* While a writer polls, only the work items that it lets run can move the clock and the device. */
static struct work ticker;
static bool typed_later;

static void tick(struct work *work)
{
	port_host_advance(NSEC_PER_MSEC);
	refdev_pump();
	if (typed_later)
		typed_later = refdev_console_input(rig.dev, "later", 5) != 5;
	work_schedule(work);
}

static void start_polled_console(enum kind kind)
{
	start_console(kind);
	virtio_console_set_polled(con, true);
	work_init(&ticker, &system_wq, tick);
	work_schedule(&ticker);
}

static void end_polled_console(void)
{
	virtio_console_set_polled(con, false);
	work_cancel(&ticker);
	assert_console_works();
	rig_end(&rig);
}

/* More than the buffers hold: the writer looks for those that are free again. */
static void what_is_written_arrives_without_an_interrupt(void **state)
{
	static char text[20000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i % 90);
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		start_polled_console(kind);
		assert_int_equal(virtio_console_write(con, text, sizeof(text), SECONDS(1)), 0);
		assert_int_equal(refdev_console(rig.dev)->output_len, sizeof(text));
		assert_memory_equal(refdev_console(rig.dev)->output, text, sizeof(text));
		assert_int_equal(queue_interrupts(1), 0);
		end_polled_console();
	}
}

static void count_input(void *arg)
{
	++*(unsigned int *)arg;
}

static void what_is_typed_is_read_without_an_interrupt(void **state)
{
	unsigned int inputs = 0;
	char back[8];

	(void)state;
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		start_polled_console(kind);
		tty->set_input_callback(tty, count_input, &inputs);
		assert_int_equal(refdev_console_input(rig.dev, "abc", 3), 3);
		refdev_pump();
		assert_int_equal(queue_interrupts(0) + inputs, 0);
		assert_int_equal(tty->read(tty, back, sizeof(back)), 3);
		assert_memory_equal(back, "abc", 3);

		/* What comes just before the end is told at the end. */
		assert_int_equal(refdev_console_input(rig.dev, "de", 2), 2);
		virtio_console_set_polled(con, false);
		assert_int_equal(inputs, 1);
		assert_int_equal(tty->read(tty, back, sizeof(back)), 2);
		tty->set_input_callback(tty, NULL, NULL);
		inputs = 0;
		end_polled_console();
	}
}

/* What was typed before and after the wait has begun; and nothing at all. */
static void input_is_waited_for_without_an_interrupt(void **state)
{
	char back[8];

	(void)state;
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		start_polled_console(kind);
		assert_int_equal(refdev_console_input(rig.dev, "abc", 3), 3);
		assert_int_equal(virtio_console_read(con, back, 2, SECONDS(1)), 2);
		assert_int_equal(virtio_console_read(con, back + 2, 5, SECONDS(1)), 1);
		assert_memory_equal(back, "abc", 3);
		typed_later = true;
		assert_int_equal(virtio_console_read(con, back, 8, SECONDS(1)), 5);
		assert_memory_equal(back, "later", 5);
		assert_int_equal(virtio_console_read(con, back, 8, SECONDS(1)), -ETIMEDOUT);
		assert_int_equal(queue_interrupts(0), 0);
		end_polled_console();
	}
}

static void a_polled_console_that_takes_nothing_is_a_timeout(void **state)
{
	(void)state;
	for (enum kind kind = LEGACY; kind < ALL_KINDS; kind++) {
		uint64_t begin = port_now_ns();

		start_polled_console(kind);
		rig.dev->hold = true;
		assert_int_equal(virtio_console_write(con, "abc", 3, SECONDS(1)), -ETIMEDOUT);
		assert_in_range(port_now_ns() - begin, SECONDS(1), SECONDS(2));
		rig.dev->hold = false;
		refdev_release(rig.dev);
		refdev_pump();
		assert_int_equal(refdev_console(rig.dev)->output_len, 3);
		end_polled_console();
	}
}

static void a_polled_console_recovers(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		start_polled_console(kind);
		rig.dev->hold = true;
		assert_int_equal(tty->write(tty, "abc", 3), 3);
		ask_for_reset();
		rig.dev->hold = false;
		assert_int_equal(virtio_console_write(con, "def", 3, SECONDS(1)), 0);
		assert_int_equal(refdev_console(rig.dev)->output_len, 6);
		assert_memory_equal(refdev_console(rig.dev)->output, "abcdef", 6);
		assert_recovered(1);
		assert_int_equal(queue_interrupts(0) + queue_interrupts(1), 0);
		end_polled_console();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_end_in_the_look_alone),
		TEST(nothing_is_lost_when_polling_begins_or_ends),
		TEST(a_polled_disk_recovers),
		TEST(a_look_at_a_disk_with_interrupts_leaves_them_on),
		TEST(what_is_written_arrives_without_an_interrupt),
		TEST(what_is_typed_is_read_without_an_interrupt),
		TEST(input_is_waited_for_without_an_interrupt),
		TEST(a_polled_console_that_takes_nothing_is_a_timeout),
		TEST(a_polled_console_recovers),
	};

	return cmocka_run_group_tests_name("polled", tests, recovery_rig_init, NULL);
}
