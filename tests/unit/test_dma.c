/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMA API: the direct backend, the device's mask, and what reaches a backend of its own. */
#include "tests/unit/test.h"
#include "lib/dma.h"

static struct device direct, mapped;

static int setup(void **state)
{
	memset(&direct, 0, sizeof(direct));
	memset(&mapped, 0, sizeof(mapped));
	mapped.dma_ops = &dma_test_ops;
	return port_host_setup(state);
}

static void direct_addresses_are_those_of_the_cpu(void **state)
{
	char buf[32];
	dma_addr_t addr = dma_map_single(&direct, buf, sizeof(buf), DMA_TO_DEVICE);

	(void)state;
	assert_false(dma_mapping_error(&direct, addr));
	assert_true(addr == (uintptr_t)buf);
	assert_true(dma_map_page(&direct, buf, 5, 3, DMA_TO_DEVICE) == (uintptr_t)buf + 5);
	dma_unmap_page(&direct, addr + 5, 3, DMA_TO_DEVICE);
	dma_sync_single_for_cpu(&direct, addr, sizeof(buf), DMA_TO_DEVICE);
	dma_sync_single_for_device(&direct, addr, sizeof(buf), DMA_TO_DEVICE);
	dma_unmap_single(&direct, addr, sizeof(buf), DMA_TO_DEVICE);
}

static void coherent_memory_is_zeroed_and_page_aligned(void **state)
{
	static const size_t sizes[] = {1, 4095, 4096, 4097, 1 << 20};
	struct device *devices[] = {&direct, &mapped};
	unsigned int i, d;

	(void)state;
	for (d = 0; d < 2; d++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			dma_addr_t handle = 0;
			char *p = dma_alloc_coherent(devices[d], sizes[i], &handle, GFP_KERNEL);
			size_t j;

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % PAGE_SIZE, 0);
			assert_int_equal(handle % PAGE_SIZE, 0);
			for (j = 0; j < sizes[i]; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xff, sizes[i]);
			dma_free_coherent(devices[d], sizes[i], p, handle);
		}
	}
}

static void sizes_out_of_range_are_refused(void **state)
{
	dma_addr_t handle;

	(void)state;
	assert_null(dma_alloc_coherent(&direct, 0, &handle, GFP_KERNEL));
	assert_null(dma_alloc_coherent(&direct, (size_t)SIZE_MAX, &handle, GFP_KERNEL));
	assert_null(dma_alloc_coherent(&direct, ((size_t)1 << 31) + 1, &handle, GFP_KERNEL));
	assert_true(dma_mapping_error(&direct, dma_map_single(&direct, &handle, 0, DMA_TO_DEVICE)));
	dma_free_coherent(&direct, 10, NULL, 0);
}

static void what_lies_beyond_the_devices_mask_is_not_mapped(void **state)
{
	char buf[16];
	dma_addr_t handle;

	(void)state;
	direct.dma_mask = (uintptr_t)buf + 14; /* the last byte is out of reach */
	assert_true(dma_mapping_error(&direct, dma_map_single(&direct, buf, 16, DMA_TO_DEVICE)));
	assert_false(dma_mapping_error(&direct, dma_map_single(&direct, buf, 15, DMA_TO_DEVICE)));
	direct.dma_mask = 0xfff;
	assert_null(dma_alloc_coherent(&direct, 4096, &handle, GFP_KERNEL));
}

/* 6.1#3 */
static void a_backend_sees_every_call_with_its_direction(void **state)
{
	char buf[16] = "abcdefg";
	dma_addr_t addr;
	char *seen;

	(void)state;
	addr = dma_map_single(&mapped, buf, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_true(addr >= DMA_TEST_BASE);
	seen = dma_test_access(addr, sizeof(buf), true);
	assert_string_equal(seen, "abcdefg");
	strcpy(seen, "device");
	assert_string_equal(buf, "abcdefg");
	dma_sync_single_for_cpu(&mapped, addr, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_string_equal(buf, "device");
	strcpy(buf, "cpu");
	dma_sync_single_for_device(&mapped, addr, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_string_equal(seen, "cpu");
	dma_unmap_single(&mapped, addr, sizeof(buf), DMA_BIDIRECTIONAL);
	assert_int_equal(dma_test_mappings(), 0);
}

static void a_list_is_mapped_whole_or_not_at_all(void **state)
{
	struct scatterlist sg[4];
	char buf[4][8];
	unsigned int i;
	struct device *devices[] = {&direct, &mapped};
	unsigned int d;

	(void)state;
	for (d = 0; d < 2; d++) {
		sg_init_table(sg, 4);
		for (i = 0; i < 4; i++)
			sg_set_buf(&sg[i], buf[i], 8);
		assert_int_equal(dma_map_sg(devices[d], sg, 4, DMA_TO_DEVICE), 4);
		for (i = 0; i < 4; i++)
			assert_true(sg[i].dma_address != 0);
		dma_unmap_sg(devices[d], sg, 4, DMA_TO_DEVICE);
		assert_int_equal(dma_test_mappings(), 0);
	}
	for (i = 1; i <= 4; i++) {
		dma_test_fail_map(i);
		assert_int_equal(dma_map_sg(&mapped, sg, 4, DMA_TO_DEVICE), 0);
		assert_int_equal(dma_test_mappings(), 0);
	}
}

/* The test bench itself: a wrong direction, a wrong size and a leak are noticed. */
static void the_test_backend_notices_mistakes(void **state)
{
	char buf[16];
	dma_addr_t addr;

	(void)state;
	violation_quiet(true);
	addr = dma_map_single(&mapped, buf, 16, DMA_TO_DEVICE);
	assert_null(dma_test_access(addr, 16, true));
	assert_int_equal(violation_count(), 1);
	assert_null(dma_test_access(addr, 17, false));
	dma_unmap_single(&mapped, addr, 15, DMA_TO_DEVICE);
	dma_unmap_single(&mapped, addr, 16, DMA_FROM_DEVICE);
	assert_int_equal(violation_count(), 4);
	dma_unmap_single(&mapped, addr, 16, DMA_FROM_DEVICE);
	assert_null(dma_test_access(addr, 1, false));
	assert_int_equal(violation_count(), 6);
	addr = dma_map_single(&mapped, buf, 16, DMA_FROM_DEVICE);
	dma_test_reset();
	assert_int_equal(violation_count(), 7);
	violation_reset();
}

#define DMA_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DMA_TEST(direct_addresses_are_those_of_the_cpu),
		DMA_TEST(coherent_memory_is_zeroed_and_page_aligned),
		DMA_TEST(sizes_out_of_range_are_refused),
		DMA_TEST(what_lies_beyond_the_devices_mask_is_not_mapped),
		DMA_TEST(a_backend_sees_every_call_with_its_direction),
		DMA_TEST(a_list_is_mapped_whole_or_not_at_all),
		DMA_TEST(the_test_backend_notices_mistakes),
	};

	return cmocka_run_group_tests_name("dma", tests, NULL, NULL);
}
