/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two queues of a network device. A receive buffer is always in one of three places: with the
 * device, with the receiver for the length of a call, or in the pool on its way back to the
 * device. A frame to send is copied into a transmit buffer, so that the caller's memory is free
 * at once; finished ones are collected when the pool runs dry, and only then is the device asked
 * for interrupts.
 */
#include <string.h>
#include "drivers/virtio/virtio_net_private.h"
#include "lib/dma.h"

/* The most buffers of a direction; a ring that holds fewer gets fewer. */
#define RX_BUFFERS 256u
#define TX_BUFFERS 64u

/* Receive work between two looks at anything else: rounds of batches of frames. */
#define RX_ROUNDS 4u
#define RX_BATCH  16u

/* A frame with one VLAN tag is the longest we take in. */
#define FRAME_SPACE VIRTIO_NET_VLAN_MAX

/*
 * A slot is a whole number of cache lines, which no other data shares. The frame stands at a fixed
 * place in it, the virtio header directly in front, so that the payload of the frame begins at a
 * multiple of 32 bytes whichever length the header has.
 */
#define CACHE_LINE   64u
#define FRAME_OFFSET (32u - VIRTIO_NET_FRAME_MIN)
#define SLOT_SIZE    ALIGN_UP(FRAME_OFFSET + FRAME_SPACE, CACHE_LINE)

_Static_assert(FRAME_OFFSET >= VIRTIO_NET_HDR_LEN, "no room for the header");
_Static_assert(VIRTIO_NET_HDR_LEN_LEGACY + FRAME_SPACE >= VIRTIO_NET_RX_BUF_MIN, "5.1.9.3.1");

/* A waiter looks again after this time even if nobody has woken it. */
#define WAIT_SLICE_NS (10 * NSEC_PER_MSEC)

/* A received buffer with the length that the device gave. */
struct rx_frame {
	struct net_buffer *buffer;
	unsigned int len;
};

/* --- pools --------------------------------------------------------------------------------- */

static void pool_put(struct net_pool *pool, struct net_buffer *buffer)
{
	buffer->next = pool->free;
	pool->free = buffer;
}

static struct net_buffer *pool_get(struct net_pool *pool)
{
	struct net_buffer *buffer = pool->free;

	if (buffer)
		pool->free = buffer->next;
	return buffer;
}

static void buffer_init(const struct virtio_net *net, struct net_buffer *buffer, uint8_t *slot)
{
	uint8_t *header = slot + FRAME_OFFSET - net->header_len;

	buffer->frame = slot + FRAME_OFFSET;
	sg_init_table(buffer->sg, net->sg_count);
	if (net->sg_count == 1) {
		sg_set_buf(&buffer->sg[0], header, net->header_len + FRAME_SPACE);
	} else {
		sg_set_buf(&buffer->sg[0], header, net->header_len);
		sg_set_buf(&buffer->sg[1], buffer->frame, FRAME_SPACE);
	}
}

static int pool_init(const struct virtio_net *net, struct net_pool *pool, unsigned int count)
{
	uint8_t *slots;

	pool->memory = port_alloc(count * SLOT_SIZE + CACHE_LINE);
	pool->buffers = port_alloc(count * sizeof(pool->buffers[0]));
	if (!pool->memory || !pool->buffers)
		return -ENOMEM;

	slots = (uint8_t *)ALIGN_UP((uintptr_t)pool->memory, CACHE_LINE);
	for (unsigned int i = 0; i < count; i++) {
		buffer_init(net, &pool->buffers[i], slots + i * SLOT_SIZE);
		pool_put(pool, &pool->buffers[i]);
	}
	return 0;
}

static void pool_free(struct net_pool *pool, bool keep_memory)
{
	port_free(pool->buffers);
	if (!keep_memory)
		port_free(pool->memory);
}

void net_tx_wake(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool waiting = net->tx_waiting;
	void (*ready)(void *arg) = net->tx_ready;
	void *arg = net->tx_ready_arg;

	net->tx_waiting = false;
	port_unlock(&net->lock, state);
	if (!waiting)
		return;
	port_event_signal(&net->tx_event);
	if (ready)
		ready(arg);
}

/* --- receive ------------------------------------------------------------------------------- */

