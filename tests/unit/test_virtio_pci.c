/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport: which functions are devices, what is made of a list of capabilities that lies, the
 * registers of queues, and devices that vanish. The reference device checks each access
 * (tests/device/refdev_pci.c). VIRTIO 1.4, 4.1. Interrupts: test_virtio_pci_irq.c.
 */
#include "tests/unit/pci_rig.h"

/* --- what is a device ------------------------------------------------------------------------- */

/* 4.1.2.2#1, 4.1.2.2#2 */
static void ids_tell_what_is_a_virtio_device(void **state)
{
	(void)state;
	assert_true(virtio_pci_is_virtio(0x1af4, 0x1000));
	assert_true(virtio_pci_is_virtio(0x1af4, 0x103f));
	assert_true(virtio_pci_is_virtio(0x1af4, 0x1040));
	assert_true(virtio_pci_is_virtio(0x1af4, 0x107f));
	assert_false(virtio_pci_is_virtio(0x1af4, 0x0fff));
	assert_false(virtio_pci_is_virtio(0x1af4, 0x1080));
	assert_false(virtio_pci_is_virtio(0x1b36, 0x1041));
	assert_false(virtio_pci_is_virtio(0xffff, 0xffff));
}

static uint32_t type_of(uint16_t device, uint16_t subsystem)
{
	struct refdev *dev = pci_make(2, 8);
	uint32_t id;

	memcpy(pci->config + 2, &device, 2);
	memcpy(pci->config + 0x2e, &subsystem, 2);
	if (rig_probe(&rig, dev) != 0) {
		pci_discard(dev);
		return 0;
	}
	id = rig.vdev->id.device;
	rig_end(&rig);
	return id;
}

/* 4.1.2.2#1, 4.1.2.2#2, 4.1.2.2#4 */
static void the_id_tells_the_type(void **state)
{
	static const uint32_t transitional[] = {1, 2, 5, 3, 8, 4, 0, 0, 0, 9};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(transitional); i++)
		assert_int_equal(type_of((uint16_t)(0x1000 + i), 0), transitional[i]);
	assert_int_equal(type_of(0x1001, 0x4711), 2); /* whatever the subsystem says */
	assert_int_equal(type_of(0x1012, 18), 18);    /* but where the id says nothing */
	assert_int_equal(type_of(0x1040, 2), 0);
	assert_int_equal(type_of(0x1041, 2), 1);
	assert_int_equal(type_of(0x106b, 0), TEST_ID);
	assert_int_equal(type_of(0x107f, 0), 63);
	assert_int_equal(type_of(0x1080, 2), 0);
}

/* 4.1.2.2#3 */
static void any_revision_will_do(void **state)
{
	(void)state;
	for (unsigned int revision = 0; revision < 256; revision += 51) {
		struct refdev *dev = pci_make(2, 8);

		pci->config[8] = (uint8_t)revision;
		rig_start(&rig, dev);
		rig_end(&rig);
	}
}

static void a_transitional_device_is_driven_as_modern(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	refdev_pci_make_transitional(dev);
	rig_start(&rig, dev);
	assert_false(rig.vdev->legacy);
	assert_string_equal(rig.vdev->config->bus_name(rig.vdev), "pci@00:01.0");
	rig_end(&rig);
}

