/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO register block of the reference device (VIRTIO 1.4, 4.2.2; legacy: 4.2.4). Every
 * access is checked: its width, its direction, whether the register exists in this version, and
 * whether the driver's progress through 3.1.1 allows it now.
 */
#include "lib/arch/host/arch/mmio.h"
#include "tests/device/refdev.h"
#include "tests/device/refdev_front.h"
#include "tests/device/violation.h"

#define R 1u /* may be read */
#define W 2u /* may be written */

struct reg_rule {
	uint16_t offset;
	uint8_t modern, legacy; /* R, W, or 0: not there */
};

static const struct reg_rule rules[] = {
	{MAGIC, R, R},
	{VERSION, R, R},
	{DEVICE_ID, R, R},
	{VENDOR_ID, R, R},
	{DEVICE_FEATURES, R, R},
	{DEVICE_FEATURES_SEL, W, W},
	{DRIVER_FEATURES, W, W},
	{DRIVER_FEATURES_SEL, W, W},
	{GUEST_PAGE_SIZE, 0, W},
	{QUEUE_SEL, W, W},
	{QUEUE_SIZE_MAX, R, R},
	{QUEUE_SIZE, W, W},
	{QUEUE_ALIGN, 0, W},
	{QUEUE_PFN, 0, R | W},
	{QUEUE_READY, R | W, 0},
	{QUEUE_NOTIFY, W, W},
	{INTERRUPT_STATUS, R, R},
	{INTERRUPT_ACK, W, W},
	{STATUS, R | W, R | W},
	{QUEUE_DESC, W, 0},
	{QUEUE_DESC + 4, W, 0},
	{QUEUE_DRIVER, W, 0},
	{QUEUE_DRIVER + 4, W, 0},
	{QUEUE_DEVICE, W, 0},
	{QUEUE_DEVICE + 4, W, 0},
	{QUEUE_RESET, R | W, 0},
	{CONFIG_GENERATION, R, 0},
};

struct refdev *refdev_find(const volatile void *reg, unsigned int *offset);

static bool legacy(const struct refdev *dev)
{
	return dev->version < 2;
}

/* --- what may be accessed when ---------------------------------------------------------------- */

static bool register_allowed(struct refdev *dev, unsigned int offset, unsigned int access)
{
	unsigned int i, allowed = 0;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].offset == offset)
			allowed = legacy(dev) ? rules[i].legacy : rules[i].modern;
	if (!(allowed & access)) {
		violation("mmio: register %#x must not be %s (4.2.2.2#1)", offset,
			  access == R ? "read" : "written");
		return false;
	}
	if (offset > DEVICE_ID && (!dev->device_id || dev->lies.magic || dev->lies.version)) {
		violation("mmio: register %#x of a slot without a device (4.2.3.1.1#2)", offset);
		return false;
	}
	return true;
}

/* Queue registers: after FEATURES_OK was read back (legacy: after DRIVER), for a selected queue. */
static void check_queue_phase(struct refdev *dev, unsigned int offset)
{
	uint8_t needed = legacy(dev) ? REF_S_DRIVER : REF_S_FEATURES_OK;

	if (!(dev->status & needed))
		violation("mmio: queue register %#x in status %#x (3.1.1)", offset, dev->status);
	else if (!legacy(dev) && !dev->status_read && !(dev->status & REF_S_DRIVER_OK))
		violation("mmio: FEATURES_OK was not read back (3.1.1)");
	if (!dev->queue_sel_written)
		violation("mmio: queue register %#x before QueueSel", offset);
}

static struct refdev_queue *selected(struct refdev *dev)
{
	return dev->queue_sel < dev->nqueues ? &dev->queues[dev->queue_sel] : NULL;
}

/* --- status and features ---------------------------------------------------------------------- */

