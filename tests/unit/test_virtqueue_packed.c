/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue API on a packed ring (VIRTIO 1.4, 2.8), and what both formats share since there are two:
 * batches of a device that keeps the order, tables that GFP_KERNEL makes, room that comes back.
 * The device side is tests/device/refdev_packed.c; test_virtqueue_split.c is the pattern.
 */
#include "tests/unit/vq_bench.h"
#include "tests/unit/vq_model.h"

static const uint64_t formats[] = {0, PACKED};

/* --- offering and taking back -------------------------------------------------------------------- */

static void buffers_go_there_and_come_back(void **state)
{
	char text[] = "hello, device", seen[32] = "", answer[64] = "";
	unsigned int len = 99;

	(void)state;
	bench_make(5, PACKED);
	assert_string_equal(virtqueue_format(b.vq), "packed");
	assert_int_equal(add_out(text, sizeof(text), text), 0);
	assert_int_equal(add_in(answer, sizeof(answer), answer), 0);
	assert_int_equal(b.vq->num_free, 3);
	assert_false(refdev_pop(b.q, &chain)); /* nothing is visible before the kick */
	assert_true(virtqueue_kick(b.vq));
	assert_true(refdev_pop(b.q, &chain));
	assert_int_equal(refdev_read(&chain, 0, seen, sizeof(seen)), sizeof(text));
	assert_string_equal(seen, text);
	refdev_push(b.q, &chain, 0);
	assert_true(refdev_pop(b.q, &chain));
	refdev_write(&chain, 0, "from the device", 16);
	refdev_push(b.q, &chain, 16);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), text);
	assert_int_equal(len, 0); /* whatever the descriptor says: nothing is writable */
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), answer);
	assert_int_equal(len, 16);
	assert_string_equal(answer, "from the device");
	assert_null(virtqueue_get_buf(b.vq, &len));
	assert_int_equal(b.vq->num_free, 5);
	bench_end();
}

static void a_chain_goes_across_the_end_of_the_ring(void **state)
{
	char buf[5 * 8];
	unsigned int i, round, len;

	(void)state;
	bench_make(7, PACKED);
	for (round = 0; round < 15; round++) {
		assert_int_equal(add_pieces(buf, 8, 2, 3, buf), 0);
		assert_int_equal(b.vq->num_free, 2);
		assert_int_equal(add_pieces(buf, 8, 2, 1, &len), -ENOSPC);
		virtqueue_kick(b.vq);
		assert_true(refdev_pop(b.q, &chain));
		assert_int_equal(chain.nsegs, 5);
		for (i = 0; i < 5; i++)
			assert_int_equal(chain.segs[i].writable, i >= 2);
		refdev_push(b.q, &chain, 24);
		assert_false(refdev_pop(b.q, &chain));
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		assert_int_equal(len, 24);
	}
	bench_end();
}

/* 2.8.6: the first buffer returned takes the first place, whose own buffer may be another. What the
 * driver notes for a buffer must not be noted by place. */
static void a_place_is_used_again_while_its_first_buffer_is_in_flight(void **state)
{
	static struct refdev_chain first, second;
	char buf[3][8] = {""};
	unsigned int len, i;

	(void)state;
	for (i = 0; i < 10; i++) {
		bench_make(2, PACKED);
		memset(buf, 0, sizeof(buf));
		assert_int_equal(add_in(buf[0], 8, buf[0]), 0);
		assert_int_equal(add_in(buf[1], 8, buf[1]), 0);
		virtqueue_kick(b.vq);
		assert_true(refdev_pop(b.q, &first));
		assert_true(refdev_pop(b.q, &second));
		refdev_write(&second, 0, "second", 7);
		refdev_push(b.q, &second, 7);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[1]);
		assert_string_equal(buf[1], "second");
		assert_int_equal(add_in(buf[2], 8, buf[2]), 0); /* where the first was */
		virtqueue_kick(b.vq);
		refdev_write(&first, 0, "first", 6);
		refdev_push(b.q, &first, 6);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
		assert_string_equal(buf[0], "first");
		assert_int_equal(dma_test_mappings(), 1);
		bench_end();
	}
}

