/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile device. Its registers live in no memory: an access that is not mmio_*() would hit
 * `window` and find nothing. What the driver wrote is believed as far as it takes to find the rings.
 * Interrupts go through a device of tests/device without registers, which calls the handler in
 * the right context.
 */
#include "lib/arch/host/arch/mmio.h"
#include "lib/work.h"
#include "tests/device/refdev.h"
#include "tests/fuzz/hdev.h"

#define MAGIC	   0x74726976u
#define BLOCK_SIZE 0x200u
#define STATUS	   0x070u
#define HELD	   8u

/* More register accesses than a run with all its timeouts has: then something is without bound. */
#define ACCESSES_MAX 20000000ul

struct queue {
	struct hring ring;
	uint32_t num, ready, align;
	uint64_t areas[3];
	struct hchain held[HELD];
	unsigned int held_count;
};

struct hdev hdev;

static struct {
	struct queue queues[HDEV_QUEUES];
	uint32_t features_sel, driver_sel, queue_sel, status, interrupts, generation, page_size;
	uint64_t accepted;
	uint32_t lie_at, lie; /* the next read of this register; 0: none */
	unsigned int stuck_resets;
	unsigned long accesses;
	bool lost; /* the status was not told as it is: see fuzz_end() */
	struct refdev *wire;
} d;

static char window[BLOCK_SIZE];

/* --- queues ----------------------------------------------------------------------------------------- */

static struct queue *selected(void)
{
	return d.queue_sel < HDEV_QUEUES ? &d.queues[d.queue_sel] : NULL;
}

static void queue_start(struct queue *q)
{
	hring_init(&q->ring, d.accepted & BIT_ULL(VIRTIO_F_RING_PACKED), q->num, q->areas[0],
		   q->areas[1], q->areas[2]);
	q->held_count = 0;
}

static void queue_stop(struct queue *q)
{
	q->ring.size = 0;
	q->ready = 0;
	q->held_count = 0;
}

static void write_pfn(struct queue *q, uint32_t pfn)
{
	uint64_t align = q->align ? q->align : 4096, end;

	if (!pfn) {
		queue_stop(q);
		return;
	}
	q->areas[0] = (uint64_t)pfn * d.page_size;
	q->areas[1] = q->areas[0] + 16ull * q->num;
	end = q->areas[1] + 6 + 2ull * q->num;
	q->areas[2] = (end + align - 1) / align * align;
	q->ready = pfn;
	queue_start(q);
}

