/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminals: line ends, patience with a slow device, and an end to it with a dead one. */
#include "tests/unit/test.h"
#include "tests/unit/fake_timer.h"
#include "lib/tty.h"

static char out[4096];
static size_t out_len;
static int mode; /* at most so many bytes a call; 0: none; negative: an error */
static unsigned int refusals;

static int fake_write(struct tty *tty, const char *buf, size_t len)
{
	size_t n;

	(void)tty;
	if (mode < 0)
		return mode;
	if (refusals) {
		refusals--;
		return 0;
	}
	n = MIN(len, (size_t)mode);
	memcpy(out + out_len, buf, n);
	out_len += n;
	out[out_len] = '\0';
	return (int)n;
}

static struct tty tty = {.name = "fake", .write = fake_write};

static int setup(void **state)
{
	out_len = 0;
	out[0] = '\0';
	mode = 1000;
	refusals = 0;
	fake_step = NSEC_PER_MSEC;
	timer_set_device(&fake_timer);
	return port_host_setup(state);
}

static void a_line_feed_becomes_cr_lf(void **state)
{
	(void)state;
	assert_int_equal(tty_write_all(&tty, "a\nb\n\nc", 6), 0);
	assert_string_equal(out, "a\r\nb\r\n\r\nc");
	out_len = 0;
	assert_int_equal(tty_write_all(&tty, "\n", 1), 0);
	assert_string_equal(out, "\r\n");
	out_len = 0;
	assert_int_equal(tty_write_all(&tty, "", 0), 0);
	assert_int_equal(out_len, 0);
}

static void a_device_that_takes_a_byte_at_a_time_gets_all(void **state)
{
	(void)state;
	mode = 1;
	assert_int_equal(tty_write_all(&tty, "hello\nworld\n", 12), 0);
	assert_string_equal(out, "hello\r\nworld\r\n");
}

static void a_device_that_is_busy_for_a_while_is_awaited(void **state)
{
	(void)state;
	refusals = 300;
	assert_int_equal(tty_write_all(&tty, "x", 1), 0);
	assert_string_equal(out, "x");
}

static void a_device_without_progress_is_given_up_after_a_second(void **state)
{
	uint64_t begin = fake_ticks;

	(void)state;
	mode = 0;
	assert_int_equal(tty_write_all(&tty, "x", 1), -ETIMEDOUT);
	assert_in_range(fake_ticks - begin, NSEC_PER_SEC, 2 * NSEC_PER_SEC);
}

static void a_device_that_is_gone_is_an_error(void **state)
{
	(void)state;
	mode = -ENODEV;
	assert_int_equal(tty_write_all(&tty, "x", 1), -EIO);
}

static void the_system_terminal_is_the_one_that_was_set(void **state)
{
	(void)state;
	tty_set_system(&tty);
	assert_ptr_equal(tty_system(), &tty);
	tty_set_system(NULL);
	assert_null(tty_system());
}

#define TTY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TTY_TEST(a_line_feed_becomes_cr_lf),
		TTY_TEST(a_device_that_takes_a_byte_at_a_time_gets_all),
		TTY_TEST(a_device_that_is_busy_for_a_while_is_awaited),
		TTY_TEST(a_device_without_progress_is_given_up_after_a_second),
		TTY_TEST(a_device_that_is_gone_is_an_error),
		TTY_TEST(the_system_terminal_is_the_one_that_was_set),
	};

	return cmocka_run_group_tests_name("tty", tests, NULL, NULL);
}
