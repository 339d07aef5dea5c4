/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where ioremap() maps registers: to themselves where a pointer of 32 bits reaches them, else into a window of addresses
 * that are neither RAM nor mapped. The tables are simulated, page by page.
 */
#include "tests/unit/test.h"
#include <stdio.h>
#include "boot/ioremap.c"

#define PAGES (1u << 20) /* of 4 GiB */
#define GIB   (1ull << 30)

static uint64_t phys_of[PAGES]; /* of each page, and 1; 0: not mapped */
static uint64_t ram_start, ram_end;
static unsigned int phys_bits;
static int map_error;
static unsigned int maps, errors;
static char last_error[160];

uint64_t mmu_limit(void)
{
	return BIT_ULL(32);
}

uint64_t mmu_phys_limit(void)
{
	return BIT_ULL(phys_bits);
}

bool memory_is_ram(uint64_t start, uint64_t end)
{
	return start < ram_end && end > ram_start;
}

bool mmu_is_free(uint64_t start, uint64_t end)
{
	assert_true(start < end && end <= mmu_limit());
	for (uint64_t page = start / PAGE_SIZE; page * PAGE_SIZE < end; page++)
		if (phys_of[page])
			return false;
	return true;
}

int mmu_map_at(uint64_t start, uint64_t end, uint64_t phys, enum mmu_type type)
{
	assert_int_equal(type, MMU_DEVICE);
	assert_int_equal((phys - start) % PAGE_SIZE, 0);
	maps++;
	if (map_error || end > mmu_limit())
		return map_error ? map_error : -ERANGE;
	for (uint64_t at = ALIGN_DOWN(start, (uint64_t)PAGE_SIZE); at < end; at += PAGE_SIZE) {
		uint64_t page_phys = ALIGN_DOWN(phys - start + at, (uint64_t)PAGE_SIZE) + 1;

		if (phys_of[at / PAGE_SIZE] && phys_of[at / PAGE_SIZE] != page_phys)
			return -EBUSY;
		assert_false(memory_is_ram(at, at + PAGE_SIZE));
		phys_of[at / PAGE_SIZE] = page_phys;
	}
	return 0;
}

int mmu_map(uint64_t start, uint64_t end, enum mmu_type type)
{
	return mmu_map_at(start, end, start, type);
}

void log_message(enum log_level level, const char *fmt, ...)
{
	va_list args;

	assert_int_equal(level, LOG_ERROR);
	va_start(args, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	errors++;
}

static int setup(void **state)
{
	(void)state;
	memset(phys_of, 0, sizeof(phys_of));
	memset(windows, 0, sizeof(windows));
	window_count = 0;
	ram_start = GIB;
	ram_end = 3 * GIB;
	phys_bits = 40;
	map_error = 0;
	maps = errors = 0;
	said_run_out = false;
	return 0;
}

#define MAP_TEST(fn) cmocka_unit_test_setup(fn, setup)

/* Every byte of [@phys, @phys + @size) is at its place behind the pointer, which is returned. */
static uint64_t mapped(uint64_t phys, size_t size)
{
	uint64_t address = (uintptr_t)ioremap(phys, size);

	assert_true(address != 0 && address + size <= mmu_limit());
	for (uint64_t i = 0; i < size; i += 0x800)
		assert_int_equal(phys_of[(address + i) / PAGE_SIZE] - 1,
				 ALIGN_DOWN(phys + i, (uint64_t)PAGE_SIZE));
	assert_int_equal(address % PAGE_SIZE, phys % PAGE_SIZE);
	return address;
}

static void what_a_pointer_reaches_is_mapped_to_itself(void **state)
{
	(void)state;
	assert_int_equal(mapped(0x9000000, 0x1000), 0x9000000);
	assert_int_equal(mapped(0x9000010, 0x2000), 0x9000010);
	assert_null(ioremap(0x9000000, 0));
	assert_null(ioremap(GIB - 1, 2)); /* RAM */
	assert_null(ioremap(UINT64_MAX, 2));
}

static bool is_mapped(uint64_t address)
{
	return phys_of[address / PAGE_SIZE] != 0;
}

/* One entry serves all that lies in the block. */
static void a_block_that_is_free_is_mapped_as_a_whole(void **state)
{
	(void)state;
	mapped(0x9010000, 0x1000);
	assert_true(is_mapped(0x9000000) && is_mapped(0x91ff000));
	assert_false(is_mapped(0x8fff000) || is_mapped(0x9200000));
	mapped(0x9100000, 0x100000);
	mapped(0x93ff000, 0x2000); /* across two */
	assert_true(is_mapped(0x9200000) && is_mapped(0x95ff000));
	/* Address 0 stays nobody's. */
	mapped(0x1000, 0x1000);
	assert_true(is_mapped(0x1000));
	assert_false(is_mapped(0) || is_mapped(0x2000));
}

static void a_block_with_anything_else_in_it_is_not(void **state)
{
	(void)state;
	ram_end = 3 * GIB + PAGE_SIZE;
	mapped(3 * GIB + PAGE_SIZE, 0x1000);
	assert_false(is_mapped(3 * GIB) || is_mapped(3 * GIB + 2 * PAGE_SIZE));
	phys_of[0x9008000 / PAGE_SIZE] = 0x123000 + 1; /* a window, or what is no register */
	mapped(0x9010000, 0x1000);
	assert_false(is_mapped(0x9000000) || is_mapped(0x9011000));
	assert_int_not_equal(mapped(0x9008000, 0x1000), 0x9008000);
}

static void what_it_does_not_reach_gets_free_addresses(void **state)
{
	uint64_t first, second;

	(void)state;
	first = mapped(0x4010000000, 0x200000);
	second = mapped(0x8000000010, 0x4000);
	assert_true(first >= ram_end && second >= ram_end);
	assert_true(second + 0x4000 <= first || second >= first + 0x200000);
	mapped(0x4010300000, 0x100000);
	mapped(0xffffffff0, 0x20);		    /* across 64 GiB */
	assert_null(ioremap(0xfffffff000, 0x2000)); /* beyond 40 bits */
}

static void the_same_registers_get_the_same_addresses(void **state)
{
	uint64_t first = mapped(0x8000000000, 0x4000);

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(mapped(0x8000000000, 0x4000), first);
		assert_int_equal(mapped(0x8000001004, 8), first + 0x1004);
	}
	assert_int_equal(window_count, 1);
	/* More than that window has. */
	mapped(0x8000000000, 0x400000);
	assert_int_equal(window_count, 2);
}

