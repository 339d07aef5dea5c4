/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU driver with a device that keeps to the rules: what is mapped is reached, nothing else is, on every
 * kind of ring; what is reserved stays free; faults arrive as they were meant.
 */
#include "tests/unit/iommu_rig.h"
#include <arch/cpu.h>

/* --- mapping --------------------------------------------------------------------------------- */

/* 5.13.5.1#1, 5.13.6.5.1#6: reading is asked for where it is wanted, and only there. */
static void what_is_mapped_is_reached_and_nothing_else(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		struct iommu_domain *domain;

		start_iommu(kind);
		domain = attach_new(2, 16);
		assert_false(reaches(2, WINDOW, false, 0));
		assert_int_equal(iommu_map(domain, WINDOW, 0x80000000, PAGES(3), RW), 0);
		assert_int_equal(
			iommu_map(domain, WINDOW + PAGES(3), 0x90000000, PAGES(1), IOMMU_READ), 0);
		assert_int_equal(
			iommu_map(domain, WINDOW + PAGES(4), 0x123456000, PAGES(1), IOMMU_WRITE),
			0);
		assert_int_equal(domain->mapped_bytes, PAGES(5));
		assert_true(reaches(2, WINDOW, false, 0x80000000));
		assert_true(reaches(2, WINDOW + PAGES(3) - 1, true, 0x80000000 + PAGES(3) - 1));
		assert_true(reaches(2, WINDOW + PAGES(3), false, 0x90000000));
		assert_false(reaches(2, WINDOW + PAGES(3), true, 0));
		assert_true(reaches(2, WINDOW + PAGES(4) + 8, true, 0x123456008));
		assert_false(reaches(2, WINDOW + PAGES(4), false, 0));
		assert_false(reaches(2, WINDOW + PAGES(5), true, 0));
		assert_false(reaches(1, WINDOW, true, 0)); /* another endpoint */
		assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(3)), 0);
		assert_false(reaches(2, WINDOW, false, 0));
		assert_true(reaches(2, WINDOW + PAGES(3), false, 0x90000000));
		drop(2);
		assert_false(reaches(2, WINDOW + PAGES(3), false, 0));
		rig_end(&rig);
	}
}

/* 5.13.6.5.1#3, 5.13.6.6.1#2, 5.13.6.6.1#4, 5.13.6.6.1#5 */
static void ranges_that_are_no_mappings_are_refused_here(void **state)
{
	struct iommu_domain *domain;
	unsigned long before;

	(void)state;
	start_iommu(SPLIT);
	domain = attach_new(0, 64);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(2 * i), PAGES(i), PAGES(2), RW),
				 0);
	before = requests_so_far();
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(5), 0, PAGES(1), RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW - PAGES(1), 0, PAGES(2), RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW - PAGES(1), 0, PAGES(20), RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8) + 1, 0, PAGES(1), RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 1, PAGES(1), RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 0, 0, RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 0, 100, RW), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 0, PAGES(1), 0), -EINVAL);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), -PAGES(1), PAGES(2), RW), -EINVAL);
	assert_int_equal(iommu_map(domain, -PAGES(1), 0, PAGES(2), RW), -ERANGE);
	assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(1), PAGES(1)), -EINVAL);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(1)), -EINVAL);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(3)), -EINVAL);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(7)), -EINVAL);
	assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(6), PAGES(1)), -EINVAL);
	assert_int_equal(requests_so_far(), before);
	/* Several mappings at once are one request. */
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(6)), 0);
	assert_int_equal(requests_so_far(), before + 1);
	assert_int_equal(domain->mapped_bytes, 0);
	drop(0);
	rig_end(&rig);
}

/* The device knows a domain from its first endpoint to its last: 5.13.6.3, 5.13.6.4. */
static void a_domain_keeps_its_mappings_without_endpoints(void **state)
{
	struct iommu_domain *domain;
	unsigned long before;

	(void)state;
	start_iommu(SPLIT);
	domain = new_domain(16);
	before = requests_so_far();
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(4), PAGES(14), PAGES(2), RW), 0);
	assert_int_equal(iommu_map(domain, WINDOW, PAGES(10), PAGES(2), RW), 0);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(2), PAGES(20), PAGES(1), RW), 0);
	assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(2), PAGES(1)), 0);
	assert_int_equal(requests_so_far(), before);
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), 0);
	assert_true(reaches(0, WINDOW, true, PAGES(10)));
	assert_true(reaches(0, WINDOW + PAGES(5), true, PAGES(15)));
	assert_false(reaches(0, WINDOW + PAGES(2), true, 0));
	/* A second endpoint sees the same, and the first may go. */
	assert_int_equal(iommu_attach(domain, 2, &devices[1]), 0);
	assert_ptr_equal(iommu_detach(&devices[0]), domain);
	assert_true(reaches(1, WINDOW, true, PAGES(10)));
	assert_false(reaches(0, WINDOW, true, 0));
	assert_ptr_equal(iommu_detach(&devices[1]), domain);
	before = requests_so_far();
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(2)), 0);
	assert_int_equal(requests_so_far(), before);
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), 0);
	assert_false(reaches(0, WINDOW, true, 0));
	assert_true(reaches(0, WINDOW + PAGES(5), true, PAGES(15)));
	drop(0);
	rig_end(&rig);
}

