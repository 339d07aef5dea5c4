/* SPDX-License-Identifier: BSD-2-Clause */
/* See devicetree_index.h. */
#include <string.h>
#include <libfdt.h>
#include "lib/devicetree_index.h"

static const char *const property_names[DT_PROPERTIES] = {
	[DT_COMPATIBLE] = "compatible",
	[DT_STATUS] = "status",
	[DT_DEVICE_TYPE] = "device_type",
	[DT_REG] = "reg",
	[DT_RANGES] = "ranges",
	[DT_ADDRESS_CELLS] = "#address-cells",
	[DT_SIZE_CELLS] = "#size-cells",
	[DT_INTERRUPTS] = "interrupts",
	[DT_INTERRUPT_PARENT] = "interrupt-parent",
	[DT_INTERRUPT_CELLS] = "#interrupt-cells",
	[DT_INTERRUPT_MAP] = "interrupt-map",
	[DT_INTERRUPT_MAP_MASK] = "interrupt-map-mask",
	[DT_MSI_MAP] = "msi-map",
	[DT_MSI_MAP_MASK] = "msi-map-mask",
	[DT_IOMMU_MAP] = "iommu-map",
	[DT_IOMMU_MAP_MASK] = "iommu-map-mask",
	[DT_BUS_RANGE] = "bus-range",
	[DT_PHANDLE] = "phandle",
	[DT_LINUX_PHANDLE] = "linux,phandle",
	[DT_BOOTARGS] = "bootargs",
	[DT_STDOUT_PATH] = "stdout-path",
	[DT_METHOD] = "method",
};

/* @parent is an index, -1 in the root. A property is an offset in the structure block, like a node, and 0 where
 * there is none: there the root begins. */
struct node {
	int offset;
	int parent;
	uint32_t properties[DT_PROPERTIES];
};

/* In the order of the blob, so in that of their offsets. Not @complete: there are more in the blob. */
static struct {
	const void *fdt;
	struct node nodes[DT_INDEX_NODES];
	int count;
	bool complete;
	int last;	  /* what was found last */
	uint32_t phandle; /* looked up last; 0: none */
	int phandle_node;
} table;

/* Names that several properties have are mostly one string, so where a name stands says which it is. Each
 * place in the strings block has one entry here; what drives another out costs it a comparison. */
#define MEMO_ENTRIES 128u

static struct {
	int32_t place; /* of the name, and 1; 0: a free entry */
	enum dt_property property;
} memo[MEMO_ENTRIES];

/* DT_PROPERTIES where @name is none of ours, or NULL. */
static enum dt_property look_up_name(const char *name)
{
	unsigned int i = 0;

	/* Most differ in their first letter, which saves the call. */
	while (name && i < DT_PROPERTIES &&
	       (*name != *property_names[i] || strcmp(name, property_names[i]) != 0))
		i++;
	return name ? (enum dt_property)i : DT_PROPERTIES;
}

static enum dt_property property_at(int place)
{
	unsigned int i = (unsigned int)place % MEMO_ENTRIES;

	if (memo[i].place != place + 1) {
		memo[i].property = look_up_name(fdt_string(table.fdt, place));
		memo[i].place = place + 1;
	}
	return memo[i].property;
}

/* Of two properties of one name the first counts. */
static void add_property(struct node *node, int offset)
{
	const struct fdt_property *property = fdt_offset_ptr(table.fdt, offset, sizeof(*property));
	enum dt_property i = DT_PROPERTIES;

	if (property)
		i = property_at((int)fdt32_ld(&property->nameoff));
	if (i < DT_PROPERTIES && !node->properties[i])
		node->properties[i] = (uint32_t)offset;
}

static struct node *add_node(int offset, int parent)
{
	struct node *node = &table.nodes[table.count++];

	memset(node, 0, sizeof(*node));
	node->offset = offset;
	node->parent = parent;
	return node;
}

/* The whole tree, or as much of it as the table holds. A node's properties stand before its first child; what
 * follows a child belongs to nobody, for libfdt too. */
static void walk(void)
{
	struct node *node = NULL; /* whose properties these are */
	int parent = -1, next = 0;

	for (int offset = 0;; offset = next) {
		switch (fdt_next_tag(table.fdt, offset, &next)) {
		case FDT_BEGIN_NODE:
			if (table.count == DT_INDEX_NODES)
				return;
			node = add_node(offset, parent);
			parent = table.count - 1;
			break;
		case FDT_PROP:
			if (node)
				add_property(node, offset);
			break;
		case FDT_END_NODE:
			if (parent < 0)
				return;
			node = NULL;
			parent = table.nodes[parent].parent;
			break;
		case FDT_END: /* an error too, with a negative @next */
			table.complete = next >= 0;
			return;
		}
	}
}