/* Without being told to: there is nothing else. */
static void a_device_with_the_legacy_header_alone_is_driven_by_it(void **state)
{
	struct refdev *dev = pci_make(1, 8);

	(void)state;
	refdev_pci_clear_caps(dev);
	rig_prepare(&rig, dev);
	assert_int_equal(
		virtio_pci_probe(&test_bus, &rig.vp, &refdev_pci_ops, dev, "pci@00:01.0", false),
		0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	assert_true(rig.vdev->legacy);
	rig_end(&rig);
}

/* A modern device has no legacy interface that could be forced. */
static void a_modern_device_stays_modern(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	rig_prepare(&rig, dev);
	assert_int_equal(
		virtio_pci_probe(&test_bus, &rig.vp, &refdev_pci_ops, dev, "pci@00:01.0", true), 0);
	assert_false(rig.vdev->legacy);
	rig_end(&rig);
}

/* --- capabilities ------------------------------------------------------------------------------- */

static void expect_no_device(struct refdev *dev)
{
	assert_int_equal(rig_probe(&rig, dev), -EINVAL);
	assert_true(list_empty(&test_bus.devices));
	assert_true(port_host_messages(LOG_ERROR) > 0);
	pci_discard(dev);
}

static void a_device_without_its_structures_is_refused(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	refdev_pci_clear_caps(dev);
	expect_no_device(dev);

	dev = pci_make(2, 8); /* there is a list, but the device says that there is none */
	pci->config[6] = 0;
	expect_no_device(dev);

	dev = pci_make(2, 8);
	refdev_pci_clear_caps(dev);
	refdev_pci_add_cap(dev, 1, 4, REFDEV_PCI_COMMON, 0x40, 0, NULL);
	expect_no_device(dev);
}

static void a_list_that_loops_is_walked_once(void **state)
{
	static const uint8_t to[] = {0x40, 0x44, 0x50, 0x92, 0x00, 0x3c, 0xff, 0xfc};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(to); i++) {
		struct refdev *dev = pci_make(2, 8);

		pci->config[pci->caps_last + 1] = to[i];
		rig_start(&rig, dev);
		rig_end(&rig);

		dev = pci_make(2, 8); /* and one that never comes to anything */
		refdev_pci_clear_caps(dev);
		refdev_pci_add_cap(dev, 77, 4, 0, 4, 0, NULL);
		pci->config[pci->caps_last + 1] = to[i];
		expect_no_device(dev);

		dev = pci_make(2, 8);
		pci->config[0x34] = to[i];
		if (rig_probe(&rig, dev) == 0) /* those that point at capabilities */
			rig_end(&rig);
		else
			pci_discard(dev);
	}
}

/* Whether there are more than 64 features is for the device to say; none of them is known. */
static void features_above_63_are_refused(void **state)
{
	(void)state;
	for (uint64_t high = 0; high < 2; high++) {
		struct refdev *dev = pci_make(2, 8);

		dev->offered_high = high << 37;
		rig_start(&rig, dev);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
		assert_int_equal(rig.vdev->device_features_high, high << 37);
		assert_int_equal(dev->high_words_written, high ? 1u << 2 | 1u << 3 : 0);
		rig_end(&rig);
	}
}

/* Configuration space ends before they do. */
static void a_capability_that_is_cut_off_is_passed_over(void **state)
{
	(void)state;
	for (unsigned int at = 0xf0; at < 0x100; at += 4) {
		struct refdev *dev = pci_make(2, 8);

		pci->config[pci->caps_last + 1] = (uint8_t)at;
		pci->config[at] = 0x09;
		pci->config[at + 2] = 64;
		pci->config[at + 3] = at == 0xf0 ? 2 : 1;
		rig_start(&rig, dev);
		rig_end(&rig);
	}
}

/* What is in front of the right capability, and must be passed over. */
struct wrong_cap {
	uint8_t type, bar;
	uint32_t offset, length;
	uint8_t cap_len; /* 0: as it should be */
	uint8_t id;	 /* 0: vendor specific */
};

static void start_behind(const struct wrong_cap *wrong)
{
	struct refdev *dev = pci_make(2, 8);
	uint32_t multiplier = 2;
	unsigned int at;

	refdev_pci_clear_caps(dev);
	at = refdev_pci_add_cap(dev, wrong->type, wrong->bar, wrong->offset, wrong->length, 1,
				&multiplier);
	if (wrong->cap_len)
		pci->config[at + 2] = wrong->cap_len;
	if (wrong->id)
		pci->config[at] = wrong->id;
	refdev_pci_add_all_caps(dev);
	rig_start(&rig, dev);
	assert_int_equal(pci_add_and_kick(vqs[0]), 0);
	refdev_pump();
	assert_int_equal(finished, 1);
	finished = 0;
	rig_end(&rig);
}

