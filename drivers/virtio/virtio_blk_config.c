/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device's config space (VIRTIO 1.4, 5.2.4 and 5.2.5). The device wrote it, so each value
 * is checked before anything is computed from it: a hint that makes no sense is replaced by
 * the value of a plain disk with 512-byte blocks, and a limit that leaves no room for one sector is
 * refused. Fields exist only where their feature bit was negotiated.
 */
#include "drivers/virtio/virtio_blk_private.h"
#include "lib/dma.h"

/* Blocks above this are no block size but a mistake. */
#define BLK_SIZE_MAX (1u << 20)

/* A request is its header, its data, its status byte: so many descriptors come on top. */
#define BLK_FRAME_DESCRIPTORS 2u

int virtio_blk_read_capacity(struct virtio_device *vdev, uint64_t *capacity)
{
	const uint64_t most = UINT64_MAX / VIRTIO_BLK_SECTOR_SIZE;
	uint64_t sectors;
	int err = virtio_cread64(vdev, VIRTIO_BLK_CONFIG_CAPACITY, &sectors);

	if (err) {
		port_log(LOG_WARNING, "%s: capacity does not stand still", vdev->dev.name);
		return err;
	}
	if (sectors > most) {
		port_log(LOG_WARNING, "%s: capacity of %llu sectors cut to %llu", vdev->dev.name,
			 (unsigned long long)sectors, (unsigned long long)most);
		sectors = most;
	}
	*capacity = sectors;
	return 0;
}

/* A device without SEG_MAX promises no more than one. 0 would forbid data altogether; devices that
 * say so mean one. */
static uint32_t blk_seg_max(const struct virtio_blk *blk, const struct virtio_blk_info *info)
{
	uint32_t most = MIN(info->queue_size - BLK_FRAME_DESCRIPTORS, VIRTIO_BLK_MAX_SEGS);
	uint32_t seg_max = 1;

	if (virtio_has_feature(blk->vdev, VIRTIO_BLK_F_SEG_MAX))
		seg_max = virtio_cread32(blk->vdev, VIRTIO_BLK_CONFIG_SEG_MAX);
	if (seg_max == 0) {
		port_log(LOG_WARNING, "%s: seg_max 0 taken as 1", blk->vdev->dev.name);
		seg_max = 1;
	}
	return MIN(seg_max, most);
}

/* No segment is longer than what can be mapped. */
static uint32_t blk_size_max(const struct virtio_blk *blk)
{
	const size_t mappable = dma_max_mapping_size(&blk->vdev->dev);
	uint32_t most = VIRTIO_BLK_MAX_SECTORS * VIRTIO_BLK_SECTOR_SIZE;
	uint32_t size_max = most;

	/* Read once: the device could answer something else the second time. */
	if (virtio_has_feature(blk->vdev, VIRTIO_BLK_F_SIZE_MAX))
		size_max = virtio_cread32(blk->vdev, VIRTIO_BLK_CONFIG_SIZE_MAX);
	/* Segments of no bytes are of no use to anybody: qemu-storage-daemon means that it has no limit. */
	if (size_max == 0)
		size_max = most;
	most = (uint32_t)MIN(mappable, (size_t)most);
	return MIN(size_max, most);
}

static uint32_t blk_block_size(struct virtio_device *vdev)
{
	uint32_t size;

	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_BLK_SIZE))
		return VIRTIO_BLK_SECTOR_SIZE;
	size = virtio_cread32(vdev, VIRTIO_BLK_CONFIG_BLK_SIZE);
	if (size >= VIRTIO_BLK_SECTOR_SIZE && size <= BLK_SIZE_MAX && !(size & (size - 1)))
		return size;
	port_log(LOG_WARNING, "%s: blk_size %u taken as %u", vdev->dev.name, (unsigned int)size,
		 VIRTIO_BLK_SECTOR_SIZE);
	return VIRTIO_BLK_SECTOR_SIZE;
}

static void blk_read_geometry(struct virtio_device *vdev, struct virtio_blk_info *info)
{
	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_GEOMETRY))
		return;
	info->cylinders = virtio_cread16(vdev, VIRTIO_BLK_CONFIG_CYLINDERS);
	info->heads = virtio_cread8(vdev, VIRTIO_BLK_CONFIG_HEADS);
	info->sectors = virtio_cread8(vdev, VIRTIO_BLK_CONFIG_SECTORS);
}

static void blk_read_topology(struct virtio_device *vdev, struct virtio_blk_info *info)
{
	uint8_t exponent;

	info->physical_block_size = info->block_size;
	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_TOPOLOGY))
		return;
	exponent = virtio_cread8(vdev, VIRTIO_BLK_CONFIG_PHYSICAL_BLOCK_EXP);
	if (exponent < 32 && ((uint64_t)info->block_size << exponent) <= UINT32_MAX)
		info->physical_block_size = info->block_size << exponent;
	else
		port_log(LOG_WARNING, "%s: physical_block_exp %u ignored", vdev->dev.name,
			 exponent);
	info->alignment_offset = virtio_cread8(vdev, VIRTIO_BLK_CONFIG_ALIGNMENT_OFFSET);
	info->min_io_size = virtio_cread16(vdev, VIRTIO_BLK_CONFIG_MIN_IO_SIZE);
	info->opt_io_size = virtio_cread32(vdev, VIRTIO_BLK_CONFIG_OPT_IO_SIZE);
}

/* 5.2.5.1: without CONFIG_WCE, a cache that can be flushed is assumed to hold back writes. A
 * device that lets us choose the mode but not flush is in writethrough mode (5.2.5.2). */
