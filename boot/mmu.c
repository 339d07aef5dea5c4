/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills the translation tables (long descriptors: ARM DDI 0406C B3.6, DDI 0487 D8.3). Tables
 * come from a part of the image, are never given back, and a valid entry is never changed: so a map may
 * grow while the MMU is on without any TLB maintenance. Most of this runs before the MMU is on as
 * well, when memory behaves like a device: no unaligned accesses, no C library.
 */
#include <errno.h>
#include <arch/barrier.h>
#include "boot/image.h"
#include "boot/mmu.h"

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

static unsigned int tables_used; /* of those at mmu_tables_start; the first is the root */

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

/* A table of invalid entries, or NULL. Nobody has looked at its memory before: what a loader left of it in the cache
 * goes first. */
static union descriptor *new_table(void)
{
	char *table = mmu_tables_start + tables_used * PAGE_SIZE;

	if (table == mmu_tables_end)
		return NULL;
	tables_used++;
	cache_invalidate_range(table, table + PAGE_SIZE);
	clear_range(table, table + PAGE_SIZE);
	return (union descriptor *)table;
}

static union descriptor *root_table(void)
{
	return tables_used ? (union descriptor *)mmu_tables_start : new_table();
}

static union descriptor *next_table(union descriptor *entry)
{
	if (!(entry->value & DESC_VALID)) {
		const union descriptor *table = new_table();

		if (!table)
			return NULL;
		write_descriptor(entry, (uintptr_t)table | DESC_VALID | DESC_TABLE);
	}
	return (union descriptor *)(uintptr_t)(entry->value & DESC_ADDRESS);
}

/* What is left of a mapping: the addresses [start, end), which mean those @offset higher (modulo 2^64). */
struct piece {
	uint64_t start, end, offset;
};

/* Whether one entry of @level can stand at the start of @piece and end by its end. */
static bool leaf_fits(unsigned int level, const struct piece *piece)
{
	uint64_t size = BIT_ULL(level_shift(level));

	return level > 0 && !((piece->start | piece->offset) & (size - 1)) &&
	       piece->end - piece->start >= size;
}

/* Whether the walk for @piece ends at @entry of @level: as it is, or because it can. */
static bool is_leaf(const union descriptor *entry, unsigned int level, const struct piece *piece)
{
	if (entry->value & DESC_VALID)
		return level == LAST_LEVEL || !(entry->value & DESC_TABLE);
	return leaf_fits(level, piece);
}

/* Walks to the table with the largest entry at the start of @piece. Returns its level, or -ENOMEM. */
static int find_table(const struct piece *piece, union descriptor **table)
{
	unsigned int level = FIRST_LEVEL;
	union descriptor *entry;

	for (*table = root_table(); *table; level++) {
		entry = *table + (piece->start >> level_shift(level)) % TABLE_ENTRIES;
		if (is_leaf(entry, level, piece))
			return (int)level;
		*table = next_table(entry);
	}
	return -ENOMEM;
}

/* Maps as many entries of one size from the start of @piece on as lie in one table, and takes them off. */
static int map_run(struct piece *piece, uint64_t attributes)
{
	union descriptor *table, *entry;
	int level = find_table(piece, &table);
	uint64_t size, leaf;

	if (level < 0)
		return level;
	size = BIT_ULL(level_shift((unsigned int)level));
	entry = table + piece->start / size % TABLE_ENTRIES;
	leaf = ALIGN_DOWN(piece->start + piece->offset, size) | attributes | DESC_VALID |
	       (level == LAST_LEVEL ? DESC_TABLE : 0);
	piece->start = ALIGN_DOWN(piece->start, size);
	do {
		if (!(entry->value & DESC_VALID))
			write_descriptor(entry, leaf);
		else if (entry->value != leaf)
			return -EBUSY;
		piece->start += size;
		leaf += size;
		entry++;
		/* Pages, which are the most, need no look at what else an entry could be. */
	} while (entry < table + TABLE_ENTRIES && piece->start < piece->end &&
		 (level == LAST_LEVEL || is_leaf(entry, (unsigned int)level, piece)));
	return 0;
}

int mmu_map_at(uint64_t start, uint64_t end, uint64_t phys, enum mmu_type type)
{
	struct piece piece = {start, end, phys - start};
	uint64_t attributes = attributes_of(type);
	int err = 0;

	if (end < start || end > mmu_limit() || phys > mmu_phys_limit() ||
	    end - start > mmu_phys_limit() - phys)
		return -ERANGE;
	if (piece.offset % PAGE_SIZE)
		return -EINVAL;
	piece.start = ALIGN_DOWN(start, PAGE_SIZE);
	piece.end = ALIGN_UP(end, PAGE_SIZE);
	while (!err && piece.start < piece.end)
		err = map_run(&piece, attributes);
	/* The new entries reach the table walker before the first access through them. */
	__asm__ volatile("dsb ishst\n\tisb" ::: "memory");
	return err;
}

int mmu_map(uint64_t start, uint64_t end, enum mmu_type type)
{
	return mmu_map_at(start, end, start, type);
}

/* Where the entry at @address that is not a table ends; *@valid: whether it maps something. */
static uint64_t entry_end(uint64_t address, bool *valid)
{
	const union descriptor *table = root_table();
	unsigned int level = FIRST_LEVEL;

	for (;; level++) {
		const union descriptor *entry =
			table + (address >> level_shift(level)) % TABLE_ENTRIES;
		uint64_t size = BIT_ULL(level_shift(level));

		*valid = entry->value & DESC_VALID;
		if (!*valid || level == LAST_LEVEL || !(entry->value & DESC_TABLE))
			return ALIGN_DOWN(address, size) + size;
		table = (const union descriptor *)(uintptr_t)(entry->value & DESC_ADDRESS);
	}
}

bool mmu_is_free(uint64_t start, uint64_t end)
{
	bool valid = end > mmu_limit();

	while (!valid && start < end)
		start = entry_end(start, &valid);
	return !valid;
}

uint64_t mmu_limit(void)
{
	return BIT_ULL(cpu_address_bits());
}

uint64_t mmu_phys_limit(void)
{
	return BIT_ULL(cpu_phys_bits());
}

uint64_t mmu_root(void)
{
	return (uintptr_t)mmu_tables_start;
}

const void *mmu_used_end(void)
{
	return mmu_tables_start + tables_used * PAGE_SIZE;
}
