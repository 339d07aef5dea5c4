/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue API on a split ring, against the device side of tests/device: what is offered arrives,
 * what is finished comes back once, notifications and interrupts come exactly when they are asked
 * for, and a device that lies breaks its own queue and nothing else. VIRTIO 1.4, 2.7.
 */
#include "tests/unit/vq_bench.h"

/* --- offering and taking back ----------------------------------------------------------------- */

static void a_readable_buffer_arrives_and_its_token_comes_back(void **state)
{
	char text[] = "hello, device", seen[32] = "";
	unsigned int len = 99;

	(void)state;
	bench_make(8, 0);
	assert_int_equal(add_out(text, sizeof(text), &len), 0);
	assert_int_equal(virtqueue_in_flight(b.vq), 1);
	assert_int_equal(b.vq->num_free, 7);
	assert_false(refdev_pop(b.q, &chain)); /* nothing is visible before the kick */
	assert_true(virtqueue_kick(b.vq));
	assert_true(refdev_pop(b.q, &chain));
	assert_int_equal(chain.nsegs, 1);
	assert_false(chain.segs[0].writable);
	assert_int_equal(refdev_read(&chain, 0, seen, sizeof(seen)), sizeof(text));
	assert_string_equal(seen, text);
	assert_null(virtqueue_get_buf(b.vq, &len));
	refdev_push(b.q, &chain, 0);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), &len);
	assert_int_equal(len, 0);
	assert_null(virtqueue_get_buf(b.vq, &len));
	assert_int_equal(virtqueue_in_flight(b.vq), 0);
	assert_int_equal(b.vq->num_free, 8);
	bench_end();
}

static void a_writable_buffer_brings_the_devices_bytes(void **state)
{
	char buf[64] = "";
	unsigned int len;

	(void)state;
	bench_make(8, EVENT_IDX);
	assert_int_equal(add_in(buf, sizeof(buf), buf), 0);
	virtqueue_kick(b.vq);
	assert_true(refdev_pop(b.q, &chain));
	assert_true(chain.segs[0].writable);
	refdev_write(&chain, 0, "from the device", 16);
	refdev_push(b.q, &chain, 16);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
	assert_int_equal(len, 16);
	assert_string_equal(buf, "from the device");
	bench_end();
}

/* 2.7.4.2#1 */
static void readable_pieces_come_before_writable_ones(void **state)
{
	char buf[5 * 8];
	unsigned int i, len;

	(void)state;
	bench_make(16, 0);
	assert_int_equal(add_pieces(buf, 8, 2, 3, buf), 0);
	assert_int_equal(b.vq->num_free, 11);
	virtqueue_kick(b.vq);
	assert_true(refdev_pop(b.q, &chain));
	assert_int_equal(chain.nsegs, 5);
	assert_int_equal(chain.descriptors, 5);
	for (i = 0; i < 5; i++) {
		assert_int_equal(chain.segs[i].writable, i >= 2);
		assert_int_equal(chain.segs[i].len, 8);
	}
	refdev_push(b.q, &chain, 24);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
	assert_int_equal(len, 24);
	assert_int_equal(b.vq->num_free, 16);
	bench_end();
}

static void a_full_ring_refuses_and_takes_again_when_room_comes_back(void **state)
{
	char buf[8][4], extra[4];
	unsigned int i, len;

	(void)state;
	bench_make(8, 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
	assert_int_equal(b.vq->num_free, 0);
	assert_int_equal(add_out(extra, 4, extra), -ENOSPC);
	assert_int_equal(virtqueue_in_flight(b.vq), 8);
	virtqueue_kick(b.vq);
	device_serve(0);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
	assert_int_equal(add_out(extra, 4, extra), 0);
	virtqueue_kick(b.vq);
	for (i = 1; i < 8; i++) {
		device_serve(0);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[i]);
	}
	device_serve(0);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), extra);
	bench_end();
}

static void a_chain_that_does_not_fit_now_changes_nothing(void **state)
{
	char buf[8 * 4];
	unsigned int len, mapped;

	(void)state;
	bench_make(8, 0);
	assert_int_equal(add_pieces(buf, 4, 3, 3, buf), 0);
	mapped = dma_test_mappings();
	assert_int_equal(add_pieces(buf, 4, 2, 1, &len), -ENOSPC);
	assert_int_equal(dma_test_mappings(), mapped);
	assert_int_equal(b.vq->num_free, 2);
	assert_int_equal(add_pieces(buf, 4, 1, 1, &len), 0);
	virtqueue_kick(b.vq);
	device_serve(0);
	device_serve(0);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), &len);
	bench_end();
}

