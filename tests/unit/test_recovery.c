/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery: devices that ask for a reset or fall silent with requests in flight, or come back as another
 * device. Whatever they do, every request ends exactly once, data is what it was, and the device works
 * again or is given up. Those that lie: test_recovery_matrix.c.
 */
#include "tests/unit/recovery_rig.h"
#include "lib/work.h"

/* --- disk ----------------------------------------------------------------------------------- */

/* Half of the requests are finished, and nobody knows it yet, when the device asks for a reset. */
static void what_was_finished_before_the_reset_is_not_asked_again(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < KINDS; kind++) {
		start_disk(kind);
		rig.dev->lies.no_interrupts = true;
		submit(0, 60);
		refdev_pump();
		assert_int_equal(all_done, 0);
		rig.dev->hold = true;
		submit(60, REQUESTS);
		refdev_lose_interrupts(rig.dev); /* the one for the queue */
		rig.dev->lies.no_interrupts = false;
		ask_for_reset();
		assert_int_equal(all_done, 0);
		rig.dev->hold = false;
		run_machine();
		assert_all_done(REQUESTS, 0);
		assert_int_equal(disk->reads + disk->writes + disk->flushes, REQUESTS);
		assert_recovered(1);
		rig_end(&rig);
	}
}

/* Heads and ids of the ring are in no order after answers in reverse; the requests are. */
static unsigned int turn[REQUESTS];

static void count_in_turn(struct virtio_blk_request *req)
{
	assert_ptr_equal(req, &requests[turn[all_done]]);
	all_done++;
}

/* Submits a write from each request, every @step-th after the other. All go to the same place. */
static void submit_in_turn(unsigned int step)
{
	all_done = 0;
	for (unsigned int i = 0; i < REQUESTS; i++) {
		turn[i] = i * step % REQUESTS;
		memset(buffers[turn[i]], (int)i, 512);
		assert_int_equal(virtio_blk_submit(blk, &requests[turn[i]]), 0);
	}
}

static void requests_are_sent_again_in_their_order(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * KINDS - 1; i++) {
		/* Without a DMA backend the driver keeps descriptors ready. */
		if (i < KINDS)
			start_disk((enum kind)i);
		else
			start_direct_disk((enum kind)(SPLIT + i - KINDS));
		disk->reverse = true;
		submit(0, 100);
		run_machine();
		disk->reverse = false;
		for (unsigned int n = 0; n < REQUESTS; n++)
			requests[n] = (struct virtio_blk_request){.op = VIRTIO_BLK_WRITE,
								  .sector = 3,
								  .buf = buffers[n],
								  .sectors = 1,
								  .done = count_in_turn};
		submit_in_turn(1);
		run_machine();
		assert_int_equal(all_done, REQUESTS);

		/* The same once more, so that the driver need not make them ready. */
		rig.dev->hold = true;
		submit_in_turn(7);
		rig.dev->queues[0].lie = LIE_ID_RANGE;
		rig.dev->hold = false;
		run_machine();
		assert_int_equal(all_done, REQUESTS);
		assert_memory_equal(disk->disk + 3 * 512, buffers[turn[REQUESTS - 1]], 512);
		assert_recovered(1);
		rig_end(&rig);
	}
}

static void requests_that_come_during_recovery_wait_for_its_end(void **state)
{
	static uint8_t data[8 * 512];

	(void)state;
	start_disk(SPLIT);
	ask_for_reset();
	submit(0, REQUESTS);
	assert_int_equal(rig.dev->queues[0].popped, 0);
	run_machine();
	assert_all_done(REQUESTS, 0);
	assert_recovered(1);
	ask_for_reset();
	assert_int_equal(virtio_blk_read(blk, 8, data, 8, SECONDS(1)), 0);
	assert_memory_equal(data, disk->disk + 8 * 512, sizeof(data));
	assert_recovered(2);
	rig_end(&rig);
}

