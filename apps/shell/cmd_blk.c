/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of disks: information, reading in hex, sums, writing, discarding. They work in sectors of 512
 * bytes; on a disk of larger blocks, what is asked is widened to whole blocks, and a write
 * reads the rest of its block first. What discards or zeroes takes whole blocks only.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "apps/shell/blksum.h"
#include "apps/shell/commands.h"
#include "apps/shell/hexdump.h"
#include "drivers/virtio/virtio_blk.h"
#include "lib/pages.h"

#define TIMEOUT_NS    (30 * NSEC_PER_SEC)
#define SECTOR	      VIRTIO_BLK_SECTOR_SIZE
#define PIECE_SECTORS 128u /* what one step of a command handles; no smaller than a block */

/* A disk and the range that a command works on. */
struct target {
	struct virtio_blk *blk;
	struct virtio_blk_info info;
	uint64_t sector, count;
};

static struct virtio_blk *find_disk(struct shell *sh, const char *number)
{
	int n = command_device(sh, VIRTIO_ID_BLOCK, number);

	return n < 0 ? NULL : virtio_blk_find(app_bus, (unsigned int)n);
}

/* Reads the arguments N [SECTOR [COUNT]] into @target and checks the range against the disk.
 * @sector and @count may be NULL: from the start, one sector. */
static int find_range(struct shell *sh, struct target *target, const char *number,
		      const char *sector, const char *count)
{
	uint64_t capacity;
	int err;

	target->sector = 0;
	target->count = 1;
	target->blk = find_disk(sh, number);
	if (!target->blk)
		return -ENODEV;
	virtio_blk_get_info(target->blk, &target->info);
	capacity = target->info.capacity_sectors;
	err = sector ? sh_number(sh, "sector", sector, UINT64_MAX, &target->sector) : 0;
	if (!err && count)
		err = sh_number(sh, "count", count, UINT64_MAX, &target->count);
	if (err)
		return err;
	if (target->count == 0)
		return sh_error(sh, -EINVAL, "count is 0");
	if (target->sector >= capacity || target->count > capacity - target->sector)
		return sh_error(sh, -ERANGE,
				"sector %" PRIu64 " is beyond the end of the disk (%" PRIu64
				" sectors)",
				MAX(target->sector, capacity), capacity);
	return 0;
}

static int disk_error(struct shell *sh, int err, const char *doing, uint64_t sector, uint64_t count)
{
	return sh_error(sh, err, "%s sectors %" PRIu64 " to %" PRIu64 ": %s", doing, sector,
			sector + count - 1, sh_strerror(err));
}

/* --- in pieces ------------------------------------------------------------------------------- */

/* A piece of the range: [sector, end) is asked for, [first, last) are the whole blocks around. */
struct piece {
	uint64_t sector, end;
	uint64_t first, last;
	uint8_t *data; /* of first */
};

static uint32_t piece_sectors(const struct piece *piece)
{
	return (uint32_t)(piece->last - piece->first);
}

static uint8_t *piece_data(const struct piece *piece)
{
	return piece->data + (piece->sector - piece->first) * SECTOR;
}

static int piece_read(struct shell *sh, const struct target *target, const struct piece *piece)
{
	int err = virtio_blk_read(target->blk, piece->first, piece->data, piece_sectors(piece),
				  TIMEOUT_NS);

	return err ? disk_error(sh, err, "reading", piece->first, piece_sectors(piece)) : 0;
}

static int piece_write(struct shell *sh, const struct target *target, const struct piece *piece)
{
	int err = virtio_blk_write(target->blk, piece->first, piece->data, piece_sectors(piece),
				   TIMEOUT_NS);

	return err ? disk_error(sh, err, "writing", piece->first, piece_sectors(piece)) : 0;
}

/*
 * Calls @handle for the range of @target in pieces, each with a buffer that holds its blocks, until
 * one fails or Ctrl-C is typed. A piece ends where a block does, so that it always fits.
 */
static int for_each_piece(struct shell *sh, const struct target *target,
			  int (*handle)(struct shell *sh, const struct target *target,
					const struct piece *piece, const void *arg),
			  const void *arg)
{
	uint64_t end = target->sector + target->count;
	struct piece piece = {.sector = target->sector};
	int err = 0;

	piece.data = alloc_pages_exact(PIECE_SECTORS * SECTOR);
	if (!piece.data)
		return sh_error(sh, -ENOMEM, "out of memory");
	while (piece.sector < end && !err) {
		uint64_t limit = ALIGN_DOWN(piece.sector, PIECE_SECTORS) + PIECE_SECTORS;

		piece.end = MIN(end, limit);
		piece.first = piece.sector;
		piece.last = piece.end;
		(void)blk_align_range(&target->info, &piece.first, &piece.last);
		err = handle(sh, target, &piece, arg);
		if (!err && sh_interrupted(sh))
			err = sh_error(sh, -EINTR, "interrupted before sector %" PRIu64, piece.end);
		piece.sector = piece.end;
	}
	free_pages_exact(piece.data, PIECE_SECTORS * SECTOR);
	return err;
}

