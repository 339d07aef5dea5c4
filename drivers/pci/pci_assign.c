/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets which addresses. Each bus is laid out by itself, the most strictly aligned first, so that there are no
 * holes between BARs: first only measured, from the last bridge up to the first, which gives the size of each
 * bridge's range; then, from the host down, within the range that its bridge has got. A hot-plug port asks
 * for more than is behind it; where the host has not enough for that, nobody gets more than he needs. Where even
 * that is too much, the largest BARs go without addresses, so that one device cannot take those of all others.
 */
#include <errno.h>
#include "drivers/pci/pci_private.h"
#include "lib/log.h"

/* What a hot-plug port has for what is plugged in later. Powers of two. */
static const uint64_t reserve[PCI_SPACES] = {
	[PCI_SPACE_IO] = 4u << 10,
	[PCI_SPACE_MEM] = 2u << 20,
	[PCI_SPACE_MEM64] = 64u << 20,
};

/* In what steps bridges can pass addresses on. */
static const uint64_t bridge_step[PCI_SPACES] = {
	[PCI_SPACE_IO] = 4u << 10,
	[PCI_SPACE_MEM] = 1u << 20,
	[PCI_SPACE_MEM64] = 1u << 20,
};

/* So many BARs are left out in favour of the others, one at a time. */
#define LEFT_OUT_MAX 64u

/* One thing on a bus that needs addresses: a BAR, or the range of a bridge (index PCI_BARS). */
#define REQUESTS (PCI_BARS + 1)

struct request {
	struct pci_function *fn;
	unsigned int index;
	uint64_t size, align;
};

/* A bus and the range for it. Addresses are given only where @give is set. */
struct layout {
	struct pci_host *host;
	struct pci_function *bridge;
	enum pci_space space;
	bool give;
	uint64_t at;	/* the first address that is free */
	uint64_t limit; /* the last one that there is */
	bool full;
	unsigned int failures;
};

/* Whether every bridge above @fn passes on addresses above 4 GiB. Only prefetchable ones get through. */
static bool above_4g_reaches(const struct pci_function *fn, const struct pci_bar *bar)
{
	const struct pci_function *up = fn->bridge;

	if (!bar->mem64 || !fn->host->root.has[PCI_SPACE_MEM64] || (up && !bar->prefetch))
		return false;
	for (; up; up = up->bridge) {
		if (!up->below->has[PCI_SPACE_MEM64])
			return false;
	}
	return true;
}

static enum pci_space space_of(const struct pci_function *fn, const struct pci_bar *bar)
{
	if (bar->io)
		return PCI_SPACE_IO;
	return above_4g_reaches(fn, bar) ? PCI_SPACE_MEM64 : PCI_SPACE_MEM;
}

/* Pages are not shared, so that each BAR can be mapped alone. */
static bool bar_request(const struct pci_bar *bar, enum pci_space space, struct request *request)
{
	if (!bar->size || bar->assigned || bar->left_out || space_of(request->fn, bar) != space)
		return false;
	request->size = bar->size;
	request->align = bar->io ? bar->size : MAX(bar->size, (uint64_t)PAGE_SIZE);
	return true;
}

static bool get_request(enum pci_space space, struct request *request)
{
	const struct pci_function *fn = request->fn;

	if (request->index < PCI_BARS)
		return bar_request(&fn->bars[request->index], space, request);
	if (!fn->below || !fn->below->windows[space].size || fn->below->windows[space].start)
		return false;
	request->size = fn->below->windows[space].size;
	request->align = fn->below->windows[space].align;
	return true;
}

/* Calls @visit for each request on the bus. */
static void for_each_request(struct layout *layout,
			     void (*visit)(struct layout *layout, const struct request *request,
					   uint64_t *arg),
			     uint64_t *arg)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		struct request request = {.fn = fn};

		if (fn->host != layout->host || fn->bridge != layout->bridge)
			continue;
		for (; request.index < REQUESTS; request.index++) {
			if (get_request(layout->space, &request))
				visit(layout, &request, arg);
		}
	}
}

static void collect_align(struct layout *layout, const struct request *request, uint64_t *aligns)
{
	(void)layout;
	*aligns |= request->align;
}

static void give_address(const struct layout *layout, const struct request *request, uint64_t start)
{
	struct pci_bar *bar = &request->fn->bars[request->index];

	if (request->index == PCI_BARS) {
		request->fn->below->windows[layout->space].start = start;
		return;
	}
	bar->bus_addr = start;
	bar->phys = layout->host->phys[layout->space] +
		    (start - layout->host->root.windows[layout->space].start);
	bar->assigned = true;
	pci_write_bar(request->fn, request->index);
}

/* Those of one alignment, *@align. */
static void place(struct layout *layout, const struct request *request, uint64_t *align)
{
	uint64_t start = ALIGN_UP(layout->at, *align);

	if (request->align != *align)
		return;
	if (layout->full || start < layout->at || start > layout->limit ||
	    request->size - 1 > layout->limit - start) {
		layout->failures++;
		return;
	}
	if (layout->give)
		give_address(layout, request, start);
	layout->at = start + request->size;
	layout->full = layout->at == 0; /* there is nothing behind the last address of all */
}

/* Returns the strictest alignment. */
static uint64_t lay_out(struct layout *layout)
{
	uint64_t aligns = 0, strictest = 1;

	for_each_request(layout, collect_align, &aligns);
	if (aligns)
		strictest = BIT_ULL(63 - (unsigned int)__builtin_clzll(aligns));
	while (aligns) {
		uint64_t align = BIT_ULL(63 - (unsigned int)__builtin_clzll(aligns));

		for_each_request(layout, place, &align);
		aligns &= ~align;
	}
	return strictest;
}

