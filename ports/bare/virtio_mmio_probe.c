/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every "virtio,mmio" node of the device tree is a slot that may hold a device. QEMU fills its slots
 * from the highest address down, in the order of the -device options, so that is the order in
 * which we probe: devices are then counted as the user wrote them down.
 */
#include <stdio.h>
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/machine.h"
#include "ports/bare/bare.h"
#include "virtio/port.h"
#include "virtio/virtio_mmio.h"

#define SLOTS_MAX 64u /* QEMU has 32 */

struct slot {
	uint64_t phys, size;
	struct dt_irq irq;
};

static struct slot slots[SLOTS_MAX];
static unsigned int slot_count;

/* Keeps the slots sorted by address, the highest first. */
static void insert_slot(const struct slot *slot)
{
	unsigned int i = slot_count++;

	for (; i > 0 && slots[i - 1].phys < slot->phys; i--)
		slots[i] = slots[i - 1];
	slots[i] = *slot;
}

static void collect_slots(void)
{
	int node;

	dt_for_each_compatible (node, "virtio,mmio") {
		struct slot slot;

		if (slot_count == SLOTS_MAX) {
			port_log(LOG_WARNING, "virtio-mmio: more than %u slots", SLOTS_MAX);
			return;
		}
		if (dt_reg(node, 0, &slot.phys, &slot.size) || dt_interrupt(node, 0, &slot.irq)) {
			port_log(LOG_WARNING, "%s: malformed node", dt_name(node));
			continue;
		}
		insert_slot(&slot);
	}
}

/* The registers of @slot. Slots are smaller than a page: eight of QEMU's share one, and as they
 * come sorted, remembering the last mapping is enough to map each page once. */
static void *map_slot(const struct slot *slot)
{
	static uint64_t mapped_start, mapped_end;
	static char *mapped_base;
	uint64_t end = slot->phys + slot->size;

	if (end < slot->phys || slot->size > SIZE_MAX - 2 * PAGE_SIZE)
		return NULL;
	if (!mapped_base || slot->phys < mapped_start || end > mapped_end) {
		mapped_start = ALIGN_DOWN(slot->phys, PAGE_SIZE);
		mapped_end = ALIGN_UP(end, PAGE_SIZE);
		mapped_base = ioremap(mapped_start, (size_t)(mapped_end - mapped_start));
		if (!mapped_base)
			return NULL;
	}
	return mapped_base + (slot->phys - mapped_start);
}

/* The interrupt is routed before the device is probed, because its driver may use it in probe. */
static int probe_device(struct virtio_mmio_device *vm, void *base, const struct slot *slot)
{
	int err;

	vm->base = base;
	vm->size = (size_t)slot->size;
	snprintf(vm->vdev.dev.name, sizeof(vm->vdev.dev.name), "mmio@%llx",
		 (unsigned long long)slot->phys);
	err = bare_dma_setup_iommu(&vm->vdev.dev, -1, 0); /* none stands before these */
	if (err)
		return err;
	vm->vdev.max_queue_size = bare_max_queue_size();
	err = request_irq(slot->irq.irq, virtio_mmio_interrupt, slot->irq.trigger | IRQF_SHARED,
			  vm->bus_name, vm);
	if (err)
		return err;
	err = virtio_mmio_probe(&bare_bus, vm, base, slot->phys, (size_t)slot->size, slot->irq.irq);
	if (err)
		free_irq(slot->irq.irq, vm);
	return err;
}

static void probe_slot(const struct slot *slot)
{
	struct virtio_mmio_device *vm;
	void *base = map_slot(slot);
	int err;

	if (!base) {
		port_log(LOG_WARNING, "virtio-mmio: registers at 0x%llx cannot be mapped",
			 (unsigned long long)slot->phys);
		return;
	}
	if (!virtio_mmio_present(base))
		return;
	vm = port_alloc(sizeof(*vm));
	err = vm ? probe_device(vm, base, slot) : -ENOMEM;
	if (err) {
		port_log(LOG_WARNING, "virtio-mmio: slot at 0x%llx not usable (%d)",
			 (unsigned long long)slot->phys, err);
		port_free(vm);
	}
}

void bare_virtio_mmio_probe(void)
{
	collect_slots();
	for (unsigned int i = 0; i < slot_count; i++)
		probe_slot(&slots[i]);
}
