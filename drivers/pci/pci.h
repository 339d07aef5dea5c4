/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions as their drivers see them: config space, capabilities, registers behind BARs, interrupts.
 * pci_init() finds every host with an ECAM in the device tree, gives all buses numbers and all BARs addresses
 * (no firmware ran before us), and leaves the functions themselves switched off until a driver wants them.
 * Whatever a function says is input: a function may lie, and it may vanish at any time.
 */
#ifndef DRIVERS_PCI_PCI_H
#define DRIVERS_PCI_PCI_H

#include "lib/devicetree.h"
#include "lib/list.h"
#include "lib/reclaim.h"
#include "lib/util.h"

struct msi_controller;

#define PCI_BARS 6

struct pci_bar {
	uint64_t bus_addr; /* as the device sees it */
	uint64_t phys;	   /* as the CPU sees it; I/O too, which is memory to an Arm CPU */
	uint64_t size;	   /* 0: there is no such BAR */
	bool io, mem64, prefetch;
	bool assigned; /* false: there was no room, and the two addresses mean nothing */
	bool left_out; /* ... because it would have taken that of all others */
};

struct pci_function {
	struct list_head node; /* of pci_functions() */
	struct pci_host *host;
	struct pci_function *bridge; /* above it; NULL: it is on the root bus */
	uint8_t bus, slot, function;
	uint8_t revision, header_type, pin; /* pin: 1 to 4 for INTA to INTD, 0: none */
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class; /* 24 bits: class, subclass, programming interface */
	struct pci_bar bars[PCI_BARS];
	struct dt_irq intx;	    /* where its pin leads; irq negative: nowhere */
	struct msi_controller *msi; /* NULL: none that msi-map names and that works */
	uint32_t msi_id;	    /* what @msi knows it as */
	int iommu_node;		    /* negative: no IOMMU */
	uint32_t iommu_id;	    /* what the IOMMU knows it as */
	char name[16];		    /* "pci@00:01.0" */
	void *priv;		    /* of the driver that has it */

	/* Of drivers/pci. */
	char *config;
	struct pci_bus *below; /* behind a bridge */
	struct pci_msix *msix;
	struct reclaim reclaim;
};

#define PCI_VENDOR_NONE 0xffff /* what a slot reads as that has no function (any more) */

/* Offsets in config space that drivers of all kinds need. */
#define PCI_VENDOR_ID	0x00
#define PCI_COMMAND	0x04
#define PCI_STATUS	0x06
#define PCI_HEADER_TYPE 0x0e

#define PCI_COMMAND_IO	   BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASTER BIT(2)
#define PCI_COMMAND_NO_INT BIT(10)

/* Capabilities that are used here, or shown with a name. */
#define PCI_CAP_PM	0x01
#define PCI_CAP_MSI	0x05
#define PCI_CAP_VENDOR	0x09
#define PCI_CAP_HOTPLUG 0x0c
#define PCI_CAP_SSVID	0x0d
#define PCI_CAP_EXPRESS 0x10
#define PCI_CAP_MSIX	0x11
#define PCI_CAP_AF	0x13

/*
 * Finds every "pci-host-ecam-generic" and all that is behind it. Once; thread context; after the interrupt
 * controller, so that msi-map can be followed. Returns 0 (also where there is no host), or the first error: what
 * could be found is there nevertheless, and each error has been logged.
 */
int pci_init(void);

/* All functions in the order of enumeration: a bridge comes before what is behind it. */
struct list_head *pci_functions(void);

/* Whether there is any function besides the hosts' own sides of their buses. */
bool pci_has_devices(void);

/* The node of its host in the device tree. */
int pci_host_node(const struct pci_function *fn);

#define pci_for_each_function(fn) list_for_each_entry (fn, pci_functions(), node)

/* Config space. All ones beyond its end, at an @offset that is no multiple of the width, and where the function
 * has vanished. Any context. */
