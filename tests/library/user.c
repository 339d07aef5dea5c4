/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of somebody who has installed the library: static memory, one thread that polls, and a transport of his
 * own, whose device is an entropy source that answers with the alphabet. It includes what is installed and
 * nothing else. Its exit status says whether all went well.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "drivers/virtio/virtio_rng.h"
#include "virtio/virtio.h"
#include "virtio/wire/ring.h"

#define QUEUE_SIZE 8u

VIRTIO_PORT_POOL(65536);

static struct virtio_bus bus;

static struct source {
	struct virtio_device vdev;
	struct virtqueue *vq;
	uint8_t status;
	uint16_t seen; /* of the available ring */
	unsigned int given;
} source;

/* --- the port -------------------------------------------------------------------------------- */

uint64_t port_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void port_log(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void port_idle(void)
{
	virtio_bus_poll(&bus);
}

/* --- the device ------------------------------------------------------------------------------ */

static void *area(dma_addr_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* Fills all that is available. */
static bool notify(struct virtqueue *vq)
{
	struct vring_desc *desc = area(virtqueue_get_desc_addr(vq));
	struct vring_avail *avail = area(virtqueue_get_avail_addr(vq));
	struct vring_used *used = area(virtqueue_get_used_addr(vq));

	while (source.seen != avail->idx) {
		uint16_t id = avail->ring[source.seen++ % QUEUE_SIZE];
		uint8_t *buf = area(desc[id].addr);

		for (uint32_t i = 0; i < desc[id].len; i++)
			buf[i] = (uint8_t)('a' + source.given++ % 26);
		used->ring[used->idx % QUEUE_SIZE].id = id;
		used->ring[used->idx % QUEUE_SIZE].len = desc[id].len;
		used->idx++;
	}
	return true;
}

static void get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	(void)vdev;
	(void)offset;
	memset(buf, 0, len);
}

static uint8_t get_status(struct virtio_device *vdev)
{
	(void)vdev;
	return source.status;
}

static void set_status(struct virtio_device *vdev, uint8_t status)
{
	(void)vdev;
	source.status = status;
}

static uint64_t get_features(struct virtio_device *vdev)
{
	(void)vdev;
	return BIT_ULL(VIRTIO_F_VERSION_1);
}

static int finalize_features(struct virtio_device *vdev)
{
	return vdev->features == BIT_ULL(VIRTIO_F_VERSION_1) ? 0 : -EINVAL;
}

static int find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		    const struct virtqueue_info infos[])
{
	if (nvqs != 1)
		return -ENOENT;
	vqs[0] = vring_create_virtqueue(0, QUEUE_SIZE, 64, vdev, false, notify, infos[0].callback,
					infos[0].name);
	source.vq = vqs[0];
	source.seen = 0;
	return vqs[0] ? 0 : -ENOMEM;
}

static void del_vqs(struct virtio_device *vdev)
{
	(void)vdev;
	vring_del_virtqueue(source.vq);
}

static const struct virtio_config_ops ops = {
	.get = get,
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.finalize_features = finalize_features,
	.find_vqs = find_vqs,
	.del_vqs = del_vqs,
};

int main(void)
{
	size_t before = virtio_port_pool_free();
	char text[27] = {0};

	virtio_bus_init(&bus, NULL);
	if (virtio_rng_init(&bus))
		return 1;
	source.vdev.config = &ops;
	source.vdev.id.device = VIRTIO_ID_RNG;
	strcpy(source.vdev.dev.name, "source");
	if (virtio_register_device(&bus, &source.vdev) || !virtio_rng_find(&bus, 0))
		return 2;
	if (virtio_rng_read(virtio_rng_find(&bus, 0), text, 26, NSEC_PER_SEC))
		return 3;
	puts(text);
	virtio_unregister_device(&source.vdev);
	if (virtio_port_pool_free() != before)
		return 4;
	return strcmp(text, "abcdefghijklmnopqrstuvwxyz") ? 5 : 0;
}
