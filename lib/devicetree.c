/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree, read through libfdt. What is added here is what a driver asks for: addresses
 * translated through every "ranges" on the way to the root (Devicetree Specification 0.4,
 * 2.3.6 and 2.3.8), and interrupts as numbers of the GIC. All of this is used while devices are probed,
 * and then never again. But libfdt finds a parent, or a phandle, by reading the tree from its start, and
 * devices of a kind stand side by side: so the last answers are remembered.
 */
#include <errno.h>
#include <string.h>
#include <libfdt.h>
#include "lib/devicetree.h"
#include "lib/irq.h"

#define MAX_DEPTH 16 /* of buses between a device and the root */

/* GIC interrupt specifiers: type, number within the type, flags. */
#define GIC_CELLS 3
#define GIC_SPI	  0u
#define GIC_PPI	  1u
#define SPI_BASE  32u
#define SPI_COUNT 988u
#define PPI_BASE  16u
#define PPI_COUNT 16u

static const void *fdt;

/* The last node whose parent was asked for, and the last phandle that was looked up. */
static struct {
	int node, parent;
	uint32_t phandle;
	int phandle_node;
} last;

int dt_init(const void *blob)
{
	if (!blob || fdt_check_header(blob) != 0 || fdt_check_full(blob, fdt_totalsize(blob)) != 0)
		return -EINVAL;
	fdt = blob;
	last.node = -1;
	last.phandle = 0; /* no phandle has this value */
	return 0;
}

const void *dt_blob(size_t *size)
{
	if (size)
		*size = fdt ? fdt_totalsize(fdt) : 0;
	return fdt;
}

