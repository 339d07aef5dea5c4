/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices behind PCI that are removed while somebody waits for them, or have requests in flight: whoever waits comes
 * back with -ENODEV within a bounded time, every callback is called once, and nothing is left. Once for
 * a device that is still there, once for one that has vanished; with vectors and with the wired line.
 */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)
#define REMOVED_IN (5 * NSEC_PER_MSEC)

static struct rig rig;
static bool vanishes;
static unsigned int done_calls;
static int done_status;
static uint8_t data[64 * 512];

static bool choose_way(unsigned int way)
{
	vanishes = way & 1;
	rig_vectors = way & 2 ? 0 : 16;
	return way < 4;
}

/* Each way for a device to go. */
#define FOR_EACH_WAY(way) for (unsigned int way = 0; choose_way(way); way++)

static void leave(void *arg)
{
	(void)arg;
	if (vanishes)
		refdev_pci(rig.dev)->gone = true;
	port_host_forbid_alloc(false);
	rig_remove(&rig);
}

static void start(struct refdev *dev)
{
	done_calls = 0;
	done_status = 0;
	rig_start(&rig, dev);
	rig.dev->hold = true;
}

/* It goes while what follows waits. */
static void leave_soon(void)
{
	port_host_after(REMOVED_IN, leave, NULL);
}

static void nothing_is_left(void)
{
	assert_int_equal(port_host_live(), 0);
	assert_int_equal(dma_test_mappings(), 0);
	assert_int_equal(dma_test_allocations(), 0);
	refdev_reset(rig.dev); /* what has vanished uses no memory either */
	refdev_free(rig.dev);
}

/* --- block --------------------------------------------------------------------------------------------------- */

static void a_read_ends_when_the_disk_goes(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		uint64_t before;

		start(refdev_blk_new(2, 4096, BIT_ULL(REF_BLK_F_FLUSH)));
		before = port_now_ns();
		leave_soon();
		assert_int_equal(
			virtio_blk_read(virtio_blk_find(&test_bus, 0), 0, data, 64, SECONDS(30)),
			-ENODEV);
		assert_true(port_now_ns() - before < REMOVED_IN + 10 * NSEC_PER_MSEC);
		assert_null(virtio_blk_find(&test_bus, 0));
		nothing_is_left();
	}
}

static void blk_done(struct virtio_blk_request *req)
{
	done_calls++;
	done_status = req->status;
	/* Whoever sends again is told that there is nobody. */
	assert_int_equal(virtio_blk_submit(req->priv, req), -ENODEV);
}

static void requests_end_once_when_the_disk_goes(void **state)
{
	static struct virtio_blk_request requests[300];

	(void)state;
	FOR_EACH_WAY(way)
	{
		struct virtio_blk *blk;

		start(refdev_blk_new(2, 4096, 0));
		blk = virtio_blk_find(&test_bus, 0);
		memset(requests, 0, sizeof(requests));
		for (unsigned int i = 0; i < 300; i++) { /* more than the ring holds */
			requests[i] = (struct virtio_blk_request){.op = VIRTIO_BLK_READ,
								  .sectors = 1,
								  .sector = i,
								  .buf = data,
								  .done = blk_done,
								  .priv = blk};
			assert_int_equal(virtio_blk_submit(blk, &requests[i]), 0);
		}
		leave(NULL);
		assert_int_equal(done_calls, 300);
		assert_int_equal(done_status, -ENODEV);
		nothing_is_left();
	}
}

/* Nobody has noticed yet: the time limit finds out. */
static void a_disk_that_vanished_is_found_out_by_a_time_limit(void **state)
{
	uint64_t before;

	(void)state;
	start(refdev_blk_new(2, 4096, 0));
	refdev_pci(rig.dev)->gone = true;
	before = port_now_ns();
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 0, data, 64, SECONDS(1)),
			 -ENODEV);
	assert_true(port_now_ns() - before < SECONDS(1) + 100 * NSEC_PER_MSEC);
	assert_true(rig.vdev->gone);
	assert_int_equal(rig.vdev->error, -ENODEV);
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 0, data, 64, SECONDS(1)),
			 -ENODEV);
	leave(NULL);
	nothing_is_left();
}

/* --- entropy ------------------------------------------------------------------------------------------------- */

static void a_read_of_entropy_ends_when_the_device_goes(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		start(refdev_rng_new(2));
		leave_soon();
		assert_int_equal(
			virtio_rng_read(virtio_rng_find(&test_bus, 0), data, 16, SECONDS(30)),
			-ENODEV);
		nothing_is_left();
	}
}

static void rng_done(struct virtio_rng_request *req, int received)
{
	(void)req;
	done_calls++;
	done_status = received;
}

static void requests_for_entropy_end_once(void **state)
{
	static struct virtio_rng_request requests[4];

	(void)state;
	FOR_EACH_WAY(way)
	{
		start(refdev_rng_new(2));
		for (unsigned int i = 0; i < 4; i++) {
			requests[i] = (struct virtio_rng_request){
				.buf = data + 16 * i, .len = 16, .done = rng_done};
			assert_int_equal(
				virtio_rng_submit(virtio_rng_find(&test_bus, 0), &requests[i]), 0);
		}
		leave(NULL);
		assert_int_equal(done_calls, 4);
		assert_int_equal(done_status, -ENODEV);
		nothing_is_left();
	}
}

