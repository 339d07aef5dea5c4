/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IOMMU behind lib/iommu.h that is as strict as a contract can be: a page that is mapped twice,
 * unmapped without having been mapped, or mapped without preparation is a violation; every access of a
 * device goes through the map of its stream, page by page, and faults where it is not allowed.
 */
#ifndef TESTS_DEVICE_SIM_IOMMU_H
#define TESTS_DEVICE_SIM_IOMMU_H

#include "lib/iommu.h"

#define SIM_IOMMU_NODE 4711

/* The IOMMU, which stays registered; and the end of a test: forgets faults and failures, and records a violation
 * for each domain and each mapping that is left. */
struct iommu *sim_iommu(void);
void sim_iommu_reset(void);

/* What stream @id reads or writes at @addr. False where a byte of it faults: nothing is copied then beyond the
 * page before. */
bool sim_iommu_read(uint32_t id, uint64_t addr, void *to, size_t len);
bool sim_iommu_write(uint32_t id, uint64_t addr, const void *from, size_t len);

/* Where @len bytes at @addr are in our memory, if they are adjacent there; NULL, and a fault. */
void *sim_iommu_access(uint32_t id, uint64_t addr, size_t len, bool write);

/* Whether devices can read what they may write, as with stage 1 of an SMMU. */
void sim_iommu_set_readable(bool readable);

/* The @nth call from now fails (1: the next): of map(), unmap(), prepare() and domain_alloc(); 0: none. */
void sim_iommu_fail_map(unsigned int nth);
void sim_iommu_fail_unmap(unsigned int nth);
void sim_iommu_fail_setup(unsigned int nth);

/* The @nth map() from now maps, and does not say so. */
void sim_iommu_lose_map(unsigned int nth);

/* Pages that are mapped now, in all domains; the last fault. */
unsigned int sim_iommu_pages(void);
const struct iommu_fault *sim_iommu_fault(void);

#endif
