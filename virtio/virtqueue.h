/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue API, with the names and signatures that Linux made familiar. A driver offers buffers
 * (scatterlists with a token of its own), kicks the device, and gets its tokens back:
 *
 *	virtqueue_add_outbuf(vq, sg, n, token, GFP_ATOMIC);	offer, any number of times
 *	virtqueue_kick(vq);					publish to the device, once
 *	...							vq->callback runs: interrupt
 *	while ((token = virtqueue_get_buf(vq, &len)) != NULL)	take back what is finished
 *		...
 *	if (!virtqueue_enable_cb(vq)) ...			and look again where it says so
 *
 * Calls on one queue must not overlap: the driver holds its lock (virtio/port.h) around them.
 * Apart from that, any context will do, save where a call says otherwise.
 *
 * Everything that a device writes is checked against the driver's own record. A device that
 * breaks the rules breaks its queue: calls then return -EIO (or NULL, false) and nothing else
 * happens; virtqueue_detach_unused_buf() still returns every token. The device is then to recover
 * (virtio_recovery.c), which makes the queue as new. VIRTIO 1.4, 2.6 to 2.10.
 */
#ifndef VIRTIO_VIRTQUEUE_H
#define VIRTIO_VIRTQUEUE_H

#include "lib/dma_types.h"
#include "lib/irq_types.h"
#include "lib/list.h"
#include "lib/scatterlist.h"

/* Chains up to this length go into the ring itself as long as it is not half full. */
#define VIRTQUEUE_DIRECT_MAX 4u

struct virtio_device;
struct virtqueue;

/*
 * Called in interrupt context when the device has used buffers, and once when the queue is found
 * broken (test with virtqueue_is_broken()). May call the queue API, must not block. Spurious calls are
 * possible.
 */
typedef void vq_callback_t(struct virtqueue *vq);

/* What happened on a queue. */
struct virtqueue_stats {
	unsigned long added;	  /* buffers offered */
	unsigned long used;	  /* buffers taken back with get_buf */
	unsigned long kicks;	  /* virtqueue_kick_prepare() calls */
	unsigned long notified;	  /* notifications sent */
	unsigned long interrupts; /* vring_interrupt() calls that found work */
	unsigned long
		spurious; /* ... that found none, or were unwanted; as where queues share a line */
};

/* The public part of a queue. All but @room, @priv and @direct_max is read only for drivers. */
struct virtqueue {
	struct list_head list; /* in virtio_device.vqs */
	vq_callback_t *callback;
	const char *name; /* kept, not copied */
	struct virtio_device *vdev;
	unsigned int index;	 /* in the device, from 0 */
	unsigned int num_free;	 /* descriptors that are free now */
	unsigned int num_max;	 /* the largest size the device takes */
	unsigned int direct_max; /* a longer chain takes an indirect table; drivers may set it */
	/* Called, where set, once room has come back for which an add was refused with -ENOSPC: from
	 * within virtqueue_get_buf() and its kin, in their context. */
	void (*room)(struct virtqueue *vq);
	void *priv; /* the driver's */
	void *transport_priv;
};

/*
 * Offers a buffer to the device: @out_sgs lists it may read, followed by @in_sgs lists it may
 * write, all in @sgs. @data, not NULL, is the token that virtqueue_get_buf() returns; it names the
 * buffer and may be used again only then. The memory belongs to the device from now until the
 * token comes back. @gfp: GFP_KERNEL (thread context) allows memory to be allocated for an indirect
 * table where the queue's own ones do not serve; it stays with the queue.
 * The device may see the buffer at once, or only with the next virtqueue_kick().
 * Returns 0; -ENOSPC (not enough free descriptors now: nothing was added; take buffers back and try
 * again, or a list longer than the queue ever takes), -EINVAL (no list, an empty entry, no token), -EIO
 * (the queue is broken), -ENOMEM (a buffer could not be mapped).
 */
int __must_check virtqueue_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[],
				   unsigned int out_sgs, unsigned int in_sgs, void *data,
				   gfp_t gfp);

/* The same for one list of @num entries that the device reads (out) or writes (in). */
int __must_check virtqueue_add_outbuf(struct virtqueue *vq, struct scatterlist *sg,
				      unsigned int num, void *data, gfp_t gfp);
int __must_check virtqueue_add_inbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int num,
				     void *data, gfp_t gfp);

