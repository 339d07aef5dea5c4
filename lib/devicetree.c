/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree, read through libfdt. What is added here is what a driver asks for: addresses
 * translated through every "ranges" on the way to the root (Devicetree Specification 0.4,
 * 2.3.6 and 2.3.8), and interrupts as numbers of the GIC. All of this is used while devices are probed,
 * and then never again. Where things are in the blob is written down once, in devicetree_index.c.
 */
#include <errno.h>
#include <string.h>
#include <libfdt.h>
#include "lib/devicetree.h"
#include "lib/devicetree_index.h"
#include "lib/irq.h"

/* The specification's blobs can be read as this version. libfdt's full check falls over older ones. */
#define VERSION_MIN 16

#define MAX_DEPTH 16 /* of buses between a device and the root */

/* Of a bus that does not say. */
#define ADDRESS_CELLS_DEFAULT 2
#define SIZE_CELLS_DEFAULT    1

/* GIC interrupt specifiers: type, number within the type, flags. */
#define GIC_CELLS 3
#define GIC_SPI	  0u
#define GIC_PPI	  1u
#define SPI_BASE  32u
#define SPI_COUNT 988u
#define PPI_BASE  16u
#define PPI_COUNT 16u

#define ID_MAP_CELLS \
	4 /* of an entry of msi-map or iommu-map: first id, phandle, first mapped id, length */

static const void *fdt;

int dt_init(const void *blob)
{
	if (!blob || fdt_check_header(blob) != 0 || fdt_version(blob) < VERSION_MIN ||
	    fdt_check_full(blob, fdt_totalsize(blob)) != 0)
		return -EINVAL;
	fdt = blob;
	dt_index_build(fdt);
	return 0;
}

const void *dt_blob(size_t *size)
{
	if (size)
		*size = fdt ? fdt_totalsize(fdt) : 0;
	return fdt;
}

/* @value as a string; NULL where it is none. */
static const char *as_string(const char *value, int len)
{
	return value && len > 0 && memchr(value, '\0', (size_t)len) ? value : NULL;
}

