/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a PCI device's events arrive: the ways that there are, from a vector for each queue down to the
 * wired line, how one is left for the next, and what happens on each. VIRTIO 1.4, 4.1.5.
 */
#include "tests/unit/pci_rig.h"
#include "virtio/vring.h"

static void start_with(uint32_t version, unsigned int vectors)
{
	rig_vectors = vectors;
	rig_start(&rig, pci_make(version, 8));
}

static void expect_served(unsigned int queue)
{
	finished = 0;
	assert_int_equal(pci_add_and_kick(vqs[queue]), 0);
	refdev_pump();
	assert_int_equal(finished, 1);
	assert_int_equal(virtqueue_in_flight(vqs[queue]), 0);
}

/* --- the ways ------------------------------------------------------------------------------------ */

static const struct {
	unsigned int vectors;
	enum virtio_pci_plan plan;
	unsigned int enabled;
} ways[] = {
	{16, VIRTIO_PCI_PLAN_EACH, 4}, {4, VIRTIO_PCI_PLAN_EACH, 4}, {3, VIRTIO_PCI_PLAN_TWO, 2},
	{2, VIRTIO_PCI_PLAN_TWO, 2},   {1, VIRTIO_PCI_PLAN_ONE, 1},  {0, VIRTIO_PCI_PLAN_INTX, 0},
};

/* 4.1.5.1.2.2#1, 4.1.5.1.2.2#4, 4.1.5.4.2#1: however many there are, both kinds of events arrive. */
static void events_arrive_with_any_number_of_vectors(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(ways); i++) {
		unsigned int before;

		start_with(1 + i % 2, ways[i / 2].vectors);
		assert_int_equal(rig.vp.plan, ways[i / 2].plan);
		assert_int_equal(pci->enabled, ways[i / 2].enabled);
		assert_true(rig.vdev->irq > 0);
		for (unsigned int q = 0; q < nvqs; q++)
			expect_served(q);
		before = changes;
		refdev_raise(rig.dev, REF_INT_CONFIG);
		refdev_pump();
		assert_int_equal(changes, before + 1);
		rig_end(&rig);
		assert_int_equal(rig.vdev->irq, -1);
	}
}

/* With a vector of its own a queue's interrupt is no other queue's affair. */
static void a_vector_of_its_own_serves_one_queue_alone(void **state)
{
	(void)state;
	nvqs = 3;
	start_with(2, 16);
	assert_int_equal(pci->config_vector, 0);
	for (unsigned int q = 0; q < nvqs; q++)
		assert_int_equal(pci->queue_vector[q], q + 1);
	expect_served(1);
	assert_int_equal(callbacks[1], 1);
	assert_int_equal(virtqueue_get_stats(vqs[0]).spurious, 0);
	assert_int_equal(virtqueue_get_stats(vqs[2]).spurious, 0);
	assert_int_equal(changes, 0);
	assert_int_equal(pci->isr_reads, 0); /* 4.1.4.5.2#1 */
	rig_end(&rig);
}

static void a_queue_without_a_callback_takes_no_vector(void **state)
{
	(void)state;
	nvqs = 3;
	infos[0].callback = NULL;
	infos[1].name = NULL;
	start_with(2, 2);
	assert_int_equal(rig.vp.plan, VIRTIO_PCI_PLAN_EACH);
	assert_int_equal(pci->enabled, 2);
	assert_int_equal(pci->queue_vector[0], REFDEV_PCI_NOBODY);
	assert_int_equal(pci->queue_vector[2], 1);
	expect_served(2);
	rig_end(&rig);
}

static void each_way_has_a_name(void **state)
{
	(void)state;
	for (int plan = VIRTIO_PCI_PLAN_NONE; plan <= VIRTIO_PCI_PLAN_INTX; plan++)
		for (int other = VIRTIO_PCI_PLAN_NONE; other < plan; other++)
			assert_string_not_equal(virtio_pci_plan_name((enum virtio_pci_plan)plan),
						virtio_pci_plan_name((enum virtio_pci_plan)other));
}

/* --- what is claimed ------------------------------------------------------------------------------ */

#define MASKED_AFTER 100000u /* interrupts in a row that nobody claims: lib/irq.c */

static irqreturn_t send(unsigned int number)
{
	struct refdev_pci_vector *vector = &pci->vectors[number];

	return vector->handler(1, vector->dev_id);
}

static irqreturn_t line(void)
{
	return rig.dev->handler(35, rig.dev->dev_id);
}

