/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the block driver share: virtio_blk.c is a disk's life from probe to
 * removal, virtio_blk_config.c reads what the device says of itself, virtio_blk_request.c makes
 * requests into buffers, virtio_blk_queue.c moves them through the ring, virtio_blk_recover.c takes them back from
 * a device that failed, virtio_blk_sync.c waits for them. Nobody else includes this.
 */
#ifndef DRIVERS_VIRTIO_BLK_PRIVATE_H
#define DRIVERS_VIRTIO_BLK_PRIVATE_H

#include "drivers/virtio/virtio_blk.h"
#include "lib/work.h"
#include "virtio/port.h"

/* The most that one request asks: 1 MiB. */
#define VIRTIO_BLK_MAX_SECTORS 2048u

/* Requests that a blocking call keeps in flight. */
#define VIRTIO_BLK_SYNC_REQUESTS 8u

/* State of the blocking calls, of which one runs at a time. Guarded by virtio_blk.lock. */
struct virtio_blk_sync {
	bool busy;		 /* a call is under way */
	bool late;		 /* ... past its deadline: recovery ends its requests */
	uint32_t free;		 /* bit n: request[n] is free */
	int status;		 /* the first error, or 0 */
	struct port_event event; /* a request is over */
	struct virtio_blk_request request[VIRTIO_BLK_SYNC_REQUESTS];
	uint8_t id[VIRTIO_BLK_ID_BYTES] __attribute__((aligned(64)));
};

struct virtio_blk_disk;

/* A disk, as reached through one queue. */
struct virtio_blk {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	struct virtio_blk_disk *disk;

	/* Guards all below, the queue, and info.capacity_sectors. */
	struct port_lock lock;
	struct virtio_blk_info info;
	int error;		   /* 0: works; -EIO: failed; -ENODEV: removed */
	unsigned long kind;	   /* disks of the same one take the same descriptors */
	bool frozen;		   /* being recovered: nothing goes into the ring */
	bool unusual;		   /* an error, frozen, or there are requests in the lists below */
	bool disables;		   /* without event index, or polled: rounds turn interrupts off */
	bool checked;		   /* by an IOMMU, whose faults make requests fail */
	bool special;		   /* one of these two: a round does more than take */
	bool unkicked;		   /* buffers were added since the last kick */
	unsigned long requests;	   /* ever put into the ring */
	unsigned long distrusted;  /* those before this one were in flight at a fault; disk->lock */
	bool polled;		   /* no interrupts are asked for: virtio_blk_poll() looks */
	unsigned int completing;   /* rounds that call done() now, and kick afterwards */
	struct list_head pending;  /* requests for which the ring had no room */
	struct list_head finished; /* over, done() not called yet */
	struct work work;	   /* what an interrupt leaves to a thread */
	char name[12];		   /* of the queue */
	struct virtio_blk_sync sync;
};

/* What the queues of a disk share. The lock may be taken under that of a queue. */
struct virtio_blk_disk {
	struct port_lock lock;
	void *allocation;	 /* what port_alloc() gave; we lie aligned in it */
	unsigned int references; /* probe's, and the blocking calls': the last one frees */
	bool stuck;		 /* it did not answer a reset, and may still write to our memory */
	unsigned int queues;
	struct virtio_blk queue[]; /* the first is what the core and users know as the disk */
};

/* --- virtio_blk.c ------------------------------------------------------------------------ */

/* Takes a reference, drops it; the last one frees @disk. Thread context. */
void virtio_blk_hold(struct virtio_blk_disk *disk);
void virtio_blk_put(struct virtio_blk_disk *disk);

/* --- virtio_blk_config.c ----------------------------------------------------------------- */

/* Reads and checks the config space, for all queues. Needs them. Returns 0, -EAGAIN or -EINVAL (such a disk
 * is of no use). After a reset the capacity may be another; limits that requests may have been made for must
 * not be smaller: -EINVAL. */
int virtio_blk_read_config(struct virtio_blk_disk *disk);

/* The capacity in sectors as the device says now, below 2^55 so that it has a size in bytes.
 * Returns 0, or -EAGAIN with *@capacity unchanged. Any context. */
