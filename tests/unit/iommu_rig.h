/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio IOMMU on any kind of ring, registered for a node, and devices of which a test says what they access. */
#ifndef TESTS_UNIT_IOMMU_RIG_H
#define TESTS_UNIT_IOMMU_RIG_H

#include "drivers/virtio/virtio_iommu.h"
#include "lib/iommu.h"
#include "tests/unit/recovery_rig.h"

#define NODE	 100
#define RW	 (IOMMU_READ | IOMMU_WRITE)
#define PAGES(n) ((uint64_t)(n)*PAGE_SIZE)
#define WINDOW	 0x40000000ull

extern struct rig rig;
static struct refdev_iommu *ref;
static struct iommu *iommu;
static struct device devices[4]; /* endpoint i + 1 is devices[i] */

/* The last fault that was reported, and how many there were. */
static struct iommu_fault last_fault;
static struct device *last_device;
static unsigned int fault_count;

static inline void note_fault(struct device *dev, const struct iommu_fault *fault)
{
	last_fault = *fault;
	last_device = dev;
	fault_count++;
}

/* Starts @dev without registering it. */
static inline void start_device(struct refdev *dev, enum kind kind)
{
	ref = refdev_iommu(dev);
	start_kind(dev, kind, false);
	port_host_forbid_alloc(false);
	port_host_run_in_delays(true);
	iommu_set_fault_handler(note_fault);
	memset(devices, 0, sizeof(devices));
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
		snprintf(devices[i].name, sizeof(devices[i].name), "dev%u", i + 1);
	fault_count = 0;
}

static inline void start_iommu_of(struct refdev *dev, enum kind kind)
{
	start_device(dev, kind);
	assert_int_equal(virtio_iommu_register(rig.vdev, NODE), 0);
	iommu = iommu_find(NODE);
	assert_non_null(iommu);
}

static inline void start_iommu(enum kind kind)
{
	start_iommu_of(refdev_iommu_new(0, 8), kind);
}

/* A domain with a window of @pages. */
static inline struct iommu_domain *new_domain(unsigned int pages)
{
	struct iommu_domain *domain = iommu_domain_alloc(iommu);

	assert_non_null(domain);
	assert_int_equal(iommu_prepare(domain, WINDOW, PAGES(pages)), 0);
	return domain;
}

/* Device @i (from 0) in a domain of its own. */
static inline struct iommu_domain *attach_new(unsigned int i, unsigned int pages)
{
	struct iommu_domain *domain = new_domain(pages);

	assert_int_equal(iommu_attach(domain, i + 1, &devices[i]), 0);
	return domain;
}

static inline void drop(unsigned int i)
{
	struct iommu_domain *domain = iommu_detach(&devices[i]);

	assert_non_null(domain);
	if (!domain->streams)
		iommu_domain_free(domain);
}

/* Whether device @i reaches memory at @addr, and no other than @phys. */
static inline bool reaches(unsigned int i, uint64_t addr, bool write, uint64_t phys)
{
	uint64_t at;
	bool passed = refdev_iommu_access(rig.dev, i + 1, addr, write, &at);

	refdev_pump();
	if (passed)
		assert_int_equal(at, phys);
	return passed;
}

static inline unsigned long requests_so_far(void)
{
	struct virtio_iommu_stats stats;

	assert_true(virtio_iommu_get_stats(rig.vdev, &stats));
	return stats.requests;
}

static inline int iommu_rig_init(void **state)
{
	(void)state;
	(void)virtio_iommu_init(&test_bus);
	return 0;
}

#endif
