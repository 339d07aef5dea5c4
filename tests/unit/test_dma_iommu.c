/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMA backend behind an IOMMU that faults strictly: what a device can reach while a buffer is mapped, and
 * afterwards; partial pages; exhaustion and failures; the confined mode; random use against a model; and
 * a disk that works through it.
 */
#include "tests/unit/rig.h"
#include "tests/device/encryption.h"
#include "tests/device/sim_iommu.h"
#include "drivers/virtio/virtio_blk.h"
#include "lib/dma_iommu.h"
#include "lib/dma_shared.h"
#include "lib/pages.h"
#include "lib/swiotlb.h"

#define STREAM	     8u
#define WINDOW	     0x40000000ull
#define WINDOW_PAGES 256u
#define BOUNCE_PAGES 16u

static const struct dma_iommu_config config = {
	.window = WINDOW, .window_pages = WINDOW_PAGES, .bounce_pages = BOUNCE_PAGES};
static struct device dev;
static char buffer[64 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct {
	struct device *dev;
	unsigned int calls;
} told;

static void on_fault(struct device *device, const struct iommu_fault *fault)
{
	(void)fault;
	told.dev = device;
	told.calls++;
}

static int bare_setup(void **state)
{
	memset(&dev, 0, sizeof(dev));
	strcpy(dev.name, "device");
	memset(&told, 0, sizeof(told));
	iommu_set_fault_handler(on_fault);
	encryption_reset();
	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (char)(i * 7 + i / PAGE_SIZE);
	return port_host_setup(state);
}

static int setup(void **state)
{
	int err = bare_setup(state);

	return err ? err : dma_iommu_attach(&dev, sim_iommu(), STREAM, &config);
}

static int bare_teardown(void **state)
{
	sim_iommu_reset();
	return port_host_teardown(state);
}

static struct dma_iommu_stats stats_of(const struct device *device)
{
	struct dma_iommu_stats stats;

	assert_true(dma_iommu_get_stats(device, &stats));
	return stats;
}

/* Nothing may be left mapped. */
static int teardown(void **state)
{
	struct dma_iommu_stats stats = stats_of(&dev);

	if (stats.used_pages || stats.used_bounce_pages || stats.mistakes || stats.lost) {
		print_error("%u pages, %u stand-ins, %lu mistakes, %lu lost\n", stats.used_pages,
			    stats.used_bounce_pages, stats.mistakes, stats.lost);
		return -1;
	}
	if (dma_iommu_detach(&dev))
		return -1;
	return bare_teardown(state);
}

static dma_addr_t map(void *ptr, size_t size, enum dma_data_direction dir)
{
	dma_addr_t addr = dma_map_single(&dev, ptr, size, dir);

	assert_false(dma_mapping_error(&dev, addr));
	assert_true(addr >= WINDOW && addr + size <= WINDOW + WINDOW_PAGES * PAGE_SIZE);
	return addr;
}

static bool device_reads(dma_addr_t addr, void *to, size_t size)
{
	return sim_iommu_read(STREAM, addr, to, size);
}

static bool device_writes(dma_addr_t addr, const void *from, size_t size)
{
	return sim_iommu_write(STREAM, addr, from, size);
}

static void expect_fault(dma_addr_t addr, bool write, enum iommu_fault_kind kind)
{
	unsigned int calls = told.calls;
	char byte = 0;

	assert_false(write ? device_writes(addr, &byte, 1) : device_reads(addr, &byte, 1));
	assert_int_equal(told.calls, calls + 1);
	assert_ptr_equal(told.dev, &dev);
	assert_int_equal(sim_iommu_fault()->kind, kind);
	assert_true(sim_iommu_fault()->addr == addr);
}

/* --- what a device reaches ------------------------------------------------------------------- */

static void a_buffer_is_seen_while_it_is_mapped_and_not_longer(void **state)
{
	char seen[PAGE_SIZE];
	dma_addr_t addr = map(buffer + PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);

	(void)state;
	assert_true(device_reads(addr, seen, PAGE_SIZE));
	assert_memory_equal(seen, buffer + PAGE_SIZE, PAGE_SIZE);
	expect_fault(addr + PAGE_SIZE, false, IOMMU_FAULT_UNMAPPED);
	expect_fault(addr - 1, false, IOMMU_FAULT_UNMAPPED);
	expect_fault(0, false, IOMMU_FAULT_UNMAPPED);
	expect_fault((uintptr_t)buffer, false, IOMMU_FAULT_UNMAPPED);
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	expect_fault(addr, false, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(sim_iommu_pages(), 0);
	assert_int_equal(iommu_faults_of(&dev), 5);
}

static void directions_are_permissions(void **state)
{
	const size_t sizes[] = {PAGE_SIZE, 100, 3 * PAGE_SIZE + 5};
	char byte;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		dma_addr_t in = map(buffer, sizes[i], DMA_TO_DEVICE);
		dma_addr_t out = map(buffer + 8 * PAGE_SIZE, sizes[i], DMA_FROM_DEVICE);
		dma_addr_t both = map(buffer + 16 * PAGE_SIZE, sizes[i], DMA_BIDIRECTIONAL);

		expect_fault(in, true, IOMMU_FAULT_PERMISSION);
		expect_fault(in + sizes[i] - 1, true, IOMMU_FAULT_PERMISSION);
		expect_fault(out, false, IOMMU_FAULT_PERMISSION);
		expect_fault(out + sizes[i] - 1, false, IOMMU_FAULT_PERMISSION);
		assert_true(device_reads(in, &byte, 1) && device_writes(out, "x", 1));
		assert_true(device_reads(both, &byte, 1) && device_writes(both, "x", 1));
		dma_unmap_single(&dev, in, sizes[i], DMA_TO_DEVICE);
		dma_unmap_single(&dev, out, sizes[i], DMA_FROM_DEVICE);
		dma_unmap_single(&dev, both, sizes[i], DMA_BIDIRECTIONAL);
		assert_int_equal(buffer[8 * PAGE_SIZE], 'x');
		assert_int_equal(buffer[16 * PAGE_SIZE], 'x');
	}
}

static void another_stream_sees_nothing(void **state)
{
	static struct device other = {.name = "other"};
	dma_addr_t addr = map(buffer, PAGE_SIZE, DMA_BIDIRECTIONAL);
	char byte;

	(void)state;
	assert_false(sim_iommu_read(STREAM + 1, addr, &byte, 1));
	assert_int_equal(sim_iommu_fault()->kind, IOMMU_FAULT_STREAM);
	assert_null(told.dev);
	assert_int_equal(dma_iommu_attach(&other, sim_iommu(), STREAM + 1, &config), 0);
	assert_false(sim_iommu_read(STREAM + 1, addr, &byte, 1));
	assert_int_equal(sim_iommu_fault()->kind, IOMMU_FAULT_UNMAPPED);
	assert_ptr_equal(told.dev, &other);
	assert_int_equal(dma_iommu_detach(&other), 0);
	assert_false(sim_iommu_read(STREAM + 1, addr, &byte, 1));
	assert_int_equal(sim_iommu_fault()->kind, IOMMU_FAULT_STREAM);
	dma_unmap_single(&dev, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
}

/* --- partial pages --------------------------------------------------------------------------- */

/* All offsets and lengths around the ends of pages: the data arrive both ways, and no byte beside them is to be
 * seen or written. */
static void no_neighbour_is_seen_or_written(void **state)
{
	static const size_t offsets[] = {0, 1, 63, 64, 2000, 4032, 4095};
	static const size_t sizes[] = {1,    2,	   64,	 100,  2096, 4033, 4095,
				       4096, 4097, 5000, 8191, 8192, 8193, 12289};
	static char before[sizeof(buffer)], seen[sizeof(buffer)], answer[sizeof(buffer)];

	(void)state;
	sim_iommu_set_readable(true); /* as an SMMU has it */
	memset(answer, 0x3c, sizeof(answer));
	memcpy(before, buffer, sizeof(before));
	for (unsigned int o = 0; o < ARRAY_SIZE(offsets); o++) {
		for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++) {
			char *ptr = buffer + PAGE_SIZE + offsets[o];
			const size_t size = sizes[s];
			dma_addr_t addr = map(ptr, size, DMA_BIDIRECTIONAL);
			uint64_t start = ALIGN_DOWN(addr, PAGE_SIZE);
			uint64_t end = ALIGN_UP(addr + size, PAGE_SIZE);

			assert_int_equal(addr % 64, (uintptr_t)ptr % 64);
			assert_true(device_reads(addr, seen, size));
			assert_memory_equal(seen, ptr, size);
			/* It writes wherever it can. */
			expect_fault(start - 1, true, IOMMU_FAULT_UNMAPPED);
			expect_fault(end, true, IOMMU_FAULT_UNMAPPED);
			assert_true(device_writes(start, answer, (size_t)(end - start)));
			dma_unmap_single(&dev, addr, size, DMA_BIDIRECTIONAL);
			assert_memory_equal(ptr, answer, size);
			memcpy(ptr, before + (ptr - buffer), size);
			assert_memory_equal(buffer, before, sizeof(before));
		}
	}
	assert_int_equal(sim_iommu_pages(), 0);
}

static void what_a_device_does_not_write_is_no_old_data(void **state)
{
	char secret[100], seen[PAGE_SIZE];
	dma_addr_t addr;

	(void)state;
	memset(secret, 's', sizeof(secret));
	sim_iommu_set_readable(true);
	addr = map(secret, sizeof(secret), DMA_FROM_DEVICE);
	assert_true(device_reads(ALIGN_DOWN(addr, PAGE_SIZE), seen, PAGE_SIZE));
	assert_null(memchr(seen, 's', PAGE_SIZE));
	dma_unmap_single(&dev, addr, sizeof(secret), DMA_FROM_DEVICE);
	for (size_t i = 0; i < sizeof(secret); i++)
		assert_int_equal((uint8_t)secret[i], IO_TLB_FILL);
}

static void a_part_is_synchronised_alone(void **state)
{
	const size_t size = 3 * PAGE_SIZE;
	char *ptr = buffer + 100, seen[200];
	dma_addr_t addr = map(ptr, size, DMA_BIDIRECTIONAL);

	(void)state;
	memset(ptr, 'a', size);
	assert_true(device_reads(addr + 10, seen, 10));
	assert_int_not_equal(seen[0], 'a'); /* a stand-in, not synchronised yet */
	dma_sync_single_for_device(&dev, addr + 10, 5, DMA_BIDIRECTIONAL);
	assert_true(device_reads(addr + 10, seen, 10));
	assert_memory_equal(seen, "aaaaa", 5);
	assert_int_not_equal(seen[5], 'a');
	assert_true(device_writes(addr, "bbbbbbbbbb", 10));
	assert_true(device_writes(addr + size - 10, "cccccccccc", 10));
	dma_sync_single_for_cpu(&dev, addr + 2, size - 4, DMA_BIDIRECTIONAL);
	assert_memory_equal(ptr, "aabbbbbbbb", 10);
	assert_memory_equal(ptr + size - 10, "ccccccccaa", 10);
	dma_sync_single_for_cpu(&dev, addr, size, DMA_TO_DEVICE); /* not in this direction */
	assert_memory_equal(ptr, "aa", 2);
	dma_unmap_single(&dev, addr, size, DMA_BIDIRECTIONAL);
	assert_memory_equal(ptr, "bb", 2);
	assert_memory_equal(ptr + size - 2, "cc", 2);
}

/* --- lists and coherent memory ---------------------------------------------------------------- */

static void lists_are_mapped_whole_or_not_at_all(void **state)
{
	struct scatterlist sg[4];
	char seen[10];

	(void)state;
	sg_init_table(sg, 4);
	for (unsigned int i = 0; i < 4; i++)
		sg_set_buf(&sg[i], buffer + 5000 * i, 4500);
	for (unsigned int nth = 1; nth <= 8; nth++) {
		sim_iommu_fail_map(nth);
		assert_int_equal(dma_map_sg(&dev, sg, 4, DMA_TO_DEVICE), 0);
		assert_int_equal(sim_iommu_pages(), 0);
		assert_int_equal(stats_of(&dev).used_pages, 0);
	}
	sim_iommu_fail_map(0);
	assert_int_equal(dma_map_sg(&dev, sg, 4, DMA_TO_DEVICE), 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(device_reads(sg[i].dma_address + 4490, seen, 10));
		assert_memory_equal(seen, buffer + 5000 * i + 4490, 10);
	}
	dma_unmap_sg(&dev, sg, 4, DMA_TO_DEVICE);
	assert_int_equal(sim_iommu_pages(), 0);
}

static void coherent_memory_is_mapped_until_it_is_freed(void **state)
{
	char seen[6];
	dma_addr_t handle;
	char *p = dma_alloc_coherent(&dev, 5000, &handle, GFP_KERNEL);

	(void)state;
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % PAGE_SIZE, 0);
	assert_true(device_writes(handle + 4998, "ab", 2));
	assert_memory_equal(p + 4998, "ab", 2);
	strcpy(p, "ring");
	assert_true(device_reads(handle, seen, 5));
	assert_string_equal(seen, "ring");
	assert_null(dma_alloc_coherent(&dev, 1, &handle, GFP_ATOMIC));
	dma_free_coherent(&dev, 5000, p, handle);
	expect_fault(handle, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(sim_iommu_pages(), 0);
}

/* --- limits, exhaustion, failures --------------------------------------------------------------- */

static void a_full_window_refuses_and_recovers(void **state)
{
	dma_addr_t addrs[WINDOW_PAGES / 64], rest;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(addrs); i++)
		addrs[i] = map(buffer, 64 * PAGE_SIZE, DMA_TO_DEVICE);
	rest = dma_map_single(&dev, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&dev, rest));
	assert_int_equal(stats_of(&dev).exhausted, 1);
	dma_unmap_single(&dev, addrs[2], 64 * PAGE_SIZE, DMA_TO_DEVICE);
	rest = map(buffer, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, rest, PAGE_SIZE, DMA_TO_DEVICE);
	for (unsigned int i = 0; i < ARRAY_SIZE(addrs); i++) {
		if (i != 2)
			dma_unmap_single(&dev, addrs[i], 64 * PAGE_SIZE, DMA_TO_DEVICE);
	}
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, SIZE_MAX, DMA_TO_DEVICE)));
	assert_true(dma_max_mapping_size(&dev) == (WINDOW_PAGES / 4 - 1) * PAGE_SIZE);
	assert_true(dma_mapping_capacity(&dev) == 2 * BOUNCE_PAGES * PAGE_SIZE);
}

