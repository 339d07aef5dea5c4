/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding a device and its interrupt in the device tree, and the few writes that start it and a queue
 * (VIRTIO 1.4, 3.1.1 and 4.2.3).
 */
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/machine.h"
#include "lib/pages.h"
#include "tests/bench/floor/floor.h"
#include "virtio/wire/virtio.h"

#define GICD_ICPENDR 0x280u
#define RESET_POLLS  1000000u
#define BLOCKS_MAX   16u

/* What a job has taken. */
static struct {
	void *ptr;
	size_t size;
} blocks[BLOCKS_MAX];
static unsigned int block_count;

static char *map(uint64_t phys, uint64_t size)
{
	uint64_t start = ALIGN_DOWN(phys, PAGE_SIZE);
	char *base = ioremap(start, (size_t)(ALIGN_UP(phys + size, PAGE_SIZE) - start));

	if (!base)
		panic("registers at 0x%llx cannot be mapped", (unsigned long long)phys);
	return base + (phys - start);
}

/* The highest slot below @limit with a device of @type; its address in *@limit. */
static bool find_below(struct device *dev, uint32_t type, uint64_t *limit)
{
	uint64_t best = 0, phys, size;
	struct dt_irq irq;
	int node;

	dt_for_each_compatible (node, "virtio,mmio") {
		char *base;

		if (dt_reg(node, 0, &phys, &size) || dt_interrupt(node, 0, &irq))
			panic("%s: malformed", dt_name(node));
		if (phys <= best || phys >= *limit)
			continue;
		base = map(phys, size);
		if (mmio_read32(base + VIRTIO_MMIO_MAGIC_VALUE) != VIRTIO_MMIO_MAGIC ||
		    mmio_read32(base + VIRTIO_MMIO_DEVICE_ID) != type)
			continue;
		best = phys;
		dev->base = base;
		dev->irq = irq.irq;
		dev->trigger = irq.trigger;
	}
	*limit = best;
	return best != 0;
}

/* QEMU fills its slots from the highest address down, in the order of the -device options. */
void device_find(struct device *dev, uint32_t type, unsigned int index)
{
	uint64_t limit = UINT64_MAX;

	for (unsigned int i = 0; i <= index; i++) {
		if (!find_below(dev, type, &limit))
			panic("no device %u of type %u", index, (unsigned int)type);
	}
	if (mmio_read32(dev->base + VIRTIO_MMIO_VERSION) != 2)
		panic("a legacy device: virtio-mmio.force-legacy=false is missing");
}

static void write_feature_word(const struct device *dev, uint32_t word, uint32_t bits)
{
	mmio_write32(dev->base + VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
	mmio_write32(dev->base + VIRTIO_MMIO_DRIVER_FEATURES, bits);
}

static void add_status(const struct device *dev, uint32_t bit)
{
	uint32_t status = mmio_read32(dev->base + VIRTIO_MMIO_STATUS);

	mmio_write32(dev->base + VIRTIO_MMIO_STATUS, status | bit);
}

static void reset(const struct device *dev)
{
	unsigned int polls = RESET_POLLS;

	mmio_write32(dev->base + VIRTIO_MMIO_STATUS, 0);
	while (mmio_read32(dev->base + VIRTIO_MMIO_STATUS) != 0) {
		if (--polls == 0)
			panic("the device cannot be reset");
	}
}

void device_start(struct device *dev, uint32_t features)
{
	reset(dev);
	add_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(dev, VIRTIO_CONFIG_S_DRIVER);
	write_feature_word(dev, 0, features);
	write_feature_word(dev, 1, BIT(VIRTIO_F_VERSION_1 - 32));
	add_status(dev, VIRTIO_CONFIG_S_FEATURES_OK);
	if (!(mmio_read32(dev->base + VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK))
		panic("the device refuses the features");
}

void device_ready(const struct device *dev)
{
	add_status(dev, VIRTIO_CONFIG_S_DRIVER_OK);
}

void *floor_alloc(size_t size)
{
	void *ptr = block_count < BLOCKS_MAX ? alloc_pages_exact(size) : NULL;

	if (!ptr)
		panic("no memory for %lu bytes", (unsigned long)size);
	blocks[block_count].ptr = ptr;
	blocks[block_count++].size = size;
	return ptr;
}

void floor_free_all(void)
{
	while (block_count > 0) {
		block_count--;
		free_pages_exact(blocks[block_count].ptr, blocks[block_count].size);
	}
}

static void write_address(const struct device *dev, unsigned int reg, const void *ptr)
{
	mmio_write32(dev->base + reg, (uint32_t)(uintptr_t)ptr);
	mmio_write32(dev->base + reg + 4, (uint32_t)((uint64_t)(uintptr_t)ptr >> 32));
}

void ring_setup(struct ring *ring, struct device *dev, uint32_t queue, unsigned int size)
{
	mmio_write32(dev->base + VIRTIO_MMIO_QUEUE_SEL, queue);
	if (mmio_read32(dev->base + VIRTIO_MMIO_QUEUE_SIZE_MAX) < size)
		panic("the device has no queue %u of %u descriptors", (unsigned int)queue, size);
	/* Each with room for the index of events behind it. */
	ring->desc = floor_alloc(size * sizeof(*ring->desc));
	ring->avail = floor_alloc(sizeof(*ring->avail) + (size + 1) * sizeof(__le16));
	ring->used = floor_alloc(sizeof(*ring->used) + (size + 1) * sizeof(ring->used->ring[0]));
	ring->base = dev->base;
	ring->queue = queue;
	ring->size = size;
	mmio_write32(dev->base + VIRTIO_MMIO_QUEUE_SIZE, size);
	write_address(dev, VIRTIO_MMIO_QUEUE_DESC_LOW, ring->desc);
	write_address(dev, VIRTIO_MMIO_QUEUE_DRIVER_LOW, ring->avail);
	write_address(dev, VIRTIO_MMIO_QUEUE_DEVICE_LOW, ring->used);
	mmio_wmb();
	mmio_write32(dev->base + VIRTIO_MMIO_QUEUE_READY, 1);
}

/* Masked at the CPU it never comes to that. */
static irqreturn_t not_masked(int irq, void *dev_id)
{
	(void)dev_id;
	panic("interrupt %d was taken", irq);
}

void device_enable_irq(const struct device *dev, struct ring *ring, const struct job *job)
{
	int gic = dt_find_compatible(-1, "arm,cortex-a15-gic");
	uint64_t dist, cpu, dist_size, cpu_size;

	if (job->wait == WAIT_POLL) {
		ring->avail->flags = cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
		return;
	}
	if (gic < 0 || dt_reg(gic, 0, &dist, &dist_size) || dt_reg(gic, 1, &cpu, &cpu_size))
		panic("no GICv2, whose registers these loops write");
	ring->gic_cpu = map(cpu, cpu_size);
	ring->gic_pending = map(dist, dist_size) + GICD_ICPENDR + dev->irq / 32 * 4;
	ring->gic_bit = BIT(dev->irq % 32);
	if (request_irq(dev->irq, not_masked, dev->trigger, "floor", ring))
		panic("line %d cannot be had", dev->irq);
}

/* A line that nobody asked for has nothing to be freed. */
void device_stop(const struct device *dev, struct ring *ring)
{
	reset(dev);
	(void)free_irq(dev->irq, ring);
}