static bool is_okay(int node)
{
	const char *status = dt_string(node, "status");
	int len;

	/* A status that is there but no string is not "okay" either. */
	if (!status)
		return !fdt_getprop(fdt, node, "status", &len);
	return strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

int dt_find_compatible(int from, const char *compatible)
{
	int node = from;

	if (!fdt)
		return -ENOENT;
	do {
		node = fdt_node_offset_by_compatible(fdt, node, compatible);
	} while (node >= 0 && !is_okay(node));
	return node;
}

int dt_find_path(const char *path)
{
	return fdt ? fdt_path_offset(fdt, path) : -ENOENT;
}

const char *dt_name(int node)
{
	const char *name = fdt ? fdt_get_name(fdt, node, NULL) : NULL;

	return name ? name : "?";
}

/* A property as big-endian cells; NULL where it is absent. */
static const fdt32_t *get_cells(int node, const char *property, unsigned int *count)
{
	int len = 0;
	const fdt32_t *cells = fdt ? fdt_getprop(fdt, node, property, &len) : NULL;

	*count = cells && len > 0 ? (unsigned int)len / sizeof(*cells) : 0;
	return cells;
}

/* A number of @cells cells (0 to 2) at @p. */
static uint64_t read_cells(const fdt32_t *p, unsigned int cells)
{
	uint64_t value = 0;

	while (cells-- > 0)
		value = value << 32 | fdt32_ld(p++);
	return value;
}

/* #address-cells and #size-cells of @bus, as far as we can make numbers of them. */
static int bus_cells(int bus, unsigned int *address_cells, unsigned int *size_cells)
{
	int ac = fdt_address_cells(fdt, bus);
	int sc = fdt_size_cells(fdt, bus);

	if (ac < 1 || ac > 2 || sc < 0 || sc > 2)
		return -EINVAL;
	*address_cells = (unsigned int)ac;
	*size_cells = (unsigned int)sc;
	return 0;
}

/* Takes *@addr from the address space of @bus to that of @parent. */
static int translate(int bus, int parent, uint64_t *addr)
{
	unsigned int ac, sc, pac, psc, count, entry;
	const fdt32_t *ranges = get_cells(bus, "ranges", &count);

	if (!ranges || bus_cells(bus, &ac, &sc) || bus_cells(parent, &pac, &psc))
		return -EINVAL;
	if (count == 0)
		return 0; /* an empty "ranges": the same addresses */
	entry = ac + pac + sc;
	for (unsigned int i = 0; count - i >= entry; i += entry) {
		uint64_t child_base = read_cells(ranges + i, ac);
		uint64_t parent_base = read_cells(ranges + i + ac, pac);
		uint64_t size = read_cells(ranges + i + ac + pac, sc);

		if (*addr >= child_base && *addr - child_base < size) {
			*addr = *addr - child_base + parent_base;
			return 0;
		}
	}
	return -EINVAL;
}

/* The parent of a device. */
static int parent_of(int node)
{
	if (node != last.node && (last.node < 0 || fdt_next_subnode(fdt, last.node) != node))
		last.parent = fdt_parent_offset(fdt, node);
	last.node = node;
	return last.parent;
}

static int node_of_phandle(uint32_t phandle)
{
	if (phandle != last.phandle)
		last.phandle_node = fdt_node_offset_by_phandle(fdt, phandle);
	last.phandle = phandle;
	return last.phandle_node;
}

int dt_reg(int node, unsigned int index, uint64_t *addr, uint64_t *size)
{
	unsigned int ac, sc, count, skip;
	const fdt32_t *reg = get_cells(node, "reg", &count);
	int bus;

	if (!reg)
		return -ENOENT;
	bus = parent_of(node);
	if (bus < 0 || bus_cells(bus, &ac, &sc))
		return -EINVAL;
	if (index >= count / (ac + sc))
		return index == 0 ? -EINVAL : -ENOENT;
	skip = index * (ac + sc);
	*addr = read_cells(reg + skip, ac);
	if (size)
		*size = read_cells(reg + skip + ac, sc);
	for (int depth = 0; bus > 0 && depth < MAX_DEPTH; depth++) {
		int parent = fdt_parent_offset(fdt, bus);

		if (parent < 0 || translate(bus, parent, addr))
			return -EINVAL;
		bus = parent;
	}
	return bus == 0 ? 0 : -EINVAL;
}

/* The interrupt controller of @node: "interrupt-parent" of the node or of the nearest ancestor
 * that has one. */
static int interrupt_parent(int node)
{
	for (int depth = 0; node >= 0 && depth < MAX_DEPTH; depth++) {
		uint32_t phandle = dt_u32(node, "interrupt-parent", 0);

		if (phandle)
			return node_of_phandle(phandle);
		node = depth ? fdt_parent_offset(fdt, node) : parent_of(node);
	}
	return -ENOENT;
}

int dt_interrupt(int node, unsigned int index, struct dt_irq *irq)
{
	unsigned int count, type, number;
	const fdt32_t *cells = get_cells(node, "interrupts", &count);
	int parent;

	if (!cells)
		return -ENOENT;
	parent = interrupt_parent(node);
	if (parent < 0 || dt_u32(parent, "#interrupt-cells", 0) != GIC_CELLS)
		return -EINVAL;
	if (index >= count / GIC_CELLS)
		return index == 0 ? -EINVAL : -ENOENT;
	cells += index * GIC_CELLS;
	type = fdt32_ld(cells);
	number = fdt32_ld(cells + 1);
	if (type == GIC_SPI && number < SPI_COUNT)
		irq->irq = (int)(number + SPI_BASE);
	else if (type == GIC_PPI && number < PPI_COUNT)
		irq->irq = (int)(number + PPI_BASE);
	else
		return -EINVAL;
	/* For private lines the bits above are a mask of CPUs. */
	irq->trigger = fdt32_ld(cells + 2) & IRQF_TRIGGER_MASK;
	return 0;
}

const char *dt_string(int node, const char *property)
{
	int len = 0;
	const char *value = fdt ? fdt_getprop(fdt, node, property, &len) : NULL;

	if (!value || len <= 0 || !memchr(value, '\0', (size_t)len))
		return NULL;
	return value;
}

uint32_t dt_u32(int node, const char *property, uint32_t fallback)
{
	unsigned int count;
	const fdt32_t *cells = get_cells(node, property, &count);

	return cells && count == 1 ? fdt32_ld(cells) : fallback;
}

const char *dt_bootargs(void)
{
	int chosen = dt_find_path("/chosen");
	const char *args = chosen >= 0 ? dt_string(chosen, "bootargs") : NULL;

	return args ? args : "";
}

/* The next node after @node that describes memory we may use. */
static int next_memory_node(int node)
{
	do {
		node = fdt_node_offset_by_prop_value(fdt, node, "device_type", "memory",
						     sizeof("memory"));
	} while (node >= 0 && !is_okay(node));
	return node;
}

int dt_memory(unsigned int index, uint64_t *base, uint64_t *size)
{
	if (!fdt)
		return -ENOENT;
	for (int node = next_memory_node(-1); node >= 0; node = next_memory_node(node)) {
		for (unsigned int i = 0; dt_reg(node, i, base, size) == 0; i++) {
			if (*size > 0 && index-- == 0)
				return 0;
		}
	}
	return -ENOENT;
}