/* A status that is there but no string is not "okay" either. */
static bool is_okay(int node)
{
	int len;
	const void *value = dt_index_property(node, DT_STATUS, &len);
	const char *status = as_string(value, len);

	if (!status)
		return !value;
	return strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

static bool is_compatible(int node, const char *name)
{
	int len;
	const char *names = dt_index_property(node, DT_COMPATIBLE, &len);

	return names && fdt_stringlist_contains(names, len, name);
}

int dt_next_child(int parent, int from, const char *compatible)
{
	int node = from < 0 ? parent : from;

	if (!fdt)
		return -ENOENT;
	/* Nodes come in the order of the blob: all below @parent, then others, whose parents stand before it. */
	for (node = dt_index_next(node); node >= 0; node = dt_index_next(node)) {
		int above = dt_index_parent(node);

		if (above < parent)
			break;
		if (above == parent && is_compatible(node, compatible) && is_okay(node))
			return node;
	}
	return -ENOENT;
}

int dt_find_compatible(int from, const char *compatible)
{
	int node = from;

	if (!fdt)
		return -ENOENT;
	do {
		node = dt_index_next(node);
	} while (node >= 0 && !(is_compatible(node, compatible) && is_okay(node)));
	return node;
}

int dt_find_path(const char *path)
{
	int node = 0;

	if (!fdt)
		return -ENOENT;
	if (*path != '/') /* an alias */
		return fdt_path_offset(fdt, path);
	while (node >= 0 && *path) {
		size_t len = strcspn(path, "/");

		if (len)
			node = dt_index_child(node, path, len);
		path += len + (path[len] == '/');
	}
	return node;
}

const char *dt_name(int node)
{
	const char *name = fdt ? fdt_get_name(fdt, node, NULL) : NULL;

	return name ? name : "?";
}

/* A property as big-endian cells; NULL where it is absent. */
static const fdt32_t *get_cells(int node, enum dt_property property, unsigned int *count)
{
	int len = 0;
	const fdt32_t *cells = fdt ? dt_index_property(node, property, &len) : NULL;

	*count = cells && len > 0 ? (unsigned int)len / sizeof(*cells) : 0;
	return cells;
}

/* A property of one cell; @fallback where it is absent, and -1 where it has another size. */
static int64_t get_cell(int node, enum dt_property property, uint32_t fallback)
{
	int len;
	const fdt32_t *cell = dt_index_property(node, property, &len);

	if (!cell)
		return fallback;
	return len == sizeof(*cell) ? (int64_t)fdt32_ld(cell) : -1;
}

/* A number of @cells cells (0 to 2) at @p. */
static uint64_t read_cells(const fdt32_t *p, unsigned int cells)
{
	uint64_t value = 0;

	while (cells-- > 0)
		value = value << 32 | fdt32_ld(p++);
	return value;
}

int dt_bus_cells(int bus, unsigned int *address_cells, unsigned int *size_cells)
{
	int64_t ac = get_cell(bus, DT_ADDRESS_CELLS, ADDRESS_CELLS_DEFAULT);
	int64_t sc = get_cell(bus, DT_SIZE_CELLS, SIZE_CELLS_DEFAULT);

	if (ac < 0 || ac > DT_CELLS_MAX || sc < 0 || sc > DT_CELLS_MAX)
		return -EINVAL;
	*address_cells = (unsigned int)ac;
	*size_cells = (unsigned int)sc;
	return 0;
}

/* The same, as far as we can make numbers of them. */
static int bus_cells(int bus, unsigned int *address_cells, unsigned int *size_cells)
{
	if (dt_bus_cells(bus, address_cells, size_cells) || *address_cells < 1 ||
	    *address_cells > 2 || *size_cells > 2)
		return -EINVAL;
	return 0;
}

/* Takes *@addr from the address space of @bus to that of @parent. */
static int translate(int bus, int parent, uint64_t *addr)
{
	unsigned int ac, sc, pac, psc, count, entry;
	const fdt32_t *ranges = get_cells(bus, DT_RANGES, &count);

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

int dt_translate(int bus, uint64_t *addr)
{
	for (int depth = 0; bus > 0 && depth < MAX_DEPTH; depth++) {
		int parent = dt_index_parent(bus);

		if (parent < 0 || translate(bus, parent, addr))
			return -EINVAL;
		bus = parent;
	}
	return bus == 0 ? 0 : -EINVAL;
}

int dt_reg(int node, unsigned int index, uint64_t *addr, uint64_t *size)
{
	unsigned int ac, sc, count, skip;
	const fdt32_t *reg = get_cells(node, DT_REG, &count);
	int bus;

	if (!reg)
		return -ENOENT;
	bus = dt_index_parent(node);
	if (bus < 0 || bus_cells(bus, &ac, &sc))
		return -EINVAL;
	if (index >= count / (ac + sc))
		return index == 0 ? -EINVAL : -ENOENT;
	skip = index * (ac + sc);
	*addr = read_cells(reg + skip, ac);
	if (size)
		*size = read_cells(reg + skip + ac, sc);
	return dt_translate(bus, addr);
}

/* The interrupt controller of @node: "interrupt-parent" of the node or of the nearest ancestor
 * that has one. */
static int interrupt_parent(int node)
{
	for (int depth = 0; node >= 0 && depth < MAX_DEPTH; depth++) {
		int64_t phandle = get_cell(node, DT_INTERRUPT_PARENT, 0);

		if (phandle > 0)
			return dt_index_by_phandle((uint32_t)phandle);
		node = dt_index_parent(node);
	}
	return -ENOENT;
}

/* The three cells of a GIC's interrupt specifier. */
static int gic_interrupt(const fdt32_t *cells, struct dt_irq *irq)
{
	unsigned int type = fdt32_ld(cells), number = fdt32_ld(cells + 1);

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

int dt_interrupt(int node, unsigned int index, struct dt_irq *irq)
{
	unsigned int count;
	const fdt32_t *cells = get_cells(node, DT_INTERRUPTS, &count);
	int parent;

	if (!cells)
		return -ENOENT;
	parent = interrupt_parent(node);
	if (parent < 0 || get_cell(parent, DT_INTERRUPT_CELLS, 0) != GIC_CELLS)
		return -EINVAL;
	if (index >= count / GIC_CELLS)
		return index == 0 ? -EINVAL : -ENOENT;
	return gic_interrupt(cells + index * GIC_CELLS, irq);
}

int dt_parent(int node)
{
	return fdt ? dt_index_parent(node) : -ENOENT;
}

int dt_by_phandle(uint32_t phandle)
{
	return fdt ? dt_index_by_phandle(phandle) : -ENOENT;
}

int dt_cells(int node, const char *property, struct dt_cells *cells)
{
	int len = 0;

	cells->value = fdt ? dt_index_named(node, property, &len) : NULL;
	cells->count = 0;
	if (!cells->value)
		return -ENOENT;
	if (len % (int)sizeof(fdt32_t))
		return -EINVAL;
	cells->count = (unsigned int)len / sizeof(fdt32_t);
	return 0;
}

uint64_t dt_cells_read(const struct dt_cells *cells, unsigned int index, unsigned int n)
{
	if (n > 2 || index > cells->count || n > cells->count - index)
		return 0;
	return read_cells((const fdt32_t *)cells->value + index, n);
}

/* Whether the @n cells from @index on are those of @specifier, as far as @mask goes. */
static bool cells_match(const struct dt_cells *map, unsigned int index, const uint32_t *specifier,
			const struct dt_cells *mask, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint32_t bits = i < mask->count ? (uint32_t)dt_cells_read(mask, i, 1) : UINT32_MAX;

		if (((uint32_t)dt_cells_read(map, index + i, 1) ^ specifier[i]) & bits)
			return false;
	}
	return true;
}

/* The size in cells of the parent's half of an entry of an interrupt-map, behind its phandle; *@interrupt: where
 * in it the interrupt specifier begins. */
static int map_parent_cells(int parent, unsigned int *interrupt)
{
	/* Unlike for a bus, nothing said here means none. */
	int64_t ac = get_cell(parent, DT_ADDRESS_CELLS, 0);
	int64_t ic = get_cell(parent, DT_INTERRUPT_CELLS, 0);

	if (ac < 0 || ac > DT_CELLS_MAX || ic < 1 || ic > DT_CELLS_MAX)
		return -EINVAL;
	*interrupt = (unsigned int)ac;
	return (int)(ac + ic);
}

int dt_map_interrupt(int node, const uint32_t *specifier, unsigned int cells, struct dt_irq *irq)
{
	struct dt_cells map, mask;
	int err = dt_cells(node, "interrupt-map", &map);

	if (err)
		return err;
	if (dt_cells(node, "interrupt-map-mask", &mask) == -EINVAL)
		return -EINVAL;
	for (unsigned int i = 0; map.count - i > cells;) {
		int parent = dt_by_phandle((uint32_t)dt_cells_read(&map, i + cells, 1));
		unsigned int first = i + cells + 1, interrupt;
		int size = parent >= 0 ? map_parent_cells(parent, &interrupt) : -EINVAL;

		if (size < 0 || (unsigned int)size > map.count - first)
			return -EINVAL;
		if (cells_match(&map, i, specifier, &mask, cells)) {
			if (get_cell(parent, DT_INTERRUPT_CELLS, 0) != GIC_CELLS)
				return -EINVAL;
			return gic_interrupt((const fdt32_t *)map.value + first + interrupt, irq);
		}
		i = first + (unsigned int)size;
	}
	return -ENOENT;
}

int dt_map_id(int node, const char *map_name, const char *mask_name, uint32_t id, int *target,
	      uint32_t *mapped)
{
	struct dt_cells map;
	int err = dt_cells(node, map_name, &map);

	if (err)
		return err;
	id &= dt_u32(node, mask_name, UINT32_MAX);
	for (unsigned int i = 0; map.count - i >= ID_MAP_CELLS; i += ID_MAP_CELLS) {
		uint32_t first = (uint32_t)dt_cells_read(&map, i, 1);
		uint32_t length = (uint32_t)dt_cells_read(&map, i + 3, 1);

		if (id < first || id - first >= length)
			continue;
		*target = dt_by_phandle((uint32_t)dt_cells_read(&map, i + 1, 1));
		*mapped = (uint32_t)dt_cells_read(&map, i + 2, 1) + (id - first);
		return *target >= 0 ? 0 : -EINVAL;
	}
	return map.count % ID_MAP_CELLS ? -EINVAL : -ENOENT;
}

const char *dt_string(int node, const char *property)
{
	int len = 0;
	const void *value = fdt ? dt_index_named(node, property, &len) : NULL;

	return as_string(value, len);
}

uint32_t dt_u32(int node, const char *property, uint32_t fallback)
{
	int len = 0;
	const fdt32_t *cell = fdt ? dt_index_named(node, property, &len) : NULL;

	return cell && len == sizeof(*cell) ? fdt32_ld(cell) : fallback;
}

int dt_string_index(int node, const char *property, const char *string)
{
	return fdt ? fdt_stringlist_search(fdt, node, property, string) : -ENOENT;
}

const char *dt_bootargs(void)
{
	int chosen = dt_find_path("/chosen");
	const char *args = chosen >= 0 ? dt_string(chosen, "bootargs") : NULL;

	return args ? args : "";
}

static bool is_memory(int node)
{
	int len;
	const char *type = dt_index_property(node, DT_DEVICE_TYPE, &len);

	return type && len == sizeof("memory") && memcmp(type, "memory", sizeof("memory")) == 0;
}

int dt_memory(unsigned int index, uint64_t *base, uint64_t *size)
{
	if (!fdt)
		return -ENOENT;
	for (int node = dt_index_next(-1); node >= 0; node = dt_index_next(node)) {
		if (!is_memory(node) || !is_okay(node))
			continue;
		for (unsigned int i = 0; dt_reg(node, i, base, size) == 0; i++) {
			if (*size > 0 && index-- == 0)
				return 0;
		}
	}
	return -ENOENT;
}
