/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus: the initialisation sequence of VIRTIO 1.4, 3.1.1, features, config space, removal, and
 * what happens when a device or a driver fails on the way. A driver of the test's own stands
 * above it, the reference device below.
 */
#include "tests/unit/rig.h"

#define TEST_ID 42

static const struct refdev_field fields[] = {
	{0, 8, -1, REF_CONFIG_RO},
	{8, 4, 3, REF_CONFIG_RW},
	{12, 2, -1, REF_CONFIG_RO},
	{14, 1, -1, REF_CONFIG_RW},
};

static void process_nothing(struct refdev *dev, struct refdev_queue *q)
{
	(void)dev;
	(void)q;
}

static const struct refdev_type type = {
	.id = TEST_ID,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = process_nothing,
};

/* --- a driver that notes what happens to it ------------------------------------------------------ */

static struct {
	unsigned int probes, removes, config_changes, callbacks;
	int probe_error;
	bool ready_in_probe, status_at_probe_ok;
	uint8_t status_at_probe, status_at_remove;
	void (*in_probe)(void); /* with queues, before DRIVER_OK */
	struct refdev *dev;
	struct virtqueue *vqs[2];
} seen;

static void queue_callback(struct virtqueue *vq)
{
	(void)vq;
	seen.callbacks++;
}

static int test_probe(struct virtio_device *vdev)
{
	static const struct virtqueue_info infos[] = {
		{"first", queue_callback},
		{"second", queue_callback},
	};
	int err;

	seen.probes++;
	if (seen.dev)
		seen.status_at_probe = seen.dev->status;
	err = virtio_find_vqs(vdev, 2, seen.vqs, infos);
	if (err)
		return err;
	if (seen.probe_error) {
		virtio_del_vqs(vdev);
		return seen.probe_error;
	}
	if (seen.in_probe)
		seen.in_probe();
	if (seen.ready_in_probe)
		virtio_device_ready(vdev);
	return 0;
}

static void test_remove(struct virtio_device *vdev)
{
	seen.removes++;
	seen.status_at_remove = seen.dev->status;
	virtio_del_vqs(vdev);
}

static void test_config_changed(struct virtio_device *vdev)
{
	(void)vdev;
	seen.config_changes++;
}

static const unsigned int features[] = {3, 5};

static struct virtio_driver driver = {
	.name = "test",
	.device_id = TEST_ID,
	.features = features,
	.feature_count = ARRAY_SIZE(features),
	.probe = test_probe,
	.remove = test_remove,
	.config_changed = test_config_changed,
};

static struct rig rig;

static struct refdev *make(uint32_t version)
{
	struct refdev *dev = refdev_new(&type, version, 2, 16);

	memset(&seen, 0, sizeof(seen));
	seen.dev = dev;
	dev->config_len = 15;
	dev->offered |= BIT_ULL(3) | BIT_ULL(4);
	return dev;
}

static struct refdev *make_modern(void)
{
	return make(2);
}

static struct refdev *make_legacy(void)
{
	return make(1);
}

static void assert_trace(const struct refdev *dev, const uint8_t *want, unsigned int n)
{
	assert_int_equal(dev->status_writes, n);
	assert_memory_equal(dev->status_trace, want, n);
}

static int setup(void **state)
{
	port_host_setup(state);
	(void)virtio_register_driver(&test_bus, &driver);
	return 0;
}

static int teardown(void **state)
{
	virtio_unregister_driver(&test_bus, &driver);
	assert_true(list_empty(&test_bus.devices));
	return port_host_teardown(state);
}

/* --- the sequence --------------------------------------------------------------------------------- */

/* 2.1.1#1, 2.1.1#2, 3.1.1#1 */
static void a_modern_device_is_initialised_step_by_step(void **state)
{
	static const uint8_t want[] = {0, 0x01, 0x03, 0x0b, 0x0f};

	(void)state;
	rig_start(&rig, make(2));
	assert_trace(rig.dev, want, sizeof(want));
	assert_int_equal(seen.probes, 1);
	assert_int_equal(seen.status_at_probe, 0x0b);
	assert_ptr_equal(rig.vdev->driver, &driver);
	rig_end(&rig);
}

