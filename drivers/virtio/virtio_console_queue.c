/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal on a console device's two queues. Input goes from the device's buffers into a ring
 * that the terminal's reader empties. The device is given only as many buffers as would fit into
 * the ring if all came back full: where nobody reads, the device runs out of buffers and the
 * host waits, so that no character is lost. Output is copied into a pool of buffers.
 */
#include <string.h>
#include "drivers/virtio/virtio_console_private.h"
#include "lib/work.h"

#define BUFFER_LEN 256u
#define CACHE_LINE 64u

_Static_assert(BUFFER_LEN % CACHE_LINE == 0, "buffers share cache lines");
_Static_assert(CONSOLE_RX_BUFFERS *BUFFER_LEN <= CONSOLE_INPUT_LEN, "input ring too small");

/* A waiter looks again after this time even if nobody has woken it. */
#define WAIT_SLICE_NS	 (10 * NSEC_PER_MSEC)
#define DRAIN_TIMEOUT_NS (1 * NSEC_PER_SEC)

static void buffer_put(struct console_buffer **list, struct console_buffer *buffer)
{
	buffer->next = *list;
	*list = buffer;
}

static struct console_buffer *buffer_get(struct console_buffer **list)
{
	struct console_buffer *buffer = *list;

	if (buffer)
		*list = buffer->next;
	return buffer;
}

/* Woken or not, the caller looks again. The device may be removed meanwhile: returns whether it was not, and @con is
 * still there. */
static bool wait_while_held(struct virtio_console *con, struct port_event *event, uint64_t ns)
{
	unsigned long state = port_lock(&con->lock);
	bool there;

	con->references++;
	port_unlock(&con->lock, state);
	if (con->polled)
		work_run(con->vdev->bus->work); /* one of them may be our recovery */
	else
		(void)port_event_wait(event, ns);
	there = con->failed != -ENODEV;
	console_put(con);
	return there;
}

/* Waits for @event a little, less than what is left of @timeout_ns since @start_ns. 0, -ETIMEDOUT, or -ENODEV: @con
 * must not be looked at any more. */
static int wait_slice(struct virtio_console *con, struct port_event *event, uint64_t start_ns,
		      uint64_t timeout_ns)
{
	uint64_t elapsed = port_now_ns() - start_ns;

	if (elapsed >= timeout_ns)
		return -ETIMEDOUT;
	return wait_while_held(con, event, MIN(timeout_ns - elapsed, WAIT_SLICE_NS)) ? 0 : -ENODEV;
}

/* --- input ------------------------------------------------------------------------------- */

static unsigned int input_used(const struct virtio_console *con)
{
	return con->input_head - con->input_tail;
}

/* Offers buffers while the ring has room for all that is with the device and one more. Returns
 * whether any was offered. Under the lock. */
static bool rx_offer(struct virtio_console *con)
{
	unsigned int room = CONSOLE_INPUT_LEN - input_used(con);
	struct console_buffer *buffer;
	struct scatterlist sg;
	bool any = false;

	while ((virtqueue_in_flight(con->rx_vq) + 1) * BUFFER_LEN <= room &&
	       (buffer = buffer_get(&con->rx_free)) != NULL) {
		sg_init_one(&sg, buffer->data, BUFFER_LEN);
		if (virtqueue_add_inbuf(con->rx_vq, &sg, 1, buffer, GFP_ATOMIC)) {
			buffer_put(&con->rx_free, buffer);
			break;
		}
		any = true;
	}
	return any;
}

/* Offers what may be offered. Returns whether to notify the device, without the lock. */
static bool rx_refill(struct virtio_console *con)
{
	return !con->frozen && rx_offer(con) && virtqueue_kick_prepare(con->rx_vq);
}

/* Puts the characters of a buffer into the ring; there is room, see rx_offer(). */
static void input_put(struct virtio_console *con, const char *data, unsigned int len)
{
	unsigned int at = con->input_head % CONSOLE_INPUT_LEN;
	unsigned int first = MIN(len, CONSOLE_INPUT_LEN - at);

	memcpy(con->input + at, data, first);
	memcpy(con->input, data + first, len - first);
	con->input_head += len;
}

/* Moves what has come into the ring. Bounded by the buffers that are with the device, since none
 * is offered meanwhile. Under the lock. */
static void rx_collect(struct virtio_console *con)
{
	struct console_buffer *buffer;
	unsigned int len;

	while ((buffer = virtqueue_get_buf(con->rx_vq, &len)) != NULL) {
		len = MIN(len, BUFFER_LEN);
		input_put(con, buffer->data, len);
		con->stats.rx_bytes += len;
		buffer_put(&con->rx_free, buffer);
	}
}

