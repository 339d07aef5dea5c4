/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy driver: every byte that the device gave arrives, in order, and no other. */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_rng.h"

static struct rig rig;
static struct virtio_rng *rng;
static struct refdev_rng *ref;

static void start(uint32_t version)
{
	struct refdev *dev = refdev_rng_new(version);

	ref = refdev_rng(dev);
	rig_start(&rig, dev);
	rng = virtio_rng_find(&test_bus, 0);
	assert_non_null(rng);
}

static void assert_sequence(const uint8_t *buf, size_t len, uint64_t first)
{
	size_t i;

	for (i = 0; i < len; i++)
		assert_int_equal(buf[i], (first + i) % 251);
}

static void run_machine(void)
{
	struct port_event never;

	port_event_init(&never);
	(void)!port_event_wait(&never, 20 * NSEC_PER_MSEC);
}

/* 2.7.8.3#1 */
static void a_read_is_filled_from_as_many_answers_as_it_takes(void **state)
{
	static const uint32_t pieces[] = {0, 1, 7, 100};
	static uint8_t buf[5000];
	uint32_t version;
	unsigned int i;

	(void)state;
	for (version = 1; version <= 2; version++) {
		for (i = 0; i < ARRAY_SIZE(pieces); i++) {
			start(version);
			ref->max_bytes = pieces[i];
			memset(buf, 0xee, sizeof(buf));
			assert_int_equal(virtio_rng_read(rng, buf, 4001, NSEC_PER_SEC), 0);
			assert_sequence(buf, 4001, 0);
			assert_int_equal(buf[4001], 0xee);
			assert_int_equal(virtio_rng_read(rng, buf, 1, NSEC_PER_SEC), 0);
			rig_end(&rig);
		}
	}
}

static struct virtio_rng_request reqs[40];
static uint8_t bufs[40][64];
static int results[40];
static unsigned int dones;

static void note_done(struct virtio_rng_request *req, int received)
{
	assert_int_equal(results[req - reqs], 0);
	results[req - reqs] = received;
	dones++;
}

static unsigned int submit_until_full(void)
{
	unsigned int i;

	memset(results, 0, sizeof(results));
	dones = 0;
	for (i = 0; i < 40; i++) {
		reqs[i] = (struct virtio_rng_request){.buf = bufs[i], .len = 64, .done = note_done};
		if (virtio_rng_submit(rng, &reqs[i]) != 0)
			break;
	}
	return i;
}

static void requests_are_answered_in_their_own_buffers(void **state)
{
	unsigned int n, i;

	(void)state;
	start(2);
	ref->max_bytes = 33;
	n = submit_until_full();
	assert_int_equal(n, 8); /* the ring */
	assert_int_equal(virtio_rng_submit(rng, &reqs[n]), -ENOSPC);
	run_machine();
	assert_int_equal(dones, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(results[i], 33);
		assert_sequence(bufs[i], 33, 33 * i);
	}
	rig_end(&rig);
}

static void a_request_with_wrong_fields_is_refused(void **state)
{
	static struct virtio_rng_request req;
	uint8_t buf[4];

	(void)state;
	start(2);
	req = (struct virtio_rng_request){.buf = buf, .len = 0, .done = note_done};
	assert_int_equal(virtio_rng_submit(rng, &req), -EINVAL);
	req.len = 4;
	req.buf = NULL;
	assert_int_equal(virtio_rng_submit(rng, &req), -EINVAL);
	req.buf = buf;
	req.done = NULL;
	assert_int_equal(virtio_rng_submit(rng, &req), -EINVAL);
	assert_int_equal(virtio_rng_read(rng, buf, 4, 0), -EINVAL);
	rig_end(&rig);
}

static void a_device_that_gives_nothing_is_an_error_not_a_loop(void **state)
{
	uint8_t buf[16];

	(void)state;
	start(2);
	ref->zero_bytes = true;
	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), NSEC_PER_SEC), -EIO);
	rig_end(&rig);
}

static void a_device_that_does_not_answer_is_reset(void **state)
{
	uint8_t buf[16];

	(void)state;
	start(2);
	rig.dev->hold = true;
	rig.dev->lies.refuse_features = true; /* else test_recovery.c */
	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), NSEC_PER_SEC), -ETIMEDOUT);
	assert_int_equal(rig.dev->status & REF_S_DRIVER_OK, 0);
	assert_int_equal(dma_test_mappings(), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	rig_end(&rig);
}

static void a_device_that_lies_ends_every_request_once(void **state)
{
	enum refdev_lie lie;

	(void)state;
	for (lie = LIE_ID_RANGE; lie <= LIE_IDX_BACK; lie++) {
		unsigned int n;

		start(2);
		rig.dev->hold = true;
		n = submit_until_full();
		rig.dev->queues[0].lie = lie;
		rig.dev->lies.refuse_features = true; /* else test_recovery.c */
		rig.dev->hold = false;
		run_machine();
		assert_int_equal(dones, n);
		assert_int_equal(results[n - 1], -EIO);
		assert_int_equal(virtio_rng_submit(rng, &reqs[0]), -EIO);
		assert_int_equal(dma_test_mappings(), 0);
		rig_end(&rig);
	}
}

static void removal_ends_every_request(void **state)
{
	unsigned int n, i;

	(void)state;
	start(2);
	rig.dev->hold = true;
	n = submit_until_full();
	rig_end(&rig);
	assert_int_equal(dones, n);
	for (i = 0; i < n; i++)
		assert_int_equal(results[i], -ENODEV);
}

static struct refdev *make(void)
{
	return refdev_rng_new(2);
}

static void running_out_of_memory_in_probe_is_survived(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make), 3, 20);
	(void)rig_starve_maps(make);
}

static int init(void **state)
{
	(void)state;
	(void)virtio_rng_init(&test_bus);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_is_filled_from_as_many_answers_as_it_takes),
		TEST(requests_are_answered_in_their_own_buffers),
		TEST(a_request_with_wrong_fields_is_refused),
		TEST(a_device_that_gives_nothing_is_an_error_not_a_loop),
		TEST(a_device_that_does_not_answer_is_reset),
		TEST(a_device_that_lies_ends_every_request_once),
		TEST(removal_ends_every_request),
		TEST(running_out_of_memory_in_probe_is_survived),
	};

	return cmocka_run_group_tests_name("virtio_rng", tests, init, NULL);
}
