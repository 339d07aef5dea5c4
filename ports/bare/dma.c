/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How this machine's devices reach memory. Direct is the default: QEMU's devices see all of it. With
 * dma=swiotlb every virtio device gets a pool to bounce through instead, as it must be on a machine
 * that keeps its memory from its devices; swiotlb= sets the pool's size in KiB. Where an IOMMU stands
 * in between, it holds devices to that; with dma=iommu it is given each buffer, while it is in use.
 */
#include <string.h>
#include <errno.h>
#include "drivers/iommu/smmu_v3.h"
#include "lib/bootargs.h"
#include "lib/dma_iommu.h"
#include "lib/log.h"
#include "lib/machine.h"
#include "lib/pages.h"
#include "lib/swiotlb.h"
#include "ports/bare/bare.h"

#define POOL_DEFAULT_KIB 4096u
#define POOL_MIN_KIB	 (IO_TLB_MIN_BYTES >> 10)
#define POOL_MAX_KIB	 (IO_TLB_MAX_BYTES >> 10)

static struct io_tlb_mem pool;
static enum { DMA_DIRECT, DMA_SWIOTLB, DMA_IOMMU } backend;

/* The window of a device behind an IOMMU: an eighth of RAM, within these bounds; and its stand-in
 * pages for what begins or ends inside of a page, a 128th. */
#define WINDOW_MIN_PAGES 2048u
#define WINDOW_MAX_PAGES 16384u
#define BOUNCE_MIN_PAGES 64u
#define BOUNCE_MAX_PAGES 512u

/* @text as a number of KiB, in whole pages, or 0. */
static unsigned int parse_pool_kib(const char *text)
{
	unsigned int kib = 0;

	for (; *text >= '0' && *text <= '9' && kib <= POOL_MAX_KIB; text++)
		kib = kib * 10 + (unsigned int)(*text - '0');
	if (*text != '\0' || kib < POOL_MIN_KIB || kib > POOL_MAX_KIB)
		return 0;
	return ALIGN_UP(kib, PAGE_SIZE >> 10);
}

static unsigned int pool_kib(void)
{
	const char *text = bootargs_option("swiotlb");
	unsigned int kib = text ? parse_pool_kib(text) : POOL_DEFAULT_KIB;

	if (kib)
		return kib;
	log_error("boot option swiotlb=%s: not %u to %u (KiB), using %u", text, POOL_MIN_KIB,
		  POOL_MAX_KIB, POOL_DEFAULT_KIB);
	return POOL_DEFAULT_KIB;
}

static int make_pool(unsigned int kib)
{
	size_t size = (size_t)kib << 10;
	void *pages = alloc_pages_exact(size);
	int err = pages ? swiotlb_init(&pool, pages, size) : -ENOMEM;

	/* Pages that could not be shared for certain are lost: see lib/dma_shared.c. */
	if (err)
		log_error("dma=swiotlb: no pool of %u KiB (%d), no device is probed", kib, err);
	return err;
}

static int choose_backend(const char *name)
{
	static const char *const names[] = {
		[DMA_DIRECT] = "direct", [DMA_SWIOTLB] = "swiotlb", [DMA_IOMMU] = "iommu"};

	for (unsigned int i = 0; name && i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	}
	if (name)
		log_error("boot option dma=%s: unknown, using direct", name);
	return DMA_DIRECT;
}

int bare_dma_init(void)
{
	unsigned int kib = pool_kib();

	backend = choose_backend(bootargs_option("dma"));
	smmu_v3_init();
	return backend == DMA_SWIOTLB ? make_pool(kib) : 0;
}

void bare_dma_setup(struct device *dev)
{
	if (backend != DMA_SWIOTLB)
		return;
	dev->dma_priv = &pool;
	dev->dma_ops = &swiotlb_dma_ops;
}

/* RAM's own addresses are the window: no bus decodes them as anything else, neither a bridge's window nor
 * a doorbell. */
static struct dma_iommu_config iommu_config(void)
{
	const struct machine_memory *memory = machine_memory();
	const uint64_t pages = memory->ram_size >> PAGE_SHIFT;

	return (struct dma_iommu_config){
		.window = memory->ram_base ? memory->ram_base : WINDOW_MAX_PAGES * PAGE_SIZE,
		.window_pages = (uint32_t)MIN(MAX(pages / 8, WINDOW_MIN_PAGES), WINDOW_MAX_PAGES),
		.bounce_pages = (uint32_t)MIN(MAX(pages / 128, BOUNCE_MIN_PAGES), BOUNCE_MAX_PAGES),
	};
}

/* Where the device tree names an IOMMU that cannot be used: what was asked for may not be had. */
static int without_iommu(const struct device *dev, bool named)
{
	const char *what = named ? "its IOMMU is not usable" : "there is no IOMMU before it";

	if (backend == DMA_SWIOTLB && named)
		log_warning("%s: %s: nothing confines it to the pool", dev->name, what);
	if (backend != DMA_IOMMU)
		return 0;
	if (named) {
		log_error("%s: dma=iommu, but %s: not probed", dev->name, what);
		return -ENODEV;
	}
	log_warning("%s: dma=iommu, but %s: direct", dev->name, what);
	return 0;
}

int bare_dma_setup_iommu(struct device *dev, int iommu_node, uint32_t id)
{
	const struct dma_iommu_config config = iommu_config();
	struct iommu *iommu = iommu_node >= 0 ? iommu_find(iommu_node) : NULL;
	int err;

	bare_dma_setup(dev);
	if (!iommu)
		return without_iommu(dev, iommu_node >= 0);
	if (backend == DMA_IOMMU)
		err = dma_iommu_attach(dev, iommu, id, &config);
	else if (backend == DMA_SWIOTLB)
		err = iommu_confine(iommu, id, dev);
	else
		err = iommu_bypass(iommu, id, dev);
	if (err)
		log_error("%s: %s cannot take stream 0x%x (%d)", dev->name, iommu->name,
			  (unsigned int)id, err);
	return err;
}

void bare_dma_release(struct device *dev)
{
	struct iommu_domain *domain = iommu_domain_of(dev);

	if (!domain)
		return;
	if (domain->user) {
		(void)dma_iommu_detach(dev);
		return;
	}
	/* The domains of the other two modes are everybody's, and stay. */
	(void)iommu_detach(dev);
}
