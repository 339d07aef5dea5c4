/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user device as the core sees it (struct virtio_config_ops). What other transports have in registers is here
 * a session's state: the status that we keep, features that were asked for when the session began, a config space of
 * which a whole copy is fetched and kept until the back-end says that it has changed.
 */
#include <string.h>
#include "virtio/vhost_user_private.h"
#include "virtio/virtio_transport.h"

/* --- config space ------------------------------------------------------------------------- */

/* From its beginning, and all that the type has: there are back-ends that know no other way. */
static int fetch_config(struct vhost_user_device *vu)
{
	const uint32_t size = (uint32_t)offsetof(struct vhost_user_config, data) + vu->config_size;
	const struct vhost_user_request req = {.request = VHOST_USER_GET_CONFIG,
					       .size = size,
					       .answered = true,
					       .answer_size = size};
	int err;

	memset(&vu->message.payload.config, 0, size);
	vu->message.payload.config.size = vu->config_size;
	err = vhost_user_exchange(vu, &req);
	if (err)
		return err;
	if (vu->message.payload.config.offset != 0 ||
	    vu->message.payload.config.size != vu->config_size) {
		vhost_user_lose(vu, "another part of the config space than was asked for");
		return -EIO;
	}
	memcpy(vu->config, vu->message.payload.config.data, vu->config_size);
	return 0;
}

/* What nobody has is zeroes, as behind every other end of a config space. */
static void fill_config(struct vhost_user_device *vu)
{
	/* One that cannot be had now is what it was: the back-end is gone, and recovery asks again. */
	if (vhost_user_can(vu, VHOST_USER_PROTOCOL_F_CONFIG) && vu->config_size) {
		vu->config_valid = !fetch_config(vu);
		return;
	}
	memset(vu->config, 0, sizeof(vu->config));
	if (vu->local_config)
		memcpy(vu->config, vu->local_config, vu->config_size);
}

static void vu_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	struct vhost_user_device *vu = to_vu(vdev);

	if (!vu->config_valid)
		fill_config(vu);
	memset(buf, 0, len);
	if (offset <= vu->config_size && len <= vu->config_size - offset)
		memcpy(buf, vu->config + offset, len);
}

static void vu_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		   unsigned int len)
{
	struct vhost_user_device *vu = to_vu(vdev);
	const struct vhost_user_request req = {
		.request = VHOST_USER_SET_CONFIG,
		.size = (uint32_t)offsetof(struct vhost_user_config, data) + len,
	};

	if (!vhost_user_can(vu, VHOST_USER_PROTOCOL_F_CONFIG) || offset > vu->config_size ||
	    len > vu->config_size - offset)
		return;
	vu->message.payload.config.offset = offset;
	vu->message.payload.config.size = len;
	vu->message.payload.config.flags = 0;
	memcpy(vu->message.payload.config.data, buf, len);
	if (vhost_user_exchange(vu, &req))
		port_log(LOG_WARNING, "%s: vhost-user: config space was not written",
			 vdev->dev.name);
	vu->config_valid = false;
}

static uint32_t vu_generation(struct virtio_device *vdev)
{
	return to_vu(vdev)->config_generation;
}

/* --- status and features ------------------------------------------------------------------ */

/* All ones where there is no connection, like a bus on which nobody answers. */
static uint8_t vu_get_status(struct virtio_device *vdev)
{
	struct vhost_user_device *vu = to_vu(vdev);
	uint64_t status = vu->status;

	if (vu->connected && vhost_user_can(vu, VHOST_USER_PROTOCOL_F_STATUS) &&
	    vhost_user_get_u64(vu, VHOST_USER_GET_STATUS, &status))
		return 0xff;
	return vu->connected ? (uint8_t)status : 0xff;
}

