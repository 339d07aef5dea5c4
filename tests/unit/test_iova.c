/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator of I/O virtual addresses: bounds, limits, fragmentation, and random use against a model. */
#include "tests/unit/test.h"
#include "lib/iova.h"

#define BASE 0x40000000ull

static struct iova_space space;

static void begin(uint32_t pages)
{
	assert_int_equal(iova_init(&space, BASE, pages), 0);
	assert_int_equal(space.free_pages, pages);
}

static int teardown(void **state)
{
	iova_exit(&space);
	return port_host_teardown(state);
}

static uint64_t page(uint32_t n)
{
	return BASE + (uint64_t)n * PAGE_SIZE;
}

static void spaces_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(iova_init(&space, 0, 16), -EINVAL);
	assert_int_equal(iova_init(&space, 0x1001, 16), -EINVAL);
	assert_int_equal(iova_init(&space, BASE, 0), -EINVAL);
	assert_int_equal(iova_init(&space, BASE, IOVA_PAGES_MAX + 1), -EINVAL);
	assert_int_equal(iova_init(&space, 0ull - PAGE_SIZE, 2), -EINVAL);
}

static void the_lowest_page_comes_first_and_comes_back(void **state)
{
	(void)state;
	begin(128);
	assert_true(iova_alloc(&space, 1, 0) == page(0));
	assert_true(iova_alloc(&space, 1, 0) == page(1));
	assert_true(iova_alloc(&space, 1, 0) == page(2));
	iova_free(&space, page(1), 1);
	assert_true(iova_alloc(&space, 1, 0) == page(1));
	assert_int_equal(space.free_pages, 125);
}

/* Spaces of every length up to a few hundred, and the longest: each page is given out once, none beyond. */
static void every_page_is_given_out_once(void **state)
{
	static uint8_t seen[IOVA_PAGES_MAX];

	(void)state;
	for (uint32_t pages = 1; pages <= IOVA_PAGES_MAX;
	     pages = pages < 300 || pages == IOVA_PAGES_MAX ? pages + 1 : IOVA_PAGES_MAX) {
		memset(seen, 0, sizeof(seen));
		begin(pages);
		for (uint32_t i = 0; i < pages; i++) {
			uint64_t addr = iova_alloc(&space, 1, 0);

			assert_true(addr >= BASE && addr < page(pages) && addr % PAGE_SIZE == 0);
			assert_false(seen[(addr - BASE) / PAGE_SIZE]++);
		}
		assert_int_equal(iova_alloc(&space, 1, 0), 0);
		for (uint32_t i = 0; i < pages; i++)
			iova_free(&space, page(i), 1);
		/* All of it in one piece again. */
		if (!(pages & (pages - 1)))
			assert_true(iova_alloc(&space, pages, 0) == BASE);
		iova_exit(&space);
	}
}

static void a_run_takes_exactly_its_pages(void **state)
{
	(void)state;
	begin(16);
	assert_true(iova_alloc(&space, 5, 0) == page(0));
	assert_int_equal(space.free_pages, 11);
	assert_true(iova_alloc(&space, 3, 0) ==
		    page(8)); /* a run of three begins on a multiple of four */
	assert_true(iova_alloc(&space, 1, 0) == page(5));
	assert_true(iova_alloc(&space, 2, 0) == page(6));
	assert_true(iova_alloc(&space, 1, 0) == page(11));
	assert_true(iova_alloc(&space, 4, 0) == page(12));
	assert_int_equal(space.free_pages, 0);
	assert_int_equal(iova_alloc(&space, 1, 0), 0);
	assert_int_equal(iova_alloc(&space, 17, 0), 0);
	assert_int_equal(iova_alloc(&space, 0, 0), 0);
	assert_int_equal(iova_alloc(&space, UINT32_MAX, 0), 0);
}

static void nothing_is_given_out_beyond_the_limit(void **state)
{
	(void)state;
	begin(64);
	assert_int_equal(iova_alloc(&space, 1, BASE - 1), 0);
	assert_int_equal(iova_alloc(&space, 1, BASE + PAGE_SIZE - 2), 0);
	assert_true(iova_alloc(&space, 1, BASE + PAGE_SIZE - 1) == page(0));
	assert_int_equal(iova_alloc(&space, 1, BASE + PAGE_SIZE - 1), 0);
	assert_int_equal(iova_alloc(&space, 2, page(3) - 1), 0);
	assert_true(iova_alloc(&space, 2, page(4) - 1) == page(2));
	/* A short block that lies too high does not hide a longer one that lies low enough. */
	for (uint32_t i = 4; i < 64; i++)
		assert_true(iova_alloc(&space, 1, 0) != 0);
	iova_free(&space, page(1), 1);
	iova_free(&space, page(60), 1);
	iova_free(&space, page(8), 8);
	assert_true(iova_alloc(&space, 1, UINT64_MAX) != 0); /* the lone one at 1 */
	assert_true(iova_alloc(&space, 1, page(20)) == page(8));
}

