/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounce pool: what is copied when and in which direction, where a copy lies, what happens when
 * there is no room, which memory is shared with devices, and random operations against a model.
 */
#include "tests/unit/rig.h"
#include "tests/device/encryption.h"
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_rng.h"
#include "lib/dma_shared.h"
#include "lib/pages.h"
#include "lib/swiotlb.h"

#define POOL_BYTES (128u << 10)
#define POOL_SLOTS (POOL_BYTES / IO_TLB_SIZE)

static struct io_tlb_mem mem;
static struct device dev;
static char *pool;

/* A buffer at any offset: two pages and more from a page's start. */
static char buffer[POOL_BYTES + 4 * PAGE_SIZE] __attribute__((aligned(4096)));

static int setup(void **state)
{
	encryption_reset();
	memset(&dev, 0, sizeof(dev));
	pool = alloc_pages_exact(POOL_BYTES);
	memset(pool, 's', POOL_BYTES); /* somebody's secret */
	if (swiotlb_init(&mem, pool, POOL_BYTES))
		return -1;
	dev.dma_priv = &mem;
	dev.dma_ops = &swiotlb_dma_ops;
	return port_host_setup(state);
}

/* Nothing may be left mapped or shared. */
static int teardown(void **state)
{
	int err = swiotlb_exit(&mem);

	free_pages_exact(pool, POOL_BYTES);
	if (err || encryption_ranges()) {
		print_error("%u ranges still shared, exit %d\n", encryption_ranges(), err);
		return -1;
	}
	return port_host_teardown(state);
}

static char *device_sees(dma_addr_t addr)
{
	return (char *)(uintptr_t)addr;
}

static dma_addr_t map(void *ptr, size_t size, enum dma_data_direction dir)
{
	dma_addr_t addr = dma_map_single(&dev, ptr, size, dir);

	assert_false(dma_mapping_error(&dev, addr));
	assert_true(is_swiotlb_buffer(&mem, addr, size));
	return addr;
}

/* --- directions ---------------------------------------------------------------------------- */

static void what_a_device_reads_is_copied_in_at_map(void **state)
{
	char buf[] = "to the device";
	dma_addr_t addr = map(buf, sizeof(buf), DMA_TO_DEVICE);

	(void)state;
	assert_string_equal(device_sees(addr), "to the device");
	strcpy(device_sees(addr), "overwritten");
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_TO_DEVICE);
	assert_string_equal(buf, "to the device");
}

static void what_a_device_writes_is_copied_out_at_unmap(void **state)
{
	char buf[16] = "private";
	dma_addr_t addr = map(buf, sizeof(buf), DMA_FROM_DEVICE);
	unsigned int i;

	(void)state;
	/* It sees neither what was in the buffer nor what was in the pool. */
	for (i = 0; i < sizeof(buf); i++)
		assert_int_equal((uint8_t)device_sees(addr)[i], IO_TLB_FILL);
	strcpy(device_sees(addr), "from outside");
	assert_string_equal(buf, "private");
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_FROM_DEVICE);
	assert_string_equal(buf, "from outside");
	strcpy(device_sees(addr), "too late");
	assert_string_equal(buf, "from outside");
}

static void both_directions_copy_both_ways(void **state)
{
	char buf[16] = "there";
	dma_addr_t addr = map(buf, sizeof(buf), DMA_BIDIRECTIONAL);

	(void)state;
	assert_string_equal(device_sees(addr), "there");
	strcpy(device_sees(addr), "and back");
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_string_equal(buf, "and back");
}

/* A byte on either side of the buffer must stay as it is, whatever the device does to the pool. */
static void exactly_the_mapped_bytes_are_copied(void **state)
{
	static const size_t sizes[] = {1, 2047, 2048, 2049, 4096, 6000, 20000};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *buf = buffer + 1000 + i;
		dma_addr_t addr;

		memset(buffer, 'b', sizeof(buffer));
		addr = map(buf, sizes[i], DMA_FROM_DEVICE);
		memset(pool, 'd', POOL_BYTES);
		dma_unmap_single(&dev, addr, sizes[i], DMA_FROM_DEVICE);
		assert_int_equal(buf[-1], 'b');
		assert_int_equal(buf[0], 'd');
		assert_int_equal(buf[sizes[i] - 1], 'd');
		assert_int_equal(buf[sizes[i]], 'b');
	}
}

