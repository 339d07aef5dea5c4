/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI host on simulated topologies: every function is found once, every BAR answers at the address that it was given
 * and nowhere else, through all bridges; and nothing that config space or the device tree may say does harm.
 */
#include "tests/unit/test.h"
#include "drivers/pci/pci_private.h"
#include "lib/msi.h"
#include "tests/device/pci/pcisim.h"

#define VIRTIO_BLK 0x10421af4u

static int setup(void **state)
{
	(void)state;
	sim_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_reset();
	return 0;
}

#define PCI_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int init(void)
{
	sim_tree();
	return pci_init();
}

static unsigned int count_functions(void)
{
	const struct pci_function *fn;
	unsigned int n = 0;

	pci_for_each_function (fn)
		n++;
	return n;
}

static struct pci_function *find(const struct sim_function *sim)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		if (sim_at(fn->bus, fn->slot, fn->function) == sim)
			return fn;
	}
	fail_msg("a function was not found");
	return NULL;
}

static struct sim_function *plain(struct sim_function *bridge, unsigned int slot)
{
	return sim_add(bridge, slot, 0, VIRTIO_BLK, 0x010000);
}

/* As virtio-blk-pci has them. */
static struct sim_function *disk(struct sim_function *bridge, unsigned int slot)
{
	struct sim_function *fn = plain(bridge, slot);

	sim_bar(fn, 0, SIM_IO, 0x80);
	sim_bar(fn, 1, SIM_MEM32, 0x1000);
	sim_bar(fn, 4, SIM_MEM_64_PREF, 0x4000);
	fn->config[PCI_INTERRUPT_PIN] = 1;
	return fn;
}

/* One function and one BAR answer, from its first byte to its last, and none at the bytes around it. */
static void check_decoded(const struct pci_function *fn, unsigned int index)
{
	const struct pci_bar *bar = &fn->bars[index];
	const struct sim_function *sim = sim_at(fn->bus, fn->slot, fn->function);
	const uint64_t inside[] = {0, bar->size / 2, bar->size - 1};
	unsigned int found, count;

	for (unsigned int i = 0; i < ARRAY_SIZE(inside); i++) {
		assert_ptr_equal(sim_decode(bar->io, bar->bus_addr + inside[i], &found, &count),
				 sim);
		assert_int_equal(count, 1);
		assert_int_equal(found, index);
	}
	assert_int_equal(bar->bus_addr % bar->size, 0);
}

static void check_window(const struct pci_bar *bar)
{
	uint64_t start = bar->io ? 0 : bar->bus_addr < BIT_ULL(32) ? SIM_MEM : SIM_MEM64;
	uint64_t phys = bar->io ? SIM_IO_PHYS : start;
	uint64_t size = bar->io		   ? sim_host.io_size
			: start == SIM_MEM ? sim_host.mem_size
					   : sim_host.mem64_size;

	assert_true(bar->bus_addr > 0 && bar->bus_addr >= start);
	assert_true(bar->bus_addr + bar->size <= start + size);
	assert_int_equal(bar->phys, bar->bus_addr - start + phys);
	if (bar->bus_addr >= BIT_ULL(32))
		assert_true(bar->mem64);
}

static bool all_assigned(const struct pci_function *fn, bool io)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (fn->bars[i].size && fn->bars[i].io == io && !fn->bars[i].assigned)
			return false;
	return true;
}

/* All that is known is right: identity, addresses, decoding through the bridges. Returns how many BARs have addresses. */
static unsigned int check_all(void)
{
	struct pci_function *fn;
	unsigned int bars = 0;

	pci_for_each_function (fn) {
		const struct sim_function *sim = sim_at(fn->bus, fn->slot, fn->function);

		assert_non_null(sim);
		assert_ptr_equal(
			fn->bridge ? sim_at(fn->bridge->bus, fn->bridge->slot, fn->bridge->function)
				   : NULL,
			sim->bridge);
		assert_int_equal(pci_read32(fn, 0), fn->vendor | (uint32_t)fn->device << 16);
		if (fn->header_type == PCI_HEADER_NORMAL)
			pci_enable(fn, true, true, true);
	}
	pci_for_each_function (fn) {
		for (unsigned int i = 0; i < PCI_BARS; i++) {
			if (!fn->bars[i].size || !fn->bars[i].assigned)
				continue;
			check_window(&fn->bars[i]);
			bars++;
			/* Off, because another of its BARs has no address, or the bridge no bus. */
			if (pci_read16(fn, PCI_COMMAND) &
			    (fn->bars[i].io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))
				check_decoded(fn, i);
			else
				assert_true(!all_assigned(fn, fn->bars[i].io) ||
					    (fn->below && !fn->below->number));
		}
	}
	return bars;
}

/* --- enumeration ------------------------------------------------------------------------------------------------ */

static void an_empty_bus_costs_a_read_for_each_slot(void **state)
{
	(void)state;
	assert_int_equal(init(), 0);
	assert_true(list_empty(pci_functions()));
	assert_int_equal(sim_reads, 32);
	assert_int_equal(sim_writes, 0);
}

static void without_a_host_there_is_nothing_to_do(void **state)
{
	(void)state;
	sim_host.no_host = true;
	disk(NULL, 1);
	assert_int_equal(init(), 0);
	assert_true(list_empty(pci_functions()));
	assert_int_equal(sim_reads, 0);
}

static void functions_are_found_where_the_header_says_there_are_more(void **state)
{
	struct sim_function *one;

	(void)state;
	plain(NULL, 1);
	one = plain(NULL, 2);
	sim_add(NULL, 2, 3, VIRTIO_BLK, 0x010000);
	sim_add(NULL, 2, 7, VIRTIO_BLK, 0x010000);
	sim_add(NULL, 4, 1, VIRTIO_BLK, 0x010000); /* without a function 0 */
	plain(NULL, 31);
	plain(NULL, 6);
	sim_add(NULL, 6, 1, VIRTIO_BLK, 0x010000);
	sim_at(0, 6, 0)->config[PCI_HEADER_TYPE] = 0; /* says that it is alone */
	assert_int_equal(init(), 0);
	assert_int_equal(count_functions(), 6);
	assert_string_equal(find(one)->name, "pci@00:02.0");
	check_all();
}

static void identity_is_what_config_space_says(void **state)
{
	struct sim_function *sim = sim_add(NULL, 3, 0, 0x11e81234, 0x0200ff);
	struct pci_function *fn;

	(void)state;
	sim_set32(sim, PCI_SUBSYSTEM_VENDOR, 0x11001af4);
	sim->config[PCI_INTERRUPT_PIN] = 9; /* there is no such pin */
	assert_int_equal(init(), 0);
	fn = find(sim);
	assert_int_equal(fn->vendor, 0x1234);
	assert_int_equal(fn->device, 0x11e8);
	assert_int_equal(fn->class, 0x0200ff);
	assert_int_equal(fn->revision, 1);
	assert_int_equal(fn->subsystem_vendor, 0x1af4);
	assert_int_equal(fn->subsystem, 0x1100);
	assert_int_equal(fn->pin, 0);
	assert_true(fn->intx.irq < 0);
	assert_null(fn->bridge);
}