/* A device may always be late, but is not believed without end. */
static void check_late(unsigned int queue)
{
	unsigned int vector = pci->queue_vector[queue], len;

	virtqueue_disable_cb(vqs[queue]);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(pci_add_and_kick(vqs[queue]), 0);
		refdev_pump();
		assert_non_null(virtqueue_get_buf(vqs[queue], &len));
		assert_int_equal(send(vector), IRQ_HANDLED);
		assert_int_equal(send(vector), IRQ_NONE);
	}
	assert_int_equal(callbacks[queue], 0);
}

static void a_message_that_comes_late_is_claimed_while_buffers_are_offered(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int i = 0; i < 2; i++) { /* a vector of its own, and one for all queues */
		start_with(2, ways[2 * i].vectors);
		check_late(0);
		check_late(2);
		rig_end(&rig);
	}
}

/* Whether the interrupt core would mask a line on which @interrupt comes without end. */
static bool gets_masked(irqreturn_t (*interrupt)(unsigned int arg), unsigned int arg)
{
	unsigned int in_row = 0;

	for (unsigned int i = 0; i < 2 * MASKED_AFTER && in_row < MASKED_AFTER; i++)
		in_row = interrupt(arg) == IRQ_HANDLED ? 0 : in_row + 1;
	return in_row == MASKED_AFTER;
}

static irqreturn_t change_and_send(unsigned int vector)
{
	rig.dev->generation++;
	return send(vector);
}

static irqreturn_t hold_line(unsigned int status)
{
	rig.dev->interrupt_status = status;
	return line();
}

static void a_device_that_screams_is_not_claimed(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		start_with(2, ways[i].vectors);
		for (unsigned int vector = 0; vector < pci->enabled; vector++) {
			assert_true(gets_masked(send, vector));
			assert_true(gets_masked(change_and_send, vector));
		}
		for (unsigned int status = 0; status < 4 && !pci->enabled; status++)
			assert_true(gets_masked(hold_line, status));
		expect_served(1);
		rig_end(&rig);
	}
}

/* One that waits for its reset would keep the CPU from getting there. */
static void a_device_that_has_failed_is_not_claimed(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		start_with(2, ways[i].vectors);
		rig.dev->hold = true;
		vring_break(to_vvq(vqs[2]), "on purpose");
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_RECOVERING);
		for (unsigned int vector = 0; vector < pci->enabled; vector++)
			assert_int_equal(send(vector), IRQ_NONE);
		for (unsigned int status = 0; status < 4 && !pci->enabled; status++)
			assert_int_equal(hold_line(status), IRQ_NONE);
		assert_int_equal(callbacks[2], i + 1); /* it is told of the queue all the same */
		work_run(&system_wq);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
		rig.dev->hold = false;
		expect_served(0);
		rig_end(&rig);
	}
}

/* Some in each period; all of them reach the driver. */
static void changes_of_config_space_are_claimed_for_a_while(void **state)
{
	unsigned int claimed = 0;

	(void)state;
	start_with(2, 16);
	for (unsigned int i = 0; i < 1000; i++)
		claimed += send(pci->config_vector) == IRQ_HANDLED;
	assert_in_range(claimed, 50, 200);
	assert_int_equal(changes, 1000);
	assert_int_equal(send(pci->config_vector), IRQ_NONE);
	port_delay_ns(10 * NSEC_PER_SEC);
	assert_int_equal(send(pci->config_vector), IRQ_HANDLED);
	rig_end(&rig);
}

/* --- one way is left for the next ----------------------------------------------------------------- */

/* 4.1.5.1.2.2#5, 4.1.5.1.2.2#6: the device answers NO_VECTOR. */
static void a_vector_that_the_device_refuses_is_done_without(void **state)
{
	static const enum virtio_pci_plan want[] = {0, VIRTIO_PCI_PLAN_ONE, VIRTIO_PCI_PLAN_TWO,
						    VIRTIO_PCI_PLAN_TWO, VIRTIO_PCI_PLAN_EACH};

	(void)state;
	nvqs = 3;
	for (uint32_t version = 1; version <= 2; version++) {
		for (unsigned int max = 1; max < ARRAY_SIZE(want); max++) {
			struct refdev *dev = pci_make(version, 8);

			pci->max_vector = max;
			rig_start(&rig, dev);
			assert_int_equal(rig.vp.plan, want[max]);
			expect_served(2);
			rig_end(&rig);
		}
	}
}

