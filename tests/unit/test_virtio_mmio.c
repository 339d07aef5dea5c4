/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport, both versions. The reference device's register block checks every access
 * (tests/device/refdev_mmio.c); what is asserted here is what a driver sees of it. VIRTIO 1.4, 4.2.
 */
#include "tests/unit/plain_device.h"

static struct rig rig;
static struct virtqueue *vqs[4];
static unsigned int nvqs, callbacks, finished;
static struct virtqueue_info infos[4];
static void (*in_callback)(struct virtqueue *vq);
static int find_result;

static void callback(struct virtqueue *vq)
{
	unsigned int len;

	callbacks++;
	/* Acknowledged before it is drained, or what completes now is lost. */
	assert_int_equal(rig.dev->interrupt_status & REF_INT_VRING, 0);
	assert_int_not_equal(rig.dev->acks, 0);
	if (in_callback)
		in_callback(vq);
	while (virtqueue_get_buf(vq, &len))
		finished++;
}

static int test_probe(struct virtio_device *vdev)
{
	find_result = virtio_find_vqs(vdev, nvqs, vqs, infos);
	return find_result;
}

static void test_remove(struct virtio_device *vdev)
{
	unsigned int i;

	for (i = 0; i < nvqs; i++)
		while (vqs[i] && virtqueue_detach_unused_buf(vqs[i]))
			;
	virtio_del_vqs(vdev);
}

static struct virtio_driver driver = {
	.name = "test",
	.device_id = TEST_ID,
	.probe = test_probe,
	.remove = test_remove,
};

static int setup(void **state)
{
	unsigned int i;

	port_host_setup(state);
	(void)virtio_register_driver(&test_bus, &driver);
	for (i = 0; i < 4; i++)
		infos[i] = (struct virtqueue_info){"queue", callback};
	nvqs = 1;
	callbacks = finished = 0;
	in_callback = NULL;
	return 0;
}

static int teardown(void **state)
{
	virtio_unregister_driver(&test_bus, &driver);
	return port_host_teardown(state);
}

static struct refdev *make(uint32_t version, uint32_t queue_size)
{
	struct refdev *dev = refdev_new(&type, version, 4, queue_size);

	dev->config_len = 6;
	return dev;
}

static int add_and_kick(struct virtqueue *vq, char *buf)
{
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, buf, 1);
	err = virtqueue_add_outbuf(vq, &sg, 1, buf, GFP_ATOMIC);
	virtqueue_kick(vq);
	return err;
}

/* --- what is a device ------------------------------------------------------------------------- */

static void an_empty_slot_is_no_device(void **state)
{
	struct refdev *dev = refdev_new(NULL, 2, 0, 0);

	(void)state;
	assert_false(virtio_mmio_present(refdev_base(dev)));
	assert_int_equal(rig_probe(&rig, dev), -ENODEV);
	assert_int_equal(port_host_messages(LOG_WARNING), 0); /* 4.2.2.2#6: without a word */
	refdev_free(dev);
}

/* 4.2.2.2#4 */
static void a_wrong_magic_value_is_no_device(void **state)
{
	struct refdev *dev = make(2, 8);

	(void)state;
	dev->lies.magic = 0x74726977;
	assert_false(virtio_mmio_present(refdev_base(dev)));
	assert_int_equal(rig_probe(&rig, dev), -ENODEV);
	refdev_free(dev);
}

/* 4.2.2.2#5 */
static void a_version_that_does_not_exist_is_refused(void **state)
{
	static const uint32_t versions[] = {3, 0x80000002, 0xffffffff};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		struct refdev *dev = make(2, 8);

		dev->lies.version = versions[i];
		assert_int_equal(rig_probe(&rig, dev), -EINVAL);
		assert_true(list_empty(&test_bus.devices));
		refdev_free(dev);
	}
}

static void a_register_block_that_is_too_small_is_refused(void **state)
{
	struct refdev *dev = make(2, 8);
	struct virtio_mmio_device vm;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	assert_int_equal(virtio_mmio_probe(&test_bus, &vm, refdev_base(dev), 0, 0xff, 1), -EINVAL);
	refdev_free(dev);
}

