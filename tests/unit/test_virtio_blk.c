/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block driver on the reference disk: what is written is what is read, every request ends
 * exactly once whatever the device does, and nothing reaches the device that its limits forbid.
 */
#include "tests/unit/rig.h"
#include "drivers/virtio/virtio_blk.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)
#define DISK	   2048u

static struct rig rig;
static struct virtio_blk *blk;
static struct refdev_blk *ref;

static void start(struct refdev *dev)
{
	ref = refdev_blk(dev);
	rig_start(&rig, dev);
	blk = virtio_blk_find(&test_bus, 0);
	assert_non_null(blk);
	assert_ptr_equal(virtio_blk_device(blk), rig.vdev);
}

static void fill(uint8_t *buf, size_t len, uint32_t seed)
{
	while (len-- > 0)
		*buf++ = (uint8_t)test_random(&seed);
}

/* --- data ------------------------------------------------------------------------------------- */

/* 5.2.6.1#6 */
static void what_is_written_is_on_the_disk_and_read_back(void **state)
{
	static uint8_t data[64 * 512], back[64 * 512];
	uint32_t version;

	(void)state;
	for (version = 1; version <= 2; version++) {
		start(refdev_blk_new(version, DISK, 0));
		fill(data, sizeof(data), version);
		assert_int_equal(virtio_blk_write(blk, 100, data, 64, SECONDS(1)), 0);
		assert_memory_equal(ref->disk + 100 * 512, data, sizeof(data));
		memset(back, 0, sizeof(back));
		assert_int_equal(virtio_blk_read(blk, 100, back, 64, SECONDS(1)), 0);
		assert_memory_equal(back, data, sizeof(data));
		assert_int_equal(virtio_blk_read(blk, DISK - 1, back, 1, SECONDS(1)), 0);
		rig_end(&rig);
	}
}

static void a_large_transfer_is_split_within_the_devices_limits(void **state)
{
	static const struct {
		uint32_t seg_max, size_max;
	} cases[] = {{1, 512}, {2, 1024}, {3, 1536}, {16, 4096}, {126, 65536}, {4, 700}};
	static uint8_t data[1000 * 512], back[1000 * 512];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_SIZE_MAX));

		refdev_set_config(dev, 8, cases[i].size_max, 4);
		refdev_set_config(dev, 12, cases[i].seg_max, 4);
		start(dev);
		fill(data, sizeof(data), i);
		assert_int_equal(virtio_blk_write(blk, 7, data, 1000, SECONDS(10)), 0);
		assert_memory_equal(ref->disk + 7 * 512, data, sizeof(data));
		assert_int_equal(virtio_blk_read(blk, 7, back, 1000, SECONDS(10)), 0);
		assert_memory_equal(back, data, sizeof(data));
		assert_true(ref->max_data_segs <= cases[i].seg_max);
		assert_true(ref->max_seg_bytes <= cases[i].size_max);
		assert_true(ref->reads > 1 || cases[i].size_max > 4096);
		rig_end(&rig);
	}
}

/* As qemu-storage-daemon says it. */
static void a_size_max_of_0_is_no_limit(void **state)
{
	static uint8_t back[64 * 512];
	struct refdev *dev = refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_SIZE_MAX));

	(void)state;
	refdev_set_config(dev, 8, 0, 4);
	start(dev);
	assert_int_equal(virtio_blk_read(blk, 7, back, 64, SECONDS(1)), 0);
	assert_memory_equal(back, ref->disk + 7 * 512, sizeof(back));
	assert_int_equal(ref->reads, 1);
	rig_end(&rig);
}

static void the_device_may_answer_in_any_order(void **state)
{
	static uint8_t data[512 * 512], back[512 * 512];
	struct refdev *dev = refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_SIZE_MAX));

	(void)state;
	refdev_set_config(dev, 8, 2048, 4);
	refdev_set_config(dev, 12, 2, 4);
	start(dev);
	ref->reverse = true;
	fill(data, sizeof(data), 3);
	assert_int_equal(virtio_blk_write(blk, 0, data, 512, SECONDS(1)), 0);
	assert_int_equal(virtio_blk_read(blk, 0, back, 512, SECONDS(1)), 0);
	assert_memory_equal(back, data, sizeof(data));
	assert_true(ref->max_inflight > 1);
	rig_end(&rig);
}

/* --- what the device says of itself ------------------------------------------------------------- */

static void the_devices_properties_are_reported(void **state)
{
	struct refdev *dev = refdev_blk_new(2, 0x123456789aull & 0xfff,
					    BIT_ULL(REF_BLK_F_GEOMETRY) | BIT_ULL(REF_BLK_F_WCE));
	struct virtio_blk_info info;

	(void)state;
	refdev_set_config(dev, 0, 0x123456789aull, 8); /* larger than the memory behind it */
	refdev_set_config(dev, 16, 1000, 2);
	refdev_set_config(dev, 18, 16, 1);
	refdev_set_config(dev, 19, 63, 1);
	refdev_set_config(dev, 20, 4096, 4);
	refdev_set_config(dev, 24, 3, 1);
	refdev_set_config(dev, 25, 1, 1);
	refdev_set_config(dev, 26, 2, 2);
	refdev_set_config(dev, 28, 128, 4);
	start(dev);
	virtio_blk_get_info(blk, &info);
	assert_int_equal(info.capacity_sectors, 0x123456789aull);
	assert_int_equal(info.block_size, 4096);
	assert_int_equal(info.physical_block_size, 4096 << 3);
	assert_int_equal(info.alignment_offset, 1);
	assert_int_equal(info.min_io_size, 2);
	assert_int_equal(info.opt_io_size, 128);
	assert_int_equal(info.cylinders, 1000);
	assert_int_equal(info.heads, 16);
	assert_int_equal(info.sectors, 63);
	assert_int_equal(info.seg_max, VIRTIO_BLK_MAX_SEGS);
	assert_true(info.flush);
	assert_true(info.writeback);
	assert_false(info.read_only);
	assert_int_equal(info.queue_size, 128);
	rig_end(&rig);
}

