/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the drivers cost on a device that is another process: random polled reads of 4 KiB through virtio_blk, against a loop
 * that writes descriptors by hand and does nothing else: no driver, no queue API, one device, one kind of request. Both
 * have the same features and the same transport. They take thousands of turns of about a millisecond, and the turn that only
 * a quarter of all were faster than is compared: whatever else the machine does falls into the others.
 *
 *	bench-host SOCKET SOCKET [ROUNDS]	two exports of the same daemon: the driver's, and the loop's
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arch/barrier.h>
#include "drivers/virtio/virtio_blk.h"
#include "ports/host/tools/tool.h"
#include "virtio/port.h"
#include "virtio/wire/ring.h"

#define BLOCK_BYTES  4096u
#define CONFIG_BYTES 60u
#define DEPTH_MAX    32u
#define ROUNDS	     1500u
#define ROUNDS_MAX   100000u
#define BOUND	     0.95
#define PLACES	     (1u << 18) /* blocks of the disk */

const char *tool_name = "bench-host";

static uint64_t random_state = 88172645463325252ull;

static uint64_t random_sector(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % PLACES * (BLOCK_BYTES / VIRTIO_BLK_SECTOR_SIZE);
}

/* --- the driver ------------------------------------------------------------------------------- */

static struct {
	struct virtio_blk *blk;
	struct virtio_blk_request *reqs[DEPTH_MAX];
	unsigned int left, in_flight; /* of a turn: to be sent, and sent */
} stack;

static void stack_send(struct virtio_blk_request *req)
{
	req->sector = random_sector();
	if (virtio_blk_submit(stack.blk, req))
		die(EXIT_FAILED, "the driver took no request");
	stack.left--;
	stack.in_flight++;
}

static void stack_done(struct virtio_blk_request *req)
{
	if (req->status)
		die(EXIT_FAILED, "a read failed: %s", strerror(-req->status));
	stack.in_flight--;
	if (stack.left)
		stack_send(req);
}

static void stack_prepare(struct virtio_bus *bus)
{
	stack.blk = virtio_blk_find(bus, 0);
	virtio_blk_set_polled(stack.blk, true);
	for (unsigned int i = 0; i < DEPTH_MAX; i++) {
		struct virtio_blk_request *req = tool_buffer(sizeof(*req));

		req->op = VIRTIO_BLK_READ;
		req->sectors = BLOCK_BYTES / VIRTIO_BLK_SECTOR_SIZE;
		req->buf = tool_buffer(BLOCK_BYTES);
		req->done = stack_done;
		stack.reqs[i] = req;
	}
}

static void stack_turn(unsigned int depth, unsigned int count)
{
	stack.left = count;
	for (unsigned int i = 0; i < depth; i++)
		stack_send(stack.reqs[i]);
	while (stack.in_flight)
		virtio_blk_poll(stack.blk);
}

/* --- the loop --------------------------------------------------------------------------------- */

struct raw_request {
	struct virtio_blk_outhdr header;
	uint8_t status;
};

static struct {
	struct virtqueue *vq;
	struct vhost_user_device *vu;
	unsigned int num;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t *used_event;
	const uint16_t *avail_event;
	struct raw_request *reqs[DEPTH_MAX];
	uint16_t avail_idx, used_idx, kicked_idx;
	unsigned int left;
} raw;

/* Of a driver it has what it takes to be given a queue. */
static int raw_probe(struct virtio_device *vdev)
{
	static const struct virtqueue_info info = {"raw", NULL};

	raw.vu = container_of(vdev, struct vhost_user_device, vdev);
	return virtio_find_vqs(vdev, 1, &raw.vq, &info);
}

static void raw_remove(struct virtio_device *vdev)
{
	virtio_del_vqs(vdev);
}

static const struct virtio_driver raw_driver = {
	.name = "raw", .device_id = VIRTIO_ID_BLOCK, .probe = raw_probe, .remove = raw_remove};

static void raw_describe(unsigned int i, const void *addr, uint32_t len, uint16_t flags)
{
	raw.desc[i] = (struct vring_desc){
		.addr = (uintptr_t)addr, .len = len, .flags = flags, .next = (uint16_t)(i + 1)};
}