static void buses_behind_bridges_get_numbers_in_depth_first_order(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, false), *up, *down[2], *pci, *deep, *last;

	(void)state;
	up = sim_add(port, 0, 0, 0x000c1b36, 0x060400);
	sim_bridge(up, 5, false);
	for (unsigned int i = 0; i < 2; i++) {
		down[i] = sim_add(up, i, 0, 0x000c1b36, 0x060400);
		sim_bridge(down[i], PCI_EXP_DOWNSTREAM, false);
	}
	pci = sim_add(down[1], 0, 0, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	deep = disk(pci, 7);
	disk(down[0], 0);
	last = disk(sim_root_port(2, 0, false), 0);
	assert_int_equal(init(), 0);
	assert_int_equal(count_functions(), 9);
	assert_int_equal(find(port)->below->number, 1);
	assert_int_equal(find(up)->below->number, 2);
	assert_int_equal(find(down[0])->below->number, 3);
	assert_int_equal(find(down[1])->below->number, 4);
	assert_int_equal(find(pci)->below->number, 5);
	assert_int_equal(find(port)->below->last, 5);
	assert_int_equal(find(deep)->bus, 5);
	assert_int_equal(find(last)->bus, 6);
	assert_int_equal(check_all(), 3 * 3 + 2);
}

static void a_link_of_pci_express_has_one_device(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, false);

	(void)state;
	plain(port, 0);
	plain(port, 1);
	assert_int_equal(init(), 0);
	assert_int_equal(count_functions(), 2);
}

static void a_chain_of_bridges_ends_with_the_bus_numbers(void **state)
{
	struct sim_function *bridge = NULL;

	(void)state;
	sim_host.bus_last = 15;
	for (unsigned int i = 0; i < 20; i++) {
		bridge = sim_add(bridge, 0, 0, 0x00011b36, 0x060400);
		sim_bridge(bridge, -1, false);
	}
	disk(NULL, 3);
	assert_int_equal(init(), -ENOSPC);
	assert_int_equal(count_functions(), 17);
	assert_true(sim_messages[LOG_ERROR] == 1);
	assert_int_equal(check_all(), 3);
}

static void buses_need_not_begin_at_0(void **state)
{
	struct sim_function *port, *fn;

	(void)state;
	sim_host.bus_first = 16;
	sim_host.bus_last = 31;
	sim_host.ecam_size = 16u << 20;
	port = sim_root_port(1, 0, true);
	fn = disk(port, 0);
	assert_int_equal(init(), 0);
	assert_int_equal(find(port)->bus, 16);
	assert_int_equal(find(fn)->bus, 17);
	check_all();
}

/* Every function of every bus is a bridge with more functions. */
static bool bridges_everywhere(uint64_t offset, unsigned int width, uint32_t *value)
{
	(void)width;
	switch (offset & 0xfff) {
	case 0:
		*value = 0x1b36;
		return true;
	case PCI_HEADER_TYPE:
		*value = PCI_HEADER_MULTI | PCI_HEADER_BRIDGE;
		return true;
	case PCI_CLASS_REVISION:
		*value = 0x06040000;
		return true;
	default:
		*value = 0;
		return true;
	}
}

static void what_answers_everywhere_ends_somewhere(void **state)
{
	(void)state;
	sim_answer = bridges_everywhere;
	assert_true(init() < 0);
	assert_int_equal(count_functions(), PCI_FUNCTIONS_MAX);
}

/* --- BARs ------------------------------------------------------------------------------------------------------- */

static void every_kind_of_bar_is_sized_and_placed(void **state)
{
	struct sim_function *sim[3] = {plain(NULL, 1), plain(NULL, 2), plain(NULL, 3)};
	struct pci_function *fn;

	(void)state;
	sim_bar(sim[0], 0, SIM_IO, 4);
	sim_bar(sim[0], 1, SIM_IO, 0x100);
	sim_bar(sim[0], 2, SIM_MEM32, 16);
	sim_bar(sim[0], 3, SIM_MEM32_PREF, 1u << 28);
	sim_bar(sim[0], 4, SIM_MEM_64, 1ull << 36);
	sim_bar(sim[1], 0, SIM_MEM_64_PREF, 0x1000);
	sim_bar(sim[1], 2, SIM_MEM_64_PREF, 1ull << 32);
	sim_bar(sim[1], 5, SIM_MEM32, 0x8000);
	sim_bar(sim[2], 5, SIM_IO, 0x1000);
	/* I/O that decodes 16 bits. */
	sim[2]->writable[PCI_BAR0 + 22] = sim[2]->writable[PCI_BAR0 + 23] = 0;
	assert_int_equal(init(), 0);
	fn = find(sim[0]);
	assert_true(fn->bars[0].io && fn->bars[0].size == 4 && fn->bars[1].size == 0x100);
	assert_true(fn->bars[2].size == 16 && !fn->bars[2].mem64 && !fn->bars[2].prefetch);
	assert_true(fn->bars[3].size == 1u << 28 && fn->bars[3].prefetch);
	assert_true(fn->bars[4].size == 1ull << 36 && fn->bars[4].mem64 && !fn->bars[4].prefetch);
	assert_int_equal(fn->bars[5].size, 0);
	assert_true(find(sim[1])->bars[2].size == 1ull << 32);
	assert_int_equal(find(sim[2])->bars[5].size, 0x1000);
	assert_int_equal(check_all(), 9);
	/* All that can lie above 4 GiB does. */
	assert_true(fn->bars[4].bus_addr >= SIM_MEM64 && fn->bars[3].bus_addr < SIM_MEM64);
}

static void bars_that_make_no_sense_are_none(void **state)
{
	struct sim_function *sim = plain(NULL, 1);
	struct pci_function *fn;

	(void)state;
	sim_bar(sim, 0, SIM_MEM32, 0x1000);
	sim->writable[PCI_BAR0 + 2] = 0x55; /* bits in between are fixed */
	sim_set32(sim, PCI_BAR0 + 4, 6);    /* a kind that there is not */
	sim_bar(sim, 2, SIM_MEM32, 0x1000);
	sim_set32(sim, PCI_BAR0 + 20, 4); /* 64 bits without a second half */
	sim->writable[PCI_BAR0 + 23] = 0xff;
	assert_int_equal(init(), 0);
	fn = find(sim);
	assert_int_equal(fn->bars[0].size, 0);
	assert_int_equal(fn->bars[1].size, 0);
	assert_int_equal(fn->bars[2].size, 0x1000);
	assert_int_equal(fn->bars[5].size, 0);
	assert_int_equal(sim_messages[LOG_WARNING], 2);
	assert_int_equal(check_all(), 1);
}

static void a_host_bridge_is_left_as_it_is(void **state)
{
	struct sim_function *sim = sim_add(NULL, 0, 0, 0x00081b36, 0x060000);

	(void)state;
	sim_bar(sim, 0, SIM_MEM32, 0x100000);
	assert_int_equal(init(), 0);
	assert_int_equal(sim_writes, 0);
	assert_int_equal(find(sim)->bars[0].size, 0);
}