/* 4.1.4.1#1, 4.1.4.1#2, 4.1.4.1#4, 4.1.4.1#6 */
static void a_capability_that_makes_no_sense_is_passed_over(void **state)
{
	static const struct wrong_cap wrong[] = {
		{1, 6, 0, 0x40, 0, 0}, /* reserved BARs */
		{1, 255, 0, 0x40, 0, 0},
		{2, 7, REFDEV_PCI_NOTIFY, 16, 0, 0},
		{1, 1, 0, 0x40, 0, 0},		   /* a BAR that is not there */
		{1, 4, REFDEV_PCI_BAR4, 64, 0, 0}, /* begins, ends behind the BAR */
		{1, 4, REFDEV_PCI_BAR4 - 52, 64, 0, 0},
		{4, 4, 0xfffffffc, 0xffffffff, 0, 0},
		{1, 4, 0, 0, 0, 0}, /* too short for what is in it */
		{1, 4, 0, 0x37, 0, 0},
		{2, 4, REFDEV_PCI_NOTIFY, 1, 0, 0},
		{3, 4, REFDEV_PCI_ISR, 0, 0, 0},
		{4, 4, REFDEV_PCI_DEVICE, 0, 0, 0},
		{1, 4, 2, 0x40, 0, 0}, /* unaligned */
		{2, 4, REFDEV_PCI_NOTIFY + 1, 16, 0, 0},
		{4, 4, REFDEV_PCI_DEVICE + 2, 16, 0, 0},
		{0, 4, 0x20, 0x40, 0, 0}, /* reserved types */
		{6, 4, 0x20, 0x40, 0, 0},
		{7, 4, 0x20, 0x40, 0, 0},
		{255, 4, 0x20, 0x40, 0, 0},
		{9, 4, 0x20, 0x40, 0, 0},
		{1, 4, 0x20, 0x40, 15, 0}, /* a capability that ends early */
		{2, 4, 0x20, 0x40, 19, 0},
		{1, 4, 0x20, 0x40, 0, 0x11},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++)
		start_behind(&wrong[i]);
}

/* 4.1.4.1#2: what is behind the first, be it ever so wrong, is not looked at. */
static void the_first_of_each_type_counts(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	for (uint8_t t = 1; t <= 3; t++)
		refdev_pci_add_cap(dev, t, 4, 0x5000, 0x40, 0, NULL);
	refdev_pci_add_cap(dev, 4, 4, 0x6000, 0x40, 0, NULL);
	rig_start(&rig, dev);
	assert_int_equal(virtio_cread32(rig.vdev, 0), 0x04030201);
	rig_end(&rig);
}

/* 4.1.4.1#3 */
static void a_longer_capability_is_no_obstacle(void **state)
{
	struct refdev *dev = pci_make(2, 8);
	unsigned int at = 0x40;

	(void)state;
	while (at) {
		pci->config[at + 2] = (uint8_t)(pci->config[at + 2] + 200);
		at = pci->config[at + 1];
	}
	rig_start(&rig, dev);
	rig_end(&rig);
}

/* 4.1.4.1#5, 4.1.4.1#6: however long the device says a structure is. */
static void a_structure_of_any_length_is_mapped_in_part(void **state)
{
	struct refdev *dev = pci_make(2, 8);
	uint32_t multiplier = 4;

	(void)state;
	refdev_pci_clear_caps(dev);
	refdev_pci_add_cap(dev, 1, 4, REFDEV_PCI_COMMON, 0xffffffff, 0, NULL);
	refdev_pci_add_cap(dev, 3, 4, REFDEV_PCI_ISR, 0xffffffff, 0, NULL);
	refdev_pci_add_cap(dev, 4, 4, REFDEV_PCI_BAR4 - 8, 0xffffffff, 0, NULL);
	refdev_pci_add_cap(dev, 2, 4, REFDEV_PCI_NOTIFY, 0xffffffff, 1, &multiplier);
	rig_start(&rig, dev);
	assert_true(pci->max_mapped <= PAGE_SIZE);
	assert_int_equal(rig.vp.device_size, 8);
	rig_end(&rig);
}

