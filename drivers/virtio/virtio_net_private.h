/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the network driver: what virtio_net.c (the device's life and configuration) and
 * virtio_net_queue.c (its buffers and both queues) share. Nobody else includes this.
 */
#ifndef DRIVERS_VIRTIO_NET_PRIVATE_H
#define DRIVERS_VIRTIO_NET_PRIVATE_H

#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/wire/virtio_net.h"
#include "lib/work.h"
#include "virtio/port.h"

/* One buffer; its scatterlist is made once. The token of the queues. */
struct net_buffer {
	struct net_buffer *next; /* in the pool */
	uint8_t *frame;
	struct scatterlist sg[2];
};

struct net_pool {
	struct net_buffer *free;
	struct net_buffer *buffers;
	void *memory;
};

struct virtio_net {
	struct virtio_device *vdev;
	struct virtqueue *rx_vq, *tx_vq;
	struct port_lock lock; /* guards the queues and all below */
	struct net_pool rx, tx;
	unsigned int header_len;
	unsigned int sg_count; /* 2: the header has a descriptor of its own */
	bool failed;	       /* the device is given up: nothing more is sent or received */
	bool frozen;	       /* being recovered: nothing goes into the rings */
	bool rx_polling;       /* somebody is in rx_poll(), or rx_work is to go on with it */
	bool tx_waiting;       /* somebody was told -ENOSPC */
	struct work rx_work;
	struct port_event tx_event;
	virtio_net_receive_t *receive;
	void *receive_arg;
	void (*tx_ready)(void *arg);
	void *tx_ready_arg;
	uint8_t mac[VIRTIO_NET_MAC_LEN];
	uint16_t mtu;
	bool link_up;
	struct virtio_net_stats stats;
};

/* Makes both pools, for the queues' sizes, and offers the receive buffers; the device learns of them
 * with the first net_rx_refill(). Returns 0, -ENOMEM or -EINVAL; net_queues_destroy() in any case. */
int net_queues_init(struct virtio_net *net);

/* Takes back what is in the queues, which the device no longer uses, and frees queues and pools. */
void net_queues_destroy(struct virtio_net *net);

/* Recovery, after the reset: what has been received is delivered, every buffer goes back to its pool;
 * and the way back. */
void net_queues_freeze(struct virtio_net *net);
void net_queues_thaw(struct virtio_net *net);

/* Offers the pool's receive buffers with one notification for all of them. */
void net_rx_refill(struct virtio_net *net);

/* Wakes who waits for a transmit buffer, so that he tries again. Without the lock. */
void net_tx_wake(struct virtio_net *net);

/* The callbacks of the queues. */
vq_callback_t net_rx_callback, net_tx_callback;

#endif