/* The direction at map decides: a mistake at unmap or sync never copies against it. */
static void a_wrong_direction_never_copies_against_the_mapping(void **state)
{
	char buf[16] = "mine";
	dma_addr_t addr = map(buf, sizeof(buf), DMA_TO_DEVICE);

	(void)state;
	strcpy(device_sees(addr), "theirs");
	dma_sync_single_for_cpu(&dev, addr, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_string_equal(buf, "mine");
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_FROM_DEVICE);
	assert_string_equal(buf, "mine");
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, 1);

	addr = map(buf, sizeof(buf), DMA_FROM_DEVICE);
	dma_sync_single_for_device(&dev, addr, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_int_equal((uint8_t)device_sees(addr)[0], IO_TLB_FILL);
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_TO_DEVICE);
	assert_string_equal(buf, "mine");
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, 2);
}

static void an_unmap_of_more_than_was_mapped_copies_what_was_mapped(void **state)
{
	char *buf = buffer;
	dma_addr_t addr;

	(void)state;
	memset(buf, 'b', 64);
	addr = map(buf, 32, DMA_FROM_DEVICE);
	memset(device_sees(addr), 'd', 64);
	dma_unmap_single(&dev, addr, 64, DMA_FROM_DEVICE);
	assert_int_equal(buf[31], 'd');
	assert_int_equal(buf[32], 'b');
	addr = map(buf, 32, DMA_FROM_DEVICE);
	memset(device_sees(addr), 'e', 64);
	dma_unmap_single(&dev, addr, 16, DMA_FROM_DEVICE);
	assert_int_equal(buf[15], 'e');
	assert_int_equal(buf[16], 'd');
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, 2);
	assert_int_equal(swiotlb_get_stats(&mem).used_bytes, 0);
}

/* --- partial sync -------------------------------------------------------------------------- */

static void a_part_is_synchronised_alone(void **state)
{
	char *buf = buffer + 100;
	dma_addr_t addr;

	(void)state;
	memset(buf, 'c', 8000);
	addr = map(buf, 8000, DMA_BIDIRECTIONAL);
	memset(device_sees(addr), 'd', 8000);
	/* Bytes 3000 to 4999 lie in other slots than the first byte. */
	dma_sync_single_for_cpu(&dev, addr + 3000, 2000, DMA_BIDIRECTIONAL);
	assert_int_equal(buf[2999], 'c');
	assert_int_equal(buf[3000], 'd');
	assert_int_equal(buf[4999], 'd');
	assert_int_equal(buf[5000], 'c');
	memset(buf, 'e', 8000);
	dma_sync_single_for_device(&dev, addr + 7999, 1, DMA_BIDIRECTIONAL);
	assert_int_equal(device_sees(addr)[7998], 'd');
	assert_int_equal(device_sees(addr)[7999], 'e');
	dma_unmap_single(&dev, addr, 8000, DMA_BIDIRECTIONAL);
}

static void a_sync_goes_by_its_direction(void **state)
{
	char buf[8] = "cpu";
	dma_addr_t addr = map(buf, sizeof(buf), DMA_BIDIRECTIONAL);

	(void)state;
	strcpy(device_sees(addr), "device");
	dma_sync_single_for_cpu(&dev, addr, sizeof(buf), DMA_TO_DEVICE);
	assert_string_equal(buf, "cpu");
	dma_sync_single_for_device(&dev, addr, sizeof(buf), DMA_FROM_DEVICE);
	assert_string_equal(device_sees(addr), "device");
	dma_unmap_single(&dev, addr, sizeof(buf), DMA_BIDIRECTIONAL);
}

