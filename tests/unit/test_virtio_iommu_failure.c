/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU driver with a device that refuses, lies, falls silent or goes away: every call ends, in bounded time and with
 * an error; a device that comes back gets all translations again; one that does not lets nobody through.
 */
#include "lib/dma_iommu.h"
#include "tests/unit/iommu_rig.h"

/* --- answers --------------------------------------------------------------------------------- */

static void refuse(unsigned int type, uint8_t status)
{
	ref->fail_type = type;
	ref->fail_status = status;
	ref->fail_count = 1;
}

/* Each request once: attach with a mapping, map, unmap, detach. Returns what went wrong first. */
static int do_all(void)
{
	struct iommu_domain *domain = new_domain(16);
	int err = iommu_attach(domain, 1, &devices[0]);

	if (err) {
		iommu_domain_free(domain);
		return err;
	}
	err = iommu_map(domain, WINDOW, PAGES(3), PAGES(1), RW);
	if (!err) {
		assert_true(reaches(0, WINDOW, true, PAGES(3)));
		err = iommu_unmap(domain, WINDOW, PAGES(1));
	}
	if (iommu_detach(&devices[0]) != domain)
		return -EIO; /* the domain stays, with a stream that counts on */
	iommu_domain_free(domain);
	return err;
}

/* 5.13.6.1#2 */
static void every_refusal_is_an_error(void **state)
{
	static const int errors[] = {0,	      -EIO,    -EOPNOTSUPP, -EIO,   -EINVAL,
				     -ERANGE, -ERANGE, -EFAULT,	    -ENOMEM};
	static const unsigned int types[] = {REF_IOMMU_PROBE, REF_IOMMU_ATTACH, REF_IOMMU_MAP,
					     REF_IOMMU_UNMAP};

	(void)state;
	start_iommu(SPLIT);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		for (unsigned int status = 1; status < 256; status += status < 12 ? 1 : 81) {
			refuse(types[i], (uint8_t)status);
			assert_int_equal(do_all(),
					 status < ARRAY_SIZE(errors) ? errors[status] : -EIO);
			assert_int_equal(do_all(), 0);
		}
		/* Without a status it may have been carried out. */
		ref->short_type = types[i];
		assert_int_equal(do_all(), -ETIMEDOUT);
		ref->short_type = 0;
	}
	assert_in_range(port_host_messages(LOG_ERROR), 4, 20); /* the log is not flooded */
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	rig_end(&rig);
}

/* 5.13.6.1#1 */
static void what_is_reserved_in_an_answer_is_not_looked_at(void **state)
{
	(void)state;
	start_iommu(PACKED);
	ref->tail_noise = true;
	assert_int_equal(do_all(), 0);
	rig_end(&rig);
}

/* A refused DETACH: nobody may use the domain's memory again, as lib/iommu.h has it. */
static void an_endpoint_that_cannot_leave_keeps_its_domain(void **state)
{
	struct iommu_domain *domain;

	(void)state;
	start_iommu(SPLIT);
	domain = attach_new(0, 4);
	refuse(REF_IOMMU_DETACH, 3);
	assert_null(iommu_detach(&devices[0]));
	assert_int_equal(domain->streams, 1);
	ask_for_reset();
	run_machine();
	assert_recovered(1); /* and does not bring it back */
	assert_false(reaches(0, WINDOW, true, 0));
	assert_int_equal(last_fault.kind, IOMMU_FAULT_STREAM);
	iommu_domain_free(domain);
	rig_end(&rig);
}

/* An IOMMU with a domain of which it has to be told four mappings. */
static struct iommu_domain *start_with_four_pages(void)
{
	struct iommu_domain *domain;

	start_iommu(SPLIT);
	domain = new_domain(16);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(2 * i), 0, PAGES(1), RW), 0);
	return domain;
}

/* What could not be told at the attach undoes it. */
static void a_domain_that_cannot_be_told_takes_no_endpoint(void **state)
{
	struct iommu_domain *domain = start_with_four_pages();

	(void)state;
	refuse(REF_IOMMU_MAP, 8);
	ref->fail_after = 2;
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), -ENOMEM);
	assert_int_equal(ref->requests[REF_IOMMU_DETACH], 1);
	assert_false(ref->domains[0].exists);
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), 0);
	assert_true(reaches(0, WINDOW + PAGES(6), true, 0));
	drop(0);
	rig_end(&rig);
}