static void without_stand_ins_short_buffers_are_refused(void **state)
{
	dma_addr_t addrs[BOUNCE_PAGES];

	(void)state;
	for (unsigned int i = 0; i + 1 < BOUNCE_PAGES; i++)
		addrs[i] = map(buffer + i, 1, DMA_TO_DEVICE);
	/* Two are needed, one is left: none is taken, and no addresses either. */
	assert_true(dma_mapping_error(
		&dev, dma_map_single(&dev, buffer + 1, 2 * PAGE_SIZE, DMA_TO_DEVICE)));
	assert_int_equal(stats_of(&dev).used_pages, BOUNCE_PAGES - 1);
	addrs[BOUNCE_PAGES - 1] = map(buffer + 5, 1, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	for (unsigned int i = 0; i < BOUNCE_PAGES; i++)
		dma_unmap_single(&dev, addrs[i], 1, DMA_TO_DEVICE);
}

static void the_devices_mask_is_kept(void **state)
{
	dma_addr_t addr;

	(void)state;
	dev.dma_mask = WINDOW + 2 * PAGE_SIZE - 1;
	addr = map(buffer, 2 * PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	dma_unmap_single(&dev, addr, 2 * PAGE_SIZE, DMA_TO_DEVICE);
	dev.dma_mask = 0;
}

/* Where the IOMMU does not forget, neither addresses nor stand-ins are used again, and coherent pages are not
 * given back; the driver gets its data all the same. */
static void what_cannot_be_unmapped_is_never_used_again(void **state)
{
	char buf[10];
	dma_addr_t addr, next, handle;
	struct dma_iommu_stats stats;
	void *ring;

	(void)state;
	addr = map(buf, sizeof(buf), DMA_FROM_DEVICE);
	assert_true(device_writes(addr, "0123456789", 10));
	sim_iommu_fail_unmap(1);
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_FROM_DEVICE);
	assert_memory_equal(buf, "0123456789", 10);
	ring = dma_alloc_coherent(&dev, PAGE_SIZE, &handle, GFP_KERNEL);
	sim_iommu_fail_unmap(1);
	dma_free_coherent(&dev, PAGE_SIZE, ring, handle);
	memset(ring, 1, PAGE_SIZE); /* not freed: ASan would tell */
	for (unsigned int i = 0; i < 4; i++) {
		next = map(buf, sizeof(buf), DMA_FROM_DEVICE);
		assert_true(ALIGN_DOWN(next, PAGE_SIZE) != ALIGN_DOWN(addr, PAGE_SIZE));
		assert_true(ALIGN_DOWN(next, PAGE_SIZE) != handle);
		dma_unmap_single(&dev, next, sizeof(buf), DMA_FROM_DEVICE);
	}
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_FROM_DEVICE); /* no second time */
	stats = stats_of(&dev);
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.mistakes, 1);
	assert_int_equal(stats.used_pages, 2);
	assert_int_equal(stats.used_bounce_pages, 1);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	free_pages_exact(ring, PAGE_SIZE);
}