static void check_status_order(struct refdev *dev, uint8_t value)
{
	uint8_t set = value & (uint8_t)~dev->status;

	if (value & ~0xcfu)
		violation("mmio: reserved status bits in %#x", value);
	if (dev->status & ~value)
		violation("mmio: status %#x to %#x clears bits (2.1.1#2)", dev->status, value);
	if (set & REF_S_NEEDS_RESET)
		violation("mmio: the driver sets DEVICE_NEEDS_RESET");
	if (value & REF_S_FAILED)
		return;
	if ((set & REF_S_DRIVER) && !(dev->status & REF_S_ACKNOWLEDGE))
		violation("mmio: DRIVER without ACKNOWLEDGE");
	if ((set & REF_S_FEATURES_OK) && (legacy(dev) || !(dev->status & REF_S_DRIVER)))
		violation("mmio: FEATURES_OK in status %#x", dev->status);
	if ((set & REF_S_DRIVER_OK) &&
	    !(dev->status & (legacy(dev) ? REF_S_DRIVER : REF_S_FEATURES_OK)))
		violation("mmio: DRIVER_OK in status %#x", dev->status);
	if (set & (uint8_t)(set - 1))
		violation("mmio: status %#x to %#x: two steps at once", dev->status, value);
}

/* 2.2.2#2: a subset that cannot work is refused. */
static bool features_fit(struct refdev *dev)
{
	if (dev->accepted & ~dev->offered)
		violation("mmio: features %#llx accepted, %#llx offered (2.2.1#1)",
			  (unsigned long long)dev->accepted, (unsigned long long)dev->offered);
	if (!refdev_negotiated(dev, REF_F_VERSION_1) && !legacy(dev))
		violation("mmio: VERSION_1 was not accepted (6.1)");
	return !dev->lies.refuse_features;
}

static void write_status(struct refdev *dev, uint32_t value)
{
	if (dev->status_writes < REFDEV_TRACE)
		dev->status_trace[dev->status_writes] = (uint8_t)value;
	dev->status_writes++;
	if (value == 0) {
		refdev_reset(dev);
		dev->reset_pending = dev->lies.reset_hangs ? UINT32_MAX : dev->lies.reset_reads;
		dev->status_read = false;
		return;
	}
	if (dev->reset_pending && !(value & REF_S_FAILED))
		violation("mmio: status %#x written while the reset goes on", value);
	if (dev->resets && !dev->status_read && dev->status == 0)
		violation("mmio: the end of the reset was not awaited (2.4.2#1)");
	check_status_order(dev, (uint8_t)value);
	if (((value & ~dev->status) & REF_S_FEATURES_OK) && !features_fit(dev))
		value &= ~REF_S_FEATURES_OK;
	dev->status |= (uint8_t)value;
	dev->status_read = false;
}

static uint32_t read_status(struct refdev *dev)
{
	dev->status_read = true;
	if (!dev->reset_pending)
		return dev->status;
	if (dev->reset_pending != UINT32_MAX)
		dev->reset_pending--;
	return REF_S_ACKNOWLEDGE | REF_S_DRIVER | REF_S_DRIVER_OK;
}

static uint32_t read_device_features(struct refdev *dev)
{
	if (!dev->device_sel_written)
		violation("mmio: DeviceFeatures before DeviceFeaturesSel (4.2.2.2#7)");
	if (!(dev->status & REF_S_DRIVER))
		violation("mmio: features read in status %#x (3.1.1)", dev->status);
	if (dev->device_features_sel > 3)
		return 0;
	return (uint32_t)((dev->device_features_sel < 2 ? dev->offered : dev->offered_high) >>
			  32 * (dev->device_features_sel % 2));
}

static void write_driver_features(struct refdev *dev, uint32_t value)
{
	unsigned int shift = 32 * dev->driver_features_sel;

	if (!dev->driver_sel_written)
		violation("mmio: DriverFeatures before DriverFeaturesSel (4.2.2.2#8)");
	if (!(dev->status & REF_S_DRIVER) || (dev->status & (REF_S_FEATURES_OK | REF_S_DRIVER_OK)))
		violation("mmio: features written in status %#x (3.1.1)", dev->status);
	if (dev->driver_features_sel > 1) {
		if (value)
			violation("mmio: features above bit 63");
		if (dev->driver_features_sel < 4)
			dev->high_words_written |= 1u << dev->driver_features_sel;
		return;
	}
	dev->accepted &= ~(0xffffffffull << shift);
	dev->accepted |= (uint64_t)value << shift;
	dev->driver_features_written = true;
	if (legacy(dev) && (dev->accepted & ~dev->offered))
		violation("mmio: features %#llx accepted, %#llx offered (2.2.1#1)",
			  (unsigned long long)dev->accepted, (unsigned long long)dev->offered);
}

/* --- queues ------------------------------------------------------------------------------------ */