/* --- the commands ---------------------------------------------------------------------------- */

static uint64_t sectors_to_bytes(uint64_t sectors)
{
	return sectors > UINT64_MAX / SECTOR ? UINT64_MAX : sectors * SECTOR;
}

static void print_serial(struct shell *sh, struct virtio_blk *blk)
{
	char id[VIRTIO_BLK_ID_BYTES + 1];
	int err = virtio_blk_get_id(blk, id, TIMEOUT_NS);

	if (err) {
		sh_printf(sh, "serial    unknown (%s)\n", sh_strerror(err));
		return;
	}
	sh_printf(sh, "serial    \"%s\"\n", id);
}

static const char *cache_mode(const struct virtio_blk_info *info)
{
	if (!info->flush)
		return "none that needs a flush";
	return info->writeback ? "write-back" : "write-through";
}

static int blk_info(struct shell *sh, int argc, char **argv)
{
	struct virtio_blk *blk = find_disk(sh, argv[1]);
	struct virtio_blk_info info;

	(void)argc;
	if (!blk)
		return -ENODEV;
	virtio_blk_get_info(blk, &info);
	sh_printf(sh, "capacity  %" PRIu64 " sectors, %" PRIu64 " bytes\n", info.capacity_sectors,
		  sectors_to_bytes(info.capacity_sectors));
	sh_printf(sh, "blocks    %" PRIu32 " bytes, physical %" PRIu32 "\n", info.block_size,
		  info.physical_block_size);
	sh_printf(sh,
		  "topology  alignment offset %" PRIu32 ", minimum I/O %" PRIu32
		  ", optimal I/O %" PRIu32 " blocks\n",
		  info.alignment_offset, info.min_io_size, info.opt_io_size);
	if (info.cylinders)
		sh_printf(sh, "geometry  %u cylinders, %u heads, %u sectors\n", info.cylinders,
			  info.heads, info.sectors);
	sh_printf(sh,
		  "requests  seg_max %" PRIu32 ", size_max %" PRIu32 ", at most %" PRIu32
		  " sectors\n",
		  info.seg_max, info.size_max, info.max_request_sectors);
	sh_printf(sh, "access    %s\n", info.read_only ? "read-only" : "read-write");
	sh_printf(sh, "cache     %s\n", cache_mode(&info));
	sh_printf(sh,
		  "erasing   discard %" PRIu32 " sectors aligned to %" PRIu32 ", zero %" PRIu32
		  " sectors%s\n",
		  info.max_discard_sectors, info.discard_alignment, info.max_zeroes_sectors,
		  info.zeroes_may_unmap ? " (unmap)" : "");
	print_serial(sh, blk);
	sh_printf(sh, "queue     %u descriptors\nqueues    %u\n", info.queue_size, info.queues);
	return 0;
}

static int show_piece(struct shell *sh, const struct target *target, const struct piece *piece,
		      const void *arg)
{
	int err = piece_read(sh, target, piece);

	(void)arg;
	for (uint64_t sector = piece->sector; !err && sector < piece->end; sector++) {
		hexdump(sh, sectors_to_bytes(sector),
			piece->data + (sector - piece->first) * SECTOR, SECTOR);
		if (sector + 1 < piece->end && sh_interrupted(sh))
			err = sh_error(sh, -EINTR, "interrupted");
	}
	return err;
}

static int blk_read(struct shell *sh, int argc, char **argv)
{
	struct target target;
	int err = find_range(sh, &target, argv[1], argv[2], argc > 3 ? argv[3] : NULL);

	return err ? err : for_each_piece(sh, &target, show_piece, NULL);
}

static int blk_sum(struct shell *sh, int argc, char **argv)
{
	struct blksum_result result = {0, 0};
	struct target target;
	int err;

	if (argc == 3) {
		sh_puts(sh, "usage: blk sum N [SECTOR COUNT]\n");
		return -EINVAL;
	}
	if (argc == 4) {
		err = find_range(sh, &target, argv[1], argv[2], argv[3]);
		if (err)
			return err;
	} else {
		target.blk = find_disk(sh, argv[1]);
		if (!target.blk)
			return -ENODEV;
		virtio_blk_get_info(target.blk, &target.info);
		target.sector = 0;
		target.count = target.info.capacity_sectors;
	}
	err = blksum(sh, target.blk, target.sector, target.count, &result);
	if (!err)
		sh_printf(sh, "crc32 %08" PRIx32 " bytes %" PRIu64 "\n", result.crc32,
			  result.bytes);
	return err;
}