/* The IOMMU does not say whether it has mapped it: as above. */
static void what_may_be_mapped_is_never_used_again(void **state)
{
	char buf[10];
	dma_addr_t next, handle;
	struct dma_iommu_stats stats;
	char *ring;

	(void)state;
	sim_iommu_lose_map(1);
	next = dma_map_single(&dev, buf, sizeof(buf), DMA_FROM_DEVICE);
	assert_true(dma_mapping_error(&dev, next));
	assert_int_equal(sim_iommu_pages(), 1);
	sim_iommu_lose_map(1);
	assert_null(dma_alloc_coherent(&dev, PAGE_SIZE, &handle, GFP_KERNEL));
	ring = sim_iommu_access(STREAM, WINDOW + PAGE_SIZE, PAGE_SIZE, true);
	assert_non_null(ring);
	memset(ring, 1, PAGE_SIZE); /* not freed: ASan would tell */
	/* The last page of a buffer, of which the others are unmapped then. */
	sim_iommu_lose_map(3);
	next = dma_map_single(&dev, buffer + 1, 3 * PAGE_SIZE, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(&dev, next));
	assert_int_equal(sim_iommu_pages(), 3);
	for (unsigned int i = 0; i < 4; i++) {
		next = map(buf, sizeof(buf), DMA_FROM_DEVICE);
		assert_int_equal((next - WINDOW) / PAGE_SIZE, 2); /* 0, 1 and 4 to 7 are lost */
		dma_unmap_single(&dev, next, sizeof(buf), DMA_FROM_DEVICE);
	}
	stats = stats_of(&dev);
	assert_int_equal(stats.lost, 3);
	assert_int_equal(stats.used_pages, 6);
	assert_int_equal(stats.used_bounce_pages, 3);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	free_pages_exact(ring, PAGE_SIZE);
}