static void the_device_is_named_by_its_address(void **state)
{
	(void)state;
	rig_start(&rig, make(2, 8));
	assert_string_equal(rig.vdev->config->bus_name(rig.vdev), "mmio@a000000");
	assert_int_equal(rig.vdev->id.device, TEST_ID);
	assert_int_equal(rig.vdev->irq, 48);
	assert_int_equal(rig.vm.version, 2);
	rig_end(&rig);
}

static void config_space_beyond_the_block_reads_as_zero(void **state)
{
	(void)state;
	rig_start(&rig, make(2, 8));
	assert_int_equal(virtio_cread32(rig.vdev, 0x100), 0);
	assert_int_equal(virtio_cread8(rig.vdev, 0xffffffff), 0);
	virtio_cwrite32(rig.vdev, 0x100, 1);
	rig_end(&rig);
}

/* 4.2.2.2#3: a field is accessed in its own width, and no other access is made. */
static void fields_are_accessed_in_their_width_or_not_at_all(void **state)
{
	const struct virtio_config_ops *ops;
	uint8_t three[3] = {1, 2, 3};
	uint16_t value = 0xbeef;

	(void)state;
	rig_start(&rig, make(2, 8));
	ops = rig.vdev->config;
	ops->set(rig.vdev, 4, &value, sizeof(value));
	assert_int_equal(rig.dev->config[4], 0xef);
	assert_int_equal(rig.dev->config[5], 0xbe);
	assert_int_equal(virtio_cread16(rig.vdev, 4), 0xbeef);
	ops->set(rig.vdev, 0, three, sizeof(three));
	assert_int_equal(rig.dev->config_writes, 1);
	ops->get(rig.vdev, 0, three, sizeof(three));
	assert_memory_equal(three, "\0\0\0", sizeof(three));
	rig_end(&rig);
}

/* --- queues ------------------------------------------------------------------------------------ */

/* 4.2.2.2#9 */
static void a_queue_gets_the_devices_size_at_most(void **state)
{
	static const struct {
		uint32_t max, want;
	} cases[] = {{1, 1},	 {2, 2},      {3, 2},	    {8, 8},	  {100, 64},
		     {128, 128}, {1024, 256}, {32768, 256}, {65535, 256}, {0xffffffff, 256}};
	uint32_t version;
	unsigned int i;

	(void)state;
	for (version = 1; version <= 2; version++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			rig_start(&rig, make(version, cases[i].max));
			assert_int_equal(virtqueue_get_vring_size(vqs[0]), cases[i].want);
			assert_int_equal(rig.dev->queues[0].size, cases[i].want);
			rig_end(&rig);
		}
	}
}

static void a_queue_that_the_device_does_not_have_is_an_error(void **state)
{
	uint32_t version;

	(void)state;
	for (version = 1; version <= 2; version++) {
		struct refdev *dev = make(version, 8);

		nvqs = 3;
		dev->queues[2].size_max = 0;
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_int_equal(find_result, -ENOENT);
		assert_int_equal(rig.vdev->error, -ENOENT);
		assert_true(list_empty(&rig.vdev->vqs)); /* all or none */
		assert_false(dev->queues[0].ready);
		assert_false(dev->queues[1].ready);
		rig_end(&rig);
	}
}

static void a_queue_without_a_name_is_left_out(void **state)
{
	(void)state;
	nvqs = 3;
	infos[1].name = NULL;
	rig_start(&rig, make(2, 8));
	assert_true(rig.dev->queues[0].ready);
	assert_false(rig.dev->queues[1].ready);
	assert_true(rig.dev->queues[2].ready);
	assert_null(vqs[1]);
	assert_int_equal(vqs[2]->index, 2);
	rig_end(&rig);
}

static void a_queue_that_claims_to_be_in_use_is_not_set_up(void **state)
{
	struct refdev *dev = make(2, 8);

	(void)state;
	dev->lies.stuck_ready = true;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	dev->lies.stuck_ready = false;
	rig_end(&rig);
}

/* Bus addresses as on a machine with memory above 2^44, the end of 2^32 pages of 4 KiB. */
#define FAR BIT_ULL(44)

static void *alloc_far(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *cpu = dma_test_ops.alloc(dev, size, handle, gfp);

	*handle += FAR;
	return cpu;
}

static void free_far(struct device *dev, size_t size, void *cpu, dma_addr_t handle)
{
	dma_test_ops.free(dev, size, cpu, handle - FAR);
}