/* Overlaps are the device's affair, as long as all lies in its BARs. */
static void structures_that_overlap_do_no_harm(void **state)
{
	struct refdev *dev = pci_make(2, 8);
	uint32_t multiplier = 0;

	(void)state;
	violation_quiet(true); /* the notification register is the device's features */
	refdev_pci_clear_caps(dev);
	refdev_pci_add_cap(dev, 1, 4, 0, 0x40, 0, NULL);
	refdev_pci_add_cap(dev, 2, 4, 4, 4, 1, &multiplier);
	refdev_pci_add_cap(dev, 4, 4, 0, 0x40, 0, NULL);
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(pci_add_and_kick(vqs[0]), 0);
	assert_true(violation_seen("2 bytes at 0x4"));
	rig_end(&rig);
	violation_reset();
}

static void a_shared_memory_region_is_found_by_its_id(void **state)
{
	static const uint32_t high[] = {0, 0}, beyond[] = {1, 0};
	struct refdev *dev = pci_make(2, 8);
	uint64_t length = 0;
	unsigned int at;

	(void)state;
	at = refdev_pci_add_cap(dev, 8, 4, 0x5000, 0x1000, 2, beyond);
	pci->config[at + 5] = 7;
	at = refdev_pci_add_cap(dev, 8, 4, 0x6000, 0x800, 2, high);
	pci->config[at + 5] = 7;
	rig_start(&rig, dev);
	assert_ptr_equal(virtio_pci_shared_memory(&rig.vp, 7, &length),
			 (char *)dev->base + REFDEV_PCI_BAR4_AT + 0x6000);
	assert_int_equal(length, 0x800);
	assert_null(virtio_pci_shared_memory(&rig.vp, 8, &length));
	assert_int_equal(length, 0x800);
	rig_end(&rig);
}

/* --- config space ------------------------------------------------------------------------------- */

/* 4.1.3.1#1 */
static void fields_are_accessed_in_their_width_or_not_at_all(void **state)
{
	uint8_t three[3] = {1, 2, 3};
	uint16_t value = 0xbeef;

	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		for (rig_vectors = 0; rig_vectors <= 4; rig_vectors += 4) {
			rig_start(&rig, pci_make(version, 8));
			assert_int_equal(virtio_cread32(rig.vdev, 0), 0x04030201);
			rig.vdev->config->set(rig.vdev, 4, &value, sizeof(value));
			assert_int_equal(virtio_cread16(rig.vdev, 4), 0xbeef);
			rig.vdev->config->set(rig.vdev, 0, three, sizeof(three));
			assert_int_equal(rig.dev->config_writes, 1);
			assert_int_equal(virtio_cread32(rig.vdev, 0x1000), 0);
			assert_int_equal(virtio_cread8(rig.vdev, 0xffffffff), 0);
			virtio_cwrite32(rig.vdev, 0x1000, 1);
			rig_end(&rig);
		}
	}
}

/* A device may have no config space at all. */
static void a_device_without_config_space_reads_as_zero(void **state)
{
	struct refdev *dev = pci_make(2, 8);
	uint32_t multiplier = 4;

	(void)state;
	refdev_pci_clear_caps(dev);
	refdev_pci_add_cap(dev, 1, 4, REFDEV_PCI_COMMON, 0x40, 0, NULL);
	refdev_pci_add_cap(dev, 2, 4, REFDEV_PCI_NOTIFY, 16, 1, &multiplier);
	rig_start(&rig, dev);
	assert_int_equal(virtio_cread32(rig.vdev, 0), 0);
	assert_int_equal(virtio_cread32(rig.vdev, 4), 0);
	virtio_cwrite8(rig.vdev, 3, 1);
	assert_int_equal(rig.dev->config_writes, 0);
	rig_end(&rig);
}

static void a_config_that_moves_is_read_again(void **state)
{
	uint32_t value = 0;

	(void)state;
	rig_start(&rig, pci_make(2, 8));
	rig.dev->lies.generation_moves_n = 5;
	assert_int_equal(virtio_cread_bytes(rig.vdev, 0, &value, 4, 4), 0);
	assert_int_equal(value, 0x04030201);
	assert_int_equal(rig.dev->lies.generation_moves_n, 0);
	rig.dev->lies.generation_moves = true;
	assert_int_equal(virtio_cread_bytes(rig.vdev, 0, &value, 4, 4), -EAGAIN);
	rig_end(&rig);
}

/* --- queues --------------------------------------------------------------------------------------- */

