/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (VIRTIO 1.4, 5.4): one queue into which we put empty buffers, and from which
 * they come back with as many random bytes as the device had. The blocking read lends the device
 * a buffer of the driver's own and copies out of it, so that the device never holds a pointer
 * to its caller's stack.
 */
#include <string.h>
#include "drivers/virtio/virtio_rng.h"
#include "lib/work.h"
#include "virtio/port.h"

#define RNG_BOUNCE_BYTES 512u
#define RNG_ALIGNMENT	 __alignof__(struct virtio_rng)

/* A device that is always done cannot keep us in the interrupt for more than this many rounds. */
#define RNG_ROUNDS 4u

/* How long to wait for somebody else's reset to end our request. */
#define RNG_RESET_NS (10 * NSEC_PER_MSEC)

struct virtio_rng {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	void *allocation; /* what port_alloc() gave; we lie aligned in it */

	/* Guards the queue and all below. */
	struct port_lock lock;
	int error;		 /* 0: works; -EIO: failed; -ENODEV: removed */
	bool frozen;		 /* being recovered: nothing goes into the ring */
	bool stuck;		 /* it did not answer a reset, and may still write to our memory */
	bool busy;		 /* a blocking read is under way */
	unsigned int references; /* probe's, and a blocking read's: the last one frees */
	unsigned int accepted;	 /* requests in the list */
	struct list_head requests; /* all that are not over, in the order of their submission */
	struct work work;	   /* what an interrupt leaves to a thread */

	/* Of the blocking read, while it is busy. */
	struct virtio_rng_request request;
	bool over; /* request.received is valid */
	bool late; /* past its deadline: recovery ends it */
	struct port_event event;
	/* Cache lines of its own: nobody else's data may be lost to a device's write. */
	uint8_t bounce[RNG_BOUNCE_BYTES] __attribute__((aligned(64)));
};

static const struct virtio_driver rng_driver;

/* --- requests ---------------------------------------------------------------------------- */

/* Whether the ring is out of use until recovery is over: requests wait. Under the lock. */
static bool rng_is_blocked(const struct virtio_rng *rng)
{
	return rng->frozen || virtqueue_is_broken(rng->vq);
}

/* Under the lock. */
static int rng_add(struct virtio_rng *rng, struct virtio_rng_request *req)
{
	struct scatterlist sg;
	int err;

	/* Device-writable only (5.4.6.1). */
	sg_init_one(&sg, req->buf, req->len);
	err = virtqueue_add_inbuf(rng->vq, &sg, 1, req, GFP_ATOMIC);
	return !err || err == -ENOSPC || err == -ENOMEM ? err : -EIO;
}

/* What waits for the end of a recovery must all fit into the ring then. Under the lock. */
static int rng_accept(struct virtio_rng *rng, struct virtio_rng_request *req)
{
	int err = rng->error;

	if (!err && rng_is_blocked(rng))
		err = rng->accepted < virtqueue_get_vring_size(rng->vq) ? 0 : -ENOSPC;
	else if (!err)
		err = rng_add(rng, req);
	if (err)
		return err;
	rng->accepted++;
	list_add_tail(&req->node, &rng->requests);
	return 0;
}

int virtio_rng_submit(struct virtio_rng *rng, struct virtio_rng_request *req)
{
	unsigned long state;
	bool notify = false;
	int err;

	if (!req->done || !req->buf || req->len == 0 || req->len > INT32_MAX)
		return -EINVAL;
	state = port_lock(&rng->lock);
	err = rng_accept(rng, req);
	if (!err && !rng_is_blocked(rng))
		notify = virtqueue_kick_prepare(rng->vq);
	port_unlock(&rng->lock, state);
	if (notify) /* a queue that cannot be notified is broken, and recovery sends all again */
		(void)virtqueue_notify(rng->vq);
	return err;
}

/* 5.4.6.2: a device gives at least one byte. More than asked the queue does not let pass, but
 * the length is the device's word, and the caller reads so much of its buffer. */
static int rng_received(const struct virtio_rng_request *req, unsigned int len)
{
	return len == 0 ? -EIO : (int)MIN(len, req->len);
}

/* Under the lock. */
static void rng_finish(struct virtio_rng *rng, struct virtio_rng_request *req, int received,
		       struct list_head *over)
{
	list_del_init(&req->node);
	rng->accepted--;
	req->received = received;
	list_add_tail(&req->node, over);
}

/* The request is its owner's again as soon as done() is called. */
static void rng_call_done(struct list_head *over)
{
	while (!list_empty(over)) {
		struct virtio_rng_request *req =
			list_entry(over->next, struct virtio_rng_request, node);

		list_del_init(&req->node);
		req->done(req, req->received);
	}
}

/* Takes back what is finished, which is bounded by the ring. Under the lock. */
static void rng_collect(struct virtio_rng *rng, struct list_head *over)
{
	struct virtio_rng_request *req;
	unsigned int len;

	while ((req = virtqueue_get_buf(rng->vq, &len)) != NULL)
		rng_finish(rng, req, rng_received(req, len), over);
}

