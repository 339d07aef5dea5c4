/* SPDX-License-Identifier: BSD-2-Clause */
/* What a queue promises in both formats in the same words, once for each. */
#include "tests/unit/vq_bench.h"

/* A format as a test's state, and a ring size that it allows. */
struct format {
	uint64_t features;
	unsigned int size;
};

static struct format split = {0, 32}, packed = {PACKED, 21};

static const struct format *format_of(void *const *state)
{
	return *state;
}

static void a_second_token_comes_back_with_the_first(void **state)
{
	const struct format *f = format_of(state);
	char buf[16], context[4];
	struct scatterlist sg;
	unsigned int len;
	void *ctx = NULL;

	bench_make(f->size, f->features | INDIRECT);
	sg_init_one(&sg, buf, sizeof(buf));
	assert_int_equal(virtqueue_add_inbuf_ctx(b.vq, &sg, 1, buf, context, GFP_ATOMIC), 0);
	virtqueue_kick(b.vq);
	device_serve(3);
	assert_ptr_equal(virtqueue_get_buf_ctx(b.vq, &len, &ctx), buf);
	assert_ptr_equal(ctx, context);
	assert_int_equal(len, 3);
	bench_end();
}

static void every_unfinished_buffer_is_detached_once(void **state)
{
	const struct format *f = format_of(state);
	static char buf[6][64];
	bool seen[6] = {false};
	unsigned int i, len, n = 0;
	void *token;

	bench_make(f->size, f->features | INDIRECT);
	for (i = 0; i < 6; i++)
		assert_int_equal(add_pieces(buf[i], 4, i + 1, i, buf[i]), 0);
	virtqueue_kick(b.vq);
	device_serve(0);
	assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
	while ((token = virtqueue_detach_unused_buf(b.vq))) {
		i = (unsigned int)((char(*)[64])token - buf);
		assert_in_range(i, 1, 5);
		assert_false(seen[i]);
		seen[i] = true;
		n++;
	}
	assert_int_equal(n, 5);
	assert_int_equal(virtqueue_in_flight(b.vq), 0);
	assert_int_equal(b.vq->num_free, f->size);
	assert_int_equal(dma_test_mappings(), 0);
	bench_end();
}

static void a_device_that_wants_no_notification_gets_none(void **state)
{
	const struct format *f = format_of(state);
	static const uint64_t features[] = {0, EVENT_IDX};
	char buf[4];
	unsigned int i, len;

	for (i = 0; i < 2; i++) {
		bench_make(f->size, f->features | features[i]);
		b.q->suppress_notify = true;
		b.q->ops->want_notify(b.q, false);
		assert_int_equal(add_out(buf, 4, buf), 0);
		assert_true(virtqueue_kick(b.vq));
		assert_int_equal(b.notified, 0);
		device_serve(0);
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf);
		b.q->suppress_notify = false;
		assert_false(refdev_pop(b.q, &chain)); /* asks again, now that it found nothing */
		assert_int_equal(add_out(buf, 4, buf), 0);
		assert_true(virtqueue_kick(b.vq));
		assert_int_equal(b.notified, 1);
		bench_end();
	}
}

static void interrupts_stop_and_come_again_as_the_driver_asks(void **state)
{
	const struct format *f = format_of(state);
	static const uint64_t features[] = {0, EVENT_IDX};
	char buf[4][4];
	unsigned int i, j, len;

	for (i = 0; i < 2; i++) {
		bench_make(f->size, f->features | features[i]);
		for (j = 0; j < 4; j++)
			assert_int_equal(add_out(buf[j], 4, buf[j]), 0);
		virtqueue_kick(b.vq);
		device_serve(0);
		assert_true(device_interrupts());
		virtqueue_disable_cb(b.vq);
		device_serve(0);
		assert_false(device_interrupts());
		assert_false(virtqueue_enable_cb(b.vq)); /* two are waiting */
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[0]);
		assert_false(virtqueue_enable_cb(b.vq));
		assert_ptr_equal(virtqueue_get_buf(b.vq, &len), buf[1]);
		assert_true(virtqueue_enable_cb(b.vq));
		device_serve(0);
		assert_true(device_interrupts());
		bench_end();
	}
}

static void running_out_of_memory_while_a_queue_is_made_leaks_nothing(void **state)
{
	const struct format *f = format_of(state);
	unsigned int n;

	for (n = 1; n < 50; n++) {
		port_host_fail_alloc(n);
		if (bench_try(f->size, f->features | INDIRECT, false, false)) {
			turn(); /* without its tables if need be */
			bench_end();
		}
		assert_int_equal(port_host_live(), 0);
		assert_int_equal(dma_test_allocations(), 0);
		if (!port_host_alloc_failed())
			break;
	}
	assert_in_range(n, 3, 10);
}

static void count_line(void *arg, const char *line)
{
	assert_null(strchr(line, '\n'));
	assert_true(strlen(line) > 0);
	++*(unsigned int *)arg;
}

static void the_dump_shows_each_buffer_up_to_its_limit(void **state)
{
	const struct format *f = format_of(state);
	static char buf[5][32];
	unsigned int i, all = 0, few = 0, none = 0;

	bench_make(f->size, f->features | INDIRECT);
	virtqueue_dump(b.vq, f->size, count_line, &none);
	for (i = 0; i < 5; i++)
		assert_int_equal(add_pieces(buf[i], 4, 2 + i % 2 * 3, 1, buf[i]), 0);
	virtqueue_dump(b.vq, f->size, count_line, &all);
	virtqueue_dump(b.vq, 2, count_line, &few);
	assert_int_equal(all, none + 5);
	assert_int_equal(few, none + 2);
	bench_end();
}

#define FORMAT_TEST(fn, format)                                                      \
	{                                                                            \
#fn ", " #format, fn, port_host_setup, port_host_teardown, &(format) \
	}
#define TESTS(fn) FORMAT_TEST(fn, split), FORMAT_TEST(fn, packed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(a_second_token_comes_back_with_the_first),
		TESTS(every_unfinished_buffer_is_detached_once),
		TESTS(a_device_that_wants_no_notification_gets_none),
		TESTS(interrupts_stop_and_come_again_as_the_driver_asks),
		TESTS(running_out_of_memory_while_a_queue_is_made_leaks_nothing),
		TESTS(the_dump_shows_each_buffer_up_to_its_limit),
	};

	return cmocka_run_group_tests_name("virtqueue_formats", tests, NULL, NULL);
}