static void mistakes_are_counted_and_change_nothing(void **state)
{
	struct dma_iommu_stats stats;
	char *ptr = buffer + 1;
	dma_addr_t addr = map(ptr, 2 * PAGE_SIZE, DMA_TO_DEVICE);
	char old = *ptr;

	(void)state;
	dma_unmap_single(&dev, addr + PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE); /* its middle */
	dma_unmap_single(&dev, addr - 1, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, addr + 64 * PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, 0x1000, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, UINT64_MAX - 1, PAGE_SIZE, DMA_TO_DEVICE);
	dma_free_coherent(&dev, 2 * PAGE_SIZE, ptr, addr);
	dma_sync_single_for_cpu(&dev, addr, 2 * PAGE_SIZE + 1, DMA_FROM_DEVICE);
	assert_int_equal(sim_iommu_pages(), 3);
	assert_int_equal(stats_of(&dev).mistakes, 7);
	/* A wrong direction brings nothing back that the device could not have written. */
	dma_unmap_single(&dev, addr, 2 * PAGE_SIZE, DMA_FROM_DEVICE);
	assert_int_equal(*ptr, old);
	dma_unmap_single(&dev, addr, 2 * PAGE_SIZE, DMA_TO_DEVICE);
	stats = stats_of(&dev);
	assert_int_equal(stats.mistakes, 9);
	assert_int_equal(stats.used_pages, 0);
	assert_int_equal(sim_iommu_pages(), 0);
	assert_int_equal(dma_iommu_detach(&dev), 0);
}