static void a_list_longer_than_the_queue_is_refused(void **state)
{
	char buf[9];

	(void)state;
	bench_make(8, INDIRECT); /* 2.7.5.3.1#3: tables are no way around it */
	assert_int_equal(add_pieces(buf, 1, 9, 0, buf), -ENOSPC);
	assert_int_equal(add_pieces(buf, 1, 4, 5, buf), -ENOSPC);
	assert_int_equal(dma_test_mappings(), 0);
	assert_int_equal(add_pieces(buf, 1, 4, 4, buf), 0);
	bench_end();
}

static void a_buffer_without_token_or_list_is_refused(void **state)
{
	char buf[4];
	struct scatterlist sg;
	struct scatterlist *sgs[1] = {&sg};

	(void)state;
	bench_make(8, 0);
	assert_int_equal(add_out(buf, 4, NULL), -EINVAL);
	sg_init_one(&sg, buf, 4);
	assert_int_equal(virtqueue_add_sgs(b.vq, sgs, 0, 0, buf, GFP_ATOMIC), -EINVAL);
	assert_int_equal(b.vq->num_free, 8);
	bench_end();
}

/* 2.7.5.2#1 */
static void a_chain_of_more_than_4_gib_is_refused(void **state)
{
	static char buf[4];
	struct scatterlist out[2], in[1], *sgs[2] = {out, in};

	(void)state;
	bench_make(8, 0);
	sg_init_table(out, 2);
	sg_set_buf(&out[0], buf, 0xc0000000u);
	sg_set_buf(&out[1], buf, 0xc0000000u);
	sg_init_one(in, buf, 4);
	dma_test_fail_map(1); /* not reached */
	assert_int_equal(virtqueue_add_sgs(b.vq, sgs, 1, 1, buf, GFP_ATOMIC), -EINVAL);
	dma_test_fail_map(0);
	bench_end();
}

static void the_device_may_finish_in_any_order(void **state)
{
	static struct refdev_chain first, second;
	char buf[2][4];
	unsigned int len;

	(void)state;
	bench_make(8, 0);
	assert_int_equal(add_in(buf[0], 4, buf[0]), 0);
	assert_int_equal(add_in(buf[1], 4, buf[1]), 0);
	virtqueue_kick(b.vq);
	assert_true(refdev_pop(b.q, &first));
	assert_true(refdev_pop(b.q, &second));
	refdev_push(b.q, &second, 2);
	refdev_push(b.q, &first, 1);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[1]);
	assert_int_equal(len, 2);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
	assert_int_equal(len, 1);
	bench_end();
}

/* --- indirect tables --------------------------------------------------------------------------- */

static void a_long_chain_takes_one_descriptor_with_indirect_tables(void **state)
{
	char buf[16 * 4];
	unsigned int len;

	(void)state;
	bench_make(16, INDIRECT);
	assert_int_equal(add_pieces(buf, 4, 8, 4, buf), 0);
	assert_int_equal(b.vq->num_free, 15);
	virtqueue_kick(b.vq);
	assert_true(refdev_pop(b.q, &chain));
	assert_int_equal(chain.descriptors, 1);
	assert_int_equal(chain.nsegs, 12);
	refdev_push(b.q, &chain, 16);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
	assert_int_equal(len, 16);
	assert_int_equal(b.vq->num_free, 16);
	bench_end();
}

static void indirect_buffers_fill_the_ring_one_descriptor_each(void **state)
{
	static char buf[64 * 64];
	unsigned int i, added = 0, len;

	(void)state;
	bench_make(32, INDIRECT);
	port_host_forbid_alloc(true);
	while (added < 64 && add_pieces(buf + added * 64, 8, 4, 4, buf + added * 64) == 0)
		added++;
	assert_in_range(added, 8, 32);
	virtqueue_kick(b.vq);
	for (i = 0; i < added; i++)
		device_serve(32);
	for (i = 0; i < added; i++)
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf + i * 64);
	assert_int_equal(b.vq->num_free, 32);
	bench_end();
}

/* --- notifications ----------------------------------------------------------------------------- */