void dt_index_build(const void *fdt)
{
	table.fdt = fdt;
	table.count = 0;
	table.complete = false;
	table.last = 0;
	table.phandle = 0;
	memset(memo, 0, sizeof(memo));
	walk();
}

static bool is_at(int index, int offset)
{
	return index < table.count && table.nodes[index].offset == offset;
}

/* The index of the node at @offset, or -1. Mostly it is the last one again, or the one behind it. */
static int find(int offset)
{
	int low = 0, high = table.count;

	if (is_at(table.last, offset))
		return table.last;
	if (is_at(table.last + 1, offset))
		return ++table.last;
	while (low < high) {
		int middle = (low + high) / 2;

		if (table.nodes[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (!is_at(low, offset))
		return -1;
	table.last = low;
	return low;
}

int dt_index_next(int node)
{
	int index = node < 0 ? -1 : find(node);

	if ((node < 0 || index >= 0) && index + 1 < table.count)
		return table.nodes[index + 1].offset;
	if (index >= 0 && table.complete)
		return -FDT_ERR_NOTFOUND;
	return fdt_next_node(table.fdt, node, NULL);
}

int dt_index_parent(int node)
{
	int index = find(node);

	if (index < 0)
		return fdt_parent_offset(table.fdt, node);
	index = table.nodes[index].parent;
	return index < 0 ? -FDT_ERR_NOTFOUND : table.nodes[index].offset;
}

static const void *property_of(int index, enum dt_property property, int *len)
{
	uint32_t offset = table.nodes[index].properties[property];
	const struct fdt_property *found =
		offset ? fdt_offset_ptr(table.fdt, (int)offset, sizeof(*found)) : NULL;

	*len = found ? (int)fdt32_ld(&found->len) : -FDT_ERR_NOTFOUND;
	return found ? found->data : NULL;
}

const void *dt_index_property(int node, enum dt_property property, int *len)
{
	int index = find(node);

	return index >= 0 ? property_of(index, property, len)
			  : fdt_getprop(table.fdt, node, property_names[property], len);
}

const void *dt_index_named(int node, const char *name, int *len)
{
	enum dt_property property = look_up_name(name);

	return property < DT_PROPERTIES ? dt_index_property(node, property, len)
					: fdt_getprop(table.fdt, node, name, len);
}

/* The phandle of entry @index, or 0. */
static uint32_t phandle_of(int index)
{
	static const enum dt_property names[] = {DT_PHANDLE, DT_LINUX_PHANDLE};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		int len;
		const fdt32_t *value = property_of(index, names[i], &len);

		if (value && len == sizeof(*value))
			return fdt32_ld(value);
	}
	return 0;
}

static int look_up_phandle(uint32_t phandle)
{
	for (int i = 0; i < table.count; i++) {
		if (phandle_of(i) == phandle)
			return table.nodes[i].offset;
	}
	return fdt_node_offset_by_phandle(table.fdt, phandle);
}

/* Mostly it is one interrupt controller again and again. */
int dt_index_by_phandle(uint32_t phandle)
{
	if (!phandle)
		return -FDT_ERR_BADPHANDLE;
	if (phandle != table.phandle)
		table.phandle_node = look_up_phandle(phandle);
	table.phandle = phandle;
	return table.phandle_node;
}

/* @len bytes at @name, which may leave out the unit address, but not a part of it. */
static bool has_name(int index, const char *name, size_t len)
{
	const struct fdt_node_header *node =
		fdt_offset_ptr(table.fdt, table.nodes[index].offset, sizeof(*node));

	if (!node || strncmp(node->name, name, len) != 0)
		return false;
	return node->name[len] == '\0' || (node->name[len] == '@' && !memchr(name, '@', len));
}

int dt_index_child(int parent, const char *name, size_t len)
{
	int index = find(parent);

	for (int i = index + 1; index >= 0 && i < table.count; i++) {
		if (table.nodes[i].parent == index && has_name(i, name, len))
			return table.nodes[i].offset;
	}
	if (index >= 0 && table.complete)
		return -FDT_ERR_NOTFOUND;
	return fdt_subnode_offset_namelen(table.fdt, parent, name, (int)len);
}
