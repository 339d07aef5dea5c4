/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring whose barriers call the test, which at each one looks at what the device would see at that
 * moment. The shipped source, ORDER_SOURCE, is compiled here once more for that. That the barriers
 * are the hardware's is tests/qemu/test_barriers.py's matter.
 */
#ifndef TESTS_UNIT_ORDER_BENCH_H
#define TESTS_UNIT_ORDER_BENCH_H

#include <arch/barrier.h>

#undef dma_mb
#undef dma_rmb
#undef dma_wmb
#define dma_mb()  (at_barrier("mb"))
#define dma_rmb() (at_barrier("rmb"))
#define dma_wmb() (at_barrier("wmb"))

static void at_barrier(const char *kind);

#include ORDER_SOURCE
#include "tests/unit/test.h"

static struct virtio_device vdev;
static struct virtqueue *vq;
static void (*hook)(const char *kind);
static unsigned int wmbs, mbs;
static char memory[16];

static void at_barrier(const char *kind)
{
	wmbs += strcmp(kind, "wmb") == 0;
	mbs += strcmp(kind, "mb") == 0;
	if (hook)
		hook(kind);
}

static bool notify(struct virtqueue *queue)
{
	(void)queue;
	return true;
}

static void make(uint64_t features)
{
	memset(&vdev, 0, sizeof(vdev));
	list_init(&vdev.vqs);
	vdev.features = features;
	vq = vring_create_virtqueue(0, 8, 64, &vdev, false, notify, NULL, "queue");
	assert_non_null(vq);
	wmbs = mbs = 0;
}

static void add_two(void)
{
	struct scatterlist sg[2];

	sg_init_table(sg, 2);
	sg_set_buf(&sg[0], memory, 8);
	sg_set_buf(&sg[1], memory + 8, 8);
	assert_int_equal(virtqueue_add_outbuf(vq, sg, 2, memory, GFP_ATOMIC), 0);
}

static void end(void)
{
	hook = NULL;
	while (virtqueue_detach_unused_buf(vq))
		;
	vring_del_virtqueue(vq);
}

#endif
