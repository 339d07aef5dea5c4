/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a slot (PCI Express Base, 6.7). Every write to slot control is a command, the next of which has to wait
 * for the last one's completion: that wait is bounded, and a slot that once lets it run out is not waited for
 * again. Events are bits that stay until they are written; the interrupt does no more than take them. A slot
 * that interrupts without end is masked, and looked at once a second.
 */
#include <arch/cpu.h>
#include <errno.h>
#include "drivers/pci/pci_slot.h"
#include "lib/irq.h"
#include "lib/log.h"
#include "lib/timer.h"

#define COMMAND_NS	(1 * NSEC_PER_SEC)
#define COMMAND_POLL_NS (10 * NSEC_PER_USEC)
#define ROUNDS		4u  /* in one interrupt, for events that come while others are taken */
#define INTERRUPTS_MAX	64u /* between two looks */
#define VECTORS_MAX	32u /* the message number has five bits */

static void (*notify)(void);

static uint16_t read_reg(const struct pci_slot *slot, unsigned int offset)
{
	return pci_read16(slot->port, slot->cap + offset);
}

static void write_reg(const struct pci_slot *slot, unsigned int offset, uint16_t value)
{
	pci_write16(slot->port, slot->cap + offset, value);
}

bool pci_slot_setup(struct pci_slot *slot, struct pci_function *port)
{
	slot->port = port;
	slot->irq = -1;
	slot->cap = pci_find_capability(port, PCI_CAP_EXPRESS, 0);
	if (!slot->cap || slot->cap + PCI_EXP_SLOT_STATUS + 2 > 256)
		return false;
	slot->features = pci_read32(port, slot->cap + PCI_EXP_SLOT_CAP);
	slot->reports_link = pci_read32(port, slot->cap + PCI_EXP_LINK_CAP) & PCI_EXP_LINK_REPORTS;
	slot->watched = PCI_EXP_SLOT_PRESENCE_CHANGED;
	if (slot->features & PCI_EXP_SLOT_BUTTON)
		slot->watched |= PCI_EXP_SLOT_BUTTON_PRESSED;
	if (slot->features & PCI_EXP_SLOT_POWER)
		slot->watched |= PCI_EXP_SLOT_POWER_FAULT;
	if (slot->reports_link)
		slot->watched |= PCI_EXP_SLOT_LINK_CHANGED;
	return pci_present(port);
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

static bool is_completed(const struct pci_slot *slot)
{
	return read_reg(slot, PCI_EXP_SLOT_STATUS) & PCI_EXP_SLOT_COMPLETED;
}

/* Of the last command, if there was one. */
static void await_completion(struct pci_slot *slot)
{
	if (!slot->commanded || slot->never_completes || (slot->features & PCI_EXP_SLOT_SILENT))
		return;
	while (!is_completed(slot)) {
		if (clock_ns() - slot->commanded_ns > COMMAND_NS) {
			log_warning("%s: the slot does not complete a command", slot->port->name);
			slot->never_completes = true;
			return;
		}
		delay_ns(COMMAND_POLL_NS);
	}
}

/* Sets the bits in @mask to @bits. */
static void command(struct pci_slot *slot, uint16_t mask, uint16_t bits)
{
	uint16_t control;

	await_completion(slot);
	if (is_completed(slot))
		write_reg(slot, PCI_EXP_SLOT_STATUS, PCI_EXP_SLOT_COMPLETED);
	control = read_reg(slot, PCI_EXP_SLOT_CONTROL);
	write_reg(slot, PCI_EXP_SLOT_CONTROL, (uint16_t)((control & ~mask) | (bits & mask)));
	slot->commanded = true;
	slot->commanded_ns = clock_ns();
}

void pci_slot_switch(struct pci_slot *slot, bool power, uint16_t lamp)
{
	uint16_t mask = 0;

	if (slot->features & PCI_EXP_SLOT_POWER)
		mask |= PCI_EXP_SLOT_POWER_OFF;
	if (slot->features & PCI_EXP_SLOT_LAMP)
		mask |= PCI_EXP_SLOT_LAMP_MASK;
	if (mask && pci_present(slot->port))
		command(slot, mask, lamp | (power ? 0 : PCI_EXP_SLOT_POWER_OFF));
}

/* --- events ------------------------------------------------------------------------------------------------------ */

bool pci_slot_occupied(const struct pci_slot *slot)
{
	uint16_t status = read_reg(slot, PCI_EXP_SLOT_STATUS);

	return status != UINT16_MAX && (status & PCI_EXP_SLOT_PRESENT);
}

bool pci_slot_linked(const struct pci_slot *slot)
{
	return !slot->reports_link || (read_reg(slot, PCI_EXP_LINK_STATUS) & PCI_EXP_LINK_ACTIVE);
}

/* Takes what the slot shows, and acknowledges exactly that. Interrupts are masked. Returns whether there was any. */
static bool acknowledge(struct pci_slot *slot)
{
	uint16_t status = read_reg(slot, PCI_EXP_SLOT_STATUS), events = status & slot->watched;

	if (status == UINT16_MAX || !events) /* all ones: nobody answers */
		return false;
	write_reg(slot, PCI_EXP_SLOT_STATUS, events);
	slot->events |= events;
	return true;
}

static void mask(struct pci_slot *slot, bool on)
{
	slot->mute = on;
	if (slot->vector)
		pci_msix_mask(slot->port, slot->message, on);
	else
		pci_allow_intx(slot->port, !on);
}

static irqreturn_t slot_interrupt(int irq, void *dev_id)
{
	struct pci_slot *slot = dev_id;
	unsigned int round = 0;

	(void)irq;
	while (round < ROUNDS && acknowledge(slot))
		round++;
	if (!round && !slot->vector)
		return IRQ_NONE;
	/* A vector is nobody else's: its messages count, with an event or without. */
	if (round == ROUNDS || ++slot->interrupts > INTERRUPTS_MAX)
		mask(slot, true);
	if (round)
		notify();
	return IRQ_HANDLED;
}

uint16_t pci_slot_take_events(struct pci_slot *slot)
{
	unsigned long flags = irq_save();
	uint16_t events;

	(void)acknowledge(slot);
	events = slot->events;
	slot->events = 0;
	irq_restore(flags);
	return events;
}

void pci_slot_unmute(struct pci_slot *slot)
{
	slot->interrupts = 0;
	if (slot->mute && pci_present(slot->port))
		mask(slot, false);
}

/* --- the interrupt ----------------------------------------------------------------------------------------------- */

/* A message from a port behind an IOMMU would need a mapping of its own: such a port uses its wire. */
static int take_vector(struct pci_slot *slot)
{
	struct pci_function *port = slot->port;
	int irqs[VECTORS_MAX], err;

	slot->message = PCI_EXP_MESSAGE(read_reg(slot, PCI_EXP_FLAGS));
	if (port->iommu_node >= 0 || slot->message >= pci_msix_count(port))
		return -ENODEV;
	err = pci_msix_enable(port, slot->message + 1u, irqs);
	if (err)
		return err;
	err = request_irq(irqs[slot->message], slot_interrupt, IRQF_SHARED, port->name, slot);
	if (err) {
		pci_msix_disable(port);
		return err;
	}
	slot->vector = true;
	slot->irq = irqs[slot->message];
	return 0;
}

static void take_wire(struct pci_slot *slot)
{
	const struct dt_irq *intx = &slot->port->intx;

	if (intx->irq < 0 || request_irq(intx->irq, slot_interrupt, intx->trigger | IRQF_SHARED,
					 slot->port->name, slot))
		return;
	slot->irq = intx->irq;
	pci_allow_intx(slot->port, true);
}

void pci_slot_start(struct pci_slot *slot, void (*changed)(void))
{
	uint16_t on = PCI_EXP_SLOT_ON_PRESENCE;

	notify = changed;
	if (take_vector(slot))
		take_wire(slot);
	if (slot->irq < 0) {
		log_warning("%s: no interrupt, the slot is looked at once a second",
			    slot->port->name);
		return;
	}
	if (slot->watched & PCI_EXP_SLOT_BUTTON_PRESSED)
		on |= PCI_EXP_SLOT_ON_BUTTON;
	if (slot->watched & PCI_EXP_SLOT_POWER_FAULT)
		on |= PCI_EXP_SLOT_ON_FAULT;
	if (slot->watched & PCI_EXP_SLOT_LINK_CHANGED)
		on |= PCI_EXP_SLOT_ON_LINK;
	on |= PCI_EXP_SLOT_INTERRUPT;
	command(slot, on, on);
}

void pci_slot_stop(struct pci_slot *slot)
{
	if (slot->irq < 0)
		return;
	if (pci_present(slot->port))
		command(slot, PCI_EXP_SLOT_INTERRUPT, 0);
	pci_allow_intx(slot->port, false);
	(void)free_irq(slot->irq, slot);
	slot->irq = -1;
	if (slot->vector)
		pci_msix_disable(slot->port);
	slot->vector = false;
}
