/* SPDX-License-Identifier: BSD-2-Clause */
/* The console driver: every character arrives once and in order, in both directions. */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_console.h"

static struct rig rig;
static struct virtio_console *con;
static struct tty *tty;
static struct refdev_console *ref;

static void start(struct refdev *dev)
{
	ref = refdev_console(dev);
	rig_start(&rig, dev);
	con = virtio_console_find(&test_bus, 0);
	assert_non_null(con);
	tty = virtio_console_tty(con);
	assert_non_null(tty);
}

static void run_machine(void)
{
	struct port_event never;

	port_event_init(&never);
	(void)!port_event_wait(&never, 20 * NSEC_PER_MSEC);
}

static void what_is_written_arrives_in_order(void **state)
{
	static char text[30000];
	struct virtio_console_stats stats;
	uint32_t version;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)('!' + i % 90);
	for (version = 1; version <= 2; version++) {
		start(refdev_console_new(version, 0));
		assert_int_equal(virtio_console_write(con, text, sizeof(text), NSEC_PER_SEC), 0);
		assert_int_equal(ref->output_len, sizeof(text));
		assert_memory_equal(ref->output, text, sizeof(text));
		virtio_console_get_stats(con, &stats);
		assert_int_equal(stats.tx_bytes, sizeof(text));
		rig_end(&rig);
	}
}

static void the_terminal_takes_what_it_has_room_for(void **state)
{
	static char text[100000];
	size_t taken = 0;
	int n;

	(void)state;
	memset(text, 'a', sizeof(text));
	start(refdev_console_new(2, 0));
	rig.dev->hold = true;
	while (taken < sizeof(text) && (n = tty->write(tty, text, sizeof(text) - taken)) > 0)
		taken += (size_t)n;
	assert_in_range(taken, 1, sizeof(text) - 1); /* full, without waiting */
	rig.dev->hold = false;
	run_machine();
	assert_int_equal(ref->output_len, MIN(taken, sizeof(ref->output)));
	assert_true(tty->write(tty, "x", 1) == 1);
	rig_end(&rig);
}

static void draining_waits_until_the_device_has_all(void **state)
{
	(void)state;
	start(refdev_console_new(2, 0));
	assert_int_equal(tty->write(tty, "hello", 5), 5);
	if (tty->drain) {
		tty->drain(tty);
		assert_int_equal(ref->output_len, 5);
	}
	run_machine();
	assert_memory_equal(ref->output, "hello", 5);
	rig_end(&rig);
}

static unsigned int inputs;

static void note_input(void *arg)
{
	assert_ptr_equal(arg, &inputs);
	inputs++;
}

static void what_is_typed_is_read_in_order_and_nothing_is_lost(void **state)
{
	static char back[20000], text[20000];
	size_t typed = 0, got = 0, i;
	uint32_t seed = 77;
	unsigned int rounds = 0;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)(i % 251);
	start(refdev_console_new(2, 0));
	inputs = 0;
	tty->set_input_callback(tty, note_input, &inputs);
	while (got < sizeof(text) && rounds++ < 100000) {
		size_t want = MIN(test_random(&seed) % 200, sizeof(text) - typed);
		int n;

		typed += refdev_console_input(rig.dev, text + typed, want);
		run_machine();
		n = tty->read(tty, back + got, MIN(test_random(&seed) % 150, sizeof(back) - got));
		assert_true(n >= 0);
		got += (size_t)n;
	}
	assert_int_equal(got, sizeof(text));
	assert_memory_equal(back, text, sizeof(text));
	assert_true(inputs > 0);
	assert_int_equal(tty->read(tty, back, 10), 0);
	rig_end(&rig);
}

static void type_hello(void *arg)
{
	assert_int_equal(refdev_console_input(arg, "hello", 5), 5);
}

static void a_reader_waits_for_the_first_byte(void **state)
{
	uint32_t version;
	uint64_t begin;
	char back[8];

	(void)state;
	for (version = 1; version <= 2; version++) {
		start(refdev_console_new(version, 0));
		assert_int_equal(virtio_console_read(con, back, 8, NSEC_PER_SEC), -ETIMEDOUT);
		begin = port_now_ns();
		port_host_after(305 * NSEC_PER_MSEC, type_hello, rig.dev);
		assert_int_equal(virtio_console_read(con, back, 3, NSEC_PER_SEC), 3);
		assert_in_range(port_now_ns() - begin, 305 * NSEC_PER_MSEC, 307 * NSEC_PER_MSEC);
		assert_int_equal(virtio_console_read(con, back + 3, 5, NSEC_PER_SEC), 2);
		assert_memory_equal(back, "hello", 5);
		rig_end(&rig);
	}
}

