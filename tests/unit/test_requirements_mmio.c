/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport's accesses, one by one, in their order: the register block is a log. What the
 * reference device checks at any moment (tests/device/refdev_mmio.c) needs no test here; what is
 * a matter of sequence is read from the log. VIRTIO 1.4, 4.2.
 */
#include "lib/arch/host/arch/mmio.h"
#include "tests/unit/test.h"
#include "tests/device/test_bus.h"
#include "virtio/virtio_mmio.h"
#include "virtio/wire/mmio.h"

#define TEST_ID	 43
#define ACCESSES 512
#define ANY	 0xffffffffu

/* --- registers ---------------------------------------------------------------------------------- */

struct access {
	bool write;
	unsigned int reg;
	uint32_t value;
};

static struct {
	char block[0x200]; /* only its addresses are used */
	uint32_t reg[0x200 / 4];
	uint32_t features[2], driver_features[2];
	unsigned int reset_reads; /* so often QueueReset still reads 1 */
	struct access log[ACCESSES];
	unsigned int count;
} io;

static struct virtio_mmio_device vm;
static struct virtqueue *vq;
static unsigned int callbacks;

static unsigned int note(const volatile void *at, bool write, uint32_t value)
{
	unsigned int reg = (unsigned int)((const volatile char *)at - io.block);

	assert_true(reg < sizeof(io.block));
	assert_int_equal(reg % 4, 0);
	if (io.count < ACCESSES) /* what polls for long is of no interest */
		io.log[io.count++] = (struct access){write, reg, value};
	return reg;
}

uint32_t mmio_read32(const volatile void *at)
{
	unsigned int reg = note(at, false, 0);
	uint32_t sel = io.reg[VIRTIO_MMIO_DEVICE_FEATURES_SEL / 4];

	if (reg == VIRTIO_MMIO_DEVICE_FEATURES)
		return cpu_to_le32(sel < 2 ? io.features[sel] : 0);
	if (reg == VIRTIO_MMIO_QUEUE_RESET && io.reset_reads > 0 && --io.reset_reads == 0)
		io.reg[reg / 4] = io.reg[VIRTIO_MMIO_QUEUE_READY / 4] = 0;
	return cpu_to_le32(io.reg[reg / 4]);
}

void mmio_write32(volatile void *at, uint32_t value)
{
	unsigned int reg = note(at, true, le32_to_cpu(value));

	value = le32_to_cpu(value);
	if (reg == VIRTIO_MMIO_DRIVER_FEATURES)
		io.driver_features[io.reg[VIRTIO_MMIO_DRIVER_FEATURES_SEL / 4] & 1] = value;
	else if (reg == VIRTIO_MMIO_INTERRUPT_ACK)
		io.reg[VIRTIO_MMIO_INTERRUPT_STATUS / 4] &= ~value;
	else
		io.reg[reg / 4] = value;
}

uint8_t mmio_read8(const volatile void *at)
{
	(void)at;
	fail_msg("a read of one byte");
	return 0;
}

uint16_t mmio_read16(const volatile void *at)
{
	(void)at;
	fail_msg("a read of two bytes");
	return 0;
}

void mmio_write8(volatile void *at, uint8_t value)
{
	(void)at;
	(void)value;
	fail_msg("a write of one byte");
}

void mmio_write16(volatile void *at, uint16_t value)
{
	(void)at;
	(void)value;
	fail_msg("a write of two bytes");
}

/* The first such access from @from on (@value ANY: whatever is written), or -1. */
static int find(unsigned int from, bool write, unsigned int reg, uint32_t value)
{
	for (unsigned int i = from; i < io.count; i++)
		if (io.log[i].write == write && io.log[i].reg == reg &&
		    (!write || value == ANY || io.log[i].value == value))
			return (int)i;
	return -1;
}

/* The same, which must be there; returns the place after it. */
static unsigned int after(unsigned int from, bool write, unsigned int reg, uint32_t value)
{
	int at = find(from, write, reg, value);

	if (at < 0)
		fail_msg("no %s of register %#x", write ? "write" : "read", reg);
	return (unsigned int)at + 1;
}

/* --- a device and its driver ------------------------------------------------------------------ */

static void callback(struct virtqueue *queue)
{
	unsigned int len;

	callbacks++;
	while (virtqueue_get_buf(queue, &len))
		;
}

static int probe(struct virtio_device *vdev)
{
	static const struct virtqueue_info info = {"queue", callback};

	return virtio_find_vqs(vdev, 1, &vq, &info);
}

static void take_away(struct virtio_device *vdev)
{
	while (virtqueue_detach_unused_buf(vq))
		;
	virtio_del_vqs(vdev);
}

static struct virtio_driver driver = {
	.name = "test",
	.device_id = TEST_ID,
	.probe = probe,
	.remove = take_away,
};

