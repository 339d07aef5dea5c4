/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a build of the library may leave out to be small, besides whole drivers and transports: -DVIREO_...=0. All of
 * it is in by default. Devices see no difference but in the features that they are asked for.
 */
#ifndef VIRTIO_OPTIONS_H
#define VIRTIO_OPTIONS_H

/* packed rings; without them devices use split ones, which all can */
#ifndef VIREO_PACKED
#define VIREO_PACKED 1
#endif

/* a second, shorter way through the rings for ordinary buffers: 6 KiB, and twice as fast */
#ifndef VIREO_SHORT_WAYS
#define VIREO_SHORT_WAYS 1
#endif

/* messages: without them port_log() is never called, and errors are numbers alone */
#ifndef VIREO_MESSAGES
#define VIREO_MESSAGES 1
#endif

#endif