/* What had come is still read. */
static void a_reader_of_a_console_that_is_given_up_gets_an_error(void **state)
{
	char back[8];

	(void)state;
	start(refdev_console_new(2, 0));
	assert_int_equal(refdev_console_input(rig.dev, "abc", 3), 3);
	run_machine();
	rig.dev->lies.refuse_features = true;
	refdev_needs_reset(rig.dev);
	run_machine();
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(virtio_console_read(con, back, 8, NSEC_PER_SEC), 3);
	assert_int_equal(virtio_console_read(con, back, 8, NSEC_PER_SEC), -EIO);
	rig_end(&rig);
}

static void the_size_follows_the_device(void **state)
{
	(void)state;
	start(refdev_console_new(2, BIT_ULL(REF_CONSOLE_F_SIZE)));
	assert_int_equal(tty->cols, 80);
	assert_int_equal(tty->rows, 25);
	refdev_console_resize(rig.dev, 132, 43);
	refdev_pump();
	assert_int_equal(tty->cols, 132);
	assert_int_equal(tty->rows, 43);
	rig_end(&rig);
	start(refdev_console_new(2, 0));
	assert_int_equal(tty->cols, 0);
	rig_end(&rig);
}

static void an_emergency_write_goes_through_config_space(void **state)
{
	(void)state;
	start(refdev_console_new(2, BIT_ULL(REF_CONSOLE_F_EMERG_WRITE)));
	assert_non_null(tty->write_panic);
	tty->write_panic(tty, "help", 4);
	assert_int_equal(ref->emergency_len, 4);
	assert_memory_equal(ref->emergency, "help", 4);
	rig_end(&rig);
}

static void a_device_that_takes_nothing_is_a_timeout(void **state)
{
	(void)state;
	start(refdev_console_new(2, 0));
	rig.dev->hold = true;
	assert_int_equal(virtio_console_write(con, "abc", 3, NSEC_PER_SEC), -ETIMEDOUT);
	rig_end(&rig);
}

static void a_device_that_lies_is_an_error(void **state)
{
	enum refdev_lie lie;
	unsigned int queue;
	char c;

	(void)state;
	for (queue = 0; queue < 2; queue++) {
		for (lie = LIE_ID_RANGE; lie <= LIE_IDX_BACK; lie++) {
			int err = 0;
			unsigned int i;

			start(refdev_console_new(2, 0));
			rig.dev->queues[queue].lie = lie;
			rig.dev->lies.refuse_features = true; /* else test_recovery.c */
			if (queue == 0)
				refdev_console_input(rig.dev, "x", 1);
			for (i = 0; i < 20 && !err; i++)
				err = virtio_console_write(con, "abc", 3, NSEC_PER_SEC);
			run_machine();
			if (queue == 1)
				assert_int_equal(err, -EIO);
			assert_true(tty->read(tty, &c, 1) <= 1);
			rig_end(&rig);
			if (violation_count())
				fail_msg("queue %u lie %d: %s", queue, lie, violation_first());
		}
	}
}

static void removal_gives_everything_back(void **state)
{
	(void)state;
	start(refdev_console_new(2, 0));
	rig.dev->hold = true;
	assert_int_equal(tty->write(tty, "abc", 3), 3);
	rig_end(&rig);
	assert_null(virtio_console_find(&test_bus, 0));
	assert_int_equal(port_host_live(), 0);
}

static struct refdev *make_modern(void)
{
	return refdev_console_new(2, BIT_ULL(REF_CONSOLE_F_SIZE));
}

static struct refdev *make_legacy(void)
{
	return refdev_console_new(1, BIT_ULL(REF_CONSOLE_F_SIZE));
}

static void running_out_of_memory_in_probe_is_survived(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make_modern), 3, 30);
	assert_in_range(rig_starve(make_legacy), 3, 30);
	(void)rig_starve_maps(make_modern);
}

static int init(void **state)
{
	(void)state;
	(void)virtio_console_init(&test_bus);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_arrives_in_order),
		TEST(the_terminal_takes_what_it_has_room_for),
		TEST(draining_waits_until_the_device_has_all),
		TEST(what_is_typed_is_read_in_order_and_nothing_is_lost),
		TEST(a_reader_waits_for_the_first_byte),
		TEST(a_reader_of_a_console_that_is_given_up_gets_an_error),
		TEST(the_size_follows_the_device),
		TEST(an_emergency_write_goes_through_config_space),
		TEST(a_device_that_takes_nothing_is_a_timeout),
		TEST(a_device_that_lies_is_an_error),
		TEST(removal_gives_everything_back),
		TEST(running_out_of_memory_in_probe_is_survived),
	};

	return cmocka_run_group_tests_name("virtio_console", tests, init, NULL);
}
