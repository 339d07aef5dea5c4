/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: what the VIRTIO 1.4 specification fixes for every device: status bits
 * (2.1), reserved feature bits (6), device ids (5).
 */
#ifndef VIRTIO_WIRE_VIRTIO_H
#define VIRTIO_WIRE_VIRTIO_H

/* 2.1 Device Status Field */
#define VIRTIO_CONFIG_S_ACKNOWLEDGE 0x01u
#define VIRTIO_CONFIG_S_DRIVER	    0x02u
#define VIRTIO_CONFIG_S_DRIVER_OK   0x04u
#define VIRTIO_CONFIG_S_FEATURES_OK 0x08u
#define VIRTIO_CONFIG_S_SUSPEND	    0x10u
#define VIRTIO_CONFIG_S_NEEDS_RESET 0x40u
#define VIRTIO_CONFIG_S_FAILED	    0x80u

/* 6 Reserved Feature Bits: bit numbers. 24 to 42 belong to the transport and the queues. */
#define VIRTIO_F_NOTIFY_ON_EMPTY   24 /* legacy */
#define VIRTIO_F_ANY_LAYOUT	   27 /* legacy */
#define VIRTIO_F_INDIRECT_DESC	   28
#define VIRTIO_F_EVENT_IDX	   29
#define VIRTIO_F_VERSION_1	   32
#define VIRTIO_F_ACCESS_PLATFORM   33
#define VIRTIO_F_RING_PACKED	   34
#define VIRTIO_F_IN_ORDER	   35
#define VIRTIO_F_ORDER_PLATFORM	   36
#define VIRTIO_F_SR_IOV		   37
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#define VIRTIO_F_RING_RESET	   40
#define VIRTIO_F_ADMIN_VQ	   41

#define VIRTIO_TRANSPORT_F_START 24
#define VIRTIO_TRANSPORT_F_END	 50

/* 5 Device Types */
#define VIRTIO_ID_NET	  1
#define VIRTIO_ID_BLOCK	  2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG	  4
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_ID_SCSI	  8
#define VIRTIO_ID_9P	  9
#define VIRTIO_ID_GPU	  16
#define VIRTIO_ID_INPUT	  18
#define VIRTIO_ID_VSOCK	  19
#define VIRTIO_ID_CRYPTO  20
#define VIRTIO_ID_IOMMU	  23
#define VIRTIO_ID_MEM	  24
#define VIRTIO_ID_SOUND	  25
#define VIRTIO_ID_FS	  26
#define VIRTIO_ID_PMEM	  27

#endif