static void write_queue(struct queue *q, unsigned int reg, uint32_t value)
{
	if (reg >= 0x80 && reg < 0xb0) {
		uint64_t *area = &q->areas[(reg - 0x80) / 0x10];
		unsigned int shift = reg & 4 ? 32 : 0;

		*area = (*area & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
		return;
	}
	switch (reg) {
	case 0x038:
		fuzz_check(value && value <= 32768);
		q->num = value;
		break;
	case 0x03c:
		q->align = value;
		break;
	case 0x040:
		write_pfn(q, value);
		break;
	case 0x044:
		q->ready = value;
		if (value)
			queue_start(q);
		else
			queue_stop(q);
		break;
	case 0x0c0: /* QueueReset: done at once */
		queue_stop(q);
		break;
	}
}

/* --- registers ---------------------------------------------------------------------------------------- */

static void write_status(uint32_t value)
{
	d.status = value;
	if (value)
		return;
	if (hdev.was_reset)
		hdev.was_reset();
	for (unsigned int i = 0; i < HDEV_QUEUES; i++)
		queue_stop(&d.queues[i]);
	d.interrupts = 0;
	d.accepted = 0;
	if (d.stuck_resets) {
		d.stuck_resets--;
		d.status = 0x0f;
		d.lost = true;
	}
}

static void write_register(unsigned int reg, uint32_t value)
{
	unsigned int shift = d.driver_sel ? 32 : 0;

	switch (reg) {
	case 0x014:
		d.features_sel = value;
		break;
	case 0x020:
		d.accepted = (d.accepted & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
		break;
	case 0x024:
		d.driver_sel = value;
		break;
	case 0x028:
		d.page_size = value;
		break;
	case 0x030:
		d.queue_sel = value;
		break;
	case 0x064:
		d.interrupts &= ~value;
		break;
	case STATUS:
		write_status(value);
		break;
	default:
		if (selected())
			write_queue(selected(), reg, value);
	}
}

static uint32_t read_register(unsigned int reg)
{
	switch (reg) {
	case 0x000:
		return MAGIC;
	case 0x004:
		return hdev.version;
	case 0x008:
		return hdev.id;
	case 0x010:
		return (uint32_t)(hdev.features >> (d.features_sel ? 32 : 0));
	case 0x034:
		return hdev.queue_max;
	case 0x040:
	case 0x044:
		return selected() ? selected()->ready : 0;
	case 0x060:
		return d.interrupts;
	case STATUS:
		return d.status;
	case 0x0fc:
		return d.generation;
	default:
		return 0;
	}
}

/* An honest answer, or one from the input. */
static uint32_t answer_read(unsigned int reg, uint32_t honest)
{
	uint8_t how = 0;

	if (d.lie_at == reg && reg) {
		d.lie_at = 0;
		hdev.lied = true;
		d.lost |= reg == STATUS;
		return d.lie;
	}
	if (hdev.lying_registers)
		how = fuzz_u8();
	d.lost |= how >= 0xe0 && reg == STATUS;
	hdev.lied |= how >= 0xe0;
	if (how >= 0xf0)
		return fuzz_u32();
	if (how >= 0xe0)
		return honest ^ (1u << (fuzz_u8() % 32));
	return honest;
}

uint32_t hdev_register_read(unsigned int reg)
{
	return answer_read(reg, read_register(reg));
}

void hdev_register_write(unsigned int reg, uint32_t value)
{
	write_register(reg, value);
}

uint32_t hdev_config_read(unsigned int offset, unsigned int width)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (uint32_t)hdev.config[(offset + i) % HDEV_CONFIG_BYTES] << (8 * i);
	return answer_read(HDEV_CONFIG + offset, value);
}

uint32_t hdev_take_interrupts(void)
{
	uint32_t interrupts = d.interrupts;

	d.interrupts = 0;
	return interrupts;
}

static uint32_t mmio_read(const volatile void *address, unsigned int width)
{
	uintptr_t reg = (uintptr_t)address - (uintptr_t)window;

	fuzz_check(++d.accesses < ACCESSES_MAX);
	if (hdev.pci)
		return hdev_pci_read(address, width);
	fuzz_check(reg < BLOCK_SIZE && reg % width == 0 && reg + width <= hdev.vm.size);
	if (reg >= HDEV_CONFIG)
		return hdev_config_read((unsigned int)reg - HDEV_CONFIG, width);
	fuzz_check(width == 4);
	return hdev_register_read((unsigned int)reg);
}

static void mmio_write(volatile void *address, uint32_t value, unsigned int width)
{
	uintptr_t reg = (uintptr_t)address - (uintptr_t)window;

	fuzz_check(++d.accesses < ACCESSES_MAX);
	if (hdev.pci) {
		hdev_pci_write(address, value, width);
		return;
	}
	fuzz_check(reg < BLOCK_SIZE && reg % width == 0 && reg + width <= hdev.vm.size);
	if (reg >= HDEV_CONFIG) {
		if (hdev.config_written)
			hdev.config_written((unsigned int)reg - HDEV_CONFIG, value, width);
		return;
	}
	fuzz_check(width == 4);
	write_register((unsigned int)reg, value);
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

/* --- what the device does ------------------------------------------------------------------------------- */

static void take(struct queue *q)
{
	while (q->held_count < HELD && hring_pop(&q->ring, &q->held[q->held_count])) {
		if (hdev.taken)
			hdev.taken((unsigned int)(q - d.queues), &q->held[q->held_count]);
		q->held_count++;
	}
}

static void give(struct queue *q, unsigned int n, uint32_t len)
{
	const struct hchain *chain = &q->held[n];

	hring_push(&q->ring, chain->id, len, chain->descs, 1);
	if (hdev.returned)
		hdev.returned((unsigned int)(q - d.queues), n);
	q->held_count--;
	for (; n < q->held_count; n++)
		q->held[n] = q->held[n + 1];
	d.interrupts |= 1;
}

static void serve(unsigned int index)
{
	struct queue *q = &d.queues[index];
	bool in_order = d.accepted & BIT_ULL(VIRTIO_F_IN_ORDER);
	unsigned int n;
	uint32_t len;

	take(q);
	if (!q->held_count)
		return;
	n = in_order ? 0 : fuzz_u8() % q->held_count;
	len = q->held[n].writable;
	if (hdev.answer)
		len = hdev.answer(index, &q->held[n]);
	else
		hchain_fill(&q->held[n], len);
	give(q, n, len);
}

static void serve_all(void)
{
	for (unsigned int i = 0; i < HDEV_QUEUES; i++) {
		struct queue *q = &d.queues[i];

		for (take(q); q->held_count; take(q))
			give(q, 0, 0);
	}
}

static void change_config(void)
{
	unsigned int at = fuzz_u8() % HDEV_CONFIG_BYTES, len = 1 + fuzz_u8() % 8;

	for (unsigned int i = 0; i < len; i++)
		hdev.config[(at + i) % HDEV_CONFIG_BYTES] = fuzz_u8();
	d.generation++;
	d.interrupts |= 2;
}

static void lie(void)
{
	struct queue *q = &d.queues[fuzz_u8() % 2];
	uint8_t what = fuzz_u8() % 7;

	hdev.lied |= what != 6;
	switch (what) {
	case 0:
		fuzz_scribble();
		break;
	case 1:
		hring_push(&q->ring, fuzz_u16(), fuzz_u32(), fuzz_u8(), 1);
		break;
	case 2:
		hring_jump(&q->ring, fuzz_u16());
		break;
	case 3:
		hring_suppress(&q->ring, fuzz_u8(), fuzz_u16());
		break;
	case 4:
		d.lie_at = fuzz_u8() * 4u % BLOCK_SIZE;
		d.lie = fuzz_u32();
		break;
	case 5:
		d.stuck_resets = 1 + fuzz_u8() % 3;
		break;
	default:
		d.status |= 0x40; /* DEVICE_NEEDS_RESET */
		d.interrupts |= 2;
	}
	d.interrupts |= 1;
}

static void deliver(void)
{
	if (!d.interrupts)
		return;
	refdev_raise(d.wire, 1);
	refdev_pump();
}

unsigned int hdev_take(unsigned int index)
{
	take(&d.queues[index]);
	return d.queues[index].held_count;
}

void hdev_serve(unsigned int index)
{
	serve(index);
	deliver();
}

void hdev_settle(void)
{
	serve_all();
	deliver();
}

void hdev_run(uint64_t ns)
{
	struct port_event never;

	port_event_init(&never);
	fuzz_check(port_event_wait(&never, ns) == -ETIMEDOUT);
}

void hdev_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x90)
		serve(op & 1);
	else if (op < 0xa0)
		change_config();
	else if (op < 0xb0)
		d.interrupts |= op & 3u;
	else if (op < 0xb8)
		serve_all();
	else if (op < 0xc0)
		take(&d.queues[op & 1]);
	else if (op < 0xd0)
		lie();
	deliver(); /* the rest: nothing more */
}