/* Offers all buffers of the pool to the device. What the ring or the mapping refuses now stays in
 * the pool for the next time. Under the lock. */
static void rx_offer(struct virtio_net *net)
{
	struct net_buffer *buffer;

	while ((buffer = pool_get(&net->rx)) != NULL) {
		if (virtqueue_add_inbuf(net->rx_vq, buffer->sg, net->sg_count, buffer,
					GFP_ATOMIC)) {
			pool_put(&net->rx, buffer);
			return;
		}
	}
}

/* Offers the pool's buffers with one notification for all of them. */
void net_rx_refill(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool notify = false;

	if (!net->frozen) {
		rx_offer(net);
		notify = virtqueue_kick_prepare(net->rx_vq);
	}
	port_unlock(&net->lock, state);
	if (notify)
		virtqueue_notify(net->rx_vq);
}

/*
 * Whether the device gave us a frame: the header and an Ethernet header at least, no more than it
 * was offered, and no segmentation, which was not negotiated. Other header fields mean
 * nothing without a feature and are not looked at (5.1.9.4.2).
 */
static bool rx_valid(const struct virtio_net *net, const struct rx_frame *rx)
{
	const uint8_t *header = rx->buffer->frame - net->header_len;

	return rx->len >= net->header_len + VIRTIO_NET_FRAME_MIN &&
	       rx->len <= net->header_len + FRAME_SPACE &&
	       header[offsetof(struct virtio_net_hdr, gso_type)] == VIRTIO_NET_HDR_GSO_NONE;
}

/* Hands a frame to the receiver, without the lock, so that it may send. */
static void rx_deliver(struct virtio_net *net, const struct rx_frame *rx,
		       virtio_net_receive_t *receive, void *arg)
{
	unsigned int len = rx->len - net->header_len;

	if (!rx_valid(net, rx)) {
		net->stats.rx_errors++;
		return;
	}
	net->stats.rx_frames++;
	net->stats.rx_bytes += len;
	if (receive)
		receive(arg, rx->buffer->frame, len);
	else
		net->stats.rx_dropped++;
}

/* Takes a batch of frames from the device, delivers it and offers the buffers again. Returns how
 * many there were. */
static unsigned int rx_batch(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	virtio_net_receive_t *receive = net->receive;
	void *arg = net->receive_arg;
	struct rx_frame batch[RX_BATCH];
	unsigned int n = 0;
	bool refill;

	while (n < RX_BATCH) {
		batch[n].buffer = virtqueue_get_buf(net->rx_vq, &batch[n].len);
		if (!batch[n].buffer)
			break;
		n++;
	}
	port_unlock(&net->lock, state);

	for (unsigned int i = 0; i < n; i++)
		rx_deliver(net, &batch[i], receive, arg);

	state = port_lock(&net->lock);
	for (unsigned int i = 0; i < n; i++)
		pool_put(&net->rx, batch[i].buffer);
	refill = net->rx.free != NULL;
	port_unlock(&net->lock, state);
	if (refill)
		net_rx_refill(net);
	return n;
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
	if (done)
		net->rx_polling = false;
	port_unlock(&net->lock, state);
	return done;
}

/* A bounded amount of receiving; a device that sends without end finds the rest of the machine
 * running in between. */
static void rx_poll(struct virtio_net *net)
{
	for (unsigned int round = 0; round < RX_ROUNDS; round++) {
		if (rx_batch(net) < RX_BATCH && rx_finish(net))
			return;
	}
	work_schedule(&net->rx_work);
}

static void rx_work(struct work *work)
{
	rx_poll(container_of(work, struct virtio_net, rx_work));
}

/* Interrupt context. Interrupts stay off until rx_finish() finds nothing left to do. */
void net_rx_callback(struct virtqueue *vq)
{
	struct virtio_net *net = vq->priv;
	unsigned long state = port_lock(&net->lock);
	bool polling = net->rx_polling;

	net->rx_polling = true;
	virtqueue_disable_cb(vq);
	port_unlock(&net->lock, state);
	if (!polling)
		rx_poll(net);
}

/* --- transmit ------------------------------------------------------------------------------ */

