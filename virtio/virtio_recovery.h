/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio.c (the bus, and the initialisation of a device) and virtio_recovery.c (the same once
 * more, after a failure) have of each other. Nobody else includes this. All in thread context.
 */
#ifndef VIRTIO_VIRTIO_RECOVERY_H
#define VIRTIO_VIRTIO_RECOVERY_H

#include "virtio/virtio.h"

/* --- virtio_recovery.c -------------------------------------------------------------------- */

void virtio_recovery_init(struct virtio_device *vdev);

/* Keeps recovery away from @vdev while it is probed or removed, after it has ended one that is under
 * way. */
void virtio_recovery_begin(struct virtio_device *vdev);

/* Lets it in again; @live: what has failed meanwhile is to recover, else it is forgotten. */
void virtio_recovery_end(struct virtio_device *vdev, bool live);

/* --- virtio.c ------------------------------------------------------------------------------ */

/* After a reset: ACKNOWLEDGE, DRIVER, and the features that were agreed on before. Returns 0 or -ENODEV
 * (it no longer offers or accepts them). */
int virtio_renegotiate(struct virtio_device *vdev);

/* Sets FAILED, unless the device does not answer at all. */
void virtio_mark_failed(struct virtio_device *vdev);

#endif