/* Calls done() without the lock. Returns whether there is more, for which no interrupt may come. */
static bool rng_round(struct virtio_rng *rng)
{
	struct list_head over = LIST_HEAD_INIT(over);
	unsigned long state = port_lock(&rng->lock);
	bool more = false;

	if (!rng_is_blocked(rng)) {
		virtqueue_disable_cb(rng->vq);
		rng_collect(rng, &over);
		more = !virtqueue_enable_cb(rng->vq);
	}
	port_unlock(&rng->lock, state);
	rng_call_done(&over);
	return more;
}

static void rng_serve(struct virtqueue *vq)
{
	struct virtio_rng *rng = vq->priv;
	unsigned int round;

	for (round = 0; round < RNG_ROUNDS; round++) {
		if (!rng_round(rng))
			return;
	}
	work_schedule(&rng->work);
}

static void rng_work(struct work *work)
{
	rng_serve(container_of(work, struct virtio_rng, work)->vq);
}

/* --- recovery and the end ---------------------------------------------------------------- */

/* Takes everything out of the ring, which the device no longer uses. Under the lock. */
static void rng_take_back(struct virtio_rng *rng)
{
	while (virtqueue_detach_unused_buf(rng->vq))
		;
}

/* The requests stay in their list. The one of a read that waits no longer must not be sent again. */
static void rng_freeze(struct virtio_device *vdev)
{
	struct virtio_rng *rng = vdev->priv;
	struct list_head over = LIST_HEAD_INIT(over);
	unsigned long state = port_lock(&rng->lock);

	rng->frozen = true;
	rng_collect(rng, &over);
	rng_take_back(rng);
	if (rng->late && !list_empty(&rng->request.node))
		rng_finish(rng, &rng->request, -ETIMEDOUT, &over);
	port_unlock(&rng->lock, state);
	rng_call_done(&over);
}

static int rng_restore(struct virtio_device *vdev)
{
	struct virtio_rng *rng = vdev->priv;
	struct virtio_rng_request *req, *next;
	struct list_head over = LIST_HEAD_INIT(over);
	unsigned long state = port_lock(&rng->lock);
	bool notify;
	int err;

	rng->frozen = false;
	list_for_each_entry_safe (req, next, &rng->requests, node) {
		err = rng_add(rng, req);
		if (err)
			rng_finish(rng, req, -EIO, &over);
	}
	notify = virtqueue_kick_prepare(rng->vq);
	port_unlock(&rng->lock, state);
	if (notify)
		(void)virtqueue_notify(rng->vq);
	rng_call_done(&over);
	/* The ring had its interrupts off if the failure was found while it was emptied. */
	rng_serve(rng->vq);
	return 0;
}

/* Ends every request with @error, and refuses new ones. The device must be reset. */
static void rng_end_all(struct virtio_rng *rng, int error)
{
	struct list_head over = LIST_HEAD_INIT(over);
	unsigned long state = port_lock(&rng->lock);

	rng->error = error;
	rng_take_back(rng);
	while (!list_empty(&rng->requests))
		rng_finish(rng, list_entry(rng->requests.next, struct virtio_rng_request, node),
			   error, &over);
	port_unlock(&rng->lock, state);
	rng_call_done(&over);
}

static void rng_fail(struct virtio_device *vdev)
{
	rng_end_all(vdev->priv, vdev->gone ? -ENODEV : -EIO);
}

/* --- the blocking read ------------------------------------------------------------------- */

static void rng_read_done(struct virtio_rng_request *req, int received)
{
	struct virtio_rng *rng = req->priv;
	unsigned long state = port_lock(&rng->lock);

	(void)received; /* it is in the request as well */
	rng->over = true;
	port_unlock(&rng->lock, state);
	port_event_signal(&rng->event);
}

static bool rng_is_over(struct virtio_rng *rng)
{
	unsigned long state = port_lock(&rng->lock);
	bool over = rng->over;

	port_unlock(&rng->lock, state);
	return over;
}

/* The deadline has passed: recovery takes the request from the device. */
static void rng_abort(struct virtio_rng *rng)
{
	unsigned long state = port_lock(&rng->lock);

	rng->late = true;
	port_unlock(&rng->lock, state);
	/* Somebody else's recovery may have come first: then we look again. */
	(void)virtio_recover(rng->vdev, -ETIMEDOUT);
}

/* Waits until the request is over; after @deadline the device's reset ends it. */
static int rng_wait(struct virtio_rng *rng, uint64_t deadline)
{
	bool late = false;

	while (!rng_is_over(rng)) {
		uint64_t now = port_now_ns();
		uint64_t left = deadline > now ? deadline - now : 0;

		if (late)
			left = RNG_RESET_NS;
		if (left > 0 && !port_event_wait(&rng->event, left))
			continue;
		if (rng_is_over(rng))
			break;
		late = true;
		rng_abort(rng);
	}
	/* It may have been found to have vanished. */
	return late && rng->error != -ENODEV ? -ETIMEDOUT : rng->request.received;
}

