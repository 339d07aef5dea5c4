/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk of several queues: each is a way to the same disk, with requests, lists and blocking calls of its own;
 * what happens to the disk happens on all of them.
 */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_blk.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)
#define DISK	   2048u
#define QUEUES	   ((unsigned int)REFDEV_QUEUES)
#define EACH	   300u /* more than a ring holds */

static struct rig rig;
static struct virtio_blk *blk[REFDEV_QUEUES];
static struct refdev_blk *ref;

static struct refdev *make(void)
{
	return refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_MQ) | BIT_ULL(REF_BLK_F_DISCARD));
}

static void start(struct refdev *dev)
{
	ref = refdev_blk(dev);
	rig_start(&rig, dev);
	for (unsigned int q = 0; q < QUEUES; q++)
		blk[q] = virtio_blk_queue(virtio_blk_find(&test_bus, 0), q);
}

/* --- requests ------------------------------------------------------------------------------------- */

static struct virtio_blk_request requests[REFDEV_QUEUES][EACH];
static uint8_t buffers[REFDEV_QUEUES][EACH][512];
static unsigned int dones[REFDEV_QUEUES][EACH], all_done;

/* The n-th sector of queue q. */
static uint64_t place(unsigned int q, unsigned int n)
{
	return n * QUEUES + q;
}

static void count_done(struct virtio_blk_request *req)
{
	(*(unsigned int *)req->priv)++;
	all_done++;
}

static void submit(unsigned int q, unsigned int n, uint32_t op)
{
	struct virtio_blk_request *req = &requests[q][n];

	memset(buffers[q][n], (int)(place(q, n) * 7), 512);
	*req = (struct virtio_blk_request){.op = op,
					   .sector = place(q, n),
					   .sectors = 1,
					   .buf = buffers[q][n],
					   .done = count_done,
					   .priv = &dones[q][n]};
	assert_int_equal(virtio_blk_submit(blk[q], req), 0);
}

static void submit_all(uint32_t op)
{
	memset(dones, 0, sizeof(dones));
	all_done = 0;
	for (unsigned int n = 0; n < EACH; n++) {
		for (unsigned int q = 0; q < QUEUES; q++)
			submit(q, n, op);
	}
}

static void run_machine(void)
{
	struct port_event never;

	port_event_init(&never);
	(void)!port_event_wait(&never, 20 * NSEC_PER_MSEC);
}

static void assert_each_done_once(int status)
{
	assert_int_equal(all_done, QUEUES * EACH);
	for (unsigned int i = 0; i < QUEUES * EACH; i++) {
		assert_int_equal(dones[i % QUEUES][i / QUEUES], 1);
		assert_int_equal(requests[i % QUEUES][i / QUEUES].status, status);
	}
}

static void assert_written(void)
{
	for (unsigned int i = 0; i < QUEUES * EACH; i++)
		assert_memory_equal(ref->disk + i * 512, buffers[i % QUEUES][i / QUEUES], 512);
}

/* --- queues ---------------------------------------------------------------------------------------- */

static void each_queue_is_a_way_to_the_disk(void **state)
{
	struct virtio_blk_info info;

	(void)state;
	for (unsigned int eager = 0; eager < 2; eager++) {
		start(make());
		port_host_eager(eager);
		virtio_blk_get_info(blk[QUEUES - 1], &info);
		assert_int_equal(info.queues, QUEUES);
		assert_int_equal(info.capacity_sectors, DISK);
		assert_null(virtio_blk_queue(blk[1], QUEUES));
		assert_ptr_equal(virtio_blk_queue(blk[1], 0), virtio_blk_find(&test_bus, 0));
		assert_ptr_equal(virtio_blk_device(blk[2]), rig.vdev);
		submit_all(VIRTIO_BLK_WRITE);
		run_machine();
		assert_each_done_once(0);
		assert_written();
		for (unsigned int q = 0; q < QUEUES; q++)
			assert_int_equal(rig.dev->queues[q].popped, EACH);
		port_host_eager(false);
		rig_end(&rig);
	}
}