static void what_is_not_mapped_is_not_touched(void **state)
{
	char buf[64] = "mine";
	dma_addr_t addr = map(buf, 32, DMA_FROM_DEVICE), base = (uintptr_t)pool;
	const struct {
		dma_addr_t addr;
		size_t size;
	} bad[] = {
		{addr + 1, 32},	  {addr, 33},
		{addr + 32, 1},	  {addr - 1, 1},
		{addr, 0},	  {base - 1, 1},
		{base, 1},	  {base + POOL_BYTES, 1},
		{0, 1},		  {base + POOL_BYTES - 1, 2},
		{addr, SIZE_MAX}, {~0ull, 1},
		{addr + 4096, 8},
	};
	unsigned int i;

	(void)state;
	assert_true(addr > base); /* buf is not aligned to a slot */
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		dma_sync_single_for_cpu(&dev, bad[i].addr, bad[i].size, DMA_FROM_DEVICE);
	assert_string_equal(buf, "mine");
	dma_unmap_single(&dev, addr + 1, 31, DMA_FROM_DEVICE);
	dma_unmap_single(&dev, addr + 4096, 32, DMA_FROM_DEVICE);
	assert_string_equal(buf, "mine");
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, ARRAY_SIZE(bad) + 2);
	dma_unmap_single(&dev, addr, 32, DMA_FROM_DEVICE);
	dma_unmap_single(&dev, addr, 32, DMA_FROM_DEVICE); /* twice */
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, ARRAY_SIZE(bad) + 3);
	assert_int_equal(swiotlb_get_stats(&mem).used_bytes, 0);
}

/* --- slots --------------------------------------------------------------------------------- */

static void a_copy_keeps_its_offset(void **state)
{
	static const size_t offsets[] = {0, 1, 63, 512, 2047, 2048, 2049, 4095};
	static const size_t sizes[] = {1, 512, 2048, 4095, 4096, 9000};
	unsigned int i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			char *buf = buffer + offsets[i];
			/* Something before it, so that the first free slot is an odd one. */
			dma_addr_t other = map(buffer, 1, DMA_TO_DEVICE);
			dma_addr_t addr = map(buf, sizes[j], DMA_TO_DEVICE);
			size_t mask = sizes[j] >= PAGE_SIZE ? PAGE_SIZE - 1 : IO_TLB_SIZE - 1;

			assert_int_equal(addr & mask, (uintptr_t)buf & mask);
			dma_unmap_single(&dev, addr, sizes[j], DMA_TO_DEVICE);
			dma_unmap_single(&dev, other, 1, DMA_TO_DEVICE);
		}
	}
}

static void a_mapping_takes_the_slots_it_needs(void **state)
{
	static const struct {
		size_t offset, size;
		unsigned int slots;
	} cases[] = {
		{0, 1, 1},	 {0, 2048, 1},
		{0, 2049, 2},	 {1, 2048, 2},
		{2047, 1, 1},	 {2047, 2, 2},
		{2047, 2050, 3}, {0, 65536, 32},
		{64, 65536, 33}, {0, POOL_BYTES, POOL_SLOTS},
	};
	size_t high_water = 0;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t bytes = cases[i].slots * IO_TLB_SIZE;
		dma_addr_t addr = map(buffer + cases[i].offset, cases[i].size, DMA_TO_DEVICE);

		high_water = MAX(high_water, bytes);
		assert_int_equal(swiotlb_get_stats(&mem).used_bytes, bytes);
		assert_int_equal(swiotlb_get_stats(&mem).high_water_bytes, high_water);
		dma_unmap_single(&dev, addr, cases[i].size, DMA_TO_DEVICE);
		assert_int_equal(swiotlb_get_stats(&mem).used_bytes, 0);
	}
	assert_int_equal(swiotlb_get_stats(&mem).maps, ARRAY_SIZE(cases));
}

