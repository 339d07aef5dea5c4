/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Enumeration: which functions there are, and the numbers of the buses behind bridges. It goes into each bridge as
 * soon as its bus has been looked at, so that a bridge's buses are one range; where it stands is known
 * from the functions' links, so there is no recursion. Bounded by the bus numbers of the host, by the number of
 * functions, and by each bus being looked at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "drivers/pci/pci_private.h"
#include "lib/log.h"

#define ROOMY_HOST \
	64u /* bus numbers, from which on hot-plug ports get one to spare: for a bridge that is plugged in */

static struct list_head functions = LIST_HEAD_INIT(functions);
static unsigned int function_count, host_bridge_count;

struct list_head *pci_functions(void)
{
	return &functions;
}

bool pci_has_devices(void)
{
	return function_count > host_bridge_count;
}

struct pci_bus *pci_bus_behind(struct pci_host *host, struct pci_function *bridge)
{
	return bridge ? bridge->below : &host->root;
}

bool pci_is_behind(const struct pci_function *fn, const struct pci_host *host,
		   const struct pci_function *bridge)
{
	const struct pci_function *up = fn->bridge;

	while (up && up != bridge)
		up = up->bridge;
	return fn->host == host && up == bridge;
}

int pci_express_type(const struct pci_function *fn)
{
	unsigned int cap = pci_find_capability(fn, PCI_CAP_EXPRESS, 0);

	return cap ? PCI_EXP_TYPE(pci_read16(fn, cap + PCI_EXP_FLAGS)) : -1;
}

/* --- one function ---------------------------------------------------------------------------------------------- */

/* The first host's functions, which mostly are all, need not say whose they are. */
static void name_function(struct pci_function *fn)
{
	unsigned int host = fn->host->index % PCI_HOSTS_MAX, number = fn->function % PCI_FUNCTIONS;

	if (host)
		snprintf(fn->name, sizeof(fn->name), "pci@%u:%02x:%02x.%u", host, fn->bus, fn->slot,
			 number);
	else
		snprintf(fn->name, sizeof(fn->name), "pci@%02x:%02x.%u", fn->bus, fn->slot, number);
}

static void read_identity(struct pci_function *fn, uint32_t id)
{
	uint32_t class = pci_read32(fn, PCI_CLASS_REVISION);

	fn->vendor = (uint16_t)id;
	fn->device = (uint16_t)(id >> 16);
	fn->class = class >> 8;
	fn->revision = (uint8_t) class;
	fn->header_type = pci_read8(fn, PCI_HEADER_TYPE) & PCI_HEADER_MASK;
	fn->pin = pci_read8(fn, PCI_INTERRUPT_PIN);
	if (fn->pin > 4)
		fn->pin = 0;
	if (fn->header_type == PCI_HEADER_NORMAL) {
		fn->subsystem_vendor = pci_read16(fn, PCI_SUBSYSTEM_VENDOR);
		fn->subsystem = pci_read16(fn, PCI_SUBSYSTEM_ID);
	}
	name_function(fn);
}

static void destroy(struct reclaim *reclaim)
{
	struct pci_function *fn = container_of(reclaim, struct pci_function, reclaim);

	free(fn->below);
	free(fn);
}

static bool is_host_bridge(const struct pci_function *fn)
{
	return fn->class >> 8 == PCI_CLASS_HOST_BRIDGE;
}

/* What else there is to know of a function. A host bridge is the other side of what we are: its BARs are not ours
 * to move, and it has no use for interrupts. Returns 0, -ENODEV (it has vanished) or -ENOMEM. */
static int examine(struct pci_function *fn)
{
	fn->intx.irq = -1;
	fn->iommu_node = -1;
	if (is_host_bridge(fn))
		return 0;
	pci_enable(fn, false, false, false);
	pci_allow_intx(fn, false);
	pci_size_bars(fn);
	pci_route(fn);
	if (fn->header_type == PCI_HEADER_BRIDGE) {
		fn->below = pci_bridge_create(fn);
		if (!fn->below)
			return -ENOMEM;
	}
	/* Else all of this was made of the ones that nobody answers with. */
	return pci_present(fn) ? 0 : -ENODEV;
}

