/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport (VIRTIO 1.4, 4.2): modern (version 2) and legacy (version 1) register
 * blocks. Whoever knows where a block lies (a device tree, a table) calls virtio_mmio_probe()
 * and routes the block's interrupt to virtio_mmio_interrupt().
 *
 *	qemu-system-aarch64 -M virt -device virtio-blk-device,drive=...		legacy
 *	... -global virtio-mmio.force-legacy=false				modern
 */
#ifndef VIRTIO_VIRTIO_MMIO_H
#define VIRTIO_VIRTIO_MMIO_H

#include "virtio/virtio.h"

struct virtio_mmio_device {
	struct virtio_device vdev;
	void *base;	   /* of the mapped registers */
	size_t size;	   /* of the block: registers and config space */
	uint32_t version;  /* 1 or 2 */
	bool served_ahead; /* the last interrupt served events of the one that follows */
	char bus_name[24];
};

/*
 * Looks at the register block of @size bytes at @base (mapped as device memory), physically at
 * @phys, for messages. Where a device is there, fills in @vm (zeroed before; vdev.dev.dma_ops and
 * vdev.max_queue_size may have been set) and registers it with @bus: the port routes
 * interrupts to it before this call, and @vm stays until virtio_mmio_remove().
 * Returns 0; -ENODEV (an empty slot, or no virtio at all), -EINVAL (a version that does not exist,
 * or a block too small). Thread context.
 */
int virtio_mmio_probe(struct virtio_bus *bus, struct virtio_mmio_device *vm, void *base,
		      uint64_t phys, size_t size, int irq);

/* Whether the slot at @base holds a device, be it one of a version that we do not know. */
bool virtio_mmio_present(const void *base);

void virtio_mmio_remove(struct virtio_mmio_device *vm);

/* The interrupt entry: @dev_id is the struct virtio_mmio_device. Acknowledges, then dispatches to
 * the queues and to the config-change handler. Interrupt context. */
irqreturn_t virtio_mmio_interrupt(int irq, void *dev_id);

#endif
