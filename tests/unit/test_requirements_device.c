/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the specification asks of a driver's conduct towards its device: features, config space, the
 * moments of its life. The reference device checks every access (tests/device/refdev_mmio.c); here
 * stands what it cannot see, and that its checks do find what they are there for: for
 * that the registers are written directly, in wrong ways.
 */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"
#include "lib/arch/host/arch/mmio.h"
#include "virtio/wire/mmio.h"

#define TEST_ID 43

static const struct refdev_field fields[] = {
	{0, 4, -1, REF_CONFIG_RW}, {4, 2, 5, REF_CONFIG_RO}, /* with feature 5 only */
};

static void process(struct refdev *dev, struct refdev_queue *queue)
{
	(void)dev;
	(void)queue;
}

static const struct refdev_type type = {
	.id = TEST_ID,
	.fields = fields,
	.field_count = ARRAY_SIZE(fields),
	.process = process,
};

/* --- a driver that makes no queues ------------------------------------------------------------- */

static struct rig rig;
static int probe_error;
static unsigned int probes;

static int probe(struct virtio_device *vdev)
{
	(void)vdev;
	probes++;
	return probe_error;
}

static void take_away(struct virtio_device *vdev)
{
	(void)vdev;
}

static const unsigned int features[] = {3, 5};

static struct virtio_driver driver = {
	.name = "test",
	.device_id = TEST_ID,
	.features = features,
	.feature_count = ARRAY_SIZE(features),
	.probe = probe,
	.remove = take_away,
};

static int setup(void **state)
{
	port_host_setup(state);
	(void)virtio_register_driver(&test_bus, &driver);
	probe_error = 0;
	probes = 0;
	return 0;
}

static int teardown(void **state)
{
	virtio_unregister_driver(&test_bus, &driver);
	return port_host_teardown(state);
}

static struct refdev *make(uint64_t offered)
{
	struct refdev *dev = refdev_new(&type, 2, 1, 16);

	dev->config_len = 6;
	dev->offered = offered;
	return dev;
}

/* --- features --------------------------------------------------------------------------------------- */

#define EXPECTED                                                             \
	(BIT_ULL(3) | BIT_ULL(5) | BIT_ULL(VIRTIO_F_VERSION_1) |             \
	 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | BIT_ULL(VIRTIO_F_RING_PACKED) | \
	 BIT_ULL(VIRTIO_F_ORDER_PLATFORM))
#define REFUSED (BIT_ULL(4) | BIT_ULL(VIRTIO_F_SR_IOV) | BIT_ULL(VIRTIO_F_ADMIN_VQ))

/* 2.2.1#1, 2.2.1#3, 2.2.1#5, 6.1#1, 6.1#3, 6.1#5, 6.1#6, 6.1#9, 3.4.1#1: a device that offers all bits
 * that there are is driven with those that we understand. VIRTIO_F_SUSPEND is above bit 41. */
static void of_all_features_the_known_ones_are_accepted(void **state)
{
	(void)state;
	rig_start(&rig, make(~0ull));
	assert_int_equal(rig.dev->accepted & EXPECTED, EXPECTED);
	assert_int_equal(rig.dev->accepted & REFUSED, 0);
	assert_int_equal(rig.dev->accepted >> (VIRTIO_F_ADMIN_VQ + 1), 0);
	rig_end(&rig);
}

/* 2.2.1#1: what all our features stand on is VERSION_1; nothing else of them needs another. */
static void no_feature_is_accepted_that_was_not_offered(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		rig_start(&rig, make(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(bit)));
		assert_int_equal(rig.dev->accepted & ~rig.dev->offered, 0);
		rig_end(&rig);
	}
}

/* --- giving up and trying again --------------------------------------------------------------------- */

/* 2.1.1#3 */
static void a_failed_device_is_reset_before_it_is_tried_again(void **state)
{
	struct refdev *dev = make(BIT_ULL(VIRTIO_F_VERSION_1));
	unsigned int before;

	(void)state;
	probe_error = -EPROTO;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_true(dev->status & REF_S_FAILED);
	rig_remove(&rig);
	assert_int_equal(dev->status, 0);

	/* Not even somebody else's failure is taken for a fresh start. */
	dev->status = REF_S_ACKNOWLEDGE | REF_S_FAILED;
	dev->status_read = true;
	before = dev->status_writes;
	probe_error = 0;
	rig_start(&rig, dev);
	assert_int_equal(dev->status_trace[before], 0);
	assert_int_equal(dev->status, 0x0f);
	assert_int_equal(probes, 2);
	rig_end(&rig);
}

/* --- config space -------------------------------------------------------------------------------------- */

