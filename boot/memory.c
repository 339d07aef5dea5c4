/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who owns which address. The image's parts have their own rights and its guard pages none; the
 * rest of RAM is data; devices are mapped when a driver asks (ioremap.c). The heap is the larger of the pieces
 * that image and device tree leave of the image's bank. The first two functions run
 * with the MMU off: no unaligned accesses, no C library.
 */
#include <errno.h>
#include "boot/image.h"
#include "boot/memory.h"
#include "boot/mmu.h"
#include "lib/byteorder.h"
#include "lib/devicetree.h"
#include "lib/machine.h"

#define FDT_MAGIC    0xd00dfeedu
#define FDT_SIZE_MAX (2u << 20) /* arm64's boot protocol allows no more */
#define BANKS_MAX    16

struct range {
	uint64_t start, end;
};

/* All banks, also what lies beyond our address space: see memory_is_ram(). */
static struct range banks[BANKS_MAX];
static unsigned int bank_count;

static struct machine_memory memory;

static int map(const char *start, const char *end, enum mmu_type type)
{
	return mmu_map((uintptr_t)start, (uintptr_t)end, type);
}

int memory_map_image(void)
{
	int err = map(image_start, rodata_start, MMU_TEXT);

	if (!err)
		err = map(rodata_start, data_start, MMU_RODATA);
	if (!err)
		err = map(data_start, main_guard, MMU_DATA);
	if (!err)
		err = map(main_stack_bottom, irq_guard, MMU_DATA);
	if (!err)
		err = map(irq_stack_bottom, fault_guard, MMU_DATA);
	if (!err)
		err = map(fault_stack_bottom, image_end, MMU_DATA);
	return err;
}

int memory_map_fdt(uintptr_t fdt, size_t *size)
{
	const volatile __be32 *header = (const volatile __be32 *)fdt;

	/* start.S has checked the alignment. */
	if (!fdt || be32_to_cpu(header[0]) != FDT_MAGIC)
		return -EINVAL;
	*size = be32_to_cpu(header[1]);
	if (*size > FDT_SIZE_MAX)
		return -EINVAL;
	return mmu_map(fdt, fdt + *size, MMU_DATA);
}

/* Maps a bank around the image. Its last page stays out if its end is that of a pointer's range. */
static int map_bank(struct range bank)
{
	uint64_t limit = MIN(mmu_limit(), (uint64_t)UINTPTR_MAX - PAGE_SIZE + 1);
	uint64_t image_first = (uintptr_t)image_start, image_last = (uintptr_t)image_end;
	int err = 0;

	bank.start = ALIGN_UP(bank.start, PAGE_SIZE);
	bank.end = ALIGN_DOWN(MIN(bank.end, limit), PAGE_SIZE);
	if (bank.start >= bank.end)
		return 0;
	if (image_first < bank.start || image_first >= bank.end)
		return mmu_map(bank.start, bank.end, MMU_DATA);

	memory.ram_base = bank.start;
	memory.ram_size = bank.end - bank.start;
	if (image_last > bank.end)
		return -ENOMEM;
	err = mmu_map(bank.start, image_first, MMU_DATA);
	if (!err)
		err = mmu_map(image_last, bank.end, MMU_DATA);
	return err;
}

static uint64_t range_size(struct range range)
{
	return range.end > range.start ? range.end - range.start : 0;
}

/* Pieces below the image are left alone: at most 2 MiB, with the device tree of an ELF start. */
static void choose_heap(struct range fdt)
{
	struct range below = {(uintptr_t)image_end, memory.ram_base + memory.ram_size};
	struct range above = below;

	if (fdt.end > below.start && fdt.start < below.end) {
		below.end = ALIGN_DOWN(MAX(fdt.start, below.start), PAGE_SIZE);
		above.start = ALIGN_UP(fdt.end, PAGE_SIZE);
		if (range_size(above) > range_size(below))
			below = above;
	}
	memory.heap_start = (uintptr_t)below.start;
	memory.heap_end = (uintptr_t)below.end;
}

int memory_map_ram(uintptr_t fdt, size_t fdt_size)
{
	uint64_t base, size;

	memory.image_start = (uintptr_t)image_start;
	memory.image_end = (uintptr_t)image_end;
	while (bank_count < BANKS_MAX && !dt_memory(bank_count, &base, &size)) {
		struct range bank = {base, base + size};
		int err;

		if (bank.end < bank.start)
			bank.end = UINT64_MAX;
		err = map_bank(bank);
		if (err)
			return err;
		banks[bank_count++] = bank;
	}
	if (!memory.ram_size)
		return -ENOENT;
	choose_heap((struct range){fdt, fdt + fdt_size});
	return 0;
}

const struct machine_memory *machine_memory(void)
{
	return &memory;
}

bool memory_is_ram(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < bank_count; i++)
		if (start < banks[i].end && end > banks[i].start)
			return true;
	return false;
}
