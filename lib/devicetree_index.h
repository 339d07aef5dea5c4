/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lib/devicetree.c wants to know of a tree, answered without walking it each time. libfdt keeps
 * nothing: it finds a parent or a phandle by reading from the tree's start, and a property by reading
 * its node from the first one on. So one walk writes down where things are. The table is of a fixed
 * size; what it does not hold, because the tree is larger than it was made for, is asked of libfdt, with the
 * same answer.
 */
#ifndef LIB_DEVICETREE_INDEX_H
#define LIB_DEVICETREE_INDEX_H

#include "lib/util.h"

#define DT_INDEX_NODES 256 /* QEMU's virt has about 70 */

/* The properties that the table holds: those that are looked for in many nodes, and what the boot reads. */
enum dt_property {
	DT_COMPATIBLE,
	DT_STATUS,
	DT_DEVICE_TYPE,
	DT_REG,
	DT_RANGES,
	DT_ADDRESS_CELLS,
	DT_SIZE_CELLS,
	DT_INTERRUPTS,
	DT_INTERRUPT_PARENT,
	DT_INTERRUPT_CELLS,
	DT_INTERRUPT_MAP,
	DT_INTERRUPT_MAP_MASK,
	DT_MSI_MAP,
	DT_MSI_MAP_MASK,
	DT_IOMMU_MAP,
	DT_IOMMU_MAP_MASK,
	DT_BUS_RANGE,
	DT_PHANDLE,
	DT_LINUX_PHANDLE,
	DT_BOOTARGS,
	DT_STDOUT_PATH,
	DT_METHOD,
	DT_PROPERTIES
};

/* Forgets the last tree and reads @fdt, which fdt_check_full() has found good. */
void dt_index_build(const void *fdt);

/* Nodes are offsets in the blob, as in libfdt; each of these returns one, or a negative error of libfdt's. */
int dt_index_next(int node); /* in the order of the blob; -1: the first */
int dt_index_parent(int node);
int dt_index_by_phandle(uint32_t phandle);

/* The child of @parent whose name begins with the @len bytes at @name, up to its end or its unit address. */
int dt_index_child(int parent, const char *name, size_t len);

/* The value of a property of @node and its length in bytes; NULL where it is absent. */
const void *dt_index_property(int node, enum dt_property property, int *len);

/* The same of any property. */
const void *dt_index_named(int node, const char *name, int *len);

#endif
