/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI host on config space that says anything: each read answers with what the input says, or with what a simulated
 * topology has. Enumeration ends, in bounds, and no two BARs that were given addresses overlap; then capabilities,
 * MSI-X and hot-plug are used while the answers go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include "drivers/pci/pci_private.h"
#include "lib/msi.h"
#include "tests/device/pci/pcisim.h"
#include "tests/fuzz/fuzz.h"

#define READS_MAX 4000000u /* of all runs; some thousands for each bus are the most that there is */

static const uint8_t *input;
static size_t left;
static bool lying;

static uint32_t next(unsigned int width)
{
	uint32_t value = 0;

	for (; width > 0 && left > 0; width--, left--)
		value = value << 8 | *input++;
	return value;
}

#define check(condition)                                           \
	do {                                                       \
		if (!(condition))                                  \
			fuzz_fail(__FILE__, __LINE__, #condition); \
	} while (0)

/* One byte decides: the truth, all ones, or what follows. */
static bool answer(uint64_t offset, unsigned int width, uint32_t *value)
{
	uint32_t kind = lying && left ? next(1) : 0;

	(void)offset;
	check(sim_reads < READS_MAX);
	if (kind < 0xa0)
		return false;
	*value = kind < 0xa8 ? UINT32_MAX : next(width);
	return true;
}

/* --- a controller of messages -------------------------------------------------------------------------------------- */

static int lines_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count,
		       int irqs[], struct msi_message messages[])
{
	(void)msi;
	(void)device_id;
	if (next(1) & 1)
		return -ENOSPC;
	for (unsigned int i = 0; i < count; i++) {
		irqs[i] = 100 + (int)i;
		messages[i] = (struct msi_message){0x8020040, i};
	}
	return 0;
}

static void lines_free(struct msi_controller *msi, uint32_t device_id, unsigned int count,
		       const int irqs[])
{
	(void)msi;
	(void)device_id;
	for (unsigned int i = 0; i < count; i++)
		check(irqs[i] == 100 + (int)i);
}

static struct msi_controller controller = {
	.name = "fuzz", .dt_node = -1, .alloc = lines_alloc, .free = lines_free};

/* --- a topology ---------------------------------------------------------------------------------------------------- */

static void add_bar(struct sim_function *fn, unsigned int index)
{
	enum sim_bar_kind kind = next(1) % 6;

	if (kind <= SIM_MEM_64_PREF && index < 5)
		sim_bar(fn, index, kind,
			(kind == SIM_IO ? 4ull : 16ull) << next(1) % (kind == SIM_IO ? 12 : 28));
}

static void make_topology(void)
{
	struct sim_function *bridges[8] = {NULL};
	unsigned int count = 1, functions = next(1) % 24;

	for (unsigned int i = 0; i < functions; i++) {
		unsigned int kind = next(1);
		struct sim_function *fn =
			sim_add(bridges[kind % count], i, kind >> 6, 0x10421af4, 0x010000);

		fn->config[PCI_INTERRUPT_PIN] = (uint8_t)next(1);
		if (kind & 8 && count < ARRAY_SIZE(bridges)) {
			sim_bridge(fn, (int)(kind >> 4 & 7) - 1, kind & 4);
			bridges[count++] = fn;
		}
		for (unsigned int bar = 0; bar < (kind & 8 ? 2 : 6); bar += 2)
			add_bar(fn, bar);
		sim_set32(fn, sim_cap(fn, (uint8_t)next(1), 8) + 4, next(2));
		sim_set32(fn, sim_cap(fn, PCI_CAP_MSIX, 12) + 4, next(2));
		fn->config[fn->last_cap + PCI_CAP_NEXT] = (uint8_t)next(1);
	}
}

/* --- what must hold ------------------------------------------------------------------------------------------------ */

static bool overlap(const struct pci_bar *a, const struct pci_bar *b)
{
	return a != b && a->io == b->io && a->assigned && b->assigned &&
	       a->bus_addr < b->bus_addr + b->size && b->bus_addr < a->bus_addr + a->size;
}

static bool in_window(const struct pci_bar *bar, const struct pci_window *window)
{
	return bar->bus_addr >= window->start && bar->size <= window->size &&
	       bar->bus_addr - window->start <= window->size - bar->size;
}

static void check_bar(const struct pci_function *fn, const struct pci_bar *bar)
{
	const struct pci_window *windows = pci_bus_behind(fn->host, fn->bridge)->windows;
	const struct pci_function *other;

	check(bar->size && bar->bus_addr % bar->size == 0);
	check(bar->io ? in_window(bar, &windows[PCI_SPACE_IO])
		      : in_window(bar, &windows[PCI_SPACE_MEM]) ||
				in_window(bar, &windows[PCI_SPACE_MEM64]));
	pci_for_each_function (other)
		for (unsigned int i = 0; i < PCI_BARS; i++)
			check(!overlap(bar, &other->bars[i]));
}

static void check_functions(void)
{
	const struct pci_function *fn;
	unsigned int count = 0;

	pci_for_each_function (fn) {
		check(++count <= PCI_FUNCTIONS_MAX);
		check(fn->pin <= 4 && fn->name[sizeof(fn->name) - 1] == '\0');
		check(!fn->bridge || (fn->bridge->below && fn->bus == fn->bridge->below->number));
		check(!fn->below || fn->below->number <= fn->below->last);
		for (unsigned int i = 0; i < PCI_BARS; i++)
			if (fn->bars[i].assigned)
				check_bar(fn, &fn->bars[i]);
	}
}

/* Drivers bound their walks, since a list may change between two calls. */
static void use_function(struct pci_function *fn)
{
	unsigned int at = 0, count;
	int irqs[2048];

	for (unsigned int i = 0; i < 64 && (at = pci_find_capability(fn, PCI_CAP_ANY, at)); i++)
		check(at >= PCI_CAP_FIRST && at < 256 && at % 4 == 0);
	at = pci_find_ext_capability(fn, (uint16_t)next(2));
	check(at == 0 || (at >= PCI_EXT_CAP_FIRST && at < PCI_CONFIG_SIZE && at % 4 == 0));
	pci_enable(fn, true, true, true);
	count = pci_msix_count(fn);
	check(count <= ARRAY_SIZE(irqs));
	if (pci_msix_enable(fn, count, irqs) == 0) {
		pci_msix_mask(fn, next(2), true);
		pci_msix_disable(fn);
	}
	pci_map(fn, next(1), next(4), next(4));
}

static void step(unsigned int op)
{
	struct pci_function *fn;
	unsigned int n = op >> 2;

	pci_for_each_function (fn) {
		if (n-- > 0)
			continue;
		if ((op & 3) == 0)
			pci_remove(fn);
		else if ((op & 3) == 1)
			(void)pci_scan_behind(fn);
		else
			use_function(fn);
		return;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	sim_reset();
	sim_tree();
	controller.dt_node = dt_find_path("/msi");
	msi_register(&controller);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
	sim_reset();
	sim_host.bus_last = next(1) & 1 ? 15 : 255;
	sim_host.mem64_size = next(1) & 1 ? 0x8000000000ull : 0;
	sim_host.mem_size = 0x200000u << next(1) % 8;
	make_topology();
	sim_answer = answer;
	sim_tree();
	lying = next(1) & 1;
	(void)pci_init();
	check_functions();
	lying = true;
	while (left > 0) {
		step(next(1));
		check_functions();
	}
	sim_reset();
	return 0;
}
