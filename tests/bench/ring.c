/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a buffer costs the driver: this program offers buffers to a device in the same process that
 * completes all of them at once, and takes them back, ROUNDS times. Run under callgrind it tells
 * instructions (ring.py adds up those of virtio/ and lib/ alone); run by itself it prints
 * nanoseconds per buffer, the device's share included.
 *
 *	ring split|packed SEGMENTS BATCH direct|indirect event|flags callback|poll
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "lib/pages.h"
#include "virtio/port.h"
#include "virtio/virtio.h"
#include "virtio/wire/ring.h"

#define RING	256u
#define BUFFERS 32000u

static struct virtio_device vdev;
static struct virtqueue *vq;
static bool packed, event_idx;
static void *desc_area, *driver_area,
	*device_area; /* of the ring, as the transport would be told */

/* --- the machine -------------------------------------------------------------------------- */

void *port_alloc(size_t size)
{
	return calloc(1, size);
}

void port_free(void *ptr)
{
	free(ptr);
}

bool port_device_enter(struct virtio_device *vdev_)
{
	(void)vdev_;
	return true;
}

void port_device_leave(struct virtio_device *vdev_)
{
	(void)vdev_;
}

void port_log(enum log_level level, const char *fmt, ...)
{
	(void)level;
	fprintf(stderr, "%s\n", fmt);
	exit(1);
}

void *alloc_pages_exact(size_t size)
{
	void *ptr = aligned_alloc(PAGE_SIZE, ALIGN_UP(size, PAGE_SIZE));

	return ptr ? memset(ptr, 0, size) : NULL;
}

void free_pages_exact(void *ptr, size_t size)
{
	(void)size;
	free(ptr);
}

/* A broken queue would be a bug of this program's. */
void virtio_needs_recovery(struct virtio_device *vdev_, int error)
{
	(void)vdev_;
	fprintf(stderr, "recovery asked for: %d\n", error);
	exit(1);
}

/* --- the device --------------------------------------------------------------------------- */

static void complete_split(void)
{
	struct vring_avail *avail = driver_area;
	struct vring_used *used = device_area;

	while (used->idx != avail->idx) {
		used->ring[used->idx % RING].id = avail->ring[used->idx % RING];
		used->ring[used->idx % RING].len = 0;
		used->idx++;
	}
	memcpy(&used->ring[RING], &avail->idx, sizeof(avail->idx)); /* avail_event */
}

static void complete_packed(void)
{
	static unsigned int at, wrap = 1;
	struct vring_packed_desc *ring = desc_area;
	struct vring_packed_event *event = device_area;
	const unsigned int both = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;

	while ((ring[at].flags & both) ==
	       (wrap ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED)) {
		unsigned int last = at, descs = 1;

		for (; ring[last].flags & VRING_DESC_F_NEXT; last = (last + 1) % RING)
			descs++;
		ring[at].id = ring[last].id;
		ring[at].len = 0;
		ring[at].flags = (uint16_t)(wrap ? both : 0);
		at += descs;
		if (at >= RING) {
			at -= RING;
			wrap ^= 1;
		}
	}
	event->off_wrap = (uint16_t)(at | wrap << 15);
	event->flags = event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE;
}

static bool device(struct virtqueue *queue)
{
	(void)queue;
	if (packed)
		complete_packed();
	else
		complete_split();
	return true;
}

/* --- the driver's part ------------------------------------------------------------------------ */

static void ignore(struct virtqueue *queue)
{
	(void)queue;
}

static void run(unsigned int segments, unsigned int batch)
{
	static char data[3][64];
	struct scatterlist out, in[2];
	struct scatterlist *sgs[] = {&out, in};
	unsigned int len;

	sg_init_one(&out, data[0], sizeof(data[0]));
	sg_init_table(in, 2);
	sg_set_buf(&in[0], data[1], sizeof(data[1]));
	sg_set_buf(&in[1], data[2], sizeof(data[2]));
	for (unsigned int done = 0; done < BUFFERS; done += batch) {
		for (unsigned int i = 0; i < batch; i++) {
			int err = segments == 1
					  ? virtqueue_add_outbuf(vq, &out, 1, &vdev, GFP_ATOMIC)
					  : virtqueue_add_sgs(vq, sgs, 1, 1, &vdev, GFP_ATOMIC);

			if (err)
				exit(2);
		}
		if (!virtqueue_kick(vq))
			exit(3);
		for (unsigned int i = 0; i < batch; i++)
			if (virtqueue_get_buf(vq, &len) != &vdev)
				exit(4);
	}
}

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
	double start;

	if (argc != 7)
		return 5;
	packed = !strcmp(argv[1], "packed");
	event_idx = !strcmp(argv[5], "event");
	list_init(&vdev.vqs);
	vdev.features = BIT_ULL(VIRTIO_F_VERSION_1);
	vdev.features |= packed ? BIT_ULL(VIRTIO_F_RING_PACKED) : 0;
	vdev.features |= strcmp(argv[4], "indirect") ? 0 : BIT_ULL(VIRTIO_F_INDIRECT_DESC);
	vdev.features |= event_idx ? BIT_ULL(VIRTIO_F_EVENT_IDX) : 0;
	vq = vring_create_virtqueue(0, RING, 64, &vdev, false, device,
				    strcmp(argv[6], "callback") ? NULL : ignore, "bench");
	if (!vq)
		return 6;
	desc_area = (void *)(uintptr_t)virtqueue_get_desc_addr(vq);
	driver_area = (void *)(uintptr_t)virtqueue_get_avail_addr(vq);
	device_area = (void *)(uintptr_t)virtqueue_get_used_addr(vq);
	vq->direct_max = 1; /* chains take tables where there are any */
	start = nanoseconds();
	run((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]));
	printf("%.2f\n", (nanoseconds() - start) / BUFFERS);
	return virtqueue_get_stats(vq).used == BUFFERS ? 0 : 7;
}