/* 5.2.6.1#1 */
static void a_change_of_capacity_is_noticed(void **state)
{
	struct refdev *dev = refdev_blk_new(2, DISK, 0);
	struct virtio_blk_info info;
	uint64_t sectors = 10;
	static uint8_t buf[512];

	(void)state;
	start(dev);
	assert_int_equal(virtio_blk_read(blk, 10, buf, 1, SECONDS(1)), 0);
	refdev_config_change(dev, 0, &sectors, 8);
	refdev_pump();
	virtio_blk_get_info(blk, &info);
	assert_int_equal(info.capacity_sectors, 10);
	assert_int_equal(virtio_blk_read(blk, 10, buf, 1, SECONDS(1)), -ERANGE);
	rig_end(&rig);
}

/* A device's limits may be nonsense; then the disk works within some of our own, or fails. */
static void senseless_limits_do_no_harm(void **state)
{
	static const uint32_t values[] = {0, 1, 3, 511, 512, 0x7fffffff, 0xffffffff};
	static uint8_t buf[64 * 512];
	unsigned int seg, size, blksize;

	(void)state;
	for (seg = 0; seg < ARRAY_SIZE(values); seg++)
		for (size = 0; size < ARRAY_SIZE(values); size++)
			for (blksize = 0; blksize < ARRAY_SIZE(values); blksize++) {
				struct refdev *dev =
					refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_SIZE_MAX));

				refdev_set_config(dev, 8, values[size], 4);
				refdev_set_config(dev, 12, values[seg], 4);
				refdev_set_config(dev, 20, values[blksize], 4);
				refdev_set_config(dev, 24, 255, 1);
				assert_int_equal(rig_probe(&rig, dev), 0);
				blk = virtio_blk_find(&test_bus, 0);
				if (blk)
					(void)!virtio_blk_read(blk, 0, buf, 64, SECONDS(1));
				/* A size of 0 or segments of 0 can only be ignored. */
				if (values[size] && values[seg] && violation_count())
					fail_msg("size_max %u seg_max %u: %s", values[size],
						 values[seg], violation_first());
				violation_reset();
				violation_quiet(true);
				rig_end(&rig);
			}
}

/* --- what is refused ------------------------------------------------------------------------------ */

/* 5.2.6.1#2 */
static void nothing_is_asked_beyond_the_end_of_the_disk(void **state)
{
	static uint8_t buf[16 * 512];
	static const struct {
		uint64_t sector;
		uint32_t sectors;
	} bad[] = {{DISK, 1},	    {DISK - 1, 2},    {DISK - 15, 16}, {UINT64_MAX, 1},
		   {UINT64_MAX, 2}, {1ull << 55, 16}, {0, UINT32_MAX}};
	unsigned int i;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			virtio_blk_read(blk, bad[i].sector, buf, bad[i].sectors, SECONDS(1)),
			-ERANGE);
		assert_int_equal(
			virtio_blk_write(blk, bad[i].sector, buf, bad[i].sectors, SECONDS(1)),
			-ERANGE);
	}
	assert_int_equal(ref->reads + ref->writes, 0);
	rig_end(&rig);
}

/* 5.2.6.1#3 */
static void a_read_only_disk_is_not_written(void **state)
{
	static uint8_t buf[512];
	struct virtio_blk_info info;

	(void)state;
	start(refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_RO)));
	virtio_blk_get_info(blk, &info);
	assert_true(info.read_only);
	assert_int_equal(virtio_blk_write(blk, 0, buf, 1, SECONDS(1)), -EROFS);
	assert_int_equal(ref->writes, 0);
	assert_int_equal(virtio_blk_read(blk, 0, buf, 1, SECONDS(1)), 0);
	rig_end(&rig);
}

static void not_done(struct virtio_blk_request *req)
{
	(void)req;
	fail_msg("done() of a request that was refused");
}

static void a_request_with_wrong_fields_is_refused(void **state)
{
	static struct virtio_blk_request req;
	static uint8_t buf[512];
	struct virtio_blk_info info;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	virtio_blk_get_info(blk, &info);
	req = (struct virtio_blk_request){.op = VIRTIO_BLK_READ, .buf = buf, .done = not_done};
	assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL); /* no sectors */
	req.sectors = info.max_request_sectors + 1;
	assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL);
	req.sectors = 1;
	req.buf = NULL;
	assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL);
	req.buf = buf;
	req.op = (enum virtio_blk_op)99;
	assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL);
	req.op = VIRTIO_BLK_READ;
	req.done = NULL;
	assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL);
	rig_end(&rig);
}

/* --- other requests -------------------------------------------------------------------------------- */

/* 5.2.5.1#1, 5.2.5.1#2, 5.2.6.1#4, 5.2.6.1#5 */
static void a_flush_reaches_a_device_with_a_cache_only(void **state)
{
	struct refdev *dev = refdev_blk_new(2, DISK, 0);

	(void)state;
	start(dev);
	assert_int_equal(virtio_blk_flush(blk, SECONDS(1)), 0);
	assert_int_equal(ref->flushes, 1);
	rig_end(&rig);
	dev = refdev_blk_new(2, DISK, 0);
	dev->offered &= ~BIT_ULL(REF_BLK_F_FLUSH);
	start(dev);
	assert_int_equal(virtio_blk_flush(blk, SECONDS(1)), 0);
	assert_int_equal(ref->flushes + ref->unknown, 0);
	rig_end(&rig);
}

/* 5.2.5.1#3, 5.2.5.1#4 */
static void the_cache_is_what_the_features_say(void **state)
{
	static const struct {
		uint64_t features;
		uint8_t mode;
		bool flush, writeback;
	} cases[] = {{0, 1, false, false},
		     {BIT_ULL(REF_BLK_F_FLUSH), 0, true, true},
		     {BIT_ULL(REF_BLK_F_FLUSH) | BIT_ULL(REF_BLK_F_WCE), 0, true, false},
		     {BIT_ULL(REF_BLK_F_FLUSH) | BIT_ULL(REF_BLK_F_WCE), 1, true, true}};
	struct virtio_blk_info info;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = refdev_blk_new(2, DISK, 0);

		dev->offered &= ~BIT_ULL(REF_BLK_F_FLUSH);
		dev->offered |= cases[i].features;
		refdev_set_config(dev, 32, cases[i].mode, 1);
		start(dev);
		virtio_blk_get_info(blk, &info);
		assert_int_equal(info.flush, cases[i].flush);
		assert_int_equal(info.writeback, cases[i].writeback);
		rig_end(&rig);
	}
}

