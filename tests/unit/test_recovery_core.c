/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the core promises a driver about recovery (virtio/virtio.h): one at a time, each failure
 * answered once, no buffer left mapped, and an end to it where a driver, a transport or another
 * thread stands in the way. The driver here is the test's own; test_recovery.c has the real ones.
 */
#include "tests/unit/rig.h"
#include "lib/work.h"

#define TEST_ID 45

static void process_nothing(struct refdev *dev, struct refdev_queue *q)
{
	(void)dev;
	(void)q;
}

static const struct refdev_type type = {.id = TEST_ID, .process = process_nothing};

static struct {
	unsigned int freezes, restores, fails, removes;
	int restore_result;
	void (*in_restore)(void); /* the first time */
	struct virtqueue *vq;
} seen;

static struct rig rig;

static int test_probe(struct virtio_device *dev)
{
	const struct virtqueue_info info = {"queue", NULL};

	return virtio_find_vqs(dev, 1, &seen.vq, &info);
}

/* A driver that forgets to take back its buffers. */
static void test_freeze(struct virtio_device *dev)
{
	assert_int_equal(dev->state, VIRTIO_STATE_RECOVERING);
	assert_int_equal(rig.dev->status, 0);
	seen.freezes++;
}

static int test_restore(struct virtio_device *dev)
{
	void (*in_restore)(void) = seen.in_restore;

	assert_int_equal(dev->state, VIRTIO_STATE_LIVE);
	assert_true(rig.dev->status & REF_S_DRIVER_OK);
	seen.restores++;
	seen.in_restore = NULL;
	if (in_restore)
		in_restore();
	return seen.restore_result;
}

static void test_fail(struct virtio_device *dev)
{
	assert_int_equal(dev->state, VIRTIO_STATE_FAILED);
	assert_true(virtqueue_is_broken(seen.vq));
	seen.fails++;
}

static void test_remove(struct virtio_device *dev)
{
	seen.removes++;
	virtio_del_vqs(dev);
}

static struct virtio_driver driver;

static int setup(void **state)
{
	port_host_setup(state);
	memset(&seen, 0, sizeof(seen));
	driver = (struct virtio_driver){
		.name = "test",
		.device_id = TEST_ID,
		.probe = test_probe,
		.remove = test_remove,
		.freeze = test_freeze,
		.restore = test_restore,
		.fail = test_fail,
	};
	(void)virtio_register_driver(&test_bus, &driver);
	rig_start(&rig, refdev_new(&type, 2, 1, 16));
	return 0;
}

static int teardown(void **state)
{
	if (rig.dev)
		rig_end(&rig);
	virtio_unregister_driver(&test_bus, &driver);
	return port_host_teardown(state);
}

static void assert_live(unsigned int recoveries)
{
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	assert_int_equal(rig.vdev->error, 0);
	assert_int_equal(rig.vdev->recoveries, recoveries);
	assert_int_equal(seen.freezes, recoveries);
	assert_int_equal(seen.restores, recoveries);
	assert_int_equal(rig.dev->resets, 1 + recoveries);
	assert_int_equal(rig.dev->status, 0x0f);
}

static void assert_given_up(int error)
{
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, error);
	assert_int_equal(rig.vdev->recoveries, 0);
	assert_int_equal(seen.fails, 1);
	assert_int_equal(rig.dev->status, REF_S_FAILED);
	assert_true(virtqueue_is_broken(seen.vq));
}

/* --- once for each failure ------------------------------------------------------------------- */

static void a_failure_that_is_reported_twice_is_recovered_once(void **state)
{
	(void)state;
	virtio_needs_recovery(rig.vdev, -EIO);
	virtio_needs_recovery(rig.vdev, -EPROTO);
	assert_int_equal(rig.vdev->error, -EIO); /* the first says why */
	work_run(&system_wq);
	work_run(&system_wq);
	assert_live(1);
	assert_int_equal(port_host_messages(LOG_WARNING), 1);
}

static void a_recovery_at_once_leaves_the_work_item_nothing_to_do(void **state)
{
	(void)state;
	virtio_needs_recovery(rig.vdev, -EIO);
	assert_int_equal(virtio_recover(rig.vdev, -ETIMEDOUT), 0);
	assert_live(1);
	assert_true(work_pending(&system_wq));
	work_run(&system_wq);
	assert_live(1);
}

static void fail_again_and_wait(void)
{
	assert_int_equal(virtio_recover(rig.vdev, -EPROTO), -EBUSY); /* for another thread */
	virtio_needs_recovery(rig.vdev, -EPROTO);
	work_run(&system_wq); /* as in a wait for an event */
	assert_int_equal(seen.freezes, 1);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_RECOVERING);
}

