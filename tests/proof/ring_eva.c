/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Frama-C's Eva follows through the shipped ring sources: a queue of VARIANT_NUM descriptors on
 * which a driver makes any calls, in any order, for ever, while the device writes anything at any time.
 *
 * The loop in main() is that history. Eva follows it until no new state of the record turns up, so the
 * number of calls has no bound. So that this comes to an end, forget() replaces after each call what
 * no decision may depend on by "any value": a superset of what can be there, so nothing is lost. What
 * stays exact is the shape of the record: which descriptors are free and in which order, which are in
 * which chain, which buffers are in flight.
 *
 * Ring memory: what the driver reads with READ_ONCE is volatile, thus any value at each read; the rest
 * of it is made any value before each call.
 */
#include <stdlib.h>
#include <string.h>
#include "__fc_builtin.h"
#include "virtio/port.h"
#include "virtio/vring_packed.h"
#include "virtio/virtio_recovery.h"

#ifndef VARIANT_FEATURES
#define VARIANT_FEATURES 0
#endif
#ifndef VARIANT_MAPS
#define VARIANT_MAPS 0
#endif
#ifndef VARIANT_LEGACY
#define VARIANT_LEGACY 0
#endif

/* Volatile: any value at each look. */
static volatile unsigned long any;
#define ANY(lvalue)  ((lvalue) = (__typeof__(lvalue))any)
#define UP_TO(most)  ((unsigned int)(any % ((most) + 1)))
#define ONE_OF_TWO() ((bool)(any % 2))

/* --- what is below the ring --------------------------------------------------------------- */

static struct virtqueue *vq;
static struct vring_virtqueue *vvq;

/* Only in the making of the queue; tables, which are made later too, are not followed. */
void *port_alloc(size_t size)
{
	return calloc(1, size);
}

void port_free(void *ptr)
{
	(void)ptr;
}

void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	(void)dev;
	(void)gfp;
	*handle = any;
	return calloc(1, size);
}

void dma_free_coherent(struct device *dev, size_t size, void *cpu_addr, dma_addr_t handle)
{
	(void)dev;
	(void)size;
	(void)cpu_addr;
	(void)handle;
}

dma_addr_t dma_map_page(struct device *dev, void *page, size_t offset, size_t size,
			enum dma_data_direction dir)
{
	(void)dev;
	(void)page;
	(void)offset;
	(void)size;
	(void)dir;
	return any;
}

void dma_unmap_page(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)
{
	(void)dev;
	(void)addr;
	(void)size;
	(void)dir;
}

void virtio_needs_recovery(struct virtio_device *vdev, int error)
{
	(void)vdev;
	(void)error;
}