/* The same with a second token, @ctx, that virtqueue_get_buf_ctx() returns beside @data. */
int __must_check virtqueue_add_inbuf_ctx(struct virtqueue *vq, struct scatterlist *sg,
					 unsigned int num, void *data, void *ctx, gfp_t gfp);

/*
 * A buffer that is added again and again: its descriptors are written once, into a table in the driver's
 * own memory (2.7.5.3, 2.8.7), and each add hands that table to the device, in one descriptor; or where there is
 * much room, its entries. Only what has changed is written anew. The structure belongs to the device like the buffer itself, from add until the token
 * comes back.
 */
#define VIRTQUEUE_PREPARED_MAX 4u

struct virtqueue_prepared {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t word[2]; /* split: flags, next; packed: id, flags */
	} desc[VIRTQUEUE_PREPARED_MAX] __attribute__((aligned(16)));
	/* Our record of it. */
	uint32_t len[VIRTQUEUE_PREPARED_MAX];
	uint32_t bytes;	 /* of the table */
	uint32_t in_len; /* bytes that the device may write */
	unsigned int count;
	unsigned int out; /* entries that it reads; the others it writes */
};

/*
 * Prepares @p for @vq with @out entries that the device reads and @in entries that it writes, all from the
 * list @sg. Returns 0; -EOPNOTSUPP where the queue has no tables, or memory must be mapped: then
 * virtqueue_add_sgs() is the way; -EINVAL (no entry, an empty one, more than VIRTQUEUE_PREPARED_MAX, or
 * 2^32 bytes). Good as long as the queue's features and the memory stay, also after a reset. Any context.
 */
int __must_check virtqueue_prepare(struct virtqueue *vq, struct virtqueue_prepared *p,
				   struct scatterlist *sg, unsigned int out, unsigned int in);

/* Points entry @i of @p, which is not in flight, at @len bytes (above 0) at @buf. What the device may write
 * stays below 2^32 bytes. */
void virtqueue_prepared_set(struct virtqueue *vq, struct virtqueue_prepared *p, unsigned int i,
			    void *buf, uint32_t len);

/* Adds it, as virtqueue_add_sgs() would. Returns 0, -ENOSPC, -EINVAL (no token), -EIO. */
int __must_check virtqueue_add_prepared(struct virtqueue *vq, struct virtqueue_prepared *p,
					void *data);

/*
 * Publishes what was added, and returns whether the device wants to be notified. With
 * virtqueue_notify() in two steps, so that the notification, which is slow, can be sent after
 * the driver's lock has been dropped.
 */
bool virtqueue_kick_prepare(struct virtqueue *vq);

/* Notifies the device. Returns false where the queue is broken. */
bool virtqueue_notify(struct virtqueue *vq);

/* Both: publish, and notify where the device wants it. Returns false where the queue is broken. */
bool virtqueue_kick(struct virtqueue *vq);

/*
 * Takes back one finished buffer: its token, or NULL where none is finished (or the queue is
 * broken). *@len is the number of bytes that the device says it wrote, never more than the
 * writable part holds. @ctx may be NULL.
 */
void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len);
void *virtqueue_get_buf_ctx(struct virtqueue *vq, unsigned int *len, void **ctx);

/*
 * Takes back up to @max finished buffers: their tokens and written lengths. Returns how many. For drivers
 * that work in rounds: unlike virtqueue_get_buf() it does not ask for the next interrupt, so that with event
 * index hardly any comes until virtqueue_enable_cb(), at the end of the round.
 */
unsigned int virtqueue_get_bufs(struct virtqueue *vq, void *data[], unsigned int len[],
				unsigned int max);

/* Asks the device for no interrupts, which is a hint to it; the callback is not called until they are asked for
 * again, but for a queue that is found broken. */
void virtqueue_disable_cb(struct virtqueue *vq);

/*
 * Asks for interrupts again. Returns false where finished buffers are waiting already, for which
 * no interrupt may come: take them back and call it again.
 */
bool virtqueue_enable_cb(struct virtqueue *vq);

/* The same in two steps: asks, and returns a value for virtqueue_poll(), which says whether
 * buffers were finished since. */
unsigned int virtqueue_enable_cb_prepare(struct virtqueue *vq);
bool virtqueue_poll(struct virtqueue *vq, unsigned int last_used_idx);

