/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain: four levels of tables for 48-bit addresses, pages of 4 KiB. Tables are made by prepare() and
 * stay, so that map() and unmap(), which may come from an interrupt, write entries of the last
 * level and nothing else. Every entry is tagged with the domain's ASID (it is not global), by which the
 * SMMU's TLB tells domains apart.
 */
#include <errno.h>
#include <arch/cpu.h>
#include "drivers/iommu/smmu_v3_private.h"
#include "lib/pages.h"

#define TABLE_ENTRIES 512u
#define ENTRY_BITS    9u
#define LAST_LEVEL    3u

/* Above so many pages all that the ASID has in the TLB is dropped at once. */
#define TLBI_PAGES_MAX 32u

/* The structure and the context descriptor, which is a cache line's size, in a page. */
#define CD_OFFSET 256u
_Static_assert(sizeof(struct smmu_domain) <= CD_OFFSET, "the descriptor comes too early");

static unsigned int index_at(uint64_t iova, unsigned int level)
{
	return (unsigned int)(iova >> (PAGE_SHIFT + ENTRY_BITS * (LAST_LEVEL - level))) %
	       TABLE_ENTRIES;
}

static __le64 *table_of(__le64 entry)
{
	uint64_t value = le64_to_cpu(entry);

	return value & PTE_VALID ? (__le64 *)(uintptr_t)(value & PTE_ADDRESS) : NULL;
}

/* The last level's table for @iova, or NULL. */
static __le64 *find_table(const struct smmu_domain *domain, uint64_t iova)
{
	__le64 *table = domain->root;

	for (unsigned int level = 0; level < LAST_LEVEL && table; level++)
		table = table_of(table[index_at(iova, level)]);
	return table;
}

/* The entry of the page at @iova, or NULL where there is no table for it. */
static __le64 *find_page(const struct smmu_domain *domain, uint64_t iova)
{
	__le64 *table = find_table(domain, iova);

	return table ? table + index_at(iova, LAST_LEVEL) : NULL;
}

static int make_tables(struct smmu_domain *domain, uint64_t iova)
{
	__le64 *table = domain->root;

	for (unsigned int level = 0; level < LAST_LEVEL; level++) {
		__le64 *entry = table + index_at(iova, level);

		if (!table_of(*entry)) {
			const void *next = alloc_pages_exact(PAGE_SIZE);

			if (!next)
				return -ENOMEM;
			dma_wmb(); /* its zeroes before anything leads to it */
			smmu_write_entry(entry, (uintptr_t)next | PTE_VALID | PTE_TABLE);
		}
		table = table_of(*entry);
	}
	return 0;
}

int smmu_prepare(struct iommu_domain *base, uint64_t iova, uint64_t size)
{
	const uint64_t step = (uint64_t)PAGE_SIZE * TABLE_ENTRIES; /* of a last level's table */
	int err = 0;

	for (uint64_t at = ALIGN_DOWN(iova, step); at < iova + size && !err; at += step)
		err = make_tables(to_smmu_domain(base), at);
	return err;
}

static uint64_t attributes(unsigned int prot)
{
	uint64_t value = PTE_VALID | PTE_TABLE | PTE_UNPRIV | PTE_INNER | PTE_ACCESSED |
			 PTE_NOT_GLOBAL | PTE_NO_EXEC;

	/* Stage 1 knows no "write only". */
	if (!(prot & IOMMU_WRITE))
		value |= PTE_READONLY;
	if (prot & IOMMU_DEVICE)
		value |= PTE_DEVICE;
	return value;
}

/* Whether all pages of a range can be mapped: 0, -ENOMEM (not prepared) or -EEXIST. */
static int check_free(const struct smmu_domain *domain, uint64_t iova, uint64_t size)
{
	for (uint64_t at = iova; at < iova + size; at += PAGE_SIZE) {
		const __le64 *entry = find_page(domain, at);

		if (!entry)
			return -ENOMEM;
		if (le64_to_cpu(*entry) & PTE_VALID)
			return -EEXIST;
	}
	return 0;
}

