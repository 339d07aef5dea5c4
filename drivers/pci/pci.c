/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver does with a function first: switches it on, and maps its registers. */
#include "drivers/pci/pci_private.h"
#include "lib/log.h"
#include "lib/machine.h"

/* A function has one switch for all BARs of a kind, which stays off where one of them has no address. */
bool pci_can_decode(const struct pci_function *fn, bool io)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &fn->bars[i];

		if (bar->size && bar->io == io && !bar->assigned)
			return false;
	}
	return true;
}

void *pci_map(const struct pci_function *fn, unsigned int index, uint64_t offset, uint64_t size)
{
	const struct pci_bar *bar = &fn->bars[index < PCI_BARS ? index : 0];

	if (index >= PCI_BARS || !bar->size || !pci_can_decode(fn, bar->io) || !size ||
	    offset > bar->size || size > bar->size - offset || size > SIZE_MAX - 2 * PAGE_SIZE)
		return NULL;
	return ioremap(bar->phys + offset, (size_t)size);
}

void pci_enable(struct pci_function *fn, bool memory, bool io, bool master)
{
	uint16_t command = pci_read16(fn, PCI_COMMAND) &
			   (uint16_t) ~(PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER);

	if (memory && pci_can_decode(fn, false))
		command |= PCI_COMMAND_MEMORY;
	else if (memory)
		log_error("%s: memory stays off, a BAR has no address", fn->name);
	if (io && pci_can_decode(fn, true))
		command |= PCI_COMMAND_IO;
	else if (io)
		log_error("%s: I/O stays off, a BAR has no address", fn->name);
	if (master)
		command |= PCI_COMMAND_MASTER;
	pci_write16(fn, PCI_COMMAND, command);
}

void pci_allow_intx(const struct pci_function *fn, bool allow)
{
	uint16_t command = pci_read16(fn, PCI_COMMAND) & (uint16_t)~PCI_COMMAND_NO_INT;

	pci_write16(fn, PCI_COMMAND, allow ? command : command | PCI_COMMAND_NO_INT);
}
