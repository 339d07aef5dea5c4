/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: what the VIRTIO 1.4 specification fixes for the block device (5.2): feature bits,
 * the fields of its config space, and the first and last part of a request. The data lies
 * between the two. Fields are little-endian; in the CPU's order on a legacy device.
 */
#ifndef DRIVERS_VIRTIO_WIRE_BLK_H
#define DRIVERS_VIRTIO_WIRE_BLK_H

#include "lib/byteorder.h"

/* 5.2.3 Feature bits: bit numbers. */
#define VIRTIO_BLK_F_BARRIER	  0 /* legacy */
#define VIRTIO_BLK_F_SIZE_MAX	  1
#define VIRTIO_BLK_F_SEG_MAX	  2
#define VIRTIO_BLK_F_GEOMETRY	  4
#define VIRTIO_BLK_F_RO		  5
#define VIRTIO_BLK_F_BLK_SIZE	  6
#define VIRTIO_BLK_F_SCSI	  7 /* legacy */
#define VIRTIO_BLK_F_FLUSH	  9
#define VIRTIO_BLK_F_TOPOLOGY	  10
#define VIRTIO_BLK_F_CONFIG_WCE	  11
#define VIRTIO_BLK_F_MQ		  12
#define VIRTIO_BLK_F_DISCARD	  13
#define VIRTIO_BLK_F_WRITE_ZEROES 14
#define VIRTIO_BLK_F_LIFETIME	  15
#define VIRTIO_BLK_F_SECURE_ERASE 16
#define VIRTIO_BLK_F_ZONED	  17

/* 5.2.4 Device configuration layout: offset and width of each field that we read. */
#define VIRTIO_BLK_CONFIG_CAPACITY	     0	/* 64 bits, in sectors of 512 bytes */
#define VIRTIO_BLK_CONFIG_SIZE_MAX	     8	/* 32, bytes */
#define VIRTIO_BLK_CONFIG_SEG_MAX	     12 /* 32 */
#define VIRTIO_BLK_CONFIG_CYLINDERS	     16 /* 16 */
#define VIRTIO_BLK_CONFIG_HEADS		     18 /* 8 */
#define VIRTIO_BLK_CONFIG_SECTORS	     19 /* 8 */
#define VIRTIO_BLK_CONFIG_BLK_SIZE	     20 /* 32, bytes */
#define VIRTIO_BLK_CONFIG_PHYSICAL_BLOCK_EXP 24 /* 8, log2 of blocks */
#define VIRTIO_BLK_CONFIG_ALIGNMENT_OFFSET   25 /* 8, blocks */
#define VIRTIO_BLK_CONFIG_MIN_IO_SIZE	     26 /* 16, blocks */
#define VIRTIO_BLK_CONFIG_OPT_IO_SIZE	     28 /* 32, blocks */
#define VIRTIO_BLK_CONFIG_WRITEBACK	     32 /* 8 */
#define VIRTIO_BLK_CONFIG_NUM_QUEUES	     34 /* 16 */
#define VIRTIO_BLK_CONFIG_MAX_DISCARD	     36 /* 32, sectors */
#define VIRTIO_BLK_CONFIG_MAX_DISCARD_SEG    40 /* 32, ranges of a request */
#define VIRTIO_BLK_CONFIG_DISCARD_ALIGNMENT  44 /* 32, sectors */
#define VIRTIO_BLK_CONFIG_MAX_ZEROES	     48 /* 32, sectors */
#define VIRTIO_BLK_CONFIG_MAX_ZEROES_SEG     52 /* 32, ranges of a request */
#define VIRTIO_BLK_CONFIG_ZEROES_MAY_UNMAP   56 /* 8 */
#define VIRTIO_BLK_CONFIG_ZONED_MODEL	     92 /* 8 */

#define VIRTIO_BLK_Z_HM 1u /* zones that only take writes in their order */

/* 5.2.6 Device Operation: the type of a request. */
#define VIRTIO_BLK_T_IN		  0u
#define VIRTIO_BLK_T_OUT	  1u
#define VIRTIO_BLK_T_FLUSH	  4u
#define VIRTIO_BLK_T_GET_ID	  8u
#define VIRTIO_BLK_T_DISCARD	  11u
#define VIRTIO_BLK_T_WRITE_ZEROES 13u

/* The status byte. */
#define VIRTIO_BLK_S_OK	    0u
#define VIRTIO_BLK_S_IOERR  1u
#define VIRTIO_BLK_S_UNSUPP 2u

/* The device-readable head of a request. */
struct virtio_blk_outhdr {
	__le32 type;
	__le32 reserved;
	__le64 sector; /* 0 unless the request reads or writes */
};

/* The data of a request that discards or writes zeroes: ranges, of which we send one. */
struct virtio_blk_discard_write_zeroes {
	__le64 sector;
	__le32 num_sectors;
	__le32 flags;
};

#define VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP 1u

#endif