/* 5.2.6.1#8 */
static void the_serial_number_is_printable_and_ended(void **state)
{
	char id[VIRTIO_BLK_ID_BYTES + 1];

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	assert_int_equal(virtio_blk_get_id(blk, id, SECONDS(1)), 0);
	assert_string_equal(id, "refdev-serial");
	memset(ref->id, 'x', sizeof(ref->id));
	ref->id[3] = '\n';
	ref->id[4] = '\x1b';
	assert_int_equal(virtio_blk_get_id(blk, id, SECONDS(1)), 0);
	assert_string_equal(id, "xxx??xxxxxxxxxxxxxxx");
	rig_end(&rig);
}

/* --- discarding and zeroes -------------------------------------------------------------------------- */

#define RANGES (BIT_ULL(REF_BLK_F_DISCARD) | BIT_ULL(REF_BLK_F_ZEROES))

static void assert_filled(uint64_t sector, uint64_t sectors, uint8_t byte)
{
	for (uint64_t i = sector * 512; i < (sector + sectors) * 512; i++)
		assert_int_equal(ref->disk[i], byte);
}

/* 5.2.6.1#7, 5.2.6.1#14, 5.2.6.1#15 */
static void zeroes_and_discards_change_their_range_and_nothing_else(void **state)
{
	uint32_t version;

	(void)state;
	for (version = 1; version <= 2; version++) {
		start(refdev_blk_new(version, DISK, RANGES));
		memset(ref->disk, 0x55, DISK * 512);
		assert_int_equal(virtio_blk_write_zeroes(blk, 10, 5, false, SECONDS(1)), 0);
		assert_int_equal(virtio_blk_write_zeroes(blk, 20, 64, true, SECONDS(1)), 0);
		assert_int_equal(virtio_blk_discard(blk, DISK - 3, 3, SECONDS(1)), 0);
		assert_filled(0, 10, 0x55);
		assert_filled(10, 5, 0);
		assert_filled(15, 5, 0x55);
		assert_filled(20, 64, 0);
		assert_filled(84, DISK - 3 - 84, 0x55);
		assert_filled(DISK - 3, 3, 0xdd); /* this device's way of forgetting */
		assert_int_equal(ref->nranges, 3);
		assert_true(ref->ranges[0].zeroes && !ref->ranges[0].unmap);
		assert_true(ref->ranges[1].zeroes && ref->ranges[1].unmap);
		assert_true(!ref->ranges[2].zeroes && !ref->ranges[2].unmap);
		assert_int_equal(ref->reads + ref->writes, 0);
		rig_end(&rig);
	}
}

/* Whether the ranges that came, in any order, are @sectors from @sector on, none over @most, and all but the first and
 * the last of them cut at multiples of @align. */
static void assert_cut(uint64_t sector, uint64_t sectors, uint32_t most, uint32_t align)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < ref->nranges; i++) {
		const struct refdev_blk_range *range = &ref->ranges[i];
		uint64_t end = range->sector + range->sectors;

		sum += range->sectors;
		assert_in_range(range->sectors, 1, most);
		assert_true(range->sector == sector || range->sector % align == 0);
		assert_true(end == sector + sectors || end % align == 0);
	}
	assert_int_equal(sum, sectors);
}

static void a_long_range_is_cut_as_the_limits_say(void **state)
{
	static const struct {
		uint32_t most, align, block, cut; /* cut: sectors that pieces begin and end at */
	} cases[] = {{64, 1, 512, 64},	      {64, 16, 512, 16},     {100, 16, 512, 16},
		     {50, 1, 4096, 8},	      {1000, 128, 512, 128}, {64, 1000, 512, 1},
		     {60, 0xffffffff, 512, 1}};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint64_t first = 8 * (cases[i].block == 4096) + 8 * (cases[i].cut == 16);
		struct refdev *dev = refdev_blk_new(2, DISK, RANGES);

		refdev_set_config(dev, 20, cases[i].block, 4);
		refdev_set_config(dev, 36, cases[i].most, 4);
		refdev_set_config(dev, 44, cases[i].align, 4);
		refdev_set_config(dev, 48, cases[i].most, 4);
		start(dev);
		assert_int_equal(virtio_blk_discard(blk, first, 1000, SECONDS(1)), 0);
		assert_filled(first, 1000, 0xdd);
		assert_filled(first + 1000, 1, 0);
		assert_true(ref->nranges > 1 || cases[i].most >= 1000);
		assert_cut(first, 1000, cases[i].most, cases[i].cut);
		ref->nranges = 0;
		assert_int_equal(virtio_blk_write_zeroes(blk, first, 1000, true, SECONDS(1)), 0);
		assert_filled(first, 1000, 0);
		assert_cut(first, 1000, cases[i].most, cases[i].block / 512);
		rig_end(&rig);
	}
}

/* 5.2.6.1#9, 5.2.6.1#11: a limit of nothing is no leave to ask for something. */
static void a_disk_without_ranges_is_not_asked_for_any(void **state)
{
	static const struct {
		uint64_t features;
		uint32_t most, ranges;
	} cases[] = {{0, 64, 1}, {RANGES, 0, 1}, {RANGES, 64, 0}};
	struct virtio_blk_info info;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct refdev *dev = refdev_blk_new(2, DISK, cases[i].features);

		refdev_set_config(dev, 36, cases[i].most, 4);
		refdev_set_config(dev, 40, cases[i].ranges, 4);
		refdev_set_config(dev, 48, cases[i].most, 4);
		refdev_set_config(dev, 52, cases[i].ranges, 4);
		start(dev);
		virtio_blk_get_info(blk, &info);
		assert_int_equal(info.max_discard_sectors, 0);
		assert_int_equal(info.max_zeroes_sectors, 0);
		assert_int_equal(virtio_blk_discard(blk, 0, 8, SECONDS(1)), -EOPNOTSUPP);
		assert_int_equal(virtio_blk_write_zeroes(blk, 0, 8, false, SECONDS(1)),
				 -EOPNOTSUPP);
		assert_int_equal(virtio_blk_write_zeroes(blk, 0, 8, true, SECONDS(1)), -EOPNOTSUPP);
		assert_int_equal(ref->nranges + ref->unknown, 0);
		rig_end(&rig);
	}
}

