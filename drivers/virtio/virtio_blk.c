/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's life: probed, told of a new capacity, recovered, given up, removed. A device that breaks
 * the rules of its queue, or does not answer in time, is reset by the core: only a reset makes sure
 * that it no longer writes to the buffers, which can then be given back to their owners, or be
 * offered to the device once more.
 */
#include <string.h>
#include "drivers/virtio/virtio_blk_private.h"
#include "lib/dma.h"

#define BLK_ALIGNMENT __alignof__(struct virtio_blk_disk)

static const struct virtio_driver blk_driver;

static void blk_work(struct work *work)
{
	virtio_blk_serve(container_of(work, struct virtio_blk, work)->vq);
}

static void blk_init_queue(struct virtio_blk *blk, struct virtio_blk_disk *disk,
			   struct virtio_device *vdev)
{
	blk->vdev = vdev;
	blk->disk = disk;
	blk->checked = vdev->dev.dma_ops && vdev->dev.dma_ops->faulted;
	blk->disables = !virtio_has_feature(vdev, VIRTIO_F_EVENT_IDX);
	blk->special = blk->disables || blk->checked;
	port_lock_init(&blk->lock);
	list_init(&blk->pending);
	list_init(&blk->finished);
	work_init(&blk->work, vdev->bus->work, blk_work);
	virtio_blk_sync_init(&blk->sync);
}

/* The device may have more queues than we use. */
static unsigned int blk_count_queues(struct virtio_device *vdev)
{
	unsigned int queues = 1;

	if (virtio_has_feature(vdev, VIRTIO_BLK_F_MQ))
		queues = virtio_cread16(vdev, VIRTIO_BLK_CONFIG_NUM_QUEUES);
	queues = MAX(queues, 1u);
	return MIN(queues, VIRTIO_BLK_QUEUES_MAX);
}

/* Requests are aligned to cache lines, which port_alloc() does not promise. */
static struct virtio_blk_disk *blk_alloc(struct virtio_device *vdev)
{
	const unsigned int queues = blk_count_queues(vdev);
	struct virtio_blk_disk *disk;
	void *allocation =
		port_alloc(sizeof(*disk) + queues * sizeof(disk->queue[0]) + BLK_ALIGNMENT - 1);

	if (!allocation)
		return NULL;
	disk = (void *)ALIGN_UP((uintptr_t)allocation, BLK_ALIGNMENT);
	disk->allocation = allocation;
	disk->references = 1;
	disk->queues = queues;
	port_lock_init(&disk->lock);
	for (unsigned int i = 0; i < queues; i++)
		blk_init_queue(&disk->queue[i], disk, vdev);
	return disk;
}

void virtio_blk_hold(struct virtio_blk_disk *disk)
{
	unsigned long state = port_lock(&disk->lock);

	disk->references++;
	port_unlock(&disk->lock, state);
}

void virtio_blk_put(struct virtio_blk_disk *disk)
{
	unsigned long state = port_lock(&disk->lock);
	bool last = --disk->references == 0;

	port_unlock(&disk->lock, state);
	if (last && !disk->stuck)
		port_free(disk->allocation);
}

static struct virtio_blk_disk *blk_disk(struct virtio_device *vdev)
{
	return ((struct virtio_blk *)vdev->priv)->disk;
}

/* --- the driver -------------------------------------------------------------------------- */

/* The device may grow or shrink while we use it (5.2.6.1), and change its mind on storage (5.2.6.2); all else stays
 * as it was at probe. */