static void a_legacy_device_is_initialised_without_features_ok(void **state)
{
	static const uint8_t want[] = {0, 0x01, 0x03, 0x07};

	(void)state;
	rig_start(&rig, make(1));
	assert_trace(rig.dev, want, sizeof(want));
	assert_true(rig.vdev->legacy);
	rig_end(&rig);
}

static void a_driver_may_start_the_device_before_probe_returns(void **state)
{
	static const uint8_t want[] = {0, 0x01, 0x03, 0x0b, 0x0f};
	struct refdev *dev = make(2);

	(void)state;
	seen.ready_in_probe = true;
	rig_start(&rig, dev);
	assert_trace(rig.dev, want, sizeof(want));
	rig_end(&rig);
}

static void features_are_those_offered_and_understood(void **state)
{
	(void)state;
	rig_start(&rig, make(2));
	assert_int_equal(rig.dev->accepted & 0xffffff, BIT(3)); /* 4: unknown, 5: not offered */
	assert_int_equal(rig.dev->accepted, rig.vdev->features);
	assert_true(virtio_has_feature(rig.vdev, VIRTIO_F_VERSION_1));
	assert_true(virtio_has_feature(rig.vdev, 3));
	assert_false(virtio_has_feature(rig.vdev, 5));
	assert_int_equal(rig.vdev->device_features, rig.dev->offered);
	rig_end(&rig);
}

static void unknown_transport_features_are_not_accepted(void **state)
{
	struct refdev *dev = make(2);

	(void)state;
	dev->offered |= BIT_ULL(VIRTIO_F_SR_IOV) | BIT_ULL(VIRTIO_F_NOTIF_CONFIG_DATA) |
			BIT_ULL(VIRTIO_F_ADMIN_VQ) | BIT_ULL(63);
	rig_start(&rig, dev);
	assert_int_equal(rig.dev->accepted >> VIRTIO_F_SR_IOV, 0);
	rig_end(&rig);
}

/* 3.1.1#3, 3.1.1#5 */
static void features_ok_is_read_back_and_a_refusal_ends_it(void **state)
{
	static const uint8_t want[] = {0, 0x01, 0x03, 0x0b, 0x83};
	struct refdev *dev = make(2);

	(void)state;
	dev->lies.refuse_features = true;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(seen.probes, 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_true(rig.vdev->error < 0);
	assert_null(rig.vdev->driver);
	assert_trace(dev, want, sizeof(want));
	rig_end(&rig);
}

/* 2.2.1#2, 2.2.1#4, 6.1#2 */
static void a_modern_device_without_version_1_is_not_driven(void **state)
{
	struct refdev *dev = make(2);

	(void)state;
	dev->offered &= ~BIT_ULL(VIRTIO_F_VERSION_1);
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(seen.probes, 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_true(dev->status & REF_S_FAILED);
	assert_false(dev->status & REF_S_FEATURES_OK);
	rig_end(&rig);
}

static int refuse_to_finalize(struct virtio_device *vdev)
{
	(void)vdev;
	return -EPROTO;
}

/* 3.1.1#3: without features there is no FEATURES_OK. */
static void a_transport_that_cannot_write_the_features_ends_it(void **state)
{
	struct virtio_config_ops ops;

	(void)state;
	virtio_unregister_driver(&test_bus, &driver);
	assert_int_equal(rig_probe(&rig, make(2)), 0);
	ops = *rig.vdev->config;
	ops.finalize_features = refuse_to_finalize;
	rig.vdev->config = &ops;
	(void)virtio_register_driver(&test_bus, &driver);
	assert_int_equal(seen.probes, 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -EPROTO);
	assert_int_equal(rig.dev->status, REF_S_ACKNOWLEDGE | REF_S_DRIVER | REF_S_FAILED);
	rig_end(&rig);
}

/* 3.1.1#4, 3.1.1#5 */
static void a_probe_that_fails_sets_failed_and_says_why(void **state)
{
	struct refdev *dev = make(2);

	(void)state;
	seen.probe_error = -EPROTO;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -EPROTO);
	assert_null(rig.vdev->driver);
	assert_true(dev->status & REF_S_FAILED);
	assert_false(dev->status & REF_S_DRIVER_OK);
	assert_int_equal(port_host_messages(LOG_ERROR), 1);
	rig_end(&rig);
	assert_int_equal(seen.removes, 0); /* what was not probed is not removed */
}

static void running_out_of_memory_in_probe_fails_cleanly(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make_modern), 4, 20);
	assert_in_range(rig_starve(make_legacy), 4, 20);
}

