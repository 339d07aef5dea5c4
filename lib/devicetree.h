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

/* A string or a 32-bit property; NULL / @fallback where it is absent or malformed. */
const char *dt_string(int node, const char *property);
uint32_t dt_u32(int node, const char *property, uint32_t fallback);

/* The command line of /chosen, "" where there is none. */
const char *dt_bootargs(void);

/* Memory bank @index: 0, or -ENOENT. Banks with a status other than okay are not counted. */
int dt_memory(unsigned int index, uint64_t *base, uint64_t *size);

#endif