int virtio_blk_read_capacity(struct virtio_device *vdev, uint64_t *capacity);

/* Whether zeroes may give up storage, as the device says now. Any context. */
bool virtio_blk_zeroes_may_unmap(struct virtio_device *vdev);

/* --- virtio_blk_request.c; all under the lock ------------------------------------------------ */

/* Whether the disk can take @op on @sectors from @sector: 0, -EROFS, -ERANGE. */
int virtio_blk_check_range(const struct virtio_blk *blk, enum virtio_blk_op op, uint64_t sector,
			   uint64_t sectors);

/* The most sectors that a request for @op may have; 0: the disk has no such request. */
uint32_t virtio_blk_most_sectors(const struct virtio_blk *blk, enum virtio_blk_op op);

/* All that descriptors made ready for a disk depend on. What is ready for one is so for every other of that kind. */
unsigned long virtio_blk_kind(const struct virtio_blk *blk);

/* Checks @req and sends it, or lets it wait. What virtio_blk_submit() returns. */
int virtio_blk_start(struct virtio_blk *blk, struct virtio_blk_request *req);

/* Sends those who wait, as far as the ring has room. */
void virtio_blk_send_pending(struct virtio_blk *blk);

/* Notes the result of @req; done() is called by the next round. */
void virtio_blk_finish(struct virtio_blk *blk, struct virtio_blk_request *req, int status);

/* To be called where something has changed that is unusual, or is so no longer. */
void virtio_blk_note_state(struct virtio_blk *blk);

/* A status byte no device writes: a request that comes back with it was not answered. */
#define BLK_STATUS_UNWRITTEN 0xffu

/*
 * The result of a request for which the device says it wrote @len bytes. Success is believed only
 * where all data of a read was written: beyond @len there are old contents of the buffer (2.7.8.3).
 * Legacy devices report any length (5.2.6.3). The status byte needs no length: it was
 * BLK_STATUS_UNWRITTEN before.
 */
static __always_inline int virtio_blk_result(const struct virtio_blk *blk,
					     const struct virtio_blk_request *req, unsigned int len)
{
	/* Read once: the device could change it under our eyes. */
	const uint8_t status = *(const volatile uint8_t *)&req->device_status;

	if (likely(status == VIRTIO_BLK_S_OK && len >= req->sectors * VIRTIO_BLK_SECTOR_SIZE))
		return 0; /* this much is written for reads alone */
	if (status == VIRTIO_BLK_S_OK)
		return req->op != VIRTIO_BLK_READ || blk->vdev->legacy ? 0 : -EIO;
	return status == VIRTIO_BLK_S_UNSUPP ? -EOPNOTSUPP : -EIO;
}

static inline struct virtio_blk_request *virtio_blk_first(struct list_head *list)
{
	return list_entry(list->next, struct virtio_blk_request, node);
}

/* --- virtio_blk_queue.c ------------------------------------------------------------------ */

/* The queue's callback: a bounded number of rounds, the rest is left to the work item. */
void virtio_blk_serve(struct virtqueue *vq);

/* --- virtio_blk_recover.c ---------------------------------------------------------------- */

/* Calls done() for each of the list @over. Without the lock. */
void virtio_blk_call_done(struct list_head *over);

/* Recovery, after the reset: what is finished is collected, all else waits in order; and the way
 * back. */
void virtio_blk_freeze_queue(struct virtio_blk *blk);
void virtio_blk_thaw_queue(struct virtio_blk *blk);

/* On all queues: refuses new requests with @error from now on, and ends every one that is under way with it. The
 * device must be reset: it uses no buffer any more. */
void virtio_blk_end_all(struct virtio_blk_disk *disk, int error);

/* --- virtio_blk_sync.c ------------------------------------------------------------------- */

void virtio_blk_sync_init(struct virtio_blk_sync *sync);

/* Whether @req is of a blocking call that waits no longer: it must not be sent again. Under the
 * lock. */
bool virtio_blk_sync_gave_up(const struct virtio_blk *blk, const struct virtio_blk_request *req);

#endif