static int tty_op_read(struct tty *tty, char *buf, size_t len)
{
	struct virtio_console *con = container_of(tty, struct virtio_console, tty);
	unsigned long state = port_lock(&con->lock);
	unsigned int taken, at, first;
	bool notify;

	if (!input_used(con) && !con->failed) /* so that it also works with interrupts masked */
		rx_collect(con);
	taken = (unsigned int)MIN(len, (size_t)input_used(con));
	at = con->input_tail % CONSOLE_INPUT_LEN;
	first = MIN(taken, CONSOLE_INPUT_LEN - at);
	memcpy(buf, con->input + at, first);
	memcpy(buf + first, con->input, taken - first);
	con->input_tail += taken;
	notify = rx_refill(con);
	port_unlock(&con->lock, state);
	if (notify)
		virtqueue_notify(con->rx_vq);
	return (int)taken;
}

int virtio_console_read(struct virtio_console *con, char *buf, size_t len, uint64_t timeout_ns)
{
	uint64_t start_ns = port_now_ns();
	int taken, err = 0;

	while ((taken = tty_op_read(&con->tty, buf, MIN(len, (size_t)INT32_MAX))) == 0 && !err) {
		err = con->failed ? con->failed
				  : wait_slice(con, &con->rx_event, start_ns, timeout_ns);
		if (err == -ENODEV)
			return err;
	}
	return taken ? taken : err;
}

/* --- output ------------------------------------------------------------------------------ */

/* Takes finished buffers back; their length means nothing (5.1.9.1 has the reason). Under the lock. */
static bool tx_reclaim(struct virtio_console *con)
{
	struct console_buffer *buffer;
	unsigned int len;
	bool any = false;

	while ((buffer = virtqueue_get_buf(con->tx_vq, &len)) != NULL) {
		buffer_put(&con->tx_free, buffer);
		any = true;
	}
	return any;
}

/* Whether the ring is out of use until recovery is over: output waits. Under the lock. */
static bool tx_is_blocked(const struct virtio_console *con)
{
	return con->frozen || virtqueue_is_broken(con->tx_vq);
}

static int tx_send(struct virtio_console *con, struct console_buffer *buffer)
{
	struct scatterlist sg;

	sg_init_one(&sg, buffer->data, buffer->len);
	return virtqueue_add_outbuf(con->tx_vq, &sg, 1, buffer, GFP_ATOMIC);
}

/* Copies as much as the free buffers take. Returns the number of bytes. Under the lock. */
static size_t tx_fill(struct virtio_console *con, const char *buf, size_t len)
{
	struct console_buffer *buffer;
	size_t taken = 0;

	while (taken < len && (buffer = buffer_get(&con->tx_free)) != NULL) {
		buffer->len = (unsigned int)MIN(len - taken, (size_t)BUFFER_LEN);
		buffer->order = con->tx_order;
		memcpy(buffer->data, buf + taken, buffer->len);
		if (tx_send(con, buffer)) {
			buffer_put(&con->tx_free, buffer);
			break;
		}
		con->tx_order++;
		taken += buffer->len;
	}
	return taken;
}

/* Fills; where not all found room, asks for an interrupt and looks once more, because buffers may
 * have been finished before the device saw the question. Under the lock. */
static size_t tx_fill_reclaim(struct virtio_console *con, const char *buf, size_t len)
{
	size_t taken = 0;

	if (!tx_is_blocked(con)) {
		tx_reclaim(con);
		taken = tx_fill(con, buf, len);
	}
	if (taken == len)
		return taken;
	con->tx_waiting = true;
	if (tx_is_blocked(con) || con->polled) /* its end wakes us; or we look again */
		return taken;
	virtqueue_enable_cb_delayed(con->tx_vq);
	if (tx_reclaim(con))
		taken += tx_fill(con, buf + taken, len - taken);
	return taken;
}

static int tty_op_write(struct tty *tty, const char *buf, size_t len)
{
	struct virtio_console *con = container_of(tty, struct virtio_console, tty);
	unsigned long state = port_lock(&con->lock);
	bool notify = false;
	size_t taken = 0;
	int failed;

	if (!con->failed)
		taken = tx_fill_reclaim(con, buf, MIN(len, (size_t)INT32_MAX));
	con->stats.tx_bytes += taken;
	if (taken)
		notify = virtqueue_kick_prepare(con->tx_vq);
	failed = con->failed;
	port_unlock(&con->lock, state);
	if (notify) /* a queue that cannot be notified is broken, and recovery sends all again */
		virtqueue_notify(con->tx_vq);
	return failed ? failed : (int)taken;
}

static bool tx_unconfirmed(const struct virtio_console *con)
{
	return con->tx_held || virtqueue_in_flight(con->tx_vq);
}

