/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the library is called: one instance, the drivers that are wanted, and a device for each slot of a table in which
 * there is one. A board with a device tree makes the table of its "virtio,mmio" nodes; for PCI see
 * virtio/virtio_pci.h, which takes a handful of operations in place of an address.
 */
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"
#include "ports/template/template.h"
#include "virtio/virtio_mmio.h"

struct virtio_bus template_bus;

/* A slot's structure is the library's while its device is registered; it is zeroed before. */
static struct virtio_mmio_device devices[TEMPLATE_SLOTS_MAX];
static int lines[TEMPLATE_SLOTS_MAX];
static unsigned int device_count;

static int start_drivers(void)
{
	/* FILL IN: those that you want. They may be there before their devices, or come later. */
	int (*const inits[])(struct virtio_bus * bus) = {virtio_blk_init, virtio_net_init,
							 virtio_console_init, virtio_rng_init};

	for (size_t i = 0; i < ARRAY_SIZE(inits); i++) {
		int err = inits[i](&template_bus);

		if (err)
			return err;
	}
	return 0;
}

/* Returns whether there is a device, working or not: vdev.state says so, and vdev.error why. */
static bool start_device(const struct template_slot *slot)
{
	struct virtio_mmio_device *vm = &devices[device_count];

	*vm = (struct virtio_mmio_device){0};
	/* FILL IN, if need be: vm->vdev.dev.dma_ops (how it reaches memory), vm->vdev.max_queue_size (0: 256; smaller
	 * ones take less memory). And route slot->irq to template_interrupt(), before the probe. */
	lines[device_count] = slot->irq;
	if (virtio_mmio_probe(&template_bus, vm, slot->base, slot->phys, slot->size, slot->irq))
		return false; /* -ENODEV: an empty slot. -EINVAL: a device of no version that we know */
	device_count++;
	return true;
}

int template_start(const struct template_slot *slots, unsigned int count)
{
	int err;

	/* NULL: bottom halves go to a queue of the instance's own, under port_lock(). */
	virtio_bus_init(&template_bus, NULL);
	device_count = 0;
	err = start_drivers();
	if (err)
		return err;
	for (unsigned int i = 0; i < count; i++) {
		if (device_count == TEMPLATE_SLOTS_MAX)
			return -ENOSPC;
		(void)start_device(&slots[i]);
	}
	return (int)device_count;
}

bool template_interrupt(int irq)
{
	bool ours = false;

	/* A line may be shared, so all who might have raised it are asked. */
	for (unsigned int i = 0; i < device_count; i++) {
		if (lines[i] == irq)
			ours |= virtio_mmio_interrupt(irq, &devices[i]) == IRQ_HANDLED;
	}
	/* FILL IN: wake whoever calls work_run(template_bus.work). */
	return ours;
}

void template_stop(void)
{
	while (device_count)
		virtio_mmio_remove(&devices[--device_count]);
}