/* The caller's buffer is his again when the call returns; others' requests go on. */
static void a_timeout_takes_back_the_callers_buffer_alone(void **state)
{
	static uint8_t data[8 * 512], before[8 * 512];
	uint64_t begin;

	(void)state;
	for (enum kind kind = LEGACY; kind < KINDS; kind++) {
		start_disk(kind);
		rig.dev->hold = true;
		submit(0, 50);
		begin = port_now_ns();
		assert_int_equal(virtio_blk_read(blk, 0, data, 8, SECONDS(2)), -ETIMEDOUT);
		assert_in_range(port_now_ns() - begin, SECONDS(2), SECONDS(2) + NSEC_PER_SEC / 10);
		assert_recovered(1);
		assert_int_equal(all_done, 0);
		memcpy(before, data, sizeof(data));
		rig.dev->hold = false;
		refdev_release(rig.dev);
		run_machine();
		assert_memory_equal(data, before, sizeof(data));
		assert_all_done(50, 0);
		assert_disk_works();
		rig_end(&rig);
	}
}

static void a_disk_that_fails_again_and_again_is_given_up(void **state)
{
	(void)state;
	start_disk(SPLIT);
	rig.dev->hold = true;
	submit(0, REQUESTS);
	for (unsigned int i = 1; i <= VIRTIO_RECOVERY_MAX; i++) {
		ask_for_reset();
		run_machine();
		assert_recovered(i);
		assert_int_equal(all_done, 0);
	}
	ask_for_reset();
	run_machine();
	assert_given_up(-EIO);
	assert_int_equal(rig.vdev->recoveries, VIRTIO_RECOVERY_MAX);
	assert_all_done(REQUESTS, -EIO);
	assert_int_equal(virtio_blk_submit(blk, &requests[0]), -EIO);
	rig_end(&rig);
}

static void failures_far_apart_are_all_recovered(void **state)
{
	(void)state;
	start_disk(SPLIT);
	for (unsigned int i = 1; i <= 10; i++) {
		ask_for_reset();
		run_machine();
		assert_recovered(i);
		port_host_advance(VIRTIO_RECOVERY_PERIOD_NS / VIRTIO_RECOVERY_MAX);
		assert_disk_works();
	}
	rig_end(&rig);
}

static void a_disk_stuck_in_its_reset_is_given_up(void **state)
{
	(void)state;
	start_disk(SPLIT);
	rig.dev->hold = true;
	submit(0, REQUESTS);
	rig.dev->lies.reset_hangs = true;
	ask_for_reset();
	run_machine();
	assert_true(rig.vdev->stuck);
	assert_given_up(-ETIMEDOUT);
	assert_all_done(REQUESTS, -EIO);
	assert_true(dma_test_allocations() > 0); /* its rings are still there */
	rig.dev->lies.reset_hangs = false;
	rig.dev->reset_pending = 0;
	rig_end(&rig);
}

static void a_slow_reset_is_waited_for(void **state)
{
	(void)state;
	start_disk(SPLIT);
	rig.dev->hold = true;
	submit(0, REQUESTS);
	rig.dev->lies.reset_reads = 1000;
	ask_for_reset();
	rig.dev->hold = false;
	run_machine();
	assert_all_done(REQUESTS, 0);
	assert_recovered(1);
	rig.dev->lies.reset_reads = 0;
	rig_end(&rig);
}

/* --- a disk that is another one after its reset ---------------------------------------------- */

static void fewer_features(struct refdev *dev)
{
	dev->offered &= ~BIT_ULL(REF_BLK_F_FLUSH);
}

static void refused_features(struct refdev *dev)
{
	dev->lies.refuse_features = true;
}

static void a_smaller_queue(struct refdev *dev)
{
	dev->queues[0].size_max /= 2;
}

static void shorter_requests(struct refdev *dev)
{
	refdev_set_config(dev, 12, 1, 4); /* seg_max */
}