/* The undoing is refused too: the domain has to stay, for nobody else may have its id. */
static void a_domain_that_an_endpoint_cannot_leave_stays(void **state)
{
	struct iommu_domain *domain = start_with_four_pages();

	(void)state;
	refuse(0, 8); /* PROBE, ATTACH and one MAP pass */
	ref->fail_count = 2;
	ref->fail_after = 3;
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), -ETIMEDOUT);
	assert_true(ref->domains[0].exists);
	iommu_domain_free(domain);
	rig_end(&rig);
}

/* 5.13.6.7.1#4 */
static void properties_that_are_malformed_stop_the_attach(void **state)
{
	static const uint8_t too_long[] = {9, 0, 0xff, 0xff, 1};
	static const uint8_t short_region[24] = {1, 0, 19, 0};
	static const uint8_t backwards[24] = {1, 0, 20, 0, [8] = 2, [16] = 1};
	static const uint8_t region[24] = {1, 0, 20, 0};
	static const uint8_t pad[REF_IOMMU_PROPS - 6] = {9, 0, (REF_IOMMU_PROPS - 10) & 0xff,
							 (REF_IOMMU_PROPS - 10) >> 8};
	static const uint8_t beyond[] = {9, 0, 4, 0, 0, 0}; /* of these 4 bytes 2 are there */
	static const struct {
		const uint8_t *bytes[2];
		unsigned int lens[2];
	} cases[] = {
		{{too_long}, {sizeof(too_long)}},
		{{short_region}, {sizeof(short_region)}},
		{{region, backwards}, {sizeof(region), sizeof(backwards)}},
		{{pad, beyond}, {sizeof(pad), sizeof(beyond)}},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = refdev_iommu_new(0, 8);
		struct iommu_domain *domain;

		for (unsigned int k = 0; k < 2 && cases[i].lens[k]; k++)
			refdev_iommu_add_props(dev, cases[i].bytes[k], cases[i].lens[k]);
		start_iommu_of(dev, SPLIT);
		domain = new_domain(4);
		assert_int_equal(iommu_attach(domain, 1, &devices[0]), -EINVAL);
		assert_int_equal(ref->requests[REF_IOMMU_ATTACH], 0);
		iommu_domain_free(domain);
		rig_end(&rig);
	}
}

static void regions_without_end_stop_the_attach(void **state)
{
	struct refdev *dev = refdev_iommu_new(0, 8);
	struct iommu_domain *domain;

	(void)state;
	for (unsigned int i = 0; i < 17; i++)
		refdev_iommu_reserve(dev, PAGES(i), PAGES(i) + 1, 0);
	start_iommu_of(dev, SPLIT);
	domain = new_domain(4);
	assert_int_equal(iommu_attach(domain, 1, &devices[0]), -ENOSPC);
	iommu_domain_free(domain);
	rig_end(&rig);
}

/* A list that fills its space to the last byte, also with what is no whole head. */
static void properties_may_end_anywhere(void **state)
{
	uint8_t pad[REF_IOMMU_PROPS] = {9};

	(void)state;
	for (unsigned int left = 0; left < 6; left++) {
		struct refdev *dev = refdev_iommu_new(0, 8);
		unsigned int length = REF_IOMMU_PROPS - 4 - left;

		pad[2] = length & 0xff;
		pad[3] = (uint8_t)(length >> 8);
		memset(pad + 4 + length, 0, left);
		refdev_iommu_add_props(dev, pad, sizeof(pad));
		start_iommu_of(dev, SPLIT);
		(void)attach_new(0, 4);
		drop(0);
		rig_end(&rig);
	}
}

/* --- silence --------------------------------------------------------------------------------- */

/* The device has its voice back. */
static void end_silence(void)
{
	ref->hold_type = 0;
	rig.dev->lies.ignore_notify = false;
}

