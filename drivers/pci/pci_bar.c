/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs: what they are, how much they decode, and where. The function is switched off while its BARs are asked, since they
 * then hold all ones. What it answers is checked: a size is a power of two, and a BAR of 64 bits has two halves.
 */
#include "drivers/pci/pci_private.h"
#include "lib/log.h"

static unsigned int bar_offset(unsigned int index)
{
	return PCI_BAR0 + 4 * index;
}

static unsigned int bar_count(const struct pci_function *fn)
{
	switch (fn->header_type) {
	case PCI_HEADER_NORMAL:
		return PCI_BARS;
	case PCI_HEADER_BRIDGE:
		return 2;
	default:
		return 0;
	}
}

/* The bits of one register that can be set. It is left at 0. */
static uint32_t probe(const struct pci_function *fn, unsigned int index, uint32_t flags)
{
	uint32_t value;

	pci_write32(fn, bar_offset(index), UINT32_MAX);
	value = pci_read32(fn, bar_offset(index)) & ~flags;
	pci_write32(fn, bar_offset(index), 0);
	return value;
}

/* The size that a register tells by the address bits that can be set, from @mask's lowest to @top; 0: nonsense. */
static uint64_t size_of(uint64_t mask, uint64_t top)
{
	uint64_t size = mask & (~mask + 1);

	return size && (mask | (size - 1)) == top ? size : 0;
}

static uint64_t size_io(const struct pci_function *fn, unsigned int index)
{
	uint32_t mask = probe(fn, index, PCI_BAR_IO_MASK);

	/* The upper half may be wired to 0. */
	if (mask && !(mask >> 16))
		mask |= 0xffff0000u;
	return size_of(mask, UINT32_MAX);
}

static uint64_t size_memory(const struct pci_function *fn, unsigned int index, bool wide)
{
	uint64_t mask = probe(fn, index, PCI_BAR_MEM_MASK);

	if (!wide)
		return size_of(mask, UINT32_MAX);
	mask |= (uint64_t)probe(fn, index + 1, 0) << 32;
	return size_of(mask, UINT64_MAX);
}

/* Reads one BAR. Returns how many registers it takes. */
static unsigned int size_bar(struct pci_function *fn, unsigned int index)
{
	uint32_t value = pci_read32(fn, bar_offset(index));
	struct pci_bar *bar = &fn->bars[index];

	bar->io = value & PCI_BAR_IO;
	if (bar->io) {
		bar->size = size_io(fn, index);
		return 1;
	}
	if ((value & PCI_BAR_TYPE) == PCI_BAR_RESERVED) {
		log_warning("%s: BAR %u is of no known kind", fn->name, index);
		return 1;
	}
	bar->mem64 = (value & PCI_BAR_TYPE) == PCI_BAR_64;
	bar->prefetch = value & PCI_BAR_PREFETCH;
	if (bar->mem64 && index + 1 >= bar_count(fn)) {
		log_warning("%s: BAR %u has 64 bits, but no second half", fn->name, index);
		return 1;
	}
	bar->size = size_memory(fn, index, bar->mem64);
	return bar->mem64 ? 2 : 1;
}

void pci_size_bars(struct pci_function *fn)
{
	unsigned int index = 0;

	while (index < bar_count(fn))
		index += size_bar(fn, index);
}

void pci_write_bar(const struct pci_function *fn, unsigned int index)
{
	const struct pci_bar *bar = &fn->bars[index];

	pci_write32(fn, bar_offset(index), (uint32_t)bar->bus_addr);
	if (bar->mem64)
		pci_write32(fn, bar_offset(index + 1), (uint32_t)(bar->bus_addr >> 32));
}