/* A slot without a function reads as all ones; some hardware shows zeroes in the one or the other half. */
static bool is_there(uint32_t id)
{
	return (uint16_t)id != PCI_VENDOR_NONE && (uint16_t)id != 0;
}

/* Where to look. */
struct place {
	struct pci_host *host;
	struct pci_function *bridge;
	unsigned int bus;
};

/* Returns 1 where there is a function at @config, 0 where there is none, or -ENOMEM. */
static int add_function(const struct place *place, unsigned int slot, unsigned int number,
			char *config)
{
	struct pci_function at = {.config = config}, *fn;
	uint32_t id = pci_read32(&at, PCI_VENDOR_ID);
	int err;

	if (!is_there(id))
		return 0;
	fn = function_count < PCI_FUNCTIONS_MAX ? calloc(1, sizeof(*fn)) : NULL;
	if (!fn) {
		log_error("pci: no memory for more than %u functions", function_count);
		return -ENOMEM;
	}
	fn->host = place->host;
	fn->bridge = place->bridge;
	fn->bus = (uint8_t)place->bus;
	fn->slot = (uint8_t)slot;
	fn->function = (uint8_t)number;
	fn->config = config;
	read_identity(fn, id);
	err = examine(fn);
	if (err) {
		log_warning("%s: %s", fn->name, err == -ENODEV ? "has vanished" : "no memory");
		destroy(&fn->reclaim);
		return err == -ENODEV ? 0 : err;
	}
	list_add_tail(&fn->node, &functions);
	function_count++;
	host_bridge_count += is_host_bridge(fn);
	return 1;
}

/* --- one bus --------------------------------------------------------------------------------------------------- */

static bool is_known(const struct place *place, unsigned int slot, unsigned int number)
{
	const struct pci_function *fn;

	pci_for_each_function (fn) {
		if (fn->host == place->host && fn->bus == place->bus && fn->slot == slot &&
		    fn->function == number)
			return true;
	}
	return false;
}

static bool is_multifunction(const char *config)
{
	struct pci_function at = {.config = (char *)config};
	uint8_t type = pci_read8(&at, PCI_HEADER_TYPE);

	return type != 0xff && (type & PCI_HEADER_MULTI);
}

/* Function 0 is always there, and says whether there are more. Returns how many are new, or -ENOMEM. */
static int scan_slot(const struct place *place, unsigned int slot)
{
	char *config = pci_host_config(place->host, place->bus, slot, 0);
	int found = 0;

	if (!config)
		return -ENOMEM;
	for (unsigned int number = 0; number < PCI_FUNCTIONS; number++) {
		bool known = is_known(place, slot, number);
		int result = 0;

		if (number == 1 && !is_multifunction(config))
			break;
		if (!known)
			result = add_function(place, slot, number,
					      config + (size_t)number * PCI_CONFIG_SIZE);
		if (result < 0)
			return result;
		found += result;
		if (number == 0 && !known && !result)
			break;
	}
	return found;
}

static int scan_bus(struct pci_host *host, struct pci_function *bridge)
{
	const struct pci_bus *bus = pci_bus_behind(host, bridge);
	struct place place = {host, bridge, bus->number};
	unsigned int slots = bus->one_slot ? 1 : PCI_SLOTS;
	int found = 0;

	for (unsigned int slot = 0; slot < slots; slot++) {
		int result = scan_slot(&place, slot);

		if (result < 0)
			return result;
		found += result;
	}
	return found;
}

/* --- bridges --------------------------------------------------------------------------------------------------- */

/* The first bridge on the bus behind @parent that has no bus number yet. */
static struct pci_function *next_bridge(const struct pci_host *host,
					const struct pci_function *parent)
{
	struct pci_function *fn;

	pci_for_each_function (fn) {
		if (fn->host == host && fn->bridge == parent && fn->below && !fn->below->number &&
		    !fn->below->shut)
			return fn;
	}
	return NULL;
}

