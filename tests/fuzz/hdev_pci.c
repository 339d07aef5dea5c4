/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile device behind PCI. Its configuration space begins as a right one, of which the input changes
 * bytes. BAR 0 is the legacy header, BAR 4 the modern structures, at fixed places: where a
 * capability says otherwise, the driver reads what the input says. Every access must lie in what was mapped.
 */
#include "tests/fuzz/hdev.h"

#define VECTORS	  8u
#define MAPS	  64u
#define BAR0_SIZE 0x100u
#define BAR4_SIZE 0x8000u
#define NOBODY	  0xffffu

struct vector {
	irq_handler_t handler;
	void *dev_id;
};

static struct {
	uint8_t config[256];
	bool gone;
	unsigned int table, enabled, map_count;
	struct {
		unsigned int at;
		uint64_t length;
	} maps[MAPS];
	struct vector vectors[VECTORS], line;
	uint16_t config_vector, queue_vector[HDEV_QUEUES], queue_select, notify_off;
	uint8_t isr;
} p;

static char bars[BAR0_SIZE + BAR4_SIZE] __attribute__((aligned(64)));

/* --- registers -------------------------------------------------------------------------------------- */

/* The fields of the common structure that are in the MMIO block too: their offsets here and there. */
static unsigned int register_of(unsigned int at)
{
	static const struct {
		uint8_t at, reg;
	} same[] = {
		{0x00, 0x14}, {0x04, 0x10}, {0x08, 0x24}, {0x0c, 0x20}, {0x14, 0x70},
		{0x15, 0xfc}, {0x16, 0x30}, {0x1c, 0x44}, {0x20, 0x80}, {0x24, 0x84},
		{0x28, 0x90}, {0x2c, 0x94}, {0x30, 0xa0}, {0x34, 0xa4}, {0x3a, 0xc0},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(same); i++)
		if (same[i].at == at)
			return same[i].reg;
	return 0;
}

static uint16_t *vector_of_queue(void)
{
	static uint16_t none;

	none = NOBODY;
	return p.queue_select < HDEV_QUEUES ? &p.queue_vector[p.queue_select] : &none;
}

static uint32_t read_common(unsigned int at)
{
	switch (at) {
	case 0x10:
		return p.config_vector;
	case 0x12:
		return HDEV_QUEUES;
	case 0x18:
		return hdev_register_read(0x34);
	case 0x1a:
		return *vector_of_queue();
	case 0x1e:
		return p.notify_off;
	default:
		return register_of(at) ? hdev_register_read(register_of(at)) : fuzz_u32();
	}
}

static uint16_t accept(uint32_t vector)
{
	fuzz_check(vector == NOBODY || vector < p.enabled);
	return fuzz_u8() < 0xf8 ? (uint16_t)vector : NOBODY;
}

static void write_common(unsigned int at, uint32_t value)
{
	unsigned int reg = register_of(at);

	if (at == 0x10)
		p.config_vector = accept(value);
	else if (at == 0x1a)
		*vector_of_queue() = accept(value);
	else if (at == 0x18)
		hdev_register_write(0x38, value);
	else if (reg)
		hdev_register_write(reg, value);
	if (at == 0x16)
		p.queue_select = (uint16_t)value;
	if (at == 0x1c)
		fuzz_check(value == 1);
}

static uint32_t read_isr(void)
{
	uint8_t isr = (uint8_t)hdev_take_interrupts();

	fuzz_check(p.enabled == 0);
	return isr;
}

/* The legacy header: page size and alignment are what they always are. */
static uint32_t read_header(unsigned int at, unsigned int width)
{
	unsigned int begin = p.enabled ? 24 : 20;

	if (at >= begin)
		return hdev_config_read(at - begin, width);
	switch (at) {
	case 0x00:
		return hdev_register_read(0x10);
	case 0x08:
		return hdev_register_read(0x40);
	case 0x0c:
		return hdev_register_read(0x34);
	case 0x12:
		return hdev_register_read(0x70);
	case 0x13:
		return read_isr();
	case 0x14:
		return p.config_vector;
	case 0x16:
		return *vector_of_queue();
	default:
		return fuzz_u32();
	}
}