/* 4.1.4.3.2#2, 4.1.4.3.2#3 */
static void a_queue_gets_the_devices_size_at_most(void **state)
{
	static const struct {
		uint32_t max, split, packed, legacy;
	} cases[] = {{1, 1, 1, 1},
		     {2, 2, 2, 2},
		     {3, 2, 3, 0},
		     {100, 64, 100, 0},
		     {256, 256, 256, 256},
		     {1024, 256, 256, 1024},
		     {32768, 256, 256, 32768},
		     {65535, 256, 256, 0}};

	(void)state;
	for (unsigned int i = 0; i < 3 * ARRAY_SIZE(cases); i++) {
		bool packed = i % 3 == 1, legacy = i % 3 == 2;
		uint32_t max = cases[i / 3].max;
		uint32_t want = packed	 ? cases[i / 3].packed
				: legacy ? cases[i / 3].legacy
					 : cases[i / 3].split;
		struct refdev *dev = pci_make(legacy ? 1 : 2, max);

		if (packed)
			dev->offered |= BIT_ULL(REF_F_RING_PACKED);
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_int_equal(find_result, want ? 0 : -EINVAL);
		if (want) {
			assert_int_equal(virtqueue_get_vring_size(vqs[0]), want);
			assert_int_equal(dev->queues[0].size, want);
		}
		rig_end(&rig);
	}
}

static void a_queue_that_the_device_does_not_have_is_an_error(void **state)
{
	(void)state;
	nvqs = 3;
	for (unsigned int i = 0; i < 3; i++) {
		struct refdev *dev = pci_make(i == 2 ? 1 : 2, 8);

		if (i == 0)
			pci->num_queues = 2;
		else
			dev->queues[2].size_max = 0;
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_int_equal(find_result, -ENOENT);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_true(list_empty(&rig.vdev->vqs)); /* all or none */
		assert_false(dev->queues[0].ready);
		assert_int_equal(pci->enabled, 0);
		rig_end(&rig);
	}
}

static void a_queue_that_claims_to_be_in_use_is_not_set_up(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		struct refdev *dev = pci_make(version, 8);

		dev->lies.stuck_ready = true;
		if (version == 1)
			dev->lies.stuck_pfn = true;
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_int_equal(find_result, -EBUSY);
		dev->lies.stuck_ready = dev->lies.stuck_pfn = false;
		rig_end(&rig);
	}
}

static void a_queue_without_a_name_is_left_out(void **state)
{
	(void)state;
	nvqs = 3;
	infos[1].name = NULL;
	rig_start(&rig, pci_make(2, 8));
	assert_false(rig.dev->queues[1].ready);
	assert_null(vqs[1]);
	assert_int_equal(vqs[2]->index, 2);
	rig_end(&rig);
}

/* 4.1.5.2.1#1, 4.1.5.2.1#3: the register that the device has for each queue, wherever that is. */
static void each_queue_is_notified_at_its_place(void **state)
{
	static const struct {
		uint32_t multiplier, length;
		uint16_t off[2];
	} cases[] = {
		{4, 16, {0, 1}},      {4, 16, {3, 0}},		{0, 2, {0, 0}},
		{0, 2, {7, 65535}},   {2, 4, {1, 0}},		{4096, 8192, {0, 1}},
		{4096, 8192, {1, 0}}, {0x1000, 0x1002, {0, 1}},
	};

	(void)state;
	nvqs = 2;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = pci_make(2, 8);

		pci->multiplier = cases[i].multiplier;
		pci->notify_length = cases[i].length;
		memcpy(pci->notify_off, cases[i].off, sizeof(cases[i].off));
		refdev_pci_clear_caps(dev);
		refdev_pci_add_all_caps(dev);
		rig_start(&rig, dev);
		for (unsigned int q = 0; q < 2; q++) {
			assert_int_equal(pci_add_and_kick(vqs[q]), 0);
			assert_int_equal(dev->queues[q].notifications, 1);
		}
		rig_end(&rig);
	}
}

