/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device (VIRTIO 1.4, 5.1): sends and receives Ethernet frames, and copies none of them.
 * Receive buffers are the driver's, and go back to the device when the receiver returns; the frame handed
 * to it is lent for the length of the call. A frame to send is built in place, in a buffer that the driver
 * lends or in memory of the caller's own, behind room for the device's header:
 *
 *	n = virtio_net_lend(net, frames, 8);		up to 8 empty frames
 *	... frames[i]->data[0..], frames[i]->len ...	each is built
 *	virtio_net_submit(net, frames, n);		one notification for all of them
 *
 * A frame of the caller's own (virtio_net_frame_init()) keeps what is in it, so that one which is sent
 * again and again costs what has changed in it. virtio_net_send() is for those who have a frame elsewhere:
 * it copies it into a lent one.
 *
 *	-netdev user,id=n -device virtio-net-device,netdev=n
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include "lib/scatterlist.h"
#include "virtio/virtio.h"

#define VIRTIO_NET_MAC_LEN   6u
#define VIRTIO_NET_FRAME_MIN 14u   /* an Ethernet header */
#define VIRTIO_NET_FRAME_MAX 1514u /* header and 1500 bytes, no FCS */
#define VIRTIO_NET_VLAN_MAX  1518u /* the same with a VLAN tag */

struct virtio_net;

struct virtio_net_info {
	uint8_t mac[VIRTIO_NET_MAC_LEN];
	bool mac_from_device; /* else one of ours: locally administered */
	bool link_up;
	bool link_reported; /* the device reports link changes */
	uint16_t mtu;	    /* bytes of payload; 1500 unless the device says less */
	unsigned int rx_queue_size, tx_queue_size;
};

struct virtio_net_stats {
	unsigned long rx_frames, rx_bytes, rx_errors; /* errors: too short or too long */
	unsigned long rx_dropped;		      /* nobody was listening */
	unsigned long tx_frames, tx_bytes, tx_full;   /* full: refused with -ENOSPC */
	unsigned long tx_lost; /* with the device when it failed: they may or may not have left */
	unsigned long link_changes;
};

/*
 * A frame has come: @len bytes, 14 to 1518 (with a VLAN tag), without FCS, its checksums not
 * verified. @frame is valid during the call only. Interrupt context, or from a work item while
 * frames come faster than that allows; never two calls for one device at once. May send.
 */
typedef void virtio_net_receive_t(void *arg, const uint8_t *frame, unsigned int len);

/* Makes the driver known to the core. Thread context. */
int virtio_net_init(struct virtio_bus *bus);

/* The @n-th network device, or NULL: there is none, or its probe failed. Valid until the device is removed; calls that
 * wait then come back with -ENODEV. */
struct virtio_net *virtio_net_find(const struct virtio_bus *bus, unsigned int n);
struct virtio_device *virtio_net_device(struct virtio_net *net);

void virtio_net_get_info(struct virtio_net *net, struct virtio_net_info *info);
void virtio_net_get_stats(struct virtio_net *net, struct virtio_net_stats *stats);

/* Makes @receive the one receiver of frames; NULL: they are counted and dropped. Thread context. */
void virtio_net_set_receiver(struct virtio_net *net, virtio_net_receive_t *receive, void *arg);

/* Calls @ready, in interrupt context or from a work item, when it is worth trying again after -ENOSPC: there is
 * room, the link has changed or the device has failed. NULL: nobody. Thread context. */
void virtio_net_set_tx_ready(struct virtio_net *net, void (*ready)(void *arg), void *arg);

/* --- frames to send, built in place -------------------------------------------------------- */

/* Bytes in front of a frame of the caller's own that are the driver's: the device's header. */
#define VIRTIO_NET_HEADROOM 12u

struct virtio_net_frame;

/*
 * @frame is the caller's again. Called without the driver's lock, in the context of whoever found it:
 * interrupt, a work item, or a call below. May submit frames, must not block; never two calls for one device
 * at once.
 */
typedef void virtio_net_sent_t(struct virtio_net_frame *frame);

/*
 * A frame to send. Whoever holds it, by virtio_net_lend() or virtio_net_frame_init(), writes the frame to
 * data[] and its length to len. Submitting it gives both the memory and this structure to the driver, until
 * virtio_net_frame_idle() says so, or sent() is called; a lent one is gone for good.
 */
struct virtio_net_frame {
	uintptr_t ticket; /* the driver's: of who may submit the frame; 0 while nobody may */
	uint8_t *data;	  /* the Ethernet header, then up to 1500 bytes or the MTU; no FCS */
	unsigned int len; /* bytes in data[]: VIRTIO_NET_FRAME_MIN to most */
	int status; /* of the last time: 0, or -EIO where the device failed with it: it may have left or not */
	/* Read only for the caller: */
	unsigned int most; /* the largest len */
	/* The driver's: */
	unsigned int listed; /* the length that is in sg[] */
	virtio_net_sent_t *sent;
	struct virtio_net_frame *next;
	struct scatterlist sg[2];
};