static void a_kick_publishes_many_buffers_with_one_notification(void **state)
{
	char buf[6][4];
	unsigned int i;

	(void)state;
	bench_make(8, 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
	assert_true(virtqueue_kick(b.vq));
	assert_int_equal(b.notified, 1);
	for (i = 0; i < 6; i++)
		device_serve(0);
	assert_true(virtqueue_kick(b.vq)); /* nothing new: nothing to tell */
	assert_int_equal(b.notified, 1);
	bench_end();
}

/* The case that a comparison without wrap-around gets wrong: event 65530, index 5. */
static void the_notification_is_sent_across_the_wrap_of_the_index(void **state)
{
	static char buf[16][4];
	unsigned int i, before, len;

	(void)state;
	bench_make(16, EVENT_IDX);
	for (i = 0; i < 65530; i++)
		turn();
	assert_false(refdev_pop(b.q, &chain)); /* the device sleeps: avail_event is 65530 */
	before = b.notified;
	for (i = 0; i < 11; i++)
		assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
	assert_true(virtqueue_kick(b.vq));
	assert_int_equal(b.notified, before + 1);
	for (i = 0; i < 11; i++) {
		device_serve(0);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[i]);
	}
	turn();
	bench_end();
}

static void with_event_index_a_kick_before_the_event_is_silent(void **state)
{
	char buf[3][4];

	(void)state;
	bench_make(8, EVENT_IDX);
	assert_int_equal(add_out(buf[0], 4, buf[0]), 0);
	assert_true(virtqueue_kick_prepare(b.vq)); /* avail_event is 0: the first entry */
	assert_int_equal(add_out(buf[1], 4, buf[1]), 0);
	assert_false(virtqueue_kick_prepare(b.vq)); /* the device has not asked again */
	device_serve(0);
	device_serve(0);
	assert_false(refdev_pop(b.q, &chain));
	assert_int_equal(add_out(buf[2], 4, buf[2]), 0);
	assert_true(virtqueue_kick_prepare(b.vq));
	bench_end();
}

/* --- interrupts -------------------------------------------------------------------------------- */

static void suppressed_interrupts_stay_so_while_buffers_are_taken_back(void **state)
{
	char buf[6][4];
	unsigned int j, len;

	(void)state;
	bench_make(8, EVENT_IDX);
	virtqueue_disable_cb(b.vq);
	for (j = 0; j < 6; j++)
		assert_int_equal(add_out(buf[j], 4, buf[j]), 0);
	virtqueue_kick(b.vq);
	for (j = 0; j < 6; j++) {
		device_serve(0);
		assert_false(device_interrupts());
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[j]);
	}
	bench_end();
}

/* An interrupt that comes all the same, say another queue's on the same line, calls nobody back, and what
 * is there by then is found by who asks again. */
static void an_interrupt_that_nobody_wants_calls_nobody(void **state)
{
	uint64_t features[] = {0, EVENT_IDX};
	char buf[4];
	unsigned int i, len;

	(void)state;
	for (i = 0; i < 2; i++) {
		bench_make(8, features[i]);
		virtqueue_disable_cb(b.vq);
		assert_int_equal(add_out(buf, 4, buf), 0);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_int_equal(vring_interrupt(0, b.vq), IRQ_NONE);
		assert_int_equal(b.callbacks, 0);
		assert_int_equal(virtqueue_get_stats(b.vq).spurious, 1);
		assert_false(virtqueue_enable_cb(b.vq));
		assert_int_equal(vring_interrupt(0, b.vq), IRQ_HANDLED);
		assert_int_equal(b.callbacks, 1);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		bench_end();
	}
}

static void a_buffer_finished_between_prepare_and_poll_is_seen(void **state)
{
	uint64_t features[] = {0, EVENT_IDX};
	char buf[2][4];
	unsigned int i, opaque, len;

	(void)state;
	for (i = 0; i < 2; i++) {
		bench_make(8, features[i]);
		virtqueue_disable_cb(b.vq);
		assert_int_equal(add_out(buf[0], 4, buf[0]), 0);
		assert_int_equal(add_out(buf[1], 4, buf[1]), 0);
		virtqueue_kick(b.vq);
		opaque = virtqueue_enable_cb_prepare(b.vq);
		assert_false(virtqueue_poll(b.vq, opaque));
		device_serve(0);
		assert_true(virtqueue_poll(b.vq, opaque));
		assert_true(device_interrupts()); /* and the interrupt comes as well */
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
		opaque = virtqueue_enable_cb_prepare(b.vq);
		assert_false(virtqueue_poll(b.vq, opaque));
		bench_end();
	}
}

