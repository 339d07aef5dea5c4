/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving. A buffer is always in one of three places: with the device, with the receiver for the length of
 * a call, or free on its way back to the device. The receiver gets the device's own bytes; nothing is copied.
 *
 * Mostly an interrupt brings one frame. Then interrupts stay on: taking a buffer while they are asks for the
 * next one, so that a second look, which finds nothing, is all that it takes to be done. Where there are
 * more they are turned off, and frames are taken in batches until there are none left. And the device learns
 * of buffers that are offered again only when there are some: most of them it has anyway.
 */
#include "drivers/virtio/virtio_net_private.h"
#include "lib/dma.h"

/* The most buffers; a ring that holds fewer gets fewer. */
#define RX_BUFFERS 256u

/* Receive work between two looks at anything else: rounds of batches of frames. */
#define RX_ROUNDS 4u
#define RX_BATCH  16u

/* Frames that were taken from the device, with the lengths that it gave. */
struct rx_batch {
	unsigned int count;
	unsigned int len[RX_BATCH];
	struct net_buffer *buffer[RX_BATCH];
	virtio_net_receive_t *receive;
	void *arg;
};

/* --- buffers ------------------------------------------------------------------------------- */

static void rx_put(struct virtio_net *net, struct net_buffer *buffer)
{
	buffer->next = net->rx_free;
	net->rx_free = buffer;
}

/* Returns whether the ring took it. */
static bool rx_offer(struct virtio_net *net, struct net_buffer *buffer)
{
	if (unlikely(
		    virtqueue_add_inbuf(net->rx_vq, buffer->sg, net->sg_count, buffer, GFP_ATOMIC)))
		return false;
	net->rx_hidden++;
	return true;
}

/* Offers all free buffers. What the ring or the mapping refuses now stays free for the next time. Under
 * the lock. */
static void rx_offer_free(struct virtio_net *net)
{
	struct net_buffer *buffer;

	while ((buffer = net->rx_free) != NULL && rx_offer(net, buffer))
		net->rx_free = buffer->next;
}

/* Tells the device of all that was offered. Returns whether to notify it. Under the lock. */
static bool rx_publish(struct virtio_net *net)
{
	net->rx_hidden = 0;
	return virtqueue_kick_prepare(net->rx_vq);
}

void net_rx_refill(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool notify = false;

	if (!net->frozen) {
		rx_offer_free(net);
		notify = rx_publish(net);
	}
	port_unlock(&net->lock, state);
	if (notify)
		virtqueue_notify(net->rx_vq);
}

/* Offers a buffer again that the receiver had. Under the lock. */
static inline void rx_offer_again(struct virtio_net *net, struct net_buffer *buffer)
{
	if (unlikely(net->frozen || !rx_offer(net, buffer)))
		rx_put(net, buffer);
}

/* After that. Where all is as it should be, and the device has plenty, it is told later. Returns whether to
 * notify it. Under the lock. */
static inline bool rx_publish_some(struct virtio_net *net)
{
	if (likely(!net->rx_free && net->rx_hidden <= net->rx_hidden_max))
		return false;
	if (net->frozen)
		return false;
	rx_offer_free(net);
	return rx_publish(net);
}

/* --- frames -------------------------------------------------------------------------------- */

/*
 * Whether the device gave us a frame: the header and an Ethernet header at least, no more than it
 * was offered, and no segmentation, which was not negotiated. Other header fields mean
 * nothing without a feature and are not looked at (5.1.9.4.2).
 */
static inline bool rx_valid(const struct virtio_net *net, const struct net_buffer *buffer,
			    unsigned int len)
{
	const uint8_t *header = buffer->frame - net->header_len;

	return len >= net->header_len + VIRTIO_NET_FRAME_MIN &&
	       len <= net->header_len + NET_FRAME_SPACE &&
	       header[offsetof(struct virtio_net_hdr, gso_type)] == VIRTIO_NET_HDR_GSO_NONE;
}

/* Hands the frame of @len bytes in @buffer to @receive, without the lock, so that it may send. */
static inline void rx_deliver(struct virtio_net *net, const struct net_buffer *buffer,
			      unsigned int len, virtio_net_receive_t *receive, void *arg)
{
	const unsigned int bytes = len - net->header_len;

	if (unlikely(!rx_valid(net, buffer, len))) {
		net->stats.rx_errors++;
		return;
	}
	net->stats.rx_frames++;
	net->stats.rx_bytes += bytes;
	if (likely(receive != NULL))
		receive(arg, buffer->frame, bytes);
	else
		net->stats.rx_dropped++;
}

/* Takes frames from the device until the batch, which has @n already, is full. Under the lock. */
static inline void rx_take(struct virtio_net *net, struct rx_batch *batch, unsigned int n)
{
	batch->receive = net->receive;
	batch->arg = net->receive_arg;
	while (n < RX_BATCH) {
		batch->buffer[n] = virtqueue_get_buf(net->rx_vq, &batch->len[n]);
		if (!batch->buffer[n])
			break;
		n++;
	}
	batch->count = n;
}

static void rx_deliver_all(struct virtio_net *net, const struct rx_batch *batch)
{
	for (unsigned int i = 0; i < batch->count; i++)
		rx_deliver(net, batch->buffer[i], batch->len[i], batch->receive, batch->arg);
}

/* Delivers a batch that was taken, and offers its buffers again. */
static void rx_serve(struct virtio_net *net, const struct rx_batch *batch)
{
	unsigned long state;
	bool notify;

	rx_deliver_all(net, batch);
	state = port_lock(&net->lock);
	for (unsigned int i = 0; i < batch->count; i++)
		rx_offer_again(net, batch->buffer[i]);
	notify = rx_publish_some(net);
	port_unlock(&net->lock, state);
	if (notify)
		virtqueue_notify(net->rx_vq);
}

