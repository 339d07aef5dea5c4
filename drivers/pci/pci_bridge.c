/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a bridge: bus numbers, and the three ranges of addresses that it passes on. Which of these it has
 * is found by writing to them. A range without addresses is one whose end lies before its start.
 */
#include <stdlib.h>
#include "drivers/pci/pci_private.h"

/* Whether the address bits in a base register can be set; *@wide: and those of its upper half. */
static bool has_window(const struct pci_function *fn, unsigned int offset, unsigned int bits,
		       bool *wide)
{
	uint16_t value;

	if (bits == 8)
		pci_write8(fn, offset, 0xf0);
	else
		pci_write16(fn, offset, 0xfff0);
	value = bits == 8 ? pci_read8(fn, offset) : pci_read16(fn, offset);
	*wide = (value & PCI_WINDOW_TYPE) == PCI_WINDOW_64;
	return value & ~PCI_WINDOW_TYPE;
}

/* Only ports at the upper end of a link have slots. */
static void read_slot(const struct pci_function *fn, struct pci_bus *bus)
{
	unsigned int cap = pci_find_capability(fn, PCI_CAP_EXPRESS, 0);
	uint16_t flags = cap ? pci_read16(fn, cap + PCI_EXP_FLAGS) : 0;
	unsigned int type = PCI_EXP_TYPE(flags);

	if (!cap || (type != PCI_EXP_ROOT_PORT && type != PCI_EXP_DOWNSTREAM))
		return;
	bus->one_slot = true;
	bus->hotplug = (flags & PCI_EXP_SLOT) &&
		       (pci_read32(fn, cap + PCI_EXP_SLOT_CAP) & PCI_EXP_SLOT_HOTPLUG);
}

/* A prefetchable range without its upper half is of no use here: what is below 4 GiB goes through the other one. */
struct pci_bus *pci_bridge_create(const struct pci_function *fn)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));
	const struct pci_window *io = &fn->host->root.windows[PCI_SPACE_IO];
	bool wide;

	if (!bus)
		return NULL;
	bus->has[PCI_SPACE_IO] =
		has_window(fn, PCI_IO_BASE, 8, &wide) && (wide || io->start + io->size <= BIT(16));
	bus->has[PCI_SPACE_MEM] = true;
	bus->has[PCI_SPACE_MEM64] = has_window(fn, PCI_PREF_BASE, 16, &wide) && wide;
	for (unsigned int space = 0; space < PCI_SPACES; space++)
		bus->windows[space].align = 1;
	read_slot(fn, bus);
	/* Numbers that something before us has left here would get in the way of the search. */
	pci_write8(fn, PCI_SECONDARY_BUS, 0);
	pci_write8(fn, PCI_SUBORDINATE_BUS, 0);
	return bus;
}

void pci_bridge_set_buses(const struct pci_function *fn)
{
	pci_write8(fn, PCI_PRIMARY_BUS, fn->bus);
	pci_write8(fn, PCI_SECONDARY_BUS, fn->below->number);
	pci_write8(fn, PCI_SUBORDINATE_BUS, fn->below->last);
}

static uint64_t last_of(const struct pci_window *window)
{
	return window->start + window->size - 1;
}

static void write_io(const struct pci_function *fn, const struct pci_window *window)
{
	uint64_t base = window->size ? window->start : 0xf000,
		 last = window->size ? last_of(window) : 0;

	pci_write8(fn, PCI_IO_LIMIT, 0);
	pci_write8(fn, PCI_IO_BASE, (uint8_t)(base >> 8 & 0xf0));
	pci_write16(fn, PCI_IO_BASE_HIGH, (uint16_t)(base >> 16));
	pci_write16(fn, PCI_IO_LIMIT_HIGH, (uint16_t)(last >> 16));
	pci_write8(fn, PCI_IO_LIMIT, (uint8_t)(last >> 8 & 0xf0));
}

/* The 16-bit registers hold the bits 31 to 20 of an address. */
static void write_memory(const struct pci_function *fn, unsigned int base_reg,
			 unsigned int limit_reg, const struct pci_window *window)
{
	uint64_t base = window->size ? window->start : 0xfff00000u;
	uint64_t last = window->size ? last_of(window) : 0;

	pci_write16(fn, base_reg, (uint16_t)(base >> 16 & 0xfff0));
	pci_write16(fn, limit_reg, (uint16_t)(last >> 16 & 0xfff0));
}

static void write_pref(const struct pci_function *fn, const struct pci_window *window)
{
	static const struct pci_window none;

	/* Shut while the halves do not fit together. */
	write_memory(fn, PCI_PREF_BASE, PCI_PREF_LIMIT, &none);
	pci_write32(fn, PCI_PREF_LIMIT_HIGH, 0);
	pci_write32(fn, PCI_PREF_BASE_HIGH, window->size ? (uint32_t)(window->start >> 32) : 0);
	write_memory(fn, PCI_PREF_BASE, PCI_PREF_LIMIT, window);
	if (window->size)
		pci_write32(fn, PCI_PREF_LIMIT_HIGH, (uint32_t)(last_of(window) >> 32));
}

void pci_bridge_open(const struct pci_function *fn)
{
	const struct pci_bus *bus = fn->below;

	if (bus->has[PCI_SPACE_IO])
		write_io(fn, &bus->windows[PCI_SPACE_IO]);
	write_memory(fn, PCI_MEM_BASE, PCI_MEM_LIMIT, &bus->windows[PCI_SPACE_MEM]);
	write_pref(fn, &bus->windows[PCI_SPACE_MEM64]);
	pci_write16(fn, PCI_COMMAND,
		    pci_read16(fn, PCI_COMMAND) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			    PCI_COMMAND_MASTER);
}
