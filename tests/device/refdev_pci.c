/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of the reference device as a PCI function: the common structure, the ISR status, the
 * notification registers, the config space; and the legacy header (VIRTIO 1.4, 4.1.4).
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/refdev_front.h"
#include "tests/device/refdev_pci.h"
#include "tests/device/violation.h"

#define R 1u
#define W 2u

struct refdev_pci *refdev_pci(struct refdev *dev)
{
	return dev->front_state;
}

static bool legacy(const struct refdev *dev)
{
	return dev->version < 2;
}

/* --- the common structure -------------------------------------------------------------------- */

/* 4.1.4.3: a field, its width, what the driver may do with it, and its like in the MMIO block (0: none). */
struct field {
	uint16_t offset;
	uint8_t width, access;
	uint16_t reg;
};

static const struct field common[] = {
	{0x00, 4, R | W, DEVICE_FEATURES_SEL},
	{0x04, 4, R, DEVICE_FEATURES},
	{0x08, 4, R | W, DRIVER_FEATURES_SEL},
	{0x0c, 4, R | W, DRIVER_FEATURES},
	{0x10, 2, R | W, 0},
	{0x12, 2, R, 0},
	{0x14, 1, R | W, STATUS},
	{0x15, 1, R, CONFIG_GENERATION},
	{0x16, 2, R | W, QUEUE_SEL},
	{0x18, 2, R | W, QUEUE_SIZE},
	{0x1a, 2, R | W, 0},
	{0x1c, 2, R | W, QUEUE_READY},
	{0x1e, 2, R, 0},
	{0x20, 4, R | W, QUEUE_DESC},
	{0x24, 4, R | W, QUEUE_DESC + 4},
	{0x28, 4, R | W, QUEUE_DRIVER},
	{0x2c, 4, R | W, QUEUE_DRIVER + 4},
	{0x30, 4, R | W, QUEUE_DEVICE},
	{0x34, 4, R | W, QUEUE_DEVICE + 4},
	{0x38, 2, R, 0},
	{0x3a, 2, R | W, QUEUE_RESET},
	{0x3c, 2, R, 0},
	{0x3e, 2, R, 0},
};

/* 4.1.4.10, without MSI-X. */
static const struct field header[] = {
	{0x00, 4, R, DEVICE_FEATURES}, {0x04, 4, R | W, DRIVER_FEATURES},
	{0x08, 4, R | W, QUEUE_PFN},   {0x0c, 2, R, QUEUE_SIZE_MAX},
	{0x0e, 2, R | W, QUEUE_SEL},   {0x10, 2, R | W, QUEUE_NOTIFY},
	{0x12, 1, R | W, STATUS},      {0x13, 1, R, INTERRUPT_STATUS},
	{0x14, 2, R | W, 0},	       {0x16, 2, R | W, 0},
};

static const struct field *find_field(const struct field *fields, unsigned int count,
				      unsigned int offset, unsigned int width, unsigned int access)
{
	for (unsigned int i = 0; i < count; i++) {
		if (fields[i].offset != offset)
			continue;
		if (fields[i].width != width)
			violation("pci: %u bytes at %#x, a field of %u (4.1.3.1#1)", width, offset,
				  fields[i].width);
		else if (!(fields[i].access & access))
			violation("pci: field %#x is written (4.1.4.3.2#1)", offset);
		else
			return &fields[i];
		return NULL;
	}
	violation("pci: %u bytes at %#x, where no field is (4.1.3.1#1)", width, offset);
	return NULL;
}

static struct refdev_queue *selected(struct refdev *dev)
{
	return dev->queue_sel < dev->nqueues ? &dev->queues[dev->queue_sel] : NULL;
}

/* --- vectors ------------------------------------------------------------------------------------- */

static uint16_t accept_vector(struct refdev *dev, uint32_t value)
{
	struct refdev_pci *pci = refdev_pci(dev);

	pci->vector_writes++;
	if (value == REFDEV_PCI_NOBODY)
		return REFDEV_PCI_NOBODY;
	if (!pci->enabled)
		violation("pci: vector %u mapped without MSI-X", value);
	else if (value >= pci->enabled)
		violation("pci: vector %u mapped, of %u (4.1.5.1.2.2#4)", value, pci->enabled);
	if (pci->max_vector && value >= pci->max_vector)
		return REFDEV_PCI_NOBODY;
	return (uint16_t)value;
}