/* Asks for an interrupt once most (three quarters) of what is in flight is finished. Returns false
 * where so many are finished already (packed ring: where any is, as those are not counted there).
 * Without event index: virtqueue_enable_cb(). */
bool virtqueue_enable_cb_delayed(struct virtqueue *vq);

/* Takes back a buffer that the device has not finished, from a queue that the device no longer uses
 * (it was reset, or the queue is broken and will be). NULL after the last. */
void *virtqueue_detach_unused_buf(struct virtqueue *vq);

/*
 * Takes the queue from the device, hands every buffer in it to @recycle, and gives it back empty
 * (2.6.1, VIRTIO_F_RING_RESET). Waits, bounded, for the device. Thread context. Returns 0, -EOPNOTSUPP
 * (not negotiated, or not by this transport), -ETIMEDOUT or -ENODEV (the queue is broken; nothing was recycled).
 */
int __must_check virtqueue_reset(struct virtqueue *vq,
				 void (*recycle)(struct virtqueue *vq, void *data));

/* The same, with @num descriptors after it (1 to num_max, a power of two for a split ring; else
 * -EINVAL). -ENOMEM: the queue was reset, and goes on with its old size. */
int __must_check virtqueue_resize(struct virtqueue *vq, unsigned int num,
				  void (*recycle)(struct virtqueue *vq, void *data));

/* The driver maps buffers itself and names them by sg->dma_address; the queue neither maps nor
 * unmaps. Before the first buffer. Returns 0 or -EINVAL. */
int __must_check virtqueue_set_dma_premapped(struct virtqueue *vq);

/* The number of descriptors of the ring. */
unsigned int virtqueue_get_vring_size(const struct virtqueue *vq);

/* Whether the device broke the queue's rules, or was given up. */
bool virtqueue_is_broken(const struct virtqueue *vq);

/* What happened on the queue since it was made. */
struct virtqueue_stats virtqueue_get_stats(const struct virtqueue *vq);

/* Buffers added and not yet taken back. */
unsigned int virtqueue_in_flight(const struct virtqueue *vq);

/* The format of the ring: "split" (a packed ring: "packed"). */
const char *virtqueue_format(const struct virtqueue *vq);

/* Device addresses of the three areas of the ring, for the transport. */
dma_addr_t virtqueue_get_desc_addr(const struct virtqueue *vq);
dma_addr_t virtqueue_get_avail_addr(const struct virtqueue *vq);
dma_addr_t virtqueue_get_used_addr(const struct virtqueue *vq);

/* Serves one queue after an interrupt: calls vq->callback where buffers were finished. @_vq is
 * the struct virtqueue. For transports. Interrupt context. */
irqreturn_t vring_interrupt(int irq, void *_vq);

/* What a transport writes to notify the device: the queue's index, and with
 * VIRTIO_F_NOTIFICATION_DATA where the device is to look next (4.2.3.3). */
uint32_t vring_notification_data(const struct virtqueue *vq);

/* Notifies the device of queue @vq: what a transport provides. Returns true, or, where the device is
 * gone, what vring_notify_failed() returns. */
typedef bool vq_notify_t(struct virtqueue *vq);

/* For a transport that cannot notify the device: breaks the queue, and returns false. */
bool vring_notify_failed(struct virtqueue *vq);

/*
 * Makes queue @index of @vdev: @num descriptors (1 to 32768; a power of two for a split ring),
 * areas aligned to @vring_align (a power of two; the legacy layout needs it), smaller where
 * memory has run out and @may_reduce_num. The transport then tells the device. NULL where memory
 * has run out or @num is no allowed size. For transports; thread context.
 */
struct virtqueue *vring_create_virtqueue(unsigned int index, unsigned int num,
					 unsigned int vring_align, struct virtio_device *vdev,
					 bool may_reduce_num, vq_notify_t *notify,
					 vq_callback_t *callback, const char *name);

/* Frees a queue that the device no longer uses. Tokens in it are forgotten: detach them first. */
void vring_del_virtqueue(struct virtqueue *vq);

/* The reserved feature bits (24 to 50) that the queues implement, as a mask. */
uint64_t vring_transport_features(void);

/* One line of state for each index, and one for each buffer in flight (at most @max). @print
 * gets lines without their end. For people; thread context. */
void virtqueue_dump(struct virtqueue *vq, unsigned int max,
		    void (*print)(void *arg, const char *line), void *arg);

#endif
