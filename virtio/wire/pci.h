/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: virtio over PCI (VIRTIO 1.4, 4.1): how a function is recognised, the vendor capabilities
 * that say where its structures lie, the common configuration structure, and the header of the
 * legacy interface (4.1.4.10). All is little-endian but the legacy device's own config fields.
 */
#ifndef VIRTIO_WIRE_PCI_H
#define VIRTIO_WIRE_PCI_H

#define VIRTIO_PCI_VENDOR	      0x1af4u
#define VIRTIO_PCI_TRANSITIONAL_FIRST 0x1000u
#define VIRTIO_PCI_TRANSITIONAL_LAST  0x103fu
#define VIRTIO_PCI_MODERN_FIRST	      0x1040u /* and the device's id */
#define VIRTIO_PCI_MODERN_LAST	      0x107fu

/* PCI's own configuration space, as far as it is looked at here. */
#define PCI_CFG_ID		0x00u /* vendor, device */
#define PCI_CFG_STATUS		0x06u
#define PCI_CFG_STATUS_CAP_LIST 0x10u
#define PCI_CFG_SUBSYSTEM	0x2eu
#define PCI_CFG_CAP_POINTER	0x34u
#define PCI_CFG_CAP_FIRST	0x40u /* where capabilities may begin */
#define PCI_CFG_END		0x100u
#define PCI_CAP_VENDOR		0x09u
#define PCI_BARS		6u

/* 4.1.4: cfg_type. Others are reserved. */
#define VIRTIO_PCI_CAP_COMMON 1u
#define VIRTIO_PCI_CAP_NOTIFY 2u
#define VIRTIO_PCI_CAP_ISR    3u
#define VIRTIO_PCI_CAP_DEVICE 4u
#define VIRTIO_PCI_CAP_PCI    5u
#define VIRTIO_PCI_CAP_SHARED 8u
#define VIRTIO_PCI_CAP_VENDOR 9u

/* The capability's fields, in 32-bit words from its begin. */
#define VIRTIO_PCI_CAP_WORD_HEAD       0u /* cap id, next, cap_len, cfg_type */
#define VIRTIO_PCI_CAP_WORD_BAR	       1u /* bar, id, padding */
#define VIRTIO_PCI_CAP_WORD_OFFSET     2u
#define VIRTIO_PCI_CAP_WORD_LENGTH     3u
#define VIRTIO_PCI_CAP_WORD_MULTIPLIER 4u /* notify */
#define VIRTIO_PCI_CAP_WORD_OFFSET_HI  4u /* shared memory */
#define VIRTIO_PCI_CAP_WORD_LENGTH_HI  5u
#define VIRTIO_PCI_CAP_BYTES	       16u
#define VIRTIO_PCI_CAP_NOTIFY_BYTES    20u
#define VIRTIO_PCI_CAP_SHARED_BYTES    24u

/* 4.1.4.3: the common configuration structure; the width of each field in bits. */
#define VIRTIO_PCI_DEVICE_FEATURE_SELECT 0x00u /* 32 */
#define VIRTIO_PCI_DEVICE_FEATURE	 0x04u /* 32 */
#define VIRTIO_PCI_DRIVER_FEATURE_SELECT 0x08u /* 32 */
#define VIRTIO_PCI_DRIVER_FEATURE	 0x0cu /* 32 */
#define VIRTIO_PCI_CONFIG_VECTOR	 0x10u /* 16 */
#define VIRTIO_PCI_NUM_QUEUES		 0x12u /* 16 */
#define VIRTIO_PCI_STATUS		 0x14u /* 8 */
#define VIRTIO_PCI_GENERATION		 0x15u /* 8 */
#define VIRTIO_PCI_QUEUE_SELECT		 0x16u /* 16 */
#define VIRTIO_PCI_QUEUE_SIZE		 0x18u /* 16 */
#define VIRTIO_PCI_QUEUE_VECTOR		 0x1au /* 16 */
#define VIRTIO_PCI_QUEUE_ENABLE		 0x1cu /* 16 */
#define VIRTIO_PCI_QUEUE_NOTIFY_OFF	 0x1eu /* 16 */
#define VIRTIO_PCI_QUEUE_DESC		 0x20u /* 64 */
#define VIRTIO_PCI_QUEUE_DRIVER		 0x28u /* 64 */
#define VIRTIO_PCI_QUEUE_DEVICE		 0x30u /* 64 */
#define VIRTIO_PCI_COMMON_BYTES		 0x38u /* a device of VIRTIO 1.0 ends here */
#define VIRTIO_PCI_QUEUE_RESET		 0x3au /* 16 */
#define VIRTIO_PCI_COMMON_RESET_BYTES	 0x3cu

#define VIRTIO_PCI_NO_VECTOR   0xffffu
#define VIRTIO_PCI_VECTORS_MAX 0x800u /* of an MSI-X table */

/* 4.1.4.5: what is read from the ISR status. */
#define VIRTIO_PCI_ISR_QUEUE  0x1u
#define VIRTIO_PCI_ISR_CONFIG 0x2u

/* 4.1.4.10: the legacy header, at the begin of BAR 0. */
#define VIRTIO_PCI_LEGACY_DEVICE_FEATURES 0x00u /* 32 */
#define VIRTIO_PCI_LEGACY_DRIVER_FEATURES 0x04u /* 32 */
#define VIRTIO_PCI_LEGACY_QUEUE_PFN	  0x08u /* 32 */
#define VIRTIO_PCI_LEGACY_QUEUE_SIZE	  0x0cu /* 16 */
#define VIRTIO_PCI_LEGACY_QUEUE_SELECT	  0x0eu /* 16 */
#define VIRTIO_PCI_LEGACY_QUEUE_NOTIFY	  0x10u /* 16 */
#define VIRTIO_PCI_LEGACY_STATUS	  0x12u /* 8 */
#define VIRTIO_PCI_LEGACY_ISR		  0x13u /* 8 */
#define VIRTIO_PCI_LEGACY_CONFIG	  0x14u /* without MSI-X */
#define VIRTIO_PCI_LEGACY_CONFIG_VECTOR	  0x14u /* 16, with MSI-X */
#define VIRTIO_PCI_LEGACY_QUEUE_VECTOR	  0x16u /* 16, with MSI-X */
#define VIRTIO_PCI_LEGACY_CONFIG_MSIX	  0x18u /* with MSI-X */

#endif