/* --- domains --------------------------------------------------------------------------------- */

static void a_setup_that_fails_leaves_nothing(void **state)
{
	unsigned int nth;
	struct dma_iommu_config bad = config;

	(void)state;
	for (nth = 1; nth < 20; nth++) {
		sim_iommu_fail_setup(nth);
		if (!dma_iommu_attach(&dev, sim_iommu(), STREAM, &config))
			break;
		assert_null(dev.dma_ops);
		assert_null(iommu_domain_of(&dev));
	}
	sim_iommu_fail_setup(0);
	assert_int_equal(nth, 4); /* a domain, its window, the stream */
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &config), -EBUSY);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), 1000, &config), -ERANGE);
	bad.bounce_pages = 0;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &bad), -EINVAL);
	bad = config;
	bad.window = 0;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &bad), -EINVAL);
	bad.window = BIT_ULL(48) - PAGE_SIZE;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &bad), -ERANGE);
}

/* Functions behind a conventional bridge come as one stream: they share a domain, and its last one ends it. */
static void devices_of_one_stream_share_a_domain(void **state)
{
	static struct device other = {.name = "other"};
	dma_addr_t addr;

	(void)state;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &config), 0);
	assert_int_equal(dma_iommu_attach(&other, sim_iommu(), STREAM, &config), 0);
	assert_ptr_equal(iommu_domain_of(&dev), iommu_domain_of(&other));
	assert_int_equal(iommu_confine(sim_iommu(), STREAM, &dev), -EBUSY);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	addr = dma_map_single(&other, buffer, 10, DMA_TO_DEVICE);
	assert_true(addr >= WINDOW && addr < WINDOW + WINDOW_PAGES * PAGE_SIZE);
	dma_unmap_single(&other, addr, 10, DMA_TO_DEVICE);
	assert_int_equal(dma_iommu_detach(&other), 0);
	assert_int_equal(dma_iommu_detach(&other), -ETIMEDOUT); /* it has none */
	iommu_domain_free(sim_iommu()->confined);
	sim_iommu()->confined = NULL;
}

/* Nobody knows which of them it was, so each is told, once. */
static void a_fault_of_a_shared_stream_is_that_of_each_device(void **state)
{
	static struct device other = {.name = "other"}, third = {.name = "third"};
	char byte = 0;

	(void)state;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &config), 0);
	assert_int_equal(dma_iommu_attach(&third, sim_iommu(), STREAM + 1, &config), 0);
	assert_int_equal(dma_iommu_attach(&other, sim_iommu(), STREAM, &config), 0);
	expect_fault(WINDOW, true, IOMMU_FAULT_UNMAPPED); /* one call of the handler */
	assert_true(dma_faulted(&other));
	assert_false(dma_faulted(&other));
	assert_true(dma_faulted(&dev));
	assert_false(dma_faulted(&third));
	assert_int_equal(iommu_faults_of(&dev), 1);
	assert_int_equal(iommu_faults_of(&other), 1);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	assert_false(sim_iommu_write(STREAM, WINDOW, &byte, 1));
	assert_int_equal(iommu_faults_of(&other), 2);
	assert_int_equal(dma_iommu_detach(&other), 0);
	assert_int_equal(dma_iommu_detach(&third), 0);
}

/* A doorbell can be written in every domain, whether it or the domain was there first, and in no window. */
static void doorbells_are_mapped_everywhere(void **state)
{
	static char bell[2 * PAGE_SIZE] __attribute__((aligned(4096)));
	struct dma_iommu_config over = config;
	dma_addr_t addr = (uintptr_t)bell;
	char byte;

	(void)state;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &config), 0);
	expect_fault(addr, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(iommu_add_doorbell(addr + 0x40, 4), 0);
	assert_int_equal(iommu_add_doorbell(addr + 0x80, 4), 0); /* the same page */
	assert_true(device_writes(addr + 0x40, "ding", 4));
	assert_memory_equal(bell + 0x40, "ding", 4);
	assert_false(device_reads(addr, &byte, 1));
	expect_fault(addr + PAGE_SIZE, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(dma_iommu_detach(&dev), 0);
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &config), 0);
	assert_true(device_writes(addr, "dong", 4));
	assert_int_equal(dma_iommu_detach(&dev), 0);
	over.window = addr - PAGE_SIZE;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &over), -EINVAL);
}