static void blk_read_cache(struct virtio_device *vdev, struct virtio_blk_info *info)
{
	info->flush = virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH);
	info->writeback = info->flush;
	if (info->flush && virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE))
		info->writeback = virtio_cread8(vdev, VIRTIO_BLK_CONFIG_WRITEBACK) != 0;
}

bool virtio_blk_zeroes_may_unmap(struct virtio_device *vdev)
{
	return virtio_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES) &&
	       virtio_cread8(vdev, VIRTIO_BLK_CONFIG_ZEROES_MAY_UNMAP) != 0;
}

/* Whole blocks, where one fits. */
static uint32_t blk_whole_blocks(const struct virtio_blk_info *info, uint64_t sectors)
{
	uint32_t block_sectors = info->block_size / VIRTIO_BLK_SECTOR_SIZE;

	return (uint32_t)(sectors > block_sectors ? sectors & ~(uint64_t)(block_sectors - 1)
						  : sectors);
}

/* The most sectors of a request that @feature brings, which is the field at @offset; the next one is the most ranges. A
 * device that takes no sector or no range takes no such request (5.2.6.1#9, #11). */
static uint32_t blk_range_limit(struct virtio_device *vdev, const struct virtio_blk_info *info,
				unsigned int feature, unsigned int offset)
{
	const unsigned int ranges = offset + sizeof(uint32_t);

	if (!virtio_has_feature(vdev, feature) || !virtio_cread32(vdev, ranges))
		return 0;
	return blk_whole_blocks(info, virtio_cread32(vdev, offset));
}

static void blk_read_range_limits(struct virtio_device *vdev, struct virtio_blk_info *info)
{
	uint32_t alignment = 1;

	info->max_discard_sectors =
		blk_range_limit(vdev, info, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_CONFIG_MAX_DISCARD);
	info->max_zeroes_sectors = blk_range_limit(vdev, info, VIRTIO_BLK_F_WRITE_ZEROES,
						   VIRTIO_BLK_CONFIG_MAX_ZEROES);
	info->zeroes_may_unmap = virtio_blk_zeroes_may_unmap(vdev);
	if (info->max_discard_sectors)
		alignment = virtio_cread32(vdev, VIRTIO_BLK_CONFIG_DISCARD_ALIGNMENT);
	info->discard_alignment = MAX(alignment, 1u);
}

/* Segments times their size, but not more than a quarter of what can be mapped at a time, so that a
 * request finds room once others are done. In whole blocks where a block fits: a transfer that we
 * split at this size then stays aligned if it started so. Returns 0 where not even a sector
 * fits. */
static uint32_t blk_max_request_sectors(const struct virtio_blk *blk,
					const struct virtio_blk_info *info)
{
	uint64_t bytes = MIN((uint64_t)info->seg_max * info->size_max,
			     dma_mapping_capacity(&blk->vdev->dev) / 4);
	uint64_t sectors = MIN(bytes / VIRTIO_BLK_SECTOR_SIZE, VIRTIO_BLK_MAX_SECTORS);

	return blk_whole_blocks(info, sectors);
}

/* Every queue is to hold the same requests. */
static unsigned int blk_smallest_queue(const struct virtio_blk_disk *disk)
{
	unsigned int size = ~0u;

	for (unsigned int i = 0; i < disk->queues; i++)
		size = MIN(size, virtqueue_get_vring_size(disk->queue[i].vq));
	return size;
}

static int blk_read_info(const struct virtio_blk_disk *disk, struct virtio_blk_info *info)
{
	const struct virtio_blk *blk = &disk->queue[0];
	struct virtio_device *vdev = blk->vdev;
	int err;

	info->queues = disk->queues;
	info->queue_size = blk_smallest_queue(disk);
	if (info->queue_size <= BLK_FRAME_DESCRIPTORS) {
		port_log(LOG_ERROR, "%s: a queue of %u is too small for a disk", vdev->dev.name,
			 info->queue_size);
		return -EINVAL;
	}
	info->read_only = virtio_has_feature(vdev, VIRTIO_BLK_F_RO);
	err = virtio_blk_read_capacity(vdev, &info->capacity_sectors);
	if (err)
		return err;
	info->block_size = blk_block_size(vdev);
	info->seg_max = blk_seg_max(blk, info);
	info->size_max = blk_size_max(blk);
	info->max_request_sectors = blk_max_request_sectors(blk, info);
	if (info->max_request_sectors == 0) {
		port_log(LOG_ERROR, "%s: %u segments of %u bytes do not hold a sector",
			 vdev->dev.name, (unsigned int)info->seg_max, (unsigned int)info->size_max);
		return -EINVAL;
	}
	blk_read_geometry(vdev, info);
	blk_read_topology(vdev, info);
	blk_read_cache(vdev, info);
	blk_read_range_limits(vdev, info);
	return 0;
}

static bool blk_is_smaller(const struct virtio_blk_info *info, const struct virtio_blk_info *before)
{
	return info->seg_max < before->seg_max || info->size_max < before->size_max ||
	       info->max_request_sectors < before->max_request_sectors ||
	       info->max_discard_sectors < before->max_discard_sectors ||
	       info->max_zeroes_sectors < before->max_zeroes_sectors;
}

int virtio_blk_read_config(struct virtio_blk_disk *disk)
{
	struct virtio_blk_info info = {0};
	int err = blk_read_info(disk, &info);

	if (err)
		return err;
	if (blk_is_smaller(&info, &disk->queue[0].info)) {
		port_log(LOG_ERROR, "%s: the disk takes smaller requests than before its reset",
			 disk->queue[0].vdev->dev.name);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < disk->queues; i++) {
		struct virtio_blk *blk = &disk->queue[i];
		unsigned long state = port_lock(&blk->lock);

		blk->info = info;
		blk->kind = virtio_blk_kind(blk);
		port_unlock(&blk->lock, state);
	}
	return 0;
}