/* 2.5.1#3, 2.5.1#4: a block that is longer than all fields we know of is as good as any. */
static void a_longer_config_space_is_no_obstacle(void **state)
{
	struct refdev *dev = refdev_blk_new(2, 8, 0);

	(void)state;
	rig_prepare(&rig, dev);
	assert_int_equal(
		virtio_mmio_probe(&test_bus, &rig.vm, refdev_base(dev), 0xa000000, 0x10000, 48), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	rig_end(&rig);
}

static struct refdev *make_blk(uint32_t version, uint64_t extra)
{
	return refdev_blk_new(version, 8, extra);
}

static struct refdev *make_rng(uint32_t version, uint64_t extra)
{
	(void)extra;
	return refdev_rng_new(version);
}

/* Each driver, with each feature of its type alone, with none, and with all. The reference device
 * notices an access to a field that is not there, one of another width than the field's (as
 * far as the driver reads it in probe), and a notification before DRIVER_OK. */
static void probe_each_driver(uint64_t mask)
{
	static struct refdev *(*const makers[])(uint32_t, uint64_t) = {
		make_blk, refdev_net_new, refdev_console_new, make_rng};

	for (uint32_t version = 1; version <= 2; version++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(makers); i++) {
			struct refdev *dev = makers[i](version, 0);

			dev->offered &= ~0xffffffull;
			dev->offered |= mask & 0xffffff;
			assert_int_equal(rig_probe(&rig, dev), 0);
			/* All config space is zero, which not every field may be. */
			assert_true(mask || rig.vdev->state == VIRTIO_STATE_LIVE);
			assert_int_equal(violation_count(), 0);
			rig_end(&rig);
		}
	}
}

/* 2.5.1#2, 4.2.2.2#3, 3.1.1#2, 3.1.1#6 */
static void drivers_read_what_their_features_give_them(void **state)
{
	(void)state;
	probe_each_driver(0);
	for (unsigned int bit = 0; bit < 24; bit++)
		probe_each_driver(BIT_ULL(bit));
	probe_each_driver(0xffffff);
}

/* --- the reference device's own checks --------------------------------------------------------------- */

struct breach {
	const char *id;
	unsigned int reg, width; /* accessed when the device is live; width 0: a read of 4 bytes */
	uint32_t value;
	uint8_t status; /* ... or has that status */
};

static const struct breach breaches[] = {
	{"(2.1.1#2)", VIRTIO_MMIO_STATUS, 4, 0x03, 0x0f},
	{"(2.5.1#2)", VIRTIO_MMIO_CONFIG + 4, 0, 0, 0x0f},
	{"(3.1.1#2)", VIRTIO_MMIO_CONFIG, 4, 7, 0x03},
	{"(3.1.1#6)", VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0, 0x0b},
	{"(4.2.2.2#1)", VIRTIO_MMIO_MAGIC_VALUE, 4, 1, 0x0f},
	{"(4.2.2.2#1)", VIRTIO_MMIO_QUEUE_SEL, 0, 0, 0x0f},
	{"(4.2.2.2#1)", 0x0ac, 4, 0, 0x0f},
	{"(4.2.2.2#2)", VIRTIO_MMIO_STATUS, 1, 0x0f, 0x0f},
	{"config access of", VIRTIO_MMIO_CONFIG, 1, 0, 0x0f},
	{"(4.2.2.2#7)", VIRTIO_MMIO_DEVICE_FEATURES, 0, 0, 0x03},
	{"(4.2.2.2#8)", VIRTIO_MMIO_DRIVER_FEATURES, 4, 0, 0x03},
	{"(4.2.2.2#9)", VIRTIO_MMIO_QUEUE_SIZE, 4, 17, 0x0b},
	{"(4.2.2.2#13)", VIRTIO_MMIO_INTERRUPT_ACK, 4, 4, 0x0f},
};

/* 2.1.1#2, 2.5.1#2, 3.1.1#2, 3.1.1#6, 4.2.2.2#1, 4.2.2.2#2, 4.2.2.2#3, 4.2.2.2#7, 4.2.2.2#8,
 * 4.2.2.2#9, 4.2.2.2#13 */
static void the_reference_device_notices_breaches(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(breaches); i++) {
		const struct breach *breach = &breaches[i];
		struct refdev *dev = make(BIT_ULL(VIRTIO_F_VERSION_1));
		char *reg = (char *)refdev_base(dev) + breach->reg;

		violation_quiet(true);
		dev->status = breach->status;
		dev->status_read = true;
		if (breach->width == 0)
			(void)mmio_read32(reg);
		else if (breach->width == 4)
			mmio_write32(reg, breach->value);
		else
			mmio_write8(reg, (uint8_t)breach->value);
		if (!violation_seen(breach->id))
			fail_msg("breach %u of %s was not noticed", i, breach->id);
		refdev_free(dev);
		violation_reset();
	}
}

#define DEVICE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICE_TEST(of_all_features_the_known_ones_are_accepted),
		DEVICE_TEST(no_feature_is_accepted_that_was_not_offered),
		DEVICE_TEST(a_failed_device_is_reset_before_it_is_tried_again),
		DEVICE_TEST(a_longer_config_space_is_no_obstacle),
		DEVICE_TEST(drivers_read_what_their_features_give_them),
		DEVICE_TEST(the_reference_device_notices_breaches),
	};

	(void)virtio_blk_init(&test_bus);
	(void)virtio_net_init(&test_bus);
	(void)virtio_console_init(&test_bus);
	(void)virtio_rng_init(&test_bus);
	return cmocka_run_group_tests_name("requirements of devices", tests, NULL, NULL);
}
