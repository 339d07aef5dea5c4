/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device (VIRTIO 1.4, 5.2): reads, writes, flushes and identifies a disk in sectors of
 * 512 bytes, with many requests in flight.
 *
 *	-drive file=disk.img,format=raw,if=none,id=d -device virtio-blk-device,drive=d
 *
 * A disk may have several queues (num-queues=4). A struct virtio_blk is a disk as reached through one of
 * them: virtio_blk_find() gives the first, virtio_blk_queue() the others, and who chooses one for each request chooses the
 * queue. Each has its own lock, lists and interrupt, so threads that use different ones never wait for each other. Requests
 * in flight have no order, neither within a queue nor between queues: a FLUSH makes those writes last whose done() was called before it
 * was submitted, whatever queues they took.
 */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include "drivers/virtio/wire/virtio_blk.h"
#include "virtio/virtio.h"

#define VIRTIO_BLK_SECTOR_SIZE 512u
#define VIRTIO_BLK_ID_BYTES    20u

/* The most segments of a request that we hand to the device at once; it may take fewer. */
#define VIRTIO_BLK_MAX_SEGS 16u

/* The most queues that are used: each takes some 40 KiB where it has 256 descriptors. */
#ifndef VIRTIO_BLK_QUEUES_MAX
#define VIRTIO_BLK_QUEUES_MAX 4u
#endif

struct virtio_blk;

enum virtio_blk_op {
	VIRTIO_BLK_READ,
	VIRTIO_BLK_WRITE,
	VIRTIO_BLK_FLUSH,
	VIRTIO_BLK_GET_ID,
	VIRTIO_BLK_DISCARD, /* the contents are no longer needed; nobody knows what is read after it */
	VIRTIO_BLK_WRITE_ZEROES,       /* zeroes are read after it */
	VIRTIO_BLK_WRITE_ZEROES_UNMAP, /* the same, and the disk may give up the storage behind them */
};

/* What the device says of itself; fixed after probe except capacity_sectors and zeroes_may_unmap. */
struct virtio_blk_info {
	uint64_t capacity_sectors;    /* of 512 bytes */
	uint32_t block_size;	      /* bytes the device prefers: 512 or a larger power of two */
	uint32_t physical_block_size; /* bytes */
	uint32_t alignment_offset;    /* in logical blocks */
	uint32_t min_io_size;	      /* in logical blocks */
	uint32_t opt_io_size;	      /* in logical blocks */
	uint32_t seg_max;	      /* data segments per request that we use, 1 to
					   VIRTIO_BLK_MAX_SEGS */
	uint32_t size_max;	      /* bytes per segment that we use */
	uint32_t max_request_sectors; /* the most that one struct virtio_blk_request may ask */
	/* The same of DISCARD, and of both WRITE_ZEROES; 0: the disk has no such request. */
	uint32_t max_discard_sectors;
	uint32_t max_zeroes_sectors;
	uint32_t
		discard_alignment; /* sectors; what is discarded had better begin and end at multiples */
	uint16_t cylinders;	   /* 0: no geometry */
	uint8_t heads, sectors;
	bool read_only;
	bool flush;		 /* the device has a cache that FLUSH empties */
	bool writeback;		 /* ... and that holds back writes now */
	bool zeroes_may_unmap;	 /* WRITE_ZEROES_UNMAP may give up storage; may change */
	unsigned int queues;	 /* virtio_blk_queue() gives each */
	unsigned int queue_size; /* descriptors of the smallest */
};

/*
 * A request. The caller owns the structure and the buffer, fills in the upper part and submits
 * it; both belong to the driver until @done is called. Wire parts are inside, so that nothing is
 * allocated: the structure must lie in memory that DMA can reach, not on a stack that is left. It is
 * zeroed before its first use; what the driver keeps in it makes the next use cheaper.
 */
struct virtio_blk_request {
	uint32_t op; /* an enum virtio_blk_op; whose size depends on a compiler's options */
	uint32_t
		sectors; /* 1 to info.max_request_sectors, max_discard_sectors or max_zeroes_sectors */
	uint64_t sector; /* first sector; not of FLUSH and GET_ID, which have no sectors */
	void *buf;	 /* READ, WRITE: data; GET_ID: VIRTIO_BLK_ID_BYTES bytes */
	/* Called once when the request is over, in interrupt context, from a work item, or from
	 * virtio_blk_poll() or virtio_blk_set_polled(), with no lock held; never from within the call that submits it. May submit
	 * this one again, or others. */
	void (*done)(struct virtio_blk_request *req);
	void *priv; /* the caller's */
	int status; /* the result: 0, -EIO (it failed, or the device did for good), -EOPNOTSUPP (the device
		       does not know the request), -ERANGE (the disk shrank meanwhile),
		       -ENODEV (it is gone) */

	/* The driver's. */
	struct list_head node; /* where it waits, or is over */
	unsigned long order;   /* the count of requests sent before it */
	/* What @descs are ready for: this very structure (a copy is another), disks of that kind, and
	 * @buf, @op and @sectors as they were. */
	struct {
		const struct virtio_blk_request *self;
		unsigned long kind;
		const void *buf;
		uint32_t op __attribute__((aligned(8)));
		uint32_t sectors;
	} ready;
	struct virtqueue_prepared descs;
	struct virtio_blk_outhdr header __attribute__((aligned(64)));
	struct virtio_blk_discard_write_zeroes range;
	uint8_t device_status __attribute__((aligned(64)));
};

