/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending. A frame is a struct virtio_net_frame, its memory the driver's or the caller's own; the device's
 * header stands in front of it, written once, all zero: no offload, num_buffers 0 (5.1.9.2.1). So to send
 * a frame is to enter its length and add it to the ring, in one descriptor.
 *
 * Whoever holds a frame has its ticket, which says three things at a stroke: that the structure is one of
 * this device's, that it was not moved or copied, and that it is not in flight. It is taken away when the
 * frame is submitted and given back when the device has finished it.
 *
 * Finished frames are collected when somebody needs one, many at a time, without interrupts. Interrupts are
 * asked for only where somebody waits for room, or for his frame, and then one for most of what is in flight.
 */
#include <string.h>
#include "drivers/virtio/virtio_net_private.h"

/* The most frames of the driver's own; a ring that holds fewer gets fewer. */
#define TX_FRAMES 64u

/* Frames that are taken back in one call. */
#define BATCH 32u

/* Frames of which senders are told between two looks at anything else. */
#define TELL_MAX 64u

/* A waiter looks again after this time even if nobody has woken it. */
#define WAIT_SLICE_NS (10 * NSEC_PER_MSEC)

/* --- frames -------------------------------------------------------------------------------- */

static inline uintptr_t ticket_of(const struct virtio_net *net,
				  const struct virtio_net_frame *frame)
{
	return (uintptr_t)net ^ (uintptr_t)frame; /* two objects: not 0 */
}

/* Marks the driver's own frames. Never called. */
static void lent(struct virtio_net_frame *frame)
{
	(void)frame;
}

/* Enters a length that is not that of the last time. Returns 0 or -EINVAL. */
static __noinline int set_length(const struct virtio_net *net, struct virtio_net_frame *frame,
				 unsigned int len)
{
	if (len < VIRTIO_NET_FRAME_MIN || len > frame->most)
		return -EINVAL;
	if (net->sg_count == 1)
		frame->sg[0].length = net->header_len + len;
	else
		frame->sg[1].length = len;
	frame->listed = len;
	return 0;
}

static void frame_setup(const struct virtio_net *net, struct virtio_net_frame *frame, uint8_t *data,
			size_t space)
{
	frame->data = data;
	frame->most = (unsigned int)MIN(space, VIRTIO_NET_FRAME_MIN + (size_t)net->mtu);
	frame->len = frame->most;
	frame->status = 0;
	net_set_lists(net, frame->sg, data);
	(void)set_length(net, frame, frame->most);
	memset(data - net->header_len, 0, net->header_len);
}

int virtio_net_frame_init(struct virtio_net *net, struct virtio_net_frame *frame, void *memory,
			  size_t size, virtio_net_sent_t *sent)
{
	if (!memory || size < VIRTIO_NET_HEADROOM + VIRTIO_NET_FRAME_MIN)
		return -EINVAL;
	frame_setup(net, frame, (uint8_t *)memory + VIRTIO_NET_HEADROOM,
		    size - VIRTIO_NET_HEADROOM);
	frame->sent = sent;
	frame->ticket = ticket_of(net, frame);
	return 0;
}

static void pool_put(struct virtio_net *net, struct virtio_net_frame *frame)
{
	frame->ticket = 0;
	frame->next = net->tx_free;
	net->tx_free = frame;
}

static struct virtio_net_frame *pool_get(struct virtio_net *net)
{
	struct virtio_net_frame *frame = net->tx_free;

	if (frame)
		net->tx_free = frame->next;
	return frame;
}

/* --- back from the device ------------------------------------------------------------------ */

/* A frame that is not simply its owner's again: a lent one, or one whose sender is to be told. */
static __noinline void retire(struct virtio_net *net, struct virtio_net_frame *frame)
{
	if (frame->sent == lent) {
		pool_put(net, frame);
		return;
	}
	net->tx_watched--;
	frame->next = NULL;
	if (net->tx_done)
		net->tx_done_last->next = frame;
	else
		WRITE_ONCE(net->tx_done, frame);
	net->tx_done_last = frame;
}

/* Under the lock. */
static __always_inline void take_frame_back(struct virtio_net *net, struct virtio_net_frame *frame)
{
	if (unlikely(frame->sent != NULL))
		retire(net, frame);
	else
		__atomic_store_n(&frame->ticket, ticket_of(net, frame), __ATOMIC_RELEASE);
}