static void a_moving_config(struct refdev *dev)
{
	dev->lies.generation_moves = true;
}

static void a_disk_that_can_do_less_than_before_is_given_up(void **state)
{
	static const struct {
		void (*change)(struct refdev *dev);
		int error;
	} cases[] = {
		{fewer_features, -ENODEV},  {refused_features, -ENODEV},
		{a_smaller_queue, -EINVAL}, {shorter_requests, -EINVAL},
		{a_moving_config, -EAGAIN},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		start_disk(SPLIT);
		rig.dev->hold = true;
		submit(0, REQUESTS);
		cases[i].change(rig.dev);
		ask_for_reset();
		run_machine();
		assert_given_up(cases[i].error);
		assert_int_equal(rig.vdev->recoveries, 0);
		assert_all_done(REQUESTS, -EIO);
		rig_end(&rig);
	}
}

static void features_that_are_new_change_nothing(void **state)
{
	uint64_t features;

	(void)state;
	start_disk(SPLIT);
	features = rig.vdev->features;
	rig.dev->offered |= BIT_ULL(REF_BLK_F_RO) | BIT_ULL(REF_F_RING_PACKED);
	ask_for_reset();
	run_machine();
	assert_recovered(1);
	assert_int_equal(rig.vdev->features, features);
	assert_int_equal(rig.dev->accepted, features);
	rig_end(&rig);
}

static void requests_beyond_the_end_of_a_disk_that_shrank_are_refused(void **state)
{
	(void)state;
	start_disk(SPLIT);
	rig.dev->hold = true;
	submit(0, 80);
	refdev_set_config(rig.dev, 0, 40, 8);
	ask_for_reset();
	rig.dev->hold = false;
	run_machine();
	assert_recovered(1);
	assert_int_equal(all_done, 80);
	for (unsigned int i = 0; i < 80; i++) {
		bool beyond = i >= 40 && op_of(i) != VIRTIO_BLK_FLUSH;

		assert_int_equal(dones[i], 1);
		assert_int_equal(requests[i].status, beyond ? -ERANGE : 0);
	}
	rig_end(&rig);
}

/* Nothing is allocated, but buffers are mapped again, and that may fail at any of them. */
static void a_mapping_that_fails_during_recovery_ends_or_delays_one_request(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 3 * 20 + 1; n++) {
		start_disk(SPLIT);
		rig.dev->hold = true;
		submit(0, 20);
		ask_for_reset();
		dma_test_fail_map(n);
		work_run(&system_wq);
		dma_test_fail_map(0);
		rig.dev->hold = false;
		refdev_release(rig.dev);
		run_machine();
		assert_recovered(1);
		assert_int_equal(all_done, 20);
		for (unsigned int i = 0; i < 20; i++) {
			assert_int_equal(dones[i], 1);
			assert_true(!requests[i].status || (!i && requests[i].status == -ENOMEM));
		}
		rig_end(&rig);
	}
}

/* --- removal ---------------------------------------------------------------------------------- */

static void removal_before_the_recovery_ends_every_request(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < KINDS; kind++) {
		start_disk(kind);
		rig.dev->hold = true;
		submit(0, REQUESTS);
		ask_for_reset();
		rig_end(&rig);
		assert_all_done(REQUESTS, -ENODEV);
		assert_false(work_pending(&system_wq));
		assert_int_equal(port_host_live(), 0);
	}
}

/* A driver that comes after the device's failure starts with a clean slate. */
static void a_disk_probed_again_has_no_history(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		start_disk(SPLIT);
		ask_for_reset();
		run_machine();
		assert_recovered(1);
		rig_end(&rig);
	}
}

/* --- entropy ---------------------------------------------------------------------------------- */

