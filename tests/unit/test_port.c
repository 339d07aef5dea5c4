/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port contract's defaults, as somebody who embeds the library finds them: one thread, no interrupts, a static pool,
 * and of his own only the clock and port_idle(). Devices raise no line here at all; who does not look finds
 * nothing. With PORT_TEST_HEAP (test_port_heap.c) memory comes from a heap with poor alignment instead. The Makefile
 * compiles both once more for the amalgamation (build/host/dist_port*).
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
#include "tests/device/dma_test.h"
#include "tests/device/refdev_types.h"
#include "tests/device/violation.h"
#include "virtio/virtio_mmio.h"

#define SECTORS	   64u
#define TIMEOUT_NS (5 * NSEC_PER_SEC)
/* What a blocking call may take besides its timeout: the device's reset. */
#define SLACK_NS (100 * NSEC_PER_MSEC)

static struct virtio_bus bus;
static uint64_t clock_ns;
static unsigned int idle_calls;

/* --- what this embedder provides ------------------------------------------------------------- */

/* Time passes while somebody looks at it. */
uint64_t port_now_ns(void)
{
	return clock_ns += 1000;
}

void port_idle(void)
{
	idle_calls++;
	refdev_pump();
	virtio_bus_poll(&bus);
}

#ifdef PORT_TEST_HEAP
#define FENCE 0x5a
static size_t live;

/* As bad as the contract allows: alternately the start of a page, and 8 more. What lies before is not the library's. */
void *port_alloc(size_t size)
{
	char *memory = aligned_alloc(PAGE_SIZE, ALIGN_UP(size, PAGE_SIZE) + 2 * PAGE_SIZE);
	size_t offset = live++ % 2 ? PAGE_SIZE + 8 : PAGE_SIZE;

	assert_non_null(memory);
	memset(memory, FENCE, offset);
	memset(memory + offset, 0, size);
	return memory + offset;
}

void port_free(void *ptr)
{
	char *memory;

	if (!ptr)
		return;
	live--;
	memory = (char *)ALIGN_DOWN((uintptr_t)ptr - PAGE_SIZE, PAGE_SIZE);
	for (char *at = memory; at < (char *)ptr; at++)
		assert_int_equal(*at, FENCE);
	free(memory);
}

static size_t memory_in_use(void)
{
	return live;
}
#else
#ifndef VIRTIO_PORT_POOL_BYTES
VIRTIO_PORT_POOL(256 << 10);
#endif

static size_t memory_in_use(void)
{
	return virtio_port_pool_bytes - sizeof(void *) - virtio_port_pool_free();
}
#endif

/* The library masks no interrupts by itself: that is the lock's business, which is the port's. */
unsigned long irq_save(void)
{
	violation("interrupts are masked");
	return 0;
}

void irq_restore(unsigned long state)
{
	(void)state;
}

/* --- devices ---------------------------------------------------------------------------------- */

struct machine {
	struct refdev *dev;
	struct virtio_mmio_device vm;
};

static size_t in_use_before;

static int begin(void **state)
{
	(void)state;
	violation_reset();
	dma_test_reset();
	dma_test_direct(true);
	virtio_bus_init(&bus, NULL);
	assert_int_equal(virtio_blk_init(&bus), 0);
	assert_int_equal(virtio_rng_init(&bus), 0);
	in_use_before = memory_in_use();
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (memory_in_use() != in_use_before)
		violation("memory leaked");
	if (violation_count())
		print_error("%u rules broken, first: %s\n", violation_count(), violation_first());
	return violation_count() ? -1 : 0;
}

static void plug(struct machine *machine, struct virtio_bus *into, struct refdev *dev)
{
	memset(machine, 0, sizeof(*machine));
	machine->dev = dev;
	assert_int_equal(virtio_mmio_probe(into, &machine->vm, refdev_base(dev), 0xa000000,
					   REFDEV_MMIO_SIZE, -1),
			 0);
	assert_int_equal(machine->vm.vdev.state, VIRTIO_STATE_LIVE);
}

static void unplug(struct machine *machine)
{
	virtio_mmio_remove(&machine->vm);
	refdev_free(machine->dev);
}

static void poll(unsigned int times)
{
	while (times--)
		port_idle();
}

/* --- polling ---------------------------------------------------------------------------------- */

static void a_polled_disk_reads_what_was_written(void **state)
{
	static uint8_t out[8 * 512], in[8 * 512];
	struct machine disk;
	struct virtio_blk *blk;

	(void)state;
	plug(&disk, &bus, refdev_blk_new(2, SECTORS, 0));
	blk = virtio_blk_find(&bus, 0);
	assert_non_null(blk);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 512);
	assert_int_equal(virtio_blk_write(blk, 5, out, 8, TIMEOUT_NS), 0);
	assert_memory_equal(refdev_blk(disk.dev)->disk + 5 * 512, out, sizeof(out));
	assert_int_equal(virtio_blk_read(blk, 5, in, 8, TIMEOUT_NS), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_true(disk.dev->interrupts == 0);
	unplug(&disk);
}