static void write_queue_size(struct refdev *dev, struct refdev_queue *q, uint32_t value)
{
	(void)dev;
	if (q->ready)
		violation("mmio: QueueSize of a queue in use (4.2.2.2#10)");
	if (value == 0 || value > q->size_max)
		violation("mmio: QueueSize %u, at most %u allowed (4.2.2.2#9)", value, q->size_max);
	q->size = value;
}

static void write_queue_ready(struct refdev *dev, struct refdev_queue *q, uint32_t value)
{
	(void)dev;
	if (value > 1)
		violation("mmio: QueueReady %#x", value);
	if (!value) {
		refdev_queue_disable(q);
		q->must_read_ready = true;
		return;
	}
	if (q->ready)
		violation("mmio: queue %u enabled twice", q->index);
	if (!q->size || !q->addr_written[0] || !q->addr_written[1] || !q->addr_written[2])
		violation("mmio: queue %u enabled before it was set up", q->index);
	refdev_queue_enable(q);
}

/* 2.7.2: where a legacy queue's parts lie, in one piece of pages. */
static void write_queue_pfn(struct refdev *dev, struct refdev_queue *q, uint32_t value)
{
	uint64_t align = q->legacy_align, end;

	if (!value) {
		refdev_queue_disable(q);
		return;
	}
	if (q->ready)
		violation("mmio: queue %u enabled twice", q->index);
	if (!dev->guest_page_size || (dev->guest_page_size & (dev->guest_page_size - 1)))
		violation("mmio: QueuePFN with a guest page size of %u", dev->guest_page_size);
	if (!q->size || align < 16 || (align & (align - 1))) {
		violation("mmio: QueuePFN before QueueSize and QueueAlign");
		return;
	}
	q->desc = (uint64_t)value * dev->guest_page_size;
	q->driver = q->desc + 16ull * q->size;
	end = q->driver + 6 + 2ull * q->size;
	q->device = (end + align - 1) & ~(align - 1);
	refdev_queue_enable(q);
}

/* 2.6.1.1, 4.2.3.2.1: the queue is the driver's again once the register reads 0. */
static void write_queue_reset(struct refdev *dev, struct refdev_queue *q, uint32_t value)
{
	if (!refdev_negotiated(dev, REF_F_RING_RESET))
		violation("mmio: QueueReset without VIRTIO_F_RING_RESET (4.2.2.2)");
	if (value != 1)
		violation("mmio: QueueReset %#x", value);
	if (!q->ready || q->resetting)
		violation("mmio: QueueReset of queue %u, which is not in use", q->index);
	refdev_queue_disable(q);
	q->resetting = true;
	q->reset_reads = dev->lies.queue_reset_hangs ? UINT32_MAX : dev->lies.queue_reset_reads;
}

static uint32_t read_queue_reset(struct refdev_queue *q)
{
	if (q->reset_reads == 0) {
		q->resetting = false;
		return 0;
	}
	if (q->reset_reads != UINT32_MAX)
		q->reset_reads--;
	return 1;
}