/* The page number of a legacy queue has 32 bits (4.2.4). */
static void a_ring_beyond_a_legacy_devices_reach_is_refused(void **state)
{
	struct dma_map_ops far_ops = dma_test_ops;
	struct refdev *dev = make(1, 8);

	(void)state;
	far_ops.alloc = alloc_far;
	far_ops.free = free_far;
	virtio_unregister_driver(&test_bus, &driver);
	assert_int_equal(rig_probe(&rig, dev), 0);
	rig.vdev->dev.dma_ops = &far_ops;
	(void)virtio_register_driver(&test_bus, &driver);
	assert_int_equal(find_result, -E2BIG);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -E2BIG);
	assert_true(dev->status & REF_S_FAILED);
	assert_false(dev->queues[0].ready); /* a number cut off would be another's page */
	assert_int_equal(port_host_messages(LOG_ERROR), 2);
	assert_true(list_empty(&rig.vdev->vqs));
	assert_int_equal(dma_test_allocations(), 0);
	rig_end(&rig);
}

static void the_rings_lie_where_the_device_was_told(void **state)
{
	uint32_t version;

	(void)state;
	for (version = 1; version <= 2; version++) {
		rig_start(&rig, make(version, 16));
		assert_int_equal(rig.dev->queues[0].desc, virtqueue_get_desc_addr(vqs[0]));
		assert_int_equal(rig.dev->queues[0].driver, virtqueue_get_avail_addr(vqs[0]));
		assert_int_equal(rig.dev->queues[0].device, virtqueue_get_used_addr(vqs[0]));
		assert_true(rig.dev->queues[0].desc >= DMA_TEST_BASE);
		rig_end(&rig);
	}
}

static void a_smaller_queue_can_be_asked_for(void **state)
{
	struct refdev *dev = make(2, 1024);

	(void)state;
	rig_prepare(&rig, dev);
	rig.vdev->max_queue_size = 40;
	assert_int_equal(rig_probe_prepared(&rig), 0);
	assert_int_equal(virtqueue_get_vring_size(vqs[0]), 32);
	rig_end(&rig);
}

/* --- interrupts -------------------------------------------------------------------------------- */

/* 4.2.3.4.1#2 */
static void a_notification_goes_to_its_queue_and_the_interrupt_comes_back(void **state)
{
	uint32_t version;
	char buf[2];

	(void)state;
	nvqs = 2;
	for (version = 1; version <= 2; version++) {
		finished = 0;
		rig_start(&rig, make(version, 8));
		assert_int_equal(add_and_kick(vqs[1], buf), 0);
		assert_int_equal(rig.dev->queues[0].notifications, 0);
		assert_int_equal(rig.dev->queues[1].notifications, 1);
		refdev_pump();
		assert_int_equal(finished, 1);
		assert_int_equal(rig.dev->interrupt_status, 0);
		rig_end(&rig);
	}
}

static void an_interrupt_without_a_cause_is_not_ours(void **state)
{
	(void)state;
	rig_start(&rig, make(2, 8));
	assert_int_equal(virtio_mmio_interrupt(48, &rig.vm), IRQ_NONE);
	assert_int_equal(rig.dev->acks, 0);
	assert_int_equal(callbacks, 0);
	rig_end(&rig);
}

static void an_interrupt_before_the_device_is_set_up_is_not_ours(void **state)
{
	struct virtio_mmio_device vm;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	assert_int_equal(virtio_mmio_interrupt(48, &vm), IRQ_NONE);
}

/* 4.2.2.2#12 */
static void undefined_interrupt_bits_are_ignored(void **state)
{
	(void)state;
	rig_start(&rig, make(2, 8));
	rig.dev->interrupt_status = 0xfffffffc;
	assert_int_equal(virtio_mmio_interrupt(48, &rig.vm), IRQ_NONE);
	assert_int_equal(rig.dev->acks, 0);
	rig.dev->interrupt_status = 0;
	rig_end(&rig);
}

/* 2.7.7.1#5 */
static void a_used_interrupt_without_work_is_acknowledged_and_spurious(void **state)
{
	(void)state;
	rig_start(&rig, make(2, 8));
	refdev_raise(rig.dev, REF_INT_VRING);
	refdev_pump();
	assert_int_equal(rig.dev->acks, 1);
	assert_int_equal(callbacks, 0);
	assert_int_equal(virtqueue_get_stats(vqs[0]).spurious, 1);
	rig_end(&rig);
}

