/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core of the reference device: what every type has, whatever its transport and its ring
 * format: its life, its queues, the copying of buffers, and the order in which devices and
 * interrupts run.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "tests/device/dma_test.h"
#include "tests/device/refdev.h"
#include "tests/device/refdev_front.h"
#include "tests/device/violation.h"

/* More interrupts than that without an end: nobody acknowledges them. */
#define STORM 1000

static struct refdev *devices;

struct refdev *refdev_first(void)
{
	return devices;
}
static bool (*cpu_masked)(void);
static void (*context_hook)(bool enter);

struct refdev *refdev_find(const volatile void *reg, unsigned int *offset);

struct refdev *refdev_find(const volatile void *reg, unsigned int *offset)
{
	struct refdev *dev;

	for (dev = devices; dev; dev = dev->next) {
		uintptr_t delta = (uintptr_t)reg - (uintptr_t)dev->base;

		if (delta < dev->size) {
			*offset = (unsigned int)delta;
			return dev;
		}
	}
	return NULL;
}

static void map_registers(struct refdev *dev, size_t size)
{
	dev->size = size;
	dev->base = mmap(NULL, ALIGN_UP(size, PAGE_SIZE), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
}

void refdev_set_front(struct refdev *dev, const struct refdev_front *front, void *state,
		      size_t size)
{
	munmap(dev->base, ALIGN_UP(dev->size, PAGE_SIZE));
	map_registers(dev, size);
	dev->front = front;
	dev->front_state = state;
}

struct refdev *refdev_new(const struct refdev_type *type, uint32_t version, unsigned int nqueues,
			  uint32_t queue_size)
{
	struct refdev *dev = calloc(1, sizeof(*dev));
	unsigned int i;

	map_registers(dev, REFDEV_MMIO_SIZE);
	dev->type = type;
	dev->device_id = type ? type->id : 0;
	dev->version = version;
	dev->offered = BIT_ULL(REF_F_INDIRECT) | BIT_ULL(REF_F_EVENT_IDX);
	if (version >= 2)
		dev->offered |= BIT_ULL(REF_F_VERSION_1) | BIT_ULL(REF_F_ACCESS_PLATFORM);
	dev->nqueues = nqueues;
	for (i = 0; i < nqueues; i++) {
		dev->queues[i].dev = dev;
		dev->queues[i].index = i;
		dev->queues[i].size_max = queue_size;
	}
	dev->next = devices;
	devices = dev;
	return dev;
}

void refdev_free(struct refdev *dev)
{
	struct refdev **link;
	unsigned int i;

	for (link = &devices; *link != dev; link = &(*link)->next)
		;
	*link = dev->next;
	for (i = 0; i < dev->nqueues; i++) {
		if (dev->queues[i].ready)
			violation("queue %u still in use at the end", i);
		refdev_queue_disable(&dev->queues[i]);
	}
	if (dev->type && dev->type->free)
		dev->type->free(dev);
	if (dev->front)
		dev->front->free(dev);
	munmap(dev->base, ALIGN_UP(dev->size, PAGE_SIZE));
	free(dev);
}

void refdev_forget(void)
{
	devices = NULL;
}

void *refdev_base(struct refdev *dev)
{
	return dev->base;
}

void refdev_connect(struct refdev *dev, irqreturn_t (*handler)(int irq, void *dev_id), void *dev_id)
{
	dev->handler = handler;
	dev->dev_id = dev_id;
}

void refdev_set_masked(bool (*masked)(void))
{
	cpu_masked = masked;
}

void refdev_set_context_hook(void (*hook)(bool enter))
{
	context_hook = hook;
}

bool refdev_negotiated(const struct refdev *dev, unsigned int bit)
{
	return dev->accepted & BIT_ULL(bit);
}

/* --- life ---------------------------------------------------------------------------------- */

/* 2.4.1, 4.2.2.1#5: everything that the driver has set up is gone. */
void refdev_reset(struct refdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nqueues; i++)
		refdev_queue_disable(&dev->queues[i]);
	dev->status = 0;
	dev->accepted = 0;
	dev->interrupt_status = 0;
	dev->device_sel_written = dev->driver_sel_written = false;
	dev->queue_sel_written = dev->driver_features_written = false;
	dev->guest_page_size = 0;
	dev->resets++;
	if (dev->front)
		dev->front->reset(dev);
	if (dev->type && dev->type->reset)
		dev->type->reset(dev);
}

void refdev_queue_enable(struct refdev_queue *q)
{
	q->ops = refdev_negotiated(q->dev, REF_F_RING_PACKED) ? &refdev_packed_ops
							      : &refdev_split_ops;
	q->event_idx = refdev_negotiated(q->dev, REF_F_EVENT_IDX);
	q->indirect = refdev_negotiated(q->dev, REF_F_INDIRECT);
	q->in_order = refdev_negotiated(q->dev, REF_F_IN_ORDER);
	q->notification_data = refdev_negotiated(q->dev, REF_F_NOTIFICATION_DATA);
	q->native = q->dev->version < 2;
	q->batch_buffers = q->batch_descs = 0;
	q->lied = false;
	if (q->lie_on_start)
		q->lie = q->lie_on_start;
	q->ready = true;
	q->ops->enable(q);
}

