/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU driver: a config space, properties, answers and reports of faults out of the input. Every call ends in
 * time, whatever the device does, also when it is removed while domains are in use; and all memory comes back. Above
 * it are domains of our own, the bypass, and the DMA backend, whose buffers lie in its window or are not mapped at all.
 */
#include "drivers/virtio/virtio_iommu.h"
#include "lib/dma_iommu_private.h"
#include "lib/pages.h"
#include "tests/fuzz/hdev.h"

#define NODE	  7
#define DOMAINS	  3u
#define ENDPOINTS 4u
#define WINDOW	  0x40000000ull

#define WINDOW_PAGES 64u

static struct iommu_domain *domains[DOMAINS];
static struct device devices[ENDPOINTS];
static struct {
	dma_addr_t addr;
	size_t size;  /* 0: nothing is mapped */
} buffers[ENDPOINTS]; /* of devices with the DMA backend */

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

/* --- the DMA backend, and the bypass --------------------------------------------------------- */

static void unmap_buffer(unsigned int i)
{
	if (!buffers[i].size)
		return;
	dma_unmap_single(&devices[i], buffers[i].addr, buffers[i].size, DMA_BIDIRECTIONAL);
	buffers[i].size = 0;
}

static void map_buffer(unsigned int i)
{
	static char memory[4 * PAGE_SIZE] __attribute__((aligned(4096)));
	const size_t offset = fuzz_u8(), size = 1 + fuzz_u16() % (3 * PAGE_SIZE);
	const dma_addr_t addr =
		dma_map_single(&devices[i], memory + offset, size, DMA_BIDIRECTIONAL);

	if (dma_mapping_error(&devices[i], addr))
		return;
	fuzz_check(addr >= WINDOW && addr + size <= WINDOW + WINDOW_PAGES * (uint64_t)PAGE_SIZE);
	buffers[i].addr = addr;
	buffers[i].size = size;
}

static void attach_device(struct iommu *iommu, unsigned int i)
{
	static const struct dma_iommu_config config = {
		.window = WINDOW, .window_pages = WINDOW_PAGES, .bounce_pages = 4};
	const uint8_t how = fuzz_u8();
	const uint32_t id = how % (ENDPOINTS + 1);

	if (how & 0x80)
		hdev_bounded(0, iommu_bypass(iommu, id, &devices[i]));
	else
		hdev_bounded(0, dma_iommu_attach(&devices[i], iommu, id, &config));
}

static void detach_device(unsigned int i)
{
	if (devices[i].dma_ops) {
		unmap_buffer(i);
		hdev_bounded(0, dma_iommu_detach(&devices[i]));
	} else {
		hdev_bounded(0, iommu_detach(&devices[i]));
	}
}

static void use_device(struct iommu *iommu, unsigned int i)
{
	if (!iommu_domain_of(&devices[i]))
		attach_device(iommu, i);
	else if (!devices[i].dma_ops || fuzz_u8() < 0x20)
		detach_device(i);
	else if (buffers[i].size)
		unmap_buffer(i);
	else
		map_buffer(i);
}

static void move_endpoint(unsigned int i)
{
	struct iommu_domain *domain = domains[fuzz_u8() % DOMAINS];

	if (iommu_domain_of(&devices[i]))
		detach_device(i);
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
	else if (iommu && op >= 0xe0)
		use_device(iommu, op % ENDPOINTS);
	else
		hdev_step();
}

/* What the backend has lost on purpose, because the device may reach it still. Here there is none. */
static void reclaim(struct iommu_domain *domain)
{
	struct dma_iommu *dma = domain->user;

	iommu_domain_free(domain);
	free_pages_exact(dma->buffers, dma->iovas.pages * sizeof(dma->buffers[0]));
	free_pages_exact(dma->bounce, (size_t)dma->bounce_pages << PAGE_SHIFT);
	free_pages_exact(dma->bounce_free, dma->bounce_pages * sizeof(dma->bounce_free[0]));
	iova_exit(&dma->iovas);
	free_pages_exact(dma, sizeof(*dma));
}

/* The last domain of an IOMMU that was removed takes it along. */
static void let_go_of(struct iommu *iommu)
{
	struct iommu_domain *bypass = iommu->bypass;
	struct list_head *node = iommu->domains.next;

	iommu->bypass = NULL;
	while (node != &iommu->domains) {
		struct iommu_domain *domain = container_of(node, struct iommu_domain, node);

		node = node->next;
		if (domain->user)
			reclaim(domain);
	}
	if (bypass)
		iommu_domain_free(bypass);
}

/* A domain whose endpoint could not be detached has a stream for ever; nobody else holds it here. */
static void let_go(void)
{
	for (unsigned int i = 0; i < ENDPOINTS; i++)
		detach_device(i);
	if (iommu_find(NODE))
		let_go_of(iommu_find(NODE));
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
	(void)virtio_iommu_init(&test_bus);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iommu *iommu = NULL;
	bool early;

	fuzz_begin(data, size);
	memset(devices, 0, sizeof(devices));
	memset(buffers, 0, sizeof(buffers));
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