/* Whether output is still with the device: 1, 0, or -EIO. Asks for an interrupt if so. */
static int tx_busy(struct virtio_console *con)
{
	unsigned long state = port_lock(&con->lock);
	int busy = con->failed;

	if (busy)
		goto out;
	if (!tx_is_blocked(con))
		tx_reclaim(con);
	if (tx_unconfirmed(con)) {
		con->tx_waiting = true;
		if (!tx_is_blocked(con) && !con->polled && !virtqueue_enable_cb(con->tx_vq))
			tx_reclaim(con);
		busy = tx_unconfirmed(con);
	}
out:
	port_unlock(&con->lock, state);
	return busy;
}

static int tx_drain(struct virtio_console *con, uint64_t start_ns, uint64_t timeout_ns)
{
	int busy, err = 0;

	while (!err && (busy = tx_busy(con)) != 0)
		err = busy < 0 ? busy : wait_slice(con, &con->tx_event, start_ns, timeout_ns);
	return err;
}

static void tty_op_drain(struct tty *tty)
{
	struct virtio_console *con = container_of(tty, struct virtio_console, tty);

	(void)tx_drain(con, port_now_ns(), DRAIN_TIMEOUT_NS);
}

int virtio_console_write(struct virtio_console *con, const char *buf, size_t len,
			 uint64_t timeout_ns)
{
	uint64_t start_ns = port_now_ns();

	while (len) {
		int taken = tty_op_write(&con->tty, buf, len);
		int err;

		if (taken < 0)
			return taken;
		buf += taken;
		len -= (size_t)taken;
		if (!len)
			break;
		err = wait_slice(con, &con->tx_event, start_ns, timeout_ns);
		if (err)
			return err;
	}
	return tx_drain(con, start_ns, timeout_ns);
}

/*
 * Emergency write (5.3.5): a store to the configuration space for each character, no queue and no
 * interrupt. It needs the device's offer, not its negotiation.
 */
static void tty_op_write_panic(struct tty *tty, const char *buf, size_t len)
{
	struct virtio_console *con = container_of(tty, struct virtio_console, tty);

	if (con->failed == -ENODEV ||
	    !(con->vdev->device_features & BIT_ULL(VIRTIO_CONSOLE_F_EMERG_WRITE)))
		return;
	for (size_t i = 0; i < len; i++)
		virtio_cwrite32(con->vdev, VIRTIO_CONSOLE_CONFIG_EMERG_WR, (uint8_t)buf[i]);
}

/* --- interrupts -------------------------------------------------------------------------- */

void console_tx_wake(struct virtio_console *con)
{
	unsigned long state = port_lock(&con->lock);
	bool waiting = con->tx_waiting;

	con->tx_waiting = false;
	port_unlock(&con->lock, state);
	if (waiting)
		port_event_signal(&con->tx_event);
}

/* @input: there is some already, of which nobody has been told. */
static void rx_serve(struct virtio_console *con, bool input)
{
	struct virtqueue *vq = con->rx_vq;
	unsigned long state = port_lock(&con->lock);
	unsigned long before = con->stats.rx_bytes;
	void (*input_fn)(void *arg);
	void *input_arg;
	bool notify;

	rx_collect(con);
	/* What was finished just now may not interrupt; what comes later will. */
	if (!virtqueue_is_broken(vq) && !con->polled && !virtqueue_enable_cb(vq))
		rx_collect(con);
	notify = rx_refill(con);
	input = input || con->stats.rx_bytes != before;
	input_fn = con->input_fn;
	input_arg = con->input_arg;
	port_unlock(&con->lock, state);

	if (notify)
		virtqueue_notify(vq);
	if (!input)
		return;
	port_event_signal(&con->rx_event);
	if (input_fn)
		input_fn(input_arg);
}

void console_rx_callback(struct virtqueue *vq)
{
	rx_serve(vq->priv, false);
}

/* Asked for by a writer that found no room or waits for the end. The next such asks again. */
void console_tx_callback(struct virtqueue *vq)
{
	struct virtio_console *con = vq->priv;
	unsigned long state = port_lock(&con->lock);

	virtqueue_disable_cb(vq);
	tx_reclaim(con);
	port_unlock(&con->lock, state);
	console_tx_wake(con);
}

/* The callbacks of both queues bring them to the new state. */
void virtio_console_set_polled(struct virtio_console *con, bool polled)
{
	unsigned long state = port_lock(&con->lock);
	int failed;

	con->polled = polled;
	failed = con->failed;
	if (polled && !failed)
		virtqueue_disable_cb(con->rx_vq);
	port_unlock(&con->lock, state);
	if (failed)
		return;
	console_rx_callback(con->rx_vq);
	console_tx_callback(con->tx_vq);
}