/* The work item that found the core busy does not run again by itself. */
static void a_failure_during_recovery_is_recovered_after_it(void **state)
{
	(void)state;
	seen.in_restore = fail_again_and_wait;
	assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
	assert_int_equal(seen.freezes, 1);
	assert_int_equal(rig.vdev->error, -EPROTO);
	assert_true(work_pending(&system_wq));
	work_run(&system_wq);
	assert_live(2);
	assert_false(work_pending(&system_wq));
}

static void who_is_neither_live_nor_recovering_is_not_recovered(void **state)
{
	(void)state;
	seen.restore_result = -EPROTO;
	assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
	assert_given_up(-EPROTO);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned long resets = rig.dev->resets;

		virtio_needs_recovery(rig.vdev, -EIO);
		assert_false(work_pending(&system_wq));
		assert_int_equal(virtio_recover(rig.vdev, -EIO), -EBUSY);
		assert_int_equal(rig.dev->resets, resets);
		port_host_forbid_alloc(false);
		virtio_unregister_driver(&test_bus, &driver); /* and then without one */
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER);
	}
	assert_int_equal(seen.removes, 1);
}

/* --- what stands in the way ------------------------------------------------------------------ */

static void buffers_that_the_driver_forgets_are_taken_back(void **state)
{
	static char bytes[4];
	struct scatterlist sg;

	(void)state;
	sg_init_one(&sg, bytes, sizeof(bytes));
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(virtqueue_add_inbuf(seen.vq, &sg, 1, bytes, GFP_ATOMIC), 0);
	assert_int_equal(dma_test_mappings(), 3);
	assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
	assert_live(1);
	assert_int_equal(dma_test_mappings(), 0);
	assert_int_equal(virtqueue_in_flight(seen.vq), 0);
}

static void a_driver_that_knows_half_of_recovery_has_its_device_given_up(void **state)
{
	(void)state;
	driver.restore = NULL;
	assert_int_equal(virtio_recover(rig.vdev, -EPROTO), 0);
	assert_int_equal(seen.freezes, 0);
	assert_given_up(-EPROTO);
}

/* A driver without @fail has nobody to tell, but its queues are as dead. */
static void a_driver_that_cannot_hear_of_failure_is_given_up_all_the_same(void **state)
{
	(void)state;
	driver.freeze = NULL;
	driver.fail = NULL;
	assert_int_equal(virtio_recover(rig.vdev, -EPROTO), 0);
	assert_int_equal(seen.restores, 0);
	seen.fails++;
	assert_given_up(-EPROTO);
}

static void a_transport_that_cannot_enable_queues_does_not_recover(void **state)
{
	struct virtio_config_ops ops = *rig.vdev->config;

	(void)state;
	ops.enable_vq = NULL;
	rig.vdev->config = &ops;
	assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
	assert_int_equal(seen.restores, 0);
	assert_given_up(-EOPNOTSUPP);
	rig_end(&rig); /* while there are operations */
	rig.dev = NULL;
}

/* --- removal during another thread's recovery -------------------------------------------------- */

static void end_recovery(void *arg)
{
	(void)arg;
	rig.vdev->recovery.busy = false;
	assert_int_equal(seen.removes, 0);
}

static uint64_t remove_while_busy(void)
{
	uint64_t begin = port_now_ns();

	rig.vdev->recovery.busy = true; /* as another thread's virtio_recover() has it */
	port_host_forbid_alloc(false);
	virtio_unregister_driver(&test_bus, &driver);
	assert_int_equal(seen.removes, 1);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER);
	return port_now_ns() - begin;
}

static void removal_waits_for_the_end_of_a_recovery(void **state)
{
	(void)state;
	port_host_after(30 * NSEC_PER_MSEC, end_recovery, NULL);
	assert_in_range(remove_while_busy(), 30 * NSEC_PER_MSEC, 31 * NSEC_PER_MSEC);
}

static void removal_does_not_wait_for_ever(void **state)
{
	(void)state;
	assert_in_range(remove_while_busy(), NSEC_PER_SEC, 5 * NSEC_PER_SEC);
}

#define RECOVERY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECOVERY_TEST(a_failure_that_is_reported_twice_is_recovered_once),
		RECOVERY_TEST(a_recovery_at_once_leaves_the_work_item_nothing_to_do),
		RECOVERY_TEST(a_failure_during_recovery_is_recovered_after_it),
		RECOVERY_TEST(who_is_neither_live_nor_recovering_is_not_recovered),
		RECOVERY_TEST(buffers_that_the_driver_forgets_are_taken_back),
		RECOVERY_TEST(a_driver_that_knows_half_of_recovery_has_its_device_given_up),
		RECOVERY_TEST(a_driver_that_cannot_hear_of_failure_is_given_up_all_the_same),
		RECOVERY_TEST(a_transport_that_cannot_enable_queues_does_not_recover),
		RECOVERY_TEST(removal_waits_for_the_end_of_a_recovery),
		RECOVERY_TEST(removal_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests_name("recovery_core", tests, NULL, NULL);
}