static void random_bytes_come_without_interrupts(void **state)
{
	struct machine source;
	uint8_t bytes[1000] = {0};
	unsigned int zeroes = 0;

	(void)state;
	plug(&source, &bus, refdev_rng_new(2));
	assert_int_equal(
		virtio_rng_read(virtio_rng_find(&bus, 0), bytes, sizeof(bytes), TIMEOUT_NS), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		zeroes += bytes[i] == 0;
	assert_true(zeroes < 50);
	assert_true(refdev_rng(source.dev)->given >= sizeof(bytes));
	unplug(&source);
}

static void a_silent_disk_ends_in_a_timeout(void **state)
{
	static uint8_t buf[512];
	struct machine disk;
	struct virtio_blk *blk;
	uint64_t start;

	(void)state;
	plug(&disk, &bus, refdev_blk_new(2, SECTORS, 0));
	blk = virtio_blk_find(&bus, 0);
	disk.dev->hold = true;
	start = clock_ns;
	assert_int_equal(virtio_blk_read(blk, 0, buf, 1, TIMEOUT_NS), -ETIMEDOUT);
	assert_in_range(clock_ns - start, TIMEOUT_NS, TIMEOUT_NS + SLACK_NS);
	disk.dev->hold = false;
	assert_int_equal(virtio_blk_read(blk, 0, buf, 1, TIMEOUT_NS), 0);
	unplug(&disk);
}

static void a_new_capacity_and_a_failure_are_noticed_by_polling(void **state)
{
	static const uint64_t capacity = SECTORS / 2;
	struct virtio_blk_info info;
	struct machine disk;

	(void)state;
	plug(&disk, &bus, refdev_blk_new(2, SECTORS, 0));
	refdev_config_change(disk.dev, 0, &capacity, sizeof(capacity));
	poll(100);
	virtio_blk_get_info(virtio_blk_find(&bus, 0), &info);
	assert_int_equal(info.capacity_sectors, capacity);
	refdev_needs_reset(disk.dev);
	poll(200);
	assert_int_equal(disk.vm.vdev.recoveries, 1);
	assert_int_equal(disk.vm.vdev.state, VIRTIO_STATE_LIVE);
	unplug(&disk);
}

/* A look that finds nothing is no interrupt that found nothing. */
static void idle_polls_count_for_nothing(void **state)
{
	struct machine source;
	struct virtqueue *vq;

	(void)state;
	plug(&source, &bus, refdev_rng_new(2));
	poll(500);
	vq = list_entry(source.vm.vdev.vqs.next, struct virtqueue, list);
	assert_int_equal(virtqueue_get_stats(vq).spurious, 0);
	assert_int_equal(virtqueue_get_stats(vq).interrupts, 0);
	unplug(&source);
}

static void instances_know_nothing_of_each_other(void **state)
{
	struct virtio_bus other;
	struct machine mine, theirs;
	uint8_t byte;

	(void)state;
	virtio_bus_init(&other, NULL);
	assert_int_equal(virtio_rng_init(&other), 0);
	plug(&mine, &bus, refdev_rng_new(2));
	plug(&theirs, &other, refdev_rng_new(2));
	assert_ptr_not_equal(bus.work, other.work);
	assert_ptr_equal(virtio_rng_device(virtio_rng_find(&bus, 0)), &mine.vm.vdev);
	assert_ptr_equal(virtio_rng_device(virtio_rng_find(&other, 0)), &theirs.vm.vdev);
	assert_null(virtio_rng_find(&other, 1));
	/* port_idle() polls the first alone. */
	assert_int_equal(virtio_rng_read(virtio_rng_find(&other, 0), &byte, 1, NSEC_PER_SEC),
			 -ETIMEDOUT);
	assert_int_equal(virtio_rng_read(virtio_rng_find(&bus, 0), &byte, 1, NSEC_PER_SEC), 0);
	unplug(&theirs);
	unplug(&mine);
}

/* --- events and time --------------------------------------------------------------------------- */

static void a_signal_before_the_wait_is_kept_and_taken_once(void **state)
{
	struct port_event event;
	uint64_t start;

	(void)state;
	memset(&event, 0xff, sizeof(event));
	port_event_init(&event);
	assert_int_equal(port_event_wait(&event, 0), -ETIMEDOUT);
	port_event_signal(&event);
	port_event_signal(&event);
	idle_calls = 0;
	assert_int_equal(port_event_wait(&event, UINT64_MAX), 0);
	assert_int_equal(idle_calls, 0);
	start = clock_ns;
	assert_int_equal(port_event_wait(&event, NSEC_PER_MSEC), -ETIMEDOUT);
	assert_in_range(clock_ns - start, NSEC_PER_MSEC, 2 * NSEC_PER_MSEC);
	idle_calls = 0;
	assert_int_equal(port_event_wait(&event, 0), -ETIMEDOUT);
	assert_int_equal(idle_calls, 1);
}

static void a_delay_is_no_shorter_than_asked_for(void **state)
{
	uint64_t start = clock_ns;

	(void)state;
	port_delay_ns(NSEC_PER_MSEC);
	assert_in_range(clock_ns - start, NSEC_PER_MSEC, NSEC_PER_MSEC + 10000);
}

/* --- memory ------------------------------------------------------------------------------------ */

static void pages_are_aligned_zeroed_and_given_back(void **state)
{
	char *pages[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		pages[i] = port_alloc_pages(4096 * (i + 1));
		assert_non_null(pages[i]);
		assert_int_equal((uintptr_t)pages[i] % PAGE_SIZE, 0);
		for (size_t at = 0; at < 4096 * (i + 1); at++)
			assert_int_equal(pages[i][at], 0);
		memset(pages[i], 0xa5, 4096 * (i + 1));
	}
	assert_null(port_alloc_pages(SIZE_MAX - 100));
	for (size_t i = 0; i < 4; i++)
		port_free_pages(pages[i], 4096 * (i + 1));
	port_free_pages(NULL, 4096);
	port_free(NULL);
}

#ifndef PORT_TEST_HEAP
static void a_full_pool_says_so_and_recovers(void **state)
{
	size_t all = virtio_port_pool_largest(), left;
	void *memory = port_alloc(all);

	(void)state;
	assert_non_null(memory);
	assert_null(port_alloc(1));
	assert_null(port_alloc_pages(1));
	assert_int_equal(virtio_port_pool_free(), 0);
	port_free(memory);
	assert_int_equal(virtio_port_pool_largest(), all);
	assert_null(port_alloc(all + 1));
	assert_null(port_alloc(0));
	assert_null(port_alloc(SIZE_MAX));
	/* A disk that does not fit: the probe fails, and nothing is lost. */
	memory = port_alloc(all - 8192);
	left = virtio_port_pool_free();
	{
		struct machine disk = {.dev = refdev_blk_new(2, SECTORS, 0)};

		assert_int_equal(virtio_mmio_probe(&bus, &disk.vm, refdev_base(disk.dev), 0xa000000,
						   REFDEV_MMIO_SIZE, -1),
				 0);
		assert_int_equal(disk.vm.vdev.state, VIRTIO_STATE_FAILED);
		assert_int_equal(disk.vm.vdev.error, -ENOMEM);
		unplug(&disk);
	}
	assert_int_equal(virtio_port_pool_free(), left);
	port_free(memory);
}

/* Blocks neither overlap nor forget what was written to them, in whatever order they come and go. */
static void the_pool_keeps_blocks_apart(void **state)
{
	static struct {
		uint8_t *memory;
		size_t size;
	} blocks[40];
	uint32_t random = 1;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int i = (random >> 8) % 40;

		random = random * 1664525u + 1013904223u;
		if (blocks[i].memory) {
			for (size_t at = 0; at < blocks[i].size; at++)
				assert_int_equal(blocks[i].memory[at], (uint8_t)i);
			port_free(blocks[i].memory);
			blocks[i].memory = NULL;
			continue;
		}
		blocks[i].size = 1 + (random >> 8) % 9000;
		blocks[i].memory = random & 0x80 ? port_alloc(blocks[i].size)
						 : port_alloc_pages(blocks[i].size);
		if (!blocks[i].memory)
			continue;
		assert_int_equal((uintptr_t)blocks[i].memory % (random & 0x80 ? 64 : 4096), 0);
		for (size_t at = 0; at < blocks[i].size; at++)
			assert_int_equal(blocks[i].memory[at], 0);
		memset(blocks[i].memory, (int)i, blocks[i].size);
	}
	for (unsigned int i = 0; i < 40; i++)
		port_free(blocks[i].memory);
}
#endif

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_polled_disk_reads_what_was_written),
		TEST(random_bytes_come_without_interrupts),
		TEST(a_silent_disk_ends_in_a_timeout),
		TEST(a_new_capacity_and_a_failure_are_noticed_by_polling),
		TEST(idle_polls_count_for_nothing),
		TEST(instances_know_nothing_of_each_other),
		TEST(a_signal_before_the_wait_is_kept_and_taken_once),
		TEST(a_delay_is_no_shorter_than_asked_for),
		TEST(pages_are_aligned_zeroed_and_given_back),
#ifndef PORT_TEST_HEAP
		TEST(a_full_pool_says_so_and_recovers),
		TEST(the_pool_keeps_blocks_apart),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