/* Half of the pages taken, each second one: no run of two is free, and all single ones are. Where the
 * other half comes back the largest run is free again. */
static void fragmentation_ends_when_neighbours_are_free(void **state)
{
	const uint32_t pages = 1024;

	(void)state;
	begin(pages);
	for (uint32_t i = 0; i < pages; i++)
		assert_true(iova_alloc(&space, 1, 0) == page(i));
	for (uint32_t i = 0; i < pages; i += 2)
		iova_free(&space, page(i), 1);
	assert_int_equal(iova_alloc(&space, 2, 0), 0);
	assert_true(iova_alloc(&space, 1, 0) == page(0));
	iova_free(&space, page(0), 1);
	for (uint32_t i = 1; i < pages; i += 2)
		iova_free(&space, page(i), 1);
	assert_true(iova_alloc(&space, pages, 0) == BASE);
}

/* --- random operations against a model ----------------------------------------------------------- */

#define MODEL_PAGES 777u
#define RUNS	    200u

static struct {
	uint64_t addr;
	uint32_t pages;
} runs[RUNS];
static bool taken[MODEL_PAGES];

/* Whether the model has a run that the allocator promises to find: one on a multiple of its rounded length. */
static bool model_has(uint32_t pages, uint32_t below)
{
	uint32_t step = 1;

	while (step < pages)
		step *= 2;
	for (uint32_t first = 0; first + step <= MODEL_PAGES && first + pages <= below;
	     first += step) {
		bool has = true;

		for (uint32_t i = first; i < first + step; i++)
			has = has && !taken[i];
		if (has)
			return true;
	}
	return false;
}

static void model_set(uint64_t addr, uint32_t pages, bool value)
{
	uint32_t first = (uint32_t)((addr - BASE) / PAGE_SIZE);

	for (uint32_t i = first; i < first + pages; i++) {
		assert_true(i < MODEL_PAGES);
		assert_true(taken[i] != value);
		taken[i] = value;
	}
}

static void random_use_agrees_with_a_model(void **state)
{
	uint32_t seed = 7, failed = 0, held = 0;

	(void)state;
	memset(runs, 0, sizeof(runs));
	memset(taken, 0, sizeof(taken));
	begin(MODEL_PAGES);
	for (unsigned int step = 0; step < 40000; step++) {
		uint32_t i = test_random(&seed) % RUNS;
		uint32_t pages = test_random(&seed) % 4 ? test_random(&seed) % 4 + 1
							: test_random(&seed) % 64 + 1;
		uint32_t below =
			test_random(&seed) % 3 ? MODEL_PAGES : test_random(&seed) % MODEL_PAGES + 1;

		if (runs[i].addr) {
			model_set(runs[i].addr, runs[i].pages, false);
			iova_free(&space, runs[i].addr, runs[i].pages);
			held -= runs[i].pages;
			runs[i].addr = 0;
			continue;
		}
		runs[i].addr = iova_alloc(&space, pages, page(below) - 1);
		runs[i].pages = pages;
		if (!runs[i].addr) {
			assert_false(model_has(pages, below));
			failed++;
			continue;
		}
		assert_true(runs[i].addr + pages * PAGE_SIZE <= page(below));
		model_set(runs[i].addr, pages, true);
		held += pages;
		assert_int_equal(space.free_pages, MODEL_PAGES - held);
	}
	assert_true(failed > 100); /* it was full at times */
	for (unsigned int i = 0; i < RUNS; i++) {
		if (runs[i].addr)
			iova_free(&space, runs[i].addr, runs[i].pages);
	}
	assert_true(iova_alloc(&space, 512, 0) == BASE);
}

#define IOVA_TEST(fn) cmocka_unit_test_setup_teardown(fn, port_host_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IOVA_TEST(spaces_that_make_no_sense_are_refused),
		IOVA_TEST(the_lowest_page_comes_first_and_comes_back),
		IOVA_TEST(every_page_is_given_out_once),
		IOVA_TEST(a_run_takes_exactly_its_pages),
		IOVA_TEST(nothing_is_given_out_beyond_the_limit),
		IOVA_TEST(fragmentation_ends_when_neighbours_are_free),
		IOVA_TEST(random_use_agrees_with_a_model),
	};

	return cmocka_run_group_tests_name("iova", tests, NULL, NULL);
}
