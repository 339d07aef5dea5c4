/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue between its driver's side and the reference device, and random operations on both
 * ends of it, each checked against a model that is simple enough to be believed: which buffers
 * are where, and in which order they come back. What disagrees is recorded as a violation.
 * Needs no cmocka, so that it also runs where there is none (bigendian.c).
 */
#ifndef TESTS_UNIT_VQ_MODEL_H
#define TESTS_UNIT_VQ_MODEL_H

#include "tests/device/refdev.h"
#include "virtio/virtio.h"

enum vq_memory {
	VQ_DIRECT,    /* the device sees the CPU's addresses: the queue's short ways */
	VQ_MAPPED,    /* a DMA address space of its own */
	VQ_PREMAPPED, /* the same, and the driver maps */
};

struct vq_case {
	uint64_t features; /* without VERSION_1, which follows from legacy */
	bool legacy;
	enum vq_memory memory;
	unsigned int num;
	unsigned int direct_max; /* 0: as it is */
	unsigned int max_pieces; /* of a buffer, to begin with; 0: 8 */
};

/* Makes a queue as @c says. Returns false where that fails. */
bool vq_model_make(const struct vq_case *c, uint32_t seed);

/* Does @steps random operations; ends early at a violation. */
void vq_model_run(unsigned int steps);

/* Sends @rounds bursts of one-entry buffers through, without much between them. */
void vq_model_turn(unsigned int rounds);

/* Takes everything back, fills the ring completely, empties it, and looks that all of it is free again. */
void vq_model_fill(void);

/* Takes everything back and frees the queue. */
void vq_model_end(void);

/* "packed event_idx ..., num 16": for messages. */
const char *vq_model_name(void);

/* Operations done since the program began. */
unsigned long vq_model_operations(void);

/* The two ends, for tests of their own. */
struct virtqueue *vq_model_vq(void);
struct refdev_queue *vq_model_device(void);

#endif