static void tty_op_set_input_callback(struct tty *tty, void (*fn)(void *arg), void *arg)
{
	struct virtio_console *con = container_of(tty, struct virtio_console, tty);
	unsigned long state = port_lock(&con->lock);

	con->input_fn = fn;
	con->input_arg = arg;
	port_unlock(&con->lock, state);
}

const struct tty console_tty = {
	.write = tty_op_write,
	.read = tty_op_read,
	.write_panic = tty_op_write_panic,
	.drain = tty_op_drain,
	.set_input_callback = tty_op_set_input_callback,
};

/* --- both queues ------------------------------------------------------------------------- */

/* Buffers are whole cache lines, which no other data shares. A ring that holds fewer than we have
 * leaves the rest in the free list. */
static int make_buffers(struct virtio_console *con)
{
	char *data;

	con->memory = port_alloc(ARRAY_SIZE(con->buffers) * BUFFER_LEN + CACHE_LINE);
	if (!con->memory)
		return -ENOMEM;
	data = (char *)ALIGN_UP((uintptr_t)con->memory, CACHE_LINE);
	for (unsigned int i = 0; i < ARRAY_SIZE(con->buffers); i++) {
		con->buffers[i].data = data + i * BUFFER_LEN;
		buffer_put(i < CONSOLE_RX_BUFFERS ? &con->rx_free : &con->tx_free,
			   &con->buffers[i]);
	}
	return 0;
}

int console_queues_init(struct virtio_console *con)
{
	int ret = make_buffers(con);

	if (ret)
		return ret;
	virtqueue_disable_cb(con->tx_vq);
	return rx_offer(con) ? 0 : -ENOMEM;
}

/* Under the lock: the device may answer before the kick has returned. */
void console_rx_start(struct virtio_console *con)
{
	unsigned long state = port_lock(&con->lock);
	bool notify = virtqueue_kick_prepare(con->rx_vq);

	port_unlock(&con->lock, state);
	if (notify)
		virtqueue_notify(con->rx_vq);
}

/* --- recovery ------------------------------------------------------------------------------ */

/* Into the list of what is to be sent again, at its place. */
static void hold(struct virtio_console *con, struct console_buffer *buffer)
{
	struct console_buffer **link = &con->tx_held;

	while (*link && (int)((*link)->order - buffer->order) < 0)
		link = &(*link)->next;
	buffer->next = *link;
	*link = buffer;
}

void console_queues_freeze(struct virtio_console *con)
{
	unsigned long state = port_lock(&con->lock);
	struct console_buffer *buffer;

	con->frozen = true;
	rx_collect(con);
	tx_reclaim(con);
	while ((buffer = virtqueue_detach_unused_buf(con->rx_vq)) != NULL)
		buffer_put(&con->rx_free, buffer);
	while ((buffer = virtqueue_detach_unused_buf(con->tx_vq)) != NULL)
		hold(con, buffer);
	port_unlock(&con->lock, state);
}

/* All that was in the ring has room in it again. What cannot be mapped now is lost. */
static void send_held(struct virtio_console *con)
{
	struct console_buffer *buffer;

	while ((buffer = buffer_get(&con->tx_held)) != NULL) {
		if (tx_send(con, buffer)) {
			con->stats.tx_lost += buffer->len;
			buffer_put(&con->tx_free, buffer);
		}
	}
}

void console_queues_thaw(struct virtio_console *con)
{
	unsigned long state = port_lock(&con->lock);
	bool notify, input;

	con->frozen = false;
	input = input_used(con) != 0;
	send_held(con);
	notify = virtqueue_kick_prepare(con->tx_vq);
	port_unlock(&con->lock, state);
	if (notify)
		virtqueue_notify(con->tx_vq);
	/* Offers buffers, asks for interrupts, and says that there is what was taken by freeze. */
	rx_serve(con, input);
	console_tx_wake(con);
}

/* Buffers of a device that did not answer its reset are left to it: it may still write to them. */
void console_queues_destroy(struct virtio_console *con)
{
	unsigned long state;

	if (!con->rx_vq)
		return;
	state = port_lock(&con->lock);
	con->failed = -ENODEV;
	con->frozen = true; /* the queues are not to be touched any more */
	port_unlock(&con->lock, state);
	console_tx_wake(con);
	port_event_signal(&con->rx_event);
	while (virtqueue_detach_unused_buf(con->rx_vq))
		;
	while (virtqueue_detach_unused_buf(con->tx_vq))
		;
	virtio_del_vqs(con->vdev);
	if (!con->vdev->stuck)
		port_free(con->memory);
}