/* --- who drives what --------------------------------------------------------------------------------- */

static void a_device_without_a_driver_is_left_alone(void **state)
{
	struct refdev *dev = make(2);

	(void)state;
	virtio_unregister_driver(&test_bus, &driver);
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER);
	assert_int_equal(dev->status & REF_S_DRIVER, 0);
	(void)virtio_register_driver(&test_bus, &driver); /* and found when one comes */
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	rig_end(&rig);
}

static void devices_are_found_by_type_in_the_order_of_registration(void **state)
{
	struct rig second;

	(void)state;
	assert_int_equal(rig_probe(&rig, make(2)), 0);
	assert_int_equal(rig_probe(&second, make(1)), 0);
	assert_ptr_equal(virtio_find_device(&test_bus, TEST_ID, 0), rig.vdev);
	assert_ptr_equal(virtio_find_device(&test_bus, TEST_ID, 1), second.vdev);
	assert_null(virtio_find_device(&test_bus, TEST_ID, 2));
	assert_null(virtio_find_device(&test_bus, VIRTIO_ID_NET, 0));
	assert_int_equal(second.vdev->index, rig.vdev->index + 1);
	seen.dev = second.dev;
	rig_remove(&second);
	seen.dev = rig.dev;
	rig_remove(&rig);
	refdev_free(rig.dev);
	refdev_free(second.dev);
}

static unsigned int other_probes;

static int other_probe(struct virtio_device *vdev)
{
	(void)vdev;
	other_probes++;
	return 0;
}

/* Drivers come and go: only devices that are free and of their type are theirs. */
static void a_driver_takes_and_leaves_its_own_devices_only(void **state)
{
	struct virtio_driver other = {.name = "other", .probe = other_probe};
	struct rig failed;

	(void)state;
	assert_int_equal(rig_probe(&rig, make(2)), 0);
	virtio_unregister_driver(&test_bus, &driver);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER);
	other_probes = 0;
	other.device_id = TEST_ID + 1; /* free, but another type */
	(void)virtio_register_driver(&test_bus, &other);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER);
	(void)virtio_register_driver(&test_bus, &driver);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	virtio_unregister_driver(&test_bus, &other); /* while another's is alive */
	assert_ptr_equal(rig.vdev->driver, &driver);
	assert_int_equal(seen.removes, 1);

	seen.dev = make(2);
	seen.probe_error = -EPROTO;
	assert_int_equal(rig_probe(&failed, seen.dev), 0);
	other.device_id = TEST_ID; /* the type, but driven, or given up */
	(void)virtio_register_driver(&test_bus, &other);
	assert_int_equal(other_probes, 0);
	assert_ptr_equal(rig.vdev->driver, &driver);
	assert_int_equal(failed.vdev->state, VIRTIO_STATE_FAILED);
	virtio_unregister_driver(&test_bus, &other);
	rig_remove(&failed);
	refdev_free(failed.dev);
	seen.dev = rig.dev;
	rig_end(&rig);
}

static const struct virtio_driver driver_for_none = {.name = "none", .device_id = TEST_ID + 100};

