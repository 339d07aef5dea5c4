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
#define REF_BLK_F_MQ	   12
#define REF_BLK_F_DISCARD  13
#define REF_BLK_F_ZEROES   14
#define REF_BLK_F_ZONED	   17

#define REF_BLK_HELD   64
#define REF_BLK_RANGES 64

/* What a request for discarding (or, @zeroes, for zeroes) has named. */
struct refdev_blk_range {
	uint64_t sector;
	uint32_t sectors;
	bool zeroes, unmap;
};

struct refdev_blk {
	uint8_t *disk;
	uint64_t sectors;
	char id[20];
	unsigned long reads, writes, flushes, ids, unknown;
	struct refdev_blk_range ranges[REF_BLK_RANGES]; /* the first ones */
	unsigned int nranges;
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

/* A disk of @sectors, zeroed; features are FLUSH, BLK_SIZE, TOPOLOGY, SEG_MAX and those of @extra; it
 * discards and zeroes 64 sectors at a time, and has REFDEV_QUEUES queues with MQ, else one. */
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

/* --- IOMMU (5.13) ---------------------------------------------------------------------------- */

#define REF_IOMMU_F_INPUT_RANGE	  0
#define REF_IOMMU_F_DOMAIN_RANGE  1
#define REF_IOMMU_F_MAP_UNMAP	  2
#define REF_IOMMU_F_BYPASS	  3
#define REF_IOMMU_F_PROBE	  4
#define REF_IOMMU_F_MMIO	  5
#define REF_IOMMU_F_BYPASS_CONFIG 6

enum { REF_IOMMU_ATTACH = 1, REF_IOMMU_DETACH, REF_IOMMU_MAP, REF_IOMMU_UNMAP, REF_IOMMU_PROBE };

#define REF_IOMMU_READ	1u
#define REF_IOMMU_WRITE 2u
#define REF_IOMMU_MMIO	4u

#define REF_IOMMU_DOMAINS   8
#define REF_IOMMU_ENDPOINTS 140
#define REF_IOMMU_MAPPINGS  2500
#define REF_IOMMU_RESERVED  20
#define REF_IOMMU_PROPS	    512

struct refdev_iommu_mapping {
	uint64_t start, end, phys;
	uint32_t flags;
};

struct refdev_iommu_domain {
	bool exists, bypass;
	uint32_t id;
	unsigned int endpoints, count;
	struct refdev_iommu_mapping mappings[REF_IOMMU_MAPPINGS];
};

struct refdev_iommu {
	struct refdev_iommu_domain domains[REF_IOMMU_DOMAINS];
	struct {
		uint32_t id;
		bool probed;
		struct refdev_iommu_domain *domain;
	} endpoints[REF_IOMMU_ENDPOINTS];
	unsigned int endpoint_count;
	/* What PROBE answers, and what it means. */
	uint8_t props[REF_IOMMU_PROPS];
	unsigned int props_len;
	struct {
		uint64_t start, end;
		bool msi;
	} reserved[REF_IOMMU_RESERVED];
	unsigned int reserved_count;

	/* What it does wrong. */
	unsigned int
		fail_type; /* such requests (0: all) are answered with fail_status, fail_count times */
	unsigned int fail_count;
	uint8_t fail_status;
	unsigned int fail_after; /* but only after so many of them */
	unsigned int
		short_type; /* such requests are said to be done, in an answer of no length, and are not */
	bool tail_noise;   /* writes to what is reserved in the tail */
	bool bypass_noise; /* bits above the first one of bypass are set */
	bool bypass_stays; /* bypass cannot be cleared */
	unsigned int
		hold_type; /* does not answer the next request of that type, nor what follows */
	unsigned long requests[6]; /* by type */
	unsigned long events, events_lost;
	unsigned int order[64]; /* the types of the last requests */
	unsigned int order_count;
};

/* With all features but the old BYPASS; 64 bits of addresses, 2^32 domains, one endpoint of each id from 1 to
 * @endpoints; bypass is on. */
struct refdev *refdev_iommu_new(uint64_t without, unsigned int endpoints);
struct refdev_iommu *refdev_iommu(struct refdev *dev);

/* Adds a RESV_MEM property, so that what follows it is aligned. */
void refdev_iommu_reserve(struct refdev *dev, uint64_t start, uint64_t end, uint8_t subtype);
/* Adds any bytes to the properties. */
void refdev_iommu_add_props(struct refdev *dev, const void *bytes, unsigned int len);

/*
 * Endpoint @id accesses @addr. Returns whether it is let through, and where to; otherwise a fault is
 * reported, if there is a buffer for it.
 */
bool refdev_iommu_access(struct refdev *dev, uint32_t id, uint64_t addr, bool write,
			 uint64_t *phys);

/* Puts a report of @len bytes into the event queue that claims to be @used bytes long. False: no buffer. */
bool refdev_iommu_report(struct refdev *dev, const void *report, unsigned int len, uint32_t used);

#endif