/* The number of queues is input: none is one, and of many we use what we are made for. */
static void as_many_queues_are_made_as_both_sides_have(void **state)
{
	static const struct {
		uint16_t says;
		unsigned int has, used;
	} cases[] = {{0, 1, 1}, {1, 4, 1},	{2, 4, 2}, {4, 4, 4},
		     {8, 4, 4}, {0xffff, 4, 4}, {4, 2, 0}};
	static uint8_t buf[512];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = make();
		struct virtio_blk_info info;
		struct virtio_blk *first;

		dev->nqueues = cases[i].has;
		refdev_set_config(dev, 34, cases[i].says, 2);
		assert_int_equal(rig_probe(&rig, dev), 0);
		first = virtio_blk_find(&test_bus, 0);
		if (cases[i].used) {
			assert_non_null(first);
			virtio_blk_get_info(first, &info);
			assert_int_equal(info.queues, cases[i].used);
			for (unsigned int q = 0; q < cases[i].used; q++)
				assert_int_equal(virtio_blk_read(virtio_blk_queue(first, q), q, buf,
								 1, SECONDS(1)),
						 0);
			assert_null(virtio_blk_queue(first, cases[i].used));
		} else {
			assert_null(first); /* it promised a queue that it does not have */
			assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		}
		rig_end(&rig);
		assert_int_equal(port_host_live(), 0);
	}
}

/* Reads as something in one moment and as 0 in the next, the number of queues and the alignment of a discard. */
static void waver(struct refdev *dev, unsigned int offset)
{
	if (offset == 34 || offset == 44)
		dev->config[offset] ^= 4;
}

static void what_changes_while_it_is_read_does_no_harm(void **state)
{
	(void)state;
	for (unsigned int begin = 0; begin < 4; begin++) {
		struct refdev *dev = make();
		struct virtio_blk_info info;
		struct virtio_blk *first;

		refdev_set_config(dev, 34, begin & 1 ? 4 : 0, 2);
		refdev_set_config(dev, 44, begin & 2 ? 4 : 0, 4);
		dev->config_read_hook = waver;
		assert_int_equal(rig_probe(&rig, dev), 0);
		first = virtio_blk_find(&test_bus, 0);
		assert_non_null(first);
		virtio_blk_get_info(first, &info);
		assert_int_equal(info.queues, begin & 1 ? 1 : 4);
		assert_in_range(info.discard_alignment, 1, 4);
		assert_int_equal(virtio_blk_discard(first, 1, 1000, SECONDS(1)), 0);
		rig_end(&rig);
	}
}

static void queues_of_different_sizes_hold_the_same_requests(void **state)
{
	static const uint32_t sizes[] = {128, 4, 16, 64};
	struct refdev *dev = make();
	struct virtio_blk_info info;

	(void)state;
	for (unsigned int q = 0; q < QUEUES; q++)
		dev->queues[q].size_max = sizes[q];
	start(dev);
	for (unsigned int q = 0; q < QUEUES; q++) {
		virtio_blk_get_info(blk[q], &info);
		assert_int_equal(info.queue_size, 4);
		assert_int_equal(info.seg_max, 2);
	}
	submit_all(VIRTIO_BLK_WRITE);
	run_machine();
	assert_each_done_once(0);
	assert_written();
	rig_end(&rig);
}

/* A descriptor that was made ready on one queue is so on the other: they are queues of one disk. */
static void a_request_may_take_another_queue_each_time(void **state)
{
	(void)state;
	start(make());
	memset(dones, 0, sizeof(dones));
	all_done = 0;
	submit(0, 0, VIRTIO_BLK_WRITE);
	for (unsigned int i = 1; i < 4 * QUEUES; i++) {
		run_machine();
		assert_int_equal(dones[0][0], i);
		requests[0][0].sector = 100 + i;
		memset(buffers[0][0], (int)i, 512);
		assert_int_equal(virtio_blk_submit(blk[i % QUEUES], &requests[0][0]), 0);
	}
	run_machine();
	for (unsigned int i = 1; i < 4 * QUEUES; i++)
		assert_int_equal(ref->disk[(100 + i) * 512], i);
	for (unsigned int q = 0; q < QUEUES; q++)
		assert_int_equal(rig.dev->queues[q].popped, 4);
	rig_end(&rig);
}

/* --- blocking calls and polling ------------------------------------------------------------------- */

static struct virtio_blk *other;
static int other_result;

/* From within a completion of queue 0: a call on it would be refused, since one waits there. */
static void see_what_others_may(struct virtio_blk_request *req)
{
	static uint8_t buf[512];

	(*(unsigned int *)req->priv)++;
	other_result = virtio_blk_read(other, 0, buf, 0, SECONDS(1));
}

