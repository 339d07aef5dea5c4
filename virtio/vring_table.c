/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Indirect tables (VIRTIO 1.4, 2.7.5.3, 2.8.7). A queue has a pool of small ones, made with it and
 * handed out in any context. Where none fits, GFP_KERNEL makes another; it stays in the pool when
 * its buffer is done, because that may be in an interrupt, where nothing can be freed.
 */
#include "virtio/port.h"
#include "virtio/vring.h"

/* How many at first, and entries in each: a block request of 16 pieces with header and status. */
#define POOL_TABLES   64u
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

/* Makes @count tables of @entries and puts them into the pool's free list. Returns the record,
 * or NULL where memory has run out. */
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
		vring_table_put(vvq, &tables[i]);
	}
	tables->made_before = vvq->pool.made;
	vvq->pool.made = tables;
	return tables;
}

struct vring_table *vring_table_get(struct vring_virtqueue *vvq, unsigned int total, gfp_t gfp)
{
	for (int tries = 0; tries < 2; tries++) {
		struct vring_table **link = &vvq->pool.free;

		for (; *link; link = &(*link)->next) {
			struct vring_table *table = *link;

			if (table->capacity >= total) {
				*link = table->next;
				return table;
			}
		}
		if (gfp != GFP_KERNEL || !make_tables(vvq, 1, MAX(total, TABLE_ENTRIES)))
			return NULL;
	}
	return NULL;
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
	if (vvq->indirect && vvq->num > 1)
		vvq->indirect = make_tables(vvq, MIN(vvq->num, POOL_TABLES), TABLE_ENTRIES) != NULL;
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
