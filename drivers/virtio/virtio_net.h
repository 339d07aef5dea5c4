/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device (VIRTIO 1.4, 5.1): sends and receives Ethernet frames. Receive buffers are
 * the driver's, refilled from the queue's callback; the frame handed to the receiver is lent to
 * it for the length of the call.
 *
 *	-netdev user,id=n -device virtio-net-device,netdev=n
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

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
void virtio_net_init(void);

/* The @n-th network device, or NULL: there is none, or its probe failed. Valid until the device is removed, which
 * must not happen while a call below is waiting. */
struct virtio_net *virtio_net_find(unsigned int n);
struct virtio_device *virtio_net_device(struct virtio_net *net);

void virtio_net_get_info(struct virtio_net *net, struct virtio_net_info *info);
void virtio_net_get_stats(struct virtio_net *net, struct virtio_net_stats *stats);

/* Makes @receive the one receiver of frames; NULL: they are counted and dropped. Thread context. */
void virtio_net_set_receiver(struct virtio_net *net, virtio_net_receive_t *receive, void *arg);

/* Calls @ready in interrupt context when it is worth trying again after -ENOSPC: buffers are free, the
 * link has changed or the device has failed. NULL: nobody. Thread context. */
void virtio_net_set_tx_ready(struct virtio_net *net, void (*ready)(void *arg), void *arg);

/*
 * Sends a copy of @frame: @len bytes, VIRTIO_NET_FRAME_MIN to 14 + mtu. Never blocks. Returns 0;
 * -EINVAL (length), -ENOSPC (all transmit buffers in flight, or the device is being recovered; try
 * again), -ENETDOWN (link down), -EIO (the device failed for good). Any context.
 * A network loses frames, and those above it expect that: what was with the device when it failed is
 * counted as lost and not sent again (virtio_recovery.c).
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
