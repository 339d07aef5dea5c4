/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input as a stream, the begin and the end of a run, and the memory that the device sees.
 * port_alloc() and port_free() are wrapped by the linker (--wrap), so that memory which the drivers
 * give up on purpose, to a device that does not answer, can be told from a leak and freed.
 */
#include <stdio.h>
#include "lib/work.h"
#include "tests/device/dma_test.h"
#include "tests/device/refdev.h"
#include "tests/device/violation.h"
#include "tests/fuzz/fuzz.h"

#define BLOCKS	1024u
#define REGIONS 2048u
#define TICK_NS (50 * NSEC_PER_USEC)

struct region {
	uint64_t addr;
	size_t len;
	uint8_t *memory; /* NULL: no region */
	bool writable;
	bool coherent;
	void *cpu;
};

static const uint8_t *input;
static size_t input_left;
static void (*wait_step)(void);
static void *blocks[BLOCKS];
static struct region regions[REGIONS];
static unsigned int region_end;

void *__wrap_port_alloc(size_t size);
void __wrap_port_free(void *ptr);
void *__real_port_alloc(size_t size);
void __real_port_free(void *ptr);

/* --- the input ------------------------------------------------------------------------------ */

bool fuzz_more(void)
{
	return input_left != 0;
}

void fuzz_bytes(void *buf, size_t len)
{
	size_t n = MIN(len, input_left);

	memset(buf, 0, len);
	memcpy(buf, input, n);
	input += n;
	input_left -= n;
}

uint8_t fuzz_u8(void)
{
	uint8_t value;

	fuzz_bytes(&value, sizeof(value));
	return value;
}

uint16_t fuzz_u16(void)
{
	uint16_t value;

	fuzz_bytes(&value, sizeof(value));
	return value;
}

uint32_t fuzz_u32(void)
{
	uint32_t value;

	fuzz_bytes(&value, sizeof(value));
	return value;
}

uint64_t fuzz_u64(void)
{
	uint64_t value;

	fuzz_bytes(&value, sizeof(value));
	return value;
}

/* --- the port's memory ------------------------------------------------------------------------ */

static void **block_find(void *ptr)
{
	for (unsigned int i = 0; i < BLOCKS; i++)
		if (blocks[i] == ptr)
			return &blocks[i];
	fuzz_fail(__FILE__, __LINE__, "no such block of memory, or too many");
}

void *__wrap_port_alloc(size_t size)
{
	void *ptr = __real_port_alloc(size);

	if (ptr)
		*block_find(NULL) = ptr;
	return ptr;
}

void __wrap_port_free(void *ptr)
{
	if (ptr)
		*block_find(ptr) = NULL;
	__real_port_free(ptr);
}

/* --- memory that the device sees -------------------------------------------------------------- */

static struct region *region_add(uint64_t addr, size_t len, void *cpu, bool writable)
{
	unsigned int i = 0;

	while (i < region_end && regions[i].memory)
		i++;
	fuzz_check(i < REGIONS);
	region_end = MAX(region_end, i + 1);
	regions[i] = (struct region){addr, len, cpu, writable, false, cpu};
	return &regions[i];
}

static void region_drop(uint64_t addr)
{
	for (unsigned int i = 0; i < region_end; i++)
		if (regions[i].memory && regions[i].addr == addr)
			regions[i].memory = NULL;
}

void fuzz_share(uint64_t addr, void *memory, size_t len)
{
	region_add(addr, len, memory, true);
}

static void *ops_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *cpu = dma_test_ops.alloc(dev, size, handle, gfp);

	if (cpu)
		region_add(*handle, size, cpu, true)->coherent = true;
	return cpu;
}

static void ops_free(struct device *dev, size_t size, void *cpu, dma_addr_t handle)
{
	region_drop(handle);
	dma_test_ops.free(dev, size, cpu, handle);
}

static dma_addr_t ops_map(struct device *dev, void *ptr, size_t size, enum dma_data_direction dir)
{
	dma_addr_t addr = dma_test_ops.map(dev, ptr, size, dir);
	bool writable = dir != DMA_TO_DEVICE;

	if (!dma_mapping_error(dev, addr))
		region_add(addr, size, dma_test_access(addr, size, writable), writable);
	return addr;
}

static void ops_unmap(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)
{
	region_drop(addr);
	dma_test_ops.unmap(dev, addr, size, dir);
}

static void ops_sync_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			     enum dma_data_direction dir)
{
	dma_test_ops.sync_for_cpu(dev, addr, size, dir);
}

static void ops_sync_for_device(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction dir)
{
	dma_test_ops.sync_for_device(dev, addr, size, dir);
}

const struct dma_map_ops fuzz_dma_ops = {
	.alloc = ops_alloc,
	.free = ops_free,
	.map = ops_map,
	.unmap = ops_unmap,
	.sync_for_cpu = ops_sync_for_cpu,
	.sync_for_device = ops_sync_for_device,
};

void *fuzz_memory(uint64_t addr, size_t len, bool write)
{
	for (unsigned int i = 0; i < region_end; i++) {
		const struct region *r = &regions[i];

		if (r->memory && addr - r->addr < r->len && len <= r->len - (addr - r->addr) &&
		    (r->writable || !write))
			return r->memory + (addr - r->addr);
	}
	return NULL;
}

void fuzz_scribble(void)
{
	unsigned int n = fuzz_u8(), at = fuzz_u16(), len = 1 + fuzz_u8() % 8;
	struct region *r = region_end ? &regions[n % region_end] : NULL;
	uint8_t bytes[8];

	fuzz_bytes(bytes, len);
	if (!r || !r->memory || !r->writable)
		return;
	for (unsigned int i = 0; i < len; i++)
		r->memory[(at + i) % r->len] = bytes[i];
}

/* --- a run ---------------------------------------------------------------------------------- */

void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: fuzz_check failed: %s\n", file, line, what);
	abort();
}

static void tick(void *arg)
{
	(void)arg;
	port_host_after(TICK_NS, tick, NULL);
	if (wait_step)
		wait_step();
}

void fuzz_on_wait(void (*step)(void))
{
	wait_step = step;
	port_host_after(TICK_NS, tick, NULL);
}

void fuzz_begin(const uint8_t *data, size_t size)
{
	input = data;
	input_left = size;
	wait_step = NULL;
	region_end = 0;
	port_host_setup(NULL);
}

/* What a driver has left to a device that did not answer. */
static void take_back_lost(void)
{
	for (unsigned int i = 0; i < region_end; i++)
		if (regions[i].memory && regions[i].coherent)
			ops_free(NULL, regions[i].len, regions[i].cpu, regions[i].addr);
	for (unsigned int i = 0; i < BLOCKS; i++)
		if (blocks[i])
			__wrap_port_free(blocks[i]);
}

void fuzz_end(bool lost)
{
	fuzz_check(!work_pending(&system_wq));
	if (lost)
		take_back_lost();
	fuzz_check(dma_test_mappings() == 0);
	fuzz_check(dma_test_allocations() == 0);
	fuzz_check(port_host_live() == 0);
	refdev_forget();
	fuzz_check(port_host_teardown(NULL) == 0);
}