uint8_t pci_read8(const struct pci_function *fn, unsigned int offset);
uint16_t pci_read16(const struct pci_function *fn, unsigned int offset);
uint32_t pci_read32(const struct pci_function *fn, unsigned int offset);
void pci_write8(const struct pci_function *fn, unsigned int offset, uint8_t value);
void pci_write16(const struct pci_function *fn, unsigned int offset, uint16_t value);
void pci_write32(const struct pci_function *fn, unsigned int offset, uint32_t value);

/* Whether the function still answers. Any context. */
bool pci_present(const struct pci_function *fn);

/*
 * The offset of the first capability @id behind the one at @from (0: of all), or 0. PCI_CAP_ANY takes any. The
 * list may be a loop or garbage: as long as it does not change, a loop over all results ends. Any context.
 */
#define PCI_CAP_ANY 0xff
unsigned int pci_find_capability(const struct pci_function *fn, uint8_t id, unsigned int from);

/* The offset of the first extended capability @id, 0x100 or above, or 0. Any context. */
unsigned int pci_find_ext_capability(const struct pci_function *fn, uint16_t id);

/* The registers at @offset in @bar, for @size bytes, which answer from pci_enable() on. NULL: they are not all inside
 * of it, they cannot be mapped, or a BAR of this kind (memory or I/O) has no address, so that the function
 * cannot be told to decode any. Thread context. */
void *pci_map(const struct pci_function *fn, unsigned int bar, uint64_t offset, uint64_t size);

/* Switches memory decoding, I/O decoding and bus mastering on or off. What has a BAR without an address is
 * not switched on, since it would answer at somebody else's: pci_map() and MSI-X know of no such registers. Any
 * context. */
void pci_enable(struct pci_function *fn, bool memory, bool io, bool master);

/* Whether the function may pull its wire, which others share: it may not until somebody has a handler there who will
 * say so, nor when that has gone. Any context. */
void pci_allow_intx(const struct pci_function *fn, bool allow);

/* --- MSI-X: thread context -------------------------------------------------------------------------------------- */

/* Vectors that the function has; 0: none, or no controller for them, or its table is nonsense. */
unsigned int pci_msix_count(struct pci_function *fn);

/*
 * Takes @count lines (irqs[]) for the vectors 0 to @count - 1, writes the table, unmasks these vectors, and switches MSI-X
 * on and the wired interrupt off. Memory decoding and bus mastering must be on. Returns 0, or with
 * nothing changed: -EINVAL (that many vectors there are not), -EBUSY (it has some already), -ENODEV (it has
 * vanished), -ENOMEM, or what the controller says.
 */
int pci_msix_enable(struct pci_function *fn, unsigned int count, int irqs[]);

/* MSI-X off, the lines given back (their handlers are gone already). The wired interrupt stays off. */
void pci_msix_disable(struct pci_function *fn);

/* Masks one vector, or lets it through; the device keeps what comes meanwhile. Any context. */
void pci_msix_mask(struct pci_function *fn, unsigned int vector, bool mask);

/* --- hot-plug: thread context ------------------------------------------------------------------------------------ */

/* Whether devices may come and go behind this bridge, which therefore has room for them. */
bool pci_is_hotplug_port(const struct pci_function *fn);

/* Finds what has come behind @bridge, in the bus numbers and windows that it has. New functions are appended to
 * pci_functions(). Returns how many, or -ENOSPC (a BAR or a bus had no room; the functions are there) or -ENOMEM. */
int pci_scan_behind(struct pci_function *bridge);

/* Forgets @fn and all behind it. Drivers have let go of them, and MSI-X is off. The memory stays while somebody
 * may hold a pointer to it (lib/reclaim.h). */
void pci_remove(struct pci_function *fn);

/* Who is told of what comes and goes. Called in a work item. */
struct pci_listener {
	void (*added)(struct pci_function *fn); /* it has its BARs, and is switched off */
	void (*removing)(
		struct pci_function *
			fn); /* it goes away when this returns, or has gone already: pci_present() */
};

/*
 * Serves the slots of all hot-plug ports from now on, and looks once a second whether every function is still there.
 * Once, after pci_init(); drivers of what is there are told by their own means. Returns 0, -EBUSY, or -ENOMEM:
 * what there was memory for is served.
 */
int pci_hotplug_init(const struct pci_listener *listener);

#endif
