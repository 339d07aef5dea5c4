/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream table: an entry (STE) for each stream id, which leads to a context descriptor (CD) and so to a
 * domain's tables. An entry that is not valid aborts its stream's accesses and records them; past the tables
 * goes only what was attached so. With two levels, a second one is made for each 256 ids of which one is attached.
 */
#include <errno.h>
#include <arch/cpu.h>
#include "drivers/iommu/smmu_v3_private.h"
#include "lib/log.h"
#include "lib/pages.h"

#define SPLIT_BITS	   8u  /* a second level: 256 entries, the functions of a PCI bus */
#define TWO_LEVEL_BITS_MAX 20u /* 32 KiB of first level */
#define LINEAR_BITS_MAX	   16u /* 4 MiB */

void smmu_fill_cd(const struct smmu *smmu, struct smmu_domain *domain)
{
	const uint64_t oas = MIN(IDR5_OAS(smmu->idr5), 5u); /* 48 bits, as our descriptors have */
	const uint64_t asid = domain->asid;

	domain->cd[1] = cpu_to_le64((uintptr_t)domain->root & CD1_TTB);
	domain->cd[3] = cpu_to_le64(CD3_MAIR);
	domain->cd[0] =
		cpu_to_le64(CD_T0SZ(SMMU_VA_BITS) | CD_WALK_COHERENT | CD_EPD1 | CD_VALID |
			    CD_IPS(oas) | CD_AA64 | CD_RECORD | CD_ABORT | CD_ASET | CD_ASID(asid));
}

static __le64 *second_level(const struct smmu *smmu, uint32_t id)
{
	uint64_t descriptor = le64_to_cpu(smmu->streams[id >> smmu->split]);

	return (__le64 *)(uintptr_t)(descriptor & STE_CD_ADDRESS);
}

/* The entry of stream @id; NULL where its part of the table is not there. */
static __le64 *find_entry(const struct smmu *smmu, uint32_t id)
{
	__le64 *table = smmu->streams;

	if (smmu->split) {
		table = second_level(smmu, id);
		id &= BIT(smmu->split) - 1;
	}
	return table ? table + (size_t)id * STE_WORDS : NULL;
}

/* The same, made where it is missing; NULL where memory has run out. */
static __le64 *make_entry(struct smmu *smmu, uint32_t id)
{
	__le64 *entry = find_entry(smmu, id);
	__le64 *table;

	if (entry)
		return entry;
	table = alloc_pages_exact((size_t)STE_BYTES << smmu->split);
	if (!table)
		return NULL;
	/* A descriptor has its span, which is other than 0, in its lower half. */
	smmu_write_entry(&smmu->streams[id >> smmu->split],
			 (uintptr_t)table | L1_SPAN(smmu->split));
	return find_entry(smmu, id);
}

/* Tells the SMMU to read an entry anew, with the levels above it. */
static int update(struct smmu *smmu, uint32_t id)
{
	unsigned long state = irq_save();
	int err;

	smmu_command(smmu, CMD_CFGI_STE | CMD_SID(id), 0);
	smmu_command(smmu, CMD_CFGI_CD | CMD_SID(id), CFGI_LEAF);
	err = smmu_sync(smmu);
	irq_restore(state);
	return err;
}

/* Ends the entry's validity: everything that the stream does is refused from now on. */
static int clear(struct smmu *smmu, __le64 *entry, uint32_t id)
{
	if (!(le64_to_cpu(entry[0]) & STE_VALID))
		return 0;
	smmu_write_entry(entry, 0);
	return update(smmu, id);
}

/* Lets the stream through the new entry. Where the SMMU refuses a command it may have read the entry, which then leads
 * to what its owner frees: it has to be seen to go again. */
static int open_entry(struct smmu *smmu, __le64 *entry, uint32_t id, uint64_t word)
{
	int err;

	smmu_write_entry(entry, word);
	err = update(smmu, id);
	return err && clear(smmu, entry, id) ? -ETIMEDOUT : err;
}

/* The words of an entry for @domain, of which the first makes it valid. */
static void make_words(const struct smmu *smmu, struct iommu_domain *domain, uint64_t words[2])
{
	words[1] = STE1_SHARE_INPUT;
	if (domain->bypass) {
		words[0] = STE_VALID | STE_CONFIG_BYPASS;
		return;
	}
	words[0] = STE_VALID | STE_CONFIG_S1 |
		   ((uintptr_t)to_smmu_domain(domain)->cd & STE_CD_ADDRESS);
	words[1] |= STE1_CD_WRITE_BACK;
	if (IDR0_STALL(smmu->idr0) == STALL_POSSIBLE)
		words[1] |= STE1_S1STALLD;
}

int smmu_attach(struct iommu *iommu, uint32_t id, struct iommu_domain *domain)
{
	struct smmu *smmu = to_smmu(iommu);
	__le64 *entry;
	uint64_t words[2];
	int err;

	if (id >> smmu->stream_bits)
		return -ERANGE;
	entry = domain ? make_entry(smmu, id) : find_entry(smmu, id);
	if (!entry)
		return domain ? -ENOMEM : 0;
	err = clear(smmu, entry, id);
	if (err || !domain)
		return err;
	make_words(smmu, domain, words);
	entry[1] = cpu_to_le64(words[1]);
	for (unsigned int i = 2; i < STE_WORDS; i++)
		entry[i] = 0;
	dma_wmb(); /* the rest before the word that makes it valid */
	return open_entry(smmu, entry, id, words[0]);
}

/* --- setup ------------------------------------------------------------------------------------------- */

int smmu_streams_init(struct smmu *smmu)
{
	const unsigned int bits = IDR1_SIDSIZE(smmu->idr1);
	uint32_t cfg;

	smmu->split = IDR0_ST_LEVEL(smmu->idr0) == 1 && bits > SPLIT_BITS ? SPLIT_BITS : 0;
	smmu->stream_bits = MIN(bits, smmu->split ? TWO_LEVEL_BITS_MAX : LINEAR_BITS_MAX);
	if (smmu->split)
		smmu->streams_size = sizeof(__le64) << (smmu->stream_bits - smmu->split);
	else
		smmu->streams_size = (size_t)STE_BYTES << smmu->stream_bits;
	/* The table is as aligned as it is large. */
	smmu->streams =
		alloc_pages_aligned(smmu->streams_size, MAX(smmu->streams_size, (size_t)PAGE_SIZE));
	if (!smmu->streams)
		return -ENOMEM;
	cfg = STRTAB_CFG(smmu->stream_bits);
	if (smmu->split)
		cfg |= STRTAB_TWO_LEVEL | STRTAB_SPLIT(smmu->split);
	smmu_write64(smmu, SMMU_STRTAB_BASE, BASE_ALLOCATE | (uintptr_t)smmu->streams);
	smmu_write(smmu, SMMU_STRTAB_CFG, cfg);
	return 0;
}

void smmu_streams_exit(struct smmu *smmu)
{
	free_pages_exact(smmu->streams, smmu->streams_size);
	smmu->streams = NULL;
}