#define MODEL_PAGES 200u

/* A page's mapping: where it leads, and its place in the mapping. */
static struct {
	uint64_t phys;
	unsigned int first, pages;
} model[MODEL_PAGES];

static void model_step(struct iommu_domain *domain, uint32_t *seed)
{
	unsigned int i = test_random(seed) % MODEL_PAGES, n = 1 + test_random(seed) % 5, k;
	uint64_t phys = PAGES(test_random(seed));

	if (model[i].pages) {
		unsigned int first = model[i].first;

		n = model[i].pages;
		assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(first), PAGES(n)), 0);
		memset(&model[first], 0, n * sizeof(model[0]));
		return;
	}
	n = MIN(n, MODEL_PAGES - i);
	for (k = 0; k < n && !model[i + k].pages; k++)
		;
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(i), phys, PAGES(n), RW),
			 k < n ? -EINVAL : 0);
	if (k < n)
		return;
	for (k = 0; k < n; k++) {
		model[i + k].phys = phys + PAGES(k);
		model[i + k].first = i;
		model[i + k].pages = n;
	}
}

/* With the endpoint going and coming back in between. */
static void random_mappings_agree_with_a_model(void **state)
{
	struct iommu_domain *domain;
	uint32_t seed = 1;

	(void)state;
	start_iommu(PACKED);
	memset(model, 0, sizeof(model));
	domain = attach_new(0, MODEL_PAGES);
	for (unsigned int step = 0; step < 3000; step++) {
		model_step(domain, &seed);
		if (step % 100 == 50)
			assert_ptr_equal(iommu_detach(&devices[0]), domain);
		if (step % 100 == 70)
			assert_int_equal(iommu_attach(domain, 1, &devices[0]), 0);
		if (step % 100 != 99)
			continue;
		for (unsigned int i = 0; i < MODEL_PAGES; i++)
			assert_int_equal(reaches(0, WINDOW + PAGES(i), true, model[i].phys),
					 model[i].pages != 0);
	}
	drop(0);
	rig_end(&rig);
}

static void more_than_was_prepared_is_refused(void **state)
{
	struct iommu_domain *domain;
	unsigned int i;

	(void)state;
	start_iommu(SPLIT);
	domain = iommu_domain_alloc(iommu);
	assert_int_equal(iommu_map(domain, WINDOW, 0, PAGES(1), RW), -ENOMEM);
	assert_int_equal(iommu_prepare(domain, WINDOW, PAGES(1u << 20)), 0);
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), 0);
	for (i = 0; i < 2048; i++)
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(2 * i), PAGES(i), PAGES(1), RW),
				 0);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(2 * i), 0, PAGES(1), RW), -ENOMEM);
	assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(6), PAGES(1)), 0);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(2 * i), 0, PAGES(1), RW), 0);
	/* What was there stays when more is prepared. */
	assert_int_equal(iommu_prepare(domain, WINDOW, PAGES(10)), 0);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(6), 0, PAGES(1), RW), 0);
	assert_true(reaches(0, WINDOW + PAGES(100), true, PAGES(50)));
	assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(100), PAGES(1)), 0);
	assert_false(reaches(0, WINDOW + PAGES(100), true, 0));
	drop(0);
	rig_end(&rig);
}

static struct iommu_domain *fault_domain;

/* A handler in an interrupt that maps what was missed. */
static void map_what_was_missed(struct device *dev, const struct iommu_fault *fault)
{
	note_fault(dev, fault);
	assert_int_equal(iommu_map(fault_domain, fault->addr, PAGES(7), PAGES(1), RW), 0);
}