/* While somebody waits for frames: each one asks for the interrupt of the next. */
static __noinline unsigned int take_back_watched(struct virtio_net *net)
{
	struct virtio_net_frame *frame;
	unsigned int len, count = 0;

	for (; (frame = virtqueue_get_buf(net->tx_vq, &len)) != NULL; count++)
		take_frame_back(net, frame);
	return count;
}

static __always_inline unsigned int take_back_all(struct virtio_net *net)
{
	unsigned int len[BATCH], got, count = 0;
	void *frames[BATCH];

	do {
		got = virtqueue_get_bufs(net->tx_vq, frames, len, BATCH);
		for (unsigned int i = 0; i < got; i++)
			take_frame_back(net, frames[i]);
		count += got;
	} while (got == BATCH);
	return count;
}

/* The length that the device gives means nothing here (5.1.9.1). */
unsigned int net_tx_reclaim(struct virtio_net *net)
{
	const bool watched = net->tx_watched || net->tx_waiting;
	unsigned int count = unlikely(watched) ? take_back_watched(net) : take_back_all(net);

	net->tx_back += count;
	if (unlikely(watched) && count)
		WRITE_ONCE(net->tx_room, net->tx_waiting);
	return count;
}

void net_tx_take_back(struct virtio_net *net)
{
	struct virtio_net_frame *frame;

	for (; (frame = virtqueue_detach_unused_buf(net->tx_vq)) != NULL; net->tx_back++) {
		frame->status = -EIO;
		take_frame_back(net, frame);
		net->stats.tx_lost++;
	}
}

/* The first frame whose sender is to be told. Its ticket comes with it. Under the lock. */
static struct virtio_net_frame *next_done(struct virtio_net *net)
{
	struct virtio_net_frame *frame = net->tx_done;

	if (!frame)
		return NULL;
	WRITE_ONCE(net->tx_done, frame->next);
	__atomic_store_n(&frame->ticket, ticket_of(net, frame), __ATOMIC_RELEASE);
	return frame;
}

/* What is called may submit frames that come back at once: then they are told of here, by whoever is at
 * it already, and so many at a time that the rest of the machine gets its turn. */
static void tell(struct virtio_net *net)
{
	struct virtio_net_frame *frame = NULL;
	unsigned long state = port_lock(&net->lock);
	bool mine = !net->tx_telling;

	net->tx_telling = true;
	for (unsigned int i = 0; mine && i < TELL_MAX && (frame = next_done(net)) != NULL; i++) {
		port_unlock(&net->lock, state);
		frame->sent(frame);
		state = port_lock(&net->lock);
	}
	if (mine)
		net->tx_telling = false;
	port_unlock(&net->lock, state);
	if (mine && frame)
		work_schedule(&net->tx_work);
}

/* Who waits is told from a work item: whoever made room may himself be one who was told so. */
static __noinline void pass_room_on(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	const bool room = net->tx_room && net->tx_waiting;

	WRITE_ONCE(net->tx_room, false);
	port_unlock(&net->lock, state);
	if (room)
		work_schedule(&net->tx_work);
}

static __always_inline void tell_whom_it_concerns(struct virtio_net *net)
{
	if (unlikely(READ_ONCE(net->tx_done) != NULL))
		tell(net);
	if (unlikely(READ_ONCE(net->tx_room)))
		pass_room_on(net);
}

void net_tx_tell(struct virtio_net *net)
{
	tell_whom_it_concerns(net);
}

void net_tx_work(struct work *work)
{
	struct virtio_net *net = container_of(work, struct virtio_net, tx_work);

	tell_whom_it_concerns(net);
	net_tx_wake(net);
}

void net_tx_wake(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool waiting = net->tx_waiting;
	void (*ready)(void *arg) = net->tx_ready;
	void *arg = net->tx_ready_arg;

	net->tx_waiting = false;
	net->tx_lacking = false;
	WRITE_ONCE(net->tx_room, false);
	port_unlock(&net->lock, state);
	if (!waiting)
		return;
	port_event_signal(&net->tx_event);
	if (ready)
		ready(arg);
}

/* Asks for an interrupt for the senders that want to be told. Bounded: each turn takes frames back, and
 * none is added. Under the lock. */
static void watch(struct virtio_net *net)
{
	while (net->tx_watched && !virtqueue_enable_cb_delayed(net->tx_vq))
		if (!net_tx_reclaim(net))
			return; /* the queue was found broken */
}