static void vu_set_status(struct virtio_device *vdev, uint8_t status)
{
	struct vhost_user_device *vu = to_vu(vdev);

	if (status == 0) {
		vhost_user_reset(vu);
		return;
	}
	if (!vu->connected) {
		/* Lost before the driver was ready, which therefore has not been told. */
		virtio_needs_recovery(vdev, -EIO);
		return;
	}
	if ((status & VIRTIO_CONFIG_S_DRIVER_OK) && !(vu->status & VIRTIO_CONFIG_S_DRIVER_OK))
		vhost_user_enable_queues(vu);
	vu->status = status;
	if (vhost_user_can(vu, VHOST_USER_PROTOCOL_F_STATUS) &&
	    vhost_user_set_u64(vu, VHOST_USER_SET_STATUS, status, NULL))
		vhost_user_lose(vu, "the status was refused");
}

static bool vu_gone(struct virtio_device *vdev)
{
	return !to_vu(vdev)->connected;
}

/* Addresses are never translated on the way, a queue is reset with its device, and a notification is an event without
 * data. */
static uint64_t vu_get_features(struct virtio_device *vdev)
{
	const struct vhost_user_device *vu = to_vu(vdev);
	const uint64_t not_here = BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) |
				  BIT_ULL(VHOST_F_LOG_ALL) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |
				  BIT_ULL(VIRTIO_F_NOTIFICATION_DATA) |
				  BIT_ULL(VIRTIO_F_RING_RESET);

	return ((vu->backend_features & ~not_here) | vu->local_features) & ~vu->refused;
}

static int vu_finalize_features(struct virtio_device *vdev)
{
	return vhost_user_agree(to_vu(vdev));
}

/* What a port that waits for descriptors would have heard of; not while a session is being made. */
static void vu_poll(struct virtio_device *vdev)
{
	struct vhost_user_device *vu = to_vu(vdev);

	if (vu->connected && vu->ops->look)
		vu->ops->look(vu);
}

static const char *vu_bus_name(struct virtio_device *vdev)
{
	(void)vdev;
	return "vhost-user";
}

static const struct virtio_config_ops vhost_user_config_ops = {
	.get = vu_get,
	.set = vu_set,
	.generation = vu_generation,
	.get_status = vu_get_status,
	.set_status = vu_set_status,
	.get_features = vu_get_features,
	.finalize_features = vu_finalize_features,
	.find_vqs = vhost_user_find_vqs,
	.del_vqs = vhost_user_del_vqs,
	.gone = vu_gone,
	.enable_vq = vhost_user_enable_vq,
	.poll = vu_poll,
	.bus_name = vu_bus_name,
};

/* --- finding and losing the device -------------------------------------------------------- */

int vhost_user_probe(struct virtio_bus *bus, struct vhost_user_device *vu, uint32_t device_id,
		     const char *name)
{
	struct virtio_device *vdev = &vu->vdev;
	int err;

	if (vu->config_size > sizeof(vu->config) || !device_id)
		return -EINVAL;
	for (unsigned int i = 0; name[i] && i + 1 < sizeof(vdev->dev.name); i++)
		vdev->dev.name[i] = name[i];
	err = vhost_user_begin(vu, port_now_ns());
	if (err)
		return err;
	vdev->id.device = device_id;
	vdev->config = &vhost_user_config_ops;
	vdev->irq = -1;
	return virtio_register_device(bus, vdev);
}

void vhost_user_remove(struct vhost_user_device *vu)
{
	vu->sealed = true;
	virtio_unregister_device(&vu->vdev);
	vu->connected = false;
	vu->ops->disconnect(vu);
}

/* --- events -------------------------------------------------------------------------------- */

irqreturn_t vhost_user_interrupt(struct vhost_user_device *vu, unsigned int index)
{
	struct virtqueue *vq;

	if (!vu->vdev.driver_ok)
		return IRQ_NONE;
	list_for_each_entry (vq, &vu->vdev.vqs, list) {
		if (vq->index == index)
			return vring_interrupt(vu->vdev.irq, vq);
	}
	return IRQ_NONE;
}

void vhost_user_queue_error(struct vhost_user_device *vu, unsigned int index)
{
	port_log(LOG_ERROR, "%s: vhost-user: an error of queue %u", vu->vdev.dev.name, index);
	virtio_needs_recovery(&vu->vdev, -EIO);
}

void vhost_user_main_ready(struct vhost_user_device *vu)
{
	if (vu->connected)
		vhost_user_lose(vu,
				"the connection was closed, or there is an answer to no request");
}
