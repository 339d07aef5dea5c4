/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of the console device (VIRTIO 1.4, 5.3), port 0: what it agrees on with the device, the
 * terminal's size, and its life from probe to removal. Characters travel in
 * virtio_console_queue.c.
 */
#include "drivers/virtio/virtio_console_private.h"

static const struct virtio_driver virtio_console_driver;

/* Reads the size of the terminal. Interrupt context, or probe. */
static void console_config_changed(struct virtio_device *vdev)
{
	struct virtio_console *con = vdev->priv;
	uint16_t size[2]; /* columns, rows */
	unsigned long state;

	if (!con || !virtio_has_feature(vdev, VIRTIO_CONSOLE_F_SIZE) ||
	    virtio_cread_bytes(vdev, VIRTIO_CONSOLE_CONFIG_COLS, size, sizeof(size), 2))
		return;
	state = port_lock(&con->lock);
	con->tty.cols = virtio16_to_cpu(vdev, size[0]);
	con->tty.rows = virtio16_to_cpu(vdev, size[1]);
	port_unlock(&con->lock, state);
}

/* --- life of a device -------------------------------------------------------------------- */

static int console_find_vqs(struct virtio_console *con)
{
	static const struct virtqueue_info infos[] = {
		[VIRTIO_CONSOLE_VQ_RX] = {.name = "rx", .callback = console_rx_callback},
		[VIRTIO_CONSOLE_VQ_TX] = {.name = "tx", .callback = console_tx_callback},
	};
	struct virtqueue *vqs[ARRAY_SIZE(infos)];
	int ret = virtio_find_vqs(con->vdev, ARRAY_SIZE(infos), vqs, infos);

	if (ret)
		return ret;
	con->rx_vq = vqs[VIRTIO_CONSOLE_VQ_RX];
	con->tx_vq = vqs[VIRTIO_CONSOLE_VQ_TX];
	con->rx_vq->priv = con;
	con->tx_vq->priv = con;
	return 0;
}

void console_put(struct virtio_console *con)
{
	unsigned long state = port_lock(&con->lock);
	bool last = --con->references == 0;

	port_unlock(&con->lock, state);
	if (last)
		port_free(con);
}

static void console_destroy(struct virtio_console *con)
{
	con->vdev->priv = NULL;
	console_queues_destroy(con);
	console_put(con);
}

static int console_probe(struct virtio_device *vdev)
{
	struct virtio_console *con = port_alloc(sizeof(*con));
	int ret;

	if (!con)
		return -ENOMEM;
	con->vdev = vdev;
	con->references = 1;
	con->tty = console_tty;
	con->tty.name = vdev->dev.name;
	port_lock_init(&con->lock);
	port_event_init(&con->tx_event);
	port_event_init(&con->rx_event);

	ret = console_find_vqs(con);
	if (!ret)
		ret = console_queues_init(con);
	if (ret) {
		console_destroy(con);
		return ret;
	}

	vdev->priv = con;
	virtio_device_ready(vdev);
	console_rx_start(con);
	/* Once it is ready, so that no change of the size falls between. */
	console_config_changed(vdev);
	return 0;
}

static void console_freeze(struct virtio_device *vdev)
{
	console_queues_freeze(vdev->priv);
}

static int console_restore(struct virtio_device *vdev)
{
	console_queues_thaw(vdev->priv);
	console_config_changed(vdev);
	return 0;
}

static void console_fail(struct virtio_device *vdev)
{
	struct virtio_console *con = vdev->priv;
	unsigned long state = port_lock(&con->lock);

	con->failed = vdev->gone ? -ENODEV : -EIO;
	port_unlock(&con->lock, state);
	console_tx_wake(con);
}

static void console_remove(struct virtio_device *vdev)
{
	console_destroy(vdev->priv);
}

static const unsigned int console_features[] = {
	VIRTIO_CONSOLE_F_SIZE,
};

static const struct virtio_driver virtio_console_driver = {
	.name = "virtio_console",
	.device_id = VIRTIO_ID_CONSOLE,
	.features = console_features,
	.feature_count = ARRAY_SIZE(console_features),
	.probe = console_probe,
	.remove = console_remove,
	.freeze = console_freeze,
	.restore = console_restore,
	.fail = console_fail,
	.config_changed = console_config_changed,
};

int virtio_console_init(struct virtio_bus *bus)
{
	return virtio_register_driver(bus, &virtio_console_driver);
}

/* --- for users --------------------------------------------------------------------------- */

struct virtio_console *virtio_console_find(const struct virtio_bus *bus, unsigned int n)
{
	return virtio_driver_data(bus, &virtio_console_driver, n);
}

struct virtio_device *virtio_console_device(struct virtio_console *con)
{
	return con->vdev;
}

struct tty *virtio_console_tty(struct virtio_console *con)
{
	return &con->tty;
}

void virtio_console_get_stats(struct virtio_console *con, struct virtio_console_stats *stats)
{
	unsigned long state = port_lock(&con->lock);

	*stats = con->stats;
	port_unlock(&con->lock, state);
}