static void an_instance_knows_its_own_devices_and_drivers_only(void **state)
{
	struct virtio_bus other;
	struct work_queue queue;
	struct rig here;

	(void)state;
	work_queue_init(&queue, NULL, NULL);
	virtio_bus_init(&other, &queue);
	rig_prepare(&rig, make_modern());
	assert_int_equal(rig_probe_on(&rig, &other), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER); /* that is test_bus's */
	assert_int_equal(rig_probe(&here, make_modern()), 0);
	assert_int_equal(here.vdev->state, VIRTIO_STATE_LIVE);
	assert_int_equal(rig.vdev->number + here.vdev->number, 0);
	assert_ptr_equal(virtio_find_device(&other, TEST_ID, 0), rig.vdev);
	assert_ptr_equal(virtio_find_device(&test_bus, TEST_ID, 0), here.vdev);
	/* One driver serves both. What one leaves for later waits for its own queue. */
	assert_int_equal(virtio_register_driver(&other, &driver), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	virtio_needs_recovery(rig.vdev, -EIO);
	assert_false(work_pending(&system_wq));
	work_run(&queue);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED); /* the driver cannot recover */
	virtio_unregister_driver(&other, &driver);
	assert_int_equal(here.vdev->state, VIRTIO_STATE_LIVE);
	rig_remove(&rig);
	rig_remove(&here);
	refdev_free(rig.dev);
	refdev_free(here.dev);
}

static void an_instance_takes_so_many_drivers(void **state)
{
	struct virtio_bus other;

	(void)state;
	virtio_bus_init(&other, &system_wq);
	for (unsigned int i = 0; i < VIRTIO_DRIVERS_MAX; i++)
		assert_int_equal(virtio_register_driver(&other, &driver_for_none), 0);
	assert_int_equal(virtio_register_driver(&other, &driver), -ENOSPC);
}

static void a_device_without_id_or_operations_is_not_registered(void **state)
{
	const struct virtio_config_ops ops = {0};
	struct virtio_device vdev;

	(void)state;
	memset(&vdev, 0, sizeof(vdev));
	assert_int_equal(virtio_register_device(&test_bus, &vdev), -EINVAL);
	vdev.id.device = TEST_ID;
	assert_int_equal(virtio_register_device(&test_bus, &vdev), -EINVAL);
	vdev.config = &ops;
	vdev.id.device = 0;
	assert_int_equal(virtio_register_device(&test_bus, &vdev), -EINVAL);
	assert_true(list_empty(&test_bus.devices));
}

/* 3.3.1#2 */
static void removal_resets_the_device_before_its_memory_is_freed(void **state)
{
	(void)state;
	rig_start(&rig, make(2));
	port_host_forbid_alloc(false);
	rig_remove(&rig);
	assert_int_equal(seen.removes, 1);
	assert_int_equal(seen.status_at_remove, 0);
	assert_int_equal(rig.dev->status, 0);
	assert_int_equal(dma_test_allocations(), 0);
	assert_int_equal(port_host_live(), 0);
	refdev_free(rig.dev);
}

static void a_driver_that_leaves_gives_up_its_devices(void **state)
{
	(void)state;
	rig_start(&rig, make(2));
	port_host_forbid_alloc(false);
	virtio_unregister_driver(&test_bus, &driver);
	assert_int_equal(seen.removes, 1);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_NO_DRIVER);
	(void)virtio_register_driver(&test_bus, &driver);
	rig_end(&rig);
}

/* --- reset -------------------------------------------------------------------------------------------- */

/* 2.4.2#1 */
static void a_slow_reset_is_awaited(void **state)
{
	struct refdev *dev = make(2);

	(void)state;
	dev->lies.reset_reads = 200;
	rig_start(&rig, dev);
	rig_end(&rig);
}

/* 2.4.2#1 */
static void a_reset_that_never_ends_is_given_up(void **state)
{
	struct refdev *dev = make(2);
	uint64_t start = port_now_ns();

	(void)state;
	dev->lies.reset_hangs = true;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -ETIMEDOUT);
	assert_int_equal(seen.probes, 0);
	assert_true(port_now_ns() - start < 5 * NSEC_PER_SEC);
	rig_end(&rig);
}

