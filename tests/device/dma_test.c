/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each mapping takes a slot of bus address space of its own. Slots are used in turn, so that an
 * address that was unmapped stays invalid for long, and its late use is noticed.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/dma_test.h"
#include "tests/device/violation.h"

#define SLOT_SHIFT 21
#define SLOT_BYTES (1ull << SLOT_SHIFT)
#define SLOTS	   (1u << 17)

enum slot_kind { SLOT_FREE, SLOT_MAPPED, SLOT_COHERENT };

struct slot {
	enum slot_kind kind;
	enum dma_data_direction dir;
	uint64_t addr;
	size_t size;
	uint8_t *cpu;	 /* the driver's memory */
	uint8_t *device; /* what the device sees */
};

static struct slot slots[SLOTS];
static unsigned int next_slot, mappings, allocations, fail_map_in;
static unsigned long total_mappings;
static bool (*alloc_hook)(void);
static bool (*physical)(const void *addr, size_t len);
static void *(*translation)(uint64_t addr, size_t len, bool write);
static bool direct;

static struct slot *slot_take(enum slot_kind kind, void *cpu, size_t size)
{
	struct slot *slot;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		unsigned int n = next_slot++ % SLOTS;

		slot = &slots[n];
		if (slot->kind != SLOT_FREE)
			continue;
		slot->kind = kind;
		slot->cpu = cpu;
		slot->size = size;
		slot->addr = DMA_TEST_BASE + n * SLOT_BYTES + ((uintptr_t)cpu & (PAGE_SIZE - 1));
		return slot;
	}
	return NULL;
}

static struct slot *slot_find(uint64_t addr)
{
	uint64_t n = (addr - DMA_TEST_BASE) >> SLOT_SHIFT;

	if (addr < DMA_TEST_BASE || n >= SLOTS || slots[n].kind == SLOT_FREE)
		return NULL;
	return &slots[n];
}

static struct slot *slot_exact(const char *what, enum slot_kind kind, uint64_t addr, size_t size)
{
	struct slot *slot = slot_find(addr);

	if (!slot || slot->kind != kind || slot->addr != addr) {
		violation("dma: %s of %#llx, which is not mapped", what, (unsigned long long)addr);
		return NULL;
	}
	if (slot->size != size) {
		violation("dma: %s of %zu bytes, mapped were %zu", what, size, slot->size);
		return NULL;
	}
	return slot;
}

static void *test_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	struct slot *slot;
	void *cpu;

	(void)dev;
	(void)gfp;
	if (alloc_hook && alloc_hook())
		return NULL;
	if (size > SLOT_BYTES / 2 || posix_memalign(&cpu, PAGE_SIZE, size))
		return NULL;
	slot = slot_take(SLOT_COHERENT, cpu, size);
	if (!slot) {
		free(cpu);
		return NULL;
	}
	memset(cpu, 0, size);
	slot->device = cpu;
	slot->dir = DMA_BIDIRECTIONAL;
	allocations++;
	*handle = slot->addr;
	return cpu;
}

static void test_free(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	struct slot *slot = slot_exact("free", SLOT_COHERENT, handle, size);

	(void)dev;
	if (!slot)
		return;
	if (slot->cpu != cpu_addr)
		violation("dma: free with another CPU address");
	free(slot->cpu);
	slot->kind = SLOT_FREE;
	allocations--;
}

static dma_addr_t test_map(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir)
{
	struct slot *slot;

	(void)dev;
	if (fail_map_in && --fail_map_in == 0)
		return DMA_MAPPING_ERROR;
	if (!ptr || !size || size > SLOT_BYTES / 2)
		violation("dma: map of %zu bytes at %p", size, ptr);
	slot = slot_take(SLOT_MAPPED, ptr, size);
	if (!slot)
		return DMA_MAPPING_ERROR;
	slot->dir = dir;
	slot->device = malloc(size);
	if (dir == DMA_FROM_DEVICE)
		memset(slot->device, DMA_TEST_POISON, size);
	else
		memcpy(slot->device, ptr, size);
	mappings++;
	total_mappings++;
	return slot->addr;
}