static void an_entropy_source_that_needs_a_reset_is_asked_again(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < KINDS; kind++) {
		start_rng(kind);
		ask_for_reset();
		ask_until_full(); /* while recovering: they wait, as many as the ring holds */
		assert_int_equal(answered, 0);
		run_machine();
		assert_all_answered(32);
		rig.dev->hold = true;
		ask_until_full();
		answered = 0;
		ask_for_reset();
		rig.dev->hold = false;
		run_machine();
		assert_all_answered(32);
		assert_recovered(2);
		rig_end(&rig);
	}
}

/* The device has answered all, and nobody has looked. */
static void an_answer_that_was_given_is_not_asked_for_again(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		start_rng(kind);
		rig.dev->lies.no_interrupts = true;
		ask_until_full();
		refdev_pump();
		assert_int_equal(answered, 0);
		refdev_lose_interrupts(rig.dev); /* the one for the queue */
		rig.dev->lies.no_interrupts = false;
		ask_for_reset();
		run_machine();
		assert_all_answered(32);
		assert_int_equal(refdev_rng(rig.dev)->given, 32 * asked);
		assert_recovered(1);
		assert_rng_works();
		rig_end(&rig);
	}
}

static void a_read_past_its_deadline_leaves_others_requests_alone(void **state)
{
	uint8_t buf[16];

	(void)state;
	start_rng(SPLIT);
	rig.dev->hold = true;
	asked = 1;
	assert_int_equal(ask(0), 0);
	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), SECONDS(1)), -ETIMEDOUT);
	assert_int_equal(answered, 0);
	assert_int_equal(dma_test_mappings(), 1);
	assert_recovered(1);
	rig.dev->hold = false;
	refdev_release(rig.dev);
	run_machine();
	assert_all_answered(32);
	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), SECONDS(1)), 0);
	rig_end(&rig);
}

static void an_entropy_source_given_up_ends_every_request(void **state)
{
	(void)state;
	start_rng(SPLIT);
	rig.dev->hold = true;
	ask_until_full();
	rig.dev->lies.refuse_features = true;
	ask_for_reset();
	run_machine();
	assert_given_up(-ENODEV);
	assert_all_answered(-EIO);
	assert_int_equal(virtio_rng_submit(rng, &asks[0]), -EIO);
	rig_end(&rig);
}

/* A buffer that cannot be mapped again ends its request; the others go on. */
static void a_mapping_that_fails_ends_one_request_for_entropy(void **state)
{
	(void)state;
	start_rng(SPLIT);
	rig.dev->hold = true;
	ask_until_full();
	ask_for_reset();
	dma_test_fail_map(2);
	work_run(&system_wq);
	dma_test_fail_map(0);
	assert_int_equal(answered, 1);
	assert_int_equal(asks[1].received, -EIO);
	rig.dev->hold = false;
	refdev_release(rig.dev);
	run_machine();
	assert_int_equal(answered, asked);
	assert_recovered(1);
	rig_end(&rig);
}

/* --- network ---------------------------------------------------------------------------------- */

/* Frames that have come are delivered; those that were to leave are counted as lost. */
static void a_network_that_needs_a_reset_goes_on(void **state)
{
	struct virtio_net_stats stats;

	(void)state;
	for (enum kind kind = SPLIT; kind < KINDS; kind++) {
		start_net(kind);
		rig.dev->hold = true;
		for (unsigned int i = 0; i < 5; i++)
			assert_int_equal(virtio_net_send(net, frame_60(), 60), 0);
		rig.dev->lies.no_interrupts = true;
		for (unsigned int i = 0; i < 20; i++)
			assert_true(refdev_net_deliver(rig.dev, frame_60(), 60));
		assert_int_equal(received, 0);
		refdev_needs_reset(rig.dev);
		refdev_lose_interrupts(rig.dev);
		rig.dev->lies.no_interrupts = false;
		refdev_raise(rig.dev, REF_INT_CONFIG);
		refdev_pump();
		rig.dev->hold = false;
		run_machine();
		assert_recovered(1);
		assert_int_equal(received, 20);
		virtio_net_get_stats(net, &stats);
		assert_int_equal(stats.tx_lost, 5);
		assert_int_equal(refdev_net(rig.dev)->sent, 0);
		assert_net_works();
		rig_end(&rig);
	}
}