static void bars_behind_bridges_lie_in_their_windows(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, false), *pci, *sim;

	(void)state;
	pci = sim_add(port, 0, 0, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	sim_bar(pci, 0, SIM_MEM_64, 0x100);
	sim = plain(pci, 1);
	sim_bar(sim, 0, SIM_MEM32, 32u << 20);
	sim_bar(sim, 1, SIM_MEM32, 0x1000);
	sim_bar(sim, 2, SIM_MEM_64_PREF, 1ull << 33);
	sim_bar(sim, 4, SIM_MEM_64, 1u << 20); /* not prefetchable: below 4 GiB */
	disk(pci, 2);
	disk(NULL, 5);
	assert_int_equal(init(), 0);
	assert_int_equal(check_all(), 12);
	assert_true(find(sim)->bars[2].bus_addr >= SIM_MEM64);
	assert_true(find(sim)->bars[4].bus_addr < BIT_ULL(32));
	assert_int_equal(find(port)->below->windows[PCI_SPACE_IO].size, 0x1000);
}

static void without_a_range_above_4_gib_all_lies_below(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, true);

	(void)state;
	sim_host.mem64_size = 0;
	sim_host.ecam = 0x3f000000;
	sim_host.ecam_size = 16u << 20;
	disk(port, 0);
	disk(NULL, 4);
	assert_int_equal(init(), 0);
	assert_int_equal(check_all(), 7);
}

static void a_bridge_without_prefetchable_addresses_passes_on_low_ones(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, false), *sim = disk(port, 0);

	(void)state;
	memset(sim->bridge->writable + PCI_PREF_BASE, 0, 12);
	sim_set32(port, PCI_PREF_BASE, 0);
	assert_int_equal(init(), 0);
	assert_true(find(sim)->bars[4].bus_addr < BIT_ULL(32));
	assert_int_equal(check_all(), 4);
}

static void what_does_not_fit_is_reported_and_stays_off(void **state)
{
	struct sim_function *large = plain(NULL, 1), *small = disk(NULL, 2);
	struct pci_function *fn;

	(void)state;
	sim_host.mem_size = 0x200000;
	sim_bar(large, 0, SIM_MEM32, 1u << 24);
	sim_bar(large, 1, SIM_IO, 0x40);
	assert_int_equal(init(), -ENOSPC);
	fn = find(large);
	assert_false(fn->bars[0].assigned);
	assert_non_null(
		strstr(sim_last_message, "pci@00:01.0: no room for BAR 0 of 0x1000000 bytes"));
	assert_null(pci_map(fn, 0, 0, 4));
	assert_int_equal(check_all(), 4); /* switches everything on */
	assert_int_equal(pci_read16(fn, PCI_COMMAND) & 7, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_int_equal(pci_read16(find(small), PCI_COMMAND) & 7, 7);
	pci_enable(fn, false, false, false);
	assert_int_equal(pci_read16(fn, PCI_COMMAND) & 7, 0);
}

/* Behind a bridge, whose range is one request. */
static void a_bar_too_large_takes_nothing_from_those_beside_it(void **state)
{
	struct sim_function *pci, *large, *small[2];

	(void)state;
	pci = sim_add(sim_root_port(1, 0, true), 0, 0, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	large = plain(pci, 1);
	sim_bar(large, 0, SIM_MEM_64_PREF, 1ull << 40);
	sim_bar(large, 2, SIM_MEM32, 1u << 30);
	sim_bar(large, 3, SIM_IO, 0x40);
	small[0] = disk(pci, 2);
	small[1] = disk(NULL, 5);
	assert_int_equal(init(), -ENOSPC);
	assert_false(find(large)->bars[0].assigned || find(large)->bars[2].assigned);
	for (unsigned int i = 0; i < 2; i++)
		assert_true(all_assigned(find(small[i]), false));
	assert_int_equal(check_all(), 1 + 1 + 2 * 3);
	assert_int_equal(sim_messages[LOG_WARNING], 2); /* each BAR once */
	/* What may be plugged in loses nothing either. */
	assert_true(find(pci->bridge)->below->windows[PCI_SPACE_MEM].size >= 2u << 20);
}

/* Each alone would fit. */
static void of_bars_that_are_too_many_the_largest_go_without(void **state)
{
	struct sim_function *ports[3], *large[3], *small[3];
	unsigned int without = 0;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		ports[i] = sim_root_port(1 + i, 0, false);
		large[i] = plain(ports[i], 0);
		sim_bar(large[i], 0, SIM_MEM_64_PREF, i ? 256ull << 30 : 512ull << 30);
		small[i] = sim_add(ports[i], 0, 1, VIRTIO_BLK, 0);
		sim_bar(small[i], 4, SIM_MEM_64_PREF, 0x4000);
	}
	assert_int_equal(init(), -ENOSPC);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(find(small[i])->bars[4].assigned);
		without += !find(large[i])->bars[0].assigned;
	}
	assert_false(find(large[0])->bars[0].assigned);
	assert_int_equal(without, 2);
	check_all();
}

/* Every function has BARs for which there is no room: it is given up after a while, and ends. */
static void the_number_of_bars_left_out_is_bounded(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, false), *pci;
	unsigned int left_out = 0;
	struct pci_function *fn;

	(void)state;
	pci = sim_add(port, 0, 0, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	for (unsigned int i = 0; i < 32; i++) {
		struct sim_function *sim = plain(pci, i);

		for (unsigned int bar = 0; bar < PCI_BARS; bar++)
			sim_bar(sim, bar, SIM_MEM32, 1u << 31);
	}
	disk(NULL, 2);
	assert_int_equal(init(), -ENOSPC);
	assert_int_equal(check_all(), 1 + 3);
	pci_for_each_function (fn)
		for (unsigned int bar = 0; bar < PCI_BARS; bar++)
			left_out += fn->bars[bar].left_out;
	assert_int_equal(left_out, 64);
}

static void registers_are_mapped_within_their_bar(void **state)
{
	struct sim_function *sim = disk(NULL, 1);
	struct pci_function *fn;
	uint64_t phys;

	(void)state;
	assert_int_equal(init(), 0);
	fn = find(sim);
	phys = fn->bars[4].phys;
	assert_true(pci_map(fn, 4, 0, 0x4000) == (void *)(uintptr_t)phys);
	assert_true(pci_map(fn, 4, 0x3000, 0x1000) == (void *)(uintptr_t)(phys + 0x3000));
	assert_true(pci_map(fn, 0, 0, 0x80) == (void *)(uintptr_t)(fn->bars[0].phys));
	assert_null(pci_map(fn, 4, 0, 0x4001));
	assert_null(pci_map(fn, 4, 0x4000, 1));
	assert_null(pci_map(fn, 4, UINT64_MAX, 2));
	assert_null(pci_map(fn, 4, 1, UINT64_MAX));
	assert_null(pci_map(fn, 4, 0, 0));
	assert_null(pci_map(fn, 5, 0, 4)); /* the upper half of BAR 4 */
	assert_null(pci_map(fn, 6, 0, 4));
	sim_host.no_ioremap = true;
	assert_null(pci_map(fn, 4, 0, 4));
}

/* --- hot-plug --------------------------------------------------------------------------------------------------- */