static void mapping_works_in_any_context(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		unsigned long irqs;

		start_iommu(kind);
		fault_domain = attach_new(0, 16);
		port_host_forbid_alloc(true);
		irqs = irq_save();
		assert_int_equal(iommu_map(fault_domain, WINDOW, PAGES(1), PAGES(1), RW), 0);
		irq_restore(irqs);
		assert_true(reaches(0, WINDOW, true, PAGES(1)));
		iommu_set_fault_handler(map_what_was_missed);
		assert_false(reaches(0, WINDOW + PAGES(3), true, 0));
		assert_true(reaches(0, WINDOW + PAGES(3), true, PAGES(7)));
		assert_int_equal(fault_count, 1);
		port_host_forbid_alloc(false);
		drop(0);
		rig_end(&rig);
	}
}

/* --- what the device offers ------------------------------------------------------------------ */

/* 5.13.3.1#1, 5.13.4.1#1, 5.13.4.1#2, 5.13.4.1#3, 5.13.4.1#4 */
static void endpoints_that_nobody_attached_reach_nothing(void **state)
{
	struct refdev *dev = refdev_iommu_new(0, 8);

	(void)state;
	dev->offered |= BIT_ULL(REF_IOMMU_F_BYPASS);
	start_device(dev, SPLIT);
	assert_int_equal(dev->accepted & 0xff, 0x77); /* all but BYPASS */
	ref->bypass_noise = true;
	assert_true(reaches(0, 0x1000, true, 0x1000));
	assert_null(iommu_find(NODE));
	assert_int_equal(virtio_iommu_register(rig.vdev, -1), -ENODEV);
	assert_int_equal(virtio_iommu_register(rig.vdev, NODE), 0);
	assert_int_equal(virtio_iommu_register(rig.vdev, NODE), -EBUSY);
	assert_int_equal(dev->config_writes, 1);
	assert_false(reaches(0, 0x1000, true, 0));
	assert_int_equal(last_fault.kind, IOMMU_FAULT_STREAM);
	rig_end(&rig);
	assert_null(iommu_find(NODE));
}

static void an_iommu_that_cannot_be_closed_is_not_used(void **state)
{
	(void)state;
	start_device(refdev_iommu_new(0, 8), SPLIT);
	ref->bypass_stays = true;
	assert_int_equal(virtio_iommu_register(rig.vdev, NODE), -EIO);
	assert_null(iommu_find(NODE));
	rig_end(&rig);
}

/* 5.13.6.5.1#4, 5.13.6.5.1#7: registers are marked as such where that was agreed on. */
static void every_feature_can_be_missing(void **state)
{
	(void)state;
	for (unsigned int bit = 0; bit <= REF_IOMMU_F_BYPASS_CONFIG; bit++) {
		struct iommu_domain *domain;

		if (bit == REF_IOMMU_F_MAP_UNMAP)
			continue;
		start_iommu_of(refdev_iommu_new(BIT_ULL(bit), 8), PACKED);
		domain = attach_new(0, 4);
		assert_int_equal(ref->requests[REF_IOMMU_PROBE], bit == REF_IOMMU_F_PROBE ? 0 : 1);
		assert_int_equal(
			iommu_map(domain, WINDOW, PAGES(1), PAGES(1), IOMMU_WRITE | IOMMU_DEVICE),
			0);
		assert_int_equal(ref->domains[0].mappings[0].flags,
				 bit == REF_IOMMU_F_MMIO ? REF_IOMMU_WRITE
							 : REF_IOMMU_WRITE | REF_IOMMU_MMIO);
		assert_true(reaches(0, WINDOW, true, PAGES(1)));
		drop(0);
		rig_end(&rig);
	}
}

static void assert_not_driven(struct refdev *dev, int error)
{
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, error);
	assert_int_equal(port_host_live(), 0);
	rig_end(&rig);
}

/* 5.13.5.1#1: without requests to map there is nothing that we could do. */
static void devices_of_no_use_are_not_driven(void **state)
{
	static const struct {
		unsigned int offset, width;
		uint64_t value;
		int error;
	} configs[] = {
		{0, 8, 0, -EOPNOTSUPP},		 /* no page size */
		{0, 8, ~0xffffull, -EOPNOTSUPP}, /* 64 KiB */
		{8, 8, UINT64_MAX, -EINVAL},	 /* input range */
		{16, 8, 0, -EINVAL},		 /* the same */
		{28, 4, 4, -EINVAL},		 /* domain range 5 to 4 */
		{32, 4, 4097, -EINVAL},		 /* properties */
		{32, 4, UINT32_MAX, -EINVAL},
	};
	struct refdev *dev;

	(void)state;
	assert_not_driven(refdev_iommu_new(BIT_ULL(REF_IOMMU_F_MAP_UNMAP), 8), -EOPNOTSUPP);
	for (unsigned int i = 0; i < ARRAY_SIZE(configs); i++) {
		dev = refdev_iommu_new(0, 8);
		refdev_set_config(dev, 24, 5, 4);
		refdev_set_config(dev, configs[i].offset, configs[i].value, configs[i].width);
		assert_not_driven(dev, configs[i].error);
	}
	dev = refdev_iommu_new(0, 8);
	dev->nqueues = 1;
	assert_not_driven(dev, -ENOENT);
}