static void write_config_vector(struct refdev *dev, uint32_t value)
{
	struct refdev_pci *pci = refdev_pci(dev);

	pci->config_vector = accept_vector(dev, value);
	if (pci->forget_config_vector)
		pci->config_vector = REFDEV_PCI_NOBODY;
}

static void write_queue_vector(struct refdev *dev, uint32_t value)
{
	struct refdev_queue *q = selected(dev);

	if (!q)
		violation("pci: vector of queue %u, of %u", dev->queue_sel, dev->nqueues);
	else if (q->ready)
		violation("pci: vector of queue %u, which is enabled (4.1.4.3.2#4)", q->index);
	else
		refdev_pci(dev)->queue_vector[q->index] = accept_vector(dev, value);
}

static uint32_t read_queue_vector(struct refdev *dev)
{
	struct refdev_queue *q = selected(dev);

	return q ? refdev_pci(dev)->queue_vector[q->index] : REFDEV_PCI_NOBODY;
}

/* --- modern ----------------------------------------------------------------------------------------- */

static uint32_t read_own(struct refdev *dev, unsigned int offset)
{
	struct refdev_pci *pci = refdev_pci(dev);

	switch (offset) {
	case 0x10:
		return pci->config_vector;
	case 0x12:
		return pci->num_queues ? pci->num_queues : dev->nqueues;
	case 0x1a:
		return read_queue_vector(dev);
	case 0x1e:
		return selected(dev) ? pci->notify_off[dev->queue_sel] : 0;
	default:
		violation("pci: field %#x read, which is of no use here", offset);
		return 0;
	}
}

static uint32_t read_common(struct refdev *dev, unsigned int offset, unsigned int width)
{
	struct refdev_pci *pci = refdev_pci(dev);
	const struct field *f = find_field(common, ARRAY_SIZE(common), offset, width, R);
	struct refdev_queue *q = selected(dev);

	if (!f || offset >= pci->common_length)
		return ~0u;
	switch (f->reg) {
	case 0:
		return read_own(dev, offset);
	case DEVICE_FEATURES_SEL:
		return dev->device_features_sel;
	case DRIVER_FEATURES_SEL:
		return dev->driver_features_sel;
	case QUEUE_SEL:
		return dev->queue_sel;
	case QUEUE_SIZE: /* what it takes at most, until it was told a size */
		return q && q->size ? q->size : refdev_register_read(dev, QUEUE_SIZE_MAX);
	case STATUS:
		return pci->status_ones ? 0xff : refdev_register_read(dev, STATUS);
	default:
		return refdev_register_read(dev, f->reg);
	}
}

static void check_size(struct refdev *dev, uint32_t value)
{
	if (value == 0)
		violation("pci: queue_size 0 (4.1.4.3.2#2)");
	if ((value & (value - 1)) && !refdev_negotiated(dev, REF_F_RING_PACKED))
		violation("pci: queue_size %u of a split ring (4.1.4.3.2#3)", value);
}

static void check_enable(struct refdev *dev, uint32_t value)
{
	if (value == 0)
		violation("pci: queue_enable 0 (4.1.4.3.2#6)");
	if (dev->status & REF_S_DRIVER_OK && !refdev_negotiated(dev, REF_F_RING_RESET))
		violation("pci: a queue is enabled after DRIVER_OK");
}

static void write_common(struct refdev *dev, unsigned int offset, uint32_t value,
			 unsigned int width)
{
	struct refdev_pci *pci = refdev_pci(dev);
	const struct field *f = find_field(common, ARRAY_SIZE(common), offset, width, W);
	struct refdev_queue *q = selected(dev);

	if (!f)
		return;
	if (offset >= pci->common_length)
		violation("pci: field %#x of a structure of %u bytes", offset, pci->common_length);
	else if (offset == 0x10)
		write_config_vector(dev, value);
	else if (offset == 0x1a)
		write_queue_vector(dev, value);
	if (f->reg == QUEUE_SIZE)
		check_size(dev, value);
	if (f->reg == QUEUE_READY)
		check_enable(dev, value);
	if (f->reg == QUEUE_RESET && q)
		pci->queue_vector[q->index] = REFDEV_PCI_NOBODY;
	if (f->reg)
		refdev_register_write(dev, f->reg, value);
}