/* 2.8.17#6, and what is behind the head of a chain that came to nothing. */
static void a_chain_that_fails_leaves_nothing_available(void **state)
{
	static char buf[8 * 8];
	unsigned int nth, len;

	(void)state;
	for (nth = 1; nth <= 5; nth++) {
		bench_make(8, PACKED);
		turn();
		dma_test_fail_map(nth);
		assert_int_equal(add_pieces(buf, 8, 3, 2, buf), -ENOMEM);
		assert_int_equal(dma_test_mappings(), 0);
		assert_int_equal(b.vq->num_free, 8);
		assert_int_equal(add_out(buf, 8, buf), 0);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_false(refdev_pop(b.q, &chain)); /* not the remains of the other */
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		bench_end();
	}
}

/* The same by the short way, which sees what is wrong only when it comes to it. */
static void a_list_that_is_none_leaves_nothing_available(void **state)
{
	struct vq_case c = {.features = PACKED, .num = 6};
	char buf[8];
	struct scatterlist sg[8], *list = sg;
	unsigned int i, round;

	(void)state;
	assert_true(vq_model_make(&c, 3));
	for (round = 0; round < 20; round++) {
		vq_model_turn(1);
		sg_init_table(sg, 8);
		for (i = 0; i < 8; i++)
			sg_set_buf(&sg[i], buf, 8);
		sg[3].length = 0;
		assert_int_equal(virtqueue_add_sgs(vq_model_vq(), &list, 1, 0, buf, GFP_ATOMIC),
				 -EINVAL);
		sg[3].length = 8;
		sg_set_buf(&sg[2], NULL, 8);
		assert_int_equal(virtqueue_add_sgs(vq_model_vq(), &list, 0, 1, buf, GFP_ATOMIC),
				 -EINVAL);
		sg_set_buf(&sg[2], buf, 8);
		assert_int_equal(virtqueue_add_sgs(vq_model_vq(), &list, 1, 0, buf, GFP_ATOMIC),
				 -ENOSPC);
		assert_int_equal(vq_model_vq()->num_free, 6);
		vq_model_turn(1);
	}
	vq_model_end();
}

/* --- notifications ----------------------------------------------------------------------------------- */

/* 2.8.10: flags that are reserved without event index do not tell the driver to be silent. */
static void a_device_that_asks_by_a_place_without_event_index_is_notified(void **state)
{
	char buf[4];

	(void)state;
	for (uint64_t flags = 2; flags <= 3; flags++) {
		bench_make(8, PACKED);
		refdev_store(b.q, b.q->device, 5, 2); /* a place that is not reached */
		refdev_store(b.q, b.q->device + 2, flags, 2);
		assert_int_equal(add_out(buf, 4, buf), 0);
		assert_true(virtqueue_kick(b.vq));
		assert_int_equal(b.notified, 1);
		bench_end();
	}
}

/* Each place of the ring, each number of descriptors: told exactly when the one asked for is among
 * those published. */
static void the_notification_is_sent_for_the_descriptor_asked_for(void **state)
{
	char buf[5][4];
	unsigned int start, ask, count, i, before;

	(void)state;
	for (start = 0; start < 10; start++) {
		for (ask = 0; ask < 5; ask++) {
			for (count = 1; count <= 5; count++) {
				bench_make(5, PACKED | EVENT_IDX);
				for (i = 0; i < start; i++)
					turn();
				b.q->avail_place += ask;
				b.q->ops->want_notify(b.q, true);
				b.q->avail_place -= ask;
				before = b.notified;
				for (i = 0; i < count; i++)
					assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
				virtqueue_kick(b.vq);
				assert_int_equal(b.notified - before, ask < count);
				bench_end();
			}
		}
	}
}

static void nonsense_in_the_devices_event_structure_does_no_harm(void **state)
{
	uint32_t seed = 5;
	unsigned int i;

	(void)state;
	bench_make(5, PACKED | EVENT_IDX);
	for (i = 0; i < 3000; i++) {
		refdev_store(b.q, b.q->device, test_random(&seed), 2);
		refdev_store(b.q, b.q->device + 2, test_random(&seed), 2);
		turn();
	}
	assert_false(virtqueue_is_broken(b.vq));
	bench_end();
}

/* --- interrupts ---------------------------------------------------------------------------------------- */