/* 5.13.6.1#3, 5.13.6.1#4 */
static void addresses_and_domains_stay_in_their_ranges(void **state)
{
	struct refdev *dev = refdev_iommu_new(0, 8);
	struct iommu_domain *domain, *other;

	(void)state;
	refdev_set_config(dev, 8, WINDOW, 8);
	refdev_set_config(dev, 16, WINDOW + PAGES(8) - 1, 8);
	refdev_set_config(dev, 24, 7, 4);
	refdev_set_config(dev, 28, 8, 4);
	start_iommu_of(dev, SPLIT);
	assert_int_equal(iommu->iova_limit, WINDOW + PAGES(8) - 1);
	domain = attach_new(0, 8);
	assert_int_equal(iommu_prepare(domain, WINDOW - PAGES(1), PAGES(2)), -ERANGE);
	assert_int_equal(iommu_prepare(domain, WINDOW, PAGES(9)), -ERANGE);
	assert_int_equal(iommu_map(domain, WINDOW - PAGES(1), 0, PAGES(1), RW), -ERANGE);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(7), 0, PAGES(2), RW), -ERANGE);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 0, PAGES(1), RW), -ERANGE);
	assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(8), PAGES(1)), -ERANGE);
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(7), 0, PAGES(1), RW), 0);
	other = attach_new(1, 8);
	assert_int_equal(ref->domains[0].id, 7);
	assert_int_equal(ref->domains[1].id, 8);
	assert_null(iommu_domain_alloc(iommu));
	drop(0);
	domain = attach_new(2, 8); /* an id may be used again */
	assert_ptr_not_equal(domain, other);
	drop(1);
	drop(2);
	rig_end(&rig);
}

/* 5.13.6.3.1#3, 5.13.6.3.1#4, 5.13.6.5.1#2, 5.13.6.6.1#6: what the user trusts goes past all
 * tables, also after a reset. */
static void a_bypass_domain_has_no_mappings(void **state)
{
	struct refdev *dev = refdev_iommu_new(0, 8);
	struct iommu_domain *domain;

	(void)state;
	refdev_iommu_reserve(dev, 0x2000, 0x2fff, 0);
	start_iommu_of(dev, SPLIT);
	(void)attach_new(3, 4);
	assert_int_equal(iommu_bypass(iommu, 1, &devices[0]), 0);
	assert_int_equal(iommu_bypass(iommu, 2, &devices[1]), 0);
	domain = iommu->bypass;
	assert_int_equal(iommu_prepare(domain, 0x1000, PAGES(1)), 0);
	assert_int_equal(iommu_map(domain, 0x1000, 0x1000, PAGES(1), IOMMU_WRITE | IOMMU_DEVICE),
			 0);
	assert_true(reaches(0, 0x12345000, true, 0x12345000));
	ask_for_reset();
	run_machine();
	assert_recovered(1);
	assert_true(reaches(0, 0x1000, true, 0x1000));
	assert_true(reaches(1, 0x12345000, false, 0x12345000));
	assert_false(reaches(2, 0x12345000, false, 0));
	assert_false(reaches(3, 0x12345000, false, 0));
	assert_int_equal(iommu_unmap(domain, 0x1000, PAGES(1)), 0);
	assert_int_equal(ref->requests[REF_IOMMU_MAP] + ref->requests[REF_IOMMU_UNMAP], 0);
	assert_ptr_equal(iommu_detach(&devices[0]), domain);
	assert_ptr_equal(iommu_detach(&devices[1]), domain);
	assert_false(reaches(0, 0x12345000, true, 0));
	drop(3);
	rig_end(&rig); /* which frees the bypass domain */
}

static void a_device_without_bypass_domains_says_so(void **state)
{
	(void)state;
	start_iommu_of(refdev_iommu_new(BIT_ULL(REF_IOMMU_F_BYPASS_CONFIG), 8), SPLIT);
	assert_int_equal(iommu_bypass(iommu, 1, &devices[0]), -EOPNOTSUPP);
	rig_end(&rig);
}