void refdev_queue_disable(struct refdev_queue *q)
{
	if (q->ops)
		q->ops->disable(q);
	q->ops = NULL;
	free(q->waiting);
	q->waiting = NULL;
	q->ready = false;
	q->notified = false;
	q->size = 0;
	q->desc = q->driver = q->device = 0;
	memset(q->addr_written, 0, sizeof(q->addr_written));
	q->must_read_ready = q->resetting = false;
}

/* 4.2.3.3: with VIRTIO_F_NOTIFICATION_DATA the value says where to look. */
struct refdev_queue *refdev_notify(struct refdev *dev, uint32_t value)
{
	bool data = refdev_negotiated(dev, REF_F_NOTIFICATION_DATA);
	uint32_t index = data ? value & 0xffff : value;
	struct refdev_queue *q = index < dev->nqueues ? &dev->queues[index] : NULL;

	if (!q || !q->ready) {
		violation("notification of queue %u, which is not set up", index);
		return NULL;
	}
	if (data && value >> 16 != q->ops->next_offset(q))
		violation("notification data %#x of queue %u, the next buffer goes to %#x (2.9)",
			  value >> 16, index, q->ops->next_offset(q));
	q->notified = true;
	q->notifications++;
	return q;
}

void refdev_release(struct refdev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nqueues; i++)
		dev->queues[i].notified = dev->queues[i].ready;
}

void refdev_raise(struct refdev *dev, uint32_t bits)
{
	if (!dev->front || !dev->front->send(dev, bits, NULL))
		dev->interrupt_status |= bits;
}

void refdev_lose_interrupts(struct refdev *dev)
{
	dev->interrupt_status = 0;
	if (dev->front)
		dev->front->lose(dev);
}

void refdev_config_change(struct refdev *dev, unsigned int offset, const void *data,
			  unsigned int len)
{
	memcpy(dev->config + offset, data, len);
	dev->generation++;
	refdev_raise(dev, REF_INT_CONFIG);
}

void refdev_needs_reset(struct refdev *dev)
{
	dev->status |= REF_S_NEEDS_RESET;
	if (dev->status & REF_S_DRIVER_OK)
		refdev_raise(dev, REF_INT_CONFIG);
}

/* --- running ------------------------------------------------------------------------------- */

bool refdev_call(struct refdev *dev, int irq, irqreturn_t (*handler)(int irq, void *dev_id),
		 void *dev_id)
{
	if (dev->in_handler || dev->lies.no_interrupts || (cpu_masked && cpu_masked()))
		return false;
	dev->in_handler = true;
	dev->interrupts++;
	if (context_hook)
		context_hook(true);
	handler(irq, dev_id);
	if (context_hook)
		context_hook(false);
	dev->in_handler = false;
	return true;
}

/* A wired, level-triggered interrupt: the handler is called until the line falls. */
static bool deliver(struct refdev *dev)
{
	unsigned int calls = 0;

	if (dev->front && dev->front->deliver(dev))
		return true;
	while (dev->interrupt_status && dev->handler && calls < STORM &&
	       refdev_call(dev, 0, dev->handler, dev->dev_id))
		calls++;
	if (calls == STORM) {
		violation("interrupt storm: status %#x is never acknowledged",
			  dev->interrupt_status);
		dev->interrupt_status = 0;
	}
	return calls;
}

static bool work(struct refdev *dev)
{
	bool moved = false;
	unsigned int i;

	if (dev->hold || !(dev->status & REF_S_DRIVER_OK) || dev->lies.ignore_notify ||
	    (dev->status & REF_S_NEEDS_RESET))
		return false;
	for (i = 0; i < dev->nqueues; i++) {
		struct refdev_queue *q = &dev->queues[i];

		if (!q->ready || !(q->notified || q->polling))
			continue;
		moved |= q->notified;
		q->notified = false;
		dev->type->process(dev, q);
	}
	return moved;
}

bool refdev_pump(void)
{
	bool moved, any = false;
	unsigned int rounds = 0;
	struct refdev *dev;

	do {
		moved = false;
		for (dev = devices; dev; dev = dev->next)
			moved |= work(dev) | deliver(dev);
		any |= moved;
	} while (moved && ++rounds < STORM);
	return any;
}

/* --- the ring's memory ---------------------------------------------------------------------- */

/* Which byte of a field of @width comes @i-th, counted from its least significant one. */
static unsigned int byte_at(const struct refdev_queue *q, unsigned int i, unsigned int width)
{
	bool big = q->native && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	return big ? width - 1 - i : i;
}

