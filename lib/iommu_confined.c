/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The confined mode: one domain for all devices behind an IOMMU, whose contents are the ranges that
 * set_memory_decrypted() has shared, at their physical addresses. That is the shape of a guest with
 * encrypted memory: there it is a cipher that keeps devices out of the rest, here it is the IOMMU.
 * Bounce pool and coherent memory work in it as they are, as a device's addresses are the CPU's.
 */
#include <errno.h>
#include "lib/iommu.h"
#include "lib/iommu_private.h"
#include "lib/memory_encryption.h"

static int map_shared(struct iommu_domain *domain, uint64_t phys, uint64_t size)
{
	return iommu_map_identity(domain, phys, size, IOMMU_READ | IOMMU_WRITE);
}

static int map_range(void *addr, size_t size, void *domain)
{
	return map_shared(domain, (uintptr_t)addr, size);
}

/* A domain with all that is shared so far. */
static int make_confined(struct iommu *iommu)
{
	struct iommu_domain *domain = iommu_domain_alloc(iommu);
	int err;

	if (!domain)
		return -ENOMEM;
	err = memory_shared_visit(map_range, domain);
	if (err) {
		iommu_domain_free(domain);
		return err;
	}
	domain->confined = true;
	iommu->confined = domain;
	return 0;
}

int iommu_confine(struct iommu *iommu, uint32_t id, struct device *dev)
{
	int err = iommu->confined ? 0 : make_confined(iommu);

	return err ? err : iommu_attach(iommu->confined, id, dev);
}

int iommu_unshare(uint64_t phys, uint64_t size)
{
	struct iommu *iommu;
	int err = 0;

	list_for_each_entry (iommu, iommu_list(), node) {
		if (iommu->confined && !err)
			err = iommu_unmap(iommu->confined, phys, size);
	}
	return err;
}

/* Takes back what the IOMMUs before @end have been given. */
static int undo_share(const struct iommu *end, uint64_t phys, uint64_t size)
{
	struct iommu *iommu;

	list_for_each_entry (iommu, iommu_list(), node) {
		if (iommu == end)
			return 0;
		if (iommu->confined && iommu_unmap(iommu->confined, phys, size))
			return -EIO;
	}
	return 0;
}

int iommu_share(uint64_t phys, uint64_t size)
{
	struct iommu *iommu;

	list_for_each_entry (iommu, iommu_list(), node) {
		int err = iommu->confined ? map_shared(iommu->confined, phys, size) : 0;

		if (err)
			return undo_share(iommu, phys, size) ? -EIO : err;
	}
	return 0;
}