/*
 * Makes @frame one of the caller's own for @net: @size bytes at @memory, of which the first
 * VIRTIO_NET_HEADROOM are the driver's from now on and the rest is data[], whose contents stay as they are.
 * The device reads the memory while the frame is in flight; one that does not answer its reset perhaps even
 * longer. @sent is called, soon, when it is back: the device is asked for interrupts meanwhile. NULL: nobody
 * is told, and no interrupt asked for; look at virtio_net_frame_idle(). Both must outlive their last
 * submission, and the structure must not be moved.
 * To be called anew where the device was removed and probed again. Returns 0 or -EINVAL (@size below
 * VIRTIO_NET_HEADROOM + VIRTIO_NET_FRAME_MIN). Any context.
 */
int __must_check virtio_net_frame_init(struct virtio_net *net, struct virtio_net_frame *frame,
				       void *memory, size_t size, virtio_net_sent_t *sent);

/* Whether a frame of the caller's own is his: never submitted, or back. It comes back when somebody takes
 * finished frames from the device: virtio_net_reclaim(), or a call that found no room. Any context. */
static inline bool virtio_net_frame_idle(const struct virtio_net_frame *frame)
{
	return __atomic_load_n(&frame->ticket, __ATOMIC_ACQUIRE) != 0;
}

/*
 * Lends up to @count frames of the driver's, whose data is whatever was sent with them last. They are to be
 * submitted or returned before the device is removed. Returns how many stand in @frames, 1 at least; -ENOSPC
 * (none now: see virtio_net_set_tx_ready()), -EIO (the device failed for good), -ENODEV (it is gone). Any context.
 */
int __must_check virtio_net_lend(struct virtio_net *net, struct virtio_net_frame *frames[],
				 unsigned int count);

/* Takes @count lent frames back unsent. What was not lent is passed over. Any context. */
void virtio_net_return(struct virtio_net *net, struct virtio_net_frame *const frames[],
		       unsigned int count);

/*
 * Sends @count frames, lent or the caller's own, in this order, with one notification at most (5.1.9.2).
 * Never blocks. Returns how many the device was given, from the first on; where that is none of them
 * -EINVAL (a length; NULL; a frame in flight, not lent, returned, of another device, or copied), -ENOSPC (the
 * ring is full, or the device is being recovered: see virtio_net_set_tx_ready()), -ENOMEM (it cannot be
 * mapped, and none is in flight that would make room), -ENETDOWN (link down), -EIO (the device failed for
 * good). The others are still the caller's. Any context.
 * A network loses frames, and those above it expect that: what was with the device when it failed is
 * counted as lost and not sent again (virtio_recovery.c).
 */
int __must_check virtio_net_submit(struct virtio_net *net, struct virtio_net_frame *const frames[],
				   unsigned int count);

/* Takes back what the device has finished. Returns how many frames there were. Any context. */
unsigned int virtio_net_reclaim(struct virtio_net *net);

/*
 * The same, waiting up to @timeout_ns nanoseconds for one. Returns 0: some are back, or none is in flight;
 * -ETIMEDOUT. Where the device fails, all come back. Thread context.
 */
int __must_check virtio_net_reclaim_wait(struct virtio_net *net, uint64_t timeout_ns);

/* --- frames to send, copied ---------------------------------------------------------------- */

/*
 * Sends a copy of @frame: @len bytes, VIRTIO_NET_FRAME_MIN to 14 + mtu. Never blocks. Returns 0;
 * -EINVAL (length), -ENOSPC (all transmit buffers in flight, or the device is being recovered; try
 * again), -ENETDOWN (link down), -EIO (the device failed for good), -ENODEV (it is gone). Any context.
 */
int __must_check virtio_net_send(struct virtio_net *net, const void *frame, unsigned int len);

/* The same, but the device is told only by the next virtio_net_kick() or virtio_net_send(), so that many
 * frames cost one notification. -ENOSPC: it has been told of those before. Any context. */
int __must_check virtio_net_add(struct virtio_net *net, const void *frame, unsigned int len);

/* Tells the device of the frames that were added. Any context. */
void virtio_net_kick(struct virtio_net *net);

/* virtio_net_send(), waiting up to @timeout_ns for a transmit buffer: -ETIMEDOUT in place of -ENOSPC.
 * Thread context. */
int __must_check virtio_net_send_wait(struct virtio_net *net, const void *frame, unsigned int len,
				      uint64_t timeout_ns);

#endif