static void a_full_pool_refuses_and_recovers(void **state)
{
	dma_addr_t addr[POOL_SLOTS];
	unsigned int i;

	(void)state;
	for (i = 0; i < POOL_SLOTS; i++)
		addr[i] = map(buffer, IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < 3; i++)
		assert_true(
			dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	assert_int_equal(swiotlb_get_stats(&mem).exhausted, 3);
	assert_int_equal(swiotlb_get_stats(&mem).high_water_bytes, POOL_BYTES);
	assert_int_equal(swiotlb_tbl_map_single(&mem, buffer, 1, DMA_TO_DEVICE, &addr[0]), -ENOSPC);

	/* A slot in the middle is found again. */
	dma_unmap_single(&dev, addr[20], IO_TLB_SIZE, DMA_TO_DEVICE);
	assert_true(map(buffer, IO_TLB_SIZE, DMA_TO_DEVICE) == addr[20]);
	for (i = 0; i < POOL_SLOTS; i++)
		dma_unmap_single(&dev, addr[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&dev, map(buffer, POOL_BYTES, DMA_TO_DEVICE), POOL_BYTES, DMA_TO_DEVICE);
	assert_int_equal(swiotlb_get_stats(&mem).exhausted, 4);
}

static void more_than_the_pool_is_refused(void **state)
{
	static const size_t sizes[] = {POOL_BYTES + 1, UINT32_MAX, SIZE_MAX};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_true(dma_mapping_error(
			&dev, dma_map_single(&dev, buffer, sizes[i], DMA_TO_DEVICE)));
	/* With its offset it needs one slot more than there are. */
	assert_true(dma_mapping_error(&dev,
				      dma_map_single(&dev, buffer + 1, POOL_BYTES, DMA_TO_DEVICE)));
	assert_int_equal(swiotlb_get_stats(&mem).exhausted, ARRAY_SIZE(sizes) + 1);
}

/* Half of the pool is free, but in no run of two slots. */
static void fragments_do_not_hold_a_long_mapping(void **state)
{
	dma_addr_t addr[POOL_SLOTS];
	unsigned int i;

	(void)state;
	for (i = 0; i < POOL_SLOTS; i++)
		addr[i] = map(buffer, IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 0; i < POOL_SLOTS; i += 2)
		dma_unmap_single(&dev, addr[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	assert_true(dma_mapping_error(
		&dev, dma_map_single(&dev, buffer, IO_TLB_SIZE + 1, DMA_TO_DEVICE)));
	dma_unmap_single(&dev, addr[31], IO_TLB_SIZE, DMA_TO_DEVICE);
	/* Slots 30 to 32, of which a page may begin only at 30. */
	addr[31] = map(buffer, 3 * IO_TLB_SIZE, DMA_TO_DEVICE);
	assert_true(addr[31] == addr[30]);
	dma_unmap_single(&dev, addr[31], 3 * IO_TLB_SIZE, DMA_TO_DEVICE);
	for (i = 1; i < POOL_SLOTS; i += 2) {
		if (i != 31)
			dma_unmap_single(&dev, addr[i], IO_TLB_SIZE, DMA_TO_DEVICE);
	}
}

static void limits_are_told(void **state)
{
	struct device direct = {.name = "direct"};

	(void)state;
	assert_int_equal(dma_max_mapping_size(&dev), POOL_BYTES / 4);
	assert_int_equal(dma_mapping_capacity(&dev), POOL_BYTES);
	assert_true(dma_max_mapping_size(&direct) == SIZE_MAX);
	assert_true(dma_mapping_capacity(&direct) == SIZE_MAX);
	assert_ptr_equal(dev_io_tlb_mem(&dev), &mem);
	assert_null(dev_io_tlb_mem(&direct));
}

static void a_pool_beyond_the_devices_mask_is_not_used(void **state)
{
	(void)state;
	dev.dma_mask = (uintptr_t)pool + POOL_BYTES - 2;
	assert_true(dma_mapping_error(&dev, dma_map_single(&dev, buffer, 1, DMA_TO_DEVICE)));
	dev.dma_mask++;
	dma_unmap_single(&dev, map(buffer, 1, DMA_TO_DEVICE), 1, DMA_TO_DEVICE);
}

/* --- what is shared ------------------------------------------------------------------------ */

static void the_pool_is_shared_and_holds_no_secrets(void **state)
{
	unsigned int i;

	(void)state;
	assert_true(encryption_shared(pool, POOL_BYTES));
	assert_int_equal(encryption_ranges(), 1);
	assert_false(encryption_shared(mem.slots, 1));
	for (i = 0; i < POOL_BYTES; i++)
		assert_int_equal(pool[i], 0);
}

static void coherent_memory_is_shared_until_it_is_freed(void **state)
{
	static const size_t sizes[] = {1, 4096, 4097, 100000};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		dma_addr_t handle;
		char *p = dma_alloc_coherent(&dev, sizes[i], &handle, GFP_KERNEL);
		size_t at;

		assert_non_null(p);
		assert_true(handle == (uintptr_t)p);
		assert_int_equal(handle % PAGE_SIZE, 0);
		assert_false(is_swiotlb_buffer(&mem, handle, 1));
		assert_true(encryption_shared(p, ALIGN_UP(sizes[i], PAGE_SIZE)));
		for (at = 0; at < sizes[i]; at++)
			assert_int_equal(p[at], 0);
		dma_free_coherent(&dev, sizes[i], p, handle);
		assert_int_equal(encryption_ranges(), 1);
	}
	assert_int_equal(encryption_calls(), 1 + 2 * ARRAY_SIZE(sizes));
}

static void coherent_memory_is_not_for_interrupts_nor_beyond_the_mask(void **state)
{
	dma_addr_t handle;

	(void)state;
	assert_null(dma_alloc_coherent(&dev, 64, &handle, GFP_ATOMIC));
	dev.dma_mask = 0xfff;
	assert_null(dma_alloc_coherent(&dev, 64, &handle, GFP_KERNEL));
	assert_int_equal(encryption_calls(), 1);
}

/* The pages may be in either state then: nobody may get them again. ASan's leak check is told. */
static void memory_whose_state_is_unknown_is_lost(void **state)
{
	static void *lost; /* reachable, so that no leak is reported */
	dma_addr_t handle;
	void *p;

	(void)state;
	encryption_fail(1);
	assert_null(dma_alloc_coherent(&dev, 64, &handle, GFP_KERNEL));
	lost = (void *)(uintptr_t)handle;
	assert_int_equal(encryption_ranges(), 1);

	p = dma_alloc_coherent(&dev, 64, &handle, GFP_KERNEL);
	assert_ptr_not_equal(p, lost);
	memset(p, 'r', 64);
	encryption_fail(1);
	dma_free_coherent(&dev, 64, p, handle);
	assert_int_equal(((char *)p)[63], 'r'); /* not freed: ASan would say so */
	assert_int_equal(set_memory_encrypted(p, PAGE_SIZE), 0);
	free_pages_exact(p, 64);
	free_pages_exact(lost, 64);
}

static void a_pool_that_cannot_be_shared_is_none(void **state)
{
	struct io_tlb_mem other;
	char *base = alloc_pages_exact(IO_TLB_MIN_BYTES);

	(void)state;
	encryption_fail(1);
	assert_int_equal(swiotlb_init(&other, base, IO_TLB_MIN_BYTES), -EIO);
	assert_int_equal(swiotlb_init(&other, NULL, IO_TLB_MIN_BYTES), -EINVAL);
	assert_int_equal(swiotlb_init(&other, base + 1, IO_TLB_MIN_BYTES), -EINVAL);
	assert_int_equal(swiotlb_init(&other, base, IO_TLB_MIN_BYTES + 1), -EINVAL);
	assert_int_equal(swiotlb_init(&other, base, IO_TLB_MIN_BYTES - PAGE_SIZE), -EINVAL);
	assert_int_equal(swiotlb_init(&other, base, IO_TLB_MAX_BYTES + PAGE_SIZE), -EINVAL);
	assert_int_equal(swiotlb_init(&other, base, IO_TLB_MIN_BYTES), 0);
	encryption_fail(1);
	assert_int_equal(swiotlb_exit(&other), -EIO);
	assert_int_equal(set_memory_encrypted(base, IO_TLB_MIN_BYTES), 0);
	free_pages_exact(base, IO_TLB_MIN_BYTES);
}

static void a_pool_in_use_stays(void **state)
{
	dma_addr_t addr = map(buffer, 1, DMA_TO_DEVICE);

	(void)state;
	assert_int_equal(swiotlb_exit(&mem), -EBUSY);
	dma_unmap_single(&dev, addr, 1, DMA_TO_DEVICE);
}

/* --- random operations against a model ----------------------------------------------------- */

#define MODEL_MAPPINGS 48u
#define MODEL_BYTES    9000u

struct model {
	char *buf;	/* the driver's; guarded by ASan */
	char *expected; /* what it should hold */
	char *device;	/* what the device should see */
	size_t size;
	enum dma_data_direction dir;
	dma_addr_t addr;
	bool mapped;
};

static struct model models[MODEL_MAPPINGS];
static uint32_t seed;

static void scribble(char *p, size_t size)
{
	while (size--)
		*p++ = (char)test_random(&seed);
}

static size_t model_slots(const struct model *m)
{
	return DIV_ROUND_UP((m->addr & (IO_TLB_SIZE - 1)) + m->size, IO_TLB_SIZE);
}

static void check_apart(const struct model *m)
{
	unsigned int i;

	for (i = 0; i < MODEL_MAPPINGS; i++) {
		const struct model *o = &models[i];

		if (o == m || !o->mapped)
			continue;
		assert_true(m->addr + m->size <= o->addr || o->addr + o->size <= m->addr);
		assert_true(m->addr >> IO_TLB_SHIFT != o->addr >> IO_TLB_SHIFT);
	}
}

static void model_map(struct model *m)
{
	m->size = 1 + test_random(&seed) % MODEL_BYTES;
	m->dir = (enum dma_data_direction)(test_random(&seed) % 3);
	m->buf = malloc(m->size);
	scribble(m->buf, m->size);
	m->addr = dma_map_single(&dev, m->buf, m->size, m->dir);
	if (dma_mapping_error(&dev, m->addr)) {
		free(m->buf);
		return;
	}
	m->mapped = true;
	m->expected = malloc(m->size);
	m->device = malloc(m->size);
	memcpy(m->expected, m->buf, m->size);
	memcpy(m->device, m->buf, m->size);
	if (m->dir == DMA_FROM_DEVICE)
		memset(m->device, IO_TLB_FILL, m->size);
	check_apart(m);
}

static void model_unmap(struct model *m)
{
	assert_memory_equal(device_sees(m->addr), m->device, m->size);
	assert_memory_equal(m->buf, m->expected, m->size);
	dma_unmap_single(&dev, m->addr, m->size, m->dir);
	if (m->dir != DMA_TO_DEVICE)
		memcpy(m->expected, m->device, m->size);
	assert_memory_equal(m->buf, m->expected, m->size);
	free(m->buf);
	free(m->expected);
	free(m->device);
	m->mapped = false;
}

/* Either side writes somewhere, or a part is synchronised. */
static void model_work(struct model *m)
{
	size_t at = test_random(&seed) % m->size, n = 1 + test_random(&seed) % (m->size - at);

	switch (test_random(&seed) % 4) {
	case 0:
		scribble(m->device + at, n);
		memcpy(device_sees(m->addr) + at, m->device + at, n);
		break;
	case 1:
		scribble(m->buf + at, n);
		memcpy(m->expected + at, m->buf + at, n);
		break;
	case 2:
		dma_sync_single_for_cpu(&dev, m->addr + at, n, m->dir);
		if (m->dir != DMA_TO_DEVICE)
			memcpy(m->expected + at, m->device + at, n);
		break;
	default:
		dma_sync_single_for_device(&dev, m->addr + at, n, m->dir);
		if (m->dir != DMA_FROM_DEVICE)
			memcpy(m->device + at, m->expected + at, n);
		break;
	}
}

static void random_operations_match_a_model(void **state)
{
	unsigned int step, i;

	(void)state;
	seed = 1;
	for (step = 0; step < 60000; step++) {
		struct model *m = &models[test_random(&seed) % MODEL_MAPPINGS];
		size_t slots = 0;

		if (!m->mapped)
			model_map(m);
		else if (test_random(&seed) % 4 == 0)
			model_unmap(m);
		else
			model_work(m);
		for (i = 0; i < MODEL_MAPPINGS; i++)
			slots += models[i].mapped ? model_slots(&models[i]) : 0;
		assert_int_equal(swiotlb_get_stats(&mem).used_bytes, slots * IO_TLB_SIZE);
	}
	assert_true(swiotlb_get_stats(&mem).exhausted > 100);
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, 0);
	for (i = 0; i < MODEL_MAPPINGS; i++) {
		if (models[i].mapped)
			model_unmap(&models[i]);
	}
}

/* --- whole drivers --------------------------------------------------------------------------- */

#define DISK_SECTORS 2048u

static struct rig rig;

static bool everything(const void *addr, size_t len)
{
	(void)addr;
	(void)len;
	return true;
}

/* Probes @ref behind @ops. Behind the pool it reaches nothing else than shared memory. */
static void start(struct refdev *ref, const struct dma_map_ops *ops)
{
	const bool bounce = ops == &swiotlb_dma_ops;

	rig_prepare(&rig, ref);
	rig.vdev->dev.dma_ops = ops;
	rig.vdev->dev.dma_priv = &mem;
	dma_test_set_physical(bounce ? encryption_shared : everything);
	assert_int_equal(rig_probe_prepared(&rig), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
}

static void a_disk_works_that_sees_only_shared_memory(void **state)
{
	static uint8_t data[1000 * 512 + 1], back[1000 * 512 + 3];
	struct refdev *ref = refdev_blk_new(2, DISK_SECTORS, 0);
	struct virtio_blk *blk;

	(void)state;
	start(ref, &swiotlb_dma_ops);
	blk = virtio_blk_find(&test_bus, 0);
	seed = 1;
	scribble((char *)data, sizeof(data));
	/* Eight requests of 32 KiB are more than the pool holds: some wait. */
	assert_int_equal(virtio_blk_write(blk, 5, data + 1, 1000, NSEC_PER_SEC), 0);
	assert_memory_equal(refdev_blk(ref)->disk + 5 * 512, data + 1, 1000 * 512);
	assert_int_equal(virtio_blk_read(blk, 5, back + 3, 1000, NSEC_PER_SEC), 0);
	assert_memory_equal(back + 3, data + 1, 1000 * 512);
	assert_true(swiotlb_get_stats(&mem).exhausted > 0);
	assert_int_equal(swiotlb_get_stats(&mem).used_bytes, 0);
	assert_int_equal(swiotlb_get_stats(&mem).mistakes, 0);

	/* Whatever the device writes there now comes too late. */
	memset(pool, 0xee, POOL_BYTES);
	assert_memory_equal(back + 3, data + 1, 1000 * 512);
	rig_end(&rig);
	assert_int_equal(encryption_ranges(), 1);
}

/* A status byte that is not written must not read as one: in the pool neither. */
static void a_disk_that_writes_no_status_has_failed(void **state)
{
	struct refdev *ref = refdev_blk_new(2, DISK_SECTORS, 0);
	uint8_t sector[512];

	(void)state;
	start(ref, &swiotlb_dma_ops);
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 0, sector, 1, NSEC_PER_SEC),
			 0);
	refdev_blk(ref)->no_status = true;
	assert_int_equal(
		virtio_blk_write(virtio_blk_find(&test_bus, 0), 0, sector, 1, NSEC_PER_SEC), -EIO);
	rig_end(&rig);
}

/* Others hold the whole pool: the request fails, and the disk works again afterwards. */
static void a_disk_without_room_fails_and_recovers(void **state)
{
	struct refdev *ref = refdev_blk_new(2, DISK_SECTORS, 0);
	uint8_t sector[512];
	dma_addr_t addr;

	(void)state;
	start(ref, &swiotlb_dma_ops);
	addr = map(buffer, POOL_BYTES, DMA_TO_DEVICE);
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 0, sector, 1, NSEC_PER_SEC),
			 -ENOMEM);
	dma_unmap_single(&dev, addr, POOL_BYTES, DMA_TO_DEVICE);
	assert_int_equal(virtio_blk_read(virtio_blk_find(&test_bus, 0), 0, sector, 1, NSEC_PER_SEC),
			 0);
	rig_end(&rig);
}