static void a_hot_plug_port_has_room_for_what_comes_later(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, true), *sim, *pci;
	struct pci_function *fn, *bridge;
	uint64_t address = 0;

	(void)state;
	sim_root_port(2, 0, true);
	assert_int_equal(init(), 0);
	bridge = find(port);
	assert_true(pci_is_hotplug_port(bridge));
	assert_int_equal(pci_scan_behind(bridge), 0);
	sim = disk(port, 0);
	sim->present = false;
	for (unsigned int i = 0; i < 3; i++) {
		sim->present = true;
		sim_bar(sim, 1, SIM_MEM32, 0x1000); /* as after a reset */
		sim_bar(sim, 4, SIM_MEM_64_PREF, 0x4000);
		assert_int_equal(pci_scan_behind(bridge), 1);
		assert_int_equal(pci_scan_behind(bridge), 0);
		assert_int_equal(check_all(), 2 + 3);
		fn = find(sim);
		assert_true(i == 0 || fn->bars[4].bus_addr == address);
		address = fn->bars[4].bus_addr;
		sim->present = false;
		assert_false(pci_present(fn));
		assert_int_equal(pci_read32(fn, 0), UINT32_MAX);
		pci_remove(fn);
		assert_int_equal(count_functions(), 2);
	}
	/* A bridge, with something behind it. */
	pci = sim_add(port, 0, 0, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	disk(pci, 3);
	assert_int_equal(pci_scan_behind(bridge), 2);
	assert_int_equal(check_all(), 2 + 3);
	pci_remove(find(pci));
	assert_int_equal(count_functions(), 2);
}

static void what_joins_others_takes_nothing_from_them(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, true), *pci;

	(void)state;
	disk(port, 0);
	assert_int_equal(init(), 0);
	sim_bar(sim_add(port, 0, 1, VIRTIO_BLK, 0), 0, SIM_MEM32, 0x1000);
	assert_int_equal(pci_scan_behind(find(port)), 1);
	assert_int_equal(check_all(), 1 + 3 + 1);
	/* The port has one bus number to spare. */
	pci = sim_add(port, 0, 2, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	sim_bar(plain(pci, 1), 1, SIM_MEM32, 0x10000);
	assert_int_equal(pci_scan_behind(find(port)), 2);
	sim_bridge(sim_add(port, 0, 3, 0x000e1b36, 0x060400), PCI_EXP_TO_PCI, false);
	assert_int_equal(pci_scan_behind(find(port)), -ENOSPC);
	assert_int_equal(sim_messages[LOG_ERROR], 1);
	assert_int_equal(check_all(), 1 + 3 + 1 + 1);
}

static void what_is_there_comes_before_what_may_come(void **state)
{
	struct sim_function *port = NULL;

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		port = sim_root_port(1 + i, 0, true);
	disk(port, 0);
	disk(NULL, 30);
	assert_int_equal(init(), 0);
	assert_int_equal(check_all(), 20 + 6);
}

static void a_slot_that_cannot_be_hot_plugged_keeps_nothing(void **state)
{
	struct sim_function *port = sim_root_port(1, 0, false), *sim;

	(void)state;
	assert_int_equal(init(), 0);
	assert_false(pci_is_hotplug_port(find(port)));
	sim = disk(port, 0);
	assert_int_equal(pci_scan_behind(find(port)), -ENOSPC);
	assert_false(find(sim)->bars[1].assigned);
	assert_int_equal(pci_scan_behind(find(sim)), -ENOSPC); /* no bridge at all */
}

/* --- config space ----------------------------------------------------------------------------------------------- */

static void config_space_has_an_end(void **state)
{
	struct sim_function *sim = plain(NULL, 1);
	struct pci_function *fn;

	(void)state;
	assert_int_equal(init(), 0);
	fn = find(sim);
	sim->config[4095] = 0x12;
	assert_int_equal(pci_read8(fn, 4095), 0x12);
	assert_int_equal(pci_read8(fn, 4096), 0xff);
	assert_int_equal(pci_read16(fn, 4095), 0xffff);
	assert_int_equal(pci_read32(fn, 4094), UINT32_MAX);
	assert_int_equal(pci_read32(fn, UINT32_MAX - 3), UINT32_MAX);
	assert_int_equal(pci_read16(fn, 1), 0xffff);
	sim_writes = 0;
	pci_write8(fn, 4096, 1);
	pci_write16(fn, 5, 1);
	pci_write32(fn, 4096, 1);
	assert_int_equal(sim_writes, 0);
}

static void capabilities_are_found_in_their_order(void **state)
{
	struct sim_function *sim = plain(NULL, 1);
	unsigned int vendor[2], pm, msix;
	struct pci_function *fn;

	(void)state;
	vendor[0] = sim_cap(sim, PCI_CAP_VENDOR, 16);
	pm = sim_cap(sim, PCI_CAP_PM, 8);
	vendor[1] = sim_cap(sim, PCI_CAP_VENDOR, 20);
	msix = sim_cap(sim, PCI_CAP_MSIX, 12);
	assert_int_equal(init(), 0);
	fn = find(sim);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_VENDOR, 0), vendor[0]);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_VENDOR, vendor[0]), vendor[1]);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_VENDOR, vendor[1]), 0);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_PM, 0), pm);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_PM, vendor[1]), 0);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_ANY, pm), vendor[1]);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_MSIX, 0), msix);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_MSI, 0), 0);
	assert_int_equal(pci_find_capability(fn, PCI_CAP_MSIX, 0x44), 0); /* no capability there */
	sim->config[PCI_STATUS] = 0;
	assert_int_equal(pci_find_capability(fn, PCI_CAP_PM, 0), 0);
}

/* How many capabilities a caller sees. */
static unsigned int walk(const struct pci_function *fn, uint8_t id)
{
	unsigned int at = 0, n = 0;

	while ((at = pci_find_capability(fn, id, at)) != 0) {
		assert_in_range(at, 0x40, 0xfc);
		assert_true(++n <= 48);
	}
	return n;
}

static void capabilities_that_go_in_a_circle_end(void **state)
{
	struct sim_function *sim = plain(NULL, 1);
	struct pci_function *fn;

	(void)state;
	sim_cap(sim, PCI_CAP_VENDOR, 16);
	sim_cap(sim, PCI_CAP_VENDOR, 16);
	sim_cap(sim, PCI_CAP_VENDOR, 16);
	assert_int_equal(init(), 0);
	fn = find(sim);
	assert_int_equal(walk(fn, PCI_CAP_VENDOR), 3);
	sim->config[0x61] = 0x50; /* back to the second */
	assert_int_equal(walk(fn, PCI_CAP_VENDOR), 3);
	sim->config[0x61] = 0x60; /* itself */
	assert_int_equal(walk(fn, PCI_CAP_VENDOR), 3);
	sim->config[0x51] = 0x3c; /* into the header */
	assert_int_equal(walk(fn, PCI_CAP_VENDOR), 2);
	sim->config[0x51] = 0x63; /* the low bits mean nothing */
	assert_int_equal(walk(fn, PCI_CAP_VENDOR), 3);
	memset(sim->config + 0x40, 0xff, 0xc0);
	assert_int_equal(walk(fn, PCI_CAP_ANY), 0);
	for (unsigned int i = 0x40; i < 0x100; i += 4)
		sim_set32(sim, i, (i + 4) << 8 | PCI_CAP_VENDOR);
	assert_int_equal(walk(fn, PCI_CAP_VENDOR), 48);
	sim->present = false;
	assert_int_equal(walk(fn, PCI_CAP_ANY), 0);
}

