/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a virtqueue: what virtqueue.c (the API, written once) and the ring formats
 * (vring_split.c; a packed one has its place beside it) share. Nobody else includes this.
 *
 * A ring has two halves: the memory that the device sees, and the driver's own record ("shadow") of
 * what it put there. All decisions are taken from the record. Device-visible memory is
 * written, and of what the device writes each value is read once and checked before it is used.
 */
#ifndef VIRTIO_VRING_H
#define VIRTIO_VRING_H

#include "lib/byteorder.h"
#include "lib/dma.h"
#include "virtio/virtio.h"
#include "virtio/wire/ring.h"

#define VRING_NO_TABLE 0xffffu

/* Indirect tables of a queue's pool: how many at most, and entries in each. */
#define VRING_POOL_TABLES   64u
#define VRING_TABLE_ENTRIES 20u

/* A piece of a buffer as it was mapped, for unmapping it. Kept only where mapping does something. */
struct vring_mapping {
	dma_addr_t addr;
	uint32_t len;
	enum dma_data_direction dir;
};

/* A buffer in flight; indexed by the head of its chain. */
struct vring_desc_state {
	void *data;	  /* the driver's token; NULL: no buffer starts here */
	void *ctx;	  /* its second token */
	uint32_t in_len;  /* bytes that the device may write */
	uint16_t last;	  /* the last descriptor of the chain in the ring */
	uint16_t descs;	  /* descriptors it takes in the ring */
	uint16_t table;	  /* its indirect table in the pool, or VRING_NO_TABLE */
	uint16_t entries; /* descriptors it takes in that table */
};

/* The queue's own indirect tables: allocated once, handed out in any context. */
struct vring_table_pool {
	struct vring_desc *tables;	/* count * VRING_TABLE_ENTRIES, visible to the device */
	dma_addr_t addr;		/* of tables */
	struct vring_mapping *mappings; /* of each entry; NULL where mapping does nothing */
	uint16_t *next;			/* the free list */
	uint16_t first_free;		/* VRING_NO_TABLE: none */
	uint16_t count;
};

struct vring_split {
	unsigned int num; /* a power of two */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t *used_event;	     /* ours, after avail->ring[] */
	const uint16_t *avail_event; /* the device's, after used->ring[] */

	/* The record. */
	uint16_t *next; /* links of the free descriptors and, unchanged, of the chains in flight */
	struct vring_mapping *mappings; /* by descriptor; NULL where mapping does nothing */
	struct vring_desc_state *state; /* by head */
	uint16_t first_free;
	uint16_t avail_idx;   /* entries written to avail->ring[] */
	uint16_t last_used;   /* entries of used->ring[] taken back */
	uint16_t device_used; /* used->idx as last read and found plausible */
};

struct vring_virtqueue {
	struct virtqueue vq;
	vq_notify_t *notify;
	struct device *dev;
	bool broken;
	bool broken_reported; /* the callback has been told */
	bool use_map;	      /* the device has a DMA backend: addresses differ */
	bool event_idx;
	bool indirect;
	bool callbacks; /* the driver wants interrupts */
	bool legacy;
	uint16_t num_added; /* since the last kick */
	unsigned int in_flight;
	unsigned int detached; /* heads below have been given back by detach_unused_buf */
	struct vring_table_pool pool;

	void *ring; /* the memory that the device sees */
	size_t ring_bytes;
	dma_addr_t ring_addr;
	size_t avail_offset, used_offset;

	struct vring_split split;
};

static inline struct vring_virtqueue *to_vvq(const struct virtqueue *vq)
{
	return container_of(vq, struct vring_virtqueue, vq);
}

/* What one virtqueue_add call hands to a format. */
struct vring_request {
	struct scatterlist **sgs;
	unsigned int out_sgs, in_sgs; /* lists */
	unsigned int total;	      /* entries of all lists, 1 or more */
	uint32_t in_len;	      /* bytes that the device may write */
	void *data, *ctx;
};

/* --- helpers for the formats (virtqueue.c) --------------------------------------------------- */

/* Marks the queue broken and says why. The device did what the specification forbids. */
void vring_break(struct vring_virtqueue *vvq, const char *fmt, ...) __printf(2, 3);

/* A table of the pool, or VRING_NO_TABLE. */
uint16_t vring_table_get(struct vring_table_pool *pool);
void vring_table_put(struct vring_table_pool *pool, uint16_t table);

static inline struct vring_desc *vring_table(const struct vring_table_pool *pool, uint16_t table)
{
	return pool->tables + table * VRING_TABLE_ENTRIES;
}

static inline dma_addr_t vring_table_addr(const struct vring_table_pool *pool, uint16_t table)
{
	return pool->addr + (dma_addr_t)table * VRING_TABLE_ENTRIES * sizeof(struct vring_desc);
}

static inline struct vring_mapping *vring_table_mappings(const struct vring_table_pool *pool,
							 uint16_t table)
{
	return pool->mappings ? pool->mappings + table * VRING_TABLE_ENTRIES : NULL;
}

/* Values in the ring: little-endian, or the guest's own byte order on a legacy device. */
static inline uint16_t vring16(const struct vring_virtqueue *vvq, uint16_t value)
{
	return vvq->legacy ? value : cpu_to_le16(value);
}
static inline uint32_t vring32(const struct vring_virtqueue *vvq, uint32_t value)
{
	return vvq->legacy ? value : cpu_to_le32(value);
}
static inline uint64_t vring64(const struct vring_virtqueue *vvq, uint64_t value)
{
	return vvq->legacy ? value : cpu_to_le64(value);
}

/*
 * Whether an event is due that was asked for at @event, now that an index moved from @old to @new
 * (2.7.10). All modulo 2^16, so that it holds across the wrap.
 */
static inline bool vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old);
}

/* Hands @sg to the device. Returns its address, or DMA_MAPPING_ERROR. */
static inline dma_addr_t vring_map(struct vring_virtqueue *vvq, struct scatterlist *sg,
				   enum dma_data_direction dir)
{
	if (likely(!vvq->use_map))
		return (uintptr_t)sg->addr;
	return dma_map_page(vvq->dev, sg->addr, 0, sg->length, dir);
}

/* --- the split format (vring_split.c) ------------------------------------------------------ */

/* Bytes of the ring memory, and where its areas begin. */
size_t vring_layout_split(unsigned int num, unsigned int align, size_t *avail_offset,
			  size_t *used_offset);

/* Bytes of the record for @num descriptors, and its placement in @memory (zeroed). */
size_t vring_record_bytes_split(unsigned int num, bool use_map);
void vring_init_split(struct vring_virtqueue *vvq, unsigned int num, void *record);

int virtqueue_add_split(struct vring_virtqueue *vvq, const struct vring_request *req);
bool virtqueue_kick_prepare_split(struct vring_virtqueue *vvq);
void *virtqueue_get_buf_split(struct vring_virtqueue *vvq, unsigned int *len, void **ctx);
void virtqueue_disable_cb_split(struct vring_virtqueue *vvq);
unsigned int virtqueue_enable_cb_prepare_split(struct vring_virtqueue *vvq);
bool virtqueue_enable_cb_delayed_split(struct vring_virtqueue *vvq);
bool virtqueue_poll_split(const struct vring_virtqueue *vvq, unsigned int last_used);
void *virtqueue_detach_unused_buf_split(struct vring_virtqueue *vvq);

/* Whether the device has used a buffer that was not yet taken back. */
static inline bool more_used_split(const struct vring_virtqueue *vvq)
{
	return vvq->split.last_used != vring16(vvq, READ_ONCE(vvq->split.used->idx));
}

#endif