/* 3.3.1#2 */
static void memory_that_a_stuck_device_may_still_use_is_not_reused(void **state)
{
	unsigned int allocations;

	(void)state;
	rig_start(&rig, make(2));
	rig.dev->lies.reset_hangs = true;
	port_host_forbid_alloc(false);
	allocations = dma_test_allocations();
	violation_quiet(true); /* its queues are stopped one by one, as a last resort */
	rig_remove(&rig);
	assert_true(rig.vdev->stuck);
	assert_int_equal(dma_test_allocations(), allocations);
	refdev_free(rig.dev);
	dma_test_reset(); /* the loss is meant */
	violation_reset();
}

/* --- config space ------------------------------------------------------------------------------------- */

static void fields_are_read_in_their_width(void **state)
{
	uint64_t value = 0;
	unsigned int version;

	(void)state;
	for (version = 1; version <= 2; version++) {
		struct refdev *dev = make(version);

		refdev_set_config(dev, 0, 0x1122334455667788ull, 8);
		refdev_set_config(dev, 8, 0xcafef00d, 4);
		refdev_set_config(dev, 12, 0xbeef, 2);
		refdev_set_config(dev, 14, 0x5a, 1);
		rig_start(&rig, dev);
		assert_int_equal(virtio_cread64(rig.vdev, 0, &value), 0);
		assert_int_equal(value, 0x1122334455667788ull);
		assert_int_equal(virtio_cread32(rig.vdev, 8), 0xcafef00d);
		assert_int_equal(virtio_cread16(rig.vdev, 12), 0xbeef);
		assert_int_equal(virtio_cread8(rig.vdev, 14), 0x5a);
		virtio_cwrite32(rig.vdev, 8, 0x01020304);
		virtio_cwrite8(rig.vdev, 14, 7);
		assert_int_equal(dev->config_writes, 2);
		assert_int_equal(virtio_cread32(rig.vdev, 8), 0x01020304);
		assert_int_equal(virtio_cread8(rig.vdev, 14), 7);
		rig_end(&rig);
	}
}

/* The device changes the value between the two halves, a few times. */
static unsigned int changes_left;

static void change_between_halves(struct refdev *dev, unsigned int offset)
{
	if (offset != 4 || !changes_left)
		return;
	changes_left--;
	refdev_set_config(dev, 0, changes_left & 1 ? 0xffffffffffffffffull : 0, 8);
	dev->generation++;
}

/* 2.5.1#1 */
static void a_wide_field_is_never_read_in_two_halves_of_different_age(void **state)
{
	unsigned int version, n;
	uint64_t value;

	(void)state;
	for (version = 1; version <= 2; version++) {
		for (n = 1; n < 8; n++) {
			struct refdev *dev = make(version);

			rig_start(&rig, dev);
			refdev_set_config(dev, 0, n & 1 ? 0xffffffffffffffffull : 0, 8);
			changes_left = n;
			dev->config_read_hook = change_between_halves;
			value = 1;
			assert_int_equal(virtio_cread64(rig.vdev, 0, &value), 0);
			assert_true(value == 0 || value == 0xffffffffffffffffull);
			rig_end(&rig);
		}
	}
}

static unsigned int reads;

static void count_reads(struct refdev *dev, unsigned int offset)
{
	(void)dev;
	(void)offset;
	reads++;
}

static void a_generation_that_never_stands_still_is_given_up(void **state)
{
	struct refdev *dev = make(2);
	uint64_t value;
	char bytes[12];

	(void)state;
	rig_start(&rig, dev);
	dev->config_read_hook = count_reads;
	dev->lies.generation_moves = true;
	reads = 0;
	assert_int_equal(virtio_cread64(rig.vdev, 0, &value), -EAGAIN);
	assert_in_range(reads, 2, 64);
	assert_int_equal(virtio_cread_bytes(rig.vdev, 0, bytes, 12, 4), -EAGAIN);
	dev->lies.generation_moves = false;
	dev->lies.generation_moves_n = 5;
	assert_int_equal(virtio_cread64(rig.vdev, 0, &value), 0);
	rig_end(&rig);
}

