/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes and goes. A slot is off, waking (something was plugged in, power is on, and it has a second to
 * answer), or on. Interrupts only note events; one work item goes through all slots and takes them to the
 * state that the events ask for. Nothing here waits but for a command's completion: a slot that wakes is looked at
 * again by a timer. The same timer looks once a second at everything, for whatever came without a
 * word: an interrupt that was lost or masked, a function that reads as all ones.
 */
#include <errno.h>
#include <stdlib.h>
#include "drivers/pci/pci_slot.h"
#include "lib/log.h"
#include "lib/timer.h"
#include "lib/work.h"

#define LOOK_NS	     (1 * NSEC_PER_SEC)
#define WAKE_NS	     (1 * NSEC_PER_SEC)
#define WAKE_POLL_NS (5 * NSEC_PER_MSEC)

static struct list_head slots = LIST_HEAD_INIT(slots);
static const struct pci_listener *listener;
static struct work work;
static struct timer timer;
static uint64_t next_look_ns;
static unsigned int run; /* of the work item */

static void schedule(void)
{
	work_schedule(&work);
}

static void time_has_come(struct timer *t)
{
	(void)t;
	schedule();
}

/* --- slots come and go ------------------------------------------------------------------------------------------- */

static int add_slot(struct pci_function *port)
{
	struct pci_slot *slot = calloc(1, sizeof(*slot));

	if (!slot) {
		log_error("%s: no memory for its slot", port->name);
		return -ENOMEM;
	}
	if (!pci_slot_setup(slot, port)) {
		free(slot);
		return 0;
	}
	list_add_tail(&slot->node, &slots);
	return 0;
}

static struct pci_slot *slot_of(const struct pci_function *port)
{
	struct pci_slot *slot;

	list_for_each_entry (slot, &slots, node) {
		if (slot->port == port)
			return slot;
	}
	return NULL;
}

static void remove_slot(struct pci_slot *slot)
{
	if (!slot)
		return;
	pci_slot_stop(slot);
	list_del(&slot->node);
	free(slot);
}

/* --- functions come and go --------------------------------------------------------------------------------------- */

static struct pci_function *first_behind(const struct pci_function *bridge)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		if (pci_is_behind(fn, bridge->host, bridge))
			return fn;
	}
	return NULL;
}

/* The last one: no bridge before all that is behind it. */
static struct pci_function *last_behind(const struct pci_function *bridge)
{
	struct list_head *node;

	for (node = pci_functions()->prev; node != pci_functions(); node = node->prev) {
		struct pci_function *fn = list_entry(node, struct pci_function, node);

		if (pci_is_behind(fn, bridge->host, bridge))
			return fn;
	}
	return NULL;
}

static void take_one_out(struct pci_function *fn)
{
	log_info("%s: %s", fn->name, pci_present(fn) ? "removed" : "gone");
	remove_slot(slot_of(fn));
	listener->removing(fn);
	pci_remove(fn);
}

static void take_out_behind(const struct pci_function *bridge)
{
	struct pci_function *fn;

	while ((fn = last_behind(bridge)) != NULL)
		take_one_out(fn);
}

/* Whether all functions are those that got their addresses from us: one that was exchanged has none. */
static bool is_same(const struct pci_function *fn)
{
	if (!pci_present(fn) || pci_read16(fn, PCI_DEVICE_ID) != fn->device)
		return false;
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &fn->bars[i];
		uint32_t low = bar->io ? PCI_BAR_IO_MASK : PCI_BAR_MEM_MASK;

		if (bar->size && bar->assigned &&
		    (pci_read32(fn, PCI_BAR0 + 4 * i) & ~low) != (uint32_t)bar->bus_addr)
			return false;
	}
	return true;
}

static bool are_same(const struct pci_slot *slot)
{
	const struct pci_function *fn;

	pci_for_each_function (fn) {
		if (fn->bridge == slot->port && !is_same(fn))
			return false;
	}
	return true;
}

static void wake(struct pci_slot *slot)
{
	slot->state = PCI_SLOT_WAKING;
	slot->deadline_ns = deadline_after(WAKE_NS);
	pci_slot_switch(slot, true, PCI_EXP_SLOT_LAMP_BLINK);
}

/* What is in it was found with its port, or has no power yet. */
static void start_slot(struct pci_slot *slot)
{
	(void)pci_slot_take_events(slot); /* from before */
	if (first_behind(slot->port)) {
		slot->state = PCI_SLOT_ON;
		pci_slot_switch(slot, true, PCI_EXP_SLOT_LAMP_ON);
	} else if (pci_slot_occupied(slot)) {
		wake(slot);
	}
	pci_slot_start(slot, schedule);
}

/* The listener may look at the whole tree, so it is told when all of it is there. */
static void bring_in(struct pci_slot *slot)
{
	const struct list_head *before = pci_functions()->prev;
	struct list_head *node;
	int found = pci_scan_behind(slot->port);

	if (found < 0)
		log_error("%s: no room for all that was plugged in (%d)", slot->port->name, found);
	for (node = before->next; node != pci_functions(); node = node->next) {
		struct pci_function *fn = list_entry(node, struct pci_function, node);

		log_info("%s: plugged in", fn->name);
		if (pci_is_hotplug_port(fn) && !add_slot(fn) && slot_of(fn))
			start_slot(slot_of(fn));
		listener->added(fn);
	}
}

/* --- the states of a slot ---------------------------------------------------------------------------------------- */

static void turn_off(struct pci_slot *slot)
{
	take_out_behind(slot->port);
	slot->state = PCI_SLOT_OFF;
	pci_slot_switch(slot, false, PCI_EXP_SLOT_LAMP_OFF);
}