/* 4.1.5.2.1#2, 4.1.5.2.1#4 */
static void notification_data_makes_it_32_bits(void **state)
{
	(void)state;
	nvqs = 2;
	for (unsigned int packed = 0; packed < 2; packed++) {
		struct refdev *dev = pci_make(2, 8);

		dev->offered |= BIT_ULL(REF_F_NOTIFICATION_DATA);
		if (packed)
			dev->offered |= BIT_ULL(REF_F_RING_PACKED);
		rig_start(&rig, dev);
		for (unsigned int i = 0; i < 20; i++) {
			assert_int_equal(pci_add_and_kick(vqs[1]), 0);
			refdev_pump();
		}
		assert_int_equal(dev->queues[1].notifications, 20);
		assert_int_equal(dev->queues[0].notifications, 0);
		finished = 0;
		rig_end(&rig);
	}
}

/* 4.1.4.4: beyond the structure, across its end, across a word. */
static void a_queue_whose_register_cannot_be_reached_is_refused(void **state)
{
	static const struct {
		uint32_t multiplier, length;
		uint16_t off;
		bool data;
	} cases[] = {
		{4, 16, 4, false},
		{4, 16, 65535, false},
		{0xfffffffe, 16, 1, false},
		{1, 16, 1, false},
		{2, 3, 1, false},
		{4, 14, 3, true},
		{2, 16, 1, true},
		{0, 2, 0, true},
		{0x1000, 0x10000, 9, false},
		{0xffffffff, 16, 65535, false},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = pci_make(2, 8);

		pci->multiplier = cases[i].multiplier;
		pci->notify_length = cases[i].length;
		pci->notify_off[0] = cases[i].off;
		if (cases[i].data)
			dev->offered |= BIT_ULL(REF_F_NOTIFICATION_DATA);
		refdev_pci_clear_caps(dev);
		refdev_pci_add_all_caps(dev);
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_int_equal(find_result, -EINVAL);
		rig_end(&rig);
	}
}

static unsigned int recycled;

static void recycle(struct virtqueue *vq, void *data)
{
	(void)vq;
	assert_non_null(data);
	recycled++;
}

/* 4.1.4.3.2#6, 4.1.4.3.2#7: over when queue_reset reads 0, and the interrupt is there again. */
static void a_queue_reset_is_over_when_the_device_says_so(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	dev->offered |= BIT_ULL(REF_F_RING_RESET);
	rig_start(&rig, dev);
	dev->lies.queue_reset_reads = 5;
	recycled = 0;
	dev->hold = true;
	assert_int_equal(pci_add_and_kick(vqs[0]), 0);
	port_host_forbid_alloc(false);
	assert_int_equal(virtqueue_resize(vqs[0], 4, recycle), 0);
	assert_int_equal(recycled, 1);
	assert_int_equal(dev->queues[0].size, 4);
	assert_int_equal(pci->queue_vector[0], 1);
	dev->hold = false;
	assert_int_equal(pci_add_and_kick(vqs[0]), 0);
	refdev_pump();
	assert_int_equal(finished, 1);

	dev->lies.queue_reset_hangs = true; /* and one that never ends gives nothing back */
	assert_int_equal(virtqueue_reset(vqs[0], recycle), -ETIMEDOUT);
	assert_int_equal(recycled, 1);
	dev->lies.queue_reset_hangs = false;
	rig_end(&rig);
}

/* The common structure of a device of VIRTIO 1.0 ends before the register. */
static void a_reset_without_a_register_is_not_agreed_on(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	dev->offered |= BIT_ULL(REF_F_RING_RESET);
	pci->common_length = 0x38;
	refdev_pci_clear_caps(dev);
	refdev_pci_add_all_caps(dev);
	rig_start(&rig, dev);
	assert_false(virtio_has_feature(rig.vdev, VIRTIO_F_RING_RESET));
	assert_int_equal(virtqueue_reset(vqs[0], recycle), -EOPNOTSUPP);
	rig_end(&rig);
}

/* 4.1.4.3.2#6: a driver that gives up has enabled its queues already. */
static void a_probe_that_fails_takes_its_queues_back(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		struct refdev *dev = pci_make(version, 8);

		probe_result = -EPROTO;
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_int_equal(rig.vdev->error, -EPROTO);
		assert_false(dev->queues[0].ready);
		assert_int_equal(dma_test_allocations(), 0);
		assert_int_equal(pci->enabled, 0);
		assert_int_equal(dev->status, REF_S_FAILED);
		rig_end(&rig);
	}
}