static void ranges_are_refused_like_writes(void **state)
{
	static struct virtio_blk_request req;

	(void)state;
	start(refdev_blk_new(2, DISK, RANGES));
	assert_int_equal(virtio_blk_discard(blk, DISK - 1, 2, SECONDS(1)), -ERANGE);
	assert_int_equal(virtio_blk_discard(blk, UINT64_MAX, 2, SECONDS(1)), -ERANGE);
	assert_int_equal(virtio_blk_discard(blk, 1, UINT64_MAX, SECONDS(1)), -ERANGE);
	assert_int_equal(virtio_blk_write_zeroes(blk, DISK, 1, false, SECONDS(1)), -ERANGE);
	for (uint32_t op = VIRTIO_BLK_DISCARD; op <= VIRTIO_BLK_WRITE_ZEROES_UNMAP; op++) {
		req = (struct virtio_blk_request){.op = op, .done = not_done};
		assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL); /* no sectors */
		req.sectors = 65;
		assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL);
		req.sectors = 2;
		req.sector = DISK - 1;
		assert_int_equal(virtio_blk_submit(blk, &req), -ERANGE);
	}
	assert_int_equal(ref->nranges, 0);
	rig_end(&rig);
	start(refdev_blk_new(2, DISK, RANGES | BIT_ULL(REF_BLK_F_RO)));
	assert_int_equal(virtio_blk_discard(blk, 0, 1, SECONDS(1)), -EROFS);
	assert_int_equal(virtio_blk_write_zeroes(blk, 0, 1, true, SECONDS(1)), -EROFS);
	assert_int_equal(ref->nranges, 0);
	rig_end(&rig);
}

/* 5.2.6.2#10 */
static void whether_zeroes_give_up_storage_may_change(void **state)
{
	struct virtio_blk_info info;
	uint8_t yes = 1;

	(void)state;
	start(refdev_blk_new(2, DISK, RANGES));
	virtio_blk_get_info(blk, &info);
	assert_int_equal(info.max_discard_sectors, 64);
	assert_int_equal(info.max_zeroes_sectors, 64);
	assert_false(info.zeroes_may_unmap);
	refdev_config_change(rig.dev, 56, &yes, 1);
	refdev_pump();
	virtio_blk_get_info(blk, &info);
	assert_true(info.zeroes_may_unmap);
	rig_end(&rig);
}

/* 5.2.6.1#16: the call says that it failed, and what came before is done. */
static void a_range_that_fails_ends_the_call(void **state)
{
	static const struct {
		uint8_t status;
		int err;
	} cases[] = {{1, -EIO}, {2, -EOPNOTSUPP}, {9, -EIO}};

	(void)state;
	start(refdev_blk_new(2, DISK, RANGES));
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		ref->fail_status = cases[i].status;
		ref->fail_count = 1;
		assert_int_equal(virtio_blk_discard(blk, 0, 1000, SECONDS(1)), cases[i].err);
		ref->fail_count = 1;
		assert_int_equal(virtio_blk_write_zeroes(blk, 0, 64, true, SECONDS(1)),
				 cases[i].err);
		assert_int_equal(virtio_blk_write_zeroes(blk, 0, 64, true, SECONDS(1)), 0);
	}
	rig_end(&rig);
}

/* --- errors ------------------------------------------------------------------------------------------- */

static void the_devices_errors_reach_the_caller(void **state)
{
	static const struct {
		uint8_t status;
		int err;
	} cases[] = {{1, -EIO}, {2, -EOPNOTSUPP}, {3, -EIO}, {0x77, -EIO}, {0xff, -EIO}};
	static uint8_t buf[8 * 512];
	unsigned int i;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ref->fail_status = cases[i].status;
		ref->fail_count = 1;
		assert_int_equal(virtio_blk_read(blk, 0, buf, 8, SECONDS(1)), cases[i].err);
		ref->fail_count = 1;
		assert_int_equal(virtio_blk_write(blk, 0, buf, 8, SECONDS(1)), cases[i].err);
		ref->fail_count = 1;
		assert_int_equal(virtio_blk_flush(blk, SECONDS(1)), cases[i].err);
		assert_int_equal(virtio_blk_read(blk, 0, buf, 8, SECONDS(1)), 0);
	}
	rig_end(&rig);
}

static void an_answer_without_status_is_an_error(void **state)
{
	static uint8_t buf[512];

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	ref->no_status = true;
	assert_int_equal(virtio_blk_read(blk, 0, buf, 1, SECONDS(1)), -EIO);
	assert_int_equal(virtio_blk_write(blk, 0, buf, 1, SECONDS(1)), -EIO);
	rig_end(&rig);
}

/* 2.7.8.3#1 */
static void a_read_of_which_the_device_wrote_less_is_an_error(void **state)
{
	static uint8_t buf[4 * 512];

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	ref->short_reads = true;
	assert_int_equal(virtio_blk_read(blk, 0, buf, 4, SECONDS(1)), -EIO);
	rig_end(&rig);
}

/* --- many requests ---------------------------------------------------------------------------------- */

#define REQUESTS 600

static struct virtio_blk_request requests[REQUESTS];
static uint8_t buffers[REQUESTS][512];
static unsigned int dones[REQUESTS], all_done, resubmit;

