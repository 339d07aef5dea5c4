/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers for drivers. Mostly they are mapped to themselves. Those beyond the reach of a pointer (Armv7:
 * a PCI host above 4 GiB) get a window: addresses that nobody uses, found from the top of the address space
 * down. Windows and tables are kept for ever and used again, so that whoever maps the same registers many times needs
 * no more of them. Both ways round to the size of a block where that takes in no RAM: one entry instead of a table.
 */
#include <errno.h>
#include "boot/memory.h"
#include "boot/mmu.h"
#include "lib/log.h"
#include "lib/machine.h"

#define WINDOW_ALIGN (2u << 20) /* a block of the last level but one */
#define WINDOWS_MAX  256

static struct window {
	uint64_t phys, size, start;
} windows[WINDOWS_MAX];
static unsigned int window_count;
static bool said_run_out;

/* Pointers must be able to point behind what they point into. */
static uint64_t reach(void)
{
	return MIN(mmu_limit(), (uint64_t)UINTPTR_MAX - PAGE_SIZE + 1);
}

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static void *find_window(uint64_t phys, size_t size)
{
	for (unsigned int i = 0; i < window_count; i++) {
		const struct window *w = &windows[i];

		if (phys >= w->phys && phys - w->phys < w->size &&
		    size <= w->size - (phys - w->phys))
			return pointer(w->start + (phys - w->phys));
	}
	return NULL;
}

/* The highest free addresses for @size bytes, which differ from @phys by whole blocks; 0: there are none. */
static uint64_t free_addresses(uint64_t phys, uint64_t size)
{
	uint64_t within = phys % WINDOW_ALIGN;
	uint64_t start = ALIGN_DOWN(reach(), WINDOW_ALIGN) + within;

	while (start > WINDOW_ALIGN + within) {
		start -= WINDOW_ALIGN;
		if (start + size <= reach() && !memory_is_ram(start, start + size) &&
		    mmu_is_free(start, start + size))
			return start;
	}
	return 0;
}

/* What somebody else needs may be what has run out: it is said once, and not again for each device. */
static void *run_out(const char *what, uint64_t phys)
{
	if (!said_run_out)
		log_error("registers at 0x%llx cannot be mapped: all %s are in use",
			  (unsigned long long)phys, what);
	said_run_out = true;
	return NULL;
}

static void *make_window(uint64_t phys, size_t size)
{
	uint64_t first = ALIGN_DOWN(phys, WINDOW_ALIGN);
	uint64_t end = ALIGN_UP(phys + size, WINDOW_ALIGN);
	struct window *w = &windows[window_count];

	if (window_count == WINDOWS_MAX)
		return run_out("windows", phys);
	if (end > mmu_phys_limit() || memory_is_ram(first, end)) {
		first = ALIGN_DOWN(phys, PAGE_SIZE);
		end = ALIGN_UP(phys + size, PAGE_SIZE);
	}
	if (end > mmu_phys_limit())
		return NULL;
	*w = (struct window){first, end - first, free_addresses(first, end - first)};
	if (!w->start)
		return run_out("addresses", phys);
	if (mmu_map_at(w->start, w->start + w->size, first, MMU_DEVICE))
		return run_out("translation tables", phys);
	window_count++;
	return pointer(w->start + (phys - first));
}

/* The blocks around [@phys, @end), where nothing else is in them. Address 0 stays nobody's. */
static bool map_blocks(uint64_t phys, uint64_t end)
{
	uint64_t first = ALIGN_DOWN(phys, WINDOW_ALIGN), last = ALIGN_UP(end, WINDOW_ALIGN);

	return first && last <= reach() && !memory_is_ram(first, last) &&
	       mmu_is_free(first, last) && !mmu_map(first, last, MMU_DEVICE);
}

/* Another window may stand where these registers would be mapped to themselves. Returns 0 or -errno. */
static int map_to_itself(uint64_t phys, uint64_t end)
{
	if (end > reach())
		return -ERANGE;
	for (unsigned int i = 0; i < window_count; i++)
		if (phys < windows[i].start + windows[i].size && end > windows[i].start)
			return -EBUSY;
	return map_blocks(phys, end) ? 0 : mmu_map(phys, end, MMU_DEVICE);
}

void *ioremap(uint64_t phys, size_t size)
{
	uint64_t end = phys + size;
	void *found;
	int err;

	if (!size || end < phys || end > mmu_phys_limit() || memory_is_ram(phys, end))
		return NULL;
	err = map_to_itself(phys, end);
	if (!err)
		return pointer(phys);
	if (mmu_phys_limit() == mmu_limit())
		return err == -ENOMEM ? run_out("translation tables", phys) : NULL;
	found = find_window(phys, size);
	return found ? found : make_window(phys, size);
}

uint64_t ioremap_limit(void)
{
	return mmu_phys_limit();
}
