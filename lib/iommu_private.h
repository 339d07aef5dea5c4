/* SPDX-License-Identifier: BSD-2-Clause */
/* What lib/iommu*.c share: the table of attached devices, and the list of IOMMUs. */
#ifndef LIB_IOMMU_PRIVATE_H
#define LIB_IOMMU_PRIVATE_H

#include "lib/iommu.h"

#define IOMMU_STREAMS_MAX 128u /* devices that are attached at a time */

struct iommu_stream {
	struct device *dev; /* NULL: a free entry */
	uint32_t id;
	struct iommu_domain *domain;
	unsigned long faults;
	unsigned long faults_seen, lost_seen; /* by iommu_faulted(); lost: of the IOMMU's */
};

struct list_head *iommu_list(void);

/* The entry of a device (NULL: a free one), or the first of a stream; NULL where there is none. */
struct iommu_stream *iommu_stream_of(const struct device *dev);
struct iommu_stream *iommu_stream_by_id(const struct iommu *iommu, uint32_t id);

/* The next entry of the same stream, or NULL. */
struct iommu_stream *iommu_stream_next(const struct iommu_stream *stream);

/* Prepares and maps a range at its physical address. 0 or a negative errno. Thread context. */
int iommu_map_identity(struct iommu_domain *domain, uint64_t phys, uint64_t size,
		       unsigned int prot);

#endif
