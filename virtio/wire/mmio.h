/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: the register block of virtio over MMIO (VIRTIO 1.4, 4.2.2), and of its legacy
 * interface (4.2.4). All registers are 32 bits wide and little-endian; the configuration space
 * that follows is accessed in the width of its fields.
 */
#ifndef VIRTIO_WIRE_MMIO_H
#define VIRTIO_WIRE_MMIO_H

#define VIRTIO_MMIO_MAGIC 0x74726976u /* "virt" */

#define VIRTIO_MMIO_MAGIC_VALUE		0x000u
#define VIRTIO_MMIO_VERSION		0x004u /* 1: legacy, 2: modern */
#define VIRTIO_MMIO_DEVICE_ID		0x008u /* 0: an empty slot */
#define VIRTIO_MMIO_VENDOR_ID		0x00cu
#define VIRTIO_MMIO_DEVICE_FEATURES	0x010u
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL 0x014u
#define VIRTIO_MMIO_DRIVER_FEATURES	0x020u
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL 0x024u
#define VIRTIO_MMIO_QUEUE_SEL		0x030u
#define VIRTIO_MMIO_QUEUE_SIZE_MAX	0x034u
#define VIRTIO_MMIO_QUEUE_SIZE		0x038u
#define VIRTIO_MMIO_QUEUE_READY		0x044u
#define VIRTIO_MMIO_QUEUE_NOTIFY	0x050u
#define VIRTIO_MMIO_INTERRUPT_STATUS	0x060u
#define VIRTIO_MMIO_INTERRUPT_ACK	0x064u
#define VIRTIO_MMIO_STATUS		0x070u
#define VIRTIO_MMIO_QUEUE_DESC_LOW	0x080u
#define VIRTIO_MMIO_QUEUE_DESC_HIGH	0x084u
#define VIRTIO_MMIO_QUEUE_DRIVER_LOW	0x090u
#define VIRTIO_MMIO_QUEUE_DRIVER_HIGH	0x094u
#define VIRTIO_MMIO_QUEUE_DEVICE_LOW	0x0a0u
#define VIRTIO_MMIO_QUEUE_DEVICE_HIGH	0x0a4u
#define VIRTIO_MMIO_QUEUE_RESET		0x0c0u
#define VIRTIO_MMIO_CONFIG_GENERATION	0x0fcu
#define VIRTIO_MMIO_CONFIG		0x100u

/* Legacy only (4.2.4). */
#define VIRTIO_MMIO_LEGACY_GUEST_PAGE_SIZE 0x028u
#define VIRTIO_MMIO_LEGACY_QUEUE_ALIGN	   0x03cu
#define VIRTIO_MMIO_LEGACY_QUEUE_PFN	   0x040u

#define VIRTIO_MMIO_INT_VRING  0x1u
#define VIRTIO_MMIO_INT_CONFIG 0x2u

#endif