/* Reading acknowledges. With MSI-X nobody has to look at it. */
static uint32_t read_isr(struct refdev *dev)
{
	uint32_t isr = dev->interrupt_status;

	refdev_pci(dev)->isr_reads++;
	if (refdev_pci(dev)->enabled)
		violation("pci: the ISR status is read with MSI-X (4.1.4.5.2#1)");
	dev->interrupt_status = 0;
	dev->acks++;
	return isr & 0xff;
}

/* 4.1.5.2.1: the width says whether there is data with it, and the place which queue it is for. */
static void write_notify(struct refdev *dev, unsigned int at, uint32_t value, unsigned int width)
{
	struct refdev_pci *pci = refdev_pci(dev);
	bool data = refdev_negotiated(dev, REF_F_NOTIFICATION_DATA);
	unsigned int index = value & 0xffff;

	if (width != 2 && !data)
		violation("pci: a notification of %u bytes without data (4.1.5.2.1#1)", width);
	if (width != 4 && data)
		violation("pci: a notification of %u bytes with data (4.1.5.2.1#2)", width);
	if (index >= dev->nqueues || at != pci->notify_off[index] * pci->multiplier)
		violation("pci: a notification of queue %u at %#x (4.1.5.2.1#3, 4.1.5.2.1#4)",
			  index, at);
	refdev_register_write(dev, QUEUE_NOTIFY, value);
}

static uint32_t read_modern(struct refdev *dev, unsigned int at, unsigned int width)
{
	if (at < REFDEV_PCI_ISR)
		return read_common(dev, at, width);
	if (at == REFDEV_PCI_ISR && width == 1)
		return read_isr(dev);
	if (at >= REFDEV_PCI_DEVICE && at < REFDEV_PCI_NOTIFY)
		return refdev_config_read(dev, at - REFDEV_PCI_DEVICE, width);
	violation("pci: %u bytes read at %#x of BAR 4", width, at);
	return ~0u;
}

static void write_modern(struct refdev *dev, unsigned int at, uint32_t value, unsigned int width)
{
	if (at < REFDEV_PCI_ISR)
		write_common(dev, at, value, width);
	else if (at >= REFDEV_PCI_NOTIFY)
		write_notify(dev, at - REFDEV_PCI_NOTIFY, value, width);
	else if (at >= REFDEV_PCI_DEVICE)
		refdev_config_write(dev, at - REFDEV_PCI_DEVICE, value, width);
	else
		violation("pci: %u bytes written at %#x of BAR 4", width, at);
}

/* --- legacy ------------------------------------------------------------------------------------------ */

static unsigned int header_bytes(struct refdev *dev)
{
	return refdev_pci(dev)->enabled ? 0x18 : 0x14;
}

static uint32_t read_legacy(struct refdev *dev, unsigned int at, unsigned int width)
{
	const struct field *f;

	if (at >= header_bytes(dev))
		return refdev_config_read(dev, at - header_bytes(dev), width);
	f = find_field(header, ARRAY_SIZE(header), at, width, R);
	if (!f)
		return ~0u;
	if (at == 0x14)
		return refdev_pci(dev)->config_vector;
	if (at == 0x16)
		return read_queue_vector(dev);
	if (at == 0x13)
		return read_isr(dev);
	if (at == 0x12 && refdev_pci(dev)->status_ones)
		return 0xff;
	if (at == 0x0e)
		return dev->queue_sel;
	dev->device_sel_written = true; /* there is but one word */
	return refdev_register_read(dev, f->reg);
}

static void write_pfn(struct refdev *dev, uint32_t value)
{
	struct refdev_queue *q = selected(dev);

	dev->guest_page_size = PAGE_SIZE;
	if (q && value) { /* 4.1.5.1.3.1: the device's size, and this alignment */
		q->size = q->size_max;
		q->legacy_align = PAGE_SIZE;
	}
	refdev_register_write(dev, QUEUE_PFN, value);
}

