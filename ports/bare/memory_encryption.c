/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/memory_encryption.h for a machine whose memory is not encrypted. What is shared is mapped for the
 * devices that an IOMMU confines (lib/iommu.h), and written down, so that a range that is taken back
 * without having been shared, or in another size, is refused here as a machine that does encrypt
 * would refuse it.
 */
#include <errno.h>
#include "lib/iommu.h"
#include "lib/memory_encryption.h"

/* Two for each queue, the pool, and some that grow later. */
#define RANGES_MAX 512u

static struct {
	char *addr; /* NULL: a free entry */
	size_t size;
} ranges[RANGES_MAX];
static size_t shared_bytes;

/* The entry that begins at @addr, NULL for a free one; -1 where there is none. */
static int find(const char *addr)
{
	for (unsigned int i = 0; i < RANGES_MAX; i++) {
		if (ranges[i].addr == addr)
			return (int)i;
	}
	return -1;
}

static bool whole_pages(const void *addr, size_t size)
{
	return addr && size && (uintptr_t)addr % PAGE_SIZE == 0 && size % PAGE_SIZE == 0;
}

int set_memory_decrypted(void *addr, size_t size)
{
	int i = find(NULL);
	int err;

	if (!whole_pages(addr, size) || find(addr) >= 0)
		return -EINVAL;
	if (i < 0)
		return -ENOMEM;
	err = iommu_share((uintptr_t)addr, size);
	if (err)
		return err;
	ranges[i].addr = addr;
	ranges[i].size = size;
	shared_bytes += size;
	return 0;
}

int set_memory_encrypted(void *addr, size_t size)
{
	int i = addr ? find(addr) : -1;
	int err;

	if (i < 0 || ranges[i].size != size)
		return -EINVAL;
	err = iommu_unshare((uintptr_t)addr, size);
	if (err)
		return err;
	ranges[i].addr = NULL;
	shared_bytes -= size;
	return 0;
}

size_t memory_shared_bytes(void)
{
	return shared_bytes;
}

int memory_shared_visit(int (*visit)(void *addr, size_t size, void *arg), void *arg)
{
	int err = 0;

	for (unsigned int i = 0; i < RANGES_MAX && !err; i++) {
		if (ranges[i].addr)
			err = visit(ranges[i].addr, ranges[i].size, arg);
	}
	return err;
}