static void a_sender_waits_for_the_end_of_recovery(void **state)
{
	uint64_t begin;

	(void)state;
	start_net(SPLIT);
	rig.dev->hold = true;
	while (virtio_net_send(net, frame_60(), 60) == 0)
		;
	ask_for_reset();
	assert_int_equal(virtio_net_send(net, frame_60(), 60), -ENOSPC);
	rig.dev->hold = false;
	assert_int_equal(virtio_net_send_wait(net, frame_60(), 60, SECONDS(1)), 0);
	assert_true(woken >= 1);
	/* Its deadline holds also where the recovery comes to nothing. */
	rig.dev->hold = true;
	while (virtio_net_send(net, frame_60(), 60) == 0)
		;
	rig.dev->lies.refuse_features = true;
	ask_for_reset();
	begin = port_now_ns();
	assert_int_equal(virtio_net_send_wait(net, frame_60(), 60, SECONDS(1)), -EIO);
	assert_in_range(port_now_ns() - begin, 0, SECONDS(1));
	assert_given_up(-ENODEV);
	rig_end(&rig);
}

/* --- console ---------------------------------------------------------------------------------- */

/* The device has confirmed it, and nobody has looked. */
static void output_that_was_confirmed_is_not_sent_again(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		start_console(kind);
		assert_int_equal(tty->write(tty, "abc", 3), 3);
		assert_int_equal(tty->write(tty, "def", 3), 3);
		refdev_pump();
		assert_int_equal(dma_test_mappings(), 8 + 2); /* all input buffers, and these */
		ask_for_reset();
		run_machine();
		assert_recovered(1);
		assert_int_equal(refdev_console(rig.dev)->output_len, 6);
		assert_console_works();
		rig_end(&rig);
	}
}

static void output_that_was_not_confirmed_is_sent_again_in_order(void **state)
{
	struct refdev_console *out;

	(void)state;
	for (enum kind kind = SPLIT; kind < KINDS; kind++) {
		start_console(kind);
		out = refdev_console(rig.dev);
		assert_int_equal(tty->write(tty, "abc", 3), 3);
		assert_int_equal(tty->write(tty, "def", 3), 3);
		refdev_pump();
		rig.dev->hold = true;
		for (char c = '0'; c <= '9'; c++)
			assert_int_equal(tty->write(tty, &c, 1), 1);
		ask_for_reset();
		assert_int_equal(tty->write(tty, "later", 5), 5); /* the queue is not broken */
		rig.dev->hold = false;
		run_machine();
		assert_int_equal(out->output_len, 21);
		assert_memory_equal(out->output, "abcdef0123456789later", 21);
		assert_recovered(1);
		assert_console_works();
		rig_end(&rig);
	}
}

static void count_input(void *arg)
{
	(*(unsigned int *)arg)++;
}

static void input_that_has_come_is_not_lost(void **state)
{
	unsigned int told = 0;
	char back[16];

	(void)state;
	start_console(SPLIT);
	tty->set_input_callback(tty, count_input, &told);
	rig.dev->lies.no_interrupts = true;
	assert_int_equal(refdev_console_input(rig.dev, "first", 5), 5);
	refdev_needs_reset(rig.dev);
	refdev_lose_interrupts(rig.dev);
	rig.dev->lies.no_interrupts = false;
	refdev_raise(rig.dev, REF_INT_CONFIG);
	run_machine();
	assert_recovered(1);
	assert_int_equal(told, 1);
	assert_int_equal(tty->read(tty, back, sizeof(back)), 5);
	assert_memory_equal(back, "first", 5);
	tty->set_input_callback(tty, NULL, NULL);
	assert_console_works();
	rig_end(&rig);
}