/* Takes finished buffers back; the length means nothing here (5.1.9.1). Under the lock. */
static bool tx_reclaim(struct virtio_net *net)
{
	struct net_buffer *buffer;
	unsigned int len;
	bool any = false;

	while ((buffer = virtqueue_get_buf(net->tx_vq, &len)) != NULL) {
		pool_put(&net->tx, buffer);
		any = true;
	}
	return any;
}

/* Copies a frame into a buffer and adds it. The header in front of it is all zero from the start
 * and stays so: no offload, num_buffers 0 (5.1.9.2.1). Under the lock. */
static int tx_add(struct virtio_net *net, const void *frame, unsigned int len)
{
	struct net_buffer *buffer = pool_get(&net->tx);
	int ret;

	if (!buffer)
		return -ENOSPC;
	memcpy(buffer->frame, frame, len);
	if (net->sg_count == 1)
		buffer->sg[0].length = net->header_len + len;
	else
		buffer->sg[1].length = len;
	ret = virtqueue_add_outbuf(net->tx_vq, buffer->sg, net->sg_count, buffer, GFP_ATOMIC);
	if (ret)
		pool_put(&net->tx, buffer);
	/* Where it could not be mapped, what comes back makes room, as in a ring that is full. */
	return ret == -ENOMEM && virtqueue_in_flight(net->tx_vq) ? -ENOSPC : ret;
}

/*
 * The same with what it takes to find room: collect finished buffers; where there are none, ask
 * for an interrupt and look once more, because some may have been finished before the device
 * saw the question. Under the lock.
 */
static int tx_add_reclaim(struct virtio_net *net, const void *frame, unsigned int len)
{
	int ret;

	/* Until recovery is over there is no room, and its end wakes who was told so. */
	if (net->frozen || virtqueue_is_broken(net->tx_vq)) {
		net->tx_waiting = true;
		return -ENOSPC;
	}
	ret = tx_add(net, frame, len);
	if (ret == -ENOSPC && tx_reclaim(net))
		ret = tx_add(net, frame, len);
	if (ret == -ENOSPC) {
		virtqueue_enable_cb_delayed(net->tx_vq);
		if (tx_reclaim(net))
			ret = tx_add(net, frame, len);
	}
	/* Nothing more comes back from a queue that was found broken just now; recovery begins. */
	if (ret == -EIO)
		ret = -ENOSPC;
	if (ret == -ENOSPC)
		net->tx_waiting = true;
	return ret;
}

/* Under the lock. */
static int tx_enqueue(struct virtio_net *net, const void *frame, unsigned int len)
{
	int ret;

	if (net->failed)
		return -EIO;
	if (!net->link_up)
		return -ENETDOWN;
	ret = tx_add_reclaim(net, frame, len);
	if (!ret) {
		net->stats.tx_frames++;
		net->stats.tx_bytes += len;
	} else if (ret == -ENOSPC) {
		net->stats.tx_full++;
	}
	return ret;
}

static bool tx_length_valid(const struct virtio_net *net, unsigned int len)
{
	return len >= VIRTIO_NET_FRAME_MIN && len <= VIRTIO_NET_FRAME_MIN + net->mtu;
}

int virtio_net_send(struct virtio_net *net, const void *frame, unsigned int len)
{
	unsigned long state;
	bool notify;
	int ret;

	if (!tx_length_valid(net, len))
		return -EINVAL;
	state = port_lock(&net->lock);
	ret = tx_enqueue(net, frame, len);
	notify = !ret && virtqueue_kick_prepare(net->tx_vq);
	port_unlock(&net->lock, state);
	if (notify && !virtqueue_notify(net->tx_vq))
		return -EIO;
	return ret;
}

void virtio_net_kick(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool notify = !net->failed && !net->frozen && !virtqueue_is_broken(net->tx_vq) &&
		      virtqueue_kick_prepare(net->tx_vq);

	port_unlock(&net->lock, state);
	if (notify) /* a queue that cannot be notified is broken, and recovery begins */
		(void)virtqueue_notify(net->tx_vq);
}