static void wait_step(void)
{
	if (fuzz_more())
		hdev_step();
}

/* --- a run -------------------------------------------------------------------------------------------------- */

static irqreturn_t handler(int irq, void *dev_id)
{
	(void)dev_id;
	d.wire->interrupt_status = 0;
	if (hdev.pci)
		return hdev_pci_interrupt(irq);
	return virtio_mmio_interrupt(irq, &hdev.vm);
}

/* Mostly what the driver knows, with the ring's features; sometimes anything. */
static uint64_t some_features(uint64_t wanted)
{
	uint64_t features =
		wanted | BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	uint8_t how = fuzz_u8();

	features |= (uint64_t)(how & 0x3f) << 28 & vring_transport_features();
	if (how & 1)
		features |= BIT_ULL(VIRTIO_F_RING_PACKED);
	if (how & 2)
		features |= BIT_ULL(VIRTIO_F_IN_ORDER);
	if (how & 4)
		features |= BIT_ULL(VIRTIO_F_NOTIFICATION_DATA) | BIT_ULL(VIRTIO_F_RING_RESET);
	if (how & 0x80)
		features ^= fuzz_u64();
	return features;
}

/* Returns what the input says of the rest. */
static uint8_t prepare(uint32_t id, uint64_t wanted)
{
	uint8_t how = fuzz_u8();
	uint8_t size;

	memset(&hdev, 0, sizeof(hdev));
	memset(&d, 0, sizeof(d));
	hdev.id = id;
	hdev.version = how & 1 ? 1 : 2;
	hdev.lying_registers = how & 2;
	hdev.features = some_features(wanted);
	size = fuzz_u8();
	hdev.queue_max = size < 0xf0 ? size % 65 : fuzz_u32();
	fuzz_bytes(hdev.config, 40);
	if (how & 4)
		port_host_fail_alloc(1 + how / 16);
	d.wire = refdev_new(NULL, 2, 0, 0);
	refdev_connect(d.wire, handler, &hdev);
	fuzz_on_wait(wait_step);
	return how;
}

void hdev_prepare(uint32_t id, uint64_t wanted)
{
	(void)prepare(id, wanted);
}

void hdev_start(uint32_t id, uint64_t wanted,
		uint32_t (*answer)(unsigned int queue, const struct hchain *chain))
{
	uint8_t how = prepare(id, wanted);

	hdev.answer = answer;
	hdev.vm.vdev.dev.dma_ops = &fuzz_dma_ops;
	hdev.vm.vdev.max_queue_size = 64;
	hdev.vm.size = how & 8 ? HDEV_CONFIG + how / 16 : BLOCK_SIZE; /* for mmio_read() */
	hdev.probed = !virtio_mmio_probe(&test_bus, &hdev.vm, window, 0xa000000, hdev.vm.size, 48);
	port_host_fail_alloc(0);
}

void hdev_end_with(void (*then)(void))
{
	/* In the end it answers a reset, so that memory is given back; what was lost before is lost. */
	fuzz_on_wait(NULL);
	hdev.lying_registers = false;
	d.stuck_resets = 0;
	d.lie_at = 0;
	if (hdev.pci)
		hdev_pci_calm();
	if (hdev.probed && hdev.pci)
		virtio_pci_remove(&hdev.vp);
	else if (hdev.probed)
		virtio_mmio_remove(&hdev.vm);
	if (then)
		then();
	refdev_free(d.wire);
	fuzz_end(d.lost);
}

void hdev_end(void)
{
	hdev_end_with(NULL);
}
