/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model is a set of slots, each a buffer that may be in the queue, and a list of those
 * that the device has finished, in order. Everything that the queue's API returns follows from it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/device/dma_test.h"
#include "tests/device/violation.h"
#include "tests/unit/vq_model.h"
#include "virtio/wire/ring.h"

#define SLOTS	    96
#define PIECES	    24
#define PIECE_BYTES 12
#define LISTS	    4

#define CHECK(cond)                                                                         \
	do {                                                                                \
		if (!(cond))                                                                \
			violation("model: %s, line %d: " #cond, vq_model_name(), __LINE__); \
	} while (0)

struct slot {
	bool used;	/* in the queue */
	bool published; /* the device can see it */
	unsigned int out, in;
	uint32_t written;
	uint8_t pattern;
	void *ctx;
	dma_addr_t mapped;
	uint8_t buf[PIECES * PIECE_BYTES];
};

static struct model {
	struct virtio_device vdev;
	struct refdev *dev;
	struct refdev_queue *q;
	struct virtqueue *vq;
	struct vq_case c;
	uint32_t seed;
	unsigned int max_pieces;

	struct slot slots[SLOTS];
	struct refdev_chain held[SLOTS]; /* what the device has, oldest first */
	unsigned int nheld;
	unsigned int done[SLOTS]; /* finished and not taken back */
	unsigned int ndone, outstanding, published;
	unsigned int unpublished;

	bool asleep;	/* the device waits for a notification */
	bool callbacks; /* the driver wants interrupts */
	bool armed;	/* the next buffer used brings one */
	bool delayed;	/* the last buffer used brings one at the latest */
	bool starved;	/* an add was refused */
	unsigned int notified, called, rooms, surprises, recycled;
} m;

static unsigned long operations;

static uint32_t random_below(uint32_t n)
{
	m.seed = m.seed * 1664525u + 1013904223u;
	return (m.seed >> 8) % n;
}

static bool has(unsigned int bit)
{
	return m.vdev.features & BIT_ULL(bit);
}

const char *vq_model_name(void)
{
	static char name[160];

	snprintf(name, sizeof(name), "%s%s%s%s%s%s, memory %d, num %u, direct_max %u, seed %u",
		 has(VIRTIO_F_RING_PACKED) ? "packed" : "split", m.c.legacy ? " legacy" : "",
		 has(VIRTIO_F_INDIRECT_DESC) ? " indirect" : "",
		 has(VIRTIO_F_EVENT_IDX) ? " event_idx" : "",
		 has(VIRTIO_F_IN_ORDER) ? " in_order" : "",
		 has(VIRTIO_F_NOTIFICATION_DATA) ? " notification_data" : "", (int)m.c.memory,
		 m.c.num, m.c.direct_max, (unsigned int)m.seed);
	return name;
}

unsigned long vq_model_operations(void)
{
	return operations;
}

struct virtqueue *vq_model_vq(void)
{
	return m.vq;
}

struct refdev_queue *vq_model_device(void)
{
	return m.q;
}

/* --- the wire ----------------------------------------------------------------------------------- */

static bool model_notify(struct virtqueue *vq)
{
	m.notified++;
	CHECK(refdev_notify(m.dev, vring_notification_data(vq)) == m.q);
	return true;
}

static void model_callback(struct virtqueue *vq)
{
	CHECK(vq == m.vq);
	m.called++;
}

static void model_room(struct virtqueue *vq)
{
	CHECK(vq == m.vq && m.starved);
	m.rooms++;
}

static void attach(void)
{
	m.q->size = virtqueue_get_vring_size(m.vq);
	m.q->desc = virtqueue_get_desc_addr(m.vq);
	m.q->driver = virtqueue_get_avail_addr(m.vq);
	m.q->device = virtqueue_get_used_addr(m.vq);
	refdev_queue_enable(m.q);
}

static int model_reset_vq(struct virtqueue *vq)
{
	(void)vq;
	refdev_queue_disable(m.q);
	return 0;
}

static int model_enable_vq(struct virtqueue *vq)
{
	(void)vq;
	attach();
	return 0;
}

static const struct virtio_config_ops model_ops = {
	.reset_vq = model_reset_vq,
	.enable_vq = model_enable_vq,
};

/* A queue just made or reset: empty, and both sides willing. */
static void forget_state(void)
{
	m.asleep = true;
	m.armed = m.callbacks;
	m.delayed = false;
	m.starved = false;
	m.nheld = m.ndone = m.outstanding = m.published = m.unpublished = 0;
}

bool vq_model_make(const struct vq_case *c, uint32_t seed)
{
	memset(&m, 0, sizeof(m));
	m.c = *c;
	m.seed = seed;
	m.max_pieces = c->max_pieces ? c->max_pieces : 8;
	list_init(&m.vdev.vqs);
	strcpy(m.vdev.dev.name, "model");
	m.vdev.legacy = c->legacy;
	m.vdev.features = c->features | (c->legacy ? 0 : BIT_ULL(VIRTIO_F_VERSION_1));
	m.vdev.config = &model_ops;
	if (c->memory != VQ_DIRECT)
		m.vdev.dev.dma_ops = &dma_test_ops;
	dma_test_direct(c->memory == VQ_DIRECT);
	m.vq = vring_create_virtqueue(0, c->num, c->legacy ? 4096 : 64, &m.vdev, false,
				      model_notify, model_callback, "queue");
	if (!m.vq)
		return false;
	if (c->memory == VQ_PREMAPPED)
		CHECK(virtqueue_set_dma_premapped(m.vq) == 0);
	if (c->direct_max)
		m.vq->direct_max = c->direct_max;
	m.vq->num_max = VRING_SIZE_MAX;
	m.vq->room = model_room;
	m.dev = refdev_new(NULL, c->legacy ? 1 : 2, 1, VRING_SIZE_MAX);
	m.dev->accepted = m.vdev.features;
	m.q = &m.dev->queues[0];
	m.callbacks = true;
	attach();
	forget_state();
	return true;
}

/* --- the driver offers -------------------------------------------------------------------------- */

static void map_slot(struct slot *slot)
{
	if (m.c.memory == VQ_PREMAPPED)
		slot->mapped = dma_map_single(&m.vdev.dev, slot->buf, sizeof(slot->buf),
					      DMA_BIDIRECTIONAL);
}

static void unmap_slot(struct slot *slot)
{
	if (m.c.memory == VQ_PREMAPPED)
		dma_unmap_single(&m.vdev.dev, slot->mapped, sizeof(slot->buf), DMA_BIDIRECTIONAL);
}

/* The pieces of @slot as one to LISTS lists each way. Returns how many lists. */
static unsigned int make_lists(struct slot *slot, struct scatterlist *sg, struct scatterlist *sgs[],
			       unsigned int first, unsigned int count)
{
	unsigned int i, lists = 0;

	for (i = 0; i < count; i++) {
		struct scatterlist *s = &sg[first + i];
		size_t offset = (first + i) * PIECE_BYTES;

		*s = (struct scatterlist){.addr = slot->buf + offset, .length = PIECE_BYTES};
		if (m.c.memory == VQ_PREMAPPED)
			*s = (struct scatterlist){.length = PIECE_BYTES,
						  .dma_address = slot->mapped + offset};
		if (i == 0 || sg[first + i - 1].last)
			sgs[lists++] = s;
		s->last = i + 1 == count || (lists < LISTS && random_below(4) == 0);
	}
	return lists;
}

/* Calls one of the functions that offer a buffer; which one must make no difference. */
static int offer(struct slot *slot)
{
	struct scatterlist sg[PIECES], *sgs[2 * LISTS];
	unsigned int outs = make_lists(slot, sg, sgs, 0, slot->out);
	unsigned int ins = make_lists(slot, sg, sgs + outs, slot->out, slot->in);
	gfp_t gfp = random_below(8) ? GFP_ATOMIC : GFP_KERNEL;

	slot->ctx = NULL;
	if (outs == 1 && ins == 0 && random_below(2))
		return virtqueue_add_outbuf(m.vq, sg, slot->out, slot, gfp);
	if (outs == 0 && ins == 1 && random_below(2))
		return virtqueue_add_inbuf(m.vq, sg, slot->in, slot, gfp);
	if (outs == 0 && ins == 1) {
		slot->ctx = &slot->pattern;
		return virtqueue_add_inbuf_ctx(m.vq, sg, slot->in, slot, slot->ctx, gfp);
	}
	return virtqueue_add_sgs(m.vq, sgs, outs, ins, slot, gfp);
}

static struct slot *free_slot(void)
{
	unsigned int i, first = random_below(SLOTS);

	for (i = 0; i < SLOTS; i++)
		if (!m.slots[(first + i) % SLOTS].used)
			return &m.slots[(first + i) % SLOTS];
	return NULL;
}

static int add_slot(struct slot *slot, unsigned int out, unsigned int in)
{
	int err;

	slot->out = out;
	slot->in = in;
	slot->pattern = (uint8_t)random_below(256);
	memset(slot->buf, slot->pattern, sizeof(slot->buf));
	slot->buf[0] = (uint8_t)(slot - m.slots);
	map_slot(slot);
	err = offer(slot);
	if (err) {
		unmap_slot(slot);
		return err;
	}
	slot->used = true;
	slot->published = false;
	m.outstanding++;
	m.unpublished++;
	return 0;
}

/* What is refused, and why: for want of room only, and never where there is enough. */
static void check_refusal(int err, unsigned int total, unsigned int room)
{
	CHECK(err == -ENOSPC);
	CHECK(total > virtqueue_get_vring_size(m.vq) || total > room);
	CHECK(m.vq->num_free == room);
	if (total <= virtqueue_get_vring_size(m.vq))
		m.starved = true;
}

static void step_add(void)
{
	struct slot *slot = free_slot();
	unsigned int total, out, room = m.vq->num_free;
	int err;

	if (!slot)
		return;
	total = random_below(3) ? 1 : 1 + random_below(m.max_pieces);
	out = random_below(total + 1);
	err = add_slot(slot, out, total - out);
	if (err) {
		check_refusal(err, total, room);
		return;
	}
	CHECK(total <= virtqueue_get_vring_size(m.vq));
	CHECK(m.vq->num_free == room - 1 || m.vq->num_free == room - total);
	if (!has(VIRTIO_F_INDIRECT_DESC))
		CHECK(m.vq->num_free == room - total);
	else if (total > m.vq->direct_max && total > room)
		CHECK(m.vq->num_free == room - 1);
}

/* --- the driver publishes ----------------------------------------------------------------------- */

static void step_kick(void)
{
	unsigned int before = m.notified, i;
	bool fresh = m.unpublished;

	if (random_below(2)) {
		if (virtqueue_kick_prepare(m.vq))
			CHECK(virtqueue_notify(m.vq));
	} else {
		CHECK(virtqueue_kick(m.vq));
	}
	for (i = 0; i < SLOTS; i++)
		m.slots[i].published = m.slots[i].used;
	m.published = m.outstanding;
	m.unpublished = 0;
	if (!fresh)
		CHECK(m.notified == before);
	/* 2.7.10.1, 2.8.21.3: where the device has asked for it, and not where it wants none. */
	if (fresh && m.asleep)
		CHECK(m.notified == before + 1);
	if (fresh && m.q->suppress_notify)
		CHECK(m.notified == before);
	if (m.notified != before)
		m.asleep = false;
}

/* --- the device works ------------------------------------------------------------------------------ */

static struct slot *slot_of(const struct refdev_chain *chain)
{
	uint8_t first = 0;

	/* The first byte of a buffer is its number; a device may read what it may write (2.7.5.1). */
	if (chain->segs[0].writable && m.c.memory == VQ_MAPPED)
		return NULL;
	memcpy(&first, dma_test_access(chain->segs[0].addr, 1, chain->segs[0].writable), 1);
	return first < SLOTS ? &m.slots[first] : NULL;
}

static void check_content(const struct refdev_chain *c, const struct slot *slot)
{
	uint8_t bytes[PIECES * PIECE_BYTES];
	size_t i;

	CHECK(slot->used && slot->published);
	CHECK(c->readable == slot->out * PIECE_BYTES);
	CHECK(c->writable == slot->in * PIECE_BYTES);
	CHECK(refdev_read(c, 0, bytes, sizeof(bytes)) == c->readable);
	for (i = 1; i < c->readable; i++)
		CHECK(bytes[i] == slot->pattern);
}

static void step_pop(void)
{
	struct refdev_chain *c = &m.held[m.nheld];
	struct slot *slot;

	if (m.nheld == SLOTS)
		return;
	if (!refdev_pop(m.q, c)) {
		CHECK(m.nheld + m.ndone == m.published);
		m.asleep = !m.q->suppress_notify;
		return;
	}
	m.asleep = false;
	m.nheld++;
	slot = slot_of(c);
	if (slot)
		check_content(c, slot);
}

/* The slot of a held buffer; those that name themselves by nothing are told by their token later. */
static void finish(unsigned int i, uint32_t written)
{
	struct refdev_chain *c = &m.held[i];
	struct slot *slot = slot_of(c);
	uint8_t bytes[PIECES * PIECE_BYTES];

	m.done[m.ndone] = slot ? (unsigned int)(slot - m.slots) : SLOTS + written;
	if (slot) {
		slot->written = written;
		memset(bytes, (uint8_t)~slot->pattern, sizeof(bytes));
	} else {
		memset(bytes, 0x5a, sizeof(bytes));
	}
	if (c->writable)
		refdev_write(c, 0, bytes, written);
	m.ndone++;
}

static void forget_held(unsigned int i)
{
	memmove(&m.held[i], &m.held[i + 1], (--m.nheld - i) * sizeof(m.held[0]));
}

/* The interrupt, if there is to be one: none is lost, and none comes that nobody wants. */
static void interrupt(void)
{
	unsigned int before = m.called;

	if (!m.q->ops->wants_interrupt(m.q)) {
		CHECK(!m.armed);
		CHECK(!(m.delayed && m.ndone == m.outstanding));
		return;
	}
	if (!m.callbacks)
		m.surprises++;
	m.armed = m.callbacks && !has(VIRTIO_F_EVENT_IDX);
	m.delayed = false;
	CHECK(vring_interrupt(0, m.vq) == IRQ_HANDLED);
	CHECK(m.called == before + 1);
}

static void step_push(void)
{
	unsigned int i, batch = 0;
	uint32_t written;

	if (!m.nheld)
		return;
	if (has(VIRTIO_F_IN_ORDER)) {
		for (batch = random_below(3) ? 0 : random_below(m.nheld); batch; batch--) {
			finish(0, (uint32_t)m.held[0].writable);
			refdev_skip(m.q, &m.held[0]);
			forget_held(0);
		}
		i = 0;
	} else {
		i = random_below(m.nheld);
	}
	written = random_below((uint32_t)m.held[i].writable + 1);
	finish(i, written);
	refdev_push(m.q, &m.held[i], written);
	forget_held(i);
	interrupt();
}

static void step_suppress(void)
{
	m.q->suppress_notify = random_below(2);
	m.q->ops->want_notify(m.q, !m.q->suppress_notify);
	/* Now it would have to look again, as step_pop() does; until then it may have missed some. */
	m.asleep = false;
}

/* --- the driver takes back ------------------------------------------------------------------------- */

static void check_written(const struct slot *slot, unsigned int len, uint8_t byte)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		CHECK(slot->buf[slot->out * PIECE_BYTES + i] == byte);
}