static int request_of(unsigned int type, struct iommu_domain *domain)
{
	struct iommu_domain *other;
	int err;

	switch (type) {
	case REF_IOMMU_MAP:
		return iommu_map(domain, WINDOW + PAGES(8), PAGES(30), PAGES(1), RW);
	case REF_IOMMU_UNMAP:
		return iommu_unmap(domain, WINDOW + PAGES(4), PAGES(1));
	case REF_IOMMU_DETACH:
		return iommu_detach(&devices[1]) ? 0 : -ETIMEDOUT;
	default:
		other = new_domain(4);
		err = iommu_attach(other, 3, &devices[2]);
		iommu_domain_free(other);
		return err;
	}
}

static void silence_ends_each_request_and_then_the_device_recovers(void **state)
{
	(void)state;
	for (unsigned int type = REF_IOMMU_ATTACH; type <= REF_IOMMU_PROBE; type++) {
		struct iommu_domain *domain;
		uint64_t start;

		start_iommu(type % 2 ? SPLIT : PACKED);
		domain = attach_new(0, 16);
		assert_int_equal(iommu_map(domain, WINDOW, PAGES(20), PAGES(2), RW), 0);
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(4), 0, PAGES(1), RW), 0);
		assert_int_equal(iommu_attach(domain, 2, &devices[1]), 0);
		ref->hold_type = type;
		start = port_now_ns();
		assert_int_equal(request_of(type, domain), -ETIMEDOUT);
		assert_in_range(port_now_ns() - start, SECONDS(1), SECONDS(3));
		/* Whoever comes next does not wait. */
		start = port_now_ns();
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(9), 0, PAGES(1), RW), -EIO);
		assert_int_equal(iommu_unmap(domain, WINDOW + PAGES(4), PAGES(1)),
				 type == REF_IOMMU_UNMAP ? -EINVAL : -EIO);
		assert_int_equal(port_now_ns(), start);
		end_silence();
		run_machine();
		assert_recovered(1);
		assert_true(reaches(0, WINDOW + PAGES(1), true, PAGES(21)));
		assert_int_equal(reaches(1, WINDOW, true, PAGES(20)), type != REF_IOMMU_DETACH);
		assert_false(reaches(0, WINDOW + PAGES(4), true, 0)); /* given up by its owner */
		assert_false(reaches(0, WINDOW + PAGES(8), true, 0)); /* never mapped */
		assert_false(reaches(2, WINDOW, true, 0));
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), PAGES(5), PAGES(1), RW), 0);
		if (type != REF_IOMMU_DETACH)
			drop(1);
		assert_ptr_equal(iommu_detach(&devices[0]), domain);
		iommu_domain_free(domain);
		rig_end(&rig);
	}
}