uint64_t refdev_load(const struct refdev_queue *q, uint64_t addr, unsigned int width)
{
	const uint8_t *p = dma_test_access(addr, width, false);
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; p && i < width; i++)
		value |= (uint64_t)p[byte_at(q, i, width)] << (8 * i);
	return value;
}

void refdev_store(const struct refdev_queue *q, uint64_t addr, uint64_t value, unsigned int width)
{
	uint8_t *p = dma_test_access(addr, width, true);
	unsigned int i;

	for (i = 0; p && i < width; i++)
		p[byte_at(q, i, width)] = (uint8_t)(value >> (8 * i));
}

bool refdev_add_seg(struct refdev_queue *q, struct refdev_chain *chain, uint64_t addr, uint32_t len,
		    bool writable)
{
	struct refdev_seg *seg = &chain->segs[chain->nsegs];

	if (chain->nsegs == REFDEV_MAX_SEGS || chain->nsegs == q->size) {
		violation("%s: a chain longer than the queue (2.7.5.3.1#3, 2.8.17#2)",
			  q->ops->name);
		return false;
	}
	if (!writable && chain->writable)
		violation("%s: a readable descriptor after a writable one (2.7.4.2#1, 2.8.17#3)",
			  q->ops->name);
	if (len == 0)
		violation("%s: an empty descriptor", q->ops->name);
	if (!dma_test_access(addr, len, writable))
		return false;
	*seg = (struct refdev_seg){addr, len, writable};
	chain->nsegs++;
	*(writable ? &chain->writable : &chain->readable) += len;
	if (chain->readable + chain->writable > 1ull << 32)
		violation("%s: a chain of more than 2^32 bytes (2.7.5.2#1)", q->ops->name);
	return true;
}

/* --- buffers ------------------------------------------------------------------------------- */

bool refdev_pop(struct refdev_queue *q, struct refdev_chain *chain)
{
	if (!q->ready) {
		violation("test: a queue is used that is not ready");
		return false;
	}
	if (!q->ops->pop(q, chain))
		return false;
	q->popped++;
	return true;
}

/* 2.7.12, 2.8.12: all buffers of a batch but the last are written completely. */
static void push_waiting(struct refdev_queue *q, bool may_skip)
{
	struct refdev_chain *chain = q->waiting;

	if (!chain)
		return;
	q->waiting = NULL;
	if (may_skip && q->waiting_len == chain->writable &&
	    q->batch_buffers + 1 < q->dev->in_order_batch)
		q->ops->skip(q, chain);
	else
		q->ops->push(q, chain, q->waiting_len);
	free(chain);
}

void refdev_push(struct refdev_queue *q, const struct refdev_chain *chain, uint32_t len)
{
	q->pushed++;
	if (!q->in_order || !q->dev->in_order_batch) {
		q->ops->push(q, chain, len);
		return;
	}
	push_waiting(q, true);
	q->waiting = malloc(sizeof(*q->waiting));
	*q->waiting = *chain;
	q->waiting_len = len;
}

void refdev_skip(struct refdev_queue *q, const struct refdev_chain *chain)
{
	if (!q->in_order)
		violation("test: a batch without VIRTIO_F_IN_ORDER");
	q->ops->skip(q, chain);
	q->pushed++;
}

void refdev_interrupt(struct refdev_queue *q)
{
	push_waiting(q, false);
	if (!q->ops->wants_interrupt(q))
		return;
	q->interrupts++;
	if (!q->dev->front || !q->dev->front->send(q->dev, REF_INT_VRING, q))
		refdev_raise(q->dev, REF_INT_VRING);
}

static size_t copy(const struct refdev_chain *chain, bool writable, uint64_t offset, uint8_t *buf,
		   size_t len)
{
	size_t done = 0;
	unsigned int i;

	for (i = 0; i < chain->nsegs && done < len; i++) {
		const struct refdev_seg *seg = &chain->segs[i];
		size_t n;
		void *mem;

		if (seg->writable != writable)
			continue;
		if (offset >= seg->len) {
			offset -= seg->len;
			continue;
		}
		n = MIN(len - done, (size_t)(seg->len - offset));
		mem = dma_test_access(seg->addr + offset, n, writable);
		if (!mem)
			break;
		memcpy(writable ? mem : buf + done, writable ? buf + done : mem, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t refdev_read(const struct refdev_chain *chain, uint64_t offset, void *buf, size_t len)
{
	return copy(chain, false, offset, buf, len);
}

size_t refdev_write(const struct refdev_chain *chain, uint64_t offset, const void *buf, size_t len)
{
	return copy(chain, true, offset, (uint8_t *)(uintptr_t)buf, len);
}

void refdev_set_config(struct refdev *dev, unsigned int offset, uint64_t value, unsigned int width)
{
	unsigned int i;

	for (i = 0; i < width; i++)
		dev->config[offset + i] = (uint8_t)(value >> (8 * i));
}