static void extended_capabilities_end_too(void **state)
{
	struct sim_function *sim = plain(NULL, 1);
	struct pci_function *fn;

	(void)state;
	assert_int_equal(init(), 0);
	fn = find(sim);
	assert_int_equal(pci_find_ext_capability(fn, 1), 0);
	sim_set32(sim, 0x100, 0x14810001);
	sim_set32(sim, 0x148, 0x0001000f);
	assert_int_equal(pci_find_ext_capability(fn, 1), 0x100);
	assert_int_equal(pci_find_ext_capability(fn, 15), 0x148);
	assert_int_equal(pci_find_ext_capability(fn, 16), 0);
	sim_set32(sim, 0x148, 0x1001000f); /* a circle */
	assert_int_equal(pci_find_ext_capability(fn, 16), 0);
	sim_set32(sim, 0x148, 0x0401000f); /* below the first */
	assert_int_equal(pci_find_ext_capability(fn, 16), 0);
}

static void what_vanishes_on_the_way_does_no_harm(void **state)
{
	unsigned int seen[2] = {0};

	(void)state;
	for (unsigned int n = 1; n < 150; n++) {
		struct sim_function *port, *sim;

		sim_reset();
		port = sim_root_port(1, 0, true);
		sim = disk(port, 0);
		sim_cap(sim, PCI_CAP_MSIX, 12);
		(n % 2 ? sim : port)->vanish_after = n;
		disk(NULL, 2);
		init();
		assert_in_range(count_functions(), 1, 3);
		seen[n % 2] |= BIT(count_functions());
		if (n <= 10) /* while it is looked at */
			assert_int_equal(count_functions(), n % 2 ? 2 : 1);
		assert_int_equal(find(sim_at(0, 2, 0))->bars[4].size, 0x4000);
	}
	assert_int_equal(seen[1], BIT(2) | BIT(3));
	assert_true(seen[0] & BIT(1));
}

/* --- routes ----------------------------------------------------------------------------------------------------- */

static int msi_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[]);
static void msi_give_back(struct msi_controller *msi, uint32_t device_id, unsigned int count,
			  const int irqs[]);

static struct {
	unsigned int allocated, freed;
	uint32_t device_id;
	int err;
	struct sim_function *vanish; /* when lines are allocated */
} msi_state;

static struct msi_controller controller = {
	.name = "test", .alloc = msi_alloc, .free = msi_give_back, .dt_node = -1};

static int msi_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[])
{
	assert_ptr_equal(msi, &controller);
	if (msi_state.err)
		return msi_state.err;
	msi_state.device_id = device_id;
	msi_state.allocated += count;
	for (unsigned int i = 0; i < count; i++) {
		irqs[i] = 100 + (int)i;
		messages[i] = (struct msi_message){0x1234500000000ull + i * 4, 0x1000 + i};
	}
	if (msi_state.vanish)
		msi_state.vanish->present = false;
	return 0;
}

static void msi_give_back(struct msi_controller *msi, uint32_t device_id, unsigned int count,
			  const int irqs[])
{
	assert_ptr_equal(msi, &controller);
	assert_int_equal(device_id, msi_state.device_id);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(irqs[i], 100 + (int)i);
	msi_state.freed += count;
}

/* With the controller that msi-map names. */
static int init_with_msi(void)
{
	sim_tree();
	controller.dt_node = dt_find_path("/msi");
	if (!msi_find(controller.dt_node))
		msi_register(&controller);
	memset(&msi_state, 0, sizeof(msi_state));
	return pci_init();
}

static void interrupts_are_turned_by_each_bridge(void **state)
{
	struct sim_function *port, *pci, *deep, *near;

	(void)state;
	port = sim_root_port(6, 0, false);
	pci = sim_add(port, 0, 0, 0x000e1b36, 0x060400);
	sim_bridge(pci, PCI_EXP_TO_PCI, false);
	deep = sim_add(pci, 3, 0, VIRTIO_BLK, 0);
	deep->config[PCI_INTERRUPT_PIN] = 2;
	near = sim_add(NULL, 5, 0, VIRTIO_BLK, 0);
	near->config[PCI_INTERRUPT_PIN] = 4;
	assert_int_equal(init(), 0);
	/* Slot 5, pin D: line (1 + 3) % 4. */
	assert_int_equal(find(near)->intx.irq, 32 + 3 + 0);
	assert_int_equal(find(near)->intx.trigger, 4);
	/* Pin B of slot 3 is pin A on its bus' bridge's, which is in slot 0: pin A of slot 6. */
	assert_int_equal(find(deep)->intx.irq, 32 + 3 + 2);
	assert_int_equal(find(port)->intx.irq, 32 + 3 + 2);
	assert_int_equal(find(pci)->pin, 0);
	assert_true(find(pci)->intx.irq < 0);
}

static void ids_are_those_that_the_root_sees(void **state)
{
	struct sim_function *port, *express, *to_pci, *old, *conventional;

	(void)state;
	port = sim_root_port(1, 0, false);
	express = disk(port, 0);
	to_pci = sim_add(NULL, 2, 0, 0x000e1b36, 0x060400);
	sim_bridge(to_pci, PCI_EXP_TO_PCI, false);
	conventional = disk(to_pci, 9);
	old = sim_add(NULL, 3, 0, 0x00011b36, 0x060400);
	sim_bridge(old, -1, false);
	disk(old, 4);
	assert_int_equal(init_with_msi(), 0);
	assert_ptr_equal(find(express)->msi, &controller);
	assert_int_equal(find(express)->msi_id, 0x100000 + 0x100);
	assert_int_equal(find(express)->iommu_id, 0x2000 + 0x100);
	assert_int_equal(find(to_pci)->iommu_id, 0x2000 + 0x10); /* the first of the second range */
	assert_int_equal(find(port)->iommu_id, 8);
	assert_int_equal(find(express)->iommu_node, dt_find_path("/iommu"));
	assert_int_equal(find(conventional)->msi_id, 0x100000 + 0x200);
	assert_int_equal(find(sim_at(3, 4, 0))->msi_id, 0x100000 + (3 << 3));
	assert_int_equal(find(port)->msi_id, 0x100000 + (1 << 3));
}

static void maps_that_are_absent_or_say_nothing_lead_nowhere(void **state)
{
	static const uint32_t other[] = {0x200, 2, 0, 0x10, 0x300, 99, 0, 0x10};
	static const uint32_t unknown[] = {0, 77, 0, 0x10000};
	struct pci_function *fn;

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		static const char *const names[] = {"msi-map", "iommu-map", "interrupt-map"};

		sim_reset();
		if (i < 3)
			sim_host.omit = names[i];
		else if (i < 5)
			sim_host.replace = names[i - 3];
		else
			sim_host.replace = "msi-map";
		sim_host.cells = i == 5 ? unknown : other;
		sim_host.cell_count = i == 5 ? 4 : 8;
		disk(NULL, 1);
		assert_int_equal(init_with_msi(), 0);
		fn = find(sim_at(0, 1, 0));
		assert_int_equal(fn->msi == NULL, i == 0 || i == 3 || i == 5);
		assert_int_equal(fn->iommu_node < 0, i == 1 || i == 4);
		assert_int_equal(fn->intx.irq < 0, i == 2);
		assert_int_equal(sim_messages[LOG_WARNING], i == 5);
	}
}

/* --- the device tree -------------------------------------------------------------------------------------------- */

