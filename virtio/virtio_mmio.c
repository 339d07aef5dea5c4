/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport (VIRTIO 1.4, 4.2): the register block of a device, modern (version 2) or
 * legacy (version 1). The two differ in how a queue is set up and in the width of features;
 * everything else is the same code. Registers are read and written in 32 bits, config fields in
 * their own width.
 */
#include <string.h>
#include <arch/barrier.h>
#include <arch/mmio.h>
#include "lib/format.h"
#include "virtio/port.h"
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_transport.h"
#include "virtio/wire/mmio.h"

/* The most that one interrupt serves; the second round finds nothing but for a race. */
#define INTERRUPT_ROUNDS 16u

static struct virtio_mmio_device *to_vm(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_mmio_device, vdev);
}

/* These two are not counted: see virtio_mmio_interrupt(). */
static uint32_t bare_read(const struct virtio_mmio_device *vm, unsigned int reg)
{
	return le32_to_cpu(mmio_read32((char *)vm->base + reg));
}

static void bare_write(const struct virtio_mmio_device *vm, unsigned int reg, uint32_t value)
{
	mmio_write32((char *)vm->base + reg, cpu_to_le32(value));
}

static uint32_t reg_read(struct virtio_mmio_device *vm, unsigned int reg)
{
	COUNT_UP(vm->vdev.accesses, 1);
	return bare_read(vm, reg);
}

static void reg_write(struct virtio_mmio_device *vm, unsigned int reg, uint32_t value)
{
	COUNT_UP(vm->vdev.accesses, 1);
	bare_write(vm, reg, value);
}

/* --- config space ------------------------------------------------------------------------- */

/* The device tree says how long the block is. */
static void vm_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	struct virtio_mmio_device *vm = to_vm(vdev);

	virtio_transport_get((const char *)vm->base + VIRTIO_MMIO_CONFIG,
			     vm->size - VIRTIO_MMIO_CONFIG, offset, buf, len);
}

static void vm_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		   unsigned int len)
{
	struct virtio_mmio_device *vm = to_vm(vdev);

	virtio_transport_set((char *)vm->base + VIRTIO_MMIO_CONFIG, vm->size - VIRTIO_MMIO_CONFIG,
			     offset, buf, len);
}

static uint32_t vm_generation(struct virtio_device *vdev)
{
	return reg_read(to_vm(vdev), VIRTIO_MMIO_CONFIG_GENERATION);
}

/* --- status and features ------------------------------------------------------------------- */

static uint8_t vm_get_status(struct virtio_device *vdev)
{
	return (uint8_t)reg_read(to_vm(vdev), VIRTIO_MMIO_STATUS);
}

static void vm_set_status(struct virtio_device *vdev, uint8_t status)
{
	struct virtio_mmio_device *vm = to_vm(vdev);

	reg_write(vm, VIRTIO_MMIO_STATUS, status);
	/* A reset makes a legacy device forget the page size, which its queues need (4.2.4). */
	if (status == 0 && vdev->legacy)
		reg_write(vm, VIRTIO_MMIO_LEGACY_GUEST_PAGE_SIZE, PAGE_SIZE);
}

