/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CRC-32 of a range of a disk, read with many requests in flight. Requests may be finished in
 * any order; their data is summed in the order of the disk, and each buffer is sent out
 * again as soon as it has been summed, so that the device never waits for the sum.
 */
#ifndef APPS_SHELL_BLKSUM_H
#define APPS_SHELL_BLKSUM_H

#include "apps/shell/shell.h"
#include "drivers/virtio/virtio_blk.h"

struct blksum_result {
	uint32_t crc32;
	uint64_t bytes;
};

/*
 * Sums @count sectors from @first on, which lie on the disk. Returns 0 with @result filled in, or
 * a negative errno after the error was printed on @sh: a read failed, no request was finished
 * for 30 s, or Ctrl-C was typed. Thread context.
 */
int blksum(struct shell *sh, struct virtio_blk *blk, uint64_t first, uint64_t count,
	   struct blksum_result *result);

/* Widens the range [*first, *end) of sectors to whole blocks of the disk, as far as it goes: a disk
 * of larger blocks takes no other requests. Returns the sectors of a block. */
uint32_t blk_align_range(const struct virtio_blk_info *info, uint64_t *first, uint64_t *end);

#endif