/* Makes the driver known to the core. Thread context. */
int virtio_blk_init(struct virtio_bus *bus);

/* The @n-th block device, or NULL: there is none, or its probe failed. Valid until the device is removed; calls that
 * wait then come back with -ENODEV. */
struct virtio_blk *virtio_blk_find(const struct virtio_bus *bus, unsigned int n);

/* The disk of @blk through its @n-th queue, from 0, or NULL: it has fewer. Valid like @blk. Any context. */
struct virtio_blk *virtio_blk_queue(struct virtio_blk *blk, unsigned int n);

/* The virtio device below @blk. */
struct virtio_device *virtio_blk_device(struct virtio_blk *blk);

void virtio_blk_get_info(struct virtio_blk *blk, struct virtio_blk_info *info);

/*
 * Starts @req. Never blocks: a request for which the ring has no room waits in the driver and is
 * sent when room comes back. Where the device fails and can be recovered (virtio_recovery.c), what it
 * has not finished is sent to it once more, in the same order; it may have been carried out
 * before. Returns 0 (@done will be called), or an error after which it will
 * not: -EINVAL (a field out of range, no done), -ERANGE (beyond the end of the disk), -EROFS,
 * -EOPNOTSUPP (a DISCARD or WRITE_ZEROES that the disk does not have),
 * -ENOMEM (the buffer cannot be mapped), -EIO (the device has failed), -ENODEV (it is gone).
 * A FLUSH where there is no cache to flush succeeds without asking the device. Any context.
 */
int __must_check virtio_blk_submit(struct virtio_blk *blk, struct virtio_blk_request *req);

/*
 * The same in two steps, so that many requests cost one notification: virtio_blk_add() for each,
 * then virtio_blk_kick(). Without the kick the device need not look; within done() it may be left out, as the
 * driver kicks once for all that was added there. Any context.
 */
int __must_check virtio_blk_add(struct virtio_blk *blk, struct virtio_blk_request *req);
void virtio_blk_kick(struct virtio_blk *blk);

/*
 * Without interrupts: while @polled, this queue of the disk asks for none, and virtio_blk_poll() calls done() for the
 * requests that the disk has finished. (One that ends without the disk's doing ends in a work item as ever.) Who polls lets work items run too (lib/work.h):
 * recovery is one. Blocking calls are refused meanwhile. virtio_blk_set_polled() may be called while
 * requests are in flight. Thread context.
 */
void virtio_blk_set_polled(struct virtio_blk *blk, bool polled);
void virtio_blk_poll(struct virtio_blk *blk);

/*
 * Blocking forms: any number of sectors, split into requests as needed, @timeout_ns (above 0)
 * for the whole. 0 or a negative errno as above; -EBUSY (another blocking call on this queue has
 * not returned, or it is polled); or -ETIMEDOUT: then the device has been reset, so that it cannot touch @buf any more,
 * and started again. Thread context.
 */
int __must_check virtio_blk_read(struct virtio_blk *blk, uint64_t sector, void *buf,
				 uint32_t sectors, uint64_t timeout_ns);
int __must_check virtio_blk_write(struct virtio_blk *blk, uint64_t sector, const void *buf,
				  uint32_t sectors, uint64_t timeout_ns);
int __must_check virtio_blk_flush(struct virtio_blk *blk, uint64_t timeout_ns);

/*
 * Requests that send no sectors: @op is DISCARD, WRITE_ZEROES or WRITE_ZEROES_UNMAP, else -EINVAL. In as many requests as
 * the disk's limits ask for, of which several are under way at a time: if one fails, any of the others may have been
 * carried out. A disk of larger blocks takes whole blocks only. Zeroes are on the disk for good after a flush,
 * like what was written. -EOPNOTSUPP: the disk has no such request.
 */
int __must_check virtio_blk_range(struct virtio_blk *blk, enum virtio_blk_op op, uint64_t sector,
				  uint64_t sectors, uint64_t timeout_ns);

/* The contents of @sectors from @sector on are no longer needed. */
static inline int __must_check virtio_blk_discard(struct virtio_blk *blk, uint64_t sector,
						  uint64_t sectors, uint64_t timeout_ns)
{
	return virtio_blk_range(blk, VIRTIO_BLK_DISCARD, sector, sectors, timeout_ns);
}

/* They are to read as zeroes; and where @unmap is set, the disk may give up the storage behind them. */
static inline int __must_check virtio_blk_write_zeroes(struct virtio_blk *blk, uint64_t sector,
						       uint64_t sectors, bool unmap,
						       uint64_t timeout_ns)
{
	return virtio_blk_range(blk,
				unmap ? VIRTIO_BLK_WRITE_ZEROES_UNMAP : VIRTIO_BLK_WRITE_ZEROES,
				sector, sectors, timeout_ns);
}

/* Reads the serial number: up to 20 characters and a terminating NUL into @id. What is no
 * printable ASCII becomes '?'. */
int __must_check virtio_blk_get_id(struct virtio_blk *blk, char id[VIRTIO_BLK_ID_BYTES + 1],
				   uint64_t timeout_ns);

#endif
