/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset and resize of one queue through the MMIO transport (VIRTIO 1.4, 2.6.1, 4.2.3.2.1), in both
 * ring formats, with everything negotiated that the queues know. The register block of the reference
 * device checks the sequence; notifications carry their data (2.9) and are checked too.
 */
#include "tests/unit/rig.h"

#define TEST_ID 43
#define SIZE	64

static struct virtqueue *vq;
static struct rig rig;
static unsigned int taken, recycled;
static char bufs[SIZE][4];

/* --- a device that returns all it gets, and its driver --------------------------------------------- */

static void serve_all(struct refdev *dev, struct refdev_queue *q)
{
	static struct refdev_chain chain;

	(void)dev;
	while (refdev_pop(q, &chain))
		refdev_push(q, &chain, (uint32_t)chain.writable);
	refdev_interrupt(q);
}

static const struct refdev_type type = {.id = TEST_ID, .process = serve_all};

static void callback(struct virtqueue *q)
{
	unsigned int len;

	assert_ptr_equal(q, vq);
	while (virtqueue_get_buf(q, &len)) {
		assert_int_equal(len, 4);
		taken++;
	}
}

static int probe(struct virtio_device *vdev)
{
	const struct virtqueue_info info = {"queue", callback};

	return virtio_find_vqs(vdev, 1, &vq, &info);
}

static void remove_driver(struct virtio_device *vdev)
{
	while (virtqueue_detach_unused_buf(vq))
		;
	virtio_del_vqs(vdev);
}

static struct virtio_driver driver = {
	.name = "test",
	.device_id = TEST_ID,
	.probe = probe,
	.remove = remove_driver,
};

static void start(uint64_t features)
{
	struct refdev *dev = refdev_new(&type, 2, 1, SIZE);

	taken = recycled = 0;
	dev->offered |= features;
	(void)virtio_register_driver(&test_bus, &driver);
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	assert_int_equal(dev->accepted & features, features);
}

static void end(void)
{
	rig_end(&rig);
	virtio_unregister_driver(&test_bus, &driver);
}

static void recycle(struct virtqueue *q, void *data)
{
	assert_ptr_equal(q, vq);
	assert_in_range((char(*)[4])data - bufs, 0, SIZE - 1);
	recycled++;
}

/* Offers @n buffers. */
static void offer(unsigned int n)
{
	struct scatterlist sg;
	unsigned int i;

	for (i = 0; i < n; i++) {
		sg_init_one(&sg, bufs[i], 4);
		assert_int_equal(virtqueue_add_inbuf(vq, &sg, 1, bufs[i], GFP_ATOMIC), 0);
	}
	assert_true(virtqueue_kick(vq));
}

/* The queue works: as many buffers as it takes go there and back. */
static void works(void)
{
	unsigned int n = virtqueue_get_vring_size(vq), before = taken, i;

	for (i = 0; i < 3; i++) {
		offer(n);
		refdev_pump();
		assert_int_equal(taken - before, n * (i + 1));
	}
}

static const uint64_t formats[] = {
	BIT_ULL(REF_F_RING_RESET),
	BIT_ULL(REF_F_RING_RESET) | BIT_ULL(REF_F_RING_PACKED),
	BIT_ULL(REF_F_RING_RESET) | BIT_ULL(REF_F_NOTIFICATION_DATA) | BIT_ULL(REF_F_IN_ORDER),
	BIT_ULL(REF_F_RING_RESET) | BIT_ULL(REF_F_NOTIFICATION_DATA) | BIT_ULL(REF_F_IN_ORDER) |
		BIT_ULL(REF_F_RING_PACKED),
};

/* --- tests ------------------------------------------------------------------------------------------ */

static void a_reset_returns_every_buffer_and_the_queue_goes_on(void **state)
{
	struct virtqueue_stats before, after;
	unsigned int f;

	(void)state;
	for (f = 0; f < ARRAY_SIZE(formats); f++) {
		start(formats[f]);
		works();
		rig.dev->hold = true;
		offer(7);
		refdev_pump();
		before = virtqueue_get_stats(vq);
		assert_int_equal(virtqueue_reset(vq, recycle), 0);
		after = virtqueue_get_stats(vq);
		assert_int_equal(after.added, before.added);
		assert_int_equal(after.used, before.used);
		assert_int_equal(recycled, 7);
		assert_int_equal(dma_test_mappings(), 0);
		assert_int_equal(virtqueue_in_flight(vq), 0);
		rig.dev->hold = false;
		works();
		end();
	}
}

/* 4.2.2.2#14 */
static void a_reset_is_over_only_when_the_register_says_so(void **state)
{
	(void)state;
	start(formats[1]);
	rig.dev->hold = true;
	offer(3);
	rig.dev->lies.queue_reset_reads = 5;
	assert_int_equal(virtqueue_reset(vq, recycle), 0);
	assert_int_equal(recycled, 3);
	assert_false(rig.dev->queues[0].resetting);
	rig.dev->hold = false;
	works();
	end();
}

