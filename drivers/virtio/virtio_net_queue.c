/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both queues of a network device: their buffers' layout, their beginning and end, and what becomes of
 * what is in them where the device fails. How frames travel stands in virtio_net_rx.c and virtio_net_tx.c.
 */
#include "drivers/virtio/virtio_net_private.h"

void *net_slots_alloc(unsigned int count)
{
	return port_alloc(count * NET_SLOT_SIZE + NET_CACHE_LINE);
}

void net_set_lists(const struct virtio_net *net, struct scatterlist sg[2], uint8_t *frame)
{
	uint8_t *header = frame - net->header_len;

	sg_init_table(sg, net->sg_count);
	if (net->sg_count == 1) {
		sg_set_buf(&sg[0], header, net->header_len + NET_FRAME_SPACE);
	} else {
		sg_set_buf(&sg[0], header, net->header_len);
		sg_set_buf(&sg[1], frame, NET_FRAME_SPACE);
	}
}

int net_queues_init(struct virtio_net *net)
{
	int ret = net_rx_init(net);

	return ret ? ret : net_tx_init(net);
}

/* --- recovery ------------------------------------------------------------------------------ */

void net_queues_freeze(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);

	net->frozen = true;
	net_tx_judge(net);
	net->rx_state = NET_RX_BUSY; /* nobody else receives until the end of recovery */
	port_unlock(&net->lock, state);
	work_cancel(&net->rx_work);
	/* Bounded by the ring: nothing is offered any more. */
	while (net_rx_batch(net))
		;
	state = port_lock(&net->lock);
	net_tx_reclaim(net);
	net_tx_take_back(net);
	net_rx_take_back(net);
	port_unlock(&net->lock, state);
	net_tx_tell(net);
}

/* Offers the receive buffers, and receives until the ring is empty, which asks for interrupts. */
void net_queues_thaw(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);

	net->frozen = false;
	net_tx_judge(net);
	port_unlock(&net->lock, state);
	net_rx_refill(net);
	net_rx_poll(net);
}

/* Buffers of a device that did not answer its reset are left to it: it may still write to them. */
void net_queues_destroy(struct virtio_net *net)
{
	bool stuck = net->vdev->stuck;
	unsigned long state;

	if (!net->rx_vq)
		return;
	work_cancel(&net->rx_work);
	state = port_lock(&net->lock);
	net->failed = -ENODEV; /* who is told now must not submit again */
	net->frozen = true;    /* the queues are not to be touched any more */
	net_tx_judge(net);
	net_rx_take_back(net);
	net_tx_take_back(net);
	port_unlock(&net->lock, state);
	do
		net_tx_tell(net);
	while (work_cancel(&net->tx_work));
	net_tx_wake(net);
	virtio_del_vqs(net->vdev);
	net_tx_free(net, stuck);
	net_rx_free(net, stuck);
}
