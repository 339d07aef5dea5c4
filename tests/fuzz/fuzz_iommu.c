/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU driver: a config space, properties, answers and reports of faults out of the input. Every call ends in
 * time, whatever the device does, also when it is removed while domains are in use; and all memory comes back.
 */
#include "drivers/virtio/virtio_iommu.h"
#include "lib/iommu.h"
#include "tests/fuzz/hdev.h"

#define NODE	  7
#define DOMAINS	  3u
#define ENDPOINTS 4u
#define WINDOW	  0x40000000ull

static struct iommu_domain *domains[DOMAINS];
static struct device devices[ENDPOINTS];

/* The status follows the properties. Mostly all went well. */
static uint32_t answer(unsigned int queue, const struct hchain *chain)
{
	uint8_t how = fuzz_u8();

	if (how >= 0xf0)
		return fuzz_u32();
	hchain_fill(chain, MIN(chain->writable, queue ? 24 : how % 80u));
	if (queue || chain->writable < 4 || how >= 0xe0)
		return chain->writable;
	if (how & 1 &&
	    chain->writable > 28) { /* a reserved region, in which all else is the input's */
		hchain_put(chain, 0, 1);
		hchain_put(chain, 1, 0);
		hchain_put(chain, 2, 20);
		hchain_put(chain, 3, 0);
	}
	hchain_put(chain, chain->writable - 4, how < 0xd0 ? 0 : how % 16);
	return chain->writable;
}

/* Pages of the window, or, rarely, anything. */
static uint64_t some_address(void)
{
	uint8_t how = fuzz_u8();

	return how == 0xff ? fuzz_u64() : WINDOW + how % 32 * (uint64_t)PAGE_SIZE;
}

static void use_domain(struct iommu_domain **domain, struct iommu *iommu)
{
	uint8_t what = fuzz_u8();
	uint64_t iova = some_address(), size = (1 + what / 64) * (uint64_t)PAGE_SIZE;

	if (!*domain) {
		*domain = iommu_domain_alloc(iommu);
		return;
	}
	switch (what % 4) {
	case 0:
		(void)!iommu_prepare(*domain, iova, size);
		break;
	case 1:
		hdev_bounded(0, iommu_map(*domain, iova, some_address(), size, what >> 3));
		break;
	case 2:
		hdev_bounded(0, iommu_unmap(*domain, iova, size));
		break;
	default:
		if ((*domain)->streams || what < 0xc0)
			return;
		iommu_domain_free(*domain);
		*domain = NULL;
	}
}

static void move_endpoint(unsigned int i)
{
	struct iommu_domain *domain = domains[fuzz_u8() % DOMAINS];

	if (iommu_domain_of(&devices[i]))
		hdev_bounded(0, iommu_detach(&devices[i]));
	else if (domain)
		hdev_bounded(0, iommu_attach(domain, fuzz_u8() % (ENDPOINTS + 1), &devices[i]));
}

static void one_step(struct iommu *iommu)
{
	uint8_t op = fuzz_u8();

	if (iommu && op < 0x60)
		use_domain(&domains[op % DOMAINS], iommu);
	else if (iommu && op < 0x80)
		move_endpoint(op % ENDPOINTS);
	else if (op < 0x90)
		hdev_run(op * NSEC_PER_USEC);
	else if (iommu && op < 0x98)
		(void)iommu_faulted(&devices[op % ENDPOINTS]);
	else
		hdev_step();
}

/* A domain whose endpoint could not be detached has a stream for ever; nobody else holds it here. */
static void let_go(void)
{
	for (unsigned int i = 0; i < ENDPOINTS; i++)
		(void)iommu_detach(&devices[i]);
	for (unsigned int i = 0; i < DOMAINS; i++) {
		if (domains[i])
			iommu_domain_free(domains[i]);
		domains[i] = NULL;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	virtio_iommu_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iommu *iommu = NULL;
	bool early;

	fuzz_begin(data, size);
	memset(devices, 0, sizeof(devices));
	hdev_start(VIRTIO_ID_IOMMU, 0x77, answer);
	early = fuzz_u8() & 1;
	if (hdev.probed && !virtio_iommu_register(&hdev.vm.vdev, NODE)) {
		iommu = iommu_find(NODE);
		(void)!virtio_iommu_admit(&hdev.vm.vdev, fuzz_u8());
	}
	while (fuzz_more())
		one_step(iommu);
	if (!early)
		let_go();
	/* The rest goes after the device. */
	hdev_end_with(early ? let_go : NULL);
	return 0;
}