static void a_node_that_makes_no_sense_is_an_error(void **state)
{
	static const uint32_t backwards[] = {5, 4}, large[] = {0, 256}, one[] = {0}, four[] = {4},
			      short_range[] = {0x2000000, 0, 0x10000000, 0, 0x10000000, 0},
			      round[] = {0x2000000,  0,		 0x10000000, 0,
					 0x10000000, 0xffffffff, 0xffffffff},
			      wraps[] = {0x3000000, 0xffffffff, 0, 0, 0x10000000, 2, 0},
			      high_io[] = {0x1000000, 1, 0, 0, 0x10000000, 0, 0x10000},
			      tiny[] = {0x40, 0x10000000, 0, 0x80000},
			      crooked[] = {0x40, 0x10000800, 0, 0x10000000};
	static const struct {
		const char *omit, *odd, *replace;
		const uint32_t *cells;
		unsigned int count;
	} rows[] = {
		{.omit = "reg"},
		{.omit = "ranges"},
		{.omit = "#address-cells"},
		{.odd = "bus-range"},
		{.odd = "ranges"},
		{.replace = "bus-range", .cells = backwards, .count = 2},
		{.replace = "bus-range", .cells = large, .count = 2},
		{.replace = "bus-range", .cells = one, .count = 1},
		{.replace = "#size-cells", .cells = one, .count = 1},
		{.replace = "#address-cells", .cells = four, .count = 1},
		{.replace = "ranges", .cells = short_range, .count = 6},
		{.replace = "ranges", .cells = round, .count = 7},
		{.replace = "ranges", .cells = round, .count = 0},
		{.replace = "ranges", .cells = wraps, .count = 7},
		{.replace = "ranges", .cells = high_io, .count = 7},
		{.replace = "reg", .cells = tiny, .count = 4},
		{.replace = "reg", .cells = crooked, .count = 4},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		sim_reset();
		disk(NULL, 1);
		sim_host.omit = rows[i].omit;
		sim_host.odd = rows[i].odd;
		sim_host.replace = rows[i].replace;
		sim_host.cells = rows[i].cells;
		sim_host.cell_count = rows[i].count;
		assert_int_equal(init(), -EINVAL);
		assert_true(list_empty(pci_functions()));
		assert_string_equal(sim_last_message, "pci: pcie@10000000: malformed node");
	}
}

/* Where addresses are is not even read. */
static void a_bus_without_devices_needs_no_addresses(void **state)
{
	(void)state;
	sim_host.omit = "ranges";
	sim_add(NULL, 0, 0, 0x00081b36, 0x060000);
	assert_int_equal(init(), 0);
	assert_int_equal(count_functions(), 1);
	assert_false(pci_has_devices());
	assert_int_equal(sim_messages[LOG_ERROR], 0);
	sim_reset();
	disk(NULL, 1);
	assert_int_equal(init(), 0);
	assert_true(pci_has_devices());
	pci_forget();
	assert_false(pci_has_devices());
}

static void a_map_that_makes_no_sense_is_an_error_of_the_function(void **state)
{
	static const char *const maps[] = {"interrupt-map", "msi-map", "iommu-map"};
	static const uint32_t cut[] = {0x800, 0, 0, 1, 1, 0, 0, 0, 3},
			      loose[] = {0x800, 0, 0, 1, 55},
			      wrong[] = {0x800, 0, 0, 1, 1, 0, 0, 7, 3, 4};

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		sim_reset();
		sim_host.odd = i < 3 ? maps[i] : NULL;
		sim_host.replace = i < 3 ? NULL : "interrupt-map";
		sim_host.cells = i == 3 ? cut : i == 4 ? loose : wrong;
		sim_host.cell_count = i == 3 ? 9 : i == 4 ? 5 : 10;
		disk(NULL, 1);
		assert_int_equal(init_with_msi(), 0);
		assert_int_equal(check_all(), 3);
		assert_int_equal(sim_messages[LOG_WARNING], 1);
		assert_non_null(strstr(sim_last_message, "pci@00:01.0: malformed "));
		assert_non_null(strstr(sim_last_message, i < 3 ? maps[i] : "interrupt-map"));
	}
}

static void each_host_is_told_apart(void **state)
{
	const struct pci_function *fn;
	unsigned int index = 0;

	(void)state;
	sim_host.more_hosts = 9;
	plain(NULL, 1);
	assert_int_equal(init(), 0);
	assert_int_equal(count_functions(), PCI_HOSTS_MAX);
	pci_for_each_function (fn) {
		char name[16];

		snprintf(name, sizeof(name), index ? "pci@%u:00:01.0" : "pci@00:01.0", index);
		assert_string_equal(fn->name, name);
		index++;
	}
	assert_int_equal(sim_messages[LOG_WARNING], 1);
	assert_string_equal(sim_last_message, "pci: more than 8 hosts");
}

/* Each of them once: what could be had works, and nothing is lost. */
static void memory_may_run_out_at_any_time(void **state)
{
	unsigned int n = 0;
	int err;

	(void)state;
	do {
		sim_reset();
		disk(sim_root_port(1, 0, true), 0);
		disk(NULL, 2);
		sim_tree();
		sim_fail_alloc = ++n;
		err = pci_init();
		assert_true(err == 0 || err == -ENOMEM);
		assert_int_equal(err == 0, sim_fail_alloc != 0);
		assert_int_equal(sim_messages[LOG_ERROR] + sim_messages[LOG_WARNING] > 0, err != 0);
		check_all();
	} while (err);
	assert_int_equal(n, 1 + 3 + 1 + 1); /* host, functions, bus; then none failed */
}

static void a_host_out_of_reach_names_what_helps(void **state)
{
	(void)state;
	sim_host.reach = 1ull << 36;
	disk(NULL, 1);
	assert_int_equal(init(), -ENOMEM);
	assert_string_equal(sim_last_message,
			    "pci: ECAM at 0x4010000000 is beyond this CPU's reach: start QEMU "
			    "with -M virt,highmem=off");
	assert_int_equal(sim_messages[LOG_ERROR], 1);
	/* Another address would not help where tables have run out. */
	sim_reset();
	sim_host.no_ioremap = true;
	assert_int_equal(init(), -ENOMEM);
	assert_string_equal(sim_last_message, "pci: ECAM at 0x4010000000 cannot be mapped");
}

/* --- MSI-X ------------------------------------------------------------------------------------------------------ */

static unsigned int msix_cap;

static struct sim_function *msix_disk(unsigned int slot, unsigned int vectors)
{
	struct sim_function *sim = disk(NULL, slot);

	msix_cap = sim_cap(sim, PCI_CAP_MSIX, 12);
	sim->config[msix_cap + 2] = (uint8_t)(vectors - 1);
	sim->config[msix_cap + 3] = (uint8_t)((vectors - 1) >> 8);
	sim->writable[msix_cap + 3] = 0xc0;
	sim_set32(sim, msix_cap + 4, 0x800 | 1); /* BAR 1 from 0x800 on */
	return sim;
}

static uint32_t table_word(const struct sim_function *sim, unsigned int vector, unsigned int offset)
{
	uint32_t value;

	memcpy(&value, &sim->table[0x800 + vector * 16 + offset], 4);
	return value;
}

