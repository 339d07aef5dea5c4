/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a virtqueue: what virtqueue.c (the API, written once) and the two ring formats
 * (vring_split.c, vring_packed.c) share. Nobody else includes this.
 *
 * A ring has two halves: the memory that the device sees, and the driver's own record of what it
 * put there. All decisions are taken from the record. Device-visible memory is written, and of what
 * the device writes each value is read once and checked before it is used.
 */
#ifndef VIRTIO_VRING_H
#define VIRTIO_VRING_H

#include "lib/byteorder.h"
#include "lib/dma.h"
#include "virtio/options.h"
#include "virtio/virtio.h"
#include "virtio/wire/ring.h"

/* Whether a queue has a packed ring; one that cannot have one asks nobody. */
#define vring_is_packed(vvq) (VIREO_PACKED && (vvq)->packed)

/* A piece of a buffer as it was mapped, for unmapping it. Kept only where mapping does
 * something. */
struct vring_mapping {
	dma_addr_t addr;
	uint32_t len;
	enum dma_data_direction dir;
};

/* An indirect table (vring_table.c). */
struct vring_table {
	void *desc; /* seen by the device; the format gives its entries a meaning */
	void *end;  /* the first byte that a chain may not fill */
	dma_addr_t addr;
	struct vring_mapping *mappings;	 /* of each entry; NULL where mapping does nothing */
	struct vring_table *next;	 /* in the pool's list of extra ones */
	struct vring_table *made_before; /* in the first of several that were made together */
	uint32_t used;			 /* bytes of the buffer that holds it */
	uint16_t capacity;		 /* entries */
	uint16_t batch;			 /* in the first of several: how many */
	bool extra;
};

/*
 * The queue's tables. Each of the first descriptors (split) or ids (packed) has one of its own. Both are
 * handed out last in, first out, so that the first ones are those in use. Longer ones, made on demand,
 * are extra; while such a one is in use the queue goes the long way, which returns it.
 */
struct vring_pool {
	struct vring_table *own;
	unsigned int own_count;
	struct vring_table *extra; /* those that are free */
	unsigned int extra_in_use;
	struct vring_table *made;
};

/* A buffer in flight; indexed by the head of its chain (split) or by its id (packed). */
struct vring_desc_state {
	void *data;		   /* the driver's token; NULL: no buffer here */
	void *ctx;		   /* its second token */
	struct vring_table *table; /* of the last buffer here; NULL: direct descriptors */
	uint32_t in_len;	   /* bytes that the device may write */
	union {			   /* descriptors it takes in the ring */
		struct {
			uint16_t descs;
			uint16_t last; /* the last of them */
		} split;
		uint32_t packed_descs;
	};
};

struct vring_split {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t *used_event;	     /* ours, after avail->ring[] */
	const uint16_t *avail_event; /* the device's, after used->ring[] */
	uint16_t *next;		     /* links of the free descriptors and of chains in flight */
	unsigned int mask;	     /* the size less one */
	unsigned int first_free;     /* above the mask: none */
	unsigned long published;     /* vvq->added as the device knows it */
	uint16_t device_used;	     /* used->idx as last read and found plausible */
};

struct vring_packed {
	struct vring_packed_desc *desc, *end;	       /* the ring, and what is behind it */
	struct vring_packed_event *driver_event;       /* ours */
	const struct vring_packed_event *device_event; /* the device's */
	struct vring_packed_desc *next_avail;	       /* to be written next */
	struct vring_packed_desc *next_used;	       /* to be used next by the device */
	uint16_t *next_id;			       /* links of the free ids */
	unsigned int first_id;
	uint16_t avail_flags, used_flags; /* AVAIL and USED as each side's round wants them */
	/* The first buffer since the last kick: all is written but these flags, which publish it
	 * and everything behind it at one stroke. Its place is kept as the wish for an event there
	 * would look in the device's event structure; 0: there is none. */
	uint16_t held_flags;
	unsigned long held;
	uint32_t wish; /* the part of such a wish that is the same for all places of the round */
};

struct vring_virtqueue;

/*
 * How a queue does what is done for nearly every buffer. Each call has the contract of the one of its
 * name in virtqueue.h. The long ways (virtqueue.c) serve every queue. The short ways are for one with
 * nothing out of the ordinary: not broken, no mapping, no order to keep, nobody waiting for room.
 * Whatever turns out unusual on a short way is handed, unchanged, to the long one, which knows what to
 * do or what to say.
 */