/* Neither QueueReset nor QueueReady alone is enough (4.2.3.2.1). */
static void a_reset_that_never_ends_returns_nothing(void **state)
{
	(void)state;
	for (unsigned int ready = 0; ready < 2; ready++) {
		start(formats[1]);
		rig.dev->hold = true;
		offer(3);
		rig.dev->lies.queue_reset_hangs = !ready;
		rig.dev->lies.stuck_ready = ready;
		assert_int_equal(virtqueue_reset(vq, recycle), -ETIMEDOUT);
		assert_int_equal(recycled, 0); /* the device may still write there */
		assert_int_equal(dma_test_mappings(), 3);
		assert_true(virtqueue_is_broken(vq));
		end();
	}
}

/* The feature is the device's, the registers are the transport's. */
static void a_transport_without_queue_reset_is_respected(void **state)
{
	struct virtio_config_ops ops;

	(void)state;
	start(formats[0]);
	ops = *rig.vdev->config;
	ops.reset_vq = NULL;
	rig.vdev->config = &ops;
	offer(3);
	assert_int_equal(virtqueue_reset(vq, recycle), -EOPNOTSUPP);
	assert_int_equal(virtqueue_resize(vq, 32, recycle), -EOPNOTSUPP);
	assert_int_equal(recycled, 0);
	refdev_pump();
	assert_int_equal(taken, 3); /* it works on */
	end();
}

static void without_the_feature_nothing_happens(void **state)
{
	(void)state;
	start(0);
	offer(3);
	assert_int_equal(virtqueue_reset(vq, recycle), -EOPNOTSUPP);
	assert_int_equal(virtqueue_resize(vq, 32, recycle), -EOPNOTSUPP);
	assert_int_equal(recycled, 0);
	refdev_pump();
	assert_int_equal(taken, 3);
	end();
}

static void a_queue_gets_another_size(void **state)
{
	static const unsigned int sizes[] = {32, 1, 64, 2, 16};
	unsigned int f, i;

	(void)state;
	for (f = 0; f < ARRAY_SIZE(formats); f++) {
		start(formats[f]);
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			unsigned int n = MIN(virtqueue_get_vring_size(vq), 3u);

			recycled = 0;
			rig.dev->hold = true;
			offer(n);
			assert_int_equal(virtqueue_resize(vq, sizes[i], recycle), 0);
			assert_int_equal(recycled, n);
			assert_int_equal(virtqueue_get_vring_size(vq), sizes[i]);
			assert_int_equal(rig.dev->queues[0].size, sizes[i]);
			rig.dev->hold = false;
			works();
		}
		end();
	}
}

static void a_size_that_is_none_is_refused(void **state)
{
	static const unsigned int bad[] = {0, SIZE + 1, 65536, 0xffffffffu};
	unsigned int f, i;

	(void)state;
	for (f = 0; f < 2; f++) {
		start(formats[f]);
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			assert_int_equal(virtqueue_resize(vq, bad[i], recycle), -EINVAL);
		assert_int_equal(virtqueue_resize(vq, 5, recycle), f ? 0 : -EINVAL);
		works();
		end();
	}
}

static void without_memory_a_queue_keeps_its_size(void **state)
{
	unsigned int f, n;

	(void)state;
	for (f = 0; f < 2; f++) {
		for (n = 1; n <= 2; n++) {
			start(formats[f]);
			rig.dev->hold = true;
			offer(3);
			port_host_fail_alloc(n);
			assert_int_equal(virtqueue_resize(vq, 32, recycle), -ENOMEM);
			port_host_fail_alloc(0);
			assert_int_equal(recycled, 3);
			assert_int_equal(virtqueue_get_vring_size(vq), SIZE);
			rig.dev->hold = false;
			works();
			end();
		}
	}
}

/* Interrupts stay as they were asked for. */
static void a_reset_keeps_the_wish_for_interrupts(void **state)
{
	unsigned int f;

	(void)state;
	for (f = 0; f < ARRAY_SIZE(formats); f++) {
		start(formats[f]);
		virtqueue_disable_cb(vq);
		assert_int_equal(virtqueue_reset(vq, recycle), 0);
		offer(4);
		refdev_pump();
		assert_int_equal(taken, 0);
		assert_false(virtqueue_enable_cb(vq));
		callback(vq);
		assert_int_equal(taken, 4);
		assert_true(virtqueue_enable_cb(vq));
		assert_int_equal(virtqueue_reset(vq, recycle), 0);
		works();
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reset_returns_every_buffer_and_the_queue_goes_on),
		TEST(a_reset_is_over_only_when_the_register_says_so),
		TEST(a_reset_that_never_ends_returns_nothing),
		TEST(a_transport_without_queue_reset_is_respected),
		TEST(without_the_feature_nothing_happens),
		TEST(a_queue_gets_another_size),
		TEST(a_size_that_is_none_is_refused),
		TEST(without_memory_a_queue_keeps_its_size),
		TEST(a_reset_keeps_the_wish_for_interrupts),
	};

	return cmocka_run_group_tests_name("virtqueue_reset", tests, NULL, NULL);
}
