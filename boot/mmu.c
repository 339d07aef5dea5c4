/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills the translation tables (long descriptors: ARM DDI 0406C B3.6, DDI 0487 D8.3). Tables
 * come from a static pool, are never given back, and a valid entry is never changed: so a map may
 * grow while the MMU is on without any TLB maintenance. Most of this runs before the MMU is on as
 * well, when memory behaves like a device: no unaligned accesses, no C library.
 */
#include <errno.h>
#include <arch/barrier.h>
#include "boot/mmu.h"

/*
 * Enough for the root, RAM in three banks with odd ends, image and device tree, and 40 devices
 * in regions of 2 MiB of their own, some of them above 4 GiB.
 */
#define MMU_TABLES    64
#define TABLE_ENTRIES 512
#define LAST_LEVEL    3
#define ENTRY_BITS    9

/* 48-bit addresses start at level 0. 32-bit ones start at level 1, in a table of four entries. */
#define FIRST_LEVEL (sizeof(void *) == 8 ? 0 : 1)

#define DESC_VALID     BIT_ULL(0)
#define DESC_TABLE     BIT_ULL(1) /* levels 0 to 2: next table rather than block; level 3: page */
#define DESC_ATTR(n)   ((uint64_t)(n) << 2)
#define DESC_READ_ONLY BIT_ULL(7)
#define DESC_INNER     (3ull << 8) /* inner shareable */
#define DESC_ACCESSED  BIT_ULL(10)
#define DESC_NO_EXEC   (BIT_ULL(53) | BIT_ULL(54)) /* at any exception level */
#define DESC_ADDRESS   0x0000fffffffff000ull

#define NORMAL_MEMORY (DESC_ACCESSED | DESC_INNER | DESC_ATTR(MMU_ATTR_NORMAL))
#define DEVICE_MEMORY (DESC_ACCESSED | DESC_ATTR(MMU_ATTR_DEVICE))

/* Written by halves: Armv7 promises no more than that for a plain store. */
union descriptor {
	uint64_t value;
	uint32_t half[2];
};

/* In .bss, so a fresh table is all zero, that is, invalid. The first is the root. */
static union descriptor tables[MMU_TABLES][TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static unsigned int tables_used = 1;

static uint64_t attributes_of(enum mmu_type type)
{
	switch (type) {
	case MMU_TEXT:
		return NORMAL_MEMORY | DESC_READ_ONLY;
	case MMU_RODATA:
		return NORMAL_MEMORY | DESC_READ_ONLY | DESC_NO_EXEC;
	case MMU_DATA:
		return NORMAL_MEMORY | DESC_NO_EXEC;
	default:
		return DEVICE_MEMORY | DESC_NO_EXEC;
	}
}

static unsigned int level_shift(unsigned int level)
{
	return PAGE_SHIFT + ENTRY_BITS * (LAST_LEVEL - level);
}

/* The table walker may look at any time; the half with the valid bit comes last. */
static void write_descriptor(union descriptor *entry, uint64_t value)
{
	volatile uint32_t *half = entry->half;

	half[1] = (uint32_t)(value >> 32);
	dma_wmb();
	half[0] = (uint32_t)value;
}

static union descriptor *next_table(union descriptor *entry)
{
	if (!(entry->value & DESC_VALID)) {
		if (tables_used == MMU_TABLES)
			return NULL;
		write_descriptor(entry, (uintptr_t)tables[tables_used++] | DESC_VALID | DESC_TABLE);
	}
	return (union descriptor *)(uintptr_t)(entry->value & DESC_ADDRESS);
}

/* Whether one entry of @level can stand at @start and end by @end. */
static bool leaf_fits(unsigned int level, uint64_t start, uint64_t end)
{
	uint64_t size = BIT_ULL(level_shift(level));

	return level > 0 && !(start & (size - 1)) && end - start >= size;
}

/* Whether a valid @entry of @level ends the walk. */
static bool is_leaf(const union descriptor *entry, unsigned int level)
{
	return level == LAST_LEVEL || !(entry->value & DESC_TABLE);
}

/* Maps the largest piece at @start, and moves @start behind it. */
static int map_piece(uint64_t *start, uint64_t end, uint64_t attributes)
{
	union descriptor *table = tables[0];

	for (unsigned int level = FIRST_LEVEL;; level++) {
		uint64_t size = BIT_ULL(level_shift(level));
		union descriptor *entry = &table[(*start / size) % TABLE_ENTRIES];
		uint64_t leaf = ALIGN_DOWN(*start, size) | attributes | DESC_VALID |
				(level == LAST_LEVEL ? DESC_TABLE : 0);

		if (entry->value & DESC_VALID && is_leaf(entry, level)) {
			if (entry->value != leaf)
				return -EBUSY;
			*start = ALIGN_DOWN(*start, size) + size;
			return 0;
		}
		if (!(entry->value & DESC_VALID) && leaf_fits(level, *start, end)) {
			write_descriptor(entry, leaf);
			*start += size;
			return 0;
		}
		table = next_table(entry);
		if (!table)
			return -ENOMEM;
	}
}

int mmu_map(uint64_t start, uint64_t end, enum mmu_type type)
{
	uint64_t attributes = attributes_of(type);
	int err = 0;

	if (end < start || end > mmu_limit())
		return -ERANGE;
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	while (!err && start < end)
		err = map_piece(&start, end, attributes);
	/* The new entries reach the table walker before the first access through them. */
	__asm__ volatile("dsb ishst\n\tisb" ::: "memory");
	return err;
}

uint64_t mmu_limit(void)
{
	return BIT_ULL(cpu_address_bits());
}

uint64_t mmu_root(void)
{
	return (uintptr_t)tables[0];
}