static void change_always(struct refdev *dev, unsigned int offset)
{
	(void)offset;
	reads++;
	dev->config[0]++;
}

/* 2.5.4: a legacy device has no generation; a value holds once it was read twice alike. */
static void a_legacy_field_that_never_stands_still_is_given_up(void **state)
{
	uint64_t value = 7;

	(void)state;
	rig_start(&rig, make(1));
	rig.dev->config_read_hook = change_always;
	reads = 0;
	assert_int_equal(virtio_cread64(rig.vdev, 0, &value), -EAGAIN);
	assert_int_equal(value, 7);
	assert_in_range(reads, 4, 64);
	rig_end(&rig);
}

/* A device that has finished a buffer already, which it was not to look at. */
static void raise_everything(void)
{
	static struct refdev_chain chain;
	struct scatterlist sg;

	sg_init_one(&sg, &chain, 4);
	assert_int_equal(virtqueue_add_outbuf(seen.vqs[0], &sg, 1, &seen, GFP_ATOMIC), 0);
	(void)virtqueue_kick_prepare(seen.vqs[0]);
	assert_true(refdev_pop(&seen.dev->queues[0], &chain));
	refdev_push(&seen.dev->queues[0], &chain, 0);
	refdev_raise(seen.dev, REF_INT_VRING | REF_INT_CONFIG);
	refdev_pump();
	assert_int_equal(seen.dev->interrupt_status, 0); /* the line falls all the same */
	assert_int_equal(seen.dev->acks, rig_acknowledged(&rig));
	assert_int_equal(seen.config_changes, 0);
	assert_int_equal(seen.callbacks, 0);
}

static void interrupts_before_driver_ok_do_not_reach_the_driver(void **state)
{
	struct refdev *dev = make(2);
	unsigned int len;

	(void)state;
	seen.in_probe = raise_everything;
	rig_start(&rig, dev);
	assert_int_equal(dev->acks, rig_acknowledged(&rig));
	assert_int_equal(rig.vdev->config_changes, 1);
	assert_int_equal(seen.callbacks, 0);
	assert_ptr_equal(virtqueue_get_buf(seen.vqs[0], &len), &seen);
	rig_end(&rig);
}

static void a_driver_need_not_know_of_config_changes(void **state)
{
	uint8_t byte = 9;

	(void)state;
	driver.config_changed = NULL;
	rig_start(&rig, make(2));
	refdev_config_change(rig.dev, 14, &byte, 1);
	assert_true(refdev_pump());
	assert_int_equal(rig.vdev->config_changes, 1);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	rig_end(&rig);
	driver.config_changed = test_config_changed;
}

static void a_config_change_reaches_the_driver(void **state)
{
	struct refdev *dev = make(2);
	uint8_t byte = 9;

	(void)state;
	rig_start(&rig, dev);
	refdev_config_change(dev, 14, &byte, 1);
	assert_true(refdev_pump());
	assert_int_equal(seen.config_changes, 1);
	assert_int_equal(rig.vdev->config_changes, 1);
	assert_int_equal(dev->interrupt_status, 0);
	rig_end(&rig);
}

/* The driver of this test does not recover its device. */
/* 2.1.1#4 */
static void a_device_that_needs_a_reset_is_broken_and_its_queues_are_told(void **state)
{
	(void)state;
	rig_start(&rig, make(2));
	refdev_needs_reset(rig.dev);
	refdev_pump();
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_RECOVERING);
	refdev_needs_reset(rig.dev); /* once more: heard, but neither said nor passed on again */
	refdev_pump();
	assert_int_equal(rig.vdev->config_changes, 2);
	assert_int_equal(seen.config_changes, 0);
	assert_int_equal(port_host_messages(LOG_ERROR), 1);
	work_run(&system_wq);
	assert_int_equal(rig.dev->status, REF_S_FAILED);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -EIO);
	assert_true(virtqueue_is_broken(seen.vqs[0]));
	assert_true(virtqueue_is_broken(seen.vqs[1]));
	assert_int_equal(seen.callbacks, 2);
	refdev_pump();
	assert_int_equal(seen.callbacks, 2); /* once */
	rig_end(&rig);
}