/* Interrupt context. Where nobody has asked for it, it is that of the other queue. */
void net_tx_callback(struct virtqueue *vq)
{
	struct virtio_net *net = vq->priv;
	unsigned long state = port_lock(&net->lock);
	bool asked = net->tx_waiting || net->tx_watched;

	virtqueue_disable_cb(vq);
	if (asked && !net->frozen) {
		net_tx_reclaim(net);
		watch(net);
		WRITE_ONCE(net->tx_room, false); /* it is passed on below */
	}
	port_unlock(&net->lock, state);
	if (!asked)
		return;
	tell_whom_it_concerns(net);
	net_tx_wake(net);
}

/* Under the lock. */
void net_tx_judge(struct virtio_net *net)
{
	/* Until recovery is over there is no room, and its end wakes who was told so. */
	net->tx_closed = net->failed	 ? net->failed
			 : !net->link_up ? -ENETDOWN
			 : net->frozen	 ? -ENOSPC
					 : 0;
}

/* --- to the device ------------------------------------------------------------------------- */

/* Publishes what was added. Returns whether to notify the device. Under the lock. */
static bool publish(struct virtio_net *net)
{
	if (unlikely(net->failed || net->frozen))
		return false;
	if (unlikely(net->tx_watched))
		watch(net);
	return virtqueue_kick_prepare(net->tx_vq);
}

/* Without the lock. A queue that cannot be notified is broken, and recovery begins. */
static void notify_device(struct virtio_net *net, bool notify)
{
	if (notify)
		(void)virtqueue_notify(net->tx_vq);
}

/*
 * Finds room: finished frames; where there are none, asks for an interrupt and looks once more, because
 * some may have been finished before the device saw the question. Returns whether there is some. Under
 * the lock.
 */
static bool make_room(struct virtio_net *net)
{
	if (net->frozen || virtqueue_is_broken(net->tx_vq))
		return false;
	if (net_tx_reclaim(net))
		return true;
	virtqueue_enable_cb_delayed(net->tx_vq);
	if (!net_tx_reclaim(net))
		return false;
	if (!net->tx_watched && !net->tx_waiting)
		virtqueue_disable_cb(net->tx_vq);
	return true;
}

/*
 * What to do where the ring has refused a frame with @err: 0, try again; or what the sender is told. Where it
 * could not be mapped, what comes back makes room, as in a ring that is full. Nothing more comes back from
 * a queue that was found broken just now, but recovery begins.
 */
static __noinline int refused(struct virtio_net *net, int err)
{
	if (err == -EIO || (err == -ENOMEM && virtqueue_in_flight(net->tx_vq)))
		err = -ENOSPC;
	return err == -ENOSPC && make_room(net) ? 0 : err;
}

static __noinline void watch_for(struct virtio_net *net, const struct virtio_net_frame *frame)
{
	if (frame->sent != lent)
		net->tx_watched++;
}

/*
 * Adds a frame to the ring. Returns 0, -EINVAL (it is not his who submits it, or its length is wrong), or the
 * ring's error. Under the lock.
 */
static __always_inline int add_frame(const struct virtio_net *net, struct virtqueue *vq,
				     struct virtio_net_frame *frame, unsigned int len)
{
	int err;

	if (unlikely(frame->ticket != ticket_of(net, frame)))
		return -EINVAL;
	if (unlikely(len != frame->listed) && set_length(net, frame, len))
		return -EINVAL;
	err = virtqueue_add_outbuf(vq, frame->sg, net->sg_count, frame, GFP_ATOMIC);
	if (likely(!err)) {
		frame->ticket = 0;
		frame->status = 0;
	}
	return err;
}

/* Adds up to @count frames. Returns how many; where those are not all, *@err says why. Under the lock. */
static __noinline unsigned int add_frames(struct virtio_net *net,
					  struct virtio_net_frame *const frames[],
					  unsigned int count, int *err)
{
	struct virtio_net_frame *const *at = frames, *const *const end = frames + count;
	struct virtqueue *const vq = net->tx_vq;
	unsigned long bytes = 0;

	while (at < end) {
		struct virtio_net_frame *frame = *at;
		unsigned int len = 0;
		int why = -EINVAL;

		if (likely(frame != NULL)) {
			len = frame->len;
			why = add_frame(net, vq, frame, len);
		}
		if (unlikely(why)) {
			*err = refused(net, why);
			if (*err)
				break;
			continue;
		}
		if (unlikely(frame->sent != NULL))
			watch_for(net, frame);
		bytes += len;
		at++;
	}
	net->stats.tx_bytes += bytes;
	return (unsigned int)(at - frames);
}