/* One that a domain does not take is not known: it is tried again, everywhere. */
static void a_doorbell_that_fails_is_in_no_domain(void **state)
{
	static char bell[PAGE_SIZE] __attribute__((aligned(4096)));
	static struct device other = {.name = "other"};
	unsigned int pages;

	(void)state;
	assert_int_equal(dma_iommu_attach(&dev, sim_iommu(), STREAM, &config), 0);
	assert_int_equal(dma_iommu_attach(&other, sim_iommu(), STREAM + 1, &config), 0);
	pages = sim_iommu_pages();
	for (unsigned int nth = 1; nth <= 2; nth++) {
		sim_iommu_fail_map(nth);
		assert_int_equal(iommu_add_doorbell((uintptr_t)bell, 4), -ENOMEM);
		assert_int_equal(sim_iommu_pages(), pages);
		assert_false(iommu_has_doorbell((uintptr_t)bell, PAGE_SIZE));
	}
	assert_int_equal(iommu_add_doorbell((uintptr_t)bell, 4), 0);
	assert_true(device_writes((uintptr_t)bell, "ding", 4));
	assert_true(sim_iommu_write(STREAM + 1, (uintptr_t)bell, "dong", 4));
	assert_int_equal(dma_iommu_detach(&dev), 0);
	assert_int_equal(dma_iommu_detach(&other), 0);
}

static void a_bypassed_device_sees_everything(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(iommu_bypass(sim_iommu(), STREAM, &dev), 0);
	assert_true(device_reads((uintptr_t)buffer, &byte, 1));
	assert_ptr_equal(iommu_detach(&dev), sim_iommu()->bypass);
	assert_false(device_reads((uintptr_t)buffer, &byte, 1));
	iommu_domain_free(sim_iommu()->bypass);
	sim_iommu()->bypass = NULL;
}

/* --- the confined mode ------------------------------------------------------------------------- */

static void end_confined(void)
{
	iommu_domain_free(sim_iommu()->confined);
	sim_iommu()->confined = NULL;
}