struct vring_ways {
	int (*add_outbuf)(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			  void *data, gfp_t gfp);
	int (*add_inbuf_ctx)(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			     void *data, void *ctx, gfp_t gfp);
	int (*add_sgs)(struct vring_virtqueue *vvq, struct scatterlist *sgs[], unsigned int out_sgs,
		       unsigned int in_sgs, void *data, gfp_t gfp);
	int (*add_prepared)(struct vring_virtqueue *vvq, struct virtqueue_prepared *p, void *data);
	bool (*kick)(struct vring_virtqueue *vvq);
	bool (*kick_prepare)(struct vring_virtqueue *vvq);
	void *(*get_buf)(struct vring_virtqueue *vvq, unsigned int *len);
	void *(*get_buf_ctx)(struct vring_virtqueue *vvq, unsigned int *len, void **ctx);
	unsigned int (*get_bufs)(struct vring_virtqueue *vvq, void *data[], unsigned int len[],
				 unsigned int max);
	bool (*enable_cb)(struct vring_virtqueue *vvq);
	void (*disable_cb)(struct vring_virtqueue *vvq);
	bool (*more_used)(const struct vring_virtqueue
				  *vvq); /* has the device used what is not taken back? */
};

extern const struct vring_ways vring_long_ways[2];
/* By vvq->indirect, and by vvq->rearm. */
extern const struct vring_ways vring_short_split[2][2], vring_short_packed[2][2];

/* A buffer to be offered: one list of device-readable entries may precede one of writable ones. */
struct vring_buffer {
	struct scatterlist *const *sgs;
	unsigned int out_sgs, in_sgs; /* lists */
	void *data, *ctx;
	gfp_t gfp;
	unsigned int total; /* entries of all lists, 1 or more; set by the long ways */
	/* Set by the short ways: */
	uint32_t out_bytes; /* in the readable entries */
};

struct vring_virtqueue {
	struct virtqueue vq;
	struct vring_ways ways;		 /* a copy of one of the above: see vring_choose_ways() */
	const struct vring_ways *choice; /* ... without and, after it, with rearm */
	/* What add_sgs is adding. A short way puts it here, that it need not keep in registers what only
	 * the long way wants. */
	struct vring_buffer adding;
	bool packed;
	bool rearm; /* callbacks and event_idx: each get_buf asks for the next interrupt */
	bool broken;
	bool use_map; /* the device has a DMA backend: addresses differ */
	bool event_idx;
	bool indirect;
	bool in_order;	/* the device uses buffers in the order in which they were offered */
	bool callbacks; /* the driver wants interrupts */
	bool premapped; /* the driver maps; sg->dma_address is the device's address */
	bool legacy;
	bool notification_data;
	bool deleted;			/* what the device saw of it is freed */
	bool broken_reported;		/* the callback has been told */
	bool starved;			/* an add was refused for want of room */
	unsigned int num;		/* size */
	struct vring_desc_state *state; /* of num */
	struct vring_mapping *mappings; /* by descriptor of the ring; NULL where not needed */
	union {
		struct vring_split split;
		struct vring_packed pkd;
	};

	/* With in_order: the buffers in flight, oldest first, by their index in state[]. A used
	 * entry may stand for several; those before it are handed out first. */
	uint16_t *order;
	unsigned int order_first, order_next;
	int batch_last; /* the last buffer of the batch that is being handed out; -1: none */
	uint32_t batch_len;

	vq_notify_t *notify;
	struct device *dev;
	struct vring_pool pool;
	unsigned int detached; /* states below have been given back by detach_unused_buf */

	/* Buffers since the ring was started: offered, taken back with get_buf, taken back by
	 * detach_unused_buf. The low 16 bits of the first two are the indices of a split ring. */
	unsigned long added, used, recycled;
	struct virtqueue_stats stats; /* of these two only what was counted before that */

	void *ring; /* the memory that the device sees */
	size_t ring_bytes;
	dma_addr_t ring_addr;
	size_t driver_offset, device_offset; /* of the areas of that name */
	unsigned int align;
	void *record; /* state, mappings, links, order */
	uint16_t *links;
};

static inline unsigned int vring_descs(const struct vring_virtqueue *vvq, unsigned int i)
{
	return vring_is_packed(vvq) ? vvq->state[i].packed_descs : vvq->state[i].split.descs;
}

static inline struct vring_virtqueue *to_vvq(const struct virtqueue *vq)
{
	return container_of(vq, struct vring_virtqueue, vq);
}

/* Buffers that are neither taken back nor recycled: the counters are there anyway. */
static inline unsigned int vring_in_flight(const struct vring_virtqueue *vvq)
{
	return (unsigned int)(vvq->added - vvq->used - vvq->recycled);
}

/* To be called where something has changed on which the choice depends. */
static inline void vring_choose_ways(struct vring_virtqueue *vvq)
{
	if (!VIREO_SHORT_WAYS || vvq->broken || vvq->use_map || vvq->in_order || vvq->starved ||
	    vvq->pool.extra_in_use)
		vvq->choice = vring_long_ways;
	else
		vvq->choice = (vring_is_packed(vvq) ? vring_short_packed
						    : vring_short_split)[vvq->indirect];
	vvq->ways = vvq->choice[vvq->rearm];
}

