/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring between one writer, the receiver in interrupt context, and one reader, the command. The
 * writer owns @put, the reader @got; both only grow, and their difference is what is queued.
 * Where the ring is full the frame is counted as missed: the network never waits for us.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "apps/shell/hexdump.h"
#include "apps/shell/inet.h"
#include "apps/shell/netdump.h"
#include "lib/pages.h"
#include "lib/timer.h"

#define FRAMES	   32u
#define SILENCE_NS (10 * NSEC_PER_SEC)

struct queued_frame {
	unsigned int len;
	uint8_t data[VIRTIO_NET_VLAN_MAX];
};

struct frame_ring {
	struct port_event event;
	unsigned int put, got;
	unsigned long missed;
	struct queued_frame frames[FRAMES];
};

/* Interrupt context. */
static void queue_frame(void *arg, const uint8_t *frame, unsigned int len)
{
	struct frame_ring *ring = arg;
	unsigned int put = ring->put;
	struct queued_frame *slot = &ring->frames[put % FRAMES];

	if (put - __atomic_load_n(&ring->got, __ATOMIC_ACQUIRE) == FRAMES) {
		ring->missed++;
		return;
	}
	slot->len = MIN(len, VIRTIO_NET_VLAN_MAX);
	memcpy(slot->data, frame, slot->len);
	__atomic_store_n(&ring->put, put + 1, __ATOMIC_RELEASE);
	port_event_signal(&ring->event);
}

const char *mac_text(char text[MAC_TEXT_LEN], const uint8_t *mac)
{
	(void)snprintf(text, MAC_TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
	return text;
}

static void print_frame(struct shell *sh, const struct queued_frame *frame)
{
	char from[MAC_TEXT_LEN], to[MAC_TEXT_LEN];

	if (frame->len < ETH_HEADER_LEN) {
		sh_printf(sh, "%u bytes, no Ethernet header\n", frame->len);
	} else {
		sh_printf(sh, "%u bytes %s > %s ethertype %04x\n", frame->len,
			  mac_text(from, frame->data + ETH_ADDRESS_LEN), mac_text(to, frame->data),
			  get_be16(frame->data + 2 * ETH_ADDRESS_LEN));
	}
	hexdump(sh, 0, frame->data, frame->len);
}

/* Waits until a frame is queued. */
static int await_frame(struct shell *sh, struct frame_ring *ring)
{
	uint64_t deadline = deadline_after(SILENCE_NS);

	while (__atomic_load_n(&ring->put, __ATOMIC_ACQUIRE) == ring->got) {
		int err = sh_wait(sh, &ring->event, deadline);

		if (err)
			return err;
	}
	return sh_interrupted(sh) ? -EINTR : 0;
}

static int print_frames(struct shell *sh, struct frame_ring *ring, uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		int err = await_frame(sh, ring);

		if (err == -ETIMEDOUT)
			return sh_error(sh, err, "no frame for %u s (%" PRIu64 " received)",
					(unsigned int)(SILENCE_NS / NSEC_PER_SEC), n);
		if (err)
			return sh_error(sh, err, "%s (%" PRIu64 " received)", sh_strerror(err), n);
		print_frame(sh, &ring->frames[ring->got % FRAMES]);
		__atomic_store_n(&ring->got, ring->got + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

int netdump(struct shell *sh, struct virtio_net *net, uint64_t count)
{
	struct frame_ring *ring = alloc_pages_exact(sizeof(*ring)); /* zeroed */
	int err;

	if (!ring)
		return sh_error(sh, -ENOMEM, "out of memory");
	port_event_init(&ring->event);
	virtio_net_set_receiver(net, queue_frame, ring);
	err = print_frames(sh, ring, count);
	virtio_net_set_receiver(net, NULL, NULL);
	if (ring->missed > 0)
		sh_printf(sh, "%lu frames missed\n", ring->missed);
	free_pages_exact(ring, sizeof(*ring));
	return err;
}