static void a_device_that_maps_no_vector_uses_the_line(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		struct refdev *dev = pci_make(version, 8);

		pci->forget_config_vector = true;
		rig_start(&rig, dev);
		assert_int_equal(rig.vp.plan, VIRTIO_PCI_PLAN_INTX);
		assert_int_equal(pci->queue_vector[0], REFDEV_PCI_NOBODY);
		expect_served(0);
		rig_end(&rig);
	}
}

static void vectors_that_the_machine_lacks_are_done_without(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int refuse = 1; refuse <= 4; refuse++) {
		static const enum virtio_pci_plan want[] = {
			0, VIRTIO_PCI_PLAN_INTX, VIRTIO_PCI_PLAN_ONE, VIRTIO_PCI_PLAN_TWO,
			VIRTIO_PCI_PLAN_TWO};
		struct refdev *dev = pci_make(2, 8);

		pci->refuse_from = refuse;
		rig_start(&rig, dev);
		assert_int_equal(rig.vp.plan, want[refuse]);
		expect_served(1);
		rig_end(&rig);
	}
}

/* Whichever handler cannot be installed, those that were are gone before the next way is tried. */
static void a_handler_that_cannot_be_installed_leaves_none_behind(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int nth = 1; nth <= 5; nth++) {
		struct refdev *dev = pci_make(2, 8);

		pci->fail_request = nth;
		rig_start(&rig, dev);
		assert_int_equal(rig.vp.plan,
				 nth <= 4 ? VIRTIO_PCI_PLAN_TWO : VIRTIO_PCI_PLAN_EACH);
		expect_served(0);
		rig_end(&rig);
	}
}

static void a_device_without_any_interrupt_is_not_driven(void **state)
{
	struct refdev *dev;
	uint32_t multiplier = 4;

	(void)state;
	rig_vectors = 0;
	dev = pci_make(2, 8);
	pci->fail_request = 1;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(find_result, -ENOMEM);
	assert_true(list_empty(&rig.vdev->vqs));
	assert_int_equal(dma_test_allocations(), 0);
	rig_end(&rig);

	dev = pci_make(2, 8); /* no ISR status: nobody could acknowledge */
	refdev_pci_clear_caps(dev);
	refdev_pci_add_cap(dev, 1, 4, REFDEV_PCI_COMMON, 0x40, 0, NULL);
	refdev_pci_add_cap(dev, 2, 4, REFDEV_PCI_NOTIFY, 16, 1, &multiplier);
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(find_result, -EINVAL);
	rig_end(&rig);
}

/* --- vectors -------------------------------------------------------------------------------------- */

static void raise_all(void)
{
	refdev_raise(rig.dev, REF_INT_CONFIG | REF_INT_VRING);
	refdev_pump();
}

/* A device could send them as soon as they are mapped, when the driver is not ready yet. */
static void interrupts_before_driver_ok_reach_nobody(void **state)
{
	(void)state;
	nvqs = 3;
	after_find = raise_all;
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		start_with(2, ways[i].vectors);
		assert_true(rig.dev->interrupts > 0);
		for (unsigned int q = 0; q < nvqs; q++) {
			assert_int_equal(callbacks[q], 0);
			assert_int_equal(virtqueue_get_stats(vqs[q]).spurious, 0);
		}
		assert_int_equal(changes, 0);
		rig_end(&rig);
	}
}

/* 4.1.5.1.2.2#5: a reset has made the device forget them. */
static void a_recovery_maps_the_vectors_again(void **state)
{
	(void)state;
	nvqs = 2;
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(ways); i++) {
		start_with(1 + i % 2, ways[i / 2].vectors);
		assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
		if (pci->enabled)
			assert_int_equal(pci->config_vector, 0);
		expect_served(0);
		expect_served(1);
		rig_end(&rig);
	}
}

static void a_vector_that_is_lost_in_a_recovery_ends_it(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		start_with(2, 16);
		if (i)
			pci->forget_config_vector = true;
		else
			pci->max_vector = 1;
		assert_int_equal(virtio_recover(rig.vdev, -EPROTO), 0);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_int_equal(rig.vdev->error, -EIO);
		rig_end(&rig);
	}
}

static void a_queue_that_has_changed_its_size_ends_a_recovery(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		start_with(version, 16);
		rig.dev->queues[0].size_max = 4;
		assert_int_equal(virtio_recover(rig.vdev, -EPROTO), 0);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_int_equal(rig.vdev->error, -EINVAL);
		rig_end(&rig);
	}
}