/* Function 0 of the slot answers: a device that starts may take its time. */
static bool answers(const struct pci_slot *slot)
{
	const struct pci_function *port = slot->port;
	struct pci_function at = {.config = pci_host_config(port->host, port->below->number, 0, 0)};
	uint16_t vendor = at.config ? pci_read16(&at, PCI_VENDOR_ID) : PCI_VENDOR_NONE;

	/* 1: it asks for patience. */
	return vendor != PCI_VENDOR_NONE && vendor > 1 && pci_slot_linked(slot);
}

static void go_on_waking(struct pci_slot *slot, uint16_t events)
{
	if (!pci_slot_occupied(slot) || (events & PCI_EXP_SLOT_POWER_FAULT)) {
		turn_off(slot);
	} else if (answers(slot)) {
		slot->state = PCI_SLOT_ON;
		pci_slot_switch(slot, true, PCI_EXP_SLOT_LAMP_ON);
		bring_in(slot);
	} else if (deadline_passed(slot->deadline_ns)) {
		log_error("%s: what was plugged in does not answer", slot->port->name);
		turn_off(slot);
	}
}

/* Returns whether the slot is to be looked at again at once: something else is in it now. */
static bool leave_on(struct pci_slot *slot, uint16_t events)
{
	const uint16_t lost = PCI_EXP_SLOT_PRESENCE_CHANGED | PCI_EXP_SLOT_LINK_CHANGED;

	if (events & PCI_EXP_SLOT_POWER_FAULT) {
		log_error("%s: power fault", slot->port->name);
	} else if ((events & lost) && !are_same(slot)) {
		turn_off(slot);
		return pci_slot_occupied(slot);
	} else if (pci_slot_occupied(slot) && (!(events & PCI_EXP_SLOT_BUTTON_PRESSED) ||
					       (events & PCI_EXP_SLOT_PRESENCE_CHANGED))) {
		return false;
	}
	turn_off(slot);
	return false;
}

static void serve(struct pci_slot *slot)
{
	const uint16_t plugged = PCI_EXP_SLOT_PRESENCE_CHANGED | PCI_EXP_SLOT_BUTTON_PRESSED |
				 PCI_EXP_SLOT_LINK_CHANGED;
	uint16_t events = pci_slot_take_events(slot);
	bool start = false;

	if (slot->state == PCI_SLOT_ON)
		start = leave_on(slot, events);
	else if (slot->state == PCI_SLOT_OFF)
		start = (events & plugged) && pci_slot_occupied(slot);
	if (start)
		wake(slot);
	if (slot->state == PCI_SLOT_WAKING)
		go_on_waking(slot, start ? 0 : events);
}

/* --- the look around --------------------------------------------------------------------------------------------- */

/* The first function that is gone, of those that nobody has noticed yet. */
static struct pci_function *first_gone(void)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		if (!pci_present(fn))
			return fn;
	}
	return NULL;
}

static void look_around(void)
{
	struct pci_function *fn;
	struct pci_slot *slot;

	list_for_each_entry (slot, &slots, node)
		pci_slot_unmute(slot);
	while ((fn = first_gone()) != NULL) {
		slot = fn->bridge ? slot_of(fn->bridge) : NULL;
		take_out_behind(fn);
		take_one_out(fn);
		if (slot && slot->state == PCI_SLOT_ON && !first_behind(slot->port))
			turn_off(slot);
	}
}

static struct pci_slot *next_to_serve(void)
{
	struct pci_slot *slot;

	list_for_each_entry (slot, &slots, node) {
		if (slot->served != run)
			return slot;
	}
	return NULL;
}

/* Each once, however often it changes. Serving one may remove another, that of a port which was plugged in itself: so the
 * search begins anew each time. */
static void serve_all(void)
{
	struct pci_slot *slot;

	run++;
	while ((slot = next_to_serve()) != NULL) {
		slot->served = run;
		/* One whose port has vanished is for the look around. */
		if (pci_present(slot->port))
			serve(slot);
	}
}

static void set_timer(void)
{
	uint64_t deadline = next_look_ns, soon = deadline_after(WAKE_POLL_NS);
	const struct pci_slot *slot;

	list_for_each_entry (slot, &slots, node) {
		if (slot->state == PCI_SLOT_WAKING)
			deadline = MIN(deadline, soon);
	}
	timer_start(&timer, deadline);
}

static void hotplug_work(struct work *w)
{
	(void)w;
	serve_all();
	if (deadline_passed(next_look_ns)) {
		look_around();
		next_look_ns = deadline_after(LOOK_NS);
	}
	set_timer();
}

/* --- the beginning ----------------------------------------------------------------------------------------------- */

int pci_hotplug_init(const struct pci_listener *new_listener)
{
	struct pci_function *fn;
	struct pci_slot *slot;
	int err = 0;

	if (listener)
		return -EBUSY;
	if (!pci_has_devices())
		return 0;
	listener = new_listener;
	work_init(&work, &system_wq, hotplug_work);
	timer_init(&timer, time_has_come);
	pci_for_each_function (fn) {
		if (!err && pci_is_hotplug_port(fn))
			err = add_slot(fn);
	}
	list_for_each_entry (slot, &slots, node)
		start_slot(slot);
	next_look_ns = deadline_after(LOOK_NS);
	schedule();
	return err;
}

void pci_hotplug_forget(void)
{
	if (!listener)
		return;
	while (!list_empty(&slots))
		remove_slot(list_entry(slots.next, struct pci_slot, node));
	work_cancel(&work);
	timer_cancel(&timer);
	listener = NULL;
}
