/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared ranges are few: an array of them is enough. */
#include <errno.h>
#include "lib/iommu.h"
#include "tests/device/encryption.h"
#include "tests/device/violation.h"

#define RANGES 256u

static struct {
	char *addr;
	size_t size;
} ranges[RANGES];
static unsigned int count, calls, fail_in;

void encryption_reset(void)
{
	count = calls = fail_in = 0;
}

void encryption_fail(unsigned int nth)
{
	fail_in = nth;
}

static bool refused(const void *addr, size_t size)
{
	calls++;
	if (!addr || !size || (uintptr_t)addr % PAGE_SIZE || size % PAGE_SIZE)
		violation("encryption: %zu bytes at %p are no whole pages", size, addr);
	return fail_in && --fail_in == 0;
}

/* What it was reads as noise now. */
static void scramble(char *addr, size_t size)
{
	for (size_t i = 0; i < size; i++)
		addr[i] = (char)(addr[i] ^ (0x5a + i));
}

int set_memory_decrypted(void *addr, size_t size)
{
	if (refused(addr, size))
		return -EIO;
	if (count == RANGES)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		if ((char *)addr < ranges[i].addr + ranges[i].size &&
		    ranges[i].addr < (char *)addr + size)
			violation("encryption: %p is shared already", addr);
	}
	if (iommu_share((uintptr_t)addr, size))
		return -EIO;
	ranges[count].addr = addr;
	ranges[count++].size = size;
	scramble(addr, size);
	return 0;
}

int set_memory_encrypted(void *addr, size_t size)
{
	if (refused(addr, size))
		return -EIO;
	for (unsigned int i = 0; i < count; i++) {
		if (ranges[i].addr != addr || ranges[i].size != size)
			continue;
		if (iommu_unshare((uintptr_t)addr, size))
			return -EIO;
		ranges[i] = ranges[--count];
		scramble(addr, size);
		return 0;
	}
	violation("encryption: %zu bytes at %p are not shared so", size, addr);
	return -EINVAL;
}

size_t memory_shared_bytes(void)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < count; i++)
		bytes += ranges[i].size;
	return bytes;
}

int memory_shared_visit(int (*visit)(void *addr, size_t size, void *arg), void *arg)
{
	int err = 0;

	for (unsigned int i = 0; i < count && !err; i++)
		err = visit(ranges[i].addr, ranges[i].size, arg);
	return err;
}

unsigned int encryption_calls(void)
{
	return calls;
}

unsigned int encryption_ranges(void)
{
	return count;
}

bool encryption_shared(const void *addr, size_t size)
{
	const char *start = addr;

	for (unsigned int i = 0; i < count; i++) {
		if (start >= ranges[i].addr && start + size <= ranges[i].addr + ranges[i].size)
			return true;
	}
	return false;
}