int virtio_net_add(struct virtio_net *net, const void *frame, unsigned int len)
{
	unsigned long state;
	int ret;

	if (!tx_length_valid(net, len))
		return -EINVAL;
	state = port_lock(&net->lock);
	ret = tx_enqueue(net, frame, len);
	port_unlock(&net->lock, state);
	/* Room comes back only from a device that knows what to send. */
	if (ret == -ENOSPC)
		virtio_net_kick(net);
	return ret;
}

int virtio_net_send_wait(struct virtio_net *net, const void *frame, unsigned int len,
			 uint64_t timeout_ns)
{
	uint64_t start = port_now_ns();
	int ret;

	while ((ret = virtio_net_send(net, frame, len)) == -ENOSPC) {
		uint64_t elapsed = port_now_ns() - start;

		if (elapsed >= timeout_ns)
			return -ETIMEDOUT;
		/* Woken or not, the answer is to try again. */
		(void)port_event_wait(&net->tx_event, MIN(timeout_ns - elapsed, WAIT_SLICE_NS));
	}
	return ret;
}

/* Interrupt context: asked for by a sender that found no buffer. The next such asks again. */
void net_tx_callback(struct virtqueue *vq)
{
	struct virtio_net *net = vq->priv;
	unsigned long state = port_lock(&net->lock);

	virtqueue_disable_cb(vq);
	tx_reclaim(net);
	port_unlock(&net->lock, state);
	net_tx_wake(net);
}

/* --- both -------------------------------------------------------------------------------- */

/* Receive buffers are mapped all the time: they take a quarter of what can be mapped, at most. The
 * smallest unit of a mapping is not known here; a page is more than what a slot takes. */
static unsigned int rx_buffers(const struct virtio_net *net)
{
	unsigned int most = virtqueue_get_vring_size(net->rx_vq) / net->sg_count;
	size_t budget = dma_mapping_capacity(&net->vdev->dev) / 4;

	return (unsigned int)MIN(MIN(most, RX_BUFFERS), MAX(budget / PAGE_SIZE, 1));
}

int net_queues_init(struct virtio_net *net)
{
	unsigned int rx = rx_buffers(net);
	unsigned int tx = MIN(virtqueue_get_vring_size(net->tx_vq) / net->sg_count, TX_BUFFERS);
	int ret;

	work_init(&net->rx_work, rx_work);
	if (!rx || !tx)
		return -EINVAL;
	ret = pool_init(net, &net->rx, rx);
	if (!ret)
		ret = pool_init(net, &net->tx, tx);
	if (ret)
		return ret;
	virtqueue_disable_cb(net->tx_vq);
	rx_offer(net);
	return virtqueue_in_flight(net->rx_vq) ? 0 : -ENOMEM;
}

/* --- recovery ------------------------------------------------------------------------------ */

static void take_back(struct virtqueue *vq, struct net_pool *pool)
{
	struct net_buffer *buffer;

	while ((buffer = virtqueue_detach_unused_buf(vq)) != NULL)
		pool_put(pool, buffer);
}

void net_queues_freeze(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);

	net->frozen = true;
	net->rx_polling = true; /* nobody else receives until the end of recovery */
	port_unlock(&net->lock, state);
	work_cancel(&net->rx_work);
	/* Bounded by the ring: nothing is offered any more. */
	while (rx_batch(net))
		;
	state = port_lock(&net->lock);
	tx_reclaim(net);
	net->stats.tx_lost += virtqueue_in_flight(net->tx_vq);
	take_back(net->rx_vq, &net->rx);
	take_back(net->tx_vq, &net->tx);
	port_unlock(&net->lock, state);
}

/* Offers the receive buffers, and receives until the ring is empty, which asks for interrupts. */
void net_queues_thaw(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);

	net->frozen = false;
	port_unlock(&net->lock, state);
	net_rx_refill(net);
	rx_poll(net);
}

/* Buffers of a device that did not answer its reset are left to it: it may still write to them. */
void net_queues_destroy(struct virtio_net *net)
{
	bool stuck = net->vdev->stuck;

	if (!net->rx_vq)
		return;
	work_cancel(&net->rx_work);
	while (virtqueue_detach_unused_buf(net->rx_vq))
		;
	while (virtqueue_detach_unused_buf(net->tx_vq))
		;
	virtio_del_vqs(net->vdev);
	pool_free(&net->tx, stuck);
	pool_free(&net->rx, stuck);
}