static int check_writable(struct shell *sh, const struct target *target)
{
	return target->info.read_only ? sh_error(sh, -EROFS, "the disk is read-only") : 0;
}

/* Writes what @fill makes of a piece, after reading the blocks that it covers in part. */
static int change_piece(struct shell *sh, const struct target *target, const struct piece *piece,
			void (*fill)(const struct piece *piece, const void *arg), const void *arg)
{
	int err = 0;

	if (piece->first < piece->sector || piece->last > piece->end)
		err = piece_read(sh, target, piece);
	if (err)
		return err;
	fill(piece, arg);
	return piece_write(sh, target, piece);
}

static void fill_text(const struct piece *piece, const void *arg)
{
	memset(piece_data(piece), 0, SECTOR);
	memcpy(piece_data(piece), arg, strlen(arg));
}

static int write_text(struct shell *sh, const struct target *target, const struct piece *piece,
		      const void *arg)
{
	return change_piece(sh, target, piece, fill_text, arg);
}

static int blk_write(struct shell *sh, int argc, char **argv)
{
	char text[SECTOR + 1];
	struct target target;
	int err = find_range(sh, &target, argv[1], argv[2], NULL);

	if (!err)
		err = check_writable(sh, &target);
	if (err)
		return err;
	err = sh_join(text, sizeof(text), argc - 3, argv + 3);
	if (err < 0)
		return sh_error(sh, err, "the text is longer than a sector (%u bytes)", SECTOR);
	return for_each_piece(sh, &target, write_text, text);
}

static void fill_byte(const struct piece *piece, const void *arg)
{
	memset(piece_data(piece), *(const uint8_t *)arg, (piece->end - piece->sector) * SECTOR);
}

static int write_byte(struct shell *sh, const struct target *target, const struct piece *piece,
		      const void *arg)
{
	return change_piece(sh, target, piece, fill_byte, arg);
}

static int blk_fill(struct shell *sh, int argc, char **argv)
{
	struct target target;
	uint64_t value = 0;
	uint8_t byte;
	int err = find_range(sh, &target, argv[1], argv[2], argv[3]);

	(void)argc;
	if (!err)
		err = check_writable(sh, &target);
	if (!err)
		err = sh_number(sh, "byte", argv[4], 0xff, &value);
	if (err)
		return err;
	byte = (uint8_t)value;
	return for_each_piece(sh, &target, write_byte, &byte);
}

/* blk discard and blk zero, in one call of the driver's. A disk takes whole blocks only. */
static int blk_erase(struct shell *sh, int argc, char **argv)
{
	enum virtio_blk_op op = VIRTIO_BLK_DISCARD;
	struct target target;
	int err = find_range(sh, &target, argv[1], argv[2], argv[3]);

	if (argv[0][0] == 'z')
		op = argc > 4 ? VIRTIO_BLK_WRITE_ZEROES_UNMAP : VIRTIO_BLK_WRITE_ZEROES;
	if (!err)
		err = check_writable(sh, &target);
	if (err)
		return err;
	if (argc > 4 && strcmp(argv[4], "unmap"))
		return sh_error(sh, -EINVAL, "%s: not unmap", argv[4]);
	if ((target.sector | target.count) & (target.info.block_size / SECTOR - 1))
		return sh_error(sh, -EINVAL, "not whole blocks");
	err = virtio_blk_range(target.blk, op, target.sector, target.count, TIMEOUT_NS);
	return err ? disk_error(sh, err, "changing", target.sector, target.count) : 0;
}

static int blk_flush(struct shell *sh, int argc, char **argv)
{
	struct virtio_blk *blk = find_disk(sh, argv[1]);
	int err;

	(void)argc;
	if (!blk)
		return -ENODEV;
	err = virtio_blk_flush(blk, TIMEOUT_NS);
	return err ? sh_error(sh, err, "%s", sh_strerror(err)) : 0;
}

const struct command blk_commands[] = {
	{"blk info", "N", "describes disk N", 1, 1, blk_info},
	{"blk read", "N SECTOR [COUNT]", "shows sectors in hex", 2, 3, blk_read},
	{"blk sum", "N [SECTOR COUNT]", "CRC-32 of the disk or of a part", 1, 3, blk_sum},
	{"blk write", "N SECTOR TEXT", "writes a sector: text, then zeros", 3, SHELL_ARGS_MAX,
	 blk_write},
	{"blk fill", "N SECTOR COUNT BYTE", "fills sectors with a byte", 4, 4, blk_fill},
	{"blk discard", "N SECTOR COUNT", "gives up the contents of sectors", 3, 3, blk_erase},
	{"blk zero", "N SECTOR COUNT [unmap]", "zeroes sectors", 3, 4, blk_erase},
	{"blk flush", "N", "empties the disk's write cache", 1, 1, blk_flush},
	{NULL, NULL, NULL, 0, 0, NULL},
};