unsigned int net_rx_batch(struct virtio_net *net)
{
	struct rx_batch batch;
	unsigned long state = port_lock(&net->lock);

	rx_take(net, &batch, 0);
	port_unlock(&net->lock, state);
	rx_serve(net, &batch);
	return batch.count;
}

/*
 * Ends polling and asks for interrupts, unless frames came meanwhile. A ring that got no buffer
 * back at all (none could be mapped) would never interrupt: then polling goes on. A broken
 * queue, or one that is being recovered, has nothing more to say.
 */
static bool rx_finish(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool done = net->failed || net->frozen || virtqueue_is_broken(net->rx_vq);

	if (!done && virtqueue_in_flight(net->rx_vq))
		done = virtqueue_enable_cb(net->rx_vq);
	if (done && !net->frozen)
		net->rx_state = NET_RX_IDLE;
	port_unlock(&net->lock, state);
	return done;
}

/* A device that sends without end finds the rest of the machine running in between. */
void net_rx_poll(struct virtio_net *net)
{
	for (unsigned int round = 0; round < RX_ROUNDS; round++) {
		if (net_rx_batch(net) < RX_BATCH && rx_finish(net))
			return;
	}
	work_schedule(&net->rx_work);
}

void net_rx_work(struct work *work)
{
	net_rx_poll(container_of(work, struct virtio_net, rx_work));
}

/* More than the two frames that were taken already. */
static __noinline void rx_poll_from(struct virtio_net *net, struct net_buffer *const two[2],
				    const unsigned int len[2])
{
	unsigned long state = port_lock(&net->lock);
	struct rx_batch batch = {.len = {len[0], len[1]}, .buffer = {two[0], two[1]}};

	virtqueue_disable_cb(net->rx_vq);
	rx_take(net, &batch, 2);
	port_unlock(&net->lock, state);
	rx_serve(net, &batch);
	net_rx_poll(net);
}

/*
 * Interrupt context. Mostly there is one frame, and when the device was asked for the next interrupt it had no
 * other: then there is nothing to poll for.
 */
void net_rx_callback(struct virtqueue *vq)
{
	struct virtio_net *net = vq->priv;
	unsigned long state = port_lock(&net->lock);
	virtio_net_receive_t *receive = net->receive;
	void *arg = net->receive_arg;
	struct net_buffer *buffer[2];
	unsigned int len[2];
	bool notify, again;

	if (unlikely(net->rx_state)) {
		virtqueue_disable_cb(vq);
		net->rx_state = NET_RX_CALLED;
		port_unlock(&net->lock, state);
		return;
	}
	buffer[0] = virtqueue_get_buf(vq, &len[0]);
	buffer[1] = buffer[0] ? virtqueue_get_buf(vq, &len[1]) : NULL;
	if (likely(buffer[0] != NULL))
		net->rx_state = NET_RX_BUSY;
	port_unlock(&net->lock, state);
	if (unlikely(!buffer[0]))
		return;
	if (unlikely(buffer[1] != NULL)) {
		rx_poll_from(net, buffer, len);
		return;
	}

	rx_deliver(net, buffer[0], len[0], receive, arg);

	state = port_lock(&net->lock);
	rx_offer_again(net, buffer[0]);
	notify = rx_publish_some(net);
	again = net->rx_free || net->frozen || net->rx_state == NET_RX_CALLED;
	if (likely(!again))
		net->rx_state = NET_RX_IDLE;
	port_unlock(&net->lock, state);
	if (unlikely(notify))
		virtqueue_notify(vq);
	if (unlikely(again))
		net_rx_poll(net);
}

/* --- life ---------------------------------------------------------------------------------- */

/* Receive buffers are mapped all the time: they take a quarter of what can be mapped, at most. The
 * smallest unit of a mapping is not known here; a page is more than what a slot takes. */
static unsigned int rx_count(const struct virtio_net *net)
{
	unsigned int most = virtqueue_get_vring_size(net->rx_vq) / net->sg_count;
	size_t budget = dma_mapping_capacity(&net->vdev->dev) / 4;

	return (unsigned int)MIN(MIN(most, RX_BUFFERS), MAX(budget / PAGE_SIZE, 1));
}

int net_rx_init(struct virtio_net *net)
{
	const unsigned int count = rx_count(net);

	if (!count)
		return -EINVAL;
	net->rx_slots = net_slots_alloc(count);
	net->rx_buffers = port_alloc(count * sizeof(net->rx_buffers[0]));
	if (!net->rx_slots || !net->rx_buffers)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		net->rx_buffers[i].frame = net_slot_frame(net->rx_slots, i);
		net_set_lists(net, net->rx_buffers[i].sg, net->rx_buffers[i].frame);
		rx_put(net, &net->rx_buffers[i]);
	}
	net->rx_hidden_max = MIN(RX_BATCH, count / 4);
	rx_offer_free(net);
	return virtqueue_in_flight(net->rx_vq) ? 0 : -ENOMEM;
}

void net_rx_free(struct virtio_net *net, bool keep_slots)
{
	port_free(net->rx_buffers);
	if (!keep_slots)
		port_free(net->rx_slots);
}

void net_rx_take_back(struct virtio_net *net)
{
	struct net_buffer *buffer;

	while ((buffer = virtqueue_detach_unused_buf(net->rx_vq)) != NULL)
		rx_put(net, buffer);
	net->rx_hidden = 0;
}