static void write_header(unsigned int at, uint32_t value)
{
	switch (at) {
	case 0x04:
		hdev_register_write(0x20, value);
		break;
	case 0x08:
		hdev_register_write(0x28, 4096);
		hdev_register_write(0x38, MAX(1u, MIN(hdev.queue_max & 0xffff, 32768u)));
		hdev_register_write(0x40, value);
		break;
	case 0x0e:
		p.queue_select = (uint16_t)value;
		hdev_register_write(0x30, value);
		break;
	case 0x12:
		hdev_register_write(0x70, value);
		break;
	case 0x14:
		if (p.enabled)
			p.config_vector = accept(value);
		break;
	case 0x16:
		if (p.enabled)
			*vector_of_queue() = accept(value);
		break;
	}
}

/* Where an access goes: it was mapped, and lies as its width asks. */
static unsigned int place(const volatile void *address, unsigned int width)
{
	uintptr_t at = (uintptr_t)address - (uintptr_t)bars;

	fuzz_check(at < sizeof(bars) && at % width == 0);
	for (unsigned int i = 0; i < p.map_count; i++)
		if (at >= p.maps[i].at && at + width <= p.maps[i].at + p.maps[i].length)
			return (unsigned int)at;
	fuzz_fail(__FILE__, __LINE__, "an access to what was not mapped");
}

uint32_t hdev_pci_read(const volatile void *address, unsigned int width)
{
	unsigned int at = place(address, width);

	if (p.gone)
		return ~0u;
	if (at < BAR0_SIZE)
		return read_header(at, width);
	at -= BAR0_SIZE;
	if (at < 0x1000)
		return read_common(at);
	if (at == 0x1000)
		return read_isr();
	return at >= 0x2000 && at < 0x3000 ? hdev_config_read(at - 0x2000, width) : fuzz_u32();
}

void hdev_pci_write(volatile void *address, uint32_t value, unsigned int width)
{
	unsigned int at = place(address, width);

	if (p.gone)
		return;
	if (at < BAR0_SIZE)
		write_header(at, value);
	else if (at - BAR0_SIZE < 0x1000)
		write_common(at - BAR0_SIZE, value);
}

/* --- interrupts --------------------------------------------------------------------------------------- */

irqreturn_t hdev_pci_interrupt(int irq)
{
	if (!p.enabled)
		return p.line.handler ? p.line.handler(irq, p.line.dev_id) : IRQ_NONE;
	(void)hdev_take_interrupts();
	for (unsigned int i = 0; i < p.enabled; i++)
		if (p.vectors[i].handler)
			(void)p.vectors[i].handler(irq, p.vectors[i].dev_id);
	return IRQ_HANDLED;
}

/* --- the function -------------------------------------------------------------------------------------- */

static uint32_t config_read(void *fn, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;

	fuzz_check(fn == &p && offset % width == 0 && offset + width <= sizeof(p.config));
	if (p.gone)
		return ~0u >> (32 - 8 * width);
	if (hdev.lying_registers && fuzz_u8() >= 0xf8)
		return fuzz_u32() >> (32 - 8 * width);
	memcpy(&value, p.config + offset, width);
	return value;
}

static void *map(void *fn, unsigned int bar, uint64_t offset, uint64_t length)
{
	uint64_t size = bar == 0 ? BAR0_SIZE : bar == 4 ? BAR4_SIZE : 0;

	fuzz_check(fn == &p && bar < 6 && length);
	if (offset > size || length > size - offset || p.map_count == MAPS)
		return NULL;
	p.maps[p.map_count].at = (unsigned int)offset + (bar ? BAR0_SIZE : 0);
	p.maps[p.map_count].length = length;
	return bars + p.maps[p.map_count++].at;
}

static unsigned int vectors(void *fn)
{
	(void)fn;
	return p.table;
}