void port_log(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

int vsnprintf(char *s, size_t n, const char *fmt, va_list args)
{
	(void)fmt;
	(void)args;
	s[n - 1] = 0;
	return 0;
}

/* --- the driver ---------------------------------------------------------------------------- */

static int token, context;

static bool notify(struct virtqueue *queue)
{
	(void)queue;
	return ONE_OF_TWO();
}

static void callback(struct virtqueue *queue)
{
	unsigned int len;

	if (ONE_OF_TWO())
		(void)virtqueue_get_buf(queue, &len);
}

static int enable_vq(struct virtqueue *queue)
{
	(void)queue;
	return 0;
}

static const struct virtio_config_ops config = {.enable_vq = enable_vq};
static struct dma_map_ops dma_ops;

/* Buffers of up to one entry more than the ring has. */
#define ENTRIES (VARIANT_NUM + 1u)
static char memory[1];

/* A list, of which the last entry may be anything. */
static void make_list(struct scatterlist *sg, unsigned int count)
{
	//@ split count;
	for (unsigned int i = 0; i < count; i++) {
		sg[i].last = i + 1 == count;
		sg[i].length = (uint32_t)any;
		sg[i].addr = memory;
		ANY(sg[i].dma_address);
		if (!sg[i].last)
			sg[i].length = 1 + (uint32_t)any % UINT32_MAX;
		else
			sg[i].addr = Frama_C_nondet_ptr(memory, NULL);
	}
}

static void add_list(void)
{
	struct scatterlist list[ENTRIES];
	void *data = Frama_C_nondet_ptr(&token, NULL);
	unsigned int count = 1 + (vvq->broken ? 0 : UP_TO(ENTRIES - 1));
	unsigned int num = UP_TO(ENTRIES);
	bool in = ONE_OF_TWO();

	//@ split in;
	make_list(list, count);
	if (in)
		(void)!virtqueue_add_inbuf_ctx(vq, list, num, data, &context, GFP_ATOMIC);
	else
		(void)!virtqueue_add_outbuf(vq, list, num, data, GFP_ATOMIC);
}

static void add_lists(void)
{
	struct scatterlist first[ENTRIES], second[ENTRIES], *sgs[] = {first, second};
	void *data = Frama_C_nondet_ptr(&token, NULL);
	unsigned int lists = UP_TO(2), out, count = 1;

	//@ split lists;
	out = UP_TO(lists);
	//@ split out;
	if (!vvq->broken)
		count += UP_TO(ENTRIES - 2);
	if (lists >= 1)
		make_list(first, count);
	if (lists == 2)
		make_list(second, 1 + UP_TO(ENTRIES - count - 1));
	(void)!virtqueue_add_sgs(vq, sgs, out, lists - out, data, GFP_ATOMIC);
}

static void get(void)
{
	unsigned int len[2];
	void *data[2], *ctx;
	unsigned int how = UP_TO(2);

	//@ split how;
	if (how == 0)
		(void)virtqueue_get_buf(vq, len);
	else if (how == 1)
		(void)virtqueue_get_buf_ctx(vq, len, &ctx);
	else
		(void)virtqueue_get_bufs(vq, data, len, 2);
}

static void want_interrupts(void)
{
	unsigned int how = UP_TO(3);
	unsigned int place, len;

	//@ split how;
	if (how == 0) {
		virtqueue_disable_cb(vq);
	} else if (how == 1) {
		(void)virtqueue_enable_cb(vq);
	} else if (how == 2) {
		(void)virtqueue_enable_cb_delayed(vq);
	} else {
		place = virtqueue_enable_cb_prepare(vq);
		if (ONE_OF_TWO())
			(void)virtqueue_get_buf(vq, &len);
		(void)virtqueue_poll(vq, place);
	}
}

/* The device was reset: every token is taken back, and the queue begins anew. */
static void recover(void)
{
	for (unsigned int i = 0; i < VARIANT_NUM; i++)
		if (!virtqueue_detach_unused_buf(vq))
			break;
	//@ check none_is_left: \true;
	(void)vring_restart(vvq);
}

static void call(void)
{
	unsigned int which = UP_TO(6);

	//@ split which;
	if (which == 0)
		add_list();
	else if (which == 1)
		add_lists();
	else if (which == 2)
		(void)virtqueue_kick(vq);
	else if (which == 3)
		get();
	else if (which == 4)
		want_interrupts();
	else if (which == 5)
		(void)vring_interrupt(0, vq);
	else
		recover();
	(void)vring_notification_data(vq);
}

/* --- what is not followed exactly ---------------------------------------------------------- */

/*
 * The counters are any value where only memory is at stake. The bound of a batch is what is in flight,
 * so with in_order they stay exact, moved to where the indices of a split ring wrap around.
 */
static void forget_counters(void)
{
	unsigned long moved = 65536 - VARIANT_NUM + vvq->used % VARIANT_NUM - vvq->used;

	ANY(vvq->stats.added);
	ANY(vvq->stats.used);
	ANY(vvq->stats.kicks);
	ANY(vvq->stats.notified);
	ANY(vvq->stats.interrupts);
	ANY(vvq->stats.spurious);
	vvq->detached = 0;
	if (vvq->in_order) {
		vvq->added += moved - vvq->recycled;
		vvq->used += moved;
		vvq->recycled = 0;
	} else {
		ANY(vvq->added);
		ANY(vvq->used);
		ANY(vvq->recycled);
	}
}

/* What forget() puts in the place of the values must have them among its own. */
static void check_places(const struct vring_packed *p)
{
	unsigned long next_used = (unsigned long)(p->next_used - p->desc);
	unsigned long next_avail = (unsigned long)(p->next_avail - p->desc);
	unsigned long held = p->held & PACKED_WISH_AT;

	//@ check next_used_is_in_the_ring: next_used < VARIANT_NUM;
	//@ check next_avail_is_in_the_ring: next_avail < VARIANT_NUM;
	//@ check held_is_in_the_ring: held < VARIANT_NUM;
	//@ check held_is_a_wish: p->held == 0 || (p->held >> 16) == 2;
	//@ check wish_is_one: p->wish == 0x20000 || p->wish == 0x28000;
}

static void forget_places(void)
{
	struct vring_packed *p = &vvq->pkd;
	const unsigned int rounds[] = {PACKED_WISH, PACKED_WISH | VRING_PACKED_EVENT_F_WRAP};

	if (!vvq->packed) {
		ANY(vvq->split.published);
		ANY(vvq->split.device_used);
		return;
	}
	check_places(p);
	p->next_used = p->desc + any % VARIANT_NUM;
	p->wish = rounds[any % 2];
	p->held = any % 2 * (rounds[any % 2] + any % VARIANT_NUM);
	ANY(p->held_flags);
	ANY(p->avail_flags);
	ANY(p->used_flags);
}

/* What is said of no buffer means nothing; nor where a chain in flight goes on after its end. */
static void forget_buffer(unsigned int i)
{
	struct vring_desc_state *state = &vvq->state[i];

	ANY(state->in_len);
	state->ctx = NULL;
	if (state->data) {
		if (!vvq->packed && !vvq->in_order)
			ANY(vvq->links[state->split.last]);
	} else {
		ANY(state->packed_descs); /* the same memory as state->split */
		state->table = NULL;
	}
}

/* Entries of the order that are not of a buffer in flight. */
static void forget_order(void)
{
	for (unsigned int i = vring_in_flight(vvq); i < VARIANT_NUM; i++)
		vvq->order[(vvq->order_first + i) % VARIANT_NUM] = UP_TO(VARIANT_NUM - 1);
}

static void forget(void)
{
	Frama_C_make_unknown(vvq->ring, vvq->ring_bytes);
	memset(&vvq->adding, 0, sizeof(vvq->adding));
	forget_counters();
	forget_places();
	ANY(vvq->batch_len);
	vvq->broken_reported = any % 2;
	if (!vvq->event_idx)
		vvq->callbacks = any % 2;
	for (unsigned int i = 0; i < VARIANT_NUM; i++)
		forget_buffer(i);
	if (vvq->in_order)
		forget_order();
	if (vvq->mappings)
		Frama_C_make_unknown((char *)vvq->mappings,
				     VARIANT_NUM * sizeof(struct vring_mapping));
}

int main(void)
{
	static struct virtio_device vdev;

	list_init(&vdev.vqs);
	vdev.config = &config;
	vdev.features = VARIANT_FEATURES;
	vdev.legacy = VARIANT_LEGACY;
	vdev.dev.dma_ops = VARIANT_MAPS ? &dma_ops : NULL;
	vq = vring_create_virtqueue(0, VARIANT_NUM, 64, &vdev, false, notify, callback, "proven");
	if (!vq)
		return 0;
	vvq = to_vvq(vq);
	vq->num_max = VARIANT_NUM;
	//@ assert vvq->num == VARIANT_NUM;
	while (1) {
		forget();
		call();
		if (vvq->broken) {
			call();
			recover();
		}
	}
}