/* Each request has its three descriptors for good. */
static void raw_prepare(void)
{
	raw.num = virtqueue_get_vring_size(raw.vq);
	raw.desc = (void *)(uintptr_t)virtqueue_get_desc_addr(raw.vq);
	raw.avail = (void *)(uintptr_t)virtqueue_get_avail_addr(raw.vq);
	raw.used = (void *)(uintptr_t)virtqueue_get_used_addr(raw.vq);
	raw.used_event = &raw.avail->ring[raw.num];
	raw.avail_event = (void *)&raw.used->ring[raw.num];
	for (unsigned int i = 0; i < DEPTH_MAX; i++) {
		struct raw_request *req = tool_buffer(sizeof(*req));

		req->header.type = cpu_to_le32(VIRTIO_BLK_T_IN);
		raw_describe(3 * i, &req->header, sizeof(req->header), VRING_DESC_F_NEXT);
		raw_describe(3 * i + 1, tool_buffer(BLOCK_BYTES), BLOCK_BYTES,
			     VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
		raw_describe(3 * i + 2, &req->status, 1, VRING_DESC_F_WRITE);
		raw.reqs[i] = req;
	}
}

static void raw_send(unsigned int i)
{
	raw.left--;
	raw.reqs[i]->header.sector = cpu_to_le64(random_sector());
	raw.reqs[i]->status = 0xff;
	raw.avail->ring[raw.avail_idx++ % raw.num] = (uint16_t)(3 * i);
}

/* Publishes what was sent, and notifies where the device wants to know (2.7.10). */
static void raw_kick(void)
{
	const uint16_t old = raw.kicked_idx, new = raw.avail_idx;

	dma_wmb();
	WRITE_ONCE(raw.avail->idx, new);
	raw.kicked_idx = new;
	dma_mb();
	if ((uint16_t)(new - READ_ONCE(*raw.avail_event) - 1) < (uint16_t)(new - old))
		(void)raw.vu->ops->kick(raw.vu, 0);
}

/* Takes back what is there, and sends as many again as are left. */
static void raw_poll(void)
{
	const uint16_t used = READ_ONCE(raw.used->idx);

	dma_rmb();
	while (raw.used_idx != used) {
		unsigned int i = raw.used->ring[raw.used_idx++ % raw.num].id / 3;

		if (raw.reqs[i]->status)
			die(EXIT_FAILED, "a read of the loop failed");
		if (raw.left)
			raw_send(i);
	}
	/* No interrupt: the event is always half the numbers away. */
	WRITE_ONCE(*raw.used_event, (uint16_t)(raw.used_idx + 0x8000));
	if (raw.avail_idx != raw.kicked_idx)
		raw_kick();
}

static void raw_turn(unsigned int depth, unsigned int count)
{
	raw.left = count;
	for (unsigned int i = 0; i < depth; i++)
		raw_send(i);
	raw_kick();
	while (raw.used_idx != raw.avail_idx)
		raw_poll();
}

/* --- in turns --------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t time_of(void (*turn)(unsigned int depth, unsigned int count), unsigned int depth,
			unsigned int count)
{
	const uint64_t start = port_now_ns();

	turn(depth, count);
	return port_now_ns() - start;
}

static double rate(uint64_t times[], unsigned int rounds, unsigned int count)
{
	qsort(times, rounds, sizeof(times[0]), compare);
	return (double)count * (double)NSEC_PER_SEC / (double)times[rounds / 4];
}

/* Turns of @count requests; who begins changes with each round. Returns whether the bound holds. */
static bool measure(unsigned int depth, unsigned int count, unsigned int rounds)
{
	uint64_t *of_stack = calloc(rounds, sizeof(*of_stack));
	uint64_t *of_raw = calloc(rounds, sizeof(*of_raw));
	double with, without;

	for (unsigned int i = 0; of_stack && of_raw && i < rounds; i++) {
		if (i % 2)
			of_raw[i] = time_of(raw_turn, depth, count);
		of_stack[i] = time_of(stack_turn, depth, count);
		if (i % 2 == 0)
			of_raw[i] = time_of(raw_turn, depth, count);
	}
	with = rate(of_stack, rounds, count);
	without = rate(of_raw, rounds, count);
	printf("depth %2u: virtio_blk %8.0f IOPS, bare loop %8.0f IOPS, ratio %5.1f %%\n", depth,
	       with, without, 100 * with / without);
	free(of_stack);
	free(of_raw);
	return with >= BOUND * without;
}

int main(int argc, char **argv)
{
	static struct virtio_bus stack_bus, raw_bus;
	static struct host_device devices[2];
	const unsigned int rounds =
		argc > 3 ? MAX(1u, (unsigned int)tool_number("ROUNDS", argv[3], ROUNDS_MAX))
			 : ROUNDS;
	bool held;

	if (argc < 3)
		die(EXIT_USAGE, "SOCKET SOCKET [ROUNDS]");
	if (host_memory_init(&(struct host_memory_options){0}))
		die(EXIT_FAILED, "no shared memory");
	virtio_bus_init(&stack_bus, &host_work);
	virtio_bus_init(&raw_bus, &host_work);
	devices[0].vu.config_size = devices[1].vu.config_size = CONFIG_BYTES;
	/* The loop has no tables, and both are to send the same. */
	if (virtio_blk_init(&stack_bus) || virtio_register_driver(&raw_bus, &raw_driver) ||
	    host_open(&stack_bus, &devices[0], VIRTIO_ID_BLOCK, argv[1]) ||
	    host_open(&raw_bus, &devices[1], VIRTIO_ID_BLOCK, argv[2]) ||
	    !virtio_blk_find(&stack_bus, 0) || !raw.vq)
		die(EXIT_NO_BACKEND, "no two disks at %s and %s", argv[1], argv[2]);
	stack_prepare(&stack_bus);
	raw_prepare();
	held = measure(1, 64, rounds);
	held = measure(32, 512, rounds) && held;
	printf("bound: %.0f %%: %s\n", 100 * BOUND, held ? "holds" : "does not hold");
	host_close(&devices[0]);
	host_close(&devices[1]);
	return held ? EXIT_OK : EXIT_FAILED;
}