static void count_done(struct virtio_blk_request *req)
{
	unsigned int i = (unsigned int)(req - requests);

	dones[i]++;
	all_done++;
	assert_ptr_equal(req->priv, &dones[i]);
	if (resubmit) {
		resubmit--;
		dones[i]--;
		assert_int_equal(virtio_blk_submit(blk, req), 0);
	}
}

static void submit_all(unsigned int n, enum virtio_blk_op op)
{
	unsigned int i;

	memset(dones, 0, sizeof(dones));
	all_done = 0;
	for (i = 0; i < n; i++) {
		requests[i] = (struct virtio_blk_request){.op = op,
							  .sector = i,
							  .buf = buffers[i],
							  .sectors = 1,
							  .done = count_done,
							  .priv = &dones[i]};
		assert_int_equal(virtio_blk_submit(blk, &requests[i]), 0);
	}
}

static void run_machine(void)
{
	struct port_event never;

	port_event_init(&never);
	(void)!port_event_wait(&never, 20 * NSEC_PER_MSEC);
}

static void assert_each_done_once(unsigned int n, int status)
{
	unsigned int i;

	assert_int_equal(all_done, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(dones[i], 1);
		assert_int_equal(requests[i].status, status);
	}
}

static void more_requests_than_the_ring_holds_all_complete_once(void **state)
{
	uint32_t version;
	bool eager;
	unsigned int i;

	(void)state;
	for (version = 1; version <= 2; version++) {
		for (eager = false;; eager = true) {
			start(refdev_blk_new(version, DISK, 0));
			port_host_eager(eager);
			for (i = 0; i < REQUESTS; i++)
				fill(ref->disk + i * 512, 512, i + 1);
			ref->reverse = true;
			submit_all(REQUESTS, VIRTIO_BLK_READ);
			run_machine();
			assert_each_done_once(REQUESTS, 0);
			assert_memory_equal(buffers, ref->disk, sizeof(buffers));
			port_host_eager(false);
			rig_end(&rig);
			if (eager)
				break;
		}
	}
}

static void a_ring_of_any_size_serves_them(void **state)
{
	static const uint32_t sizes[] = {4, 8, 16, 1024};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct refdev *dev = refdev_blk_new(2, DISK, 0);

		dev->queues[0].size_max = sizes[i];
		start(dev);
		submit_all(100, VIRTIO_BLK_WRITE);
		run_machine();
		assert_each_done_once(100, 0);
		rig_end(&rig);
	}
}

/* A ring of one or two descriptors holds no request at all without indirect tables. */
static void a_ring_too_small_for_a_request_fails_or_works(void **state)
{
	uint32_t size;
	static uint8_t buf[8 * 512];

	(void)state;
	for (size = 1; size <= 3; size++) {
		struct refdev *dev = refdev_blk_new(2, DISK, 0);

		dev->queues[0].size_max = size;
		assert_int_equal(rig_probe(&rig, dev), 0);
		blk = virtio_blk_find(&test_bus, 0);
		if (blk)
			assert_true(virtio_blk_read(blk, 0, buf, 8, SECONDS(1)) <= 0);
		rig_end(&rig);
	}
}

static void done_may_submit_again(void **state)
{
	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	resubmit = 500;
	submit_all(20, VIRTIO_BLK_READ);
	run_machine();
	assert_int_equal(resubmit, 0);
	assert_int_equal(all_done, 520);
	assert_int_equal(ref->reads, 520);
	rig_end(&rig);
}

static void count_one(struct virtio_blk_request *req)
{
	(*(unsigned int *)req->priv)++;
}

/* What a request was last time counts for nothing: neither where it went nor where it lay. */
static void a_request_that_comes_again_is_taken_as_it_is_now(void **state)
{
	static struct virtio_blk_request req, copy;
	static uint8_t data[2][1024];
	unsigned int done = 0;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	fill(ref->disk, 4096, 7);
	for (unsigned int round = 0; round < 4; round++) {
		memset(data, 0, sizeof(data));
		req.op = VIRTIO_BLK_READ;
		req.sector = round;
		req.buf = data[round & 1];
		req.sectors = 1 + (round == 2);
		req.done = count_one;
		req.priv = &done;
		assert_int_equal(virtio_blk_submit(blk, &req), 0);
		run_machine();
		assert_int_equal(done, round + 1);
		assert_int_equal(req.status, 0);
		assert_memory_equal(data[round & 1], ref->disk + round * 512, req.sectors * 512);
		assert_true(data[!(round & 1)][0] == 0 && data[!(round & 1)][511] == 0);
	}

	req.op = VIRTIO_BLK_WRITE;
	req.sector = 6;
	req.sectors = 1;
	req.buf = data[0];
	fill(data[0], sizeof(data[0]), 9);
	assert_int_equal(virtio_blk_submit(blk, &req), 0);
	run_machine();
	req.sectors = 2; /* nothing else has changed */
	assert_int_equal(virtio_blk_submit(blk, &req), 0);
	run_machine();
	assert_memory_equal(ref->disk + 6 * 512, data[0], 1024);

	req.sector = DISK - 1; /* and one beyond */
	assert_int_equal(virtio_blk_submit(blk, &req), -ERANGE);
	req.sector = UINT64_MAX;
	assert_int_equal(virtio_blk_submit(blk, &req), -ERANGE);
	req.sector = 8;
	req.done = NULL;
	assert_int_equal(virtio_blk_submit(blk, &req), -EINVAL);
	req.done = count_one;

	/* A copy has its own header and status; the first one's memory may go. */
	copy = req;
	memset(&req, 0xaa, sizeof(req));
	assert_int_equal(virtio_blk_submit(blk, &copy), 0);
	run_machine();
	assert_int_equal(copy.status, 0);
	assert_memory_equal(ref->disk + 8 * 512, data[0], 1024);
	assert_int_equal(done, 7);
	rig_end(&rig);
}