static void write_legacy(struct refdev *dev, unsigned int at, uint32_t value, unsigned int width)
{
	const struct field *f;

	if (at >= header_bytes(dev)) {
		refdev_config_write(dev, at - header_bytes(dev), value, width);
		return;
	}
	f = find_field(header, ARRAY_SIZE(header), at, width, W);
	if (!f)
		return;
	dev->driver_sel_written = true;
	if (at == 0x14)
		write_config_vector(dev, value);
	else if (at == 0x16)
		write_queue_vector(dev, value);
	else if (at == 0x08)
		write_pfn(dev, value);
	else
		refdev_register_write(dev, f->reg, value);
}

/* --- entry --------------------------------------------------------------------------------------------- */

static uint32_t pci_read(struct refdev *dev, unsigned int offset, unsigned int width)
{
	if (refdev_pci(dev)->gone)
		return ~0u >> (32 - 8 * width);
	if (offset < REFDEV_PCI_BAR4_AT && legacy(dev))
		return read_legacy(dev, offset, width);
	if (offset >= REFDEV_PCI_BAR4_AT && !legacy(dev))
		return read_modern(dev, offset - REFDEV_PCI_BAR4_AT, width);
	violation("pci: the other interface is read at %#x", offset);
	return ~0u;
}

static void pci_write(struct refdev *dev, unsigned int offset, uint32_t value, unsigned int width)
{
	if (refdev_pci(dev)->gone)
		return;
	if (offset < REFDEV_PCI_BAR4_AT && legacy(dev))
		write_legacy(dev, offset, value, width);
	else if (offset >= REFDEV_PCI_BAR4_AT && !legacy(dev))
		write_modern(dev, offset - REFDEV_PCI_BAR4_AT, value, width);
	else
		violation("pci: the other interface is written at %#x", offset);
}

/* --- messages -------------------------------------------------------------------------------------------- */

static void send_vector(struct refdev_pci *pci, uint16_t vector)
{
	if (vector >= pci->enabled)
		return; /* NO_VECTOR: nobody is told */
	pci->vectors[vector].pending = true;
	pci->vectors[vector].sent++;
}

static bool pci_send(struct refdev *dev, uint32_t bits, struct refdev_queue *q)
{
	struct refdev_pci *pci = refdev_pci(dev);

	if (!pci->enabled || pci->gone)
		return pci->gone;
	if (dev->lies.no_interrupts)
		return true;
	if (bits & REF_INT_CONFIG)
		send_vector(pci, pci->config_vector);
	if (bits & REF_INT_VRING)
		for (unsigned int i = 0; i < dev->nqueues; i++)
			if (!q || q->index == i)
				send_vector(pci, pci->queue_vector[i]);
	return true;
}

/* An edge each: what was sent is delivered once. */
static bool pci_deliver(struct refdev *dev)
{
	struct refdev_pci *pci = refdev_pci(dev);
	bool any = false;

	for (unsigned int i = 0; i < pci->enabled; i++) {
		struct refdev_pci_vector *v = &pci->vectors[i];

		if (!v->pending || !v->handler)
			continue;
		v->pending = false;
		if (refdev_call(dev, 64 + (int)i, v->handler, v->dev_id))
			any = true;
		else
			v->pending = true;
	}
	return any;
}

static void pci_lose(struct refdev *dev)
{
	for (unsigned int i = 0; i < REFDEV_PCI_VECTORS; i++)
		refdev_pci(dev)->vectors[i].pending = false;
}

static void pci_reset(struct refdev *dev)
{
	struct refdev_pci *pci = refdev_pci(dev);

	pci->config_vector = REFDEV_PCI_NOBODY;
	for (unsigned int i = 0; i < REFDEV_QUEUES; i++)
		pci->queue_vector[i] = REFDEV_PCI_NOBODY;
	pci_lose(dev);
}

static void pci_free(struct refdev *dev)
{
	struct refdev_pci *pci = refdev_pci(dev);

	if (pci->enabled || dev->handler)
		violation("pci: interrupts are still taken at the end");
	free(pci);
}

