/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: the messages between a vhost-user front-end (us) and its back-end (the process that has the
 * device), over a stream socket of one machine: all fields are in the CPU's byte order. A message is a
 * header and a payload of the size that the header says; file descriptors travel beside it.
 */
#ifndef VIRTIO_WIRE_VHOST_USER_H
#define VIRTIO_WIRE_VHOST_USER_H

#include <stdint.h>
#include "lib/util.h"

/* Requests of the front-end. */
#define VHOST_USER_GET_FEATURES		 1u
#define VHOST_USER_SET_FEATURES		 2u
#define VHOST_USER_SET_OWNER		 3u
#define VHOST_USER_SET_MEM_TABLE	 5u
#define VHOST_USER_SET_VRING_NUM	 8u
#define VHOST_USER_SET_VRING_ADDR	 9u
#define VHOST_USER_SET_VRING_BASE	 10u
#define VHOST_USER_GET_VRING_BASE	 11u
#define VHOST_USER_SET_VRING_KICK	 12u
#define VHOST_USER_SET_VRING_CALL	 13u
#define VHOST_USER_SET_VRING_ERR	 14u
#define VHOST_USER_GET_PROTOCOL_FEATURES 15u
#define VHOST_USER_SET_PROTOCOL_FEATURES 16u
#define VHOST_USER_GET_QUEUE_NUM	 17u
#define VHOST_USER_SET_VRING_ENABLE	 18u
#define VHOST_USER_SET_BACKEND_REQ_FD	 21u
#define VHOST_USER_GET_CONFIG		 24u
#define VHOST_USER_SET_CONFIG		 25u
#define VHOST_USER_GET_INFLIGHT_FD	 31u
#define VHOST_USER_SET_INFLIGHT_FD	 32u
#define VHOST_USER_RESET_DEVICE		 34u
#define VHOST_USER_SET_STATUS		 39u
#define VHOST_USER_GET_STATUS		 40u

/* Requests of the back-end, on a channel of its own. */
#define VHOST_USER_BACKEND_CONFIG_CHANGE 2u

/* Header flags: the low two bits are the version. */
#define VHOST_USER_VERSION_MASK 0x3u
#define VHOST_USER_VERSION	0x1u
#define VHOST_USER_REPLY	0x4u
#define VHOST_USER_NEED_REPLY	0x8u

/* A feature bit that no device has: the back-end knows protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
/* Another one, for migration. */
#define VHOST_F_LOG_ALL 26

/* Protocol features: bit numbers. */
#define VHOST_USER_PROTOCOL_F_MQ	   0
#define VHOST_USER_PROTOCOL_F_REPLY_ACK	   3
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ  5
#define VHOST_USER_PROTOCOL_F_CONFIG	   9
#define VHOST_USER_PROTOCOL_F_INFLIGHT	   12
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE 13
#define VHOST_USER_PROTOCOL_F_STATUS	   16

#define VHOST_USER_REGIONS_MAX 8u
#define VHOST_USER_CONFIG_MAX  256u
#define VHOST_USER_FDS_MAX     8u

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc, used, avail; /* in our own address space */
	uint64_t log;
};

struct vhost_user_region {
	uint64_t guest_addr; /* as descriptors name it */
	uint64_t size;
	uint64_t user_addr; /* as struct vhost_user_vring_addr names it */
	uint64_t offset;    /* in the file */
};

struct vhost_user_memory {
	uint32_t count;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_REGIONS_MAX];
};

struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags; /* 0: a write by the driver */
	uint8_t data[VHOST_USER_CONFIG_MAX];
};

struct vhost_user_inflight {
	uint64_t size, offset; /* in the file */
	uint16_t queues;
	uint16_t queue_size;
} __packed;

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_memory memory;
	struct vhost_user_config config;
	struct vhost_user_inflight inflight;
} __attribute__((packed, aligned(4)));

struct vhost_user_message {
	struct vhost_user_header header;
	union vhost_user_payload payload;
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct vhost_user_header) == 12, "no padding");
_Static_assert(sizeof(struct vhost_user_vring_addr) == 40, "no padding");
_Static_assert(sizeof(struct vhost_user_inflight) == 20, "no padding");

#endif