/* Descriptors that were made ready for one disk count for another only where that takes them. */
static void a_request_may_go_to_a_disk_of_another_kind(void **state)
{
	static const struct {
		uint64_t features;
		uint32_t size_max;
		int err;
	} kinds[] = {{0, 0, 0},
		     {BIT_ULL(REF_F_RING_PACKED), 0, 0},
		     {BIT_ULL(REF_BLK_F_RO), 0, -EROFS},
		     {BIT_ULL(REF_BLK_F_SIZE_MAX), 1024, 0}, /* in more segments */
		     {BIT_ULL(REF_BLK_F_SIZE_MAX), 128, -EINVAL}};
	static struct virtio_blk_request req;
	unsigned int done = 0;

	(void)state;
	req = (struct virtio_blk_request){.op = VIRTIO_BLK_WRITE,
					  .buf = buffers,
					  .sectors = 8,
					  .done = count_one,
					  .priv = &done};
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(kinds); i++) {
		const unsigned int from = i / ARRAY_SIZE(kinds), to = i % ARRAY_SIZE(kinds);

		for (unsigned int n = 0; n < 2; n++) {
			const unsigned int kind = n ? to : from;
			struct refdev *dev = refdev_blk_new(2, DISK, kinds[kind].features);

			refdev_set_config(dev, 8, kinds[kind].size_max, 4);
			refdev_set_config(dev, 12, 4, 4);
			start(dev);
			for (unsigned int again = 0; again < 2; again++) {
				fill(buffers[0], 8 * 512, i + again);
				done = 0;
				assert_int_equal(virtio_blk_submit(blk, &req), kinds[kind].err);
				run_machine();
				assert_int_equal(done, !kinds[kind].err);
				if (kinds[kind].err)
					continue;
				assert_int_equal(req.status, 0);
				assert_memory_equal(ref->disk, buffers, 8 * 512);
			}
			rig_end(&rig);
		}
	}
}

static void requests_added_together_cost_one_notification(void **state)
{
	unsigned int i;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	memset(dones, 0, sizeof(dones));
	all_done = 0;
	for (i = 0; i < 10; i++) {
		requests[i] = (struct virtio_blk_request){.op = VIRTIO_BLK_READ,
							  .sector = i,
							  .buf = buffers[i],
							  .sectors = 1,
							  .done = count_done,
							  .priv = &dones[i]};
		assert_int_equal(virtio_blk_add(blk, &requests[i]), 0);
	}
	assert_int_equal(rig.dev->queues[0].notifications, 0);
	virtio_blk_kick(blk);
	assert_int_equal(rig.dev->queues[0].notifications, 1);
	run_machine();
	assert_each_done_once(10, 0);
	rig_end(&rig);
}

/* --- devices that fail, and cannot be recovered (test_recovery.c has those that can) --------------------------------------------------------------------------------- */

static void a_device_that_does_not_answer_is_reset_after_the_timeout(void **state)
{
	static uint8_t buf[8 * 512];
	uint64_t begin;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	rig.dev->hold = true;
	rig.dev->lies.refuse_features = true;
	begin = port_now_ns();
	assert_int_equal(virtio_blk_read(blk, 0, buf, 8, SECONDS(2)), -ETIMEDOUT);
	assert_in_range(port_now_ns() - begin, SECONDS(2), SECONDS(3));
	assert_int_equal(rig.dev->status & REF_S_DRIVER_OK, 0);
	assert_int_equal(dma_test_mappings(), 0); /* it cannot write any more */
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_true(virtio_blk_read(blk, 0, buf, 1, SECONDS(1)) < 0);
	rig_end(&rig);
}

static void a_lost_interrupt_ends_in_a_timeout_not_in_a_hang(void **state)
{
	static uint8_t buf[512];

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	rig.dev->lies.no_interrupts = true;
	assert_int_equal(virtio_blk_read(blk, 0, buf, 1, SECONDS(1)), -ETIMEDOUT);
	assert_int_equal(dma_test_mappings(), 0); /* it cannot write any more */
	assert_int_equal(rig.vdev->recoveries, 1);
	rig.dev->lies.no_interrupts = false;
	assert_int_equal(virtio_blk_read(blk, 0, buf, 1, SECONDS(1)), 0);
	rig_end(&rig);
}

static void a_device_that_breaks_the_ring_ends_every_request_once(void **state)
{
	enum refdev_lie lie;

	(void)state;
	for (lie = LIE_ID_RANGE; lie <= LIE_IDX_BACK; lie++) {
		unsigned int i, errors = 0;

		start(refdev_blk_new(2, DISK, 0));
		rig.dev->hold = true;
		submit_all(300, VIRTIO_BLK_READ);
		rig.dev->queues[0].lie = lie;
		rig.dev->lies.refuse_features = true;
		rig.dev->hold = false;
		run_machine();
		assert_int_equal(all_done, 300);
		for (i = 0; i < 300; i++) {
			assert_int_equal(dones[i], 1);
			errors += requests[i].status != 0;
		}
		assert_true(errors > 0);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
		assert_int_equal(virtio_blk_submit(blk, &requests[0]), -EIO);
		assert_int_equal(dma_test_mappings(), 0);
		rig_end(&rig);
		if (violation_count())
			fail_msg("lie %d: %s", lie, violation_first());
	}
}

/* 2.1.1#4 */
static void a_device_that_needs_a_reset_ends_every_request(void **state)
{
	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	rig.dev->hold = true;
	submit_all(200, VIRTIO_BLK_READ);
	rig.dev->lies.refuse_features = true;
	refdev_needs_reset(rig.dev);
	run_machine();
	assert_each_done_once(200, -EIO);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	rig_end(&rig);
}

static void removal_ends_every_request_with_enodev(void **state)
{
	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	rig.dev->hold = true;
	submit_all(200, VIRTIO_BLK_READ);
	rig_end(&rig);
	assert_each_done_once(200, -ENODEV);
	assert_int_equal(port_host_live(), 0);
}

static void submit_in_vain(struct virtio_blk_request *req)
{
	count_one(req);
	assert_int_equal(req->status, -ENODEV);
	assert_int_equal(virtio_blk_submit(blk, req), -ENODEV);
}