/* Adds a frame where nothing is unusual. Returns whether that was so. Under the lock. */
static __always_inline bool add_usual(struct virtio_net *net, struct virtio_net_frame *frame)
{
	unsigned int len;

	if (unlikely(!frame || frame->sent))
		return false;
	len = frame->len;
	if (unlikely(add_frame(net, net->tx_vq, frame, len)))
		return false;
	net->stats.tx_bytes += len;
	return true;
}

/* Notes that somebody was refused. */
static void note_refusal(struct virtio_net *net, int err)
{
	if (err != -ENOSPC)
		return;
	net->tx_waiting = true;
	net->stats.tx_full++;
}

/* Many frames, or one that takes more than a look. Under the lock. */
static __noinline int submit_frames(struct virtio_net *net, struct virtio_net_frame *const frames[],
				    unsigned int count)
{
	int err = net->tx_closed;
	unsigned int n = 0;

	if (likely(!err))
		n = add_frames(net, frames, count, &err);
	net->stats.tx_frames += n;
	if (unlikely(n < count))
		note_refusal(net, err);
	if (unlikely(net->tx_watched))
		watch(net);
	return n || !count ? (int)n : err;
}

int virtio_net_submit(struct virtio_net *net, struct virtio_net_frame *const frames[],
		      unsigned int count)
{
	unsigned long state = port_lock(&net->lock);
	bool notify = false;
	int ret = 1;

	if (likely(count == 1 && !net->tx_closed) && add_usual(net, frames[0]))
		net->stats.tx_frames++;
	else
		ret = submit_frames(net, frames, count);
	if (likely(!net->tx_closed))
		notify = virtqueue_kick_prepare(net->tx_vq);
	port_unlock(&net->lock, state);
	if (notify)
		(void)virtqueue_notify(net->tx_vq);
	tell_whom_it_concerns(net);
	return ret;
}

/* Takes a frame of the driver's own for somebody to fill. Under the lock. */
static struct virtio_net_frame *lend(struct virtio_net *net)
{
	struct virtio_net_frame *frame = pool_get(net);

	/* The driver's own may all be lent, and what came back the callers'. */
	while (unlikely(!frame) && make_room(net))
		frame = pool_get(net);
	if (frame)
		frame->ticket = ticket_of(net, frame);
	return frame;
}

int virtio_net_lend(struct virtio_net *net, struct virtio_net_frame *frames[], unsigned int count)
{
	unsigned long state = port_lock(&net->lock);
	int err = net->failed;
	bool notify = false;
	unsigned int n = 0;

	while (!err && n < count) {
		struct virtio_net_frame *frame = lend(net);

		if (!frame)
			break;
		frames[n++] = frame;
	}
	if (!n && !err && count) {
		err = -ENOSPC;
		note_refusal(net, err);
		net->tx_lacking = true;
		notify = publish(net); /* those of virtio_net_add() */
	}
	port_unlock(&net->lock, state);
	notify_device(net, notify);
	tell_whom_it_concerns(net);
	return err ? err : (int)n;
}

void virtio_net_return(struct virtio_net *net, struct virtio_net_frame *const frames[],
		       unsigned int count)
{
	unsigned long state = port_lock(&net->lock);

	for (unsigned int i = 0; i < count; i++) {
		struct virtio_net_frame *frame = frames[i];

		if (frame && frame->ticket == ticket_of(net, frame) && frame->sent == lent)
			pool_put(net, frame);
	}
	if (net->tx_lacking)
		WRITE_ONCE(net->tx_room, true);
	port_unlock(&net->lock, state);
	tell_whom_it_concerns(net);
}

unsigned int virtio_net_reclaim(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	unsigned int count = net->frozen ? 0 : net_tx_reclaim(net);

	port_unlock(&net->lock, state);
	tell_whom_it_concerns(net);
	return count;
}

/* Whether no frame has come back since there were @before, while some are in flight. Then the end of it is
 * announced by tx_event. */
static bool nothing_back(struct virtio_net *net, unsigned long before)
{
	unsigned long state = port_lock(&net->lock);
	bool nothing = !net->failed && virtqueue_in_flight(net->tx_vq) && net->tx_back == before &&
		       !make_room(net);
	bool notify = nothing && publish(net);

	if (nothing)
		net->tx_waiting = true;
	port_unlock(&net->lock, state);
	notify_device(net, notify);
	tell_whom_it_concerns(net);
	return nothing;
}