static void blk_config_changed(struct virtio_device *vdev)
{
	struct virtio_blk *first = vdev->priv, *blk;
	uint64_t capacity, before;
	bool may_unmap;

	if (!first || virtio_blk_read_capacity(vdev, &capacity))
		return;
	may_unmap = virtio_blk_zeroes_may_unmap(vdev);
	before = first->info.capacity_sectors;
	for (unsigned int i = 0; (blk = virtio_blk_queue(first, i)) != NULL; i++) {
		unsigned long state = port_lock(&blk->lock);

		blk->info.capacity_sectors = capacity;
		blk->info.zeroes_may_unmap = may_unmap;
		port_unlock(&blk->lock, state);
	}
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

/* "requests", "requests1", "requests2" ..., in zeroed memory. */
static void blk_name_queue(char *name, unsigned int n)
{
	_Static_assert(VIRTIO_BLK_QUEUES_MAX <= 100, "two digits");
	memcpy(name, "requests", sizeof("requests"));
	name += sizeof("requests") - 1;
	if (n >= 10)
		*name++ = (char)('0' + n / 10);
	if (n)
		*name = (char)('0' + n % 10);
}

/* A vector for each where the transport has so many: they are queues like all others. */
static int blk_find_queues(struct virtio_blk_disk *disk, struct virtio_device *vdev)
{
	struct virtqueue_info infos[VIRTIO_BLK_QUEUES_MAX];
	struct virtqueue *vqs[VIRTIO_BLK_QUEUES_MAX];
	int err;

	for (unsigned int i = 0; i < disk->queues; i++) {
		blk_name_queue(disk->queue[i].name, i);
		infos[i] = (struct virtqueue_info){disk->queue[i].name, virtio_blk_serve};
	}
	err = virtio_find_vqs(vdev, disk->queues, vqs, infos);
	for (unsigned int i = 0; !err && i < disk->queues; i++) {
		disk->queue[i].vq = vqs[i];
		vqs[i]->priv = &disk->queue[i];
	}
	return err;
}

static int blk_probe(struct virtio_device *vdev)
{
	struct virtio_blk_disk *disk = blk_alloc(vdev);
	const struct virtio_blk_info *info;
	int err;

	if (!disk)
		return -ENOMEM;
	err = blk_find_queues(disk, vdev);
	if (err)
		goto free;
	err = virtio_blk_read_config(disk);
	if (err)
		goto del_vqs;
	vdev->priv = &disk->queue[0];
	info = &disk->queue[0].info;
	port_log(LOG_INFO, "%s: disk of %llu sectors%s", vdev->dev.name,
		 (unsigned long long)info->capacity_sectors, info->read_only ? ", read-only" : "");
	/* A change of capacity before DRIVER_OK is not reported to us: look once more after it. */
	virtio_device_ready(vdev);
	blk_config_changed(vdev);
	return 0;

del_vqs:
	(void)virtio_reset_device(vdev);
	disk->stuck = vdev->stuck; /* what is gone uses no memory */
	virtio_del_vqs(vdev);
free:
	virtio_blk_put(disk);
	return err;
}

static void blk_freeze(struct virtio_device *vdev)
{
	struct virtio_blk_disk *disk = blk_disk(vdev);

	for (unsigned int i = 0; i < disk->queues; i++)
		virtio_blk_freeze_queue(&disk->queue[i]);
}

static int blk_restore(struct virtio_device *vdev)
{
	struct virtio_blk_disk *disk = blk_disk(vdev);
	int err = virtio_blk_read_config(disk);

	for (unsigned int i = 0; !err && i < disk->queues; i++)
		virtio_blk_thaw_queue(&disk->queue[i]);
	return err;
}

static void blk_fail(struct virtio_device *vdev)
{
	virtio_blk_end_all(blk_disk(vdev), vdev->gone ? -ENODEV : -EIO);
}

static void blk_remove(struct virtio_device *vdev)
{
	struct virtio_blk_disk *disk = blk_disk(vdev);

	virtio_blk_end_all(disk, -ENODEV);
	for (unsigned int i = 0; i < disk->queues; i++) {
		struct virtio_blk *blk = &disk->queue[i];
		unsigned long state;

		work_cancel(&blk->work);
		state = port_lock(&blk->lock);
		blk->vq = NULL;
		port_unlock(&blk->lock, state);
	}
	disk->stuck = vdev->stuck;
	vdev->priv = NULL;
	virtio_del_vqs(vdev);
	virtio_blk_put(disk);
}

static const unsigned int blk_features[] = {
	VIRTIO_BLK_F_SIZE_MAX,	   VIRTIO_BLK_F_SEG_MAX,    VIRTIO_BLK_F_GEOMETRY,
	VIRTIO_BLK_F_RO,	   VIRTIO_BLK_F_BLK_SIZE,   VIRTIO_BLK_F_FLUSH,
	VIRTIO_BLK_F_TOPOLOGY,	   VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_DISCARD,
	VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_F_MQ,
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

struct virtio_blk *virtio_blk_queue(struct virtio_blk *blk, unsigned int n)
{
	return n < blk->disk->queues ? &blk->disk->queue[n] : NULL;
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
