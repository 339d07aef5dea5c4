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
	bool reset_done;	 /* a failed device has been reset */
	bool stuck;		 /* it did not answer a reset, and may still write to our memory */
	bool busy;		 /* a blocking read is under way */
	unsigned int references; /* probe's, and a blocking read's: the last one frees */
	struct work work;	 /* what an interrupt leaves to a thread */

	/* Of the blocking read, while it is busy. */
	struct virtio_rng_request request;
	bool over; /* request.received is valid */
	struct port_event event;
	/* Cache lines of its own: nobody else's data may be lost to a device's write. */
	uint8_t bounce[RNG_BOUNCE_BYTES] __attribute__((aligned(64)));
};

static struct virtio_driver rng_driver;

/* --- requests ---------------------------------------------------------------------------- */

/* Where the queue is broken: refuses new requests and schedules the reset. Under the lock. */
static bool rng_check_broken(struct virtio_rng *rng)
{
	if (!virtqueue_is_broken(rng->vq))
		return false;
	if (!rng->error)
		rng->error = -EIO;
	/* A reset waits, and we may be in an interrupt. */
	if (!rng->reset_done)
		work_schedule(&rng->work);
	return true;
}

/* Under the lock. */
static int rng_add(struct virtio_rng *rng, struct virtio_rng_request *req)
{
	struct scatterlist sg;
	int err;

	if (rng->error)
		return rng->error;
	/* Device-writable only (5.4.6.1). */
	sg_init_one(&sg, req->buf, req->len);
	err = virtqueue_add_inbuf(rng->vq, &sg, 1, req, GFP_ATOMIC);
	if (!err || err == -ENOSPC)
		return err;
	rng_check_broken(rng);
	return -EIO;
}

int virtio_rng_submit(struct virtio_rng *rng, struct virtio_rng_request *req)
{
	unsigned long state;
	bool notify = false;
	int err;

	if (!req->done || !req->buf || req->len == 0 || req->len > INT32_MAX)
		return -EINVAL;
	state = port_lock(&rng->lock);
	err = rng_add(rng, req);
	if (!err)
		notify = virtqueue_kick_prepare(rng->vq);
	port_unlock(&rng->lock, state);
	if (notify && !virtqueue_notify(rng->vq)) {
		state = port_lock(&rng->lock);
		rng_check_broken(rng);
		port_unlock(&rng->lock, state);
	}
	return err;
}

/* 5.4.6.2: a device gives at least one byte. More than asked the queue does not let pass, but
 * the length is the device's word, and the caller reads so much of its buffer. */
static int rng_received(const struct virtio_rng_request *req, unsigned int len)
{
	return len == 0 ? -EIO : (int)MIN(len, req->len);
}

static void rng_finish(struct virtio_rng_request *req, int received, struct list_head *over)
{
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

/* Takes back what is finished, which is bounded by the ring, and calls done() without the lock.
 * Returns whether there is more, for which no interrupt may come. */
static bool rng_round(struct virtio_rng *rng)
{
	struct list_head over = LIST_HEAD_INIT(over);
	struct virtio_rng_request *req;
	unsigned long state = port_lock(&rng->lock);
	unsigned int len;
	bool more;

	virtqueue_disable_cb(rng->vq);
	while ((req = virtqueue_get_buf(rng->vq, &len)) != NULL)
		rng_finish(req, rng_received(req, len), &over);
	more = !rng_check_broken(rng) && !virtqueue_enable_cb(rng->vq);
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

/* --- failure ----------------------------------------------------------------------------- */

/* Ends every request with @error. The device must be reset: it uses no buffer any more. */
static void rng_end_all(struct virtio_rng *rng, int error)
{
	struct list_head over = LIST_HEAD_INIT(over);
	struct virtio_rng_request *req;
	unsigned long state = port_lock(&rng->lock);

	while ((req = virtqueue_detach_unused_buf(rng->vq)) != NULL)
		rng_finish(req, error, &over);
	port_unlock(&rng->lock, state);
	rng_call_done(&over);
}

/* True for the one caller that is to reset the device. */
static bool rng_claim_reset(struct virtio_rng *rng)
{
	unsigned long state = port_lock(&rng->lock);
	bool claimed = !rng->reset_done && rng->error != -ENODEV;

	rng->reset_done = true;
	if (!rng->error)
		rng->error = -EIO;
	port_unlock(&rng->lock, state);
	return claimed;
}

/* Resets the device for good because of @error (a negative errno). Thread context. */
static void rng_fail(struct virtio_rng *rng, int error)
{
	struct virtio_device *vdev = rng->vdev;

	if (!rng_claim_reset(rng))
		return;
	port_log(LOG_ERROR, "%s: the entropy source has failed (error %d) and is reset",
		 vdev->dev.name, error);
	if (vdev->state == VIRTIO_STATE_LIVE)
		virtio_break_device(vdev, error);
	rng->stuck = virtio_reset_device(vdev) != 0;
	rng_end_all(rng, -EIO);
}

static void rng_work(struct work *work)
{
	struct virtio_rng *rng = container_of(work, struct virtio_rng, work);
	unsigned long state = port_lock(&rng->lock);
	bool failed = rng_check_broken(rng) || rng->error;

	port_unlock(&rng->lock, state);
	if (failed)
		rng_fail(rng, -EIO);
	else
		rng_serve(rng->vq);
}

/* --- the blocking read ------------------------------------------------------------------- */

static void rng_read_done(struct virtio_rng_request *req, int received)
{
	struct virtio_rng *rng = req->priv;

	(void)received; /* it is in the request as well */
	rng->over = true;
	port_event_signal(&rng->event);
}

static bool rng_is_over(struct virtio_rng *rng)
{
	unsigned long state = port_lock(&rng->lock);
	bool over = rng->over;

	port_unlock(&rng->lock, state);
	return over;
}

/* Waits until the request is over; after @deadline the reset ends it. */
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
		rng_fail(rng, -ETIMEDOUT);
	}
	return late ? -ETIMEDOUT : rng->request.received;
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
	rng->over = false;
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
	work_init(&rng->work, rng_work);
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
	unsigned long state = port_lock(&rng->lock);

	rng->error = -ENODEV;
	rng->stuck = vdev->stuck;
	port_unlock(&rng->lock, state);
	work_cancel(&rng->work);
	rng_end_all(rng, -ENODEV);
	vdev->priv = NULL;
	virtio_del_vqs(vdev);
	rng_put(rng);
}

static struct virtio_driver rng_driver = {
	.name = "virtio_rng",
	.device_id = VIRTIO_ID_RNG,
	.probe = rng_probe,
	.remove = rng_remove,
};

void virtio_rng_init(void)
{
	virtio_register_driver(&rng_driver);
}

/* --- for users --------------------------------------------------------------------------- */

struct virtio_rng *virtio_rng_find(unsigned int n)
{
	return virtio_driver_data(&rng_driver, n);
}

struct virtio_device *virtio_rng_device(struct virtio_rng *rng)
{
	return rng->vdev;
}