static void took(struct slot *slot, unsigned int len)
{
	unsigned int expected = m.done[0];

	memmove(m.done, m.done + 1, --m.ndone * sizeof(m.done[0]));
	CHECK(slot >= m.slots && slot < m.slots + SLOTS && slot->used);
	unmap_slot(slot);
	if (expected < SLOTS) {
		CHECK(slot == &m.slots[expected]);
		CHECK(len == slot->written);
		check_written(slot, len, (uint8_t)~slot->pattern);
	} else {
		CHECK(len == expected - SLOTS);
		check_written(slot, len, 0x5a);
	}
	slot->used = false;
	m.outstanding--;
	m.published--;
}

/* With event index each buffer taken back by itself asks anew; else the wish stands. */
static void asked_anew(void)
{
	if (m.callbacks && has(VIRTIO_F_EVENT_IDX)) {
		m.armed = m.ndone == 0;
		m.delayed = false;
	}
}

static void check_room(unsigned int before)
{
	CHECK(m.rooms == before + m.starved);
	m.starved = false;
}

static void step_get(void)
{
	unsigned int len = 0, rooms = m.rooms;
	bool with_ctx = random_below(2);
	struct slot *slot;
	void *ctx = NULL;

	slot = with_ctx ? virtqueue_get_buf_ctx(m.vq, &len, &ctx) : virtqueue_get_buf(m.vq, &len);
	if (!m.ndone) {
		CHECK(!slot && m.rooms == rooms);
		return;
	}
	CHECK(slot);
	if (!slot)
		return;
	if (with_ctx)
		CHECK(ctx == slot->ctx);
	took(slot, len);
	asked_anew();
	check_room(rooms);
}

