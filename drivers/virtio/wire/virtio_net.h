/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: the network device (VIRTIO 1.4, 5.1): its queues, the feature bits and fields of
 * the configuration space that concern a driver without offloads, and the header in front of
 * every frame. Multi-byte fields are little-endian, or the guest's own order on a legacy device.
 */
#ifndef DRIVERS_VIRTIO_WIRE_NET_H
#define DRIVERS_VIRTIO_WIRE_NET_H

#include "lib/byteorder.h"

/* 5.1.2: queues of the first pair, the only one without MQ. */
#define VIRTIO_NET_VQ_RX 0u
#define VIRTIO_NET_VQ_TX 1u

/* 5.1.3: feature bit numbers. */
#define VIRTIO_NET_F_MTU       3
#define VIRTIO_NET_F_MAC       5
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS    16

/* 5.1.4: offsets in the configuration space. */
#define VIRTIO_NET_CONFIG_MAC	 0u  /* 6 bytes */
#define VIRTIO_NET_CONFIG_STATUS 6u  /* 16 bits, with STATUS */
#define VIRTIO_NET_CONFIG_MTU	 10u /* 16 bits, with MTU */

#define VIRTIO_NET_S_LINK_UP 0x1u

/* The range in which a device may say its MTU lies (5.1.4.1). */
#define VIRTIO_NET_MTU_MIN 68u

#define VIRTIO_NET_HDR_GSO_NONE 0u

/* 5.1.9: in front of every frame in both directions. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	__le16 hdr_len;
	__le16 gso_size;
	__le16 csum_start;
	__le16 csum_offset;
	__le16 num_buffers; /* absent on a legacy device without MRG_RXBUF (5.1.9.1) */
};

#define VIRTIO_NET_HDR_LEN	  12u
#define VIRTIO_NET_HDR_LEN_LEGACY 10u

_Static_assert(sizeof(struct virtio_net_hdr) == VIRTIO_NET_HDR_LEN, "virtio_net_hdr");

/* 5.1.9.3.1: the least that a receive buffer should hold, header included. */
#define VIRTIO_NET_RX_BUF_MIN 1526u

#endif