/* Notes whether the driver wants interrupts. Of the ways only those of get_buf depend on that. */
static inline void vring_want_callbacks(struct vring_virtqueue *vvq, bool wanted)
{
	vvq->callbacks = wanted;
	vvq->rearm = wanted && vvq->event_idx;
	vvq->ways.get_buf = vvq->choice[vvq->rearm].get_buf;
	vvq->ways.get_buf_ctx = vvq->choice[vvq->rearm].get_buf_ctx;
}

/* --- helpers for the formats --------------------------------------------------------------- */

/* Marks the queue broken and says why. The device did what the specification forbids. */
void vring_break(struct vring_virtqueue *vvq, const char *fmt, ...) __printf(2, 3);

/* Tells the driver, once, that its queue is broken: calls its callback. Without the driver's lock. */
void vring_report_broken(struct vring_virtqueue *vvq);

/* Empties the ring of a device that has been reset, and gives the queue to the device again. Nothing is
 * allocated. Every token must have been taken back. Returns 0 or the transport's error. Thread
 * context. */
int vring_restart(struct vring_virtqueue *vvq);

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
 * Whether an event is due that was asked for at @event, now that an index moved from @old to
 * @new_idx (2.7.10). All modulo 2^16, so that it holds across the wrap.
 */
static inline bool vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old)
{
	return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old);
}

/* Hands @sg to the device and notes in *@mapping how to take it back. Returns 0 or -ENOMEM. */
int vring_map_slow(struct vring_virtqueue *vvq, struct scatterlist *sg, bool in,
		   struct vring_mapping *mapping, dma_addr_t *addr);

static inline int vring_map(struct vring_virtqueue *vvq, struct scatterlist *sg, bool in,
			    struct vring_mapping *mappings, unsigned int at, dma_addr_t *addr)
{
	*addr = (uintptr_t)sg->addr;
	if (likely(!vvq->use_map))
		return 0;
	return vring_map_slow(vvq, sg, in, mappings ? &mappings[at] : NULL, addr);
}

static inline void vring_unmap(struct vring_virtqueue *vvq, const struct vring_mapping *mapping)
{
	dma_unmap_page(vvq->dev, mapping->addr, mapping->len, mapping->dir);
}

/* --- indirect tables (vring_table.c) ------------------------------------------------------- */

/*
 * Whether a chain of @total goes into a table. A short chain goes into the ring while at least half of
 * the ring is free, because a table costs the device a read and us a descriptor. A long one, or one in
 * a ring that fills up, takes a table, so that the ring holds a buffer per descriptor.
 */
static inline bool vring_prefers_table(const struct vring_virtqueue *vvq, unsigned int total)
{
	return total > vvq->vq.direct_max || (total > 1 && vvq->vq.num_free < vvq->num / 2 + total);
}

/* A table for @total entries for the buffer at @i, or NULL: its own, an extra one, or with GFP_KERNEL
 * one from the allocator. */
struct vring_table *vring_table_get(struct vring_virtqueue *vvq, unsigned int i, unsigned int total,
				    gfp_t gfp);
void vring_table_put(struct vring_virtqueue *vvq, struct vring_table *table);

/* Unmaps the first @count entries. */
void vring_table_unmap(struct vring_virtqueue *vvq, const struct vring_table *table,
		       unsigned int count);

/* The entries in use. */
static inline unsigned int vring_table_entries(const struct vring_table *table)
{
	return table->used / sizeof(struct vring_desc);
}

/* Makes and frees the pool. Without memory the queue does without tables. */
void vring_pool_init(struct vring_virtqueue *vvq);
/* Fits the tables to the size of an empty ring: no chain may be longer (2.7.5.3.1). */
void vring_pool_fit(struct vring_virtqueue *vvq);
void vring_pool_free(struct vring_virtqueue *vvq);

/* --- what a format provides ---------------------------------------------------------------- */

/* Bytes of the ring memory, and where its areas begin. */
size_t vring_layout_split(unsigned int num, unsigned int align, size_t *driver_offset,
			  size_t *device_offset);
size_t vring_layout_packed(unsigned int num, unsigned int align, size_t *driver_offset,
			   size_t *device_offset);

/* An empty ring: @links are the format's, of num entries; all memory is zeroed. */
void vring_init_split(struct vring_virtqueue *vvq, uint16_t *links);
void vring_init_packed(struct vring_virtqueue *vvq, uint16_t *links);

/* Links the entries of @table one after the other, once and for all. */
void vring_link_table_split(const struct vring_virtqueue *vvq, const struct vring_table *table);

/* Each has the contract of the call of that name in virtqueue.h; virtqueue.c has checked that the
 * queue is not broken and the arguments are sane. Those that add and take back count it. */