static int enable_vectors(void *fn, unsigned int count)
{
	(void)fn;
	fuzz_check(count && count <= p.table && !p.enabled && !p.line.handler);
	if (fuzz_u8() >= 0xf0)
		return -ENOSPC;
	p.enabled = count;
	return 0;
}

static void disable_vectors(void *fn)
{
	(void)fn;
	fuzz_check(p.enabled);
	for (unsigned int i = 0; i < VECTORS; i++)
		fuzz_check(!p.vectors[i].handler);
	p.enabled = 0;
}

static int request(void *fn, int number, irq_handler_t handler, const char *name, void *dev_id)
{
	struct vector *v = number < 0 ? &p.line : &p.vectors[number];

	(void)fn;
	fuzz_check(name && number < (int)p.enabled && !v->handler);
	if (fuzz_u8() >= 0xf8)
		return -ENOMEM;
	v->handler = handler;
	v->dev_id = dev_id;
	return 64 + number;
}

static void release(void *fn, int number, void *dev_id)
{
	struct vector *v = number < 0 ? &p.line : &p.vectors[number];

	(void)fn;
	fuzz_check(v->handler && v->dev_id == dev_id);
	v->handler = NULL;
}

static void isolate(void *fn)
{
	fuzz_check(fn == &p);
}

static const struct virtio_pci_ops ops = {
	.config_read = config_read,
	.map = map,
	.vectors = vectors,
	.enable_vectors = enable_vectors,
	.disable_vectors = disable_vectors,
	.request_irq = request,
	.free_irq = release,
	.isolate = isolate,
};

/* --- configuration space -------------------------------------------------------------------------------- */

static void put(unsigned int at, uint32_t value)
{
	memcpy(p.config + at, &value, sizeof(value));
}

static unsigned int add_cap(unsigned int at, uint8_t type, uint32_t offset, uint32_t length)
{
	put(at, 0x09u | (at + 24) << 8 | 24u << 16 | (uint32_t)type << 24);
	put(at + 4, 4);
	put(at + 8, offset);
	put(at + 12, length);
	put(at + 16, type == 2 ? 4 : 0);
	return at + 24;
}

static void make_config(uint32_t id, uint8_t how)
{
	unsigned int at = 0x40;

	put(0x00, 0x1af4 | (0x1040 + id) << 16);
	if (how & 1)
		put(0x00, 0x1af4 | (0x1030 + id) << 16);
	put(0x2c, id << 16);
	put(0x04, 0x100000);
	put(0x34, how & 2 ? 0 : at);
	at = add_cap(at, 1, 0, 0x40);
	at = add_cap(at, 3, 0x1000, 1);
	at = add_cap(at, 4, 0x2000, 0x40);
	at = add_cap(at, 2, 0x3000, 0x1000);
	at = add_cap(at, 8, 0x4000, 0x1000);
	p.config[at - 24 + 1] = 0;
	for (unsigned int i = how >> 4; i; i--)
		p.config[fuzz_u8()] = fuzz_u8();
}

void hdev_start_pci(uint32_t id)
{
	uint64_t length;
	uint8_t how;

	hdev_prepare(id, fuzz_u32());
	memset(&p, 0, sizeof(p));
	hdev.pci = true;
	hdev.vp.vdev.dev.dma_ops = &fuzz_dma_ops;
	hdev.vp.vdev.max_queue_size = 64;
	how = fuzz_u8();
	make_config(id, how);
	p.table = fuzz_u8() % (VECTORS + 1);
	p.notify_off = fuzz_u8();
	if (how & 8)
		p.notify_off = fuzz_u16();
	hdev.probed = !virtio_pci_probe(&test_bus, &hdev.vp, &ops, &p, "pci@00:01.0", how & 4);
	port_host_fail_alloc(0);
	if (hdev.probed)
		(void)virtio_pci_shared_memory(&hdev.vp, fuzz_u8(), &length);
	p.gone = fuzz_u8() >= 0xf0;
}

/* The input may have it back in the end, so that memory can be given back. */
void hdev_pci_calm(void)
{
	p.gone = false;
}