/* --- reserved addresses ---------------------------------------------------------------------- */

/* 5.13.6.8.1.1#1, 5.13.6.8.1.1#3 */
static void reserved_addresses_are_never_mapped(void **state)
{
	struct refdev *dev = refdev_iommu_new(0, 8);
	struct iommu_domain *domain;

	(void)state;
	refdev_iommu_reserve(dev, 0x8000000, 0x80fffff, 1);
	refdev_iommu_reserve(dev, 0x9000000, 0x9000fff, 0);
	refdev_iommu_reserve(dev, 0xa000000, 0xa000fff, 77); /* nobody knows what that is */
	start_iommu_of(dev, SPLIT);
	domain = new_domain(64);
	/* A doorbell may be mapped before anybody knows that it need not be. */
	assert_int_equal(iommu_prepare(domain, 0x8020000, PAGES(1)), 0);
	assert_int_equal(
		iommu_map(domain, 0x8020000, 0x8020000, PAGES(1), IOMMU_WRITE | IOMMU_DEVICE), 0);
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), 0);
	assert_int_equal(ref->requests[REF_IOMMU_MAP], 0);
	assert_true(reaches(0, 0x8020040, true, 0x8020040));
	assert_int_equal(
		iommu_map(domain, 0x8030000, 0x8030000, PAGES(1), IOMMU_WRITE | IOMMU_DEVICE), 0);
	assert_int_equal(ref->requests[REF_IOMMU_MAP], 0);
	assert_int_equal(iommu_unmap(domain, 0x8020000, PAGES(1)), 0);
	assert_int_equal(ref->requests[REF_IOMMU_UNMAP], 0);
	/* Memory is none, nor is a doorbell elsewhere, or half of one. */
	assert_int_equal(iommu_map(domain, 0x8040000, 0x8040000, PAGES(1), RW), -ERANGE);
	assert_int_equal(iommu_map(domain, 0x8040000, 0, PAGES(1), IOMMU_WRITE | IOMMU_DEVICE),
			 -ERANGE);
	assert_int_equal(
		iommu_map(domain, 0x80ff000, 0x80ff000, PAGES(2), IOMMU_WRITE | IOMMU_DEVICE),
		-ERANGE);
	assert_int_equal(
		iommu_map(domain, 0x9000000, 0x9000000, PAGES(1), IOMMU_WRITE | IOMMU_DEVICE),
		-ERANGE);
	assert_int_equal(iommu_map(domain, 0x8fff000, 0, PAGES(3), RW), -ERANGE);
	assert_int_equal(iommu_map(domain, 0xa000000, 0, PAGES(1), RW), -ERANGE);
	assert_int_equal(iommu_prepare(domain, 0x9000000, PAGES(1)), -ERANGE);
	assert_int_equal(iommu_map(domain, 0x9001000, 0, PAGES(1), RW), 0);
	drop(0);
	rig_end(&rig);
}

static void a_domain_over_reserved_addresses_takes_no_endpoint(void **state)
{
	static const struct {
		uint64_t start, end;
	} regions[] = {
		{WINDOW + PAGES(63), WINDOW + PAGES(63)}, /* in the window, but nothing is there */
		{0x9000fff, 0x9000fff},			  /* in a mapping */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(regions); i++) {
		struct refdev *dev = refdev_iommu_new(0, 8);
		struct iommu_domain *domain;

		refdev_iommu_reserve(dev, regions[i].start, regions[i].end, 0);
		start_iommu_of(dev, SPLIT);
		domain = new_domain(64);
		assert_int_equal(iommu_prepare(domain, 0x9000000, PAGES(1)), 0);
		assert_int_equal(iommu_map(domain, 0x9000000, 0, PAGES(1), RW), 0);
		assert_int_equal(iommu_attach(domain, 1, &devices[0]), -ERANGE);
		assert_int_equal(ref->requests[REF_IOMMU_ATTACH], 0);
		iommu_domain_free(domain);
		rig_end(&rig);
	}
}

