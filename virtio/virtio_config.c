/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device configuration space (VIRTIO 1.4, 2.5). A field wider than 32 bits, or several fields that
 * belong together, can change between two reads: the generation counter tells. A legacy
 * device has no counter; there a value holds once it has been read twice alike (2.5.4).
 */
#include <string.h>
#include "virtio/virtio.h"

/* A device that changes its configuration for ever shall not hold us up for ever. */
#define CONFIG_READ_TRIES 16

static void read_fields(struct virtio_device *vdev, unsigned int offset, void *buf,
			unsigned int len, unsigned int width)
{
	for (unsigned int at = 0; at < len; at += width)
		vdev->config->get(vdev, offset + at, (char *)buf + at, width);
}

static int read_stable(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len,
		       unsigned int width)
{
	for (int tries = 0; tries < CONFIG_READ_TRIES; tries++) {
		uint32_t before = vdev->config->generation(vdev);

		read_fields(vdev, offset, buf, len, width);
		if (vdev->config->generation(vdev) == before)
			return 0;
	}
	return -EAGAIN;
}

/* Compares field by field, so that no copy of the whole is needed. */
static bool read_again(struct virtio_device *vdev, unsigned int offset, const void *buf,
		       unsigned int len, unsigned int width)
{
	for (unsigned int at = 0; at < len; at += width) {
		uint32_t value = 0;

		vdev->config->get(vdev, offset + at, &value, width);
		if (memcmp(&value, (const char *)buf + at, width) != 0)
			return false;
	}
	return true;
}

static int read_twice(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len,
		      unsigned int width)
{
	for (int tries = 0; tries < CONFIG_READ_TRIES; tries++) {
		read_fields(vdev, offset, buf, len, width);
		if (read_again(vdev, offset, buf, len, width))
			return 0;
	}
	return -EAGAIN;
}

int virtio_cread_bytes(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len,
		       unsigned int width)
{
	if (vdev->legacy)
		return read_twice(vdev, offset, buf, len, width);
	return read_stable(vdev, offset, buf, len, width);
}

uint8_t virtio_cread8(struct virtio_device *vdev, unsigned int offset)
{
	uint8_t value;

	vdev->config->get(vdev, offset, &value, sizeof(value));
	return value;
}

uint16_t virtio_cread16(struct virtio_device *vdev, unsigned int offset)
{
	uint16_t value;

	vdev->config->get(vdev, offset, &value, sizeof(value));
	return virtio16_to_cpu(vdev, value);
}

uint32_t virtio_cread32(struct virtio_device *vdev, unsigned int offset)
{
	uint32_t value;

	vdev->config->get(vdev, offset, &value, sizeof(value));
	return virtio32_to_cpu(vdev, value);
}

int virtio_cread64(struct virtio_device *vdev, unsigned int offset, uint64_t *value)
{
	uint64_t raw;
	int err = virtio_cread_bytes(vdev, offset, &raw, sizeof(raw), sizeof(uint32_t));

	if (!err)
		*value = virtio64_to_cpu(vdev, raw);
	return err;
}

void virtio_cwrite8(struct virtio_device *vdev, unsigned int offset, uint8_t value)
{
	vdev->config->set(vdev, offset, &value, sizeof(value));
}

void virtio_cwrite32(struct virtio_device *vdev, unsigned int offset, uint32_t value)
{
	value = cpu_to_virtio32(vdev, value);
	vdev->config->set(vdev, offset, &value, sizeof(value));
}