static void step_get_many(void)
{
	unsigned int len[16], i, n, max = 1 + random_below(16), rooms = m.rooms;
	unsigned int expected = MIN(max, m.ndone);
	void *data[16];

	n = virtqueue_get_bufs(m.vq, data, len, max);
	CHECK(n == expected);
	for (i = 0; i < MIN(n, expected); i++)
		took(data[i], len[i]);
	if (n)
		check_room(rooms);
}

static void step_callbacks(void)
{
	unsigned int value;

	m.delayed = false;
	switch (random_below(4)) {
	case 0:
		virtqueue_disable_cb(m.vq);
		m.callbacks = m.armed = false;
		return;
	case 1:
		m.armed = virtqueue_enable_cb(m.vq);
		CHECK(m.armed == (m.ndone == 0));
		break;
	case 2:
		value = virtqueue_enable_cb_prepare(m.vq);
		m.armed = !virtqueue_poll(m.vq, value);
		CHECK(m.armed == (m.ndone == 0));
		break;
	default:
		m.armed = false;
		m.delayed = virtqueue_enable_cb_delayed(m.vq);
		if (m.ndone == 0)
			CHECK(m.delayed);
		if (m.ndone && m.ndone == m.outstanding)
			CHECK(!m.delayed);
		if (!has(VIRTIO_F_EVENT_IDX))
			m.armed = m.delayed;
	}
	m.callbacks = true;
	if (!has(VIRTIO_F_EVENT_IDX))
		m.armed = true;
}