/* Of eight the sixth, of few the last: never one that is not there. Both formats, at each place. */
static void a_delayed_interrupt_comes_after_three_quarters(void **state)
{
	static const unsigned int due[] = {0, 1, 2, 3, 3, 4, 5, 6, 6};
	char buf[8][4];
	unsigned int f, n, i, start;

	(void)state;
	for (f = 0; f < 2; f++) {
		for (n = 1; n <= 8; n++) {
			for (start = 0; start < 9; start++) {
				bench_make(8, formats[f] | EVENT_IDX);
				for (i = 0; i < start; i++)
					turn();
				virtqueue_disable_cb(b.vq);
				for (i = 0; i < n; i++)
					assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
				virtqueue_kick(b.vq);
				assert_true(virtqueue_enable_cb_delayed(b.vq));
				for (i = 1; i <= n; i++) {
					device_serve(0);
					assert_int_equal(device_interrupts(), i == due[n]);
				}
				assert_false(virtqueue_enable_cb_delayed(b.vq));
				bench_end();
			}
		}
	}
}

static void a_buffer_finished_between_prepare_and_poll_is_seen(void **state)
{
	char buf[2][4];
	unsigned int i, opaque, len;

	(void)state;
	bench_make(3, PACKED | EVENT_IDX);
	for (i = 0; i < 7; i++) { /* in both rounds, at each place */
		virtqueue_disable_cb(b.vq);
		assert_int_equal(add_out(buf[0], 4, buf[0]), 0);
		assert_int_equal(add_out(buf[1], 4, buf[1]), 0);
		virtqueue_kick(b.vq);
		opaque = virtqueue_enable_cb_prepare(b.vq);
		assert_false(virtqueue_poll(b.vq, opaque));
		device_serve(0);
		assert_true(virtqueue_poll(b.vq, opaque));
		assert_true(device_interrupts());
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
		opaque = virtqueue_enable_cb_prepare(b.vq);
		assert_false(virtqueue_poll(b.vq, opaque));
		device_serve(0);
		assert_true(device_interrupts());
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[1]);
	}
	bench_end();
}

/* --- a device that keeps the order ------------------------------------------------------------------------ */

static void a_batch_comes_back_by_its_last_buffer(void **state)
{
	static struct refdev_chain chains[4];
	static char buf[4][3 * 8];
	unsigned int f, i, len;

	(void)state;
	for (f = 0; f < 4; f++) {
		bench_make(16, formats[f / 2] | IN_ORDER | (f % 2 ? EVENT_IDX | INDIRECT : 0));
		for (i = 0; i < 4; i++)
			assert_int_equal(add_pieces(buf[i], 8, 1, 2, buf[i]), 0);
		virtqueue_kick(b.vq);
		for (i = 0; i < 4; i++)
			assert_true(refdev_pop(b.q, &chains[i]));
		for (i = 0; i < 3; i++)
			refdev_skip(b.q, &chains[i]);
		assert_null(virtqueue_get_buf(b.vq, &len));
		refdev_push(b.q, &chains[3], 5);
		assert_true(device_interrupts());
		for (i = 0; i < 4; i++) {
			assert_false(virtqueue_enable_cb(b.vq)); /* also within the batch */
			assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[i]);
			assert_int_equal(len, i < 3 ? 16 : 5);
		}
		assert_true(virtqueue_enable_cb(b.vq));
		assert_int_equal(b.vq->num_free, 16);
		bench_end();
	}
}

/* --- a device that lies -------------------------------------------------------------------------------------- */

static void lie_breaks_the_queue(enum refdev_lie lie, uint64_t features, unsigned int batch)
{
	static char buf[3][32];
	static struct refdev_chain skipped;
	unsigned int i, len, tokens = 0, said = port_host_messages(LOG_ERROR);

	bench_make(16, features);
	for (i = 0; i < 3; i++)
		assert_int_equal(add_pieces(buf[i], 4, 1, 2, buf[i]), 0);
	virtqueue_kick(b.vq);
	for (i = 0; i < batch; i++) {
		assert_true(refdev_pop(b.q, &skipped));
		refdev_skip(b.q, &skipped);
	}
	assert_true(refdev_pop(b.q, &chain));
	b.q->lie = lie;
	refdev_push(b.q, &chain, 8);
	for (i = 0; i < 10 && virtqueue_get_buf(b.vq, &len); i++)
		tokens++;
	assert_true(virtqueue_is_broken(b.vq));
	assert_in_range(tokens, 0, batch + (lie == LIE_ID_DUPLICATE));
	assert_int_equal(add_out(buf[0], 4, buf), -EIO);
	assert_false(virtqueue_kick(b.vq));
	assert_int_equal(port_host_messages(LOG_ERROR), said + 1);
	while (virtqueue_detach_unused_buf(b.vq))
		tokens++;
	assert_int_equal(tokens, 3);
	assert_int_equal(dma_test_mappings(), 0);
	bench_end();
}

