/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the SMMUv3 driver: smmu_v3.c finds and sets up, _cmdq.c tells the SMMU what has changed,
 * _evtq.c hears of faults, _stream.c says which domain a stream has, _tables.c is a domain's map.
 */
#ifndef DRIVERS_IOMMU_SMMU_V3_PRIVATE_H
#define DRIVERS_IOMMU_SMMU_V3_PRIVATE_H

#include <arch/barrier.h>
#include <arch/mmio.h>
#include "drivers/iommu/smmu_v3_regs.h"
#include "lib/byteorder.h"
#include "lib/iommu.h"
#include "lib/work.h"

#define SMMU_DOMAINS_MAX 255u /* as many ASIDs as every SMMU has, but for 0 */
#define SMMU_VA_BITS	 48u

/* A queue in memory: indexes have one bit more than the queue's size, which tells full from empty. */
struct smmu_queue {
	__le64 *entries;
	unsigned int log2size, words;
	uint32_t prod, cons;
};

struct smmu {
	struct iommu iommu;
	char name[40], setup[136];
	char *base;
	uint32_t idr0, idr1, idr5;
	uint32_t gerrorn; /* global errors that were acknowledged, as its register has them */
	struct smmu_queue cmdq, evtq;
	bool taken;			/* not as it was found any more */
	bool broken;			/* does not answer: it was said once */
	unsigned long cmdq_errors;	/* commands that it refused */
	unsigned long cmdq_errors_seen; /* of which smmu_sync() has told */
	unsigned long commands;
	struct work drain;		 /* events that one interrupt left */
	__le64 *streams;		 /* the table, or the first of two levels */
	unsigned int stream_bits, split; /* split: of an id, below the first level; 0: one level */
	size_t streams_size;
	uint32_t asids[(SMMU_DOMAINS_MAX + 31) / 32]; /* in use */
};

struct smmu_domain {
	struct iommu_domain base;
	unsigned int asid;
	__le64 *root; /* the table of level 0 */
	__le64 *cd;   /* the context descriptor */
};

static inline struct smmu *to_smmu(struct iommu *iommu)
{
	return container_of(iommu, struct smmu, iommu);
}

static inline struct smmu_domain *to_smmu_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct smmu_domain, base);
}

static inline uint32_t smmu_read(const struct smmu *smmu, unsigned int reg)
{
	return mmio_read32(smmu->base + reg);
}

static inline void smmu_write(const struct smmu *smmu, unsigned int reg, uint32_t value)
{
	mmio_write32(smmu->base + reg, value);
}

static inline void smmu_write64(const struct smmu *smmu, unsigned int reg, uint64_t value)
{
	smmu_write(smmu, reg, (uint32_t)value);
	smmu_write(smmu, reg + 4, (uint32_t)(value >> 32));
}

/*
 * Writes a word that the SMMU may read at any time. Armv7 promises no more than 32 bits at a time: the half with
 * the valid bit, the lower one, is the last to become valid and the first to become invalid.
 */
static inline void smmu_write_entry(__le64 *entry, uint64_t value)
{
	volatile __le32 *half = (volatile __le32 *)entry;

	if (!(value & 1)) {
		half[0] = cpu_to_le32((uint32_t)value);
		dma_wmb();
	}
	half[1] = cpu_to_le32((uint32_t)(value >> 32));
	dma_wmb();
	half[0] = cpu_to_le32((uint32_t)value);
}

/* Waits, bounded, until the bits @mask of @reg are @value. 0 or -ETIMEDOUT. Any context. */
int smmu_wait(const struct smmu *smmu, unsigned int reg, uint32_t mask, uint32_t value);

/* --- commands; all with IRQs masked, as a batch that ends with smmu_sync() ------------------------- */

int smmu_cmdq_init(struct smmu *smmu);
void smmu_cmdq_exit(struct smmu *smmu);

/* Puts a command into the queue. Where the queue does not move any more, smmu_sync() says so. */
void smmu_command(struct smmu *smmu, uint64_t word0, uint64_t word1);

/* Lets the SMMU carry out what was queued. Returns 0 when all is done, -ETIMEDOUT where the SMMU does not
 * answer, -EIO where it refused one. */
int smmu_sync(struct smmu *smmu);

/* Serves global errors, from the interrupt and while waiting. Returns those that were active. */
uint32_t smmu_serve_errors(struct smmu *smmu);

/* --- events ---------------------------------------------------------------------------------------- */

int smmu_evtq_init(struct smmu *smmu);
void smmu_evtq_exit(struct smmu *smmu);

/* Handlers for the lines that the device tree names, and lets the SMMU raise them. */
void smmu_evtq_request_irqs(struct smmu *smmu, int node);

/* Reports the events that are recorded now. With IRQs masked. */
void smmu_poll(struct iommu *iommu);

/* --- streams --------------------------------------------------------------------------------------- */

int smmu_streams_init(struct smmu *smmu);
void smmu_streams_exit(struct smmu *smmu);
int smmu_attach(struct iommu *iommu, uint32_t id, struct iommu_domain *domain);

/* Fills in the context descriptor of a new domain. */
void smmu_fill_cd(const struct smmu *smmu, struct smmu_domain *domain);

/* --- domains and tables ---------------------------------------------------------------------------- */

struct iommu_domain *smmu_domain_alloc(struct iommu *iommu);
void smmu_domain_free(struct iommu_domain *domain);
int smmu_prepare(struct iommu_domain *domain, uint64_t iova, uint64_t size);
int smmu_map(struct iommu_domain *domain, uint64_t iova, uint64_t phys, uint64_t size,
	     unsigned int prot);
int smmu_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t size);

#endif