static void test_unmap(struct device *dev, dma_addr_t addr, size_t size,
		       enum dma_data_direction dir)
{
	struct slot *slot = slot_exact("unmap", SLOT_MAPPED, addr, size);

	(void)dev;
	if (!slot)
		return;
	if (slot->dir != dir)
		violation("dma: unmap in direction %d, mapped in %d", dir, slot->dir);
	if (slot->dir != DMA_TO_DEVICE)
		memcpy(slot->cpu, slot->device, slot->size);
	free(slot->device);
	slot->kind = SLOT_FREE;
	mappings--;
}

/* The part of a mapping that a sync names. */
static struct slot *slot_part(uint64_t addr, size_t size, enum dma_data_direction dir)
{
	struct slot *slot = slot_find(addr);

	if (!slot || slot->kind != SLOT_MAPPED || addr < slot->addr ||
	    addr - slot->addr + size > slot->size || slot->dir != dir) {
		violation("dma: sync of what is not mapped so: %#llx", (unsigned long long)addr);
		return NULL;
	}
	return slot;
}

static void test_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir)
{
	struct slot *slot = slot_part(addr, size, dir);

	(void)dev;
	if (slot && dir != DMA_TO_DEVICE)
		memcpy(slot->cpu + (addr - slot->addr), slot->device + (addr - slot->addr), size);
}

static void test_sync_for_device(struct device *dev, dma_addr_t addr, size_t size,
				 enum dma_data_direction dir)
{
	struct slot *slot = slot_part(addr, size, dir);

	(void)dev;
	if (slot && dir != DMA_FROM_DEVICE)
		memcpy(slot->device + (addr - slot->addr), slot->cpu + (addr - slot->addr), size);
}

const struct dma_map_ops dma_test_ops = {
	.alloc = test_alloc,
	.free = test_free,
	.map = test_map,
	.unmap = test_unmap,
	.sync_for_cpu = test_sync_for_cpu,
	.sync_for_device = test_sync_for_device,
};

void dma_test_direct(bool on)
{
	direct = on;
}

void *dma_test_access(uint64_t addr, size_t len, bool write)
{
	struct slot *slot;

	if (direct)
		return (void *)(uintptr_t)addr;
	if (translation)
		return translation(addr, len, write);
	slot = slot_find(addr);
	if (!slot && physical && physical((void *)(uintptr_t)addr, len))
		return (void *)(uintptr_t)addr;
	if (!slot || addr < slot->addr || addr - slot->addr > slot->size ||
	    len > slot->size - (addr - slot->addr)) {
		violation("dma: device access to %#llx, %zu bytes: not mapped",
			  (unsigned long long)addr, len);
		return NULL;
	}
	if (slot->dir == (write ? DMA_TO_DEVICE : DMA_FROM_DEVICE)) {
		violation("dma: device %s %#llx, mapped for the other direction",
			  write ? "writes" : "reads", (unsigned long long)addr);
		return NULL;
	}
	return slot->device + (addr - slot->addr);
}

void dma_test_set_physical(bool (*reachable)(const void *addr, size_t len))
{
	physical = reachable;
}

void dma_test_set_translation(void *(*translate)(uint64_t addr, size_t len, bool write))
{
	translation = translate;
}

unsigned int dma_test_mappings(void)
{
	return mappings;
}

unsigned int dma_test_allocations(void)
{
	return allocations;
}

unsigned long dma_test_total_mappings(void)
{
	return total_mappings;
}

void dma_test_fail_map(unsigned int nth)
{
	fail_map_in = nth;
}

void dma_test_set_alloc_hook(bool (*hook)(void))
{
	alloc_hook = hook;
}

void dma_test_reset(void)
{
	unsigned int i;

	for (i = 0; i < SLOTS && (mappings || allocations); i++) {
		if (slots[i].kind == SLOT_FREE)
			continue;
		violation("dma: %zu bytes still %s", slots[i].size,
			  slots[i].kind == SLOT_MAPPED ? "mapped" : "allocated");
		free(slots[i].device);
		if (slots[i].kind == SLOT_MAPPED)
			mappings--;
		else
			allocations--;
		slots[i].kind = SLOT_FREE;
	}
	total_mappings = 0;
	fail_map_in = 0;
	direct = false;
	physical = NULL;
	translation = NULL;
}