static void entropy_that_vanished_is_found_out_by_a_time_limit(void **state)
{
	(void)state;
	start(refdev_rng_new(2));
	refdev_pci(rig.dev)->gone = true;
	assert_int_equal(virtio_rng_read(virtio_rng_find(&test_bus, 0), data, 16, SECONDS(1)),
			 -ENODEV);
	leave(NULL);
	nothing_is_left();
}

/* --- network ------------------------------------------------------------------------------------------------- */

static void a_sender_that_waits_comes_back_when_the_network_goes(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		struct virtio_net *net;
		int err;

		start(refdev_net_new(2, 0));
		net = virtio_net_find(&test_bus, 0);
		while ((err = virtio_net_send(net, data, 100)) == 0)
			;
		assert_int_equal(err, -ENOSPC);
		leave_soon();
		assert_int_equal(virtio_net_send_wait(net, data, 100, SECONDS(30)), -ENODEV);
		nothing_is_left();
	}
}

static void frame_back(struct virtio_net_frame *frame)
{
	done_calls++;
	done_status = frame->status;
}

static void frames_come_back_once_when_the_network_goes(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		static struct virtio_net_frame frames[4];
		static uint8_t memory[4][256];
		uint64_t before;

		start(refdev_net_new(2, 0));
		for (unsigned int i = 0; i < 4; i++) {
			struct virtio_net_frame *frame = &frames[i];

			assert_int_equal(virtio_net_frame_init(virtio_net_find(&test_bus, 0), frame,
							       memory[i], sizeof(memory[i]),
							       frame_back),
					 0);
			assert_int_equal(
				virtio_net_submit(virtio_net_find(&test_bus, 0), &frame, 1), 1);
		}
		before = port_now_ns();
		leave_soon();
		assert_int_equal(
			virtio_net_reclaim_wait(virtio_net_find(&test_bus, 0), SECONDS(30)), 0);
		assert_true(port_now_ns() - before < REMOVED_IN + 20 * NSEC_PER_MSEC);
		assert_int_equal(done_calls, 4);
		assert_int_equal(done_status, -EIO);
		nothing_is_left();
	}
}

/* --- console ------------------------------------------------------------------------------------------------- */

static void a_reader_comes_back_when_the_console_goes(void **state)
{
	(void)state;
	FOR_EACH_WAY(way)
	{
		char c;

		start(refdev_console_new(2, 0));
		leave_soon();
		assert_int_equal(
			virtio_console_read(virtio_console_find(&test_bus, 0), &c, 1, SECONDS(30)),
			-ENODEV);
		nothing_is_left();
	}
}

static void a_writer_comes_back_when_the_console_goes(void **state)
{
	static char text[10000];

	(void)state;
	memset(text, 'x', sizeof(text));
	FOR_EACH_WAY(way)
	{
		/* One that waits for room, and one that waits for the end. */
		for (size_t len = 10; len <= sizeof(text); len *= 1000) {
			start(refdev_console_new(2, 0));
			leave_soon();
			assert_int_equal(virtio_console_write(virtio_console_find(&test_bus, 0),
							      text, len, SECONDS(30)),
					 -ENODEV);
			nothing_is_left();
		}
	}
}

/* --- the queue ----------------------------------------------------------------------------------------------- */

static struct virtio_device *listed;

static void remove_while_printing(void *arg, const char *line)
{
	(void)line;
	if (!*(unsigned int *)arg)
		leave(NULL);
	++*(unsigned int *)arg;
}

/* Memory that is held, as ports/bare does while a command runs, may be looked at: nothing there leads astray. */
static void a_dump_ends_when_the_device_goes(void **state)
{
	unsigned int lines = 0;
	struct virtqueue *vq;

	(void)state;
	start(refdev_rng_new(2));
	listed = rig.vdev;
	vq = list_entry(listed->vqs.next, struct virtqueue, list);
	port_host_hold(true);
	virtqueue_dump(vq, 8, remove_while_printing, &lines);
	assert_int_equal(lines, 1);
	assert_true(virtqueue_is_broken(vq));
	assert_ptr_equal(vq->list.next, &listed->vqs);
	assert_false(virtqueue_notify(vq));
	port_host_hold(false);
	nothing_is_left();
}

static int init(void **state)
{
	(void)state;
	rig_over_pci = true;
	rig_vectors = 16;
	(void)virtio_blk_init(&test_bus);
	(void)virtio_net_init(&test_bus);
	(void)virtio_console_init(&test_bus);
	(void)virtio_rng_init(&test_bus);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_ends_when_the_disk_goes),
		TEST(requests_end_once_when_the_disk_goes),
		TEST(a_disk_that_vanished_is_found_out_by_a_time_limit),
		TEST(a_read_of_entropy_ends_when_the_device_goes),
		TEST(requests_for_entropy_end_once),
		TEST(entropy_that_vanished_is_found_out_by_a_time_limit),
		TEST(a_sender_that_waits_comes_back_when_the_network_goes),
		TEST(frames_come_back_once_when_the_network_goes),
		TEST(a_reader_comes_back_when_the_console_goes),
		TEST(a_writer_comes_back_when_the_console_goes),
		TEST(a_dump_ends_when_the_device_goes),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