/* An entry that was not valid is in no TLB: there is nothing to invalidate. */
int smmu_map(struct iommu_domain *base, uint64_t iova, uint64_t phys, uint64_t size,
	     unsigned int prot)
{
	const struct smmu_domain *domain = to_smmu_domain(base);
	const uint64_t value = attributes(prot);
	int err;

	/* What could never be unmapped must not be mapped. */
	if (to_smmu(base->iommu)->broken)
		return -EIO;
	if (phys & ~PTE_ADDRESS || (phys + size - 1) >> SMMU_VA_BITS)
		return -ERANGE;
	err = check_free(domain, iova, size);
	if (err)
		return err;
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		smmu_write_entry(find_page(domain, iova + at), (phys + at) | value);
	dma_wmb(); /* before the device hears of the address */
	return 0;
}

static void invalidate_pages(struct smmu *smmu, const struct smmu_domain *domain, uint64_t iova,
			     uint64_t size)
{
	if (size >> PAGE_SHIFT > TLBI_PAGES_MAX) {
		smmu_command(smmu, CMD_TLBI_NH_ASID | CMD_ASID(domain->asid), 0);
		return;
	}
	for (uint64_t at = iova; at < iova + size; at += PAGE_SIZE)
		smmu_command(smmu, CMD_TLBI_NH_VA | CMD_ASID(domain->asid), at | TLBI_LEAF);
}

int smmu_unmap(struct iommu_domain *base, uint64_t iova, uint64_t size)
{
	const struct smmu_domain *domain = to_smmu_domain(base);
	struct smmu *smmu = to_smmu(base->iommu);
	unsigned long state;
	int err;

	for (uint64_t at = iova; at < iova + size; at += PAGE_SIZE) {
		__le64 *entry = find_page(domain, at);

		if (!entry || !(le64_to_cpu(*entry) & PTE_VALID))
			return -ENOENT;
		smmu_write_entry(entry, 0);
	}
	state = irq_save();
	invalidate_pages(smmu, domain, iova, size);
	err = smmu_sync(smmu);
	irq_restore(state);
	return err;
}

/* --- life -------------------------------------------------------------------------------------------- */

/* An ASID above 0 that no domain has, or 0. */
static unsigned int take_asid(struct smmu *smmu)
{
	for (unsigned int asid = 1; asid <= SMMU_DOMAINS_MAX; asid++) {
		uint32_t *word = &smmu->asids[asid / 32];

		if (*word & BIT(asid % 32))
			continue;
		*word |= BIT(asid % 32);
		return asid;
	}
	return 0;
}

static void give_asid(struct smmu *smmu, unsigned int asid)
{
	smmu->asids[asid / 32] &= ~BIT(asid % 32);
}

struct iommu_domain *smmu_domain_alloc(struct iommu *iommu)
{
	struct smmu *smmu = to_smmu(iommu);
	struct smmu_domain *domain = smmu->broken ? NULL : alloc_pages_exact(PAGE_SIZE);

	if (!domain)
		return NULL;
	domain->root = alloc_pages_exact(PAGE_SIZE);
	domain->asid = domain->root ? take_asid(smmu) : 0;
	if (!domain->asid) {
		free_pages_exact(domain->root, PAGE_SIZE);
		free_pages_exact(domain, PAGE_SIZE);
		return NULL;
	}
	domain->cd = (__le64 *)((char *)domain + CD_OFFSET);
	smmu_fill_cd(smmu, domain);
	return &domain->base;
}

/* Frees the tables of levels 1 to 3 below one of level @level. Three calls deep at most. */
static void free_below(const __le64 *table, unsigned int level)
{
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		__le64 *next = table_of(table[i]);

		if (!next)
			continue;
		if (level + 1 < LAST_LEVEL)
			free_below(next, level + 1);
		free_pages_exact(next, PAGE_SIZE);
	}
}

void smmu_domain_free(struct iommu_domain *base)
{
	struct smmu_domain *domain = to_smmu_domain(base);
	struct smmu *smmu = to_smmu(base->iommu);
	unsigned long state = irq_save();
	int err;

	smmu_command(smmu, CMD_TLBI_NH_ASID | CMD_ASID(domain->asid), 0);
	err = smmu_sync(smmu);
	irq_restore(state);
	/* Tables that the SMMU may still look at are nobody's. */
	if (err)
		return;
	give_asid(smmu, domain->asid);
	free_below(domain->root, 0);
	free_pages_exact(domain->root, PAGE_SIZE);
	free_pages_exact(domain, PAGE_SIZE);
}