/* 4.1.4.3.2#5 */
static void the_end_of_a_reset_is_awaited(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		struct refdev *dev = pci_make(version, 8);

		dev->lies.reset_reads = 20;
		rig_start(&rig, dev);
		assert_int_equal(dev->reset_pending, 0);
		rig_end(&rig);
	}
}

/* The page number of a legacy queue has 32 bits. */
static void *alloc_far(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *cpu = dma_test_ops.alloc(dev, size, handle, gfp);

	*handle += BIT_ULL(44);
	return cpu;
}

static void free_far(struct device *dev, size_t size, void *cpu, dma_addr_t handle)
{
	dma_test_ops.free(dev, size, cpu, handle - BIT_ULL(44));
}

static void a_ring_beyond_a_legacy_devices_reach_is_refused(void **state)
{
	struct dma_map_ops far_ops = dma_test_ops;
	struct refdev *dev = pci_make(1, 8);

	(void)state;
	far_ops.alloc = alloc_far;
	far_ops.free = free_far;
	rig_prepare(&rig, dev);
	rig.vdev->dev.dma_ops = &far_ops;
	assert_int_equal(rig_probe_prepared(&rig), 0);
	assert_int_equal(find_result, -E2BIG);
	assert_false(dev->queues[0].ready);
	assert_int_equal(dma_test_allocations(), 0);
	rig_end(&rig);
}

/* --- devices that vanish ------------------------------------------------------------------------- */

static void a_function_that_does_not_answer_is_no_device(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	pci->gone = true;
	assert_int_equal(rig_probe(&rig, dev), -ENODEV);
	pci_discard(dev);
}

static void vanish_soon(void *arg)
{
	((struct refdev_pci *)arg)->gone = true;
}

/* Wherever in the walk of its capabilities. */
static void a_function_that_vanishes_while_it_is_looked_at_is_no_device(void **state)
{
	unsigned int vanished = 0;

	(void)state;
	for (unsigned int reads = 1; reads < 100; reads++) {
		struct refdev *dev = pci_make(2, 8);
		int err;

		pci->vanish_in = reads;
		err = rig_probe(&rig, dev);
		if (!pci->gone) {
			assert_int_equal(err, 0);
			assert_true(vanished > 20);
			pci->vanish_in = 0;
			rig_end(&rig);
			return;
		}
		vanished++;
		assert_int_equal(err, -ENODEV);
		pci_discard(dev);
	}
	fail_msg("a walk that never ends");
}

/* While its reset is awaited: the wait ends at once. */
static void a_device_that_vanishes_while_it_is_probed_fails(void **state)
{
	uint64_t start = port_now_ns();
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	dev->lies.reset_hangs = true;
	port_host_after(100 * NSEC_PER_USEC, vanish_soon, pci);
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, -ENODEV);
	assert_true(rig.vdev->gone);
	assert_false(rig.vdev->stuck);
	assert_true(port_now_ns() - start < NSEC_PER_MSEC);
	rig_end(&rig);
}

static void a_device_that_has_vanished_is_removed_at_once(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		struct refdev *dev = pci_make(version, 8);
		uint64_t start;

		rig_start(&rig, dev);
		dev->hold = true;
		assert_int_equal(pci_add_and_kick(vqs[0]), 0);
		pci->gone = true;
		start = port_now_ns();
		assert_int_equal(virtio_reset_device(rig.vdev), -ENODEV);
		rig_remove(&rig);
		assert_int_equal(port_now_ns(), start);
		assert_int_equal(dma_test_mappings(), 0);
		assert_int_equal(dma_test_allocations(), 0);
		assert_int_equal(pci->enabled, 0);
		port_host_forbid_alloc(false);
		pci_discard(dev);
	}
}

static void a_queue_reset_does_not_wait_for_a_device_that_has_vanished(void **state)
{
	struct refdev *dev = pci_make(2, 8);
	uint64_t start;

	(void)state;
	dev->offered |= BIT_ULL(REF_F_RING_RESET);
	rig_start(&rig, dev);
	pci->gone = true;
	start = port_now_ns();
	assert_int_equal(virtqueue_reset(vqs[0], recycle), -ENODEV);
	assert_int_equal(port_now_ns(), start);
	assert_true(virtqueue_is_broken(vqs[0]));
	pci->gone = false;
	rig_end(&rig);
}