static uint64_t vm_get_features(struct virtio_device *vdev)
{
	struct virtio_mmio_device *vm = to_vm(vdev);
	uint64_t features;

	reg_write(vm, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	features = reg_read(vm, VIRTIO_MMIO_DEVICE_FEATURES);
	if (vdev->legacy) /* has bits 0 to 31 only (6.3) */
		return features;
	reg_write(vm, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return features | (uint64_t)reg_read(vm, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static int vm_finalize_features(struct virtio_device *vdev)
{
	struct virtio_mmio_device *vm = to_vm(vdev);

	reg_write(vm, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(vm, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)vdev->features);
	if (vdev->legacy)
		return 0;
	reg_write(vm, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(vm, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(vdev->features >> 32));
	return 0;
}

/* --- queues ------------------------------------------------------------------------------- */

static __always_inline bool notify_of(const struct virtqueue *vq, uint32_t data)
{
	/* What the rings say before the device is told to look at them. */
	mmio_wmb();
	reg_write(to_vm(vq->vdev), VIRTIO_MMIO_QUEUE_NOTIFY, data);
	return true;
}

static bool vm_notify(struct virtqueue *vq)
{
	return notify_of(vq, vq->index);
}

/* With VIRTIO_F_NOTIFICATION_DATA. */
static bool vm_notify_with_data(struct virtqueue *vq)
{
	return notify_of(vq, vring_notification_data(vq));
}

static void write_address(struct virtio_mmio_device *vm, unsigned int low_reg, dma_addr_t addr)
{
	reg_write(vm, low_reg, (uint32_t)addr);
	reg_write(vm, low_reg + 4, (uint32_t)(addr >> 32));
}

static int activate_modern(struct virtio_mmio_device *vm, const struct virtqueue *vq)
{
	reg_write(vm, VIRTIO_MMIO_QUEUE_SIZE, virtqueue_get_vring_size(vq));
	write_address(vm, VIRTIO_MMIO_QUEUE_DESC_LOW, virtqueue_get_desc_addr(vq));
	write_address(vm, VIRTIO_MMIO_QUEUE_DRIVER_LOW, virtqueue_get_avail_addr(vq));
	write_address(vm, VIRTIO_MMIO_QUEUE_DEVICE_LOW, virtqueue_get_used_addr(vq));
	reg_write(vm, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

static int activate_legacy(struct virtio_mmio_device *vm, const struct virtqueue *vq)
{
	uint32_t pfn;
	int err = virtio_transport_legacy_pfn(vq, &pfn);

	if (err)
		return err;
	reg_write(vm, VIRTIO_MMIO_QUEUE_SIZE, virtqueue_get_vring_size(vq));
	reg_write(vm, VIRTIO_MMIO_LEGACY_QUEUE_ALIGN, PAGE_SIZE);
	reg_write(vm, VIRTIO_MMIO_LEGACY_QUEUE_PFN, pfn);
	return 0;
}

static int setup_vq(struct virtio_mmio_device *vm, unsigned int index,
		    const struct virtqueue_info *info, struct virtqueue **result)
{
	bool legacy = vm->vdev.legacy;
	unsigned int in_use = legacy ? VIRTIO_MMIO_LEGACY_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY;
	struct virtqueue *vq;
	uint32_t max;
	int err;

	reg_write(vm, VIRTIO_MMIO_QUEUE_SEL, index);
	if (reg_read(vm, in_use) != 0) {
		port_log(LOG_ERROR, "%s: queue %u is in use already", vm->vdev.dev.name, index);
		return -EBUSY;
	}
	max = reg_read(vm, VIRTIO_MMIO_QUEUE_SIZE_MAX);
	if (max == 0)
		return -ENOENT;
	err = virtio_transport_make_vq(&vm->vdev, index, max, false, info,
				       virtio_has_feature(&vm->vdev, VIRTIO_F_NOTIFICATION_DATA)
					       ? vm_notify_with_data
					       : vm_notify,
				       &vq);
	if (err)
		return err;
	err = legacy ? activate_legacy(vm, vq) : activate_modern(vm, vq);
	if (err) {
		vring_del_virtqueue(vq);
		return err;
	}
	*result = vq;
	return 0;
}

static void deactivate(struct virtio_mmio_device *vm, const struct virtqueue *vq)
{
	reg_write(vm, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	if (vm->vdev.legacy) {
		reg_write(vm, VIRTIO_MMIO_LEGACY_QUEUE_PFN, 0);
		return;
	}
	reg_write(vm, VIRTIO_MMIO_QUEUE_READY, 0);
	/* Read back, so that the device is done with it (4.2.2.2). */
	(void)reg_read(vm, VIRTIO_MMIO_QUEUE_READY);
}

static void vm_del_vqs(struct virtio_device *vdev)
{
	bool reset = vm_get_status(vdev) == 0; /* has let go of its queues already */
	struct virtqueue *vq, *next;

	list_for_each_entry_safe (vq, next, &vdev->vqs, list) {
		if (!reset)
			deactivate(to_vm(vdev), vq);
		vring_del_virtqueue(vq);
	}
}

static bool is_reset(const struct virtqueue *vq)
{
	struct virtio_mmio_device *vm = to_vm(vq->vdev);

	return reg_read(vm, VIRTIO_MMIO_QUEUE_RESET) == 0 &&
	       reg_read(vm, VIRTIO_MMIO_QUEUE_READY) == 0;
}

/* 4.2.3.2.1: the reset is complete once QueueReset reads 0. */
static int vm_reset_vq(struct virtqueue *vq)
{
	struct virtio_mmio_device *vm = to_vm(vq->vdev);

	reg_write(vm, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	reg_write(vm, VIRTIO_MMIO_QUEUE_RESET, 1);
	return virtio_transport_await_reset(vq, is_reset);
}

static int vm_enable_vq(struct virtqueue *vq)
{
	struct virtio_mmio_device *vm = to_vm(vq->vdev);

	reg_write(vm, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	if (reg_read(vm, VIRTIO_MMIO_QUEUE_SIZE_MAX) < virtqueue_get_vring_size(vq)) {
		port_log(LOG_ERROR, "%s: queue %u has become smaller", vm->vdev.dev.name,
			 vq->index);
		return -EINVAL;
	}
	return vm->vdev.legacy ? activate_legacy(vm, vq) : activate_modern(vm, vq);
}

static int vm_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		       const struct virtqueue_info infos[])
{
	for (unsigned int i = 0; i < nvqs; i++) {
		int err;

		vqs[i] = NULL;
		if (!infos[i].name)
			continue;
		err = setup_vq(to_vm(vdev), i, &infos[i], &vqs[i]);
		if (err) {
			vm_del_vqs(vdev);
			return err;
		}
	}
	return 0;
}

/* --- interrupts --------------------------------------------------------------------------- */

/* The two events that there are; undefined bits are ignored (4.2.2.2). */
static uint32_t pending_events(struct virtio_mmio_device *vm)
{
	return bare_read(vm, VIRTIO_MMIO_INTERRUPT_STATUS) &
	       (VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
}

static void serve_events(struct virtio_mmio_device *vm, int irq, uint32_t status)
{
	/* Acknowledge before draining: what completes after this raises the line again. A look at a
	 * ring must not overtake the acknowledgement, or a completion in between would be lost. */
	bare_write(vm, VIRTIO_MMIO_INTERRUPT_ACK, status);
	mmio_mb();
	if (status & VIRTIO_MMIO_INT_CONFIG)
		virtio_config_changed(&vm->vdev);
	if (status & VIRTIO_MMIO_INT_VRING)
		virtio_transport_serve_queues(&vm->vdev, irq);
}

/*
 * One event may come between our look at the status and the acknowledgement of the other. Then the
 * line never falls, and one that is edge-triggered, as on QEMU's virt, would stay silent for ever. So
 * we look until it has fallen, but not for ever at a device that does not let it.
 */
irqreturn_t virtio_mmio_interrupt(int irq, void *dev_id)
{
	struct virtio_mmio_device *vm = dev_id;
	/* What a later round serves has raised the line again: that interrupt will find nothing. */
	bool announced = vm->served_ahead;
	unsigned int round = 0;
	uint32_t status;

	if (!vm->base) /* the line is shared, and we are not set up yet */
		return IRQ_NONE;
	while (round < INTERRUPT_ROUNDS && (status = pending_events(vm)) != 0) {
		serve_events(vm, irq, status);
		round++;
	}
	/* The status was read and acknowledged in each round, and read once more where that ended them. */
	COUNT_UP(vm->vdev.accesses, 2 * round + (round < INTERRUPT_ROUNDS));
	vm->served_ahead = round > 1;
	return round || announced ? IRQ_HANDLED : IRQ_NONE;
}

static void vm_poll(struct virtio_device *vdev)
{
	(void)virtio_mmio_interrupt(vdev->irq, to_vm(vdev));
}

/* --- finding the device ------------------------------------------------------------------- */

static const char *vm_bus_name(struct virtio_device *vdev)
{
	return to_vm(vdev)->bus_name;
}

static const struct virtio_config_ops virtio_mmio_config_ops = {
	.get = vm_get,
	.set = vm_set,
	.generation = vm_generation,
	.get_status = vm_get_status,
	.set_status = vm_set_status,
	.get_features = vm_get_features,
	.finalize_features = vm_finalize_features,
	.find_vqs = vm_find_vqs,
	.del_vqs = vm_del_vqs,
	.reset_vq = vm_reset_vq,
	.enable_vq = vm_enable_vq,
	.poll = vm_poll,
	.bus_name = vm_bus_name,
};

/* Magic value and version, then the device's id, and of an empty slot nothing else (4.2.3.1.1).
 * Returns 0, -ENODEV (no device) or -EINVAL (a version that does not exist). */
static int identify(const char *regs)
{
	uint32_t version;

	if (le32_to_cpu(mmio_read32(regs + VIRTIO_MMIO_MAGIC_VALUE)) != VIRTIO_MMIO_MAGIC)
		return -ENODEV;
	version = le32_to_cpu(mmio_read32(regs + VIRTIO_MMIO_VERSION));
	if (version != 1 && version != 2)
		return -EINVAL;
	return mmio_read32(regs + VIRTIO_MMIO_DEVICE_ID) ? 0 : -ENODEV;
}

bool virtio_mmio_present(const void *base)
{
	return identify(base) != -ENODEV;
}

/* Without messages nobody reads it, and the formatter is not worth its bytes. */
static void set_bus_name(struct virtio_mmio_device *vm, uint64_t phys)
{
	if (VIREO_MESSAGES)
		format_string(vm->bus_name, sizeof(vm->bus_name), "mmio@%llx",
			      (unsigned long long)phys);
	else
		memcpy(vm->bus_name, "mmio", sizeof("mmio"));
}

int virtio_mmio_probe(struct virtio_bus *bus, struct virtio_mmio_device *vm, void *base,
		      uint64_t phys, size_t size, int irq)
{
	struct virtio_device *vdev = &vm->vdev;
	int err = size < VIRTIO_MMIO_CONFIG ? -EINVAL : identify(base);

	if (err)
		return err;
	vm->base = base;
	vm->size = size;
	vm->version = reg_read(vm, VIRTIO_MMIO_VERSION);
	set_bus_name(vm, phys);
	memcpy(vdev->dev.name, vm->bus_name, sizeof(vdev->dev.name));
	vdev->id.device = reg_read(vm, VIRTIO_MMIO_DEVICE_ID);
	vdev->id.vendor = reg_read(vm, VIRTIO_MMIO_VENDOR_ID);
	vdev->legacy = vm->version == 1;
	vdev->config = &virtio_mmio_config_ops;
	vdev->irq = irq;
	return virtio_register_device(bus, vdev);
}

void virtio_mmio_remove(struct virtio_mmio_device *vm)
{
	virtio_unregister_device(&vm->vdev);
	vm->base = NULL;
}