static int setup(void **state)
{
	port_host_setup(state);
	memset(&io, 0, sizeof(io));
	memset(&vm, 0, sizeof(vm));
	callbacks = 0;
	io.reg[VIRTIO_MMIO_MAGIC_VALUE / 4] = 0x74726976;
	io.reg[VIRTIO_MMIO_VERSION / 4] = 2;
	io.reg[VIRTIO_MMIO_DEVICE_ID / 4] = TEST_ID;
	io.reg[VIRTIO_MMIO_QUEUE_SIZE_MAX / 4] = 16;
	io.features[1] = BIT(VIRTIO_F_VERSION_1 - 32) | BIT(VIRTIO_F_RING_RESET - 32);
	(void)virtio_register_driver(&test_bus, &driver);
	return 0;
}

static int teardown(void **state)
{
	if (vm.base)
		virtio_mmio_remove(&vm);
	virtio_unregister_driver(&test_bus, &driver);
	return port_host_teardown(state);
}

static int start(void)
{
	return virtio_mmio_probe(&test_bus, &vm, io.block, 0xa000000, sizeof(io.block), 48);
}

/* From here on the log is of what the test does. */
static void start_live(void)
{
	assert_int_equal(start(), 0);
	assert_int_equal(vm.vdev.state, VIRTIO_STATE_LIVE);
	io.count = 0;
}

static int add(void *token)
{
	static char memory[16];
	struct scatterlist sg;

	sg_init_one(&sg, memory, sizeof(memory));
	return virtqueue_add_outbuf(vq, &sg, 1, token, GFP_ATOMIC);
}

/* --- setting up ----------------------------------------------------------------------------------- */

/* 4.2.3.1.1#1, 4.2.3.1.1#2: first what it is, and of an empty slot nothing more. */
static void the_first_looks_are_at_magic_version_and_id(void **state)
{
	(void)state;
	io.reg[VIRTIO_MMIO_DEVICE_ID / 4] = 0;
	assert_int_equal(start(), -ENODEV);
	assert_int_equal(io.count, 3);
	assert_int_equal(io.log[0].reg, VIRTIO_MMIO_MAGIC_VALUE);
	assert_int_equal(io.log[1].reg, VIRTIO_MMIO_VERSION);
	assert_int_equal(io.log[2].reg, VIRTIO_MMIO_DEVICE_ID);
	for (unsigned int i = 0; i < 3; i++)
		assert_false(io.log[i].write);
}

