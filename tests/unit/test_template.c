/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports/template as it stands, in a hosted program: its table of slots, its port, and devices that are polled, or raise
 * their lines. The devices run whenever the bus is polled (the linker wraps that call).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arch/cpu.h>
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_rng.h"
#include "ports/template/template.h"
#include "tests/device/dma_test.h"
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"

#define IRQ 40

void __real_virtio_bus_poll(struct virtio_bus *bus);
void __wrap_virtio_bus_poll(struct virtio_bus *bus);

static bool polled;

void __wrap_virtio_bus_poll(struct virtio_bus *bus)
{
	refdev_pump();
	if (polled)
		__real_virtio_bus_poll(bus);
	else
		work_run(bus->work);
}

unsigned long irq_save(void)
{
	violation("interrupts are masked");
	return 0;
}

void irq_restore(unsigned long state)
{
	(void)state;
}

static irqreturn_t raised(int irq, void *arg)
{
	(void)irq;
	(void)arg;
	return template_interrupt(IRQ) ? IRQ_HANDLED : IRQ_NONE;
}

static struct refdev *disk, *source, *none;

/* A disk and an entropy source, behind an empty slot. */
static int begin(void **state)
{
	struct template_slot slots[3];
	struct refdev *devs[3];

	(void)state;
	violation_reset();
	dma_test_reset();
	dma_test_direct(true);
	devs[0] = none = refdev_new(NULL, 2, 0, 0);
	devs[1] = disk = refdev_blk_new(2, 16, 0);
	devs[2] = source = refdev_rng_new(2);
	for (unsigned int i = 0; i < 3; i++) {
		slots[i] = (struct template_slot){refdev_base(devs[i]), 0xa000000 + i * 0x200,
						  REFDEV_MMIO_SIZE, IRQ};
		refdev_connect(devs[i], polled ? NULL : raised, NULL);
	}
	assert_int_equal(template_start(slots, 3), 2);
	return 0;
}

static int end(void **state)
{
	(void)state;
	template_stop();
	refdev_free(none);
	refdev_free(disk);
	refdev_free(source);
	if (violation_count())
		print_error("%u rules broken, first: %s\n", violation_count(), violation_first());
	return violation_count() ? -1 : 0;
}

static int begin_polled(void **state)
{
	polled = true;
	return begin(state);
}

static int begin_interrupts(void **state)
{
	polled = false;
	return begin(state);
}

static void devices_of_the_table_work(void **state)
{
	static uint8_t out[1024], in[1024];
	struct virtio_blk *blk = virtio_blk_find(&template_bus, 0);
	uint8_t bytes[32] = {0}, zeroes[32] = {0};

	(void)state;
	memset(out, 0x3c, sizeof(out));
	assert_non_null(blk);
	assert_int_equal(virtio_blk_write(blk, 3, out, 2, NSEC_PER_SEC), 0);
	assert_int_equal(virtio_blk_read(blk, 3, in, 2, NSEC_PER_SEC), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(virtio_rng_read(virtio_rng_find(&template_bus, 0), bytes, sizeof(bytes),
					 NSEC_PER_SEC),
			 0);
	assert_memory_not_equal(bytes, zeroes, sizeof(bytes));
	assert_int_equal(disk->interrupts > 0, !polled);
}

static void a_silent_device_ends_in_a_timeout(void **state)
{
	uint8_t buf[512];
	uint64_t start = port_now_ns();

	(void)state;
	disk->hold = true;
	assert_int_equal(
		virtio_blk_read(virtio_blk_find(&template_bus, 0), 0, buf, 1, 20 * NSEC_PER_MSEC),
		-ETIMEDOUT);
	assert_in_range(port_now_ns() - start, 20 * NSEC_PER_MSEC, 5 * NSEC_PER_SEC);
}

static void a_line_of_nobody_is_not_ours(void **state)
{
	(void)state;
	assert_false(template_interrupt(IRQ + 1));
	assert_false(template_interrupt(IRQ));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(devices_of_the_table_work, begin_polled, end),
		cmocka_unit_test_setup_teardown(devices_of_the_table_work, begin_interrupts, end),
		cmocka_unit_test_setup_teardown(a_silent_device_ends_in_a_timeout, begin_polled,
						end),
		cmocka_unit_test_setup_teardown(a_line_of_nobody_is_not_ours, begin_interrupts,
						end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