static void a_delayed_interrupt_comes_after_three_quarters(void **state)
{
	char buf[8][4];
	unsigned int i;

	(void)state;
	bench_make(8, EVENT_IDX);
	virtqueue_disable_cb(b.vq);
	for (i = 0; i < 8; i++)
		assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
	virtqueue_kick(b.vq);
	assert_true(virtqueue_enable_cb_delayed(b.vq));
	for (i = 1; i <= 6; i++) {
		device_serve(0);
		assert_int_equal(device_interrupts(), i == 6);
	}
	assert_false(virtqueue_enable_cb_delayed(b.vq)); /* six of eight are done */
	bench_end();
}

static void a_delayed_interrupt_without_event_index_is_a_plain_one(void **state)
{
	char buf[4][4];
	unsigned int i;

	(void)state;
	bench_make(8, 0);
	virtqueue_disable_cb(b.vq);
	for (i = 0; i < 4; i++)
		assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
	virtqueue_kick(b.vq);
	assert_true(virtqueue_enable_cb_delayed(b.vq));
	device_serve(0);
	assert_true(device_interrupts());
	assert_false(virtqueue_enable_cb_delayed(b.vq));
	bench_end();
}

static void interrupts_are_asked_for_across_the_wrap_of_the_index(void **state)
{
	char buf[4];
	unsigned int i, len;

	(void)state;
	bench_make(4, EVENT_IDX);
	for (i = 0; i < 65530; i++)
		turn();
	for (i = 0; i < 12; i++) {
		assert_true(virtqueue_enable_cb(b.vq));
		assert_int_equal(add_out(buf, 4, buf), 0);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_true(device_interrupts());
		virtqueue_disable_cb(b.vq);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		assert_int_equal(add_out(buf, 4, buf), 0);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_false(device_interrupts());
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
	}
	bench_end();
}

static void the_callback_runs_only_where_buffers_are_finished(void **state)
{
	char buf[4];
	unsigned int len;

	(void)state;
	bench_make(8, 0);
	assert_int_equal(add_out(buf, 4, buf), 0);
	virtqueue_kick(b.vq);
	assert_int_equal(vring_interrupt(0, b.vq), IRQ_NONE);
	assert_int_equal(b.callbacks, 0);
	device_serve(0);
	assert_int_equal(vring_interrupt(0, b.vq), IRQ_HANDLED);
	assert_int_equal(b.callbacks, 1);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
	assert_int_equal(vring_interrupt(0, b.vq), IRQ_NONE);
	assert_int_equal(b.callbacks, 1);
	assert_int_equal(virtqueue_get_stats(b.vq).interrupts, 1);
	assert_int_equal(virtqueue_get_stats(b.vq).spurious, 2);
	bench_end();
}

static void a_queue_without_callback_asks_for_no_interrupts(void **state)
{
	char buf[4];
	uint64_t features[] = {0, EVENT_IDX};
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		bench_make(8, features[i]);
		refdev_queue_disable(b.q);
		vring_del_virtqueue(b.vq);
		b.vq = vring_create_virtqueue(0, 8, 64, &b.vdev, false, bench_notify, NULL, "q");
		b.q->size = 8;
		b.q->desc = virtqueue_get_desc_addr(b.vq);
		b.q->driver = virtqueue_get_avail_addr(b.vq);
		b.q->device = virtqueue_get_used_addr(b.vq);
		refdev_queue_enable(b.q);
		assert_int_equal(add_out(buf, 4, buf), 0);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_false(device_interrupts());
		assert_int_equal(vring_interrupt(0, b.vq), IRQ_HANDLED);
		bench_end();
	}
}