/* --- reset, resize, detach -------------------------------------------------------------------------- */

static void recycle(struct virtqueue *vq, void *data)
{
	struct slot *slot = data;

	CHECK(vq == m.vq);
	CHECK(slot >= m.slots && slot < m.slots + SLOTS && slot->used);
	slot->used = false;
	unmap_slot(slot);
	m.recycled++;
}

static unsigned int random_size(void)
{
	static const unsigned int any[] = {1, 2, 3, 5, 7, 16, 33, 100};

	return has(VIRTIO_F_RING_PACKED) ? any[random_below(ARRAY_SIZE(any))]
					 : 1u << random_below(8);
}

static void step_reset(void)
{
	unsigned int outstanding = m.outstanding, size = virtqueue_get_vring_size(m.vq);
	int err;

	if (random_below(200))
		return;
	m.recycled = 0;
	if (random_below(2)) {
		size = random_size();
		err = virtqueue_resize(m.vq, size, recycle);
	} else {
		err = virtqueue_reset(m.vq, recycle);
	}
	if (!has(VIRTIO_F_RING_RESET)) {
		CHECK(err == -EOPNOTSUPP && m.recycled == 0);
		return;
	}
	CHECK(err == 0);
	CHECK(m.recycled == outstanding);
	CHECK(virtqueue_get_vring_size(m.vq) == size && m.vq->num_free == size);
	forget_state();
	m.asleep = !m.q->suppress_notify;
}

