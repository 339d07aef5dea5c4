/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts: what the device tree says of each ("pci-host-ecam-generic": the bindings of IEEE 1275 for PCI), and its config space,
 * of which only the buses that are looked at are mapped. A node that makes no sense is an error of its own: the
 * others are used.
 */
#include <errno.h>
#include <stdlib.h>
#include "drivers/pci/pci_private.h"
#include "lib/log.h"
#include "lib/machine.h"

#define LIMIT_32 BIT_ULL(32)

/* "ranges": PCI addresses have three cells, of which the first has flags, and sizes two. */
#define PCI_ADDRESS_CELLS  3
#define PCI_SIZE_CELLS	   2
#define RANGE_SPACE(flags) ((flags) >> 24 & 3)
#define RANGE_IO	   1
#define RANGE_MEM	   2
#define RANGE_MEM64	   3

/* Address 0 means "none" to many a device, and to us: so much is left out where a range begins there. */
static const uint64_t first_address[PCI_SPACES] = {
	[PCI_SPACE_IO] = 4u << 10,
	[PCI_SPACE_MEM] = 1u << 20,
};

static struct list_head hosts = LIST_HEAD_INIT(hosts);

static unsigned long long ull(uint64_t value)
{
	return value;
}

/* --- config space ---------------------------------------------------------------------------------------------- */

static void *map_chunk(struct pci_host *host, unsigned int chunk)
{
	uint64_t offset = (uint64_t)chunk * PCI_ECAM_CHUNK;
	uint64_t size = MIN(host->ecam_size - offset, (uint64_t)PCI_ECAM_CHUNK);
	void *base = ioremap(host->ecam_phys + offset, (size_t)size);

	if (!base && host->ecam_phys + offset + size > ioremap_limit())
		log_error("pci: ECAM at 0x%llx is beyond this CPU's reach: start QEMU with -M "
			  "virt,highmem=off",
			  ull(host->ecam_phys));
	else if (!base)
		log_error("pci: ECAM at 0x%llx cannot be mapped", ull(host->ecam_phys + offset));
	return base;
}

char *pci_host_config(struct pci_host *host, unsigned int bus, unsigned int slot,
		      unsigned int function)
{
	unsigned int offset = (bus - host->root.number) * PCI_ECAM_BUS;
	unsigned int chunk = offset / PCI_ECAM_CHUNK;

	if (bus < host->root.number || bus > host->root.last)
		return NULL;
	if (!host->ecam[chunk])
		host->ecam[chunk] = map_chunk(host, chunk);
	if (!host->ecam[chunk])
		return NULL;
	offset = offset % PCI_ECAM_CHUNK + (slot << 15 | function << 12);
	return (char *)host->ecam[chunk] + offset;
}

/* --- the device tree ------------------------------------------------------------------------------------------- */

/* reg and bus-range: which buses there are, and where their config space is. */
static int read_buses(struct pci_host *host)
{
	struct dt_cells range;
	uint64_t first = 0, last = 255, buses;
	int err;

	if (dt_reg(host->dt_node, 0, &host->ecam_phys, &host->ecam_size) ||
	    host->ecam_phys % PCI_ECAM_BUS || host->ecam_size < PCI_ECAM_BUS ||
	    host->ecam_phys + host->ecam_size < host->ecam_phys)
		return -EINVAL;
	err = dt_cells(host->dt_node, "bus-range", &range);
	if (err != -ENOENT) {
		if (err || range.count != 2)
			return -EINVAL;
		first = dt_cells_read(&range, 0, 1);
		last = dt_cells_read(&range, 1, 1);
	}
	if (first > last || last > 255)
		return -EINVAL;
	buses = MIN(host->ecam_size / PCI_ECAM_BUS, last - first + 1);
	host->ecam_size = buses * PCI_ECAM_BUS;
	host->root.number = (uint8_t)first;
	host->root.last = (uint8_t)(first + buses - 1);
	host->next_bus = (unsigned int)first + 1;
	return 0;
}

/* Of several ranges of one kind the largest is used. */
static void add_window(struct pci_host *host, enum pci_space space, uint64_t start, uint64_t phys,
		       uint64_t size)
{
	struct pci_window *window = &host->root.windows[space];

	if (start < first_address[space]) {
		uint64_t skip = first_address[space] - start;

		if (size <= skip)
			return;
		start += skip;
		phys += skip;
		size -= skip;
	}
	if (size <= window->size)
		return;
	*window = (struct pci_window){start, size, 1};
	host->phys[space] = phys;
	host->root.has[space] = true;
}

