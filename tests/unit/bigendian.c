/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queues on a big-endian CPU: little-endian rings of both formats, and the legacy ring in the
 * guest's own order, under the random operations of vq_model.c. Built for s390x, run by qemu-user,
 * where cmocka is not to be had: so this prints its results itself, in the same form (TAP).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/device/dma_test.h"
#include "tests/device/violation.h"
#include "tests/unit/vq_model.h"
#include "virtio/port.h"
#include "virtio/wire/ring.h"

#if __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
#error "this is for big-endian CPUs"
#endif

/* --- the port ------------------------------------------------------------------------------- */

void *port_alloc(size_t size)
{
	return calloc(1, size);
}

void port_free(void *ptr)
{
	free(ptr);
}

bool port_device_enter(struct virtio_device *vdev)
{
	(void)vdev;
	return true;
}

void port_device_leave(struct virtio_device *vdev)
{
	(void)vdev;
}

void port_log(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

/* A broken queue asks for its device's recovery: here it is an error, and there is no device. */
void virtio_needs_recovery(struct virtio_device *vdev, int error)
{
	violation("%s needs recovery: %d", vdev->dev.name, error);
}

/* --- tests ---------------------------------------------------------------------------------- */

static unsigned int number, failed;

static void result(const char *name)
{
	bool ok = violation_count() == 0;

	number++;
	failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", number, name);
	violation_reset();
}

static void run(uint64_t features, bool legacy, enum vq_memory memory)
{
	static const unsigned int sizes[] = {4, 32, 256};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && !violation_count(); i++) {
		struct vq_case c = {
			.features = features,
			.legacy = legacy,
			.memory = memory,
			.num = sizes[i],
		};

		if (!vq_model_make(&c, 17 + i)) {
			violation("no queue of %u", sizes[i]);
			return;
		}
		vq_model_run(20000);
		vq_model_fill();
		vq_model_end();
	}
}

/* With indirect tables and event index, and without. */
static void agrees(const char *name, uint64_t features, bool legacy)
{
	uint64_t more = BIT_ULL(VIRTIO_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_F_EVENT_IDX);

	run(features, legacy, VQ_DIRECT);
	run(features | more, legacy, VQ_DIRECT);
	run(features, legacy, VQ_MAPPED);
	run(features | more, legacy, VQ_MAPPED);
	result(name);
}

/* The bytes in memory themselves: what a descriptor of 0x11223344 bytes looks like. */
static void bytes_lie_as_specified(const char *name, uint64_t features, bool legacy)
{
	struct vq_case c = {.features = features, .legacy = legacy, .num = 4};
	static const uint8_t little[] = {0x44, 0x33, 0x22, 0x11}, big[] = {0x11, 0x22, 0x33, 0x44};
	struct scatterlist sg = {.addr = &c, .length = 0x11223344, .last = true};
	const uint8_t *desc;

	if (!vq_model_make(&c, 1) ||
	    virtqueue_add_inbuf(vq_model_vq(), &sg, 1, &sg, GFP_ATOMIC) != 0 ||
	    !virtqueue_kick_prepare(vq_model_vq())) {
		violation("no queue, or no room in it");
	} else {
		desc = (const uint8_t *)(uintptr_t)virtqueue_get_desc_addr(vq_model_vq());
		if (memcmp(desc + 8, legacy ? big : little, 4) != 0)
			violation("length %02x %02x %02x %02x", desc[8], desc[9], desc[10],
				  desc[11]);
		(void)virtqueue_detach_unused_buf(vq_model_vq());
		vq_model_end();
	}
	result(name);
}

int main(void)
{
	const uint64_t packed = BIT_ULL(VIRTIO_F_RING_PACKED);
	const uint64_t all = BIT_ULL(VIRTIO_F_IN_ORDER) | BIT_ULL(VIRTIO_F_NOTIFICATION_DATA) |
			     BIT_ULL(VIRTIO_F_RING_RESET);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..8\n");
	bytes_lie_as_specified("split: descriptors are little-endian", 0, false);
	bytes_lie_as_specified("split, legacy: descriptors are big-endian", 0, true);
	bytes_lie_as_specified("packed: descriptors are little-endian", packed, false);
	agrees("split agrees with the model", 0, false);
	agrees("split, legacy, agrees with the model", 0, true);
	agrees("packed agrees with the model", packed, false);
	agrees("split with all features agrees with the model", all, false);
	agrees("packed with all features agrees with the model", packed | all, false);
	return failed != 0;
}
