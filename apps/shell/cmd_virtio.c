/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands that look below the drivers: all devices with what was negotiated, and the state of one
 * ring. What is shown comes from the core and the queue API alone, so that a new transport or
 * ring format needs no change here.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "apps/shell/commands.h"
#include "virtio/virtio.h"

#define DUMP_BUFFERS 64u /* buffers in flight that vq shows */

#define for_each_queue(vq, vdev) list_for_each_entry (vq, &(vdev)->vqs, list)

static void print_queues(struct shell *sh, struct virtio_device *vdev)
{
	const char *separator = " queues ";
	struct virtqueue *vq;

	if (list_empty(&vdev->vqs)) {
		sh_puts(sh, " queues -");
		return;
	}
	for_each_queue(vq, vdev)
	{
		sh_printf(sh, "%s%s:%u/%s", separator, vq->name, virtqueue_get_vring_size(vq),
			  virtqueue_format(vq));
		separator = ",";
	}
}

/* The names of the negotiated features, the highest bit first: ring and transport before device. */
static void print_features(struct shell *sh, const struct virtio_device *vdev)
{
	const char *separator = " features ";

	if (vdev->features == 0)
		sh_puts(sh, " features -");
	for (unsigned int bit = 64; bit-- > 0;) {
		const char *name = virtio_feature_name(vdev->id.device, bit);

		if (!virtio_has_feature(vdev, bit))
			continue;
		if (name)
			sh_printf(sh, "%s%s", separator, name);
		else
			sh_printf(sh, "%sbit%u", separator, bit);
		separator = ",";
	}
}

static void print_device(struct shell *sh, struct virtio_device *vdev)
{
	sh_printf(sh, "%u %s", vdev->index, vdev->config->bus_name(vdev));
	if (vdev->irq >= 0)
		sh_printf(sh, " irq %d", vdev->irq);
	else
		sh_puts(sh, " irq -");
	sh_printf(sh, " %s driver %s %s", virtio_device_type_name(vdev->id.device),
		  vdev->driver ? vdev->driver->name : "-", virtio_state_name(vdev->state));
	if (vdev->state == VIRTIO_STATE_FAILED && vdev->error)
		sh_printf(sh, " (%s)", sh_strerror(vdev->error));
	if (vdev->recoveries)
		sh_printf(sh, " recoveries %u", vdev->recoveries);
	print_queues(sh, vdev);
	print_features(sh, vdev);
	sh_puts(sh, "\n");
}

static int lsdev(struct shell *sh, int argc, char **argv)
{
	struct virtio_device *vdev;

	(void)argc;
	(void)argv;
	virtio_for_each_device (vdev, app_bus)
		print_device(sh, vdev);
	if (list_empty(&app_bus->devices))
		sh_puts(sh, "no devices\n");
	return 0;
}

static struct virtio_device *device_by_index(uint64_t index)
{
	struct virtio_device *vdev;

	virtio_for_each_device (vdev, app_bus) {
		if (vdev->index == index)
			return vdev;
	}
	return NULL;
}

static struct virtqueue *queue_by_index(struct virtio_device *vdev, uint64_t index)
{
	struct virtqueue *vq;

	for_each_queue(vq, vdev)
	{
		if (vq->index == index)
			return vq;
	}
	return NULL;
}

static void print_line(void *arg, const char *line)
{
	struct shell *sh = arg;

	sh_puts(sh, line);
	sh_puts(sh, "\n");
}

static int vq_command(struct shell *sh, int argc, char **argv)
{
	struct virtio_device *vdev;
	struct virtqueue_stats stats;
	struct virtqueue *vq;
	uint64_t device, queue;

	(void)argc;
	if (sh_number(sh, "device", argv[1], UINT32_MAX, &device) != 0 ||
	    sh_number(sh, "queue", argv[2], UINT32_MAX, &queue) != 0)
		return -EINVAL;
	vdev = device_by_index(device);
	if (!vdev)
		return sh_error(sh, -ENODEV, "no device %u (see lsdev)", (unsigned int)device);
	vq = queue_by_index(vdev, queue);
	if (!vq)
		return sh_error(sh, -ENOENT, "device %u has no queue %u", (unsigned int)device,
				(unsigned int)queue);
	virtqueue_dump(vq, DUMP_BUFFERS, print_line, sh);
	stats = virtqueue_get_stats(vq);
	sh_printf(sh, "added %lu used %lu kicks %lu notified %lu interrupts %lu spurious %lu\n",
		  stats.added, stats.used, stats.kicks, stats.notified, stats.interrupts,
		  stats.spurious);
	sh_printf(sh, "device recovered %u times\n", vdev->recoveries);
	return 0;
}

const struct command virtio_commands[] = {
	{"lsdev", "", "lists the devices", 0, 0, lsdev},
	{"vq", "DEV QUEUE", "dumps a ring of device DEV of lsdev", 2, 2, vq_command},
	{NULL, NULL, NULL, 0, 0, NULL},
};