static void the_statistics_count_what_happened(void **state)
{
	char buf[3][4];
	unsigned int i, len;

	(void)state;
	bench_make(8, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(add_out(buf[i], 4, buf[i]), 0);
	virtqueue_kick(b.vq);
	device_serve(0);
	device_serve(0);
	while (virtqueue_get_buf(b.vq, &len))
		;
	assert_int_equal(virtqueue_get_stats(b.vq).added, 3);
	assert_int_equal(virtqueue_get_stats(b.vq).used, 2);
	assert_int_equal(virtqueue_get_stats(b.vq).kicks, 1);
	assert_int_equal(virtqueue_get_stats(b.vq).notified, 1);
	assert_string_equal(virtqueue_format(b.vq), "split");
	bench_end();
}

/* --- leaving ------------------------------------------------------------------------------------- */

/* --- a device that lies -------------------------------------------------------------------------- */

/* One buffer of three is finished with a lie: the queue breaks, and all tokens come back. */
static void lie_breaks_the_queue(enum refdev_lie lie, uint64_t features)
{
	static char buf[3][32];
	bool three = features & INDIRECT;
	unsigned int i, len, tokens = 0, said = port_host_messages(LOG_ERROR);

	bench_make(8, features);
	for (i = 0; i < 3; i++)
		assert_int_equal(add_pieces(buf[i], 4, 1, 2, buf[i]), i < 2 || three ? 0 : -ENOSPC);
	virtqueue_kick(b.vq);
	assert_true(refdev_pop(b.q, &chain));
	b.q->lie = lie;
	refdev_push(b.q, &chain, 8);
	vring_interrupt(0, b.vq);
	for (i = 0; i < 10 && virtqueue_get_buf(b.vq, &len); i++)
		tokens++;
	assert_int_equal(tokens, lie == LIE_ID_DUPLICATE); /* nothing doubtful comes back */
	assert_true(virtqueue_is_broken(b.vq));
	assert_null(virtqueue_get_buf(b.vq, &len));
	assert_int_equal(add_out(buf[0], 4, buf), -EIO);
	assert_false(virtqueue_kick(b.vq));
	assert_false(virtqueue_notify(b.vq));
	assert_int_equal(port_host_messages(LOG_ERROR),
			 said + 1); /* said once, not for every call */
	while (virtqueue_detach_unused_buf(b.vq))
		tokens++;
	assert_int_equal(tokens, three ? 3 : 2);
	bench_end();
}

static void every_lie(enum refdev_lie lie)
{
	lie_breaks_the_queue(lie, 0);
	lie_breaks_the_queue(lie, INDIRECT | EVENT_IDX);
}

static void a_used_id_beyond_the_queue_breaks_it(void **state)
{
	(void)state;
	every_lie(LIE_ID_RANGE);
}

static void a_used_id_that_is_not_a_head_breaks_the_queue(void **state)
{
	(void)state;
	every_lie(LIE_ID_NOT_OUTSTANDING);
}

static void a_buffer_returned_twice_breaks_the_queue(void **state)
{
	(void)state;
	every_lie(LIE_ID_DUPLICATE);
}

static void a_length_beyond_the_buffer_breaks_the_queue(void **state)
{
	(void)state;
	every_lie(LIE_LEN);
	every_lie(LIE_LEN_MAX);
}

static void a_used_index_that_jumps_breaks_the_queue(void **state)
{
	(void)state;
	every_lie(LIE_IDX_JUMP);
	every_lie(LIE_IDX_BACK);
}

static void a_length_for_a_readable_buffer_breaks_the_queue(void **state)
{
	char buf[16];
	unsigned int len;

	(void)state;
	bench_make(8, 0);
	assert_int_equal(add_out(buf, sizeof(buf), buf), 0);
	virtqueue_kick(b.vq);
	device_serve(1);
	assert_null(virtqueue_get_buf(b.vq, &len));
	assert_true(virtqueue_is_broken(b.vq));
	bench_end();
}

static void the_drivers_record_survives_a_device_that_overwrites_the_ring(void **state)
{
	static char buf[4][16];
	unsigned int i, len;

	(void)state;
	bench_make(8, INDIRECT);
	for (i = 0; i < 4; i++)
		assert_int_equal(add_pieces(buf[i], 4, 1, 1, buf[i]), 0);
	virtqueue_kick(b.vq);
	for (i = 0; i < 4; i++) {
		assert_true(refdev_pop(b.q, &chain));
		refdev_push(b.q, &chain, 4);
	}
	memset(dma_test_access(b.q->desc, 8 * 16, false), 0xff, 8 * 16);
	memset(dma_test_access(b.q->driver + 4, 8 * 2, false), 0xff, 8 * 2);
	for (i = 0; i < 4; i++)
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[i]);
	assert_int_equal(b.vq->num_free, 8);
	for (i = 0; i < 40; i++)
		turn();
	bench_end();
}