/* A status of ones alone says nothing: the bus knows the device still. */
static void a_status_of_ones_alone_is_a_device_that_does_not_answer(void **state)
{
	struct refdev *dev = pci_make(2, 8);

	(void)state;
	pci->status_ones = true;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->error, -ETIMEDOUT);
	assert_true(rig.vdev->stuck);
	assert_false(rig.vdev->gone);
	assert_true(pci->isolated);
	pci->status_ones = false;
	rig_end(&rig);
}

/* Whatever it does with its registers, it reaches no memory any more. */
static void a_device_that_is_given_up_is_isolated(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 2; version++) {
		struct refdev *dev = pci_make(version, 8);

		rig_start(&rig, dev);
		assert_false(pci->isolated);
		assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
		assert_false(pci->isolated); /* only what cannot be started again */
		dev->lies.reset_hangs = true;
		assert_int_equal(virtio_recover(rig.vdev, -EIO), 0);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_true(rig.vdev->stuck && pci->isolated);
		dev->lies.reset_hangs = false;
		dev->reset_pending = 0;
		rig_end(&rig);
	}
}

#define PCI_TEST(fn) cmocka_unit_test_setup_teardown(fn, pci_setup, pci_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PCI_TEST(ids_tell_what_is_a_virtio_device),
		PCI_TEST(the_id_tells_the_type),
		PCI_TEST(any_revision_will_do),
		PCI_TEST(a_transitional_device_is_driven_as_modern),
		PCI_TEST(a_device_with_the_legacy_header_alone_is_driven_by_it),
		PCI_TEST(a_modern_device_stays_modern),
		PCI_TEST(a_device_without_its_structures_is_refused),
		PCI_TEST(a_list_that_loops_is_walked_once),
		PCI_TEST(a_capability_that_is_cut_off_is_passed_over),
		PCI_TEST(features_above_63_are_refused),
		PCI_TEST(a_capability_that_makes_no_sense_is_passed_over),
		PCI_TEST(the_first_of_each_type_counts),
		PCI_TEST(a_longer_capability_is_no_obstacle),
		PCI_TEST(a_structure_of_any_length_is_mapped_in_part),
		PCI_TEST(structures_that_overlap_do_no_harm),
		PCI_TEST(a_shared_memory_region_is_found_by_its_id),
		PCI_TEST(fields_are_accessed_in_their_width_or_not_at_all),
		PCI_TEST(a_device_without_config_space_reads_as_zero),
		PCI_TEST(a_config_that_moves_is_read_again),
		PCI_TEST(a_queue_gets_the_devices_size_at_most),
		PCI_TEST(a_queue_that_the_device_does_not_have_is_an_error),
		PCI_TEST(a_queue_that_claims_to_be_in_use_is_not_set_up),
		PCI_TEST(a_queue_without_a_name_is_left_out),
		PCI_TEST(each_queue_is_notified_at_its_place),
		PCI_TEST(notification_data_makes_it_32_bits),
		PCI_TEST(a_queue_whose_register_cannot_be_reached_is_refused),
		PCI_TEST(a_queue_reset_is_over_when_the_device_says_so),
		PCI_TEST(a_reset_without_a_register_is_not_agreed_on),
		PCI_TEST(a_probe_that_fails_takes_its_queues_back),
		PCI_TEST(the_end_of_a_reset_is_awaited),
		PCI_TEST(a_ring_beyond_a_legacy_devices_reach_is_refused),
		PCI_TEST(a_function_that_does_not_answer_is_no_device),
		PCI_TEST(a_function_that_vanishes_while_it_is_looked_at_is_no_device),
		PCI_TEST(a_device_that_vanishes_while_it_is_probed_fails),
		PCI_TEST(a_device_that_has_vanished_is_removed_at_once),
		PCI_TEST(a_queue_reset_does_not_wait_for_a_device_that_has_vanished),
		PCI_TEST(a_device_that_is_given_up_is_isolated),
		PCI_TEST(a_status_of_ones_alone_is_a_device_that_does_not_answer),
	};

	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