/* 5.13.5.1#2, 5.13.6.7.1#1, 5.13.6.7.1#3, 5.13.6.7.1#4, 5.13.6.7.1#5, 5.13.6.7.1#6, 5.13.6.8.1.1#2 */
static void properties_of_any_kind_are_passed_over(void **state)
{
	static const uint8_t unknown[] = {9, 0, 3, 0, 1, 2, 3};
	static const uint8_t reserved_bits[24] = {1, 0x10, 20, 0, 0, 0, 0,    0,    0,	  0,   0,
						  0, 0,	   0,  0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	/* A region with more in it than we know, and noise where it is reserved: 0x1000 to 0x1fff. */
	static const uint8_t longer[] = {1, 0, 24, 0, 0, 0xee, 0xee, 0xee, 0, 0x10,
					 0, 0, 0,  0, 0, 0,    0xff, 0x1f, 0, 0,
					 0, 0, 0,  0, 9, 9,    9,    9};
	struct refdev *dev = refdev_iommu_new(0, 8);
	struct virtio_iommu_stats stats;
	struct iommu_domain *domain;

	(void)state;
	refdev_iommu_add_props(dev, unknown, sizeof(unknown));
	refdev_iommu_add_props(dev, reserved_bits, sizeof(reserved_bits));
	refdev_iommu_add_props(dev, longer, sizeof(longer));
	refdev_iommu_reserve(dev, 0x2000, 0x2fff, 0);
	start_iommu_of(dev, SPLIT);
	domain = attach_new(0, 4);
	assert_int_equal(iommu_map(domain, 0x1000, 0, PAGES(1), RW), -ERANGE);
	assert_int_equal(iommu_map(domain, 0x2000, 0, PAGES(1), RW), -ERANGE);
	assert_int_equal(iommu_map(domain, 0x3000, 0, PAGES(1), RW), 0);
	assert_int_equal(iommu_map(domain, 0, 0, PAGES(1), RW), 0);
	(void)attach_new(1, 4); /* the same regions again */
	assert_true(virtio_iommu_get_stats(rig.vdev, &stats));
	assert_int_equal(stats.regions, 2);
	assert_int_equal(stats.endpoints, 2);
	assert_int_equal(stats.domains, 2);
	assert_int_equal(stats.mappings, 2);
	assert_int_equal(ref->order[0], REF_IOMMU_PROBE); /* 5.13.5.1#2 */
	drop(0);
	drop(1);
	rig_end(&rig);
}

/* --- faults ---------------------------------------------------------------------------------- */

static void report(const uint8_t bytes[24], uint32_t used)
{
	assert_true(refdev_iommu_report(rig.dev, bytes, 24, used));
	refdev_pump();
}

static void faults_say_who_where_and_why(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		struct iommu_domain *domain;

		start_iommu(kind);
		domain = attach_new(2, 16);
		assert_int_equal(iommu_map(domain, WINDOW, 0, PAGES(2), IOMMU_READ), 0);
		assert_false(reaches(2, WINDOW + PAGES(1) + 4, true, 0));
		assert_int_equal(fault_count, 1);
		assert_ptr_equal(last_device, &devices[2]);
		assert_int_equal(last_fault.kind, IOMMU_FAULT_PERMISSION);
		assert_int_equal(last_fault.id, 3);
		assert_true(last_fault.addr_valid && last_fault.write);
		assert_int_equal(last_fault.addr, WINDOW + PAGES(1) + 4);
		assert_false(reaches(2, WINDOW + PAGES(2), false, 0));
		assert_int_equal(last_fault.kind, IOMMU_FAULT_UNMAPPED);
		assert_false(last_fault.write);
		assert_false(reaches(2, WINDOW - 1, false, 0));
		assert_int_equal(last_fault.kind, IOMMU_FAULT_UNMAPPED);
		assert_false(reaches(1, WINDOW, false, 0));
		assert_null(last_device);
		assert_int_equal(last_fault.kind, IOMMU_FAULT_STREAM);
		assert_int_equal(iommu_faults_of(&devices[2]), 3);
		drop(2);
		rig_end(&rig);
	}
}