/* The device may be slow, and map it yet: the address is nobody else's, and what comes next is not even sent. */
static void a_mapping_without_an_answer_is_lost(void **state)
{
	static const struct dma_iommu_config config = {
		.window = WINDOW, .window_pages = 64, .bounce_pages = 4};
	static char page[PAGE_SIZE] __attribute__((aligned(4096)));
	struct dma_iommu_stats stats;
	dma_addr_t addr;

	(void)state;
	start_iommu(SPLIT);
	assert_int_equal(dma_iommu_attach(&devices[0], iommu, 1, &config), 0);
	ref->hold_type = REF_IOMMU_MAP;
	addr = dma_map_single(&devices[0], page, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_true(dma_mapping_error(&devices[0], addr));
	addr = dma_map_single(&devices[0], page, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_true(dma_mapping_error(&devices[0], addr));
	assert_true(dma_iommu_get_stats(&devices[0], &stats));
	assert_int_equal(stats.lost, 1);
	assert_int_equal(stats.used_pages, 1);
	end_silence();
	run_machine();
	assert_recovered(1);
	addr = dma_map_single(&devices[0], page, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_true(addr == WINDOW + PAGES(1));
	assert_false(reaches(0, WINDOW, true, 0)); /* the reset has ended it */
	assert_true(reaches(0, addr, true, (uintptr_t)page));
	dma_unmap_single(&devices[0], addr, PAGE_SIZE, DMA_FROM_DEVICE);
	assert_int_equal(dma_iommu_detach(&devices[0]), 0);
	rig_end(&rig);
}

/* --- recovery -------------------------------------------------------------------------------- */

static void a_reset_device_gets_everything_again(void **state)
{
	(void)state;
	for (enum kind kind = SPLIT; kind < ALL_KINDS; kind++) {
		struct iommu_domain *domains[2], *idle;

		start_iommu(kind);
		domains[0] = attach_new(0, 200);
		domains[1] = attach_new(1, 16);
		idle = new_domain(16);
		assert_int_equal(iommu_map(idle, WINDOW, 0, PAGES(1), RW), 0);
		assert_int_equal(iommu_attach(domains[1], 3, &devices[2]), 0);
		for (unsigned int i = 0; i < 100; i++)
			assert_int_equal(iommu_map(domains[0], WINDOW + PAGES(2 * i), PAGES(i),
						   PAGES(1), i % 3 ? RW : IOMMU_READ),
					 0);
		assert_int_equal(iommu_map(domains[1], WINDOW, PAGES(7), PAGES(2), RW), 0);
		port_host_forbid_alloc(true);
		for (unsigned int times = 1; times <= 3; times++) {
			ask_for_reset();
			run_machine();
			assert_recovered(times);
			for (unsigned int i = 0; i < 100; i++) {
				assert_true(reaches(0, WINDOW + PAGES(2 * i), false, PAGES(i)));
				assert_int_equal(reaches(0, WINDOW + PAGES(2 * i), true, PAGES(i)),
						 i % 3 != 0);
			}
			assert_true(reaches(1, WINDOW + PAGES(1), true, PAGES(8)));
			assert_true(reaches(2, WINDOW, true, PAGES(7)));
			assert_false(reaches(3, WINDOW, true, 0));
		}
		port_host_forbid_alloc(false);
		/* Events are offered again too. */
		assert_int_equal(ref->events_lost, 0);
		assert_true(fault_count > 0);
		iommu_domain_free(idle);
		for (unsigned int i = 0; i < 3; i++)
			drop(i);
		rig_end(&rig);
	}
}

/* While it is reset it refuses everything, and cannot say so: no answer of a device behind it is believed. */
static void what_ends_during_a_reset_is_not_believed(void **state)
{
	(void)state;
	start_iommu(SPLIT);
	(void)attach_new(0, 4);
	assert_false(iommu_faulted(&devices[0]));
	virtio_needs_recovery(rig.vdev, -EIO);
	rig.vdev->driver->freeze(rig.vdev);
	assert_true(iommu_faulted(&devices[0]));
	assert_true(iommu_faulted(&devices[0]));
	run_machine();
	assert_recovered(1);
	assert_true(iommu_faulted(&devices[0])); /* what was refused since */
	assert_false(iommu_faulted(&devices[0]));
	drop(0);
	rig_end(&rig);
}

/* With all buffers of the event queue in flight, and each offered again at once, every id in range may be true. And in a
 * packed ring what is written a place too far is not seen. */
static bool shows_in_events(enum refdev_lie lie, enum kind kind)
{
	return lie != LIE_ID_NOT_OUTSTANDING && lie != LIE_ID_DUPLICATE &&
	       !(lie == LIE_IDX_JUMP && kind == PACKED);
}

static void a_queue_that_lies_is_made_anew(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * (LIE_IDX_BACK - LIE_ID_RANGE); i++) {
		enum refdev_lie lie = LIE_ID_RANGE + i / 2;
		enum kind kind = i % 2 ? PACKED : SPLIT;
		struct iommu_domain *domain;

		start_iommu(kind);
		domain = attach_new(0, 16);
		assert_int_equal(iommu_map(domain, WINDOW, PAGES(1), PAGES(1), RW), 0);
		rig.dev->queues[0].lie = lie;
		(void)!iommu_map(domain, WINDOW + PAGES(2), 0, PAGES(1), RW);
		if (rig.vdev->state == VIRTIO_STATE_LIVE) /* it comes out at the next look */
			(void)!iommu_map(domain, WINDOW + PAGES(4), 0, PAGES(1), RW);
		run_machine();
		assert_recovered(1);
		assert_true(reaches(0, WINDOW, true, PAGES(1)));
		if (shows_in_events(lie, kind)) {
			rig.dev->queues[1].lie = lie;
			assert_false(reaches(0, WINDOW + PAGES(9), true, 0));
			run_machine();
			assert_recovered(2);
		}
		fault_count = 0;
		assert_false(reaches(0, WINDOW + PAGES(9), true, 0));
		assert_int_equal(fault_count, 1);
		drop(0);
		rig_end(&rig);
	}
}

static void assert_gone(struct iommu_domain *domain, int unmaps)
{
	uint64_t start = port_now_ns();
	struct iommu_domain *other = new_domain(4);

	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 0, PAGES(1), RW), -EIO);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(1)), unmaps);
	assert_int_equal(iommu_attach(other, 2, &devices[1]), -EIO);
	iommu_domain_free(other);
	assert_int_equal(port_now_ns(), start);
}