/* How large the range of @bridge has to be. One that it has already stays. */
static void measure(struct pci_function *bridge, enum pci_space space, bool generous)
{
	struct pci_window *window = &bridge->below->windows[space];
	struct layout layout = {.host = bridge->host,
				.bridge = bridge,
				.space = space,
				.limit = UINT64_MAX - bridge_step[space]};
	uint64_t align;

	if (window->start || !bridge->below->number)
		return;
	*window = (struct pci_window){.align = bridge_step[space]};
	if (!bridge->below->has[space])
		return;
	align = lay_out(&layout);
	window->align = MAX(align, window->align);
	window->size = ALIGN_UP(layout.at, bridge_step[space]);
	if (generous && bridge->below->hotplug && window->size < reserve[space]) {
		window->size = reserve[space];
		window->align = MAX(window->align, reserve[space]);
	}
}

/* From the last to the first, which is from the leaves to the root. */
static void measure_all(struct pci_host *host, struct pci_function *top, enum pci_space space,
			bool generous)
{
	struct list_head *node;

	for (node = pci_functions()->prev; node != pci_functions(); node = node->prev) {
		struct pci_function *fn = list_entry(node, struct pci_function, node);

		if (fn->below && pci_is_behind(fn, host, top))
			measure(fn, space, generous);
	}
}

/* The end of what is taken already on the bus of @layout, where something was plugged in. */
static uint64_t taken_end(const struct layout *layout, uint64_t start)
{
	const struct pci_function *fn;
	uint64_t end = start;

	pci_for_each_function (fn) {
		if (fn->host != layout->host || fn->bridge != layout->bridge)
			continue;
		for (unsigned int i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &fn->bars[i];

			if (bar->assigned && space_of(fn, bar) == layout->space)
				end = MAX(end, bar->bus_addr + bar->size);
		}
		if (fn->below && fn->below->windows[layout->space].start)
			end = MAX(end, fn->below->windows[layout->space].start +
					       fn->below->windows[layout->space].size);
	}
	return end;
}

/* Lays out the bus behind @bridge in its range. Returns how many requests had no room. */
static unsigned int give_bus(struct pci_host *host, struct pci_function *bridge,
			     enum pci_space space, bool give)
{
	const struct pci_window *window = &pci_bus_behind(host, bridge)->windows[space];
	struct layout layout = {.host = host, .bridge = bridge, .space = space, .give = give};

	layout.at = taken_end(&layout, window->start);
	layout.limit = window->start + window->size - 1;
	layout.full = window->size == 0 || layout.at > layout.limit;
	lay_out(&layout);
	return layout.failures;
}

/* From the first bridge to the last, which is from the root to the leaves. A range for which there was no room is none. */
static void give_all(struct pci_host *host, struct pci_function *top, enum pci_space space)
{
	struct pci_function *fn;

	give_bus(host, top, space, true);
	pci_for_each_function (fn) {
		if (!fn->below || !pci_is_behind(fn, host, top))
			continue;
		if (!fn->below->windows[space].start)
			fn->below->windows[space].size = 0;
		give_bus(host, fn, space, true);
	}
}

/* Returns whether a BAR has no address. */
static bool finish_function(const struct pci_function *fn)
{
	bool without = false;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &fn->bars[i];

		if (!bar->size || bar->assigned)
			continue;
		log_warning("%s: no room for BAR %u of 0x%llx bytes", fn->name, i,
			    (unsigned long long)bar->size);
		without = true;
	}
	if (fn->below && fn->below->number && !fn->below->open) {
		pci_bridge_open(fn);
		fn->below->open = true;
	}
	return without;
}

static bool fits(struct pci_host *host, struct pci_function *top, enum pci_space space,
		 bool generous)
{
	measure_all(host, top, space, generous);
	return give_bus(host, top, space, false) == 0;
}

/* Leaves out the largest BAR of all behind @top. Returns false where there is none. */
static bool leave_one_out(struct pci_host *host, struct pci_function *top, enum pci_space space)
{
	struct pci_bar *largest = NULL;
	struct pci_function *fn;

	pci_for_each_function (fn) {
		struct request request = {.fn = fn};

		for (; pci_is_behind(fn, host, top) && request.index < PCI_BARS; request.index++) {
			struct pci_bar *bar = &fn->bars[request.index];

			if (get_request(space, &request) && (!largest || bar->size > largest->size))
				largest = bar;
		}
	}
	if (largest)
		largest->left_out = true;
	return largest != NULL;
}

static void assign_space(struct pci_host *host, struct pci_function *top, enum pci_space space)
{
	unsigned int left_out = 0;

	while (!fits(host, top, space, true) && !fits(host, top, space, false) &&
	       left_out++ < LEFT_OUT_MAX)
		if (!leave_one_out(host, top, space))
			break;
	give_all(host, top, space);
}

int pci_assign(struct pci_host *host, struct pci_function *bridge)
{
	struct pci_function *fn;
	int err = 0;

	for (unsigned int space = 0; space < PCI_SPACES; space++)
		assign_space(host, bridge, space);
	pci_for_each_function (fn) {
		if (pci_is_behind(fn, host, bridge) && finish_function(fn))
			err = -ENOSPC;
	}
	return err;
}