static void a_window_takes_in_no_ram(void **state)
{
	(void)state;
	ram_start = 0x4000000000;
	ram_end = 0x4000101000;
	mapped(0x4000101000, 0x1000);
	assert_int_equal(windows[0].size, 0x1000);
	assert_null(ioremap(0x4000100000, 0x1000));
	assert_null(ioremap(0x4000100000, 0x2000));
}

static void registers_where_a_window_is_get_one_too(void **state)
{
	uint64_t first = mapped(0x4010000000, 0x1000), second;

	(void)state;
	second = mapped(first, 0x1000);
	assert_true(second != first);
	assert_int_equal(mapped(0x4010000000, 0x1000), first);
}

static void registers_next_to_a_window_are_not_half_mapped(void **state)
{
	uint64_t first = mapped(0x4010000000, 0x1000), below = first - PAGE_SIZE;

	(void)state;
	assert_true(mapped(below, 0x2000) != below);
	assert_int_not_equal(phys_of[below / PAGE_SIZE], below + 1);
}

static void all_of_the_address_space_may_be_taken(void **state)
{
	(void)state;
	ram_start = 0x200000;
	ram_end = 4 * GIB; /* all but the first 2 MiB, in which address 0 is */
	assert_null(ioremap(0x4010000000, 0x1000));
	ram_start = 0x600000;
	mapped(0x4010000000, 0x1000);
	mapped(0x4020000000, 0x1000);
	assert_null(ioremap(0x4030000000, 0x1000));
	assert_int_equal(errors, 1);
	assert_non_null(strstr(last_error, "all addresses are in use"));
	assert_null(ioremap(0x4010000000, (size_t)8 << 30));
}

static void the_number_of_windows_is_bounded(void **state)
{
	unsigned int i = 0;

	(void)state;
	while (ioremap(0x4000000000 + i * 0x1000000ull, 0x1000))
		i++;
	assert_int_equal(i, WINDOWS_MAX);
	mapped(0x4000000000, 0x1000);
	assert_null(ioremap(0x5000000000, 0x1000));
	assert_int_equal(errors, 1); /* of two failures */
	assert_string_equal(last_error,
			    "registers at 0x4100000000 cannot be mapped: all windows are in use");
}

static void tables_may_run_out(void **state)
{
	(void)state;
	map_error = -ENOMEM;
	assert_null(ioremap(0x4010000000, 0x1000));
	assert_null(ioremap(0x9000000, 0x1000));
	assert_int_equal(errors, 1);
	assert_non_null(strstr(last_error, "all translation tables are in use"));
	map_error = 0;
	mapped(0x4010000000, 0x1000);
	assert_int_equal(window_count, 1);
	/* Where everything is mapped to itself as well. */
	setup(state);
	phys_bits = 32;
	map_error = -ENOMEM;
	assert_null(ioremap(0x9000000, 0x1000));
	assert_int_equal(errors, 1);
}

static void a_cpu_with_one_kind_of_addresses_has_no_windows(void **state)
{
	(void)state;
	phys_bits = 32;
	assert_null(ioremap(0x4010000000, 0x1000));
	mapped(0x9000000, 0x1000);
	assert_int_equal(maps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAP_TEST(what_a_pointer_reaches_is_mapped_to_itself),
		MAP_TEST(a_block_that_is_free_is_mapped_as_a_whole),
		MAP_TEST(a_block_with_anything_else_in_it_is_not),
		MAP_TEST(what_it_does_not_reach_gets_free_addresses),
		MAP_TEST(the_same_registers_get_the_same_addresses),
		MAP_TEST(a_window_takes_in_no_ram),
		MAP_TEST(registers_where_a_window_is_get_one_too),
		MAP_TEST(registers_next_to_a_window_are_not_half_mapped),
		MAP_TEST(all_of_the_address_space_may_be_taken),
		MAP_TEST(the_number_of_windows_is_bounded),
		MAP_TEST(tables_may_run_out),
		MAP_TEST(a_cpu_with_one_kind_of_addresses_has_no_windows),
	};

	return cmocka_run_group_tests_name("ioremap", tests, NULL, NULL);
}