/* --- VIRTIO_F_ACCESS_PLATFORM -------------------------------------------------------------- */

/* Probes an entropy device; returns the backend that the device got. */
static const struct dma_map_ops *backend_of(const struct dma_map_ops *ops, bool access_platform)
{
	struct refdev *ref = refdev_rng_new(2);
	const struct dma_map_ops *got;

	if (!access_platform)
		ref->offered &= ~BIT_ULL(REF_F_ACCESS_PLATFORM);
	start(ref, ops);
	got = rig.vdev->dev.dma_ops;
	assert_int_equal(virtio_has_feature(rig.vdev, VIRTIO_F_ACCESS_PLATFORM), access_platform);
	rig_end(&rig);
	return got;
}

/* 6.1: without the feature a device gets physical addresses only. */
static void a_device_without_access_platform_gets_physical_addresses(void **state)
{
	static struct dma_map_ops translated;

	(void)state;
	translated = dma_test_ops;
	translated.translated = true;
	assert_ptr_equal(backend_of(&translated, true), &translated);
	assert_null(backend_of(&translated, false));
	assert_ptr_equal(backend_of(&swiotlb_dma_ops, true), &swiotlb_dma_ops);
	assert_ptr_equal(backend_of(&swiotlb_dma_ops, false), &swiotlb_dma_ops);
	assert_null(backend_of(NULL, true));
}