/* The record, or the room for the messages: nothing is taken, and the next call finds all as it was. */
static void memory_runs_out_for_vectors(void **state)
{
	struct sim_function *sim = msix_disk(1, 5);
	struct pci_function *fn;
	int irqs[3] = {-1, -1, -1};

	(void)state;
	assert_int_equal(init_with_msi(), 0);
	fn = find(sim);
	pci_enable(fn, true, false, true);
	for (unsigned int n = 1; n <= 2; n++) {
		sim_fail_alloc = n;
		assert_int_equal(pci_msix_enable(fn, 3, irqs), -ENOMEM);
		assert_int_equal(sim_fail_alloc, 0);
		assert_int_equal(irqs[0], -1);
		assert_int_equal(msi_state.allocated, 0);
		assert_int_equal(pci_read16(fn, msix_cap + 2), 4); /* neither on nor masked */
	}
	assert_int_equal(pci_msix_enable(fn, 3, irqs), 0);
	assert_int_equal(msi_state.allocated, 3);
	pci_msix_disable(fn);
	assert_int_equal(msi_state.freed, 3);
}

static void vectors_are_written_and_the_rest_is_masked(void **state)
{
	struct sim_function *sim = msix_disk(1, 5);
	struct pci_function *fn;
	int irqs[5] = {-1, -1, -1, -1, -1};

	(void)state;
	assert_int_equal(init_with_msi(), 0);
	fn = find(sim);
	pci_enable(fn, true, false, true);
	assert_int_equal(pci_msix_count(fn), 5);
	assert_int_equal(pci_msix_enable(fn, 3, irqs), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(irqs[i], 100 + i);
		assert_int_equal(table_word(sim, i, 0), 0x00000000 + i * 4);
		assert_int_equal(table_word(sim, i, 4), 0x12345);
		assert_int_equal(table_word(sim, i, 8), 0x1000 + i);
		assert_int_equal(table_word(sim, i, 12), 0);
	}
	assert_int_equal(irqs[3], -1);
	assert_int_equal(table_word(sim, 3, 12), 1);
	assert_int_equal(table_word(sim, 4, 12), 1);
	assert_int_equal(table_word(sim, 5, 12), 0); /* not of the table */
	assert_int_equal(msi_state.device_id, 0x100000 + 8);
	assert_int_equal(pci_read16(fn, msix_cap + 2), 0x8004);
	assert_int_equal(pci_read16(fn, PCI_COMMAND) & PCI_COMMAND_NO_INT, PCI_COMMAND_NO_INT);
	assert_int_equal(pci_msix_enable(fn, 1, irqs), -EBUSY);
	pci_msix_mask(fn, 2, true);
	pci_msix_mask(fn, 3, false); /* not ours */
	assert_int_equal(table_word(sim, 2, 12), 1);
	assert_int_equal(table_word(sim, 3, 12), 1);
	pci_msix_mask(fn, 2, false);
	assert_int_equal(table_word(sim, 2, 12), 0);
	pci_msix_disable(fn);
	pci_msix_disable(fn);
	assert_int_equal(msi_state.freed, 3);
	assert_int_equal(pci_read16(fn, msix_cap + 2), 4);
	/* Nobody listens at the wire either. */
	assert_int_equal(pci_read16(fn, PCI_COMMAND) & PCI_COMMAND_NO_INT, PCI_COMMAND_NO_INT);
	assert_int_equal(pci_msix_enable(fn, 5, irqs), 0);
	pci_msix_disable(fn);
}

static void a_wire_is_pulled_by_those_who_may(void **state)
{
	struct sim_function *sim = disk(NULL, 1), *port = sim_root_port(2, 0, false);
	struct pci_function *fn;

	(void)state;
	assert_int_equal(init(), 0);
	fn = find(sim);
	assert_int_equal(pci_read16(fn, PCI_COMMAND), PCI_COMMAND_NO_INT);
	assert_int_equal(pci_read16(find(port), PCI_COMMAND), PCI_COMMAND_NO_INT | 7);
	pci_enable(fn, true, true, true);
	assert_int_equal(pci_read16(fn, PCI_COMMAND), PCI_COMMAND_NO_INT | 7);
	pci_allow_intx(fn, true);
	assert_int_equal(pci_read16(fn, PCI_COMMAND), 7);
	pci_enable(fn, false, false, false);
	assert_int_equal(pci_read16(fn, PCI_COMMAND), 0);
	pci_allow_intx(fn, false);
	assert_int_equal(pci_read16(fn, PCI_COMMAND), PCI_COMMAND_NO_INT);
}

static unsigned int unmasked;

static void vectors_unmasked(struct sim_function *fn, unsigned int offset, unsigned int width,
			     uint32_t value)
{
	(void)fn;
	(void)width;
	if (offset != msix_cap + PCI_MSIX_CONTROL || !(value & PCI_MSIX_ENABLE) ||
	    (value & PCI_MSIX_MASK_ALL))
		return;
	assert_int_equal(sim_posted, 0);
	unmasked++;
}

/* Writes to memory are on their way until something is read from there. */
static void a_table_has_arrived_when_its_vectors_are_unmasked(void **state)
{
	struct sim_function *sim = msix_disk(1, 5);
	struct pci_function *fn;
	int irqs[5];

	(void)state;
	assert_int_equal(init_with_msi(), 0);
	fn = find(sim);
	pci_enable(fn, true, false, true);
	unmasked = 0;
	sim_written = vectors_unmasked;
	assert_int_equal(pci_msix_enable(fn, 3, irqs), 0);
	assert_int_equal(unmasked, 1);
	pci_msix_mask(fn, 1, true);
	assert_int_equal(sim_posted, 0);
	pci_msix_disable(fn);
}

static void vectors_that_cannot_be_had_change_nothing(void **state)
{
	struct sim_function *sim = msix_disk(1, 4);
	struct pci_function *fn;
	int irqs[8];

	(void)state;
	assert_int_equal(init_with_msi(), 0);
	fn = find(sim);
	pci_enable(fn, true, false, true);
	assert_int_equal(pci_msix_enable(fn, 0, irqs), -EINVAL);
	assert_int_equal(pci_msix_enable(fn, 5, irqs), -EINVAL);
	msi_state.err = -ENOSPC;
	sim_writes = 0;
	assert_int_equal(pci_msix_enable(fn, 4, irqs), -ENOSPC);
	assert_int_equal(sim_writes, 0);
	msi_state.err = 0;
	sim_host.no_ioremap = true;
	assert_int_equal(pci_msix_enable(fn, 4, irqs), -ENOMEM);
	sim_host.no_ioremap = false;
	assert_int_equal(msi_state.allocated, 0);
	msi_state.vanish = sim;
	assert_int_equal(pci_msix_enable(fn, 4, irqs), -ENODEV);
	assert_int_equal(msi_state.freed, 4);
	assert_int_equal(pci_msix_enable(fn, 4, irqs), -ENODEV);
	pci_msix_mask(fn, 0, true);
	pci_msix_disable(fn);
	assert_int_equal(msi_state.freed, 4);
}

