/* SPDX-License-Identifier: BSD-2-Clause */
/* See its_memory.h. */
#include <stdlib.h>
#include <string.h>
#include "tests/device/its_memory.h"
#include "tests/device/its_model.h"
#include "tests/device/violation.h"

#define REGIONS 512

struct region {
	char *start, *shadow;
	size_t size;
};

static struct region regions[REGIONS];
static unsigned int live, fail_in;
static size_t used_bytes;
static bool failed;

static struct region *region_of(uint64_t address, size_t size)
{
	for (unsigned int i = 0; i < REGIONS; i++) {
		struct region *region = &regions[i];
		uint64_t start = (uintptr_t)region->start;

		if (region->start && address >= start && address + size <= start + region->size)
			return region;
	}
	return NULL;
}

const void *its_see(uint64_t address, size_t size, const char *what)
{
	const struct region *region = region_of(address, size);

	if (!region) {
		violation("its: %s: no memory at 0x%llx", what, (unsigned long long)address);
		return NULL;
	}
	if (its_model.options.coherent)
		return (const void *)(uintptr_t)address;
	return region->shadow + (address - (uintptr_t)region->start);
}

static bool all_zero(const char *bytes, size_t size)
{
	while (size && !*bytes)
		bytes++, size--;
	return !size;
}

void its_check_given(uint64_t address, size_t size, const char *what)
{
	const char *bytes = its_see(address, size, what);

	if (bytes && !all_zero(bytes, size))
		violation("its: %s: memory that is not zeroed", what);
}

void *its_model_alloc(size_t size, size_t alignment)
{
	struct region *region = regions;
	void *memory;

	if (fail_in && --fail_in == 0) {
		failed = true;
		return NULL;
	}
	size = ALIGN_UP(size, PAGE_SIZE);
	while (region->start)
		region++;
	if (posix_memalign(&memory, alignment, size))
		return NULL;
	memset(memory, 0, size);
	*region = (struct region){memory, malloc(size), size};
	memset(region->shadow, 0xa5, size);
	live++;
	used_bytes += size;
	return memory;
}

void its_model_free(void *memory)
{
	struct region *region;

	if (!memory)
		return;
	region = region_of((uintptr_t)memory, 1);
	if (!region || region->start != memory) {
		violation("its: freed what was not allocated");
		return;
	}
	if (its_model_uses((struct its_range){(uintptr_t)region->start, region->size}))
		violation("its: memory freed that the GIC uses");
	free(region->shadow);
	live--;
	used_bytes -= region->size;
	*region = (struct region){NULL, NULL, 0};
	free(memory);
}

void its_model_clean(const void *start, size_t size)
{
	struct region *region = region_of((uintptr_t)start, size);

	if (region)
		memcpy(region->shadow + ((const char *)start - region->start), start, size);
	else
		violation("its: cache maintenance of memory that is not there");
}

void its_model_fail_alloc(unsigned int nth)
{
	fail_in = nth;
	failed = false;
}

bool its_model_alloc_failed(void)
{
	return failed;
}

unsigned int its_model_live(void)
{
	return live;
}

size_t its_model_bytes(void)
{
	return used_bytes;
}

void its_memory_reset(void)
{
	for (unsigned int i = 0; i < REGIONS; i++) {
		free(regions[i].start);
		free(regions[i].shadow);
	}
	memset(regions, 0, sizeof(regions));
	live = fail_in = 0;
	used_bytes = 0;
	failed = false;
}