/* --- making queues ------------------------------------------------------------------------------- */

static void only_powers_of_two_up_to_32768_are_sizes(void **state)
{
	static const unsigned int bad[] = {0, 3, 6, 255, 32767, 65536, 0x80000000u, 0xffffffffu};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(bench_try(bad[i], 0, false, false));
	assert_int_equal(port_host_live(), 0);
}

static void every_size_works_full_and_empty(void **state)
{
	static char buf[32768];
	unsigned int num, i, len, round;

	(void)state;
	for (num = 1; num <= 32768; num *= 2) {
		assert_true(bench_try(num, EVENT_IDX | INDIRECT, num & 0x5555, false));
		for (round = 0; round < 2; round++) {
			for (i = 0; i < num; i++)
				assert_int_equal(add_in(buf + i, 1, buf + i), 0);
			assert_int_equal(add_in(buf, 1, buf), -ENOSPC);
			assert_true(virtqueue_kick(b.vq));
			for (i = 0; i < num; i++)
				device_serve(1);
			for (i = 0; i < num; i++)
				assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf + i);
			assert_null(virtqueue_get_buf(b.vq, &len));
		}
		bench_end();
	}
}

/* 2.7.8.2: old legacy devices put anything there. The driver gets what it offered, and goes on. */
static void a_legacy_device_may_say_any_length(void **state)
{
	char buf[16];
	unsigned int len;

	(void)state;
	for (enum refdev_lie lie = LIE_LEN; lie <= LIE_LEN_MAX; lie++) {
		assert_true(bench_try(8, 0, true, false));
		for (unsigned int i = 0; i < 20; i++) {
			bool in = i % 2;

			assert_int_equal(in ? add_in(buf, 16, buf) : add_out(buf, 16, buf), 0);
			virtqueue_kick(b.vq);
			b.q->lie = lie;
			b.q->lied = false;
			device_serve(0);
			assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
			assert_int_equal(len, in ? 16 : 0);
		}
		assert_false(virtqueue_is_broken(b.vq));
		assert_int_equal(port_host_messages(LOG_WARNING), 0);
		bench_end();
	}
}

/* 2.7.2: the legacy layout is one formula, and the device computes it by itself. */
static void the_legacy_layout_is_the_specifications(void **state)
{
	unsigned int num;

	(void)state;
	for (num = 1; num <= 32768; num *= 2) {
		uint64_t avail, used;

		assert_true(bench_try(num, 0, true, false));
		avail = b.q->desc + 16ull * num;
		used = ALIGN_UP(avail + 6 + 2ull * num, 4096ull);
		assert_int_equal(b.q->desc % 4096, 0);
		assert_int_equal(b.q->driver, avail);
		assert_int_equal(b.q->device, used);
		bench_end();
	}
}

static bool no_memory(void)
{
	return true;
}

static void a_queue_gets_smaller_where_memory_has_run_out(void **state)
{
	(void)state;
	port_host_fail_alloc(2); /* the first is the queue's structure, the second its record */
	assert_false(bench_try(64, 0, false, false));
	port_host_fail_alloc(2);
	assert_true(bench_try(64, 0, false, true));
	assert_int_equal(virtqueue_get_vring_size(b.vq), 32);
	bench_end();
}

static void without_any_memory_there_is_no_queue_of_whatever_size(void **state)
{
	(void)state;
	dma_test_set_alloc_hook(no_memory);
	assert_false(bench_try(64, INDIRECT, false, true));
	assert_int_equal(port_host_live(), 0);
	assert_int_equal(dma_test_allocations(), 0);
	assert_true(list_empty(&b.vdev.vqs));
}