static const struct refdev_front pci_front = {
	.read = pci_read,
	.write = pci_write,
	.send = pci_send,
	.deliver = pci_deliver,
	.lose = pci_lose,
	.reset = pci_reset,
	.free = pci_free,
};

/* --- configuration space ---------------------------------------------------------------------------------- */

static void put(struct refdev_pci *pci, unsigned int at, uint32_t value, unsigned int width)
{
	for (unsigned int i = 0; i < width; i++)
		pci->config[at + i] = (uint8_t)(value >> (8 * i));
}

void refdev_pci_clear_caps(struct refdev *dev)
{
	struct refdev_pci *pci = refdev_pci(dev);

	memset(pci->config + 0x40, 0, sizeof(pci->config) - 0x40);
	pci->config[0x34] = 0;
	pci->caps_last = 0x33; /* the pointer to the first stands where a next would */
	pci->caps_end = 0x40;
}

unsigned int refdev_pci_add_cap(struct refdev *dev, uint8_t type, uint8_t bar, uint32_t offset,
				uint32_t length, unsigned int extra_words, const uint32_t *extra)
{
	struct refdev_pci *pci = refdev_pci(dev);
	unsigned int at = pci->caps_end, len = 16 + 4 * extra_words;

	put(pci, at, 0x09u | len << 16 | (uint32_t)type << 24, 4);
	put(pci, at + 4, bar, 4);
	put(pci, at + 8, offset, 4);
	put(pci, at + 12, length, 4);
	for (unsigned int i = 0; i < extra_words; i++)
		put(pci, at + 16 + 4 * i, extra[i], 4);
	pci->config[pci->caps_last + 1] = (uint8_t)at;
	pci->caps_last = at;
	pci->caps_end += len;
	return at;
}

void refdev_pci_add_all_caps(struct refdev *dev)
{
	struct refdev_pci *pci = refdev_pci(dev);
	uint32_t zero = 0;

	refdev_pci_add_cap(dev, 1, 4, REFDEV_PCI_COMMON, pci->common_length, 0, NULL);
	refdev_pci_add_cap(dev, 3, 4, REFDEV_PCI_ISR, 1, 0, NULL);
	refdev_pci_add_cap(dev, 4, 4, REFDEV_PCI_DEVICE, 0x1000, 0, NULL);
	refdev_pci_add_cap(dev, 2, 4, REFDEV_PCI_NOTIFY, pci->notify_length, 1, &pci->multiplier);
	refdev_pci_add_cap(dev, 5, 0, 0, 0, 1, &zero);
}

static void set_ids(struct refdev *dev, uint32_t id)
{
	put(refdev_pci(dev), 0, 0x1af4 | id << 16, 4);
	put(refdev_pci(dev), 0x2e, dev->device_id, 2);
}

/* 4.1.2: ids of its own for the first types; the subsystem names the others. */
void refdev_pci_make_transitional(struct refdev *dev)
{
	static const uint8_t types[] = {1, 2, 5, 3, 8, 4};
	uint32_t id = 0x103f;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i] == dev->device_id)
			id = 0x1000 + i;
	set_ids(dev, id);
}

struct refdev_pci *refdev_pci_attach(struct refdev *dev)
{
	struct refdev_pci *pci = calloc(1, sizeof(*pci));

	refdev_set_front(dev, &pci_front, pci, REFDEV_PCI_BAR4_AT + REFDEV_PCI_BAR4);
	pci->table = REFDEV_PCI_VECTORS;
	pci->common_length = 0x40;
	pci->multiplier = 4;
	pci->notify_length = 4 * REFDEV_QUEUES;
	for (unsigned int i = 0; i < REFDEV_QUEUES; i++)
		pci->notify_off[i] = (uint16_t)i;
	set_ids(dev, 0x1040 + dev->device_id);
	if (legacy(dev))
		refdev_pci_make_transitional(dev);
	put(pci, 0x06, 0x10, 2);
	refdev_pci_clear_caps(dev);
	refdev_pci_add_all_caps(dev);
	pci_reset(dev);
	return pci;
}
