/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices at an ITS. alloc() gives a device a table of events, whose size is a power of two, and maps
 * each vector, which is the event of that number, to an LPI. A device that the ITS has not confirmed to have
 * forgotten keeps its table and its LPIs, since messages may still go that way: "abandoned". A later call
 * tries again.
 */
#include <errno.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_lpi.h"
#include "drivers/irqchip/gic_memory.h"
#include "lib/log.h"
#include "lib/pages.h"
#include <arch/cpu.h>

#define AGAIN_NS (100 * NSEC_PER_MSEC)

static struct its *to_its(const struct msi_controller *msi)
{
	return container_of(msi, struct its, msi);
}

/* Also one that is abandoned. */
static struct its_device *find(struct its *its, uint32_t id)
{
	for (unsigned int i = 0; i < ITS_DEVICES; i++) {
		if (its->device[i].itt && its->device[i].id == id)
			return &its->device[i];
	}
	return NULL;
}

static struct its_device *find_free(struct its *its)
{
	for (unsigned int i = 0; i < ITS_DEVICES; i++) {
		if (!its->device[i].itt)
			return &its->device[i];
	}
	return NULL;
}

/* Bits of event numbers for @count vectors. One event cannot be said. */
static unsigned int event_bits_for(unsigned int count)
{
	unsigned int bits = 1;

	while (count > 1u << bits)
		bits++;
	return bits;
}

static void release(struct its *its, struct its_device *device)
{
	gic_lpi_give(its, device->id);
	free_pages_exact(device->itt, device->itt_size);
	*device = (struct its_device){0};
}

/*
 * DISCARD forgets what was pending too, so that the next owner of an LPI gets none of it. Nothing is said
 * twice when a later call goes on here: an event that is not mapped is an error to the ITS.
 */
static int unmap(struct its *its, struct its_device *device)
{
	int err = its_ready(its);

	while (device->mapped && !err) {
		err = its_post(its, its_discard(device->id, device->mapped - 1));
		if (!err)
			device->mapped--;
	}
	if (device->known && !err) {
		err = its_post(its, its_unmapd(device->id));
		device->known = err != 0;
	}
	return err ? err : its_sync(its);
}

/* The device's slot is free afterwards, or it is abandoned. */
static void forget(struct its *its, struct its_device *device)
{
	device->abandoned = unmap(its, device) != 0;
	if (!device->abandoned)
		release(its, device);
}

static void forget_abandoned(struct its *its)
{
	for (unsigned int i = 0; i < ITS_DEVICES; i++) {
		if (its->device[i].abandoned)
			forget(its, &its->device[i]);
	}
}

static int map_events(struct its *its, struct its_device *device, unsigned int event_bits,
		      unsigned int count, const int irqs[])
{
	int err = its_post(its, its_mapd(device->id, (uintptr_t)device->itt, event_bits));

	device->known = !err;
	while (device->mapped < count && !err) {
		unsigned int event = device->mapped;

		err = its_post(its,
			       its_mapti(device->id, event, (uint32_t)irqs[event], ITS_COLLECTION));
		if (!err)
			device->mapped++;
	}
	return err ? err : its_sync(its);
}

/* A slot with a table for 2^@event_bits events, which the ITS has not heard of yet. 0, -ENOSPC, -ENOMEM. */
static int new_device(struct its *its, uint32_t id, unsigned int event_bits,
		      struct its_device **device)
{
	struct its_device *slot = find_free(its);
	size_t size = (size_t)its->itt_entry << event_bits;
	void *itt;

	if (!slot)
		return -ENOSPC;
	if (its_table_cover(its, id))
		return -ENOMEM;
	itt = gic_alloc(size, PAGE_SIZE);
	if (!itt)
		return -ENOMEM;
	*slot = (struct its_device){.itt = itt, .itt_size = size, .id = id};
	*device = slot;
	return 0;
}

/* What can be said without the ITS. */
static int check(struct its *its, uint32_t device_id, unsigned int count)
{
	if (!count || device_id >= its->msi.device_ids)
		return -EINVAL;
	if (find(its, device_id))
		return -EBUSY;
	return event_bits_for(count) > its->event_bits ? -ENOSPC : 0;
}

static int its_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[])
{
	struct its *its = to_its(msi);
	struct its_device *device = NULL;
	unsigned int event_bits;
	int err = its_ready(its);

	if (err)
		return err;
	forget_abandoned(its);
	err = check(its, device_id, count);
	if (err)
		return err;
	event_bits = event_bits_for(count);
	err = new_device(its, device_id, event_bits, &device);
	if (err)
		return err;
	err = gic_lpi_take(its, device_id, count, irqs);
	if (err) {
		release(its, device);
		return err;
	}
	err = map_events(its, device, event_bits, count, irqs);
	if (err) {
		forget(its, device);
		return err;
	}
	for (unsigned int i = 0; i < count; i++) {
		messages[i].address = its->regs.phys + GITS_TRANSLATER;
		messages[i].data = i;
	}
	return 0;
}

static void its_free(struct msi_controller *msi, uint32_t device_id, unsigned int count,
		     const int irqs[])
{
	struct its *its = to_its(msi);
	struct its_device *device = find(its, device_id);

	(void)count;
	(void)irqs;
	if (device)
		forget(its, device);
}

static int its_raise(struct msi_controller *msi, uint32_t device_id, unsigned int vector,
		     const struct msi_message *message)
{
	int err = its_post(to_its(msi), its_int(device_id, message->data));

	(void)vector;
	return err ? err : its_sync(to_its(msi));
}

static struct msi_usage its_usage(const struct msi_controller *msi)
{
	(void)msi;
	return gic_lpi_usage();
}

/*
 * A line that was masked or unmasked must not wait for the next who wants something of the ITS, as its driver may wait for
 * the line. What is in the ring is not lost, also where the ITS does not answer in time.
 */
static void look_again(struct timer *timer)
{
	struct its *its = container_of(timer, struct its, again);

	if (its_ready(its))
		timer_start(timer, deadline_after(AGAIN_NS));
}

void its_invalidate(struct its *its, uint32_t device, uint32_t event)
{
	unsigned long state = irq_save();
	int err = its_post(its, its_inv(device, event));

	if (err)
		its->missed_inv = true;
	else
		err = its_sync(its);
	if (err)
		timer_start(&its->again, deadline_after(AGAIN_NS));
	irq_restore(state);
}

void its_devices_init(struct its *its)
{
	its->msi.alloc = its_alloc;
	its->msi.free = its_free;
	its->msi.raise = its_raise;
	its->msi.usage = its_usage;
	timer_init(&its->again, look_again);
}
