/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices at an ITS. alloc() gives a device a table of events, a page, and maps
 * each vector, which is an event, to an LPI. Devices behind a bridge that speaks for them have one id, and so one
 * table, in which each of them has a range. A device that the ITS has not confirmed to have
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

#define ANY_IRQ (-1)

/* The device @id whose first line is @irq, or the first of several; also one that is abandoned. */
static struct its_device *find(struct its *its, uint32_t id, int irq)
{
	for (unsigned int i = 0; i < ITS_DEVICES; i++) {
		struct its_device *device = &its->device[i];

		if (device->itt && device->id == id && (irq == ANY_IRQ || device->irq == irq))
			return device;
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

static bool shares_table(const struct its *its, const struct its_device *device)
{
	for (unsigned int i = 0; i < ITS_DEVICES; i++) {
		if (its->device[i].itt == device->itt && &its->device[i] != device)
			return true;
	}
	return false;
}

/* Where @count events in a row are nobody's, in the table @itt or where it would go on. */
static unsigned int free_events(const struct its *its, const void *itt, unsigned int count)
{
	unsigned int first = 0, i = 0;

	while (i < ITS_DEVICES) {
		const struct its_device *other = &its->device[i++];

		if (other->itt != itt || first + count <= other->first ||
		    first >= other->first + other->count)
			continue;
		first = other->first + other->count;
		i = 0;
	}
	return first;
}

static void release(struct its *its, struct its_device *device)
{
	gic_lpi_give(its, device->id, device->first, device->count);
	if (!shares_table(its, device))
		free_pages_exact(device->itt, ITS_ITT_BYTES);
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
		err = its_post(
			its, ITS_SAY(its_discard(device->id, device->first + device->mapped - 1)));
		if (!err)
			device->mapped--;
	}
	if (device->known && !err && !shares_table(its, device)) {
		err = its_post(its, ITS_SAY(its_unmapd(device->id)));
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

static int map_events(struct its *its, struct its_device *device, const int irqs[])
{
	int err = 0;

	if (!device->known) {
		err = its_post(its, ITS_SAY(its_mapd(device->id, (uintptr_t)device->itt,
						     its->event_bits)));
		device->known = !err;
	}
	while (device->mapped < device->count && !err) {
		unsigned int i = device->mapped;

		err = its_post(its, ITS_SAY(its_mapti(device->id, device->first + i,
						      (uint32_t)irqs[i], ITS_COLLECTION)));
		if (!err)
			device->mapped++;
	}
	return err ? err : its_sync(its);
}

/* A slot for @count events in a table of its own, which the ITS has not heard of yet, or in that of others with this id.
 * 0, -EINVAL, -ENOSPC, -ENOMEM, -ETIMEDOUT (one that is abandoned is in the way). */
static int new_device(struct its *its, uint32_t id, unsigned int count, struct its_device **device)
{
	const struct its_device *other = find(its, id, ANY_IRQ);
	struct its_device *slot = find_free(its), new = {.id = id};

	if (!count || id >= its->msi.device_ids)
		return -EINVAL;
	if (other)
		new = *other;
	if (new.abandoned)
		return -ETIMEDOUT;
	new.first = other ? free_events(its, other->itt, count) : 0;
	new.count = count;
	new.mapped = 0;
	if (!slot || count > BIT(its->event_bits) || new.first > BIT(its->event_bits) - count)
		return -ENOSPC;
	if (!other && !its_table_cover(its, id))
		new.itt = gic_alloc(ITS_ITT_BYTES, PAGE_SIZE);
	if (!new.itt)
		return -ENOMEM;
	*slot = new;
	*device = slot;
	return 0;
}

static int its_alloc(struct msi_controller *msi, uint32_t device_id, unsigned int count, int irqs[],
		     struct msi_message messages[])
{
	struct its *its = to_its(msi);
	struct its_device *device = NULL;
	int err = its_ready(its);

	if (err)
		return err;
	forget_abandoned(its);
	err = new_device(its, device_id, count, &device);
	if (err)
		return err;
	err = gic_lpi_take(its, device_id, device->first, count, irqs);
	if (err) {
		release(its, device);
		return err;
	}
	device->irq = irqs[0];
	err = map_events(its, device, irqs);
	if (err) {
		forget(its, device);
		return err;
	}
	for (unsigned int i = 0; i < count; i++) {
		messages[i].address = its->regs.phys + GITS_TRANSLATER;
		messages[i].data = device->first + i;
	}
	return 0;
}

static void its_free(struct msi_controller *msi, uint32_t device_id, unsigned int count,
		     const int irqs[])
{
	struct its *its = to_its(msi);
	struct its_device *device = find(its, device_id, irqs[0]);

	(void)count;
	if (device)
		forget(its, device);
}

static int its_raise(struct msi_controller *msi, uint32_t device_id, unsigned int vector,
		     const struct msi_message *message)
{
	int err = its_post(to_its(msi), ITS_SAY(its_int(device_id, message->data)));

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
	int err = its_post(its, ITS_SAY(its_inv(device, event)));

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
