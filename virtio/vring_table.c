/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Indirect tables (VIRTIO 1.4, 2.7.5.3, 2.8.7). A queue is made with small ones, which belong to its first
 * descriptors or ids, so that taking one is no work. Where such a one does not serve, GFP_KERNEL makes an
 * extra one; it stays with the queue when its buffer is done, because that may be in an interrupt,
 * where nothing can be freed.
 */
#include "virtio/port.h"
#include "virtio/vring.h"

/* How many, and entries in each: a block request of 16 pieces with header and status. */
#define OWN_TABLES    64u
#define TABLE_ENTRIES 20u

/* Descriptors of both formats have this size. */
#define DESC_BYTES sizeof(struct vring_desc)
_Static_assert(sizeof(struct vring_packed_desc) == DESC_BYTES, "formats differ");

/* Bytes of @count tables of @entries in our own memory: the structures, then the mappings. */
static size_t record_bytes(const struct vring_virtqueue *vvq, unsigned int count,
			   unsigned int entries)
{
	return count * (sizeof(struct vring_table) +
			(vvq->use_map ? entries * sizeof(struct vring_mapping) : 0));
}

/* Makes @count tables of @entries. Returns their array, or NULL where memory has run out. */
static struct vring_table *make_tables(struct vring_virtqueue *vvq, unsigned int count,
				       unsigned int entries)
{
	struct vring_table *tables = port_alloc(record_bytes(vvq, count, entries));
	struct vring_mapping *mappings;
	dma_addr_t addr;
	char *desc;

	if (!tables)
		return NULL;
	desc = dma_alloc_coherent(vvq->dev, count * entries * DESC_BYTES, &addr, GFP_KERNEL);
	if (!desc) {
		port_free(tables);
		return NULL;
	}
	mappings = (struct vring_mapping *)(tables + count);
	for (unsigned int i = 0; i < count; i++) {
		tables[i].desc = desc + i * entries * DESC_BYTES;
		tables[i].addr = addr + i * entries * DESC_BYTES;
		tables[i].mappings = vvq->use_map ? mappings + i * entries : NULL;
		tables[i].capacity = (uint16_t)entries;
		tables[i].batch = i == 0 ? (uint16_t)count : 0;
	}
	tables->made_before = vvq->pool.made;
	vvq->pool.made = tables;
	return tables;
}

/* Takes a free extra table for @total entries out of the list, or returns NULL. */
static struct vring_table *find_extra(struct vring_virtqueue *vvq, unsigned int total)
{
	struct vring_table **link = &vvq->pool.extra, *table;

	for (; (table = *link) != NULL; link = &table->next) {
		if (table->capacity >= total) {
			*link = table->next;
			return table;
		}
	}
	return NULL;
}

struct vring_table *vring_table_get(struct vring_virtqueue *vvq, unsigned int i, unsigned int total,
				    gfp_t gfp)
{
	struct vring_table *table;

	if (i < vvq->pool.own_count && total <= vvq->pool.own[i].capacity)
		return &vvq->pool.own[i];
	table = find_extra(vvq, total);
	if (!table && gfp == GFP_KERNEL)
		table = make_tables(vvq, 1, MAX(total, TABLE_ENTRIES));
	if (!table)
		return NULL;
	table->extra = true;
	vvq->pool.extra_in_use++;
	vring_choose_ways(vvq);
	return table;
}

void vring_table_put(struct vring_virtqueue *vvq, struct vring_table *table)
{
	if (!table->extra)
		return;
	table->next = vvq->pool.extra;
	vvq->pool.extra = table;
	vvq->pool.extra_in_use--;
	vring_choose_ways(vvq);
}

void vring_table_unmap(struct vring_virtqueue *vvq, const struct vring_table *table,
		       unsigned int count)
{
	if (!table->mappings || vvq->premapped)
		return;
	for (unsigned int i = 0; i < count; i++)
		vring_unmap(vvq, &table->mappings[i]);
}

void vring_pool_init(struct vring_virtqueue *vvq)
{
	unsigned int count = MIN(vvq->num, OWN_TABLES);

	if (!vvq->indirect || vvq->num == 1)
		return;
	vvq->pool.own = make_tables(vvq, count, TABLE_ENTRIES);
	vvq->indirect = vvq->pool.own != NULL;
	vvq->pool.own_count = vvq->indirect ? count : 0;
}

void vring_pool_fit(struct vring_virtqueue *vvq)
{
	for (unsigned int i = 0; i < vvq->pool.own_count; i++) {
		struct vring_table *table = &vvq->pool.own[i];

		table->end = (char *)table->desc + MIN(table->capacity, vvq->num) * DESC_BYTES;
		if (!vring_is_packed(vvq))
			vring_link_table_split(vvq, table);
	}
}

void vring_pool_free(struct vring_virtqueue *vvq)
{
	struct vring_table *tables = vvq->pool.made;

	while (tables) {
		struct vring_table *before = tables->made_before;

		/* A device that did not answer its reset may still read there: see
		 * vring_del_virtqueue(). */
		if (!vvq->vq.vdev->stuck)
			dma_free_coherent(vvq->dev, tables->batch * tables->capacity * DESC_BYTES,
					  tables->desc, tables->addr);
		port_free(tables);
		tables = before;
	}
}