/* Both formats; with VIRTIO_F_IN_ORDER the buffer must not be waited for either. */
static void a_buffer_that_cannot_be_mapped_changes_nothing(void **state)
{
	static char buf[16 * 4];
	unsigned int nth, len, i;

	(void)state;
	for (i = 0; i < 8; i++) {
		bench_make(16,
			   (i & 1 ? INDIRECT : 0) | (i & 2 ? PACKED : 0) | (i & 4 ? IN_ORDER : 0));
		for (nth = 1; nth <= 18; nth++) { /* more often than there are tables */
			dma_test_fail_map(1 + nth % 9);
			assert_int_equal(add_pieces(buf, 4, 5, 4, buf), -ENOMEM);
			assert_int_equal(dma_test_mappings(), 0);
			assert_int_equal(b.vq->num_free, 16);
		}
		assert_int_equal(add_pieces(buf, 4, 5, 4, buf), 0);
		assert_int_equal(b.vq->num_free, i & 1 ? 15 : 7);
		virtqueue_kick(b.vq);
		device_serve(16);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		for (nth = 0; nth < 4; nth++)
			assert_int_equal(add_out(buf + nth, 1, buf + nth), 0);
		virtqueue_kick(b.vq);
		for (nth = 0; nth < 4; nth++) {
			device_serve(0);
			assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf + nth);
		}
		bench_end();
	}
}

/* --- random operations against a model ------------------------------------------------------------ */

#define SLOTS 64

struct slot {
	bool used;
	unsigned int out, in;
	uint32_t written;
	uint8_t pattern;
	char buf[8 * 16];
};

static struct {
	struct slot slots[SLOTS];
	struct refdev_chain chains[SLOTS]; /* what the device holds */
	unsigned int held;
	unsigned int order[SLOTS]; /* slots in the order in which they were finished */
	unsigned int finished, outstanding;
	uint32_t seed;
} m;

static void model_add(void)
{
	unsigned int i = test_random(&m.seed) % SLOTS, bytes = 16, total;
	struct slot *slot = &m.slots[i];
	int err;

	if (slot->used)
		return;
	slot->out = 1 + test_random(&m.seed) % 4; /* the first piece names the slot */
	slot->in = test_random(&m.seed) % 5;
	total = slot->out + slot->in;
	slot->pattern = (uint8_t)test_random(&m.seed);
	memset(slot->buf, slot->pattern, sizeof(slot->buf));
	slot->buf[0] = (char)i;
	err = add_pieces(slot->buf, bytes, slot->out, slot->in, slot);
	if (total > virtqueue_get_vring_size(b.vq)) {
		assert_int_equal(err, -ENOSPC);
	} else if (err) {
		assert_int_equal(err, -ENOSPC);
		assert_true(b.vq->num_free < total);
	} else {
		slot->used = true;
		m.outstanding++;
	}
}

static void model_device_pop(void)
{
	struct refdev_chain *c = &m.chains[m.held];
	uint8_t bytes[16 * 8];
	struct slot *slot;
	unsigned int i;

	if (m.held == SLOTS || !refdev_pop(b.q, c))
		return;
	m.held++;
	refdev_read(c, 0, bytes, c->readable);
	assert_in_range(bytes[0], 0, SLOTS - 1);
	slot = &m.slots[bytes[0]];
	assert_true(slot->used);
	assert_int_equal(c->readable, slot->out * 16);
	assert_int_equal(c->writable, slot->in * 16);
	for (i = 1; i < c->readable; i++)
		assert_int_equal(bytes[i], slot->pattern);
}

static void model_device_push(void)
{
	unsigned int i;
	struct refdev_chain *c;
	struct slot *slot;
	uint8_t bytes[16 * 8], first;

	if (!m.held)
		return;
	i = test_random(&m.seed) % m.held;
	c = &m.chains[i];
	refdev_read(c, 0, &first, 1);
	slot = &m.slots[first];
	slot->written = c->writable ? test_random(&m.seed) % (uint32_t)(c->writable + 1) : 0;
	memset(bytes, (uint8_t)~slot->pattern, sizeof(bytes));
	refdev_write(c, 0, bytes, slot->written);
	refdev_push(b.q, c, slot->written);
	m.order[m.finished++] = first;
	m.chains[i] = m.chains[--m.held];
	(void)device_interrupts();
}

static void model_get(void)
{
	unsigned int len = 0, i;
	struct slot *slot = virtqueue_get_buf(b.vq, &len);

	assert_false(virtqueue_is_broken(b.vq));
	if (!m.finished) {
		assert_null(slot);
		return;
	}
	assert_ptr_equal(slot, &m.slots[m.order[0]]);
	memmove(m.order, m.order + 1, --m.finished * sizeof(m.order[0]));
	assert_int_equal(len, slot->written);
	for (i = 0; i < len; i++)
		assert_int_equal((uint8_t)slot->buf[slot->out * 16 + i], (uint8_t)~slot->pattern);
	slot->used = false;
	m.outstanding--;
}