#define SWIOTLB_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWIOTLB_TEST(what_a_device_reads_is_copied_in_at_map),
		SWIOTLB_TEST(what_a_device_writes_is_copied_out_at_unmap),
		SWIOTLB_TEST(both_directions_copy_both_ways),
		SWIOTLB_TEST(exactly_the_mapped_bytes_are_copied),
		SWIOTLB_TEST(a_wrong_direction_never_copies_against_the_mapping),
		SWIOTLB_TEST(an_unmap_of_more_than_was_mapped_copies_what_was_mapped),
		SWIOTLB_TEST(a_part_is_synchronised_alone),
		SWIOTLB_TEST(a_sync_goes_by_its_direction),
		SWIOTLB_TEST(what_is_not_mapped_is_not_touched),
		SWIOTLB_TEST(a_copy_keeps_its_offset),
		SWIOTLB_TEST(a_mapping_takes_the_slots_it_needs),
		SWIOTLB_TEST(a_full_pool_refuses_and_recovers),
		SWIOTLB_TEST(more_than_the_pool_is_refused),
		SWIOTLB_TEST(fragments_do_not_hold_a_long_mapping),
		SWIOTLB_TEST(limits_are_told),
		SWIOTLB_TEST(a_pool_beyond_the_devices_mask_is_not_used),
		SWIOTLB_TEST(the_pool_is_shared_and_holds_no_secrets),
		SWIOTLB_TEST(coherent_memory_is_shared_until_it_is_freed),
		SWIOTLB_TEST(coherent_memory_is_not_for_interrupts_nor_beyond_the_mask),
		SWIOTLB_TEST(memory_whose_state_is_unknown_is_lost),
		SWIOTLB_TEST(a_pool_that_cannot_be_shared_is_none),
		SWIOTLB_TEST(a_pool_in_use_stays),
		SWIOTLB_TEST(random_operations_match_a_model),
		SWIOTLB_TEST(a_disk_works_that_sees_only_shared_memory),
		SWIOTLB_TEST(a_disk_that_writes_no_status_has_failed),
		SWIOTLB_TEST(a_disk_without_room_fails_and_recovers),
		SWIOTLB_TEST(a_device_without_access_platform_gets_physical_addresses),
	};

	(void)virtio_blk_init(&test_bus);
	(void)virtio_rng_init(&test_bus);
	return cmocka_run_group_tests_name("swiotlb", tests, NULL, NULL);
}