/* --- the wired line -------------------------------------------------------------------------------- */

static void the_line_is_not_ours_where_the_status_says_nothing(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		start_with(version, 0);
		assert_int_equal(line(), IRQ_NONE);
		rig.dev->interrupt_status = 0xfc; /* undefined bits */
		assert_int_equal(line(), IRQ_NONE);
		assert_int_equal(pci->isr_reads, 2);
		assert_int_equal(callbacks[0], 0);
		assert_int_equal(changes, 0);
		rig_end(&rig);
	}
}

/* 4.1.5.4.2#1: one read tells of both, and acknowledges both. */
static void the_line_may_mean_both(void **state)
{
	(void)state;
	start_with(2, 0);
	rig.dev->hold = true;
	assert_int_equal(pci_add_and_kick(vqs[0]), 0);
	serve_all(rig.dev, &rig.dev->queues[0]);
	refdev_raise(rig.dev, REF_INT_CONFIG);
	assert_int_equal(line(), IRQ_HANDLED);
	assert_int_equal(pci->isr_reads, 1);
	assert_int_equal(rig.dev->interrupt_status, 0);
	assert_int_equal(finished, 1);
	assert_int_equal(changes, 1);
	refdev_raise(rig.dev, REF_INT_CONFIG);
	assert_int_equal(line(), IRQ_HANDLED);
	assert_int_equal(virtqueue_get_stats(vqs[0]).spurious, 0); /* no word of queues */
	rig_end(&rig);
}

/* A shared line: somebody else's interrupt shows that this device has gone. */
static void a_device_that_has_vanished_is_noticed_on_its_line(void **state)
{
	(void)state;
	start_with(2, 0);
	pci->gone = true;
	assert_int_equal(line(), IRQ_NONE);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_RECOVERING);
	work_run(&system_wq);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -ENODEV);
	assert_true(rig.vdev->gone);
	port_host_forbid_alloc(false);
	rig_remove(&rig);
	pci_discard(rig.dev);
}

static void a_device_that_has_vanished_is_noticed_by_a_recovery(void **state)
{
	(void)state;
	start_with(2, 16);
	rig.dev->hold = true;
	assert_int_equal(pci_add_and_kick(vqs[0]), 0);
	pci->gone = true;
	assert_int_equal(virtio_recover(rig.vdev, -ETIMEDOUT), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -ENODEV);
	assert_true(virtqueue_is_broken(vqs[0]));
	port_host_forbid_alloc(false);
	rig_remove(&rig);
	assert_int_equal(dma_test_mappings(), 0);
	pci_discard(rig.dev);
}

#define PCI_TEST(fn) cmocka_unit_test_setup_teardown(fn, pci_setup, pci_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PCI_TEST(events_arrive_with_any_number_of_vectors),
		PCI_TEST(a_vector_of_its_own_serves_one_queue_alone),
		PCI_TEST(a_queue_without_a_callback_takes_no_vector),
		PCI_TEST(each_way_has_a_name),
		PCI_TEST(a_message_that_comes_late_is_claimed_while_buffers_are_offered),
		PCI_TEST(a_device_that_screams_is_not_claimed),
		PCI_TEST(a_device_that_has_failed_is_not_claimed),
		PCI_TEST(changes_of_config_space_are_claimed_for_a_while),
		PCI_TEST(a_vector_that_the_device_refuses_is_done_without),
		PCI_TEST(a_device_that_maps_no_vector_uses_the_line),
		PCI_TEST(vectors_that_the_machine_lacks_are_done_without),
		PCI_TEST(a_handler_that_cannot_be_installed_leaves_none_behind),
		PCI_TEST(a_device_without_any_interrupt_is_not_driven),
		PCI_TEST(interrupts_before_driver_ok_reach_nobody),
		PCI_TEST(a_recovery_maps_the_vectors_again),
		PCI_TEST(a_vector_that_is_lost_in_a_recovery_ends_it),
		PCI_TEST(a_queue_that_has_changed_its_size_ends_a_recovery),
		PCI_TEST(the_line_is_not_ours_where_the_status_says_nothing),
		PCI_TEST(the_line_may_mean_both),
		PCI_TEST(a_device_that_has_vanished_is_noticed_on_its_line),
		PCI_TEST(a_device_that_has_vanished_is_noticed_by_a_recovery),
	};

	return cmocka_run_group_tests_name("virtio_pci interrupts", tests, NULL, NULL);
}