/* What was unmapped is out of reach, so its owner may use the memory again. */
static void a_device_that_is_given_up_lets_nobody_through(void **state)
{
	struct iommu_domain *domain;

	(void)state;
	start_iommu(SPLIT);
	domain = attach_new(0, 16);
	assert_int_equal(iommu_map(domain, WINDOW, PAGES(20), PAGES(1), RW), 0);
	rig.dev->lies.refuse_features = true;
	ask_for_reset();
	run_machine();
	assert_given_up(-ENODEV);
	assert_false(reaches(0, WINDOW, true, 0));
	assert_gone(domain, 0);
	drop(0);
	rig_end(&rig);
}

/* Nobody knows what it still lets through. */
static void of_a_stuck_device_nothing_is_given_back(void **state)
{
	struct iommu_domain *domain;

	(void)state;
	start_iommu(SPLIT);
	domain = attach_new(0, 16);
	assert_int_equal(iommu_map(domain, WINDOW, PAGES(20), PAGES(1), RW), 0);
	rig.dev->lies.reset_hangs = true;
	ask_for_reset();
	run_machine();
	assert_given_up(-ETIMEDOUT);
	assert_gone(domain, -EIO);
	assert_null(iommu_detach(&devices[0]));
	rig.dev->lies.reset_hangs = false;
	iommu_domain_free(domain);
	rig_end(&rig);
}

static void change_config(struct refdev *dev, unsigned int what)
{
	switch (what) {
	case 0:
		refdev_set_config(dev, 16, WINDOW, 8); /* input range */
		break;
	case 1:
		refdev_set_config(dev, 24, 9, 4); /* domains */
		break;
	case 2:
		refdev_set_config(dev, 32, 64, 4); /* properties */
		break;
	case 3:
		refdev_set_config(dev, 0, 0x10000, 8); /* page size */
		break;
	case 4:
		refdev_set_config(dev, 36, 1, 1);
		ref->bypass_stays = true;
		break;
	case 5:
		refuse(REF_IOMMU_ATTACH, 6);
		break;
	default:
		refuse(REF_IOMMU_MAP, 5);
		ref->fail_after = 1;
	}
}

static void a_device_that_comes_back_another_is_given_up(void **state)
{
	static const int errors[] = {-EINVAL, -EINVAL, -EINVAL, -EOPNOTSUPP,
				     -EIO,    -ERANGE, -ERANGE};

	(void)state;
	for (unsigned int what = 0; what < ARRAY_SIZE(errors); what++) {
		struct iommu_domain *domain;

		start_iommu(PACKED);
		domain = attach_new(0, 16);
		assert_int_equal(iommu_map(domain, WINDOW, PAGES(20), PAGES(1), RW), 0);
		assert_int_equal(iommu_map(domain, WINDOW + PAGES(2), 0, PAGES(1), RW), 0);
		ask_for_reset();
		change_config(rig.dev, what);
		run_machine();
		assert_given_up(errors[what]);
		assert_gone(domain, 0);
		drop(0);
		rig_end(&rig);
	}
}

/* Bypass is closed again where a reset has opened it. */
static void bypass_stays_closed(void **state)
{
	(void)state;
	start_iommu(SPLIT);
	ask_for_reset();
	refdev_set_config(rig.dev, 36, 1, 1);
	run_machine();
	assert_recovered(1);
	assert_false(reaches(0, WINDOW, true, 0));
	rig_end(&rig);
}

/* --- the end --------------------------------------------------------------------------------- */