static void a_blocking_call_keeps_its_own_queue_busy_alone(void **state)
{
	static uint8_t buf[512];
	unsigned int done = 0;

	(void)state;
	start(make());
	for (unsigned int q = 0; q < QUEUES; q++) {
		/* Its completion comes while the blocking call on queue 0 waits. */
		requests[0][0] = (struct virtio_blk_request){.op = VIRTIO_BLK_READ,
							     .sectors = 1,
							     .buf = buffers[0][0],
							     .done = see_what_others_may,
							     .priv = &done};
		other = blk[q];
		assert_int_equal(virtio_blk_add(blk[0], &requests[0][0]), 0);
		assert_int_equal(virtio_blk_read(blk[0], 1, buf, 1, SECONDS(1)), 0);
		assert_int_equal(done, q + 1);
		assert_int_equal(other_result, q ? 0 : -EBUSY);
	}
	rig_end(&rig);
}

static void one_queue_may_be_polled_while_others_interrupt(void **state)
{
	unsigned long before;

	(void)state;
	start(make());
	memset(dones, 0, sizeof(dones));
	all_done = 0;
	virtio_blk_set_polled(blk[2], true);
	before = rig.dev->queues[2].interrupts;
	submit(2, 0, VIRTIO_BLK_WRITE);
	submit(3, 0, VIRTIO_BLK_WRITE);
	refdev_pump();
	assert_int_equal(dones[3][0], 1);
	if (!rig.pci && dones[2][0]) /* one line for all queues: each was looked at */
		assert_int_equal(rig.dev->queues[2].interrupts, before);
	virtio_blk_poll(blk[2]);
	assert_int_equal(dones[2][0], 1);
	assert_int_equal(rig.dev->queues[2].interrupts, before);
	assert_int_equal(virtio_blk_read(blk[2], 0, buffers[0], 1, SECONDS(1)), -EBUSY);
	assert_int_equal(virtio_blk_read(blk[3], 0, buffers[0], 1, SECONDS(1)), 0);
	rig_end(&rig);
}

/* --- what happens to the disk ---------------------------------------------------------------------- */

static void a_change_of_capacity_holds_on_every_queue(void **state)
{
	static uint8_t buf[512];
	uint64_t sectors = 10;

	(void)state;
	start(make());
	refdev_config_change(rig.dev, 0, &sectors, 8);
	refdev_pump();
	for (unsigned int q = 0; q < QUEUES; q++)
		assert_int_equal(virtio_blk_read(blk[q], 10, buf, 1, SECONDS(1)), -ERANGE);
	rig_end(&rig);
}

/* Whichever queue breaks, the device is reset, and what was on any of them is sent again there. */
static void recovery_sends_everything_again_on_its_queue(void **state)
{
	(void)state;
	for (unsigned int broken = 0; broken < QUEUES; broken++) {
		start(make());
		rig.dev->hold = true;
		submit_all(VIRTIO_BLK_WRITE);
		rig.dev->queues[broken].lie = LIE_ID_RANGE;
		rig.dev->hold = false;
		run_machine();
		assert_int_equal(rig.vdev->recoveries, 1);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
		assert_each_done_once(0);
		assert_written();
		for (unsigned int q = 0; q < QUEUES; q++) {
			static uint8_t buf[512];

			assert_int_equal(virtio_blk_read(blk[q], 0, buf, 1, SECONDS(1)), 0);
		}
		rig_end(&rig);
	}
}

/* Its own requests end with the call; those of other queues are sent again. */
static void a_blocking_call_that_is_late_resets_the_disk_for_all(void **state)
{
	static uint8_t buf[512];

	(void)state;
	start(make());
	rig.dev->hold = true;
	submit_all(VIRTIO_BLK_WRITE);
	assert_int_equal(virtio_blk_read(blk[3], 1, buf, 1, SECONDS(1)), -ETIMEDOUT);
	assert_int_equal(rig.vdev->recoveries, 1);
	assert_int_equal(all_done, 0);
	rig.dev->hold = false;
	run_machine();
	assert_each_done_once(0);
	assert_written();
	assert_int_equal(ref->reads, 0); /* whose caller has gone */
	rig_end(&rig);
}