static void write_queue_addr(struct refdev_queue *q, unsigned int offset, uint32_t value)
{
	unsigned int part = (offset - QUEUE_DESC) / 0x10, shift = offset & 4 ? 32 : 0;
	uint64_t *addr = part == 0 ? &q->desc : part == 1 ? &q->driver : &q->device;

	if (q->ready)
		violation("mmio: address of a queue in use (4.2.2.2#10)");
	*addr = (*addr & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
	if (!shift)
		q->addr_written[part] = true;
}

static void write_queue(struct refdev *dev, unsigned int offset, uint32_t value)
{
	struct refdev_queue *q = selected(dev);

	check_queue_phase(dev, offset);
	if (!q) {
		if (value)
			violation("mmio: register %#x of queue %u, of %u", offset, dev->queue_sel,
				  dev->nqueues);
		return;
	}
	if (q->resetting && q->reset_reads != UINT32_MAX)
		violation("mmio: register %#x written before QueueReset read 0 (4.2.2.2#14)",
			  offset);
	if (offset == QUEUE_RESET)
		write_queue_reset(dev, q, value);
	else if (offset == QUEUE_SIZE)
		write_queue_size(dev, q, value);
	else if (offset == QUEUE_READY)
		write_queue_ready(dev, q, value);
	else if (offset == QUEUE_PFN)
		write_queue_pfn(dev, q, value);
	else if (offset == QUEUE_ALIGN)
		q->legacy_align = value;
	else
		write_queue_addr(q, offset, value);
}

static uint32_t read_queue(struct refdev *dev, unsigned int offset)
{
	struct refdev_queue *q = selected(dev);

	check_queue_phase(dev, offset);
	if (!q)
		return 0;
	if (offset == QUEUE_SIZE_MAX)
		return q->size_max;
	if (offset == QUEUE_PFN)
		return q->ready ? (uint32_t)(q->desc / dev->guest_page_size) : dev->lies.stuck_pfn;
	if (offset == QUEUE_RESET)
		return read_queue_reset(q);
	q->must_read_ready = false;
	return q->ready || dev->lies.stuck_ready;
}

static void write_notify(struct refdev *dev, uint32_t value)
{
	if (!(dev->status & REF_S_DRIVER_OK))
		violation("mmio: notification before DRIVER_OK (3.1.1#6)");
	(void)refdev_notify(dev, value);
}

static void write_ack(struct refdev *dev, uint32_t value)
{
	if (value & ~(REF_INT_VRING | REF_INT_CONFIG))
		violation("mmio: undefined bits in InterruptACK %#x (4.2.2.2#13)", value);
	if (value & ~dev->interrupt_status)
		violation("mmio: InterruptACK %#x of status %#x", value, dev->interrupt_status);
	if (dev->lies.ignore_acks)
		dev->lies.ignore_acks--;
	else
		dev->interrupt_status &= ~value;
	dev->acks++;
}

/* --- control registers --------------------------------------------------------------------------- */

static uint32_t read_generation(struct refdev *dev)
{
	if (dev->lies.generation_moves)
		dev->generation++;
	if (dev->lies.generation_moves_n) {
		dev->lies.generation_moves_n--;
		dev->generation++;
	}
	return dev->generation;
}

static uint32_t read_register(struct refdev *dev, unsigned int offset)
{
	switch (offset) {
	case MAGIC:
		return dev->lies.magic ? dev->lies.magic : 0x74726976;
	case VERSION:
		return dev->lies.version ? dev->lies.version : dev->version;
	case DEVICE_ID:
		return dev->device_id;
	case VENDOR_ID:
		return 0x56697265;
	case DEVICE_FEATURES:
		return read_device_features(dev);
	case INTERRUPT_STATUS:
		return dev->interrupt_status;
	case STATUS:
		return read_status(dev);
	case CONFIG_GENERATION:
		return read_generation(dev);
	default:
		return read_queue(dev, offset);
	}
}

static void write_register(struct refdev *dev, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case DEVICE_FEATURES_SEL:
		dev->device_features_sel = value;
		dev->device_sel_written = true;
		break;
	case DRIVER_FEATURES:
		write_driver_features(dev, value);
		break;
	case DRIVER_FEATURES_SEL:
		dev->driver_features_sel = value;
		dev->driver_sel_written = true;
		break;
	case GUEST_PAGE_SIZE:
		dev->guest_page_size = value;
		break;
	case QUEUE_SEL:
		dev->queue_sel = value;
		dev->queue_sel_written = true;
		break;
	case QUEUE_NOTIFY:
		write_notify(dev, value);
		break;
	case INTERRUPT_ACK:
		write_ack(dev, value);
		break;
	case STATUS:
		write_status(dev, value);
		break;
	default:
		write_queue(dev, offset, value);
	}
}

/* --- config space ---------------------------------------------------------------------------------- */

