/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the device tree (Devicetree Specification 0.4) through libfdt. A node is its offset in
 * the blob, as in libfdt: 0 or more; negative means none. The tree is read only.
 */
#ifndef LIB_DEVICETREE_H
#define LIB_DEVICETREE_H

#include "lib/util.h"

/* Checks the blob at @blob and makes it the tree. Returns 0, or -EINVAL where it is none. */
int dt_init(const void *blob);

/* The blob and its size in bytes; NULL before dt_init(). */
const void *dt_blob(size_t *size);

/* The first node after @from (-1: from the start) compatible with @compatible, or negative.
 * Nodes whose status is neither absent, "okay" nor "ok" are passed over. */
int dt_find_compatible(int from, const char *compatible);

#define dt_for_each_compatible(node, name) \
	for (node = dt_find_compatible(-1, name); node >= 0; node = dt_find_compatible(node, name))

/* The same among the children of @parent, and without a walk through the rest of the tree. */
int dt_next_child(int parent, int from, const char *compatible);

#define dt_for_each_child(node, parent, name)                   \
	for (node = dt_next_child(parent, -1, name); node >= 0; \
	     node = dt_next_child(parent, node, name))

/* The node of a full path, or negative. */
int dt_find_path(const char *path);

/* The name of @node, with its unit address. Never NULL. */
const char *dt_name(int node);

/* Entry @index of "reg", translated to a CPU address. @size may be NULL.
 * Returns 0, -ENOENT (no such entry) or -EINVAL (malformed). */
int dt_reg(int node, unsigned int index, uint64_t *addr, uint64_t *size);

/* An interrupt of a node: the GIC's number (INTID) and IRQF_TRIGGER_* flags. */
struct dt_irq {
	int irq;
	unsigned int trigger;
};

/* Entry @index of "interrupts" for a GIC parent (three cells). Returns 0, -ENOENT, -EINVAL. */
int dt_interrupt(int node, unsigned int index, struct dt_irq *irq);

/* --- for buses that the helpers above do not know ------------------------------------------------------------ */

#define DT_CELLS_MAX 4 /* of an address, a size or an interrupt */

int dt_parent(int node);	     /* negative: it is the root */
int dt_by_phandle(uint32_t phandle); /* negative: there is none */

/* #address-cells and #size-cells of @bus, 0 to DT_CELLS_MAX each. Returns 0 or -EINVAL. */
int dt_bus_cells(int bus, unsigned int *address_cells, unsigned int *size_cells);

/* Takes *@addr from the address space of the children of @bus to that of the CPU. Returns 0 or -EINVAL. */
int dt_translate(int bus, uint64_t *addr);

/* A property of 32-bit cells. Returns 0, -ENOENT, or -EINVAL (no whole number of cells). */
struct dt_cells {
	const void *value;
	unsigned int count;
};
int dt_cells(int node, const char *property, struct dt_cells *cells);

/* The number made of @n cells (1 or 2) from @index on; 0 where it would go beyond the property. */
uint64_t dt_cells_read(const struct dt_cells *cells, unsigned int index, unsigned int n);

/* Looks the @cells cells of @specifier (unit address, then interrupt) up in the "interrupt-map" of @node. The controller
 * that it leads to must be the GIC. Returns 0, -ENOENT (no map, or not in it) or -EINVAL. */
int dt_map_interrupt(int node, const uint32_t *specifier, unsigned int cells, struct dt_irq *irq);

/* Looks @id up in @map_name ("msi-map", "iommu-map") of @node, through the mask in @mask_name: which node serves it,
 * and as what. Returns 0, -ENOENT (no map, or not in it) or -EINVAL. */
int dt_map_id(int node, const char *map_name, const char *mask_name, uint32_t id, int *target,
	      uint32_t *mapped);

/* A string or a 32-bit property; NULL / @fallback where it is absent or malformed. */
const char *dt_string(int node, const char *property);
uint32_t dt_u32(int node, const char *property, uint32_t fallback);

/* The place, from 0, of @string in a list of strings such as "interrupt-names"; negative: it is not there. */
int dt_string_index(int node, const char *property, const char *string);

/* The command line of /chosen, "" where there is none. */
const char *dt_bootargs(void);

/* Memory bank @index: 0, or -ENOENT. Banks with a status other than okay are not counted. */
int dt_memory(unsigned int index, uint64_t *base, uint64_t *size);

#endif