static void a_disk_that_is_given_up_ends_every_request_of_every_queue(void **state)
{
	(void)state;
	start(make());
	rig.dev->hold = true;
	submit_all(VIRTIO_BLK_READ);
	rig.dev->lies.refuse_features = true;
	refdev_needs_reset(rig.dev);
	run_machine();
	assert_each_done_once(-EIO);
	for (unsigned int q = 0; q < QUEUES; q++)
		assert_int_equal(virtio_blk_submit(blk[q], &requests[q][0]), -EIO);
	rig_end(&rig);
}

/* Asks every queue for more: none may take it, whichever was emptied first. */
static void submit_everywhere(struct virtio_blk_request *req)
{
	count_done(req);
	for (unsigned int q = 0; q < QUEUES; q++)
		assert_int_equal(virtio_blk_submit(blk[q], req), -ENODEV);
}

static void removal_ends_every_request_of_every_queue(void **state)
{
	(void)state;
	start(make());
	rig.dev->hold = true;
	submit_all(VIRTIO_BLK_READ);
	for (unsigned int q = 0; q < QUEUES; q++)
		requests[q][0].done = submit_everywhere;
	rig_end(&rig);
	assert_each_done_once(-ENODEV);
	assert_int_equal(port_host_live(), 0);
}

static bool refused;

static bool refused_once(struct device *dev)
{
	bool was = refused;

	(void)dev;
	refused = false;
	return was;
}

/* An IOMMU tells of a refused access once, to whichever queue asks first; the request may have been of any. Those
 * that are sent later are as good as ever, on every queue. */
static void a_fault_counts_for_what_was_in_flight_on_any_queue(void **state)
{
	struct dma_map_ops ops = dma_test_ops;
	struct refdev *dev = make();

	(void)state;
	ops.faulted = refused_once;
	rig_prepare(&rig, dev);
	rig.vdev->dev.dma_ops = &ops;
	dma_test_direct(false);
	assert_int_equal(rig_probe_prepared(&rig), 0);
	for (unsigned int q = 0; q < QUEUES; q++)
		blk[q] = virtio_blk_queue(virtio_blk_find(&test_bus, 0), q);
	ref = refdev_blk(dev);
	for (unsigned int round = 0; round < 3; round++) {
		memset(dones, 0, sizeof(dones));
		all_done = 0;
		dev->hold = true;
		for (unsigned int q = 0; q < QUEUES; q++) {
			if (q != 3)
				submit(q, 0, VIRTIO_BLK_READ);
		}
		refused = true;
		dev->hold = false;
		run_machine();
		submit(3, 0, VIRTIO_BLK_READ); /* after it */
		run_machine();
		for (unsigned int q = 0; q < QUEUES; q++) {
			assert_int_equal(dones[q][0], 1);
			assert_int_equal(requests[q][0].status, q == 3 ? 0 : -EIO);
		}
		for (unsigned int q = 0; q < QUEUES; q++)
			submit(q, 1, VIRTIO_BLK_READ);
		run_machine();
		for (unsigned int q = 0; q < QUEUES; q++)
			assert_int_equal(requests[q][1].status, 0);
		assert_false(refused);
	}
	rig_end(&rig);
}

static void running_out_of_memory_in_probe_is_survived(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make), 6, 60);
}

static int init(void **state)
{
	(void)state;
	(void)virtio_blk_init(&test_bus);
	return 0;
}

static int init_direct(void **state)
{
	rig_direct = true;
	return init(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_queue_is_a_way_to_the_disk),
		TEST(as_many_queues_are_made_as_both_sides_have),
		TEST(what_changes_while_it_is_read_does_no_harm),
		TEST(queues_of_different_sizes_hold_the_same_requests),
		TEST(a_request_may_take_another_queue_each_time),
		TEST(a_blocking_call_keeps_its_own_queue_busy_alone),
		TEST(one_queue_may_be_polled_while_others_interrupt),
		TEST(a_change_of_capacity_holds_on_every_queue),
		TEST(recovery_sends_everything_again_on_its_queue),
		TEST(a_blocking_call_that_is_late_resets_the_disk_for_all),
		TEST(a_disk_that_is_given_up_ends_every_request_of_every_queue),
		TEST(removal_ends_every_request_of_every_queue),
		TEST(a_fault_counts_for_what_was_in_flight_on_any_queue),
		TEST(running_out_of_memory_in_probe_is_survived),
	};

	return cmocka_run_group_tests_name("virtio_blk queues", tests, init, NULL) +
	       cmocka_run_group_tests_name("virtio_blk queues, direct", tests, init_direct, NULL);
}