/* 4.2.2.2#3: fields are accessed in their width, those of 8 bytes in two halves of 4. */
static bool config_allowed(struct refdev *dev, unsigned int offset, unsigned int width, bool write)
{
	uint8_t setup = legacy(dev) ? REF_S_DRIVER : REF_S_FEATURES_OK;
	unsigned int i;

	if (!dev->device_id || dev->lies.magic || dev->lies.version) {
		violation("mmio: config space of a slot without a device");
		return false;
	}
	for (i = 0; i < dev->type->field_count; i++) {
		const struct refdev_field *f = &dev->type->fields[i];

		if (offset < f->offset || offset >= (unsigned int)f->offset + f->width)
			continue;
		if (width != MIN(f->width, 4) || offset % width)
			violation("mmio: config access of %u bytes at %u, field of %u", width,
				  offset, f->width);
		if (f->feature >= 0 && !(dev->offered & BIT_ULL(f->feature)))
			violation("mmio: config field %u without feature %d (2.5.1#2)", offset,
				  f->feature);
		if (write && f->writable == REF_CONFIG_RO)
			violation("mmio: config field %u is read-only", offset);
		if (!write && dev->device_id == 2 && f->writable == REF_CONFIG_RW &&
		    !(dev->status & setup))
			violation("mmio: config field %u read in status %#x (5.2.5.1#4)", offset,
				  dev->status);
		if (write && f->writable == REF_CONFIG_RW && !(dev->status & setup))
			violation("mmio: config field %u written in status %#x (3.1.1#2)", offset,
				  dev->status);
		return offset + width <= dev->config_len;
	}
	violation("mmio: no config field at %u", offset);
	return false;
}

uint32_t refdev_config_read(struct refdev *dev, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;

	if (!config_allowed(dev, offset, width, false))
		return ~0u;
	if (dev->config_read_hook)
		dev->config_read_hook(dev, offset);
	while (width-- > 0)
		value = value << 8 | dev->config[offset + width];
	return value;
}

void refdev_config_write(struct refdev *dev, unsigned int offset, uint32_t value,
			 unsigned int width)
{
	if (!config_allowed(dev, offset, width, true))
		return;
	dev->config_writes++;
	refdev_set_config(dev, offset, value, width);
	if (dev->type->config_written)
		dev->type->config_written(dev, offset);
}

/* --- entry ------------------------------------------------------------------------------------------ */

uint32_t refdev_register_read(struct refdev *dev, unsigned int offset)
{
	return register_allowed(dev, offset, R) ? read_register(dev, offset) : 0;
}

void refdev_register_write(struct refdev *dev, unsigned int offset, uint32_t value)
{
	if (register_allowed(dev, offset, W))
		write_register(dev, offset, value);
}

static uint32_t block_read(struct refdev *dev, unsigned int offset, unsigned int width)
{
	if (offset >= CONFIG)
		return refdev_config_read(dev, offset - CONFIG, width);
	if (width != 4 || offset % 4) {
		violation("mmio: read of %u bytes at %#x (4.2.2.2#2)", width, offset);
		return ~0u;
	}
	return refdev_register_read(dev, offset);
}

static void block_write(struct refdev *dev, unsigned int offset, uint32_t value, unsigned int width)
{
	if (offset >= CONFIG)
		refdev_config_write(dev, offset - CONFIG, value, width);
	else if (width != 4 || offset % 4)
		violation("mmio: write of %u bytes at %#x (4.2.2.2#2)", width, offset);
	else
		refdev_register_write(dev, offset, value);
}

static uint32_t mmio_read(const volatile void *reg, unsigned int width)
{
	unsigned int offset;
	struct refdev *dev = refdev_find(reg, &offset);

	if (!dev) {
		violation("mmio: read of %p, where no device is", (const void *)(uintptr_t)reg);
		return ~0u;
	}
	return dev->front ? dev->front->read(dev, offset, width) : block_read(dev, offset, width);
}

static void mmio_write(volatile void *reg, uint32_t value, unsigned int width)
{
	unsigned int offset;
	struct refdev *dev = refdev_find(reg, &offset);

	if (!dev)
		violation("mmio: write to %p, where no device is", (void *)(uintptr_t)reg);
	else if (dev->front)
		dev->front->write(dev, offset, value, width);
	else
		block_write(dev, offset, value, width);
}

uint8_t mmio_read8(const volatile void *reg)
{
	return (uint8_t)mmio_read(reg, 1);
}

uint16_t mmio_read16(const volatile void *reg)
{
	return (uint16_t)mmio_read(reg, 2);
}

uint32_t mmio_read32(const volatile void *reg)
{
	return mmio_read(reg, 4);
}

void mmio_write8(volatile void *reg, uint8_t value)
{
	mmio_write(reg, value, 1);
}

void mmio_write16(volatile void *reg, uint16_t value)
{
	mmio_write(reg, value, 2);
}

void mmio_write32(volatile void *reg, uint32_t value)
{
	mmio_write(reg, value, 4);
}