/* The device finishes another buffer while the handler is at work, after its look at the ring. */
static char late[1];

static void finish_one_more(struct virtqueue *vq)
{
	unsigned int len;

	in_callback = NULL;
	while (virtqueue_get_buf(vq, &len))
		finished++;
	assert_int_equal(add_and_kick(vq, late), 0);
	serve_all(rig.dev, &rig.dev->queues[0]);
	while (virtqueue_get_buf(vq, &len))
		finished++;
	assert_int_equal(add_and_kick(vq, late), 0);
	serve_all(rig.dev, &rig.dev->queues[0]);
}

static void what_is_finished_while_the_handler_runs_is_not_lost(void **state)
{
	char buf[1];

	(void)state;
	rig_start(&rig, make(2, 8));
	in_callback = NULL;
	assert_int_equal(add_and_kick(vqs[0], buf), 0);
	in_callback = finish_one_more;
	/* The callback's check of the interrupt status is for its begin only. */
	refdev_pump();
	assert_int_equal(finished, 3);
	assert_int_equal(virtqueue_in_flight(vqs[0]), 0);
	rig_end(&rig);
}

/* A line that never falls: what one call does is bounded, and nothing is served but what is there. */
static void an_interrupt_that_never_falls_is_served_so_many_times(void **state)
{
	char buf[1];

	(void)state;
	rig_start(&rig, make(2, 8));
	rig.dev->lies.ignore_acks = 1000;
	refdev_raise(rig.dev, REF_INT_CONFIG);
	assert_int_equal(virtio_mmio_interrupt(48, &rig.vm), IRQ_HANDLED);
	assert_in_range(rig.dev->acks, 2, 16);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	rig.dev->lies.ignore_acks = 0;
	rig.dev->interrupt_status = 0;
	/* The interrupt that belongs to the rounds after the first finds nothing: it was ours. */
	assert_int_equal(virtio_mmio_interrupt(48, &rig.vm), IRQ_HANDLED);
	assert_int_equal(virtio_mmio_interrupt(48, &rig.vm), IRQ_NONE);
	assert_int_equal(add_and_kick(vqs[0], buf), 0);
	refdev_pump();
	assert_int_equal(finished, 1);
	rig_end(&rig);
}

#define MMIO_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MMIO_TEST(an_empty_slot_is_no_device),
		MMIO_TEST(a_wrong_magic_value_is_no_device),
		MMIO_TEST(a_version_that_does_not_exist_is_refused),
		MMIO_TEST(a_register_block_that_is_too_small_is_refused),
		MMIO_TEST(the_device_is_named_by_its_address),
		MMIO_TEST(config_space_beyond_the_block_reads_as_zero),
		MMIO_TEST(fields_are_accessed_in_their_width_or_not_at_all),
		MMIO_TEST(a_queue_gets_the_devices_size_at_most),
		MMIO_TEST(a_queue_that_the_device_does_not_have_is_an_error),
		MMIO_TEST(a_queue_without_a_name_is_left_out),
		MMIO_TEST(a_queue_that_claims_to_be_in_use_is_not_set_up),
		MMIO_TEST(a_ring_beyond_a_legacy_devices_reach_is_refused),
		MMIO_TEST(the_rings_lie_where_the_device_was_told),
		MMIO_TEST(a_smaller_queue_can_be_asked_for),
		MMIO_TEST(a_notification_goes_to_its_queue_and_the_interrupt_comes_back),
		MMIO_TEST(an_interrupt_without_a_cause_is_not_ours),
		MMIO_TEST(an_interrupt_before_the_device_is_set_up_is_not_ours),
		MMIO_TEST(undefined_interrupt_bits_are_ignored),
		MMIO_TEST(a_used_interrupt_without_work_is_acknowledged_and_spurious),
		MMIO_TEST(what_is_finished_while_the_handler_runs_is_not_lost),
		MMIO_TEST(an_interrupt_that_never_falls_is_served_so_many_times),
	};

	return cmocka_run_group_tests_name("virtio_mmio", tests, NULL, NULL);
}