static void model_callbacks(void)
{
	switch (test_random(&m.seed) % 3) {
	case 0:
		virtqueue_disable_cb(b.vq);
		break;
	case 1:
		assert_int_equal(virtqueue_enable_cb(b.vq), m.finished == 0);
		break;
	default:
		(void)virtqueue_enable_cb_delayed(b.vq);
	}
}

static void model_step(void)
{
	switch (test_random(&m.seed) % 10) {
	case 0:
	case 1:
	case 2:
		model_add();
		break;
	case 3:
		assert_true(virtqueue_kick(b.vq));
		break;
	case 4:
	case 5:
		model_device_pop();
		break;
	case 6:
	case 7:
		model_device_push();
		break;
	case 8:
		model_get();
		break;
	default:
		model_callbacks();
	}
	assert_int_equal(virtqueue_in_flight(b.vq), m.outstanding);
}

static void random_operations_agree_with_a_simple_model(void **state)
{
	uint64_t features[] = {0, EVENT_IDX, INDIRECT, EVENT_IDX | INDIRECT};
	unsigned int sizes[] = {1, 4, 16, 64}, i, j, step;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(features); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			memset(&m, 0, sizeof(m));
			m.seed = 1000 + i * 10 + j;
			bench_make(sizes[j], features[i]);
			port_host_forbid_alloc(true);
			for (step = 0; step < 10000; step++)
				model_step();
			port_host_forbid_alloc(false);
			if (violation_count())
				fail_msg("seed %u: %s", 1000 + i * 10 + j, violation_first());
			bench_end();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_readable_buffer_arrives_and_its_token_comes_back),
		TEST(a_writable_buffer_brings_the_devices_bytes),
		TEST(readable_pieces_come_before_writable_ones),
		TEST(a_full_ring_refuses_and_takes_again_when_room_comes_back),
		TEST(a_chain_that_does_not_fit_now_changes_nothing),
		TEST(a_list_longer_than_the_queue_is_refused),
		TEST(a_buffer_without_token_or_list_is_refused),
		TEST(a_chain_of_more_than_4_gib_is_refused),
		TEST(the_device_may_finish_in_any_order),
		TEST(a_long_chain_takes_one_descriptor_with_indirect_tables),
		TEST(indirect_buffers_fill_the_ring_one_descriptor_each),
		TEST(a_kick_publishes_many_buffers_with_one_notification),
		TEST(the_notification_is_sent_across_the_wrap_of_the_index),
		TEST(with_event_index_a_kick_before_the_event_is_silent),
		TEST(suppressed_interrupts_stay_so_while_buffers_are_taken_back),
		TEST(an_interrupt_that_nobody_wants_calls_nobody),
		TEST(a_buffer_finished_between_prepare_and_poll_is_seen),
		TEST(a_delayed_interrupt_comes_after_three_quarters),
		TEST(a_delayed_interrupt_without_event_index_is_a_plain_one),
		TEST(interrupts_are_asked_for_across_the_wrap_of_the_index),
		TEST(the_callback_runs_only_where_buffers_are_finished),
		TEST(a_queue_without_callback_asks_for_no_interrupts),
		TEST(the_statistics_count_what_happened),
		TEST(a_used_id_beyond_the_queue_breaks_it),
		TEST(a_used_id_that_is_not_a_head_breaks_the_queue),
		TEST(a_buffer_returned_twice_breaks_the_queue),
		TEST(a_length_beyond_the_buffer_breaks_the_queue),
		TEST(a_used_index_that_jumps_breaks_the_queue),
		TEST(a_length_for_a_readable_buffer_breaks_the_queue),
		TEST(the_drivers_record_survives_a_device_that_overwrites_the_ring),
		TEST(only_powers_of_two_up_to_32768_are_sizes),
		TEST(every_size_works_full_and_empty),
		TEST(a_legacy_device_may_say_any_length),
		TEST(the_legacy_layout_is_the_specifications),
		TEST(a_queue_gets_smaller_where_memory_has_run_out),
		TEST(without_any_memory_there_is_no_queue_of_whatever_size),
		TEST(a_buffer_that_cannot_be_mapped_changes_nothing),
		TEST(random_operations_agree_with_a_simple_model),
	};

	return cmocka_run_group_tests_name("virtqueue_split", tests, NULL, NULL);
}
