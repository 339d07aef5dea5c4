/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory that an ITS asks for through its GITS_BASER registers. Each says what its table is for and how
 * large an entry is; page size and levels are found out by writing and reading back. The table of devices
 * has an entry for each possible id: where that would be large, it is made in two levels.
 */
#include <errno.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_memory.h"
#include "lib/log.h"
#include "lib/pages.h"

#define BASER_TYPE(b)	   ((b) >> 56 & 7)
#define BASER_ENTRY(b)	   ((unsigned int)((b) >> 48 & 0x1f) + 1) /* bytes */
#define BASER_TWO_LEVELS   BIT_ULL(62)
#define BASER_PAGE_MASK	   (3ull << 8)
#define BASER_PAGE_SIZE(n) ((uint64_t)(n) << 8)
#define BASER_ADDRESS	   0x0000fffffffff000ull
#define BASER_CHECK \
	(ITS_VALID | BASER_TWO_LEVELS | BASER_ADDRESS | BASER_PAGE_MASK | ITS_BASE_PAGES)

#define TYPE_NONE    0u
#define TYPE_DEVICES 1u

#define PAGE_SIZES  3	     /* 4, 16 and 64 KiB */
#define TABLE_LIMIT 0x10000u /* of a flat table, and of a first level */
#define FIRST_ENTRY 8u	     /* bytes of an entry of a first level */

static unsigned int baser(unsigned int n)
{
	return GITS_BASER + 8 * n;
}

static size_t page_bytes(unsigned int page_size)
{
	return (size_t)PAGE_SIZE << 2 * page_size;
}

/* Whether register @n keeps @bits, while its table is not valid. */
static bool keeps(const struct its *its, unsigned int n, uint64_t bits, uint64_t mask)
{
	gic_write64(&its->regs, baser(n), bits);
	return (gic_read64(&its->regs, baser(n)) & mask) == bits;
}

/* The first page size that register @n takes, or PAGE_SIZES. */
static unsigned int find_page_size(const struct its *its, unsigned int n)
{
	unsigned int size = 0;

	while (size < PAGE_SIZES && !keeps(its, n, BASER_PAGE_SIZE(size), BASER_PAGE_MASK))
		size++;
	return size;
}

/* Allocates @bytes for register @n. The memory, or NULL with the error in *@err. */
static void *install(struct its *its, unsigned int n, unsigned int page_size, uint64_t flags,
		     size_t bytes, bool *coherent, int *err)
{
	size_t page = page_bytes(page_size);
	size_t size = ALIGN_UP(bytes, page);
	void *table = gic_alloc(size, page);
	uint64_t value, got;

	*err = -ENOMEM;
	if (!table)
		return NULL;
	/* Pages of 64 KiB have the upper bits of 52 where others have the lower ones; we have 48. */
	value = ITS_VALID | flags | BASER_PAGE_SIZE(page_size) | (uintptr_t)table |
		(size / page - 1);
	got = gic_write_base(&its->regs, baser(n), value, GITS_BASE_CACHE, coherent);
	*err = 0;
	if (!((got ^ value) & BASER_CHECK))
		return table;
	*err = -EIO;
	gic_write64(&its->regs, baser(n), 0);
	free_pages_exact(table, size);
	return NULL;
}

/* How the table of devices is laid out. Returns the bytes of what is allocated now. */
static size_t plan_devices(const struct its *its, unsigned int n, unsigned int page_size,
			   struct its_table *table)
{
	uint64_t ids = BIT_ULL(its->device_bits), per_page = page_bytes(page_size) / table->entry;
	uint64_t both = BASER_TWO_LEVELS | BASER_PAGE_SIZE(page_size);

	table->page = page_bytes(page_size);
	table->two_levels = ids * table->entry > TABLE_LIMIT &&
			    keeps(its, n, both, BASER_TWO_LEVELS | BASER_PAGE_MASK);
	if (table->two_levels)
		table->ids = MIN(ids, TABLE_LIMIT / FIRST_ENTRY * per_page);
	else
		table->ids = MIN(ids, (uint64_t)(TABLE_LIMIT / table->entry));
	if (table->ids < ids)
		log_warning("gic: %s: only device ids below %llu can have messages", its->msi.name,
			    (unsigned long long)table->ids);
	return (size_t)(table->two_levels ? DIV_ROUND_UP(table->ids, per_page) * FIRST_ENTRY
					  : table->ids * table->entry);
}

static int init_devices(struct its *its, unsigned int n, unsigned int page_size, unsigned int entry)
{
	struct its_table *table = &its->devices;
	int err;

	if (table->first)
		return -EIO; /* There is one table of each kind. */
	table->entry = entry;
	table->size = ALIGN_UP(plan_devices(its, n, page_size, table), page_bytes(page_size));
	table->first = install(its, n, page_size, table->two_levels ? BASER_TWO_LEVELS : 0,
			       table->size, &table->coherent, &err);
	return err;
}

/* Tables that only the ITS uses get a page: it holds what one CPU needs. */
static int init_other(struct its *its, unsigned int n, unsigned int page_size)
{
	bool coherent;
	int err;

	its->other_size[n] = page_bytes(page_size);
	its->other[n] = install(its, n, page_size, 0, its->other_size[n], &coherent, &err);
	return err;
}

static int init_table(struct its *its, unsigned int n)
{
	uint64_t value = gic_read64(&its->regs, baser(n));
	unsigned int page_size;

	if (BASER_TYPE(value) == TYPE_NONE)
		return 0;
	page_size = find_page_size(its, n);
	if (page_size == PAGE_SIZES)
		return -EIO;
	return BASER_TYPE(value) == TYPE_DEVICES
		       ? init_devices(its, n, page_size, BASER_ENTRY(value))
		       : init_other(its, n, page_size);
}

int its_tables_init(struct its *its)
{
	int err = 0;

	for (unsigned int n = 0; n < GITS_BASERS && !err; n++)
		err = init_table(its, n);
	return err || its->devices.first ? err : -ENODEV;
}

void its_tables_free(struct its *its)
{
	struct its_table *table = &its->devices;

	for (unsigned int n = 0; n < GITS_BASERS; n++) {
		gic_write64(&its->regs, baser(n), 0);
		free_pages_exact(its->other[n], its->other_size[n]);
		its->other[n] = NULL;
	}
	free_pages_exact(table->first, table->size);
	table->first = NULL;
}

int its_table_cover(struct its *its, uint32_t id)
{
	struct its_table *table = &its->devices;
	uint64_t *first;
	void *page;

	if (!table->two_levels)
		return 0;
	first = &table->first[id / (table->page / table->entry)];
	if (*first & ITS_VALID)
		return 0;
	page = gic_alloc(table->page, table->page);
	if (!page)
		return -ENOMEM;
	*first = ITS_VALID | (uintptr_t)page;
	gic_publish(first, sizeof(*first), table->coherent);
	return 0;
}