static void a_writer_to_a_console_that_is_given_up_gets_an_error(void **state)
{
	(void)state;
	start_console(SPLIT);
	rig.dev->hold = true;
	assert_int_equal(tty->write(tty, "abc", 3), 3);
	rig.dev->lies.refuse_features = true;
	ask_for_reset();
	assert_int_equal(virtio_console_write(con, "abc", 3, SECONDS(1)), -EIO);
	assert_given_up(-ENODEV);
	assert_int_equal(tty->write(tty, "abc", 3), -EIO);
	rig_end(&rig);
}

/* --- while interrupts come at every moment ------------------------------------------------- */

static void recovery_holds_where_interrupts_come_at_any_moment(void **state)
{
	(void)state;
	port_host_eager(true);
	for (enum kind kind = LEGACY; kind < KINDS; kind++) {
		start_disk(kind);
		rig.dev->hold = true;
		submit(0, REQUESTS / 2);
		rig.dev->queues[0].lie = LIE_ID_RANGE;
		rig.dev->hold = false;
		submit(REQUESTS / 2, REQUESTS);
		run_machine();
		assert_all_done(REQUESTS, 0);
		assert_recovered(1);
		rig_end(&rig);
		start_rng(kind);
		rig.dev->hold = true;
		ask_until_full();
		rig.dev->queues[0].lie = LIE_ID_RANGE;
		rig.dev->hold = false;
		refdev_release(rig.dev);
		run_machine();
		assert_all_answered(32);
		assert_recovered(1);
		rig_end(&rig);
		start_net(kind);
		rig.dev->queues[0].lie = LIE_ID_RANGE;
		refdev_net_deliver(rig.dev, frame_60(), 60);
		run_machine();
		assert_recovered(1);
		assert_net_works();
		rig_end(&rig);
		start_console(kind);
		rig.dev->queues[1].lie = LIE_ID_RANGE;
		assert_int_equal(virtio_console_write(con, "abc", 3, SECONDS(1)), 0);
		assert_recovered(1);
		assert_console_works();
		rig_end(&rig);
	}
	port_host_eager(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_finished_before_the_reset_is_not_asked_again),
		TEST(requests_are_sent_again_in_their_order),
		TEST(requests_that_come_during_recovery_wait_for_its_end),
		TEST(a_timeout_takes_back_the_callers_buffer_alone),
		TEST(a_disk_that_fails_again_and_again_is_given_up),
		TEST(failures_far_apart_are_all_recovered),
		TEST(a_disk_stuck_in_its_reset_is_given_up),
		TEST(a_slow_reset_is_waited_for),
		TEST(a_disk_that_can_do_less_than_before_is_given_up),
		TEST(features_that_are_new_change_nothing),
		TEST(requests_beyond_the_end_of_a_disk_that_shrank_are_refused),
		TEST(a_mapping_that_fails_during_recovery_ends_or_delays_one_request),
		TEST(removal_before_the_recovery_ends_every_request),
		TEST(a_disk_probed_again_has_no_history),
		TEST(an_entropy_source_that_needs_a_reset_is_asked_again),
		TEST(an_answer_that_was_given_is_not_asked_for_again),
		TEST(a_read_past_its_deadline_leaves_others_requests_alone),
		TEST(an_entropy_source_given_up_ends_every_request),
		TEST(a_mapping_that_fails_ends_one_request_for_entropy),
		TEST(a_network_that_needs_a_reset_goes_on),
		TEST(a_sender_waits_for_the_end_of_recovery),
		TEST(output_that_was_confirmed_is_not_sent_again),
		TEST(output_that_was_not_confirmed_is_sent_again_in_order),
		TEST(input_that_has_come_is_not_lost),
		TEST(a_writer_to_a_console_that_is_given_up_gets_an_error),
		TEST(recovery_holds_where_interrupts_come_at_any_moment),
	};

	return cmocka_run_group_tests_name("recovery", tests, recovery_rig_init, NULL);
}