/* ... nor one for which all is ready but the disk. */
static void a_disk_that_is_removed_takes_no_request_again(void **state)
{
	static struct virtio_blk_request req;
	unsigned int done = 0;

	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	req = (struct virtio_blk_request){.op = VIRTIO_BLK_READ,
					  .buf = buffers[0],
					  .sectors = 1,
					  .done = count_one,
					  .priv = &done};
	assert_int_equal(virtio_blk_submit(blk, &req), 0);
	run_machine();
	assert_int_equal(done, 1);
	rig.dev->hold = true;
	req.done = submit_in_vain;
	assert_int_equal(virtio_blk_submit(blk, &req), 0);
	rig_end(&rig);
	assert_int_equal(done, 2);
}

static void a_buffer_that_cannot_be_mapped_now_is_sent_later(void **state)
{
	(void)state;
	start(refdev_blk_new(2, DISK, 0));
	submit_all(1, VIRTIO_BLK_READ);
	requests[1] = requests[0];
	requests[1].sector = 5;
	requests[1].priv = &dones[1];
	dma_test_fail_map(2);
	assert_int_equal(virtio_blk_submit(blk, &requests[1]), 0);
	run_machine();
	assert_each_done_once(2, 0);
	dma_test_fail_map(1); /* nothing in flight that would give something back */
	assert_int_equal(virtio_blk_submit(blk, &requests[1]), -ENOMEM);
	assert_int_equal(all_done, 2);
	rig_end(&rig);
}

/* --- probing -------------------------------------------------------------------------------------------- */

static struct refdev *make_modern(void)
{
	return refdev_blk_new(2, DISK, 0);
}

static struct refdev *make_legacy(void)
{
	return refdev_blk_new(1, DISK, 0);
}

static void running_out_of_memory_in_probe_is_survived(void **state)
{
	(void)state;
	assert_in_range(rig_starve(make_modern), 3, 20);
	assert_in_range(rig_starve(make_legacy), 3, 20);
	(void)rig_starve_maps(make_modern);
}

static void a_capacity_that_never_stands_still_fails_the_probe(void **state)
{
	struct refdev *dev = refdev_blk_new(2, DISK, 0);

	(void)state;
	dev->lies.generation_moves = true;
	assert_int_equal(rig_probe(&rig, dev), 0);
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_null(virtio_blk_find(&test_bus, 0));
	rig_end(&rig);
}

/* 5.2.5.1#5, 5.2.5.1#6, 5.2.5.1#8, 5.2.5.1#9, 5.2.5.1#10: of a disk's zones the device has the model alone. */
static void a_disk_of_zones_is_driven_where_it_can_do_without(void **state)
{
	(void)state;
	for (uint8_t model = 0; model <= 3; model++) { /* 1: host-managed */
		struct refdev *dev = refdev_blk_new(2, DISK, RANGES | BIT_ULL(REF_BLK_F_ZONED));

		refdev_set_config(dev, 92, model, 1);
		assert_int_equal(rig_probe(&rig, dev), 0);
		assert_false(dev->accepted & BIT_ULL(REF_BLK_F_ZONED));
		if (model == 1) {
			assert_int_equal(dev->accepted & RANGES, 0);
			assert_int_equal(dev->status & REF_S_FEATURES_OK, 0);
			assert_true(dev->status & REF_S_FAILED);
		} else {
			assert_int_equal(dev->accepted & RANGES, RANGES);
			assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
		}
		rig_end(&rig);
	}
}

static void disks_are_counted_in_their_order(void **state)
{
	struct rig other;

	(void)state;
	assert_int_equal(rig_probe(&rig, refdev_blk_new(2, 10, 0)), 0);
	assert_int_equal(rig_probe(&other, refdev_blk_new(1, 20, 0)), 0);
	assert_ptr_equal(virtio_blk_device(virtio_blk_find(&test_bus, 0)), rig.vdev);
	assert_ptr_equal(virtio_blk_device(virtio_blk_find(&test_bus, 1)), other.vdev);
	assert_null(virtio_blk_find(&test_bus, 2));
	rig_remove(&rig);
	/* Who stays keeps his number, and who comes takes the one that is free. */
	assert_null(virtio_blk_find(&test_bus, 0));
	assert_ptr_equal(virtio_blk_device(virtio_blk_find(&test_bus, 1)), other.vdev);
	refdev_free(rig.dev);
	assert_int_equal(rig_probe(&rig, refdev_blk_new(2, 10, 0)), 0);
	assert_ptr_equal(virtio_blk_device(virtio_blk_find(&test_bus, 0)), rig.vdev);
	assert_ptr_equal(virtio_blk_device(virtio_blk_find(&test_bus, 1)), other.vdev);
	assert_int_equal(rig.vdev->index, 0);
	assert_int_equal(other.vdev->index, 1);
	assert_ptr_equal(test_bus.devices.next, &rig.vdev->node);
	rig_remove(&rig);
	rig_remove(&other);
	refdev_free(rig.dev);
	refdev_free(other.dev);
}

static int init(void **state)
{
	(void)state;
	(void)virtio_blk_init(&test_bus);
	return 0;
}

/* Without a DMA backend, requests that come again take a way of their own. Not with legacy devices: the
 * host's addresses are above what their queue register reaches. */
/* The driver keeps descriptors ready for what a request did last time; the header is another thing. */
static void a_request_may_do_something_else_each_time(void **state)
{
	static uint8_t data[1024];
	char id[VIRTIO_BLK_ID_BYTES + 1];

	(void)state;
	start(refdev_blk_new(2, DISK, BIT_ULL(REF_BLK_F_FLUSH)));
	for (uint32_t round = 0; round < 3; round++) {
		fill(data, sizeof(data), round);
		assert_int_equal(virtio_blk_write(blk, 6, data, 2, SECONDS(1)), 0);
		assert_int_equal(virtio_blk_flush(blk, SECONDS(1)), 0);
		assert_memory_equal(ref->disk + 6 * 512, data, sizeof(data));
	}
	assert_int_equal(ref->writes, 3);
	assert_int_equal(ref->flushes, 3);
	for (uint32_t round = 0; round < 3; round++) {
		memset(data, 0, sizeof(data));
		assert_int_equal(virtio_blk_read(blk, 6, data, 2, SECONDS(1)), 0);
		assert_int_equal(virtio_blk_get_id(blk, id, SECONDS(1)), 0);
		assert_memory_equal(ref->disk + 6 * 512, data, sizeof(data));
	}
	assert_int_equal(ref->reads, 3);
	rig_end(&rig);
}

