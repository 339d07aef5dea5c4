/* SPDX-License-Identifier: BSD-2-Clause */
/* lspci: every PCI function with its ids, its BARs, its capabilities and its interrupt. pcireg: a look at registers. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <arch/mmio.h>
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

/* By its name in lspci, with or without the "pci@". */
static struct pci_function *function_by_name(const char *name)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		if (strcmp(fn->name, name) == 0 || strcmp(strchr(fn->name, '@') + 1, name) == 0)
			return fn;
	}
	return NULL;
}

/* One register, with decoding on for as long as that takes. A driver's settings stay what they are. */
static uint32_t read_register(struct pci_function *fn, const void *reg)
{
	uint16_t command = pci_read16(fn, PCI_COMMAND);
	uint32_t value;

	pci_enable(fn, true, true, command & PCI_COMMAND_MASTER);
	value = mmio_read32(reg);
	pci_write16(fn, PCI_COMMAND, command);
	return value;
}

static int pcireg(struct shell *sh, int argc, char **argv)
{
	struct pci_function *fn = function_by_name(argv[1]);
	uint64_t bar, offset;
	const void *reg;

	(void)argc;
	if (!fn)
		return sh_error(sh, -ENODEV, "no function %s (see lspci)", argv[1]);
	if (sh_number(sh, "bar", argv[2], PCI_BARS - 1, &bar) != 0 ||
	    sh_number(sh, "offset", argv[3], UINT64_MAX, &offset) != 0)
		return -EINVAL;
	if (offset % sizeof(uint32_t))
		return sh_error(sh, -EINVAL, "offset %s is no multiple of 4", argv[3]);
	reg = pci_map(fn, (unsigned int)bar, offset, sizeof(uint32_t));
	if (!reg)
		return sh_error(sh, -ENXIO, "BAR %s has no such register, or it cannot be mapped",
				argv[2]);
	sh_printf(sh, "0x%08" PRIx32 "\n", read_register(fn, reg));
	return 0;
}

const struct command pci_commands[] = {
	{"lspci", "", "lists the PCI functions", 0, 0, lspci},
	{"pcireg", "FUNCTION BAR OFFSET", "reads a register of FUNCTION of lspci", 3, 3, pcireg},
	{NULL, NULL, NULL, 0, 0, NULL},
};