/* 5.13.6.9.1#1, 5.13.6.9.1#2, 5.13.6.9.1#3, 5.13.6.9.1#4 */
static void reports_that_make_no_sense_are_ignored(void **state)
{
	uint8_t bytes[24] = {2, [5] = 1, [8] = 1, [17] = 0x10};
	struct virtio_iommu_stats stats;

	(void)state;
	start_iommu(SPLIT);
	(void)attach_new(0, 16);
	bytes[3] = 1; /* reserved */
	report(bytes, 24);
	bytes[3] = 0;
	report(bytes, 23);
	report(bytes, 0);
	assert_int_equal(fault_count, 0);
	assert_true(virtio_iommu_get_stats(rig.vdev, &stats));
	assert_int_equal(stats.events_ignored, 3);
	memset(bytes + 12, 0xee, 4); /* reserved1 */
	bytes[4] = 0xf8;	     /* flags that nobody has defined */
	bytes[7] = 0xff;
	report(bytes, 24);
	assert_int_equal(fault_count, 1);
	assert_int_equal(last_fault.kind, IOMMU_FAULT_UNMAPPED);
	assert_int_equal(last_fault.addr, 0x1000);
	assert_false(last_fault.write);
	bytes[0] = 200; /* a reason that nobody has defined */
	report(bytes, 24);
	assert_int_equal(last_fault.kind, IOMMU_FAULT_OTHER);
	assert_string_equal(last_fault.what, "UNKNOWN");
	bytes[5] = 0; /* no address */
	report(bytes, 24);
	assert_int_equal(fault_count, 3);
	assert_false(last_fault.addr_valid);
	assert_int_equal(last_fault.addr, 0);
	drop(0);
	rig_end(&rig);
}

static void faults_are_found_without_an_interrupt(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		uint64_t phys;
		unsigned long irqs;

		start_iommu(kind);
		(void)attach_new(0, 16);
		irqs = irq_save();
		assert_false(refdev_iommu_access(rig.dev, 1, WINDOW, true, &phys));
		refdev_pump();
		assert_int_equal(fault_count, 0);
		iommu->ops->poll(iommu);
		assert_int_equal(fault_count, 1);
		assert_true(iommu_faulted(&devices[0]));
		assert_false(iommu_faulted(&devices[0]));
		irq_restore(irqs);
		refdev_pump();
		assert_int_equal(fault_count, 1);
		assert_false(reaches(0, WINDOW, true, 0)); /* and interrupts go on */
		assert_int_equal(fault_count, 2);
		drop(0);
		rig_end(&rig);
	}
}

static bool second_faulted;

/* As a disk's interrupt would that comes while the first report is printed. */
static void ask_for_the_second(struct device *dev, const struct iommu_fault *fault)
{
	if (fault_count == 0)
		second_faulted = iommu_faulted(&devices[1]);
	note_fault(dev, fault);
}

/* Whose report is taken can be seen to have faulted, before anything is told. */
static void faults_are_counted_before_they_are_told(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		uint64_t phys;

		start_iommu(kind);
		(void)attach_new(0, 16);
		(void)attach_new(1, 16);
		iommu_set_fault_handler(ask_for_the_second);
		second_faulted = false;
		assert_false(refdev_iommu_access(rig.dev, 1, WINDOW, true, &phys));
		assert_false(refdev_iommu_access(rig.dev, 2, WINDOW, true, &phys));
		refdev_pump();
		assert_int_equal(fault_count, 2);
		assert_true(second_faulted);
		assert_false(iommu_faulted(&devices[1]));
		assert_true(iommu_faulted(&devices[0]));
		drop(0);
		drop(1);
		rig_end(&rig);
	}
}

/* One device's faults take all buffers: the report of the other one's is dropped, but it is not believed either. */
static void a_report_without_a_buffer_may_have_been_anybodys(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		uint64_t phys;

		start_iommu(kind);
		(void)attach_new(0, 16);
		(void)attach_new(1, 16);
		for (unsigned int faults = 63; faults <= 64; faults++) {
			for (unsigned int i = 0; i < faults; i++)
				(void)refdev_iommu_access(rig.dev, 1, WINDOW, true, &phys);
			assert_int_equal(ref->events_lost, 0);
			if (faults == 64) {
				(void)refdev_iommu_access(rig.dev, 2, WINDOW, true, &phys);
				assert_int_equal(ref->events_lost, 1);
			}
			assert_int_equal(iommu_faulted(&devices[1]), faults == 64);
			assert_false(iommu_faulted(&devices[1]));
			assert_true(iommu_faulted(&devices[0]));
			refdev_pump();
		}
		assert_int_equal(iommu->faults_lost, 1);
		assert_int_equal(iommu_faults_of(&devices[1]), 0);
		drop(0);
		drop(1);
		rig_end(&rig);
	}
}

static unsigned int wanted;

/* A device that has more to say whenever it was listened to. */
static void ask_for_more(struct device *dev, const struct iommu_fault *fault)
{
	static const uint8_t bytes[24] = {2, [8] = 1};

	note_fault(dev, fault);
	if (fault_count < wanted)
		assert_true(refdev_iommu_report(rig.dev, bytes, 24, 24));
}