static void every_lie_breaks_a_packed_queue(void **state)
{
	static const enum refdev_lie lies[] = {
		LIE_ID_RANGE, LIE_ID_NOT_OUTSTANDING, LIE_ID_DUPLICATE, LIE_LEN, LIE_LEN_MAX,
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		lie_breaks_the_queue(lies[i], PACKED, 0);
		lie_breaks_the_queue(lies[i], PACKED | INDIRECT | EVENT_IDX, 0);
	}
}

static void every_lie_about_a_batch_breaks_the_queue(void **state)
{
	static const enum refdev_lie lies[] = {
		LIE_ID_RANGE, LIE_ID_NOT_OUTSTANDING, LIE_ID_DUPLICATE, LIE_LEN, LIE_LEN_MAX,
	};
	unsigned int i, f, batch;

	(void)state;
	for (f = 0; f < 2; f++)
		for (i = 0; i < ARRAY_SIZE(lies); i++)
			for (batch = 0; batch < 3; batch++)
				lie_breaks_the_queue(lies[i], formats[f] | IN_ORDER, batch);
	lie_breaks_the_queue(LIE_BATCH, IN_ORDER, 1);
	lie_breaks_the_queue(LIE_BATCH, IN_ORDER, 2);
	lie_breaks_the_queue(LIE_IDX_JUMP, IN_ORDER, 1);
	lie_breaks_the_queue(LIE_IDX_BACK, IN_ORDER, 0);
}

static void flags_of_another_round_return_nothing(void **state)
{
	char buf[2][4];
	unsigned int len, turns;

	(void)state;
	for (turns = 0; turns < 7; turns++) {
		bench_make(3, PACKED);
		for (len = 0; len < turns; len++)
			turn();
		assert_int_equal(add_in(buf[0], 4, buf[0]), 0);
		assert_int_equal(add_in(buf[1], 4, buf[1]), 0);
		virtqueue_kick(b.vq);
		assert_true(refdev_pop(b.q, &chain));
		b.q->lie = LIE_WRAP;
		refdev_push(b.q, &chain, 4);
		assert_null(virtqueue_get_buf(b.vq, &len));
		assert_false(virtqueue_is_broken(b.vq));
		assert_int_equal(virtqueue_in_flight(b.vq), 2);
		bench_end();
	}
}

static void the_drivers_record_survives_a_device_that_overwrites_the_ring(void **state)
{
	static char buf[4][16];
	unsigned int i, len;
	uint8_t *ring;

	(void)state;
	bench_make(8, PACKED | INDIRECT);
	for (i = 0; i < 4; i++)
		assert_int_equal(add_pieces(buf[i], 4, 1, 1, buf[i]), 0);
	virtqueue_kick(b.vq);
	for (i = 0; i < 4; i++)
		device_serve(4);
	ring = dma_test_access(b.q->desc, 8 * 16, true);
	for (i = 0; i < 8; i++) /* all but what a used descriptor says */
		memset(ring + i * 16, 0xff, 8);
	for (i = 0; i < 4; i++)
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[i]);
	assert_int_equal(b.vq->num_free, 8);
	for (i = 0; i < 40; i++)
		turn();
	bench_end();
}

/* --- room and memory -------------------------------------------------------------------------------------------- */

static unsigned int rooms;

static void room(struct virtqueue *vq)
{
	static char late[4];

	assert_true(vq->num_free > 0);
	rooms++;
	if (rooms == 2) /* may be used from here */
		assert_int_equal(add_out(late, 4, late), 0);
}

