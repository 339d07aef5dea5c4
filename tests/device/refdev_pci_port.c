/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a port provides for a function (virtio/virtio_pci.h), for the reference device: its configuration
 * space, its BARs, and as many interrupts as the test wants there to be. It checks what the contract
 * asks of the transport.
 */
#include "tests/device/refdev_pci.h"
#include "tests/device/violation.h"

bool rig_over_pci;
unsigned int rig_vectors = REFDEV_PCI_VECTORS;

static uint32_t config_read(void *fn, unsigned int offset, unsigned int width)
{
	struct refdev_pci *pci = refdev_pci(fn);
	uint32_t value = 0;

	if (offset % width || offset + width > sizeof(pci->config)) {
		violation("pci: %u bytes of configuration space at %#x", width, offset);
		return ~0u;
	}
	if (pci->vanish_in && --pci->vanish_in == 0)
		pci->gone = true;
	if (pci->gone)
		return ~0u >> (32 - 8 * width);
	while (width-- > 0)
		value = value << 8 | pci->config[offset + width];
	return value;
}

static void *map(void *fn, unsigned int bar, uint64_t offset, uint64_t length)
{
	struct refdev *dev = fn;
	struct refdev_pci *pci = refdev_pci(dev);
	uint64_t size = bar == 0 ? REFDEV_PCI_BAR0 : bar == 4 ? REFDEV_PCI_BAR4 : 0;

	if (bar > 5)
		violation("pci: BAR %u mapped (4.1.4.1#4)", bar);
	if (!length || offset > size || length > size - offset)
		return NULL;
	pci->maps++;
	pci->max_mapped = MAX(pci->max_mapped, length);
	return (char *)dev->base + (bar == 4 ? REFDEV_PCI_BAR4_AT : 0) + offset;
}

static unsigned int vectors(void *fn)
{
	return refdev_pci(fn)->table;
}

static int enable_vectors(void *fn, unsigned int count)
{
	struct refdev_pci *pci = refdev_pci(fn);

	if (pci->enabled || ((struct refdev *)fn)->handler)
		violation("pci: vectors enabled twice, or beside the line");
	if (!count || count > pci->table)
		violation("pci: %u vectors enabled, of %u (4.1.5.1.2.2#4)", count, pci->table);
	if (pci->refuse_from && count >= pci->refuse_from)
		return -ENOSPC;
	pci->enabled = count;
	return 0;
}

static void disable_vectors(void *fn)
{
	struct refdev_pci *pci = refdev_pci(fn);

	if (!pci->enabled)
		violation("pci: vectors disabled that are not enabled");
	for (unsigned int i = 0; i < REFDEV_PCI_VECTORS; i++)
		if (pci->vectors[i].handler)
			violation("pci: vector %u still has its handler", i);
	for (unsigned int i = 0; i < REFDEV_QUEUES; i++)
		if (pci->queue_vector[i] != REFDEV_PCI_NOBODY && !pci->gone)
			violation("pci: vectors disabled that queue %u still sends", i);
	if (pci->config_vector != REFDEV_PCI_NOBODY && !pci->gone)
		violation("pci: vectors disabled that config space still sends");
	pci->enabled = 0;
}

static int request_irq_of(void *fn, int vector, irq_handler_t handler, const char *name,
			  void *dev_id)
{
	struct refdev *dev = fn;
	struct refdev_pci *pci = refdev_pci(dev);

	if (!name[0])
		violation("pci: an interrupt without a name");
	if (pci->fail_request && --pci->fail_request == 0)
		return -ENOMEM;
	if (vector < 0) {
		if (pci->enabled || dev->handler)
			violation("pci: the line beside vectors, or twice");
		refdev_connect(dev, handler, dev_id);
		return 35;
	}
	if ((unsigned int)vector >= pci->enabled || pci->vectors[vector].handler) {
		violation("pci: vector %d is not to be had", vector);
		return -EBUSY;
	}
	pci->vectors[vector].handler = handler;
	pci->vectors[vector].dev_id = dev_id;
	return 64 + vector;
}

static void free_irq_of(void *fn, int vector, void *dev_id)
{
	struct refdev *dev = fn;
	struct refdev_pci *pci = refdev_pci(dev);

	if (dev_id != (vector < 0 ? dev->dev_id : pci->vectors[vector].dev_id))
		violation("pci: vector %d freed by another", vector);
	if (vector < 0)
		refdev_connect(dev, NULL, NULL);
	else
		pci->vectors[vector].handler = NULL;
}

static void isolate(void *fn)
{
	refdev_pci(fn)->isolated = true;
}

const struct virtio_pci_ops refdev_pci_ops = {
	.config_read = config_read,
	.map = map,
	.vectors = vectors,
	.enable_vectors = enable_vectors,
	.disable_vectors = disable_vectors,
	.request_irq = request_irq_of,
	.free_irq = free_irq_of,
	.isolate = isolate,
};
