/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a function's interrupts and its DMA go: the device tree says it of what arrives at the root bus, and bridges change
 * both on the way there. The device tree's number of a function is that of its requests, too.
 */
#include <errno.h>
#include "drivers/pci/pci_private.h"
#include "lib/log.h"
#include "lib/msi.h"

static uint32_t requester_id(const struct pci_function *fn)
{
	return (uint32_t)fn->bus << 8 | (uint32_t)fn->slot << 3 | fn->function;
}

/* The id that the root bus sees. A bridge to conventional PCI speaks for what is behind it: one from
 * PCI Express as function 0 of the bus behind it, a conventional one as itself. */
static uint32_t id_at_root(const struct pci_function *fn)
{
	uint32_t id = requester_id(fn);

	for (const struct pci_function *up = fn->bridge; up; up = up->bridge) {
		int type = pci_express_type(up);

		if (type == PCI_EXP_TO_PCI)
			id = (uint32_t)up->below->number << 8;
		else if (type < 0)
			id = requester_id(up);
	}
	return id;
}

/* Each bridge turns the four pins by the number of the slot. */
static void route_intx(struct pci_function *fn)
{
	const struct pci_function *at = fn;
	uint32_t pin = fn->pin;
	int err;

	for (; at->bridge; at = at->bridge)
		pin = (pin - 1 + at->slot) % 4 + 1;
	err = dt_map_interrupt(fn->host->dt_node,
			       (const uint32_t[]){requester_id(at) << 8, 0, 0, pin}, 4, &fn->intx);
	if (err) {
		fn->intx.irq = -1;
		if (err == -EINVAL)
			log_warning("%s: malformed interrupt-map", fn->name);
	}
}

static int map_id(const struct pci_function *fn, const char *map, const char *mask, uint32_t *id)
{
	int node = -1;
	int err = dt_map_id(fn->host->dt_node, map, mask, id_at_root(fn), &node, id);

	if (err == -EINVAL)
		log_warning("%s: malformed %s", fn->name, map);
	return err ? -1 : node;
}

void pci_route(struct pci_function *fn)
{
	int node = map_id(fn, "msi-map", "msi-map-mask", &fn->msi_id);

	fn->msi = node >= 0 ? msi_find(node) : NULL;
	fn->iommu_node = map_id(fn, "iommu-map", "iommu-map-mask", &fn->iommu_id);
	if (fn->pin)
		route_intx(fn);
}
