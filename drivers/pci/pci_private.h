/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of drivers/pci have in common: a host, a bus, and the addresses that each bus has to give away.
 * pci_host.c reads the device tree, pci_scan.c walks the buses, pci_bar.c asks for sizes, pci_assign.c
 * gives out addresses and pci_bridge.c passes them on, pci_route.c finds out where interrupts and DMA go, pci_msix.c
 * takes vectors; pci_slot.c is a slot's registers, pci_hotplug.c what comes and goes.
 */
#ifndef DRIVERS_PCI_PCI_PRIVATE_H
#define DRIVERS_PCI_PCI_PRIVATE_H

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_regs.h"

#define PCI_SLOTS     32
#define PCI_FUNCTIONS 8 /* of a slot */
#define PCI_FUNCTIONS_MAX \
	512 /* of all hosts: a device that answers everywhere must not eat all memory */
#define PCI_HOSTS_MAX	8u
#define PCI_CONFIG_SIZE 4096u
#define PCI_ECAM_BUS	(1u << 20) /* config space of a bus */
#define PCI_ECAM_CHUNK	(2u << 20) /* mapped at a time: two buses, which is a block for the MMU */

/* The kinds of addresses. A bridge passes on three ranges, one of each. */
enum pci_space {
	PCI_SPACE_IO,
	PCI_SPACE_MEM,	 /* below 4 GiB */
	PCI_SPACE_MEM64, /* above; behind a bridge, prefetchable */
	PCI_SPACES,
};

/* Addresses as devices see them. @size 0: none. */
struct pci_window {
	uint64_t start, size;
	uint64_t align; /* of @start: what is inside needs it */
};

struct pci_bus {
	uint8_t number, last; /* of itself, and of the last bus behind it */
	bool one_slot;	      /* a link of PCI Express has one device at its end */
	bool hotplug;
	bool shut;	      /* there was no number left for it */
	bool open;	      /* its bridge passes on the windows */
	bool has[PCI_SPACES]; /* what its bridge passes on */
	struct pci_window windows[PCI_SPACES];
};

struct pci_host {
	struct list_head node;
	unsigned int index;
	int dt_node;
	uint64_t ecam_phys, ecam_size; /* of bus root.number on */
	void *ecam[256 * PCI_ECAM_BUS / PCI_ECAM_CHUNK];
	struct pci_bus root;
	uint64_t phys[PCI_SPACES]; /* where the CPU sees root.windows[] */
	unsigned int next_bus;	   /* the next number to give away */
};

/* --- pci_host.c ------------------------------------------------------------------------------------------------ */

/* The config space of a function, mapped where it is not yet. NULL: that cannot be, which has been logged. */
char *pci_host_config(struct pci_host *host, unsigned int bus, unsigned int slot,
		      unsigned int function);

/* --- pci_scan.c ------------------------------------------------------------------------------------------------ */

/* Finds all functions on the bus behind @bridge (NULL: on the root bus) and behind the bridges there. Returns how
 * many, -ENOSPC (bus numbers have run out) or -ENOMEM. */
int pci_scan(struct pci_host *host, struct pci_function *bridge);

/* The bus behind @bridge, NULL meaning the host itself. */
struct pci_bus *pci_bus_behind(struct pci_host *host, struct pci_function *bridge);

/* Whether @fn is anywhere behind @bridge, NULL meaning the host itself. */
bool pci_is_behind(const struct pci_function *fn, const struct pci_host *host,
		   const struct pci_function *bridge);

/* The type in the PCI Express capability, or -1: a conventional function. */
int pci_express_type(const struct pci_function *fn);

/* Forgets all functions and hosts, as if pci_init() had not been called: for tests. */
void pci_forget(void);

/* --- pci.c ----------------------------------------------------------------------------------------------------- */

/* Whether all memory BARs (@io: all I/O BARs) have addresses. */
bool pci_can_decode(const struct pci_function *fn, bool io);

/* --- pci_bar.c ------------------------------------------------------------------------------------------------- */

/* Sizes the BARs of @fn, which is switched off. */
void pci_size_bars(struct pci_function *fn);

/* Writes the address that a BAR was given. */
void pci_write_bar(const struct pci_function *fn, unsigned int index);

/* --- pci_bridge.c ----------------------------------------------------------------------------------------------- */

/* The bus behind @fn: what the bridge passes on, and whether it is a hot-plug port. NULL: no memory. */
struct pci_bus *pci_bridge_create(const struct pci_function *fn);
void pci_bridge_set_buses(const struct pci_function *fn);

/* Writes the windows, and lets the bridge pass everything on. */
void pci_bridge_open(const struct pci_function *fn);

/* --- pci_assign.c ----------------------------------------------------------------------------------------------- */

/* Gives addresses to all that is behind @bridge (NULL: the host) and has none. Returns 0, or -ENOSPC: something
 * was left without, which has been logged. */
int pci_assign(struct pci_host *host, struct pci_function *bridge);

/* --- pci_hotplug.c ---------------------------------------------------------------------------------------------- */

/* As if pci_hotplug_init() had not been called: for tests. */
void pci_hotplug_forget(void);

/* --- pci_route.c ------------------------------------------------------------------------------------------------ */

void pci_route(struct pci_function *fn);

#endif