static void a_flood_of_faults_is_served_in_pieces(void **state)
{
	static const uint8_t bytes[24] = {2, [8] = 1};

	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		start_iommu(kind);
		/* Every buffer comes back, whatever was in it. */
		for (unsigned int i = 0; i < 500; i++) {
			bool given = refdev_iommu_report(rig.dev, bytes, 24, 24);

			assert_true(given);
			if (i % 40 == 39)
				refdev_pump();
		}
		refdev_pump();
		run_machine(); /* what was left to a work item */
		assert_int_equal(fault_count, 500);
		/* One that never ends does not hold the interrupt: each listening is bounded. */
		fault_count = 0;
		wanted = 300;
		iommu_set_fault_handler(ask_for_more);
		for (unsigned int i = 0; i < 64; i++)
			(void)refdev_iommu_report(rig.dev, bytes, 24, 24);
		refdev_set_masked(irqs_masked);
		rig.dev->lies.no_interrupts = false;
		refdev_pump();
		assert_in_range(fault_count, 16, 64 + 300);
		run_machine();
		run_machine();
		assert_in_range(fault_count, 300, 64 + 300);
		rig_end(&rig);
	}
}

/* --- the port's part ------------------------------------------------------------------------- */

static void its_own_interrupts_may_go_through_it(void **state)
{
	(void)state;
	start_device(refdev_iommu_new(0, 8), SPLIT);
	assert_int_equal(virtio_iommu_admit(rig.vdev, 8), -ENODEV); /* not registered */
	assert_int_equal(virtio_iommu_register(rig.vdev, NODE), 0);
	iommu = iommu_find(NODE);
	assert_int_equal(virtio_iommu_admit(rig.vdev, 500), 0); /* it does not know itself */
	assert_int_equal(virtio_iommu_admit(rig.vdev, 8), 0);
	assert_int_equal(virtio_iommu_admit(rig.vdev, 8), -EBUSY);
	assert_int_equal(iommu_add_doorbell(0x8020040, 4), 0);
	assert_true(reaches(7, 0x8020040, true, 0x8020040));
	assert_false(reaches(7, 0x8021000, true, 0));
	assert_ptr_equal(last_device, &rig.vdev->dev);
	rig_end(&rig);
}

static void memory_that_runs_out_is_survived(void **state)
{
	struct iommu_domain *domain;

	(void)state;
	start_iommu(SPLIT);
	port_host_fail_alloc(1);
	assert_null(iommu_domain_alloc(iommu));
	domain = iommu_domain_alloc(iommu);
	assert_non_null(domain);
	port_host_fail_alloc(1);
	assert_int_equal(iommu_prepare(domain, WINDOW, PAGES(100)), -ENOMEM);
	port_host_fail_alloc(0);
	assert_int_equal(iommu_prepare(domain, WINDOW, PAGES(100)), 0);
	iommu_domain_free(domain);
	rig_end(&rig);
}

static struct refdev *make(void)
{
	return refdev_iommu_new(0, 4);
}

static void running_out_of_memory_in_probe_is_survived(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make), 3, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_mapped_is_reached_and_nothing_else),
		TEST(ranges_that_are_no_mappings_are_refused_here),
		TEST(a_domain_keeps_its_mappings_without_endpoints),
		TEST(random_mappings_agree_with_a_model),
		TEST(more_than_was_prepared_is_refused),
		TEST(mapping_works_in_any_context),
		TEST(endpoints_that_nobody_attached_reach_nothing),
		TEST(an_iommu_that_cannot_be_closed_is_not_used),
		TEST(every_feature_can_be_missing),
		TEST(devices_of_no_use_are_not_driven),
		TEST(addresses_and_domains_stay_in_their_ranges),
		TEST(a_bypass_domain_has_no_mappings),
		TEST(a_device_without_bypass_domains_says_so),
		TEST(reserved_addresses_are_never_mapped),
		TEST(a_domain_over_reserved_addresses_takes_no_endpoint),
		TEST(properties_of_any_kind_are_passed_over),
		TEST(faults_say_who_where_and_why),
		TEST(reports_that_make_no_sense_are_ignored),
		TEST(faults_are_found_without_an_interrupt),
		TEST(faults_are_counted_before_they_are_told),
		TEST(a_report_without_a_buffer_may_have_been_anybodys),
		TEST(a_flood_of_faults_is_served_in_pieces),
		TEST(memory_that_runs_out_is_survived),
		TEST(running_out_of_memory_in_probe_is_survived),
		TEST(its_own_interrupts_may_go_through_it), /* the last: doorbells stay */
	};

	return cmocka_run_group_tests_name("virtio_iommu", tests, iommu_rig_init, NULL);
}
