/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: what the VIRTIO 1.4 specification fixes for the IOMMU device (5.13): feature bits, config
 * space, requests with their answers, the properties of an endpoint, and the report of a fault.
 * Fields are little-endian. A range's end is the last address in it.
 */
#ifndef DRIVERS_VIRTIO_WIRE_IOMMU_H
#define DRIVERS_VIRTIO_WIRE_IOMMU_H

#include "lib/byteorder.h"

/* 5.13.3 Feature bits: bit numbers. */
#define VIRTIO_IOMMU_F_INPUT_RANGE   0
#define VIRTIO_IOMMU_F_DOMAIN_RANGE  1
#define VIRTIO_IOMMU_F_MAP_UNMAP     2
#define VIRTIO_IOMMU_F_BYPASS	     3 /* what nobody attached reaches all: never accepted */
#define VIRTIO_IOMMU_F_PROBE	     4
#define VIRTIO_IOMMU_F_MMIO	     5
#define VIRTIO_IOMMU_F_BYPASS_CONFIG 6

/* 5.13.4 Device configuration layout: offset and width of each field. */
#define VIRTIO_IOMMU_CONFIG_PAGE_SIZE_MASK 0  /* 64 bits */
#define VIRTIO_IOMMU_CONFIG_INPUT_START	   8  /* 64 */
#define VIRTIO_IOMMU_CONFIG_INPUT_END	   16 /* 64 */
#define VIRTIO_IOMMU_CONFIG_DOMAIN_START   24 /* 32 */
#define VIRTIO_IOMMU_CONFIG_DOMAIN_END	   28 /* 32 */
#define VIRTIO_IOMMU_CONFIG_PROBE_SIZE	   32 /* 32, bytes */
#define VIRTIO_IOMMU_CONFIG_BYPASS	   36 /* 8, of which bit 0 counts */

/* 5.13.6 Device operations: the type of a request. */
#define VIRTIO_IOMMU_T_ATTACH 1u
#define VIRTIO_IOMMU_T_DETACH 2u
#define VIRTIO_IOMMU_T_MAP    3u
#define VIRTIO_IOMMU_T_UNMAP  4u
#define VIRTIO_IOMMU_T_PROBE  5u

/* The status of an answer. */
#define VIRTIO_IOMMU_S_OK     0u
#define VIRTIO_IOMMU_S_IOERR  1u
#define VIRTIO_IOMMU_S_UNSUPP 2u
#define VIRTIO_IOMMU_S_DEVERR 3u
#define VIRTIO_IOMMU_S_INVAL  4u
#define VIRTIO_IOMMU_S_RANGE  5u
#define VIRTIO_IOMMU_S_NOENT  6u
#define VIRTIO_IOMMU_S_FAULT  7u
#define VIRTIO_IOMMU_S_NOMEM  8u

/* No padding behind a structure whose last field is narrower than its widest. */
#define VIRTIO_IOMMU_PACKED __attribute__((packed, aligned(4)))

struct virtio_iommu_req_head {
	uint8_t type;
	uint8_t reserved[3];
};

struct virtio_iommu_req_tail {
	uint8_t status;
	uint8_t reserved[3];
};

/* The device-readable parts. */
#define VIRTIO_IOMMU_ATTACH_F_BYPASS 0x1u /* the domain lets all through as it is */

struct virtio_iommu_req_attach {
	struct virtio_iommu_req_head head;
	__le32 domain;
	__le32 endpoint;
	__le32 flags;
	uint8_t reserved[4];
};

struct virtio_iommu_req_detach {
	struct virtio_iommu_req_head head;
	__le32 domain;
	__le32 endpoint;
	uint8_t reserved[8];
};

#define VIRTIO_IOMMU_MAP_F_READ	 0x1u
#define VIRTIO_IOMMU_MAP_F_WRITE 0x2u
#define VIRTIO_IOMMU_MAP_F_MMIO	 0x4u

struct virtio_iommu_req_map {
	struct virtio_iommu_req_head head;
	__le32 domain;
	__le64 virt_start;
	__le64 virt_end;
	__le64 phys_start;
	__le32 flags;
} VIRTIO_IOMMU_PACKED;

struct virtio_iommu_req_unmap {
	struct virtio_iommu_req_head head;
	__le32 domain;
	__le64 virt_start;
	__le64 virt_end;
	uint8_t reserved[4];
} VIRTIO_IOMMU_PACKED;

struct virtio_iommu_req_probe {
	struct virtio_iommu_req_head head;
	__le32 endpoint;
	uint8_t reserved[64];
};

/* 5.13.6.7 PROBE: the answer is a list of properties in probe_size bytes, then the tail. */
#define VIRTIO_IOMMU_PROBE_T_NONE     0u
#define VIRTIO_IOMMU_PROBE_T_RESV_MEM 1u

struct virtio_iommu_probe_property {
	__le16 type; /* 12 bits; the four above them are reserved */
	__le16 length;
};

#define VIRTIO_IOMMU_RESV_MEM_T_RESERVED 0u
#define VIRTIO_IOMMU_RESV_MEM_T_MSI	 1u

struct virtio_iommu_probe_resv_mem {
	struct virtio_iommu_probe_property head;
	uint8_t subtype;
	uint8_t reserved[3];
	__le64 start;
	__le64 end;
};

/* 5.13.6.9 Fault reporting. */
#define VIRTIO_IOMMU_FAULT_R_UNKNOWN 0u
#define VIRTIO_IOMMU_FAULT_R_DOMAIN  1u
#define VIRTIO_IOMMU_FAULT_R_MAPPING 2u

#define VIRTIO_IOMMU_FAULT_F_READ    0x1u
#define VIRTIO_IOMMU_FAULT_F_WRITE   0x2u
#define VIRTIO_IOMMU_FAULT_F_ADDRESS 0x100u

struct virtio_iommu_fault {
	uint8_t reason;
	uint8_t reserved[3];
	__le32 flags;
	__le32 endpoint;
	uint8_t reserved1[4];
	__le64 address;
};

#endif
