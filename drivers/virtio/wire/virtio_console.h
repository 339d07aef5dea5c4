/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire format: the console device (VIRTIO 1.4, 5.3), as far as port 0 goes. Data has no header:
 * the bytes of a buffer are the characters. Configuration fields are little-endian, or the
 * guest's own order on a legacy device.
 */
#ifndef DRIVERS_VIRTIO_WIRE_CONSOLE_H
#define DRIVERS_VIRTIO_WIRE_CONSOLE_H

/* 5.3.2: the queues of port 0. */
#define VIRTIO_CONSOLE_VQ_RX 0u
#define VIRTIO_CONSOLE_VQ_TX 1u

/* 5.3.3: feature bit numbers. */
#define VIRTIO_CONSOLE_F_SIZE	     0
#define VIRTIO_CONSOLE_F_MULTIPORT   1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

/* 5.3.4: offsets in the configuration space. */
#define VIRTIO_CONSOLE_CONFIG_COLS	   0u /* 16 bits, with SIZE */
#define VIRTIO_CONSOLE_CONFIG_ROWS	   2u /* 16 bits, with SIZE */
#define VIRTIO_CONSOLE_CONFIG_MAX_NR_PORTS 4u /* 32 bits, with MULTIPORT */
#define VIRTIO_CONSOLE_CONFIG_EMERG_WR	   8u /* 32 bits, with EMERG_WRITE */

#endif