/* --- names --------------------------------------------------------------------------------------------- */

static void types_features_and_states_have_names(void **state)
{
	(void)state;
	assert_string_equal(virtio_device_type_name(VIRTIO_ID_BLOCK), "block");
	assert_string_equal(virtio_device_type_name(9999), "unknown");
	assert_string_equal(virtio_device_type_name(6), "unknown"); /* among known ones */
	assert_string_equal(virtio_feature_name(VIRTIO_ID_BLOCK, VIRTIO_F_RING_PACKED),
			    "RING_PACKED");
	assert_string_equal(virtio_feature_name(VIRTIO_ID_BLOCK, 5), "RO");
	assert_string_equal(virtio_feature_name(VIRTIO_ID_NET, 5), "MAC");
	assert_null(virtio_feature_name(9999, 63));
	assert_string_equal(virtio_state_name(VIRTIO_STATE_NO_DRIVER), "no-driver");
	assert_string_equal(virtio_state_name(VIRTIO_STATE_LIVE), "live");
	assert_string_equal(virtio_state_name(VIRTIO_STATE_RECOVERING), "recovering");
	assert_string_equal(virtio_state_name(VIRTIO_STATE_FAILED), "failed");
	assert_string_equal(virtio_state_name((enum virtio_state)99), "?");
}

#define CORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORE_TEST(a_modern_device_is_initialised_step_by_step),
		CORE_TEST(a_legacy_device_is_initialised_without_features_ok),
		CORE_TEST(a_driver_may_start_the_device_before_probe_returns),
		CORE_TEST(features_are_those_offered_and_understood),
		CORE_TEST(unknown_transport_features_are_not_accepted),
		CORE_TEST(features_ok_is_read_back_and_a_refusal_ends_it),
		CORE_TEST(a_modern_device_without_version_1_is_not_driven),
		CORE_TEST(a_transport_that_cannot_write_the_features_ends_it),
		CORE_TEST(a_probe_that_fails_sets_failed_and_says_why),
		CORE_TEST(running_out_of_memory_in_probe_fails_cleanly),
		CORE_TEST(a_device_without_a_driver_is_left_alone),
		CORE_TEST(devices_are_found_by_type_in_the_order_of_registration),
		CORE_TEST(a_driver_takes_and_leaves_its_own_devices_only),
		CORE_TEST(an_instance_knows_its_own_devices_and_drivers_only),
		CORE_TEST(an_instance_takes_so_many_drivers),
		CORE_TEST(a_device_without_id_or_operations_is_not_registered),
		CORE_TEST(removal_resets_the_device_before_its_memory_is_freed),
		CORE_TEST(a_driver_that_leaves_gives_up_its_devices),
		CORE_TEST(a_slow_reset_is_awaited),
		CORE_TEST(a_reset_that_never_ends_is_given_up),
		CORE_TEST(memory_that_a_stuck_device_may_still_use_is_not_reused),
		CORE_TEST(fields_are_read_in_their_width),
		CORE_TEST(a_wide_field_is_never_read_in_two_halves_of_different_age),
		CORE_TEST(a_generation_that_never_stands_still_is_given_up),
		CORE_TEST(a_legacy_field_that_never_stands_still_is_given_up),
		CORE_TEST(interrupts_before_driver_ok_do_not_reach_the_driver),
		CORE_TEST(a_driver_need_not_know_of_config_changes),
		CORE_TEST(a_config_change_reaches_the_driver),
		CORE_TEST(a_device_that_needs_a_reset_is_broken_and_its_queues_are_told),
		CORE_TEST(types_features_and_states_have_names),
	};

	return cmocka_run_group_tests_name("virtio_core", tests, NULL, NULL);
}