/* What was shared before the device came, and after, until it is taken back; and nothing else. */
static void a_confined_device_sees_what_is_shared(void **state)
{
	char *pages = alloc_pages_exact(4 * PAGE_SIZE);
	char byte;

	(void)state;
	assert_int_equal(set_memory_decrypted(pages, PAGE_SIZE), 0);
	assert_int_equal(iommu_confine(sim_iommu(), STREAM, &dev), 0);
	assert_true(device_reads((uintptr_t)pages, &byte, 1));
	expect_fault((uintptr_t)pages + PAGE_SIZE, false, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(set_memory_decrypted(pages + PAGE_SIZE, 2 * PAGE_SIZE), 0);
	assert_true(device_writes((uintptr_t)pages + PAGE_SIZE, "w", 1));
	assert_true(device_writes((uintptr_t)pages + 2 * PAGE_SIZE, "w", 1));
	expect_fault((uintptr_t)pages + 3 * PAGE_SIZE, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(set_memory_encrypted(pages + PAGE_SIZE, 2 * PAGE_SIZE), 0);
	expect_fault((uintptr_t)pages + PAGE_SIZE, true, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(set_memory_encrypted(pages, PAGE_SIZE), 0);
	expect_fault((uintptr_t)pages, false, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(sim_iommu_pages(), 1); /* the doorbell of the test before */
	assert_ptr_equal(iommu_detach(&dev), sim_iommu()->confined);
	end_confined();
	free_pages_exact(pages, 4 * PAGE_SIZE);
}

/* A second IOMMU, which takes everything or nothing. */
static bool second_refuses;
static unsigned long second_bytes;

static struct iommu_domain *second_alloc(struct iommu *second)
{
	static struct iommu_domain domain;

	(void)second;
	return &domain;
}

static void second_free(struct iommu_domain *domain)
{
	(void)domain;
}

static int second_attach(struct iommu *second, uint32_t id, struct iommu_domain *domain)
{
	(void)second;
	(void)id;
	(void)domain;
	return 0;
}

static int second_map(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
		      unsigned int prot)
{
	(void)domain;
	(void)prot;
	assert_true(iova == phys);
	second_bytes += second_refuses ? 0 : size;
	return second_refuses ? -ENOMEM : 0;
}

static int second_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t size)
{
	(void)domain;
	(void)iova;
	second_bytes -= size;
	return 0;
}

static struct iommu *second_iommu(void)
{
	static const struct iommu_ops ops = {
		.domain_alloc = second_alloc,
		.domain_free = second_free,
		.attach = second_attach,
		.map = second_map,
		.unmap = second_unmap,
	};
	static struct iommu second = {.name = "second", .ops = &ops, .iova_limit = UINT64_MAX};

	if (!second.node.next)
		iommu_register(&second);
	return &second;
}

/* What one IOMMU does not share the others do not either; where it cannot be taken back nobody may use it. */
static void what_is_shared_is_shared_with_all_or_none(void **state)
{
	struct iommu *second = second_iommu();
	static struct device other = {.name = "other"};
	const uint64_t phys = (uintptr_t)buffer;
	char byte = 0;

	(void)state;
	assert_int_equal(iommu_confine(sim_iommu(), STREAM, &dev), 0);
	assert_int_equal(iommu_confine(second, 1, &other), 0);
	second_bytes = 0;
	assert_int_equal(iommu_share(phys, PAGE_SIZE), 0);
	assert_true(device_reads(phys, &byte, 1));
	assert_int_equal(second_bytes, PAGE_SIZE);
	assert_int_equal(iommu_unshare(phys, PAGE_SIZE), 0);
	assert_int_equal(second_bytes, 0);
	second_refuses = true;
	assert_int_equal(iommu_share(phys, PAGE_SIZE), -ENOMEM);
	expect_fault(phys, false, IOMMU_FAULT_UNMAPPED);
	sim_iommu_fail_unmap(1);
	assert_int_equal(iommu_share(phys, PAGE_SIZE), -EIO);
	assert_true(device_reads(phys, &byte, 1));
	assert_int_equal(iommu_unmap(sim_iommu()->confined, phys, PAGE_SIZE), 0);
	second_refuses = false;
	assert_ptr_equal(iommu_detach(&other), second->confined);
	iommu_domain_free(second->confined);
	second->confined = NULL;
	assert_ptr_equal(iommu_detach(&dev), sim_iommu()->confined);
	end_confined();
}

/* The bounce backend on top of it: the device reaches the pool and its rings, not the driver's buffer. */
static void the_bounce_backend_is_enforced(void **state)
{
	struct io_tlb_mem mem;
	char *pool = alloc_pages_exact(IO_TLB_MIN_BYTES), seen[10];
	dma_addr_t addr, handle;
	char *ring;

	(void)state;
	assert_int_equal(swiotlb_init(&mem, pool, IO_TLB_MIN_BYTES), 0);
	assert_int_equal(iommu_confine(sim_iommu(), STREAM, &dev), 0);
	dev.dma_ops = &swiotlb_dma_ops;
	dev.dma_priv = &mem;
	addr = dma_map_single(&dev, buffer, 10, DMA_TO_DEVICE);
	assert_true(device_reads(addr, seen, 10));
	assert_memory_equal(seen, buffer, 10);
	expect_fault((uintptr_t)buffer, false, IOMMU_FAULT_UNMAPPED);
	dma_unmap_single(&dev, addr, 10, DMA_TO_DEVICE);
	ring = dma_alloc_coherent(&dev, PAGE_SIZE, &handle, GFP_KERNEL);
	assert_true(device_writes(handle, "ring", 4));
	assert_memory_equal(ring, "ring", 4);
	dma_free_coherent(&dev, PAGE_SIZE, ring, handle);
	expect_fault(handle, true, IOMMU_FAULT_UNMAPPED);
	/* Where the IOMMU does not map it, it is not shared, and the pages are lost. */
	sim_iommu_fail_map(1);
	assert_null(dma_alloc_coherent(&dev, PAGE_SIZE, &handle, GFP_KERNEL));
	assert_int_equal(encryption_ranges(), 1);
	free_pages_exact((void *)(uintptr_t)handle, PAGE_SIZE);
	assert_non_null(iommu_detach(&dev));
	assert_int_equal(swiotlb_exit(&mem), 0);
	end_confined();
	free_pages_exact(pool, IO_TLB_MIN_BYTES);
}

/* --- random use ---------------------------------------------------------------------------------- */

#define MODEL_BUFFERS 24u

static struct {
	size_t size;
	dma_addr_t addr;
	enum dma_data_direction dir;
	char *ptr, *want; /* want: what the CPU must see afterwards */
} model[MODEL_BUFFERS];

static void model_begin(unsigned int i, uint32_t *seed)
{
	size_t size = test_random(seed) % 3 ? test_random(seed) % 300 + 1
					    : test_random(seed) % (5 * PAGE_SIZE) + 1;
	char *ptr = malloc(size + PAGE_SIZE), *seen = malloc(size), *want = malloc(size);

	model[i].dir = (enum dma_data_direction)(test_random(seed) % 3);
	model[i].size = size;
	model[i].ptr = ptr;
	model[i].want = want;
	for (size_t n = 0; n < size; n++)
		ptr[n] = (char)test_random(seed);
	memcpy(want, ptr, size);
	model[i].addr = dma_map_single(&dev, ptr, size, model[i].dir);
	if (dma_mapping_error(&dev, model[i].addr)) {
		free(ptr);
		free(want);
		model[i].size = 0;
	} else if (model[i].dir != DMA_FROM_DEVICE) {
		assert_true(device_reads(model[i].addr, seen, size));
		assert_memory_equal(seen, want, size);
	}
	free(seen);
}

static void model_end(unsigned int i, uint32_t *seed)
{
	char answer[64];
	size_t size = model[i].size, n = MIN(size, sizeof(answer));
	size_t at = test_random(seed) % (size - n + 1);

	memset(answer, (int)(test_random(seed) % 256), sizeof(answer));
	if (model[i].dir == DMA_TO_DEVICE) {
		assert_false(device_writes(model[i].addr + at, answer, n));
	} else {
		if (model[i].dir == DMA_FROM_DEVICE) {
			memset(model[i].want, 0x77, size);
			assert_true(device_writes(model[i].addr, model[i].want, size));
		}
		assert_true(device_writes(model[i].addr + at, answer, n));
		memcpy(model[i].want + at, answer, n);
	}
	dma_unmap_single(&dev, model[i].addr, size, model[i].dir);
	assert_memory_equal(model[i].ptr, model[i].want, size);
	assert_false(device_reads(model[i].addr, answer, 1));
	free(model[i].ptr);
	free(model[i].want);
	model[i].size = 0;
}

static void random_use_matches_a_model(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (unsigned int step = 0; step < 4000; step++) {
		unsigned int i = test_random(&seed) % MODEL_BUFFERS;

		if (model[i].size)
			model_end(i, &seed);
		else
			model_begin(i, &seed);
	}
	assert_true(stats_of(&dev).exhausted > 0);
	for (unsigned int i = 0; i < MODEL_BUFFERS; i++) {
		if (model[i].size)
			model_end(i, &seed);
	}
}

/* --- a disk -------------------------------------------------------------------------------------- */

static void *translate(uint64_t addr, size_t len, bool write)
{
	return sim_iommu_access(STREAM, addr, len, write);
}

static void a_disk_works_that_sees_its_buffers_alone(void **state)
{
	static uint8_t data[125 * PAGE_SIZE] __attribute__((aligned(4096)));
	static uint8_t back[125 * PAGE_SIZE] __attribute__((aligned(4096)));
	static struct rig rig;
	struct refdev *ref = refdev_blk_new(2, 2048, 0);
	uint32_t seed = 9;

	(void)state;
	rig_prepare(&rig, ref);
	assert_int_equal(dma_iommu_attach(&rig.vdev->dev, sim_iommu(), STREAM, &config), 0);
	dma_test_set_translation(translate);
	assert_int_equal(rig_probe_prepared(&rig), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)test_random(&seed);
	assert_int_equal(
		virtio_blk_write(virtio_blk_find(&test_bus, 0), 8, data, 1000, NSEC_PER_SEC), 0);
	assert_memory_equal(refdev_blk(ref)->disk + 8 * 512, data, sizeof(data));
	assert_int_equal(
		virtio_blk_read(virtio_blk_find(&test_bus, 0), 8, back, 1000, NSEC_PER_SEC), 0);
	assert_memory_equal(back, data, sizeof(data));
	assert_int_equal(told.calls, 0);
	/* A fault makes what was in flight fail, whatever the disk says of it; afterwards it works. */
	iommu_report_fault(sim_iommu(), &(struct iommu_fault){.id = STREAM, .what = "made up"});
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 8, back, 1, NSEC_PER_SEC),
			 -EIO);
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 8, back, 1, NSEC_PER_SEC),
			 0);
	rig_end(&rig);
	assert_int_equal(stats_of(&rig.vdev->dev).used_pages, 0);
	assert_int_equal(stats_of(&rig.vdev->dev).mistakes, 0);
	assert_int_equal(dma_iommu_detach(&rig.vdev->dev), 0);
}

