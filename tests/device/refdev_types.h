/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device types of the reference device (VIRTIO 1.4, 5.1 to 5.4). Each keeps what it saw,
 * so that a test can compare it with what the driver was asked to do.
 */
#ifndef TESTS_DEVICE_REFDEV_TYPES_H
#define TESTS_DEVICE_REFDEV_TYPES_H

#include "tests/device/refdev.h"

/* --- block (5.2) --------------------------------------------------------------------------- */

#define REF_BLK_F_SIZE_MAX 1
#define REF_BLK_F_SEG_MAX  2
#define REF_BLK_F_GEOMETRY 4
#define REF_BLK_F_RO	   5
#define REF_BLK_F_BLK_SIZE 6
#define REF_BLK_F_FLUSH	   9
#define REF_BLK_F_TOPOLOGY 10
#define REF_BLK_F_WCE	   11

#define REF_BLK_HELD 64

struct refdev_blk {
	uint8_t *disk;
	uint64_t sectors;
	char id[20];
	unsigned long reads, writes, flushes, ids, unknown;
	unsigned int max_data_segs; /* of a request, so far */
	uint32_t max_seg_bytes;
	uint8_t fail_status; /* the status of the next fail_count requests; 0: none */
	unsigned int fail_count;
	bool no_status;	       /* returns requests without writing their status */
	bool short_reads;      /* claims to have written a byte only */
	bool reverse;	       /* several requests are completed last to first */
	unsigned int inflight; /* held now, and the most at once */
	unsigned int max_inflight;
	unsigned int batch; /* completes only when that many are held; 0: at once */
	struct refdev_chain *held[REF_BLK_HELD];
};

/* A disk of @sectors, zeroed; features are FLUSH, BLK_SIZE, TOPOLOGY, SEG_MAX and those of @extra. */
struct refdev *refdev_blk_new(uint32_t version, uint64_t sectors, uint64_t extra);
struct refdev_blk *refdev_blk(struct refdev *dev);

/* --- network (5.1) ------------------------------------------------------------------------- */

#define REF_NET_F_MTU	 3
#define REF_NET_F_MAC	 5
#define REF_NET_F_STATUS 16

#define REF_NET_FRAMES 64
#define REF_NET_BYTES  2048

struct refdev_net {
	uint8_t frames[REF_NET_FRAMES][REF_NET_BYTES]; /* sent by the driver, the last ones */
	unsigned int lengths[REF_NET_FRAMES];
	unsigned long sent;	 /* frames in all */
	unsigned long delivered; /* to the driver */
	unsigned int header_len; /* 12, or 10 on a legacy device without MRG_RXBUF */
	unsigned int min_rx_space;
};

struct refdev *refdev_net_new(uint32_t version, uint64_t features);
struct refdev_net *refdev_net(struct refdev *dev);
void refdev_net_set_link(struct refdev *dev, bool up);

/* Gives the driver a frame. Returns whether there was a buffer for it. */
bool refdev_net_deliver(struct refdev *dev, const void *frame, unsigned int len);

/* Gives it the same frame @n times, and one interrupt. Returns how many there were buffers for. */
unsigned int refdev_net_deliver_many(struct refdev *dev, const void *frame, unsigned int len,
				     unsigned int n);

/* As refdev_net_deliver(), but @used bytes are claimed to be written, header included. */
bool refdev_net_deliver_raw(struct refdev *dev, const void *frame, unsigned int len, uint32_t used);

/* --- console (5.3) ------------------------------------------------------------------------- */

#define REF_CONSOLE_F_SIZE	  0
#define REF_CONSOLE_F_EMERG_WRITE 2

struct refdev_console {
	char output[65536]; /* what the driver sent */
	size_t output_len;
	char emergency[256]; /* written to emerg_wr */
	size_t emergency_len;
};

struct refdev *refdev_console_new(uint32_t version, uint64_t features);
struct refdev_console *refdev_console(struct refdev *dev);
void refdev_console_resize(struct refdev *dev, uint16_t cols, uint16_t rows);

/* Types @len bytes; returns how many found room. */
size_t refdev_console_input(struct refdev *dev, const char *text, size_t len);

/* --- entropy (5.4) -------------------------------------------------------------------------- */

struct refdev_rng {
	uint32_t seed;
	uint32_t max_bytes; /* gives at most that many at once; 0: all that is asked for */
	bool zero_bytes;    /* gives none, against 5.4.6.2 */
	uint64_t given;
};

struct refdev *refdev_rng_new(uint32_t version);
struct refdev_rng *refdev_rng(struct refdev *dev);

#endif
