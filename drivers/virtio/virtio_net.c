/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of the network device (VIRTIO 1.4, 5.1): what it agrees on with the device, its
 * configuration, and its life from probe to removal. Frames travel in virtio_net_rx.c and
 * virtio_net_tx.c. No offload and no merging of buffers is negotiated: a buffer is a frame.
 */
#include <string.h>
#include "drivers/virtio/virtio_net_private.h"

#define MTU_DEFAULT (VIRTIO_NET_FRAME_MAX - VIRTIO_NET_FRAME_MIN)

static const struct virtio_driver virtio_net_driver;

/* --- configuration ------------------------------------------------------------------------- */

/* The link's state; a device that does not report it is always connected (5.1.4.2). */
static bool link_read(struct virtio_net *net)
{
	if (!virtio_has_feature(net->vdev, VIRTIO_NET_F_STATUS))
		return true;
	return virtio_cread16(net->vdev, VIRTIO_NET_CONFIG_STATUS) & VIRTIO_NET_S_LINK_UP;
}

/*
 * Interrupt context. A sender that waits while the cable is pulled learns of it.
 * While the link is down a device may drop what is sent, and may have said that it wants no notifications. QEMU
 * then never asks for any again in a packed ring: so with the link it is notified once, asked or not.
 */
static void net_config_changed(struct virtio_device *vdev)
{
	struct virtio_net *net = vdev->priv;
	unsigned long state;
	bool up, changed, notify;

	if (!net)
		return;
	up = link_read(net); /* without the lock: over vhost-user it takes a while */
	state = port_lock(&net->lock);
	changed = up != net->link_up;
	net->link_up = up;
	net_tx_judge(net);
	if (changed)
		net->stats.link_changes++;
	notify = changed && up && !net->frozen;
	port_unlock(&net->lock, state);
	if (notify)
		virtqueue_notify(net->tx_vq);
	if (changed)
		net_tx_wake(net);
}

/* A locally administered address, of the clock and the device's number: distinct on one machine,
 * and most likely on one network. */
static void mac_generate(struct virtio_net *net)
{
	uint64_t x = port_now_ns() + ((uint64_t)net->vdev->index << 48);

	net->mac[0] = 0x02;
	for (unsigned int i = 1; i < VIRTIO_NET_MAC_LEN; i++) {
		x = (x ^ x >> 31) * 0x9e3779b97f4a7c15ull;
		net->mac[i] = (uint8_t)(x >> 56);
	}
}

/* The MTU that the device gives must be one for which we supply buffers (5.1.4.2); a larger one is
 * not agreed on, and we send and receive as on any network. */
static void net_validate(struct virtio_device *vdev)
{
	if (virtio_has_feature(vdev, VIRTIO_NET_F_MTU) &&
	    virtio_cread16(vdev, VIRTIO_NET_CONFIG_MTU) > MTU_DEFAULT)
		vdev->features &= ~BIT_ULL(VIRTIO_NET_F_MTU);
}

static int net_read_config(struct virtio_net *net)
{
	struct virtio_device *vdev = net->vdev;
	unsigned int mtu = MTU_DEFAULT;

	net->mac_from_device = virtio_has_feature(vdev, VIRTIO_NET_F_MAC);
	net->link_reported = virtio_has_feature(vdev, VIRTIO_NET_F_STATUS);
	if (!virtio_has_feature(vdev, VIRTIO_NET_F_MAC))
		mac_generate(net);
	else if (virtio_cread_bytes(vdev, VIRTIO_NET_CONFIG_MAC, net->mac, sizeof(net->mac), 1))
		return -EIO;

	if (virtio_has_feature(vdev, VIRTIO_NET_F_MTU))
		mtu = virtio_cread16(vdev, VIRTIO_NET_CONFIG_MTU);
	if (mtu < VIRTIO_NET_MTU_MIN) {
		port_log(LOG_ERROR, "%s: the device gives an MTU of %u, below %u", vdev->dev.name,
			 mtu, VIRTIO_NET_MTU_MIN);
		return -EINVAL;
	}
	net->mtu = (uint16_t)MIN(mtu, MTU_DEFAULT);
	net->link_up = link_read(net);
	return 0;
}

/* --- life of a device ---------------------------------------------------------------------- */

/* 5.1.9.1, 5.1.9.8: the legacy header is shorter and, without ANY_LAYOUT, alone in its
 * descriptor. */
static void net_choose_layout(struct virtio_net *net)
{
	bool modern = virtio_has_feature(net->vdev, VIRTIO_F_VERSION_1);

	net->header_len = modern ? VIRTIO_NET_HDR_LEN : VIRTIO_NET_HDR_LEN_LEGACY;
	net->sg_count = modern || virtio_has_feature(net->vdev, VIRTIO_F_ANY_LAYOUT) ? 1 : 2;
}

