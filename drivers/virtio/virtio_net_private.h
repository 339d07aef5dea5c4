/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the network driver: what virtio_net.c (the device's life and configuration),
 * virtio_net_rx.c and virtio_net_tx.c (the two directions) and virtio_net_queue.c (what befalls both
 * queues) share. Nobody else includes this.
 */
#ifndef DRIVERS_VIRTIO_NET_PRIVATE_H
#define DRIVERS_VIRTIO_NET_PRIVATE_H

#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/wire/virtio_net.h"
#include "lib/work.h"
#include "virtio/port.h"

/* A frame with one VLAN tag is the longest we take in. */
#define NET_FRAME_SPACE VIRTIO_NET_VLAN_MAX

/*
 * Buffers of the driver's own lie in slots: a whole number of cache lines, which no other data shares. The
 * frame stands at a fixed place in its slot, the virtio header directly in front, so that the payload of the
 * frame begins at a multiple of 32 bytes whichever length the header has.
 */
#define NET_CACHE_LINE	 64u
#define NET_FRAME_OFFSET (32u - VIRTIO_NET_FRAME_MIN)
#define NET_SLOT_SIZE	 ALIGN_UP(NET_FRAME_OFFSET + NET_FRAME_SPACE, NET_CACHE_LINE)

_Static_assert(NET_FRAME_OFFSET >= VIRTIO_NET_HDR_LEN, "no room for the header");
_Static_assert(VIRTIO_NET_HEADROOM == VIRTIO_NET_HDR_LEN, "the longest header there is");
_Static_assert(VIRTIO_NET_HDR_LEN_LEGACY + NET_FRAME_SPACE >= VIRTIO_NET_RX_BUF_MIN, "5.1.9.3.1");

/* Memory for @count slots; to be freed. NULL where it has run out. */
void *net_slots_alloc(unsigned int count);

/* Where the frame of slot @i begins. */
static inline uint8_t *net_slot_frame(const void *slots, unsigned int i)
{
	return (uint8_t *)ALIGN_UP((uintptr_t)slots, NET_CACHE_LINE) + (size_t)i * NET_SLOT_SIZE +
	       NET_FRAME_OFFSET;
}

/* A receive buffer; its scatterlist is made once. The token of its queue. */
struct net_buffer {
	struct net_buffer *next; /* in the pool */
	uint8_t *frame;
	struct scatterlist sg[2];
};

struct virtio_net {
	struct virtio_device *vdev;
	struct virtqueue *rx_vq, *tx_vq;
	struct port_lock lock; /* guards the queues and all below */
	unsigned int header_len;
	unsigned int sg_count; /* 2: the header has a descriptor of its own */
	int failed; /* not 0: nothing more is sent or received; -EIO: given up, -ENODEV: gone */
	unsigned int references; /* probe's, and one of each call that waits: the last one frees */
	bool frozen;		 /* being recovered: nothing goes into the rings */
	bool link_up;
	uint16_t mtu;
	uint8_t mac[VIRTIO_NET_MAC_LEN];
	bool mac_from_device, link_reported;
	unsigned int rx_size, tx_size; /* of the queues */
	struct virtio_net_stats stats;

	/* receive */
	struct net_buffer *rx_free; /* buffers that neither the device nor the receiver has */
	struct net_buffer *rx_buffers;
	void *rx_slots;
	unsigned int rx_hidden;	    /* buffers in the ring that the device was not told of */
	unsigned int rx_hidden_max; /* ... which are not to be more */
	/* Whether somebody is receiving, or rx_work is to go on with it; and whether there was an interrupt
	 * meanwhile. */
	enum { NET_RX_IDLE, NET_RX_BUSY, NET_RX_CALLED } rx_state;
	struct work rx_work;
	virtio_net_receive_t *receive;
	void *receive_arg;

	/* transmit */
	struct virtio_net_frame *tx_free; /* frames to be lent */
	struct virtio_net_frame *tx_frames;
	void *tx_slots;
	unsigned int tx_watched; /* frames in flight whose sender wants to be told soon */
	unsigned long tx_back;	 /* frames that came back */
	bool tx_waiting;	 /* somebody was told -ENOSPC */
	bool tx_lacking;	 /* ... for want of a frame to lend */
	bool tx_room;		 /* since then there is room, and nobody has said so */
	int tx_closed;		 /* why nothing can be sent now, or 0: net_tx_judge() */
	/* Frames that are back and whose sender has not been told, oldest first. */
	struct virtio_net_frame *tx_done, *tx_done_last;
	bool tx_telling; /* somebody is at it */
	struct work tx_work;
	struct port_event tx_event;
	void (*tx_ready)(void *arg);
	void *tx_ready_arg;
};

/* Points @sg at the header and the frame at @frame, in as many entries as the device wants. */
void net_set_lists(const struct virtio_net *net, struct scatterlist sg[2], uint8_t *frame);

/* Makes both directions, for the queues' sizes, and offers the receive buffers; the device learns of them
 * with the first net_rx_refill(). Returns 0, -ENOMEM or -EINVAL; net_queues_destroy() in any case. */
int net_queues_init(struct virtio_net *net);

/* Takes back what is in the queues, which the device no longer uses, and frees queues and buffers. */
void net_queues_destroy(struct virtio_net *net);

/* Recovery, after the reset: what has been received is delivered, every buffer is taken back; and the way
 * back. */
void net_queues_freeze(struct virtio_net *net);
void net_queues_thaw(struct virtio_net *net);

/* --- receive ------------------------------------------------------------------------------- */

int net_rx_init(struct virtio_net *net);
void net_rx_work(struct work *work);
void net_rx_free(struct virtio_net *net, bool keep_slots);

/* Drops a reference. Thread context. */
void net_put(struct virtio_net *net);

/* Offers all free receive buffers with one notification for all of them. */
void net_rx_refill(struct virtio_net *net);

/* Bounded amounts of receiving: a batch of frames, of which it returns the number; and until there are none
 * and interrupts are on, or in a work item. For who has taken rx_state from idle. */
unsigned int net_rx_batch(struct virtio_net *net);
void net_rx_poll(struct virtio_net *net);

/* Takes all buffers out of a ring that the device no longer uses. Under the lock. */
void net_rx_take_back(struct virtio_net *net);

/* --- transmit ------------------------------------------------------------------------------ */

int net_tx_init(struct virtio_net *net);
void net_tx_work(struct work *work);
void net_tx_free(struct virtio_net *net, bool keep_slots);

/* Takes finished frames back. Returns how many. Under the lock; net_tx_tell() after it. */
unsigned int net_tx_reclaim(struct virtio_net *net);

/* Takes all frames out of a ring that the device no longer uses, as lost. Under the lock; net_tx_tell()
 * after it. */
void net_tx_take_back(struct virtio_net *net);

/* Tells senders that their frames are back. Without the lock. */
void net_tx_tell(struct virtio_net *net);

/* To be called where the link, frozen or failed has changed. Under the lock. */
void net_tx_judge(struct virtio_net *net);

/* Wakes who waits for room, so that he tries again. Without the lock. */
void net_tx_wake(struct virtio_net *net);

/* The callbacks of the queues. */
vq_callback_t net_rx_callback, net_tx_callback;

#endif