static void an_iommu_that_is_removed_too_early_stays_until_its_domains_go(void **state)
{
	struct iommu_domain *domain, *other;

	(void)state;
	start_iommu(SPLIT);
	domain = attach_new(0, 16);
	other = new_domain(4);
	iommu->confined = new_domain(4); /* nobody's but lib/iommu_confined.c's */
	assert_int_equal(iommu_map(domain, WINDOW, PAGES(20), PAGES(1), RW), 0);
	assert_int_equal(virtio_iommu_admit(rig.vdev, 8), 0);
	rig_end(&rig);
	assert_ptr_equal(iommu_find(NODE), iommu);
	assert_null(iommu->confined);
	iommu->ops->poll(iommu); /* which has no queue any more */
	assert_int_equal(iommu_map(domain, WINDOW + PAGES(8), 0, PAGES(1), RW), -ENODEV);
	assert_int_equal(iommu_attach(other, 2, &devices[1]), -ENODEV);
	assert_int_equal(iommu_unmap(domain, WINDOW, PAGES(1)), 0);
	drop(0);
	assert_non_null(iommu_find(NODE));
	iommu_domain_free(other);
	assert_null(iommu_find(NODE));
	assert_int_equal(port_host_live(), 0);
}

/* Nothing is asked of it, not even what it could do. */
static void an_iommu_that_was_removed_is_not_looked_at(void **state)
{
	struct refdev *dev = refdev_iommu_new(
		BIT_ULL(REF_IOMMU_F_BYPASS_CONFIG) | BIT_ULL(REF_IOMMU_F_PROBE), 8);
	struct iommu_domain *domain;

	(void)state;
	start_iommu_of(dev, SPLIT);
	assert_int_equal(iommu_bypass(iommu, 1, &devices[0]), -EOPNOTSUPP);
	domain = attach_new(1, 4);
	rig_end(&rig);
	assert_int_equal(iommu_bypass(iommu, 1, &devices[0]), -ENODEV);
	iommu_domain_free(iommu->bypass);
	assert_ptr_equal(iommu_detach(&devices[1]), domain);
	iommu_domain_free(domain);
	assert_int_equal(port_host_live(), 0);
}

/* As above, with the domain that it is in itself. */
static void an_iommu_that_cannot_leave_keeps_its_own_domain(void **state)
{
	struct virtio_iommu_stats stats;

	(void)state;
	assert_int_equal(iommu_add_doorbell(PAGES(0x4000), 4), 0);
	start_iommu(SPLIT);
	refuse(0, 8); /* PROBE and ATTACH pass */
	ref->fail_count = 2;
	ref->fail_after = 2;
	assert_int_equal(virtio_iommu_admit(rig.vdev, 8), -ETIMEDOUT);
	assert_true(ref->domains[0].exists);
	assert_true(virtio_iommu_get_stats(rig.vdev, &stats));
	assert_int_equal(stats.domains, 1);
	assert_int_equal(virtio_iommu_admit(rig.vdev, 8), -EBUSY);
	rig_end(&rig);
	assert_null(iommu_find(NODE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_refusal_is_an_error),
		TEST(what_is_reserved_in_an_answer_is_not_looked_at),
		TEST(an_endpoint_that_cannot_leave_keeps_its_domain),
		TEST(a_domain_that_cannot_be_told_takes_no_endpoint),
		TEST(a_domain_that_an_endpoint_cannot_leave_stays),
		TEST(properties_that_are_malformed_stop_the_attach),
		TEST(regions_without_end_stop_the_attach),
		TEST(properties_may_end_anywhere),
		TEST(silence_ends_each_request_and_then_the_device_recovers),
		TEST(a_mapping_without_an_answer_is_lost),
		TEST(a_reset_device_gets_everything_again),
		TEST(what_ends_during_a_reset_is_not_believed),
		TEST(a_queue_that_lies_is_made_anew),
		TEST(a_device_that_is_given_up_lets_nobody_through),
		TEST(of_a_stuck_device_nothing_is_given_back),
		TEST(a_device_that_comes_back_another_is_given_up),
		TEST(bypass_stays_closed),
		TEST(an_iommu_that_is_removed_too_early_stays_until_its_domains_go),
		TEST(an_iommu_that_was_removed_is_not_looked_at),
		TEST(an_iommu_that_cannot_leave_keeps_its_own_domain), /* the last: doorbells stay */
	};

	return cmocka_run_group_tests_name("virtio_iommu_failure", tests, iommu_rig_init, NULL);
}
