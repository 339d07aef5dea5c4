/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire formats: the split virtqueue (VIRTIO 1.4, 2.7), with the alignment and placement of the
 * legacy one (2.7.2), and the packed virtqueue (2.8). Fields are little-endian, or the guest's own
 * order on a legacy device.
 */
#ifndef VIRTIO_WIRE_RING_H
#define VIRTIO_WIRE_RING_H

#include "lib/byteorder.h"

#define VRING_DESC_F_NEXT     1u
#define VRING_DESC_F_WRITE    2u
#define VRING_DESC_F_INDIRECT 4u

#define VRING_AVAIL_F_NO_INTERRUPT 1u
#define VRING_USED_F_NO_NOTIFY	   1u

#define VRING_DESC_ALIGN  16u
#define VRING_AVAIL_ALIGN 2u
#define VRING_USED_ALIGN  4u

#define VRING_SIZE_MAX 32768u

/* 2.7.5: one piece of a buffer. */
struct vring_desc {
	__le64 addr;
	__le32 len;
	__le16 flags;
	__le16 next;
};

/* 2.7.6: written by the driver. used_event follows ring[] (with VIRTIO_F_EVENT_IDX). */
struct vring_avail {
	__le16 flags;
	__le16 idx;
	__le16 ring[];
};

/* 2.7.8: the head of a chain that the device has finished, and the bytes it wrote. */
struct vring_used_elem {
	__le32 id;
	__le32 len;
};

/* 2.7.8: written by the device. avail_event follows ring[] (with VIRTIO_F_EVENT_IDX). */
struct vring_used {
	__le16 flags;
	__le16 idx;
	struct vring_used_elem ring[];
};

/* 2.8.1: the round in which a descriptor was made available, and used. */
#define VRING_PACKED_DESC_F_AVAIL (1u << 7)
#define VRING_PACKED_DESC_F_USED  (1u << 15)

/* 2.8.10: what the flags of an event suppression structure say. */
#define VRING_PACKED_EVENT_FLAG_ENABLE	0u
#define VRING_PACKED_EVENT_FLAG_DISABLE 1u
#define VRING_PACKED_EVENT_FLAG_DESC	2u
#define VRING_PACKED_EVENT_F_WRAP	(1u << 15) /* in off_wrap */

/* 2.8.13: one piece of a buffer, and in the same place the buffer's return. */
struct vring_packed_desc {
	__le64 addr;
	__le32 len;
	__le16 id;
	__le16 flags;
};

/* 2.8.14: written by one side to say when it wants to be told. */
struct vring_packed_event {
	union {
		struct {
			__le16 off_wrap;
			__le16 flags;
		};
		__le32 both; /* for one access to the two */
	};
};

#endif