/* Memory below 4 GiB is for all BARs, that above for those of 64 bits. */
static void add_memory(struct pci_host *host, uint64_t start, uint64_t phys, uint64_t size)
{
	uint64_t low = start < LIMIT_32 ? MIN(size, LIMIT_32 - start) : 0;

	add_window(host, PCI_SPACE_MEM, start, phys, low);
	add_window(host, PCI_SPACE_MEM64, start + low, phys + low, size - low);
}

static int add_range(struct pci_host *host, const struct dt_cells *ranges, unsigned int i,
		     unsigned int parent_cells)
{
	uint32_t flags = (uint32_t)dt_cells_read(ranges, i, 1);
	uint64_t start = dt_cells_read(ranges, i + 1, 2);
	uint64_t phys = dt_cells_read(ranges, i + PCI_ADDRESS_CELLS, parent_cells);
	uint64_t size = dt_cells_read(ranges, i + PCI_ADDRESS_CELLS + parent_cells, PCI_SIZE_CELLS);

	if (dt_translate(dt_parent(host->dt_node), &phys) || start + size < start ||
	    phys + size < phys)
		return -EINVAL;
	switch (RANGE_SPACE(flags)) {
	case RANGE_IO:
		if (start + size > LIMIT_32)
			return -EINVAL;
		add_window(host, PCI_SPACE_IO, start, phys, size);
		return 0;
	case RANGE_MEM:
	case RANGE_MEM64:
		add_memory(host, start, phys, size);
		return 0;
	default: /* config space, which is in reg */
		return 0;
	}
}

static int read_ranges(struct pci_host *host)
{
	unsigned int ac, sc, parent_ac, parent_sc, entry;
	struct dt_cells ranges;

	if (dt_cells(host->dt_node, "ranges", &ranges) || ranges.count == 0 ||
	    dt_bus_cells(host->dt_node, &ac, &sc) || ac != PCI_ADDRESS_CELLS ||
	    sc != PCI_SIZE_CELLS ||
	    dt_bus_cells(dt_parent(host->dt_node), &parent_ac, &parent_sc) || parent_ac < 1 ||
	    parent_ac > 2)
		return -EINVAL;
	entry = PCI_ADDRESS_CELLS + parent_ac + PCI_SIZE_CELLS;
	if (ranges.count % entry)
		return -EINVAL;
	for (unsigned int i = 0; i < ranges.count; i += entry) {
		if (add_range(host, &ranges, i, parent_ac))
			return -EINVAL;
	}
	return 0;
}

/* --- all hosts ------------------------------------------------------------------------------------------------- */

int pci_host_node(const struct pci_function *fn)
{
	return fn->host->dt_node;
}

/* The last one has nothing behind it. */
static struct pci_function *last_function(void)
{
	return list_entry(pci_functions()->prev, struct pci_function, node);
}

static struct pci_host *create_host(int dt_node, unsigned int index)
{
	struct pci_host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->dt_node = dt_node;
	host->index = index;
	list_add_tail(&host->node, &hosts);
	return host;
}

static void forget_host(struct pci_host *host)
{
	while (!list_empty(pci_functions()) && last_function()->host == host)
		pci_remove(last_function());
	list_del(&host->node);
	free(host);
}

/* A bus is mostly empty on a machine with virtio-mmio, and then has no use for addresses. */
static int give_addresses(struct pci_host *host)
{
	if (!pci_has_devices())
		return 0;
	return read_ranges(host) ? -EINVAL : pci_assign(host, NULL);
}

static int init_host(int dt_node, unsigned int index)
{
	struct pci_host *host = create_host(dt_node, index);
	int err, found = 0;

	if (!host) {
		log_error("pci: no memory for %s", dt_name(dt_node));
		return -ENOMEM;
	}
	err = read_buses(host);
	if (!err) {
		found = pci_scan(host, NULL);
		err = give_addresses(host);
	}
	if (err == -EINVAL) {
		log_error("pci: %s: malformed node", dt_name(dt_node));
		forget_host(host);
	}
	return found < 0 ? found : err;
}

int pci_init(void)
{
	unsigned int count = 0;
	int node, result = 0;

	dt_for_each_compatible (node, "pci-host-ecam-generic") {
		int err;

		if (count == PCI_HOSTS_MAX) {
			log_warning("pci: more than %u hosts", PCI_HOSTS_MAX);
			break;
		}
		err = init_host(node, count++);
		if (!result)
			result = err;
	}
	return result;
}

void pci_forget(void)
{
	struct pci_host *host, *next;

	while (!list_empty(pci_functions()))
		pci_remove(last_function());
	list_for_each_entry_safe (host, next, &hosts, node)
		forget_host(host);
}