static int net_find_vqs(struct virtio_net *net)
{
	static const struct virtqueue_info infos[] = {
		[VIRTIO_NET_VQ_RX] = {.name = "rx", .callback = net_rx_callback},
		[VIRTIO_NET_VQ_TX] = {.name = "tx", .callback = net_tx_callback},
	};
	struct virtqueue *vqs[ARRAY_SIZE(infos)];
	int ret = virtio_find_vqs(net->vdev, ARRAY_SIZE(infos), vqs, infos);

	if (ret)
		return ret;
	net->rx_vq = vqs[VIRTIO_NET_VQ_RX];
	net->tx_vq = vqs[VIRTIO_NET_VQ_TX];
	net->rx_vq->priv = net;
	net->tx_vq->priv = net;
	net->rx_size = virtqueue_get_vring_size(net->rx_vq);
	net->tx_size = virtqueue_get_vring_size(net->tx_vq);
	return 0;
}

void net_put(struct virtio_net *net)
{
	unsigned long state = port_lock(&net->lock);
	bool last = --net->references == 0;

	port_unlock(&net->lock, state);
	if (last)
		port_free(net);
}

static void net_destroy(struct virtio_net *net)
{
	net->vdev->priv = NULL;
	net_queues_destroy(net);
	net_put(net);
}

static int net_probe(struct virtio_device *vdev)
{
	struct virtio_net *net = port_alloc(sizeof(*net));
	int ret;

	if (!net)
		return -ENOMEM;
	net->vdev = vdev;
	net->references = 1;
	port_lock_init(&net->lock);
	port_event_init(&net->tx_event);
	work_init(&net->rx_work, vdev->bus->work, net_rx_work);
	work_init(&net->tx_work, vdev->bus->work, net_tx_work);
	net_choose_layout(net);

	ret = net_read_config(net);
	if (!ret)
		ret = net_find_vqs(net);
	if (!ret)
		ret = net_queues_init(net);
	if (ret) {
		net_destroy(net);
		return ret;
	}

	vdev->priv = net;
	virtio_device_ready(vdev);
	net_rx_refill(net);
	/* Before it was ready the device reported no change of the link. */
	net_config_changed(vdev);
	return 0;
}

static void net_freeze(struct virtio_device *vdev)
{
	net_queues_freeze(vdev->priv);
}

/* The address stays as the network knows it; only the MTU and the link are looked at again. */
static int net_restore(struct virtio_device *vdev)
{
	struct virtio_net *net = vdev->priv;

	if (virtio_has_feature(vdev, VIRTIO_NET_F_MTU) &&
	    virtio_cread16(vdev, VIRTIO_NET_CONFIG_MTU) < net->mtu) {
		port_log(LOG_ERROR, "%s: a smaller MTU than before its reset", vdev->dev.name);
		return -EINVAL;
	}
	net_queues_thaw(net);
	net_config_changed(vdev);
	net_tx_wake(net);
	return 0;
}

static void net_fail(struct virtio_device *vdev)
{
	struct virtio_net *net = vdev->priv;
	unsigned long state = port_lock(&net->lock);

	net->failed = vdev->gone ? -ENODEV : -EIO;
	net_tx_judge(net);
	net_tx_take_back(net);
	port_unlock(&net->lock, state);
	work_cancel(&net->rx_work);
	net_tx_tell(net);
	net_tx_wake(net);
}

static void net_remove(struct virtio_device *vdev)
{
	net_destroy(vdev->priv);
}

static const unsigned int net_features[] = {
	VIRTIO_NET_F_MTU,
	VIRTIO_NET_F_MAC,
	VIRTIO_NET_F_STATUS,
};

static const struct virtio_driver virtio_net_driver = {
	.name = "virtio_net",
	.device_id = VIRTIO_ID_NET,
	.features = net_features,
	.feature_count = ARRAY_SIZE(net_features),
	.validate = net_validate,
	.probe = net_probe,
	.remove = net_remove,
	.freeze = net_freeze,
	.restore = net_restore,
	.fail = net_fail,
	.config_changed = net_config_changed,
};

int virtio_net_init(struct virtio_bus *bus)
{
	return virtio_register_driver(bus, &virtio_net_driver);
}

/* --- for users ----------------------------------------------------------------------------- */

struct virtio_net *virtio_net_find(const struct virtio_bus *bus, unsigned int n)
{
	return virtio_driver_data(bus, &virtio_net_driver, n);
}

struct virtio_device *virtio_net_device(struct virtio_net *net)
{
	return net->vdev;
}

void virtio_net_get_info(struct virtio_net *net, struct virtio_net_info *info)
{
	memcpy(info->mac, net->mac, sizeof(info->mac));
	info->mac_from_device = net->mac_from_device;
	info->link_up = net->link_up;
	info->link_reported = net->link_reported;
	info->mtu = net->mtu;
	info->rx_queue_size = net->rx_size;
	info->tx_queue_size = net->tx_size;
}

void virtio_net_get_stats(struct virtio_net *net, struct virtio_net_stats *stats)
{
	unsigned long state = port_lock(&net->lock);

	*stats = net->stats;
	port_unlock(&net->lock, state);
}

void virtio_net_set_receiver(struct virtio_net *net, virtio_net_receive_t *receive, void *arg)
{
	unsigned long state = port_lock(&net->lock);

	net->receive = receive;
	net->receive_arg = arg;
	port_unlock(&net->lock, state);
}

void virtio_net_set_tx_ready(struct virtio_net *net, void (*ready)(void *arg), void *arg)
{
	unsigned long state = port_lock(&net->lock);

	net->tx_ready = ready;
	net->tx_ready_arg = arg;
	port_unlock(&net->lock, state);
}