/* ... also in one structure, whose descriptors may still be those of a read. */
static void one_request_reads_discards_and_reads_again(void **state)
{
	static const uint32_t ops[] = {VIRTIO_BLK_READ,	   VIRTIO_BLK_READ,
				       VIRTIO_BLK_DISCARD, VIRTIO_BLK_READ,
				       VIRTIO_BLK_WRITE,   VIRTIO_BLK_WRITE_ZEROES_UNMAP,
				       VIRTIO_BLK_READ,	   VIRTIO_BLK_WRITE_ZEROES};
	static struct virtio_blk_request req;
	static uint8_t data[1024];
	unsigned int done = 0;

	(void)state;
	start(refdev_blk_new(2, DISK, RANGES));
	req = (struct virtio_blk_request){
		.sector = 6, .sectors = 2, .buf = data, .done = count_one, .priv = &done};
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		req.op = ops[i];
		fill(data, sizeof(data), i);
		assert_int_equal(virtio_blk_submit(blk, &req), 0);
		run_machine();
		assert_int_equal(done, i + 1);
		assert_int_equal(req.status, 0);
		if (req.op <= VIRTIO_BLK_WRITE)
			assert_memory_equal(data, ref->disk + 6 * 512, sizeof(data));
		else
			assert_filled(6, 2, req.op == VIRTIO_BLK_DISCARD ? 0xdd : 0);
	}
	assert_int_equal(ref->nranges, 3);
	assert_filled(8, 1, 0);
	rig_end(&rig);
}

static int init_direct(void **state)
{
	rig_direct = true;
	return init(state);
}

int main(void)
{
	const struct CMUnitTest direct[] = {
		TEST(a_request_may_do_something_else_each_time),
		TEST(one_request_reads_discards_and_reads_again),
		TEST(a_long_range_is_cut_as_the_limits_say),
		TEST(a_large_transfer_is_split_within_the_devices_limits),
		TEST(a_size_max_of_0_is_no_limit),
		TEST(the_device_may_answer_in_any_order),
		TEST(nothing_is_asked_beyond_the_end_of_the_disk),
		TEST(a_read_only_disk_is_not_written),
		TEST(a_request_with_wrong_fields_is_refused),
		TEST(the_devices_errors_reach_the_caller),
		TEST(an_answer_without_status_is_an_error),
		TEST(a_read_of_which_the_device_wrote_less_is_an_error),
		TEST(a_ring_of_any_size_serves_them),
		TEST(done_may_submit_again),
		TEST(a_request_that_comes_again_is_taken_as_it_is_now),
		TEST(a_device_that_breaks_the_ring_ends_every_request_once),
		TEST(removal_ends_every_request_with_enodev),
		TEST(a_disk_that_is_removed_takes_no_request_again),
		TEST(a_request_may_go_to_a_disk_of_another_kind),
	};
	const struct CMUnitTest tests[] = {
		TEST(a_request_may_do_something_else_each_time),
		TEST(one_request_reads_discards_and_reads_again),
		TEST(zeroes_and_discards_change_their_range_and_nothing_else),
		TEST(a_long_range_is_cut_as_the_limits_say),
		TEST(a_disk_without_ranges_is_not_asked_for_any),
		TEST(ranges_are_refused_like_writes),
		TEST(whether_zeroes_give_up_storage_may_change),
		TEST(a_range_that_fails_ends_the_call),
		TEST(what_is_written_is_on_the_disk_and_read_back),
		TEST(a_large_transfer_is_split_within_the_devices_limits),
		TEST(a_size_max_of_0_is_no_limit),
		TEST(the_device_may_answer_in_any_order),
		TEST(the_devices_properties_are_reported),
		TEST(a_change_of_capacity_is_noticed),
		TEST(senseless_limits_do_no_harm),
		TEST(nothing_is_asked_beyond_the_end_of_the_disk),
		TEST(a_read_only_disk_is_not_written),
		TEST(a_request_with_wrong_fields_is_refused),
		TEST(a_flush_reaches_a_device_with_a_cache_only),
		TEST(the_cache_is_what_the_features_say),
		TEST(the_serial_number_is_printable_and_ended),
		TEST(the_devices_errors_reach_the_caller),
		TEST(an_answer_without_status_is_an_error),
		TEST(a_read_of_which_the_device_wrote_less_is_an_error),
		TEST(more_requests_than_the_ring_holds_all_complete_once),
		TEST(a_ring_of_any_size_serves_them),
		TEST(a_ring_too_small_for_a_request_fails_or_works),
		TEST(done_may_submit_again),
		TEST(a_request_that_comes_again_is_taken_as_it_is_now),
		TEST(a_request_may_go_to_a_disk_of_another_kind),
		TEST(requests_added_together_cost_one_notification),
		TEST(a_device_that_does_not_answer_is_reset_after_the_timeout),
		TEST(a_lost_interrupt_ends_in_a_timeout_not_in_a_hang),
		TEST(a_device_that_breaks_the_ring_ends_every_request_once),
		TEST(a_device_that_needs_a_reset_ends_every_request),
		TEST(removal_ends_every_request_with_enodev),
		TEST(a_disk_that_is_removed_takes_no_request_again),
		TEST(a_buffer_that_cannot_be_mapped_now_is_sent_later),
		TEST(running_out_of_memory_in_probe_is_survived),
		TEST(a_capacity_that_never_stands_still_fails_the_probe),
		TEST(a_disk_of_zones_is_driven_where_it_can_do_without),
		TEST(disks_are_counted_in_their_order),
	};

	return cmocka_run_group_tests_name("virtio_blk", tests, init, NULL) +
	       cmocka_run_group_tests_name("virtio_blk, direct", direct, init_direct, NULL);
}