int virtqueue_add_split(struct vring_virtqueue *vvq, const struct vring_buffer *buf);
int virtqueue_add_packed(struct vring_virtqueue *vvq, const struct vring_buffer *buf);

/* Puts what is being added where the long way finds it. */
static __always_inline void vring_keep(struct vring_virtqueue *vvq, struct scatterlist *sgs[],
				       unsigned int out_sgs, unsigned int in_sgs, void *data,
				       gfp_t gfp)
{
	vvq->adding.sgs = sgs;
	vvq->adding.out_sgs = out_sgs;
	vvq->adding.in_sgs = in_sgs;
	vvq->adding.data = data;
	vvq->adding.gfp = gfp;
}

/*
 * For a short way that has come to the end of the lists that the device reads, or to that of those it
 * writes: turns to the latter, and notes how many @bytes were in the former. Returns false where none
 * are left. in_sgs is read from where it was put, to save the loop a register.
 */
static __always_inline bool vring_turn_to_writable(struct vring_virtqueue *vvq,
						   struct scatterlist *const *list,
						   struct scatterlist *const **stop,
						   uint16_t *flags, uint64_t bytes)
{
	if (*flags & VRING_DESC_F_WRITE)
		return false;
	vvq->adding.out_bytes = (uint32_t)bytes;
	*stop += READ_ONCE(vvq->adding.in_sgs);
	if (list == *stop)
		return false;
	*flags |= VRING_DESC_F_WRITE;
	return true;
}

/* The long ways of these calls, for the short ones to end in. */
int vring_add_outbuf_long(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			  void *data, gfp_t gfp);
int vring_add_inbuf_long(struct vring_virtqueue *vvq, struct scatterlist *sg, unsigned int num,
			 void *data, void *ctx, gfp_t gfp);
int vring_add_adding_long(struct vring_virtqueue *vvq); /* adds vvq->adding */
int vring_add_prepared_long(struct vring_virtqueue *vvq, struct virtqueue_prepared *p, void *data);
void *vring_get_buf_long(struct vring_virtqueue *vvq, unsigned int *len, void **ctx);
/* ... and for get_bufs, where @count of @max are taken back already. Returns how many are then. */
unsigned int vring_get_more_bufs(struct vring_virtqueue *vvq, void *data[], unsigned int len[],
				 unsigned int count, unsigned int max);

/* Adds the table @p; there is a free descriptor. */
void virtqueue_add_prepared_split(struct vring_virtqueue *vvq, const struct virtqueue_prepared *p,
				  void *data);
void virtqueue_add_prepared_packed(struct vring_virtqueue *vvq, const struct virtqueue_prepared *p,
				   void *data);

bool virtqueue_kick_prepare_split(struct vring_virtqueue *vvq);
bool virtqueue_kick_prepare_packed(struct vring_virtqueue *vvq);
void *virtqueue_get_buf_split(struct vring_virtqueue *vvq, unsigned int *len, void **ctx);
void *virtqueue_get_buf_packed(struct vring_virtqueue *vvq, unsigned int *len, void **ctx);
void virtqueue_disable_cb_split(struct vring_virtqueue *vvq);
void virtqueue_disable_cb_packed(struct vring_virtqueue *vvq);
unsigned int virtqueue_enable_cb_prepare_split(struct vring_virtqueue *vvq);
unsigned int virtqueue_enable_cb_prepare_packed(struct vring_virtqueue *vvq);
bool virtqueue_enable_cb_delayed_split(struct vring_virtqueue *vvq);
bool virtqueue_enable_cb_delayed_packed(struct vring_virtqueue *vvq);
bool virtqueue_poll_split(const struct vring_virtqueue *vvq, unsigned int last_used);
bool virtqueue_poll_packed(const struct vring_virtqueue *vvq, unsigned int last_used);

/* Asks for an interrupt for the next used buffer: after get_buf, while interrupts are wanted. Returns
 * @data, so that a get_buf can end in it. */
void *vring_rearm_split(struct vring_virtqueue *vvq, void *data);
void *vring_rearm_packed(struct vring_virtqueue *vvq, void *data);

/* Takes buffer @i out of the record: unmaps it and frees its descriptors and its table. */
void detach_buf_split(struct vring_virtqueue *vvq, uint16_t i);
void detach_buf_packed(struct vring_virtqueue *vvq, uint16_t i);

/* What goes with a notification (VIRTIO_F_NOTIFICATION_DATA): where the device is to look. */
uint16_t vring_next_offset_split(const struct vring_virtqueue *vvq);
uint16_t vring_next_offset_packed(const struct vring_virtqueue *vvq);

/* Whether the device has used a buffer that was not yet taken back. */
bool more_used_split(const struct vring_virtqueue *vvq);
bool more_used_packed(const struct vring_virtqueue *vvq);

#endif
