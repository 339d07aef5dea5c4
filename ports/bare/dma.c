/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How this machine's devices reach memory. Direct is the default: QEMU's devices see all of it. With
 * dma=swiotlb every virtio device gets a pool to bounce through instead, as it must be on a machine
 * that keeps its memory from its devices; swiotlb= sets the pool's size in KiB.
 */
#include <string.h>
#include <errno.h>
#include "lib/bootargs.h"
#include "lib/log.h"
#include "lib/pages.h"
#include "lib/swiotlb.h"
#include "ports/bare/bare.h"

#define POOL_DEFAULT_KIB 4096u
#define POOL_MIN_KIB	 (IO_TLB_MIN_BYTES >> 10)
#define POOL_MAX_KIB	 (IO_TLB_MAX_BYTES >> 10)

static struct io_tlb_mem pool;
static bool bounce;

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

int bare_dma_init(void)
{
	const char *backend = bootargs_option("dma");
	unsigned int kib = pool_kib();

	if (!backend || strcmp(backend, "direct") == 0)
		return 0;
	if (strcmp(backend, "swiotlb") != 0) {
		log_error("boot option dma=%s: unknown, using direct", backend);
		return 0;
	}
	bounce = true;
	return make_pool(kib);
}

void bare_dma_setup(struct device *dev)
{
	if (!bounce)
		return;
	dev->dma_priv = &pool;
	dev->dma_ops = &swiotlb_dma_ops;
}