static void drain(void)
{
	unsigned int guard;

	step_kick();
	for (guard = 0; guard < 2 * SLOTS && m.published > m.nheld + m.ndone; guard++)
		step_pop();
	while (m.nheld && !violation_count())
		step_push();
	while (m.ndone && !violation_count())
		step_get_many();
}

void vq_model_end(void)
{
	void *data;

	m.recycled = 0;
	if (!violation_count() && random_below(2))
		drain();
	/* The device is reset, then what is left comes back. */
	refdev_queue_disable(m.q);
	while ((data = virtqueue_detach_unused_buf(m.vq)))
		recycle(m.vq, data);
	CHECK(m.recycled == m.outstanding);
	CHECK(m.vq->num_free == virtqueue_get_vring_size(m.vq));
	CHECK(virtqueue_in_flight(m.vq) == 0);
	/* Split rings disable by an index that comes round again after 65536 buffers (2.7.7.1). */
	CHECK(m.surprises <= virtqueue_get_stats(m.vq).used / 65000);
	vring_del_virtqueue(m.vq);
	CHECK(dma_test_mappings() == 0);
	CHECK(dma_test_allocations() == 0);
	refdev_free(m.dev);
}

/* --- running ----------------------------------------------------------------------------------------- */

static void step(void)
{
	static void (*const steps[])(void) = {
		step_add,      step_add,       step_add,       step_add,   step_kick,
		step_kick,     step_pop,       step_pop,       step_pop,   step_pop,
		step_push,     step_push,      step_push,      step_get,   step_get,
		step_get_many, step_callbacks, step_callbacks, step_reset, step_suppress,
	};

	steps[random_below(ARRAY_SIZE(steps))]();
	operations++;
	CHECK(virtqueue_in_flight(m.vq) == m.outstanding);
	CHECK(!virtqueue_is_broken(m.vq));
}