/* Asks once for up to @len bytes in the bounce buffer; returns how many came, or an error. */
static int rng_ask(struct virtio_rng *rng, size_t len, uint64_t deadline)
{
	int err;

	rng->request = (struct virtio_rng_request){
		.buf = rng->bounce,
		.len = (uint32_t)MIN(len, RNG_BOUNCE_BYTES),
		.done = rng_read_done,
		.priv = rng,
	};
	list_init(&rng->request.node);
	rng->over = false;
	rng->late = false;
	err = virtio_rng_submit(rng, &rng->request);
	return err ? err : rng_wait(rng, deadline);
}

/* Each answer brings a byte at least or ends the loop, and the deadline ends it in any case. */
static int rng_fill(struct virtio_rng *rng, uint8_t *buf, size_t len, uint64_t deadline)
{
	while (len > 0) {
		int received = rng_ask(rng, len, deadline);

		if (received < 0)
			return received;
		memcpy(buf, rng->bounce, (size_t)received);
		buf += received;
		len -= (size_t)received;
	}
	return 0;
}

static int rng_begin(struct virtio_rng *rng)
{
	unsigned long state = port_lock(&rng->lock);
	int err = rng->error ? rng->error : rng->busy ? -EBUSY : 0;

	if (!err) {
		rng->busy = true;
		rng->references++;
	}
	port_unlock(&rng->lock, state);
	return err;
}

static void rng_put(struct virtio_rng *rng)
{
	unsigned long state = port_lock(&rng->lock);
	bool last = --rng->references == 0;

	port_unlock(&rng->lock, state);
	/* A device that is stuck may still write here: then this memory is lost. */
	if (last && !rng->stuck)
		port_free(rng->allocation);
}

int virtio_rng_read(struct virtio_rng *rng, void *buf, size_t len, uint64_t timeout_ns)
{
	uint64_t now = port_now_ns();
	unsigned long state;
	int err;

	if (!buf || timeout_ns == 0)
		return -EINVAL;
	err = rng_begin(rng);
	if (err)
		return err;
	err = rng_fill(rng, buf, len,
		       timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns);
	/* The bytes are the caller's secret now. */
	memset(rng->bounce, 0, sizeof(rng->bounce));
	state = port_lock(&rng->lock);
	rng->busy = false;
	port_unlock(&rng->lock, state);
	rng_put(rng);
	return err;
}

/* --- the driver -------------------------------------------------------------------------- */

/* The bounce buffer is aligned to cache lines, which port_alloc() does not promise. */
static struct virtio_rng *rng_alloc(struct virtio_device *vdev)
{
	void *allocation = port_alloc(sizeof(struct virtio_rng) + RNG_ALIGNMENT - 1);
	struct virtio_rng *rng = (void *)ALIGN_UP((uintptr_t)allocation, RNG_ALIGNMENT);

	if (!allocation)
		return NULL;
	rng->allocation = allocation;
	rng->vdev = vdev;
	rng->references = 1;
	port_lock_init(&rng->lock);
	port_event_init(&rng->event);
	list_init(&rng->requests);
	list_init(&rng->request.node);
	work_init(&rng->work, rng->vdev->bus->work, rng_work);
	return rng;
}

static int rng_probe(struct virtio_device *vdev)
{
	static const struct virtqueue_info queue = {"requests", rng_serve};
	struct virtio_rng *rng = rng_alloc(vdev);
	int err;

	if (!rng)
		return -ENOMEM;
	err = virtio_find_vqs(vdev, 1, &rng->vq, &queue);
	if (err) {
		rng_put(rng);
		return err;
	}
	rng->vq->priv = rng;
	vdev->priv = rng;
	return 0;
}

static void rng_remove(struct virtio_device *vdev)
{
	struct virtio_rng *rng = vdev->priv;

	work_cancel(&rng->work);
	rng->stuck = vdev->stuck;
	rng_end_all(rng, -ENODEV);
	vdev->priv = NULL;
	virtio_del_vqs(vdev);
	rng_put(rng);
}

static const struct virtio_driver rng_driver = {
	.name = "virtio_rng",
	.device_id = VIRTIO_ID_RNG,
	.probe = rng_probe,
	.remove = rng_remove,
	.freeze = rng_freeze,
	.restore = rng_restore,
	.fail = rng_fail,
};

int virtio_rng_init(struct virtio_bus *bus)
{
	return virtio_register_driver(bus, &rng_driver);
}

/* --- for users --------------------------------------------------------------------------- */

struct virtio_rng *virtio_rng_find(const struct virtio_bus *bus, unsigned int n)
{
	return virtio_driver_data(bus, &rng_driver, n);
}

struct virtio_device *virtio_rng_device(struct virtio_rng *rng)
{
	return rng->vdev;
}