/* The device may be removed while one of its users waits. */
static bool get(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool there = net->references > 0;

	net->references += there;
	port_unlock(&net->lock, state);
	return there;
}

static bool wait_slice(struct virtio_net *net, uint64_t start, uint64_t timeout_ns)
{
	uint64_t elapsed = port_now_ns() - start;

	if (elapsed >= timeout_ns)
		return false;
	/* Woken or not, the answer is to try again. */
	(void)port_event_wait(&net->tx_event, MIN(timeout_ns - elapsed, WAIT_SLICE_NS));
	return true;
}

int virtio_net_reclaim_wait(struct virtio_net *net, uint64_t timeout_ns)
{
	const unsigned long before = net->tx_back;
	uint64_t start = port_now_ns();
	int ret = 0;

	if (!get(net))
		return -ENODEV;
	while (!ret && nothing_back(net, before))
		ret = wait_slice(net, start, timeout_ns) ? 0 : -ETIMEDOUT;
	net_put(net);
	return ret;
}

/* --- copies -------------------------------------------------------------------------------- */

/* Copies a frame into one of the driver's own and adds that. Under the lock. */
static int add_copy(struct virtio_net *net, const void *frame, unsigned int len)
{
	struct virtio_net_frame *copy;
	int err = net->tx_closed;

	if (err)
		return err;
	copy = lend(net);
	if (!copy) {
		net->tx_lacking = true;
		return -ENOSPC;
	}
	memcpy(copy->data, frame, len);
	copy->len = len;
	if (add_frames(net, &copy, 1, &err) == 0) {
		pool_put(net, copy);
		return err;
	}
	net->stats.tx_frames++;
	return 0;
}

static bool length_valid(const struct virtio_net *net, unsigned int len)
{
	return len >= VIRTIO_NET_FRAME_MIN && len <= VIRTIO_NET_FRAME_MIN + net->mtu;
}

/* Adds a copy and, where @kick says so, or there was no room, publishes all that was added: room comes back
 * only from a device that knows what to send. */
static int send_copy(struct virtio_net *net, const void *frame, unsigned int len, bool kick)
{
	unsigned long state;
	bool notify = false;
	int err;

	if (!length_valid(net, len))
		return -EINVAL;
	state = port_lock(&net->lock);
	err = add_copy(net, frame, len);
	note_refusal(net, err);
	if (kick || err == -ENOSPC)
		notify = publish(net);
	port_unlock(&net->lock, state);
	if (notify && !virtqueue_notify(net->tx_vq) && !err)
		err = -EIO;
	tell_whom_it_concerns(net);
	return err;
}

int virtio_net_send(struct virtio_net *net, const void *frame, unsigned int len)
{
	return send_copy(net, frame, len, true);
}

int virtio_net_add(struct virtio_net *net, const void *frame, unsigned int len)
{
	return send_copy(net, frame, len, false);
}

void virtio_net_kick(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool notify = publish(net);

	port_unlock(&net->lock, state);
	notify_device(net, notify);
	tell_whom_it_concerns(net);
}

int virtio_net_send_wait(struct virtio_net *net, const void *frame, unsigned int len,
			 uint64_t timeout_ns)
{
	uint64_t start = port_now_ns();
	int ret;

	if (!get(net))
		return -ENODEV;
	while ((ret = virtio_net_send(net, frame, len)) == -ENOSPC) {
		if (!wait_slice(net, start, timeout_ns)) {
			ret = -ETIMEDOUT;
			break;
		}
	}
	net_put(net);
	return ret;
}

/* --- life ---------------------------------------------------------------------------------- */

int net_tx_init(struct virtio_net *net)
{
	const unsigned int most = virtqueue_get_vring_size(net->tx_vq) / net->sg_count;
	const unsigned int count = MIN(most, TX_FRAMES);

	if (!count)
		return -EINVAL;
	net->tx_slots = net_slots_alloc(count);
	net->tx_frames = port_alloc(count * sizeof(net->tx_frames[0]));
	if (!net->tx_slots || !net->tx_frames)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++) {
		frame_setup(net, &net->tx_frames[i], net_slot_frame(net->tx_slots, i),
			    VIRTIO_NET_FRAME_MAX);
		net->tx_frames[i].sent = lent;
		pool_put(net, &net->tx_frames[i]);
	}
	virtqueue_disable_cb(net->tx_vq);
	return 0;
}

void net_tx_free(struct virtio_net *net, bool keep_slots)
{
	port_free(net->tx_frames);
	if (!keep_slots)
		port_free(net->tx_slots);
}
