/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X: a table in a BAR, with an address and a number for each vector. The table is written while the function's own mask
 * over all vectors is set, so that no half-written entry is ever used.
 */
#include <errno.h>
#include <stdlib.h>
#include <arch/mmio.h>
#include "drivers/pci/pci_private.h"
#include "lib/msi.h"

struct pci_msix {
	unsigned int cap, count;
	char *table;
	int irqs[]; /* of @count vectors */
};

/* What the capability says. @size 0: there is no table, or it is not where it should be. */
struct table {
	unsigned int cap, size, bir;
	uint32_t offset;
};

static struct table find_table(const struct pci_function *fn)
{
	struct table table = {.cap = pci_find_capability(fn, PCI_CAP_MSIX, 0)};
	const struct pci_bar *bar;
	unsigned int size;
	uint32_t where;

	if (!fn->msi || !table.cap)
		return table;
	size = (pci_read16(fn, table.cap + PCI_MSIX_CONTROL) & PCI_MSIX_SIZE_MASK) + 1;
	where = pci_read32(fn, table.cap + PCI_MSIX_TABLE);
	table.bir = where & PCI_MSIX_BIR;
	table.offset = where & ~PCI_MSIX_BIR;
	if (table.bir >= PCI_BARS)
		return table;
	bar = &fn->bars[table.bir];
	if (!bar->io && pci_can_decode(fn, false) && table.offset <= bar->size &&
	    (uint64_t)size * PCI_MSIX_ENTRY <= bar->size - table.offset)
		table.size = size;
	return table;
}

unsigned int pci_msix_count(struct pci_function *fn)
{
	return find_table(fn).size;
}

static char *entry_of(const struct pci_msix *msix, unsigned int vector)
{
	return msix->table + (size_t)vector * PCI_MSIX_ENTRY;
}

static void write_entry(const struct pci_msix *msix, unsigned int vector,
			const struct msi_message *message)
{
	char *entry = entry_of(msix, vector);

	mmio_write32(entry + PCI_MSIX_ADDRESS, (uint32_t)message->address);
	mmio_write32(entry + PCI_MSIX_ADDRESS_HIGH, (uint32_t)(message->address >> 32));
	mmio_write32(entry + PCI_MSIX_DATA, message->data);
	mmio_write32(entry + PCI_MSIX_VECTOR, 0);
}

static void set_control(const struct pci_function *fn, unsigned int cap, uint16_t bits)
{
	uint16_t control = pci_read16(fn, cap + PCI_MSIX_CONTROL) &
			   (uint16_t) ~(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);

	pci_write16(fn, cap + PCI_MSIX_CONTROL, control | bits);
}

/* What is not used stays masked, whatever was left there. */
static void write_table(const struct pci_function *fn, const struct pci_msix *msix,
			unsigned int size, const struct msi_message *messages)
{
	set_control(fn, msix->cap, PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
	for (unsigned int i = msix->count; i < size; i++)
		mmio_write32(entry_of(msix, i) + PCI_MSIX_VECTOR, PCI_MSIX_VECTOR_MASKED);
	for (unsigned int i = 0; i < msix->count; i++)
		write_entry(msix, i, &messages[i]);
	/* What has been written has arrived when something has been read back. */
	(void)mmio_read32(entry_of(msix, 0) + PCI_MSIX_VECTOR);
	pci_allow_intx(fn, false);
	set_control(fn, msix->cap, PCI_MSIX_ENABLE);
}

/* Takes the lines and starts the function with them. @messages: room for all. */
static int start(struct pci_function *fn, struct pci_msix *msix, unsigned int size,
		 struct msi_message *messages)
{
	int err = fn->msi->alloc(fn->msi, fn->msi_id, msix->count, msix->irqs, messages);

	if (err)
		return err;
	write_table(fn, msix, size, messages);
	if (pci_present(fn))
		return 0;
	fn->msi->free(fn->msi, fn->msi_id, msix->count, msix->irqs);
	return -ENODEV;
}

/* A record for @count vectors with the table mapped, or NULL. */
static struct pci_msix *create(const struct pci_function *fn, const struct table *table,
			       unsigned int count)
{
	struct pci_msix *msix = calloc(1, sizeof(*msix) + count * sizeof(msix->irqs[0]));

	if (!msix)
		return NULL;
	msix->cap = table->cap;
	msix->count = count;
	msix->table =
		pci_map(fn, table->bir, table->offset, (uint64_t)table->size * PCI_MSIX_ENTRY);
	if (msix->table)
		return msix;
	free(msix);
	return NULL;
}

int pci_msix_enable(struct pci_function *fn, unsigned int count, int irqs[])
{
	struct table table = find_table(fn);
	struct msi_message *messages;
	struct pci_msix *msix;
	int err = -ENOMEM;

	if (fn->msix)
		return -EBUSY;
	if (!pci_present(fn))
		return -ENODEV;
	if (count == 0 || count > table.size)
		return -EINVAL;
	msix = create(fn, &table, count);
	messages = calloc(count, sizeof(*messages));
	if (msix && messages)
		err = start(fn, msix, table.size, messages);
	free(messages);
	if (err) {
		free(msix);
		return err;
	}
	fn->msix = msix;
	for (unsigned int i = 0; i < count; i++)
		irqs[i] = msix->irqs[i];
	return 0;
}

void pci_msix_disable(struct pci_function *fn)
{
	struct pci_msix *msix = fn->msix;

	if (!msix)
		return;
	set_control(fn, msix->cap, 0);
	fn->msi->free(fn->msi, fn->msi_id, msix->count, msix->irqs);
	fn->msix = NULL;
	free(msix);
}

void pci_msix_mask(struct pci_function *fn, unsigned int vector, bool mask)
{
	char *entry;

	if (!fn->msix || vector >= fn->msix->count)
		return;
	entry = entry_of(fn->msix, vector);
	mmio_write32(entry + PCI_MSIX_VECTOR, mask ? PCI_MSIX_VECTOR_MASKED : 0);
	(void)mmio_read32(entry + PCI_MSIX_VECTOR); /* until then it may be on its way */
}