#define IOMMU_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define BARE_TEST(fn)  cmocka_unit_test_setup_teardown(fn, bare_setup, bare_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IOMMU_TEST(a_buffer_is_seen_while_it_is_mapped_and_not_longer),
		IOMMU_TEST(directions_are_permissions),
		IOMMU_TEST(another_stream_sees_nothing),
		IOMMU_TEST(no_neighbour_is_seen_or_written),
		IOMMU_TEST(what_a_device_does_not_write_is_no_old_data),
		IOMMU_TEST(a_part_is_synchronised_alone),
		IOMMU_TEST(lists_are_mapped_whole_or_not_at_all),
		IOMMU_TEST(coherent_memory_is_mapped_until_it_is_freed),
		IOMMU_TEST(a_full_window_refuses_and_recovers),
		IOMMU_TEST(without_stand_ins_short_buffers_are_refused),
		IOMMU_TEST(the_devices_mask_is_kept),
		IOMMU_TEST(random_use_matches_a_model),
		cmocka_unit_test_setup_teardown(what_cannot_be_unmapped_is_never_used_again, setup,
						bare_teardown),
		cmocka_unit_test_setup_teardown(what_may_be_mapped_is_never_used_again, setup,
						bare_teardown),
		cmocka_unit_test_setup_teardown(mistakes_are_counted_and_change_nothing, setup,
						bare_teardown),
		BARE_TEST(a_setup_that_fails_leaves_nothing),
		BARE_TEST(devices_of_one_stream_share_a_domain),
		BARE_TEST(a_disk_works_that_sees_its_buffers_alone),
		BARE_TEST(a_bypassed_device_sees_everything),
		BARE_TEST(a_fault_of_a_shared_stream_is_that_of_each_device),
		BARE_TEST(doorbells_are_mapped_everywhere),
		BARE_TEST(a_confined_device_sees_what_is_shared),
		BARE_TEST(what_is_shared_is_shared_with_all_or_none),
		BARE_TEST(the_bounce_backend_is_enforced),
		BARE_TEST(a_doorbell_that_fails_is_in_no_domain), /* the last: doorbells stay */
	};

	(void)virtio_blk_init(&test_bus);
	return cmocka_run_group_tests_name("dma_iommu", tests, NULL, NULL);
}
