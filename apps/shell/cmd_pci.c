/* SPDX-License-Identifier: BSD-2-Clause */
/* lspci: every PCI function with its ids, its BARs, its capabilities and its interrupt. */
#include <inttypes.h>
#include "apps/shell/commands.h"
#include "drivers/pci/pci.h"
#include "lib/msi.h"

#define CAPABILITIES_MAX 64u /* a device may change its list while we read it */

static const char *capability_name(uint8_t id)
{
	switch (id) {
	case PCI_CAP_PM:
		return "pm";
	case PCI_CAP_MSI:
		return "msi";
	case PCI_CAP_VENDOR:
		return "vendor";
	case PCI_CAP_HOTPLUG:
		return "shpc";
	case PCI_CAP_SSVID:
		return "ssvid";
	case PCI_CAP_EXPRESS:
		return "express";
	case PCI_CAP_MSIX:
		return "msix";
	case PCI_CAP_AF:
		return "af";
	default:
		return NULL;
	}
}

static void print_capabilities(struct shell *sh, const struct pci_function *fn)
{
	unsigned int at = 0, count = 0;

	sh_puts(sh, " caps ");
	for (; count < CAPABILITIES_MAX; count++) {
		const char *name;
		uint8_t id;

		at = pci_find_capability(fn, PCI_CAP_ANY, at);
		if (!at)
			break;
		id = pci_read8(fn, at);
		name = capability_name(id);
		sh_puts(sh, count ? "," : "");
		if (name)
			sh_puts(sh, name);
		else
			sh_printf(sh, "0x%02x", id);
	}
	if (count == 0)
		sh_puts(sh, "-");
}

static void print_interrupt(struct shell *sh, const struct pci_function *fn)
{
	if (fn->intx.irq >= 0)
		sh_printf(sh, " int%c irq %d", 'A' + fn->pin - 1, fn->intx.irq);
	else
		sh_puts(sh, " irq -");
	if (fn->msi)
		sh_printf(sh, " msi %s:0x%" PRIx32, fn->msi->name, fn->msi_id);
	if (fn->iommu_node >= 0)
		sh_printf(sh, " iommu 0x%" PRIx32, fn->iommu_id);
}

static const char *bar_kind(const struct pci_bar *bar)
{
	if (bar->io)
		return "io";
	if (bar->mem64)
		return bar->prefetch ? "mem64 prefetchable" : "mem64";
	return bar->prefetch ? "mem32 prefetchable" : "mem32";
}

static void print_bars(struct shell *sh, const struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &fn->bars[i];

		if (!bar->size)
			continue;
		sh_printf(sh, "  bar %u %s size 0x%" PRIx64, i, bar_kind(bar), bar->size);
		if (bar->assigned)
			sh_printf(sh, " at 0x%" PRIx64 " cpu 0x%" PRIx64 "\n", bar->bus_addr,
				  bar->phys);
		else
			sh_puts(sh, " without an address\n");
	}
}

static int lspci(struct shell *sh, int argc, char **argv)
{
	const struct pci_function *fn;

	(void)argc;
	(void)argv;
	pci_for_each_function (fn) {
		sh_printf(sh, "%s %04x:%04x class %06" PRIx32 " rev %02x", fn->name, fn->vendor,
			  fn->device, fn->class, fn->revision);
		if (pci_present(fn)) {
			print_capabilities(sh, fn);
			print_interrupt(sh, fn);
		} else {
			sh_puts(sh, " gone");
		}
		sh_puts(sh, "\n");
		print_bars(sh, fn);
	}
	if (list_empty(pci_functions()))
		sh_puts(sh, "no functions\n");
	return 0;
}

const struct command pci_commands[] = {
	{"lspci", "", "lists the PCI functions", 0, 0, lspci},
	{NULL, NULL, NULL, 0, 0, NULL},
};