/* Gives @bridge the next number. Until all behind it is found, it passes on whatever is above that. */
static void open_buses(struct pci_host *host, struct pci_function *bridge, unsigned int limit)
{
	bridge->below->number = (uint8_t)host->next_bus++;
	bridge->below->last = (uint8_t)limit;
	pci_bridge_set_buses(bridge);
}

static void close_buses(struct pci_host *host, struct pci_function *bridge, unsigned int limit)
{
	bool roomy = (unsigned int)host->root.last - host->root.number >= ROOMY_HOST;

	if (bridge->below->hotplug && roomy && host->next_bus <= limit)
		host->next_bus++;
	bridge->below->last = (uint8_t)(host->next_bus - 1);
	pci_bridge_set_buses(bridge);
}

/* Goes down into all bridges behind @top, and up again. Returns how many functions are behind them, or an error: what
 * has been found until then is complete. */
static int scan_bridges(struct pci_host *host, struct pci_function *top)
{
	unsigned int limit = pci_bus_behind(host, top)->last;
	struct pci_function *current = top, *bridge;
	int found = 0, err = 0;

	for (;;) {
		bridge = next_bridge(host, current);
		if (bridge && host->next_bus > limit) {
			log_error("%s: no bus number is left for what is behind it", bridge->name);
			bridge->below->shut = true;
			err = -ENOSPC;
		} else if (bridge) {
			int result;

			open_buses(host, bridge, limit);
			result = scan_bus(host, bridge);
			found += MAX(result, 0);
			err = MIN(err, result);
			current = bridge;
		} else if (current == top) {
			return err ? err : found;
		} else {
			close_buses(host, current, limit);
			current = current->bridge;
		}
	}
}

int pci_scan(struct pci_host *host, struct pci_function *bridge)
{
	int found = scan_bus(host, bridge);
	int behind = found < 0 ? 0 : scan_bridges(host, bridge);

	return behind < 0 ? behind : found + behind;
}

/* --- hot-plug --------------------------------------------------------------------------------------------------- */

bool pci_is_hotplug_port(const struct pci_function *fn)
{
	/* Without a number there is no way to what is behind it. */
	return fn->below && fn->below->hotplug && fn->below->number;
}

/* The first of the numbers that @bridge has for what is behind it, and that is not taken yet. */
static unsigned int spare_bus(const struct pci_function *bridge)
{
	unsigned int next = bridge->below->number + 1u;
	const struct pci_function *fn;

	pci_for_each_function (fn) {
		if (fn->below && fn->below->number && pci_is_behind(fn, bridge->host, bridge))
			next = MAX(next, fn->below->last + 1u);
	}
	return next;
}

int pci_scan_behind(struct pci_function *bridge)
{
	struct pci_host *host = bridge->host;
	unsigned int next_bus = host->next_bus;
	int found, err;

	if (!bridge->below || !bridge->below->number)
		return -ENOSPC;
	host->next_bus = spare_bus(bridge);
	found = pci_scan(host, bridge);
	host->next_bus = next_bus;
	err = pci_assign(host, bridge);
	return found < 0 || !err ? found : err;
}

static void forget(struct pci_function *fn)
{
	list_del(&fn->node);
	function_count--;
	host_bridge_count -= is_host_bridge(fn);
	reclaim_later(&fn->reclaim, destroy);
}

/* From the end, because a bridge comes before what is behind it. */
void pci_remove(struct pci_function *fn)
{
	struct list_head *node, *previous;

	for (node = functions.prev; node != &functions; node = previous) {
		struct pci_function *other = list_entry(node, struct pci_function, node);

		previous = node->prev;
		if (fn->below && other != fn && pci_is_behind(other, fn->host, fn))
			forget(other);
	}
	forget(fn);
}