/* 3.1.1#1, 3.1.1#3, 4.2.3.1.1#4, 4.2.2.2#7, 4.2.2.2#8 */
static void initialisation_keeps_its_order(void **state)
{
	unsigned int at;

	(void)state;
	assert_int_equal(start(), 0);
	at = after(0, true, VIRTIO_MMIO_STATUS, 0);
	at = after(at, false, VIRTIO_MMIO_STATUS, 0);
	at = after(at, true, VIRTIO_MMIO_STATUS, 0x01);
	at = after(at, true, VIRTIO_MMIO_STATUS, 0x03);
	at = after(at, true, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	at = after(at, false, VIRTIO_MMIO_DEVICE_FEATURES, 0);
	at = after(at, true, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	at = after(at, false, VIRTIO_MMIO_DEVICE_FEATURES, 0);
	at = after(at, true, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	at = after(at, true, VIRTIO_MMIO_DRIVER_FEATURES, ANY);
	at = after(at, true, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	at = after(at, true, VIRTIO_MMIO_DRIVER_FEATURES, ANY);
	at = after(at, true, VIRTIO_MMIO_STATUS, 0x0b);
	assert_int_equal(find(at, true, VIRTIO_MMIO_DRIVER_FEATURES, ANY), -1);
	at = after(at, false, VIRTIO_MMIO_STATUS, 0);
	at = after(at, true, VIRTIO_MMIO_QUEUE_READY, 1);
	at = after(at, true, VIRTIO_MMIO_STATUS, 0x0f);
}

/* 4.2.3.1.1#3 */
static void shared_memory_registers_are_never_used(void **state)
{
	(void)state;
	assert_int_equal(start(), 0);
	virtio_mmio_remove(&vm);
	for (unsigned int i = 0; i < io.count; i++)
		assert_false(io.log[i].reg >= 0x0ac && io.log[i].reg <= 0x0bc);
}

/* --- interrupts ------------------------------------------------------------------------------------ */

/* 4.2.3.4.1#1, 4.2.3.4.1#3, 4.2.2.2#12, 4.2.2.2#13 */
static void an_interrupt_is_looked_up_and_acknowledged(void **state)
{
	(void)state;
	start_live();
	io.reg[VIRTIO_MMIO_INTERRUPT_STATUS / 4] = 0xf5;
	assert_int_equal(virtio_mmio_interrupt(48, &vm), IRQ_HANDLED);
	assert_false(io.log[0].write);
	assert_int_equal(io.log[0].reg, VIRTIO_MMIO_INTERRUPT_STATUS);
	(void)after(0, true, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	assert_int_equal(io.reg[VIRTIO_MMIO_INTERRUPT_STATUS / 4], 0xf4);
	io.count = 0;
	assert_int_equal(virtio_mmio_interrupt(48, &vm), IRQ_NONE);
	assert_int_equal(find(0, true, VIRTIO_MMIO_INTERRUPT_ACK, ANY), -1);
}

/* --- stopping and resetting a queue ------------------------------------------------------------- */

/* 4.2.2.2#11: a queue that was set up, in a device that is not reset. */
static void a_queue_is_stopped_and_that_is_read_back(void **state)
{
	unsigned int at;

	(void)state;
	start_live();
	virtio_del_vqs(&vm.vdev);
	at = after(0, true, VIRTIO_MMIO_QUEUE_SEL, 0);
	at = after(at, true, VIRTIO_MMIO_QUEUE_READY, 0);
	(void)after(at, false, VIRTIO_MMIO_QUEUE_READY, 0);
	vm.vdev.driver = NULL; /* there is nothing left for it to free */
}

static unsigned int recycled;

static void recycle(struct virtqueue *queue, void *data)
{
	(void)queue;
	assert_non_null(data);
	assert_int_equal(io.reg[VIRTIO_MMIO_QUEUE_RESET / 4], 0);
	recycled++;
}

/* 2.6.1.1.2#1, 2.6.1.1.2#2, 4.2.2.2#14: a buffer comes back when the device has let go of it. */
static void a_queue_reset_is_over_when_the_device_says_so(void **state)
{
	(void)state;
	start_live();
	assert_int_equal(add(&vm), 0);
	io.reset_reads = 5;
	recycled = 0;
	assert_int_equal(virtqueue_reset(vq, recycle), 0);
	assert_int_equal(io.reset_reads, 0);
	assert_int_equal(recycled, 1);
	(void)after(0, true, VIRTIO_MMIO_QUEUE_RESET, 1);

	io.reset_reads = UINT32_MAX; /* and one that never ends gives nothing back */
	assert_int_equal(add(&vm), 0);
	assert_int_equal(virtqueue_reset(vq, recycle), -ETIMEDOUT);
	assert_int_equal(recycled, 1);
	assert_true(virtqueue_is_broken(vq));
}

/* 2.6.1.2.2#1, 4.2.2.2#15, 4.2.2.2#16, 4.2.2.2#9, 4.2.2.2#10: as at first, with another size. */
static void a_queue_is_enabled_again_as_it_was_at_first(void **state)
{
	static const unsigned int addresses[] = {
		VIRTIO_MMIO_QUEUE_DESC_LOW,   VIRTIO_MMIO_QUEUE_DESC_HIGH,
		VIRTIO_MMIO_QUEUE_DRIVER_LOW, VIRTIO_MMIO_QUEUE_DRIVER_HIGH,
		VIRTIO_MMIO_QUEUE_DEVICE_LOW, VIRTIO_MMIO_QUEUE_DEVICE_HIGH,
	};
	unsigned int reset, ready;

	(void)state;
	start_live();
	io.reset_reads = 2;
	assert_int_equal(virtqueue_resize(vq, 4, recycle), 0);
	reset = after(0, true, VIRTIO_MMIO_QUEUE_RESET, 1);
	(void)after(reset, true, VIRTIO_MMIO_QUEUE_SIZE, 4);
	ready = after(reset, true, VIRTIO_MMIO_QUEUE_READY, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++)
		assert_true(after(reset, true, addresses[i], ANY) < ready);
	assert_true(after(reset, true, VIRTIO_MMIO_QUEUE_SIZE, 4) < ready);
	assert_int_equal(find(0, true, VIRTIO_MMIO_QUEUE_SIZE, ANY) > (int)reset, 1);
	assert_int_equal(io.reg[VIRTIO_MMIO_QUEUE_DESC_LOW / 4],
			 (uint32_t)virtqueue_get_desc_addr(vq));
	assert_int_equal(virtqueue_resize(vq, 32, recycle), -EINVAL); /* above QueueSizeMax */
}

#define MMIO_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MMIO_TEST(the_first_looks_are_at_magic_version_and_id),
		MMIO_TEST(initialisation_keeps_its_order),
		MMIO_TEST(shared_memory_registers_are_never_used),
		MMIO_TEST(an_interrupt_is_looked_up_and_acknowledged),
		MMIO_TEST(a_queue_is_stopped_and_that_is_read_back),
		MMIO_TEST(a_queue_reset_is_over_when_the_device_says_so),
		MMIO_TEST(a_queue_is_enabled_again_as_it_was_at_first),
	};

	return cmocka_run_group_tests_name("requirements of mmio", tests, NULL, NULL);
}