static void whoever_was_refused_is_told_once_when_room_comes_back(void **state)
{
	char buf[2][4];
	unsigned int f, len;

	(void)state;
	for (f = 0; f < 2; f++) {
		rooms = 0;
		bench_make(2, formats[f]);
		b.vq->room = room;
		assert_int_equal(add_out(buf[0], 4, buf[0]), 0);
		assert_int_equal(add_out(buf[1], 4, buf[1]), 0);
		assert_int_equal(add_out(buf, 4, buf), -ENOSPC);
		assert_int_equal(add_out(buf, 4, buf), -ENOSPC);
		virtqueue_kick(b.vq);
		assert_null(virtqueue_get_buf(b.vq, &len));
		assert_int_equal(rooms, 0);
		device_serve(0);
		device_serve(0);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
		assert_int_equal(rooms, 1);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[1]);
		assert_int_equal(rooms, 1);
		assert_int_equal(add_pieces(buf[0], 2, 2, 0, buf[0]), 0);
		assert_int_equal(add_out(buf[1], 4, buf[1]), -ENOSPC);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
		assert_int_equal(rooms, 2);
		assert_int_equal(virtqueue_in_flight(b.vq), 1);
		bench_end();
	}
}

/* More entries than a table of the pool has: made once, and kept for the next. */
static void gfp_kernel_makes_a_table_that_stays(void **state)
{
	static char buf[40 * 4];
	struct scatterlist sg[40];
	unsigned int f, i, live, len;

	(void)state;
	for (f = 0; f < 2; f++) {
		bench_make(64, formats[f] | INDIRECT);
		sg_init_table(sg, 40);
		for (i = 0; i < 40; i++)
			sg_set_buf(&sg[i], buf + i * 4, 4);
		assert_int_equal(virtqueue_add_outbuf(b.vq, sg, 40, buf, GFP_ATOMIC), 0);
		assert_int_equal(b.vq->num_free, 24); /* nothing may be made: direct */
		live = port_host_live();
		assert_int_equal(virtqueue_add_inbuf(b.vq, sg, 40, sg, GFP_ATOMIC), -ENOSPC);
		assert_int_equal(port_host_live(), live);
		assert_int_equal(virtqueue_add_inbuf(b.vq, sg, 40, sg, GFP_KERNEL), 0);
		assert_int_equal(b.vq->num_free, 23);
		assert_true(port_host_live() > live);
		live = port_host_live();
		virtqueue_kick(b.vq);
		device_serve(0);
		device_serve(160);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), sg);
		assert_int_equal(len, 160);
		assert_int_equal(virtqueue_add_inbuf(b.vq, sg, 40, sg, GFP_ATOMIC), 0);
		assert_int_equal(b.vq->num_free, 63); /* the same one */
		assert_int_equal(port_host_live(), live);
		port_host_fail_alloc(1);
		assert_int_equal(virtqueue_add_outbuf(b.vq, sg, 40, buf, GFP_KERNEL), 0);
		assert_int_equal(b.vq->num_free, 23); /* no memory: direct */
		port_host_fail_alloc(0);
		bench_end();
	}
}

static void sizes_from_1_to_32768_are_allowed(void **state)
{
	static const unsigned int good[] = {1, 2, 3, 5, 100, 1000, 32767, 32768};
	static const unsigned int bad[] = {0, 32769, 65535, 65536, 0xffffffffu};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		bench_make(good[i], PACKED);
		turn();
		bench_end();
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(bench_try(bad[i], PACKED, false, false));
	assert_int_equal(port_host_live(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buffers_go_there_and_come_back),
		TEST(a_chain_goes_across_the_end_of_the_ring),
		TEST(a_place_is_used_again_while_its_first_buffer_is_in_flight),
		TEST(a_chain_that_fails_leaves_nothing_available),
		TEST(a_list_that_is_none_leaves_nothing_available),
		TEST(a_device_that_asks_by_a_place_without_event_index_is_notified),
		TEST(the_notification_is_sent_for_the_descriptor_asked_for),
		TEST(nonsense_in_the_devices_event_structure_does_no_harm),
		TEST(a_delayed_interrupt_comes_after_three_quarters),
		TEST(a_buffer_finished_between_prepare_and_poll_is_seen),
		TEST(a_batch_comes_back_by_its_last_buffer),
		TEST(every_lie_breaks_a_packed_queue),
		TEST(every_lie_about_a_batch_breaks_the_queue),
		TEST(flags_of_another_round_return_nothing),
		TEST(the_drivers_record_survives_a_device_that_overwrites_the_ring),
		TEST(whoever_was_refused_is_told_once_when_room_comes_back),
		TEST(gfp_kernel_makes_a_table_that_stays),
		TEST(sizes_from_1_to_32768_are_allowed),
	};

	return cmocka_run_group_tests_name("virtqueue_packed", tests, NULL, NULL);
}