/* One switch for all memory BARs: it stays off, and so nobody may believe in those with addresses. */
static void one_bar_without_an_address_takes_memory_from_all(void **state)
{
	struct sim_function *sim = msix_disk(1, 4);
	struct pci_function *fn;
	int irq;

	(void)state;
	sim_bar(sim, 2, SIM_MEM32, 1u << 30);
	assert_int_equal(init_with_msi(), -ENOSPC);
	fn = find(sim);
	assert_true(fn->bars[1].assigned && fn->bars[4].assigned && !fn->bars[2].assigned);
	pci_enable(fn, true, true, true);
	assert_int_equal(pci_read16(fn, PCI_COMMAND) & 7, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_null(pci_map(fn, 1, 0, 4));
	assert_null(pci_map(fn, 4, 0, 4));
	assert_int_equal(pci_msix_count(fn), 0);
	assert_int_equal(pci_msix_enable(fn, 1, &irq), -EINVAL);
	/* The other kind has its own. */
	assert_non_null(pci_map(fn, 0, 0, 4));
}

static void a_table_outside_of_its_bar_is_none(void **state)
{
	static const uint32_t bad[] = {0xff1 | 1, 0x1000 | 1, 0xfffffff8 | 1, 0, 5,
				       6,	  7,	      0xfc8 | 1};
	struct sim_function *sim = msix_disk(1, 4);
	struct pci_function *fn;
	int irq;

	(void)state;
	assert_int_equal(init_with_msi(), 0);
	fn = find(sim);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		sim_set32(sim, msix_cap + 4, bad[i]);
		assert_int_equal(pci_msix_count(fn), 0);
		assert_int_equal(pci_msix_enable(fn, 1, &irq), -EINVAL);
	}
	sim_set32(sim, msix_cap + 4, 0xfc0 | 1); /* up to the last byte */
	assert_int_equal(pci_msix_count(fn), 4);
	fn->msi = NULL;
	assert_int_equal(pci_msix_count(fn), 0);
}

/* --- any topology ----------------------------------------------------------------------------------------------- */

static void random_bars(struct sim_function *sim, uint32_t *seed)
{
	for (unsigned int i = 0; i < 5; i++) {
		enum sim_bar_kind kind = test_random(seed) % 8;

		if (kind > SIM_MEM_64_PREF)
			continue;
		sim_bar(sim, i, kind,
			kind == SIM_IO ? 4ull << test_random(seed) % 6
				       : 16ull << test_random(seed) % 20);
		i += kind >= SIM_MEM_64;
	}
}

/* A few bridges, each in any of those before it, and functions in all of them. */
static void random_topology(uint32_t *seed)
{
	struct sim_function *bridges[12] = {NULL};
	unsigned int count = 1 + test_random(seed) % 11, used[12] = {0};

	for (unsigned int i = 1; i < count; i++) {
		unsigned int up = test_random(seed) % i;

		if (used[up] == 32)
			continue;
		bridges[i] = sim_add(bridges[up], used[up]++, 0, 0x00011b36, 0x060400);
		sim_bridge(bridges[i], test_random(seed) % 2 ? PCI_EXP_TO_PCI : -1, false);
	}
	for (unsigned int i = 0; i < 30; i++) {
		unsigned int up = test_random(seed) % count;
		struct sim_function *sim;

		if (used[up] == 32)
			continue;
		sim = plain(bridges[up], used[up]++);
		random_bars(sim, seed);
		if (test_random(seed) % 4 == 0)
			random_bars(sim_add(bridges[up], used[up] - 1, 1 + test_random(seed) % 7,
					    VIRTIO_BLK, 0),
				    seed);
	}
}

static void any_topology_gets_addresses_that_work(void **state)
{
	unsigned int bars = 0;
	uint32_t seed = 5;

	(void)state;
	for (unsigned int i = 0; i < 150; i++) {
		sim_reset();
		random_topology(&seed);
		assert_int_equal(init(), 0);
		bars += check_all();
	}
	assert_true(bars > 150 * 40);
}

static void windows_that_are_too_small_leave_the_rest_working(void **state)
{
	unsigned int without = 0;
	uint32_t seed = 6;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		sim_reset();
		sim_host.io_size = 0x2000 << i % 3;
		sim_host.mem_size = 0x200000u << i % 4;
		sim_host.mem64_size = i % 5 ? 0x400000ull << i % 3 : 0;
		random_topology(&seed);
		without += init() == -ENOSPC;
		check_all();
	}
	assert_true(without > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PCI_TEST(an_empty_bus_costs_a_read_for_each_slot),
		PCI_TEST(without_a_host_there_is_nothing_to_do),
		PCI_TEST(functions_are_found_where_the_header_says_there_are_more),
		PCI_TEST(identity_is_what_config_space_says),
		PCI_TEST(buses_behind_bridges_get_numbers_in_depth_first_order),
		PCI_TEST(a_link_of_pci_express_has_one_device),
		PCI_TEST(a_chain_of_bridges_ends_with_the_bus_numbers),
		PCI_TEST(buses_need_not_begin_at_0),
		PCI_TEST(what_answers_everywhere_ends_somewhere),
		PCI_TEST(every_kind_of_bar_is_sized_and_placed),
		PCI_TEST(bars_that_make_no_sense_are_none),
		PCI_TEST(a_host_bridge_is_left_as_it_is),
		PCI_TEST(bars_behind_bridges_lie_in_their_windows),
		PCI_TEST(without_a_range_above_4_gib_all_lies_below),
		PCI_TEST(a_bridge_without_prefetchable_addresses_passes_on_low_ones),
		PCI_TEST(what_does_not_fit_is_reported_and_stays_off),
		PCI_TEST(a_bar_too_large_takes_nothing_from_those_beside_it),
		PCI_TEST(of_bars_that_are_too_many_the_largest_go_without),
		PCI_TEST(the_number_of_bars_left_out_is_bounded),
		PCI_TEST(registers_are_mapped_within_their_bar),
		PCI_TEST(a_hot_plug_port_has_room_for_what_comes_later),
		PCI_TEST(what_joins_others_takes_nothing_from_them),
		PCI_TEST(what_is_there_comes_before_what_may_come),
		PCI_TEST(a_slot_that_cannot_be_hot_plugged_keeps_nothing),
		PCI_TEST(config_space_has_an_end),
		PCI_TEST(capabilities_are_found_in_their_order),
		PCI_TEST(capabilities_that_go_in_a_circle_end),
		PCI_TEST(extended_capabilities_end_too),
		PCI_TEST(what_vanishes_on_the_way_does_no_harm),
		PCI_TEST(interrupts_are_turned_by_each_bridge),
		PCI_TEST(ids_are_those_that_the_root_sees),
		PCI_TEST(maps_that_are_absent_or_say_nothing_lead_nowhere),
		PCI_TEST(a_node_that_makes_no_sense_is_an_error),
		PCI_TEST(a_bus_without_devices_needs_no_addresses),
		PCI_TEST(a_map_that_makes_no_sense_is_an_error_of_the_function),
		PCI_TEST(each_host_is_told_apart),
		PCI_TEST(memory_may_run_out_at_any_time),
		PCI_TEST(a_host_out_of_reach_names_what_helps),
		PCI_TEST(memory_runs_out_for_vectors),
		PCI_TEST(vectors_are_written_and_the_rest_is_masked),
		PCI_TEST(a_wire_is_pulled_by_those_who_may),
		PCI_TEST(a_table_has_arrived_when_its_vectors_are_unmasked),
		PCI_TEST(vectors_that_cannot_be_had_change_nothing),
		PCI_TEST(one_bar_without_an_address_takes_memory_from_all),
		PCI_TEST(a_table_outside_of_its_bar_is_none),
		PCI_TEST(any_topology_gets_addresses_that_work),
		PCI_TEST(windows_that_are_too_small_leave_the_rest_working),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
