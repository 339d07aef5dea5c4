/* SPDX-License-Identifier: BSD-2-Clause */
/* A slot of a hot-plug port: its registers, and its interrupt. What happens is decided in pci_hotplug.c. */
#ifndef DRIVERS_PCI_PCI_SLOT_H
#define DRIVERS_PCI_PCI_SLOT_H

#include "drivers/pci/pci_private.h"

enum pci_slot_state { PCI_SLOT_OFF, PCI_SLOT_WAKING, PCI_SLOT_ON };

struct pci_slot {
	struct list_head node;
	struct pci_function *port;
	unsigned int cap; /* PCI Express, of the port */
	uint32_t features;
	uint16_t watched; /* the events that the slot has */
	bool reports_link;
	enum pci_slot_state state;
	uint64_t deadline_ns; /* while it is waking */
	unsigned int served;  /* in which run of the work item */

	int irq;		 /* negative: none, the slot is looked at now and then */
	bool vector;		 /* the line is an MSI-X vector's */
	uint16_t message;	 /* ... of this number */
	bool mute;		 /* too many interrupts: masked until the next look */
	unsigned int interrupts; /* since the last look */
	uint16_t events;	 /* acknowledged, and not handled yet */

	bool commanded;	       /* a command was sent */
	bool never_completes;  /* it does not say so in time: not waited for any more */
	uint64_t commanded_ns; /* when */
};

/* Reads what the port's slot has. false: it is no slot. */
bool pci_slot_setup(struct pci_slot *slot, struct pci_function *port);

/* Takes an interrupt and switches events on; @changed is called in the interrupt when there are some. And off again. */
void pci_slot_start(struct pci_slot *slot, void (*changed)(void));
void pci_slot_stop(struct pci_slot *slot);

/* The events since the last call, whether there was an interrupt for them or not. */
uint16_t pci_slot_take_events(struct pci_slot *slot);

/* A slot that was muted is heard again. Once a second. */
void pci_slot_unmute(struct pci_slot *slot);

/* Whether something is in the slot, and whether its link, as far as the port tells, is up. */
bool pci_slot_occupied(const struct pci_slot *slot);
bool pci_slot_linked(const struct pci_slot *slot);

/* Power (where it is switched) and the lamp: @lamp is one of PCI_EXP_SLOT_LAMP_*. */
void pci_slot_switch(struct pci_slot *slot, bool power, uint16_t lamp);

#endif