void vq_model_run(unsigned int steps)
{
	while (steps-- && !violation_count())
		step();
}

void vq_model_turn(unsigned int rounds)
{
	while (rounds-- && !violation_count()) {
		struct slot *slot = free_slot();

		if (slot && add_slot(slot, 1, 0))
			m.starved = true;
		operations++;
		step_kick();
		step_pop();
		step_push();
		step_get_many();
	}
}

void vq_model_fill(void)
{
	unsigned int size = virtqueue_get_vring_size(m.vq), i, n = 0, len;
	uint32_t *tokens = calloc(size + 1, sizeof(*tokens));
	static struct refdev_chain chain;
	uint32_t *token;
	struct scatterlist sg;
	dma_addr_t mapped = 0;

	drain();
	if (m.c.memory == VQ_PREMAPPED)
		mapped = dma_map_single(&m.vdev.dev, m.slots[0].buf, 4, DMA_BIDIRECTIONAL);
	sg_init_one(&sg, m.slots[0].buf, 4);
	sg.dma_address = mapped;
	while (n <= size && virtqueue_add_inbuf(m.vq, &sg, 1, &tokens[n], GFP_ATOMIC) == 0)
		n++;
	CHECK(n == size && m.vq->num_free == 0);
	CHECK(virtqueue_kick(m.vq));
	m.starved = true;
	for (i = 0; i < n && !violation_count(); i++) {
		CHECK(refdev_pop(m.q, &chain));
		refdev_push(m.q, &chain, 3);
	}
	CHECK(!refdev_pop(m.q, &chain));
	for (i = 0; i < n && !violation_count(); i++) {
		token = virtqueue_get_buf(m.vq, &len);
		CHECK(token == &tokens[i] && len == 3);
		operations += 2;
	}
	CHECK(!virtqueue_get_buf(m.vq, &len) && m.vq->num_free == size);
	(void)m.q->ops->wants_interrupt(m.q);
	if (m.c.memory == VQ_PREMAPPED)
		dma_unmap_single(&m.vdev.dev, mapped, 4, DMA_BIDIRECTIONAL);
	free(tokens);
	m.starved = false;
	m.asleep = !m.q->suppress_notify;
	m.armed = m.callbacks;
	m.delayed = false;
}
