/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's life: probed, told of a new capacity, recovered, given up, removed. A device that breaks
 * the rules of its queue, or does not answer in time, is reset by the core: only a reset makes sure
 * that it no longer writes to the buffers, which can then be given back to their owners, or be
 * offered to the device once more.
 */
#include "drivers/virtio/virtio_blk_private.h"
#include "lib/dma.h"

#define BLK_ALIGNMENT __alignof__(struct virtio_blk)

static const struct virtio_driver blk_driver;

static void blk_work(struct work *work)
{
	virtio_blk_serve(container_of(work, struct virtio_blk, work)->vq);
}

/* Requests are aligned to cache lines, which port_alloc() does not promise. */
static struct virtio_blk *blk_alloc(struct virtio_device *vdev)
{
	void *allocation = port_alloc(sizeof(struct virtio_blk) + BLK_ALIGNMENT - 1);
	struct virtio_blk *blk = (void *)ALIGN_UP((uintptr_t)allocation, BLK_ALIGNMENT);

	if (!allocation)
		return NULL;
	blk->allocation = allocation;
	blk->vdev = vdev;
	blk->references = 1;
	port_lock_init(&blk->lock);
	list_init(&blk->pending);
	list_init(&blk->finished);
	work_init(&blk->work, blk->vdev->bus->work, blk_work);
	virtio_blk_sync_init(&blk->sync);
	return blk;
}

void virtio_blk_put(struct virtio_blk *blk)
{
	unsigned long state = port_lock(&blk->lock);
	bool last = --blk->references == 0;

	port_unlock(&blk->lock, state);
	if (last && !blk->stuck)
		port_free(blk->allocation);
}

/* --- the driver -------------------------------------------------------------------------- */

/* The device may grow or shrink while we use it (5.2.6.1), and change its mind on storage (5.2.6.2); all else stays
 * as it was at probe. */
static void blk_config_changed(struct virtio_device *vdev)
{
	struct virtio_blk *blk = vdev->priv;
	uint64_t capacity, before;
	unsigned long state;
	bool may_unmap;

	if (!blk || virtio_blk_read_capacity(vdev, &capacity))
		return;
	may_unmap = virtio_blk_zeroes_may_unmap(vdev);
	state = port_lock(&blk->lock);
	before = blk->info.capacity_sectors;
	blk->info.capacity_sectors = capacity;
	blk->info.zeroes_may_unmap = may_unmap;
	port_unlock(&blk->lock, state);
	if (capacity != before)
		port_log(LOG_INFO, "%s: capacity is now %llu sectors", vdev->dev.name,
			 (unsigned long long)capacity);
}

/* A disk that takes writes in the order of its zones alone is not for us: nothing is agreed with it (5.2.5.1). */
static void blk_validate(struct virtio_device *vdev)
{
	if (!(vdev->device_features & BIT_ULL(VIRTIO_BLK_F_ZONED)) ||
	    virtio_cread8(vdev, VIRTIO_BLK_CONFIG_ZONED_MODEL) != VIRTIO_BLK_Z_HM)
		return;
	port_log(LOG_ERROR, "%s: host-managed zones", vdev->dev.name);
	vdev->features = 0;
}

static int blk_probe(struct virtio_device *vdev)
{
	static const struct virtqueue_info queue = {"requests", virtio_blk_serve};
	struct virtio_blk *blk = blk_alloc(vdev);
	int err;

	if (!blk)
		return -ENOMEM;
	err = virtio_find_vqs(vdev, 1, &blk->vq, &queue);
	if (err)
		goto free;
	blk->vq->priv = blk;
	blk->checked = vdev->dev.dma_ops && vdev->dev.dma_ops->faulted;
	blk->disables = !virtio_has_feature(vdev, VIRTIO_F_EVENT_IDX);
	blk->special = blk->disables || blk->checked;
	err = virtio_blk_read_config(blk, &blk->info);
	if (err)
		goto del_vqs;
	blk->kind = virtio_blk_kind(blk);
	vdev->priv = blk;
	port_log(LOG_INFO, "%s: disk of %llu sectors%s", vdev->dev.name,
		 (unsigned long long)blk->info.capacity_sectors,
		 blk->info.read_only ? ", read-only" : "");
	/* A change of capacity before DRIVER_OK is not reported to us: look once more after it. */
	virtio_device_ready(vdev);
	blk_config_changed(vdev);
	return 0;

del_vqs:
	blk->stuck = virtio_reset_device(vdev) != 0;
	virtio_del_vqs(vdev);
free:
	virtio_blk_put(blk);
	return err;
}

static void blk_freeze(struct virtio_device *vdev)
{
	virtio_blk_freeze_queue(vdev->priv);
}

static int blk_restore(struct virtio_device *vdev)
{
	int err = virtio_blk_reread_config(vdev->priv);

	if (!err)
		virtio_blk_thaw_queue(vdev->priv);
	return err;
}

static void blk_fail(struct virtio_device *vdev)
{
	virtio_blk_end_all(vdev->priv, vdev->gone ? -ENODEV : -EIO);
}

static void blk_remove(struct virtio_device *vdev)
{
	struct virtio_blk *blk = vdev->priv;
	unsigned long state;

	work_cancel(&blk->work);
	virtio_blk_end_all(blk, -ENODEV);

	state = port_lock(&blk->lock);
	blk->vq = NULL;
	blk->stuck = vdev->stuck;
	port_unlock(&blk->lock, state);
	vdev->priv = NULL;
	virtio_del_vqs(vdev);
	virtio_blk_put(blk);
}

static const unsigned int blk_features[] = {
	VIRTIO_BLK_F_SIZE_MAX,	   VIRTIO_BLK_F_SEG_MAX,    VIRTIO_BLK_F_GEOMETRY,
	VIRTIO_BLK_F_RO,	   VIRTIO_BLK_F_BLK_SIZE,   VIRTIO_BLK_F_FLUSH,
	VIRTIO_BLK_F_TOPOLOGY,	   VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_DISCARD,
	VIRTIO_BLK_F_WRITE_ZEROES,
};

static const struct virtio_driver blk_driver = {
	.name = "virtio_blk",
	.device_id = VIRTIO_ID_BLOCK,
	.features = blk_features,
	.feature_count = ARRAY_SIZE(blk_features),
	.validate = blk_validate,
	.probe = blk_probe,
	.remove = blk_remove,
	.freeze = blk_freeze,
	.restore = blk_restore,
	.fail = blk_fail,
	.config_changed = blk_config_changed,
};

int virtio_blk_init(struct virtio_bus *bus)
{
	return virtio_register_driver(bus, &blk_driver);
}

/* --- for users --------------------------------------------------------------------------- */

struct virtio_blk *virtio_blk_find(const struct virtio_bus *bus, unsigned int n)
{
	return virtio_driver_data(bus, &blk_driver, n);
}

struct virtio_device *virtio_blk_device(struct virtio_blk *blk)
{
	return blk->vdev;
}

void virtio_blk_get_info(struct virtio_blk *blk, struct virtio_blk_info *info)
{
	unsigned long state = port_lock(&blk->lock);

	*info = blk->info;
	port_unlock(&blk->lock, state);
}
