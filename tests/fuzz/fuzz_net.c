/* SPDX-License-Identifier: BSD-2-Clause */
/* The network driver: headers, frames, lengths and a config space out of the input. What reaches the
 * receiver has a length that a frame can have, and all of it may be read. A frame of ours is refused
 * while it is in flight, and comes back once. */
#include "drivers/virtio/virtio_net.h"
#include "tests/fuzz/hdev.h"

static uint8_t frame[1600];
static volatile uint8_t sum;

static void receive(void *arg, const uint8_t *data, unsigned int len)
{
	fuzz_check(arg == &frame);
	fuzz_check(len >= VIRTIO_NET_FRAME_MIN && len <= VIRTIO_NET_VLAN_MAX);
	for (unsigned int i = 0; i < len; i++)
		sum ^= data[i];
	if ((data[0] & 0x0f) == 0x0f && virtio_net_find(&test_bus, 0))
		(void)!virtio_net_send(virtio_net_find(&test_bus, 0), data,
				       MIN(len, VIRTIO_NET_FRAME_MAX));
}

/* A frame in queue 0; queue 1 only takes. */
static uint32_t answer(unsigned int queue, const struct hchain *chain)
{
	uint8_t how = fuzz_u8();

	if (queue)
		return how < 0xf8 ? 0 : how;
	hchain_fill(chain, how % 32);
	if (how < 0x80)
		return 12 + how;
	if (how < 0xf0)
		return fuzz_u16() % 2048;
	return fuzz_u32();
}

#define OWN 4u

static uint8_t memory[OWN][VIRTIO_NET_HEADROOM + 300];
static struct virtio_net_frame own[OWN];
static bool flying[OWN];

static void sent(struct virtio_net_frame *back)
{
	fuzz_check(flying[back - own] && virtio_net_frame_idle(back));
	flying[back - own] = false;
}

static void make_own(struct virtio_net *net)
{
	for (unsigned int i = 0; i < OWN; i++)
		fuzz_check(
			!virtio_net_frame_init(net, &own[i], memory[i], sizeof(memory[i]), sent));
}

/* Those of ours that @op names, in flight or not. */
static void submit_own(struct virtio_net *net, uint8_t op)
{
	struct virtio_net_frame *list[OWN];
	bool were_flying[OWN];
	unsigned int count = 0;
	int taken;

	for (unsigned int i = 0; i < OWN; i++) {
		were_flying[i] = flying[i];
		if (!(op >> i & 1))
			continue;
		if (!flying[i])
			own[i].len = fuzz_u8() * 2;
		flying[i] = true;
		list[count++] = &own[i];
	}
	taken = virtio_net_submit(net, list, count);
	fuzz_check(taken <= (int)count);
	for (unsigned int i = MAX(taken, 0); i < count; i++) {
		if (!were_flying[list[i] - own]) {
			fuzz_check(virtio_net_frame_idle(list[i]));
			flying[list[i] - own] = false;
		}
	}
}

static void submit_lent(struct virtio_net *net, uint8_t op)
{
	struct virtio_net_frame *list[8];
	int count = virtio_net_lend(net, list, 1 + op % 8), taken;

	for (int i = 0; i < count; i++)
		list[i]->len = fuzz_u8() * 6;
	if (count <= 0)
		return;
	taken = virtio_net_submit(net, list, (unsigned int)count);
	fuzz_check(taken <= count);
	taken = MAX(taken, 0);
	virtio_net_return(net, list + taken, (unsigned int)(count - taken));
}

static void send_frames(uint8_t op)
{
	struct virtio_net *net = virtio_net_find(&test_bus, 0);

	if (!net)
		return;
	if (op & 0x10)
		submit_own(net, op);
	else if (op & 0x08)
		submit_lent(net, op);
	else
		(void)virtio_net_reclaim(net);
}

static void send(uint8_t op)
{
	struct virtio_net *net = virtio_net_find(&test_bus, 0);
	unsigned int len = op & 1 ? 14 + fuzz_u8() : fuzz_u16() % sizeof(frame);
	uint64_t timeout_ns = op * NSEC_PER_USEC * 50;
	unsigned int n = 1 + op % 32;

	if (!net)
		return;
	if (op & 2)
		hdev_bounded(timeout_ns, virtio_net_send_wait(net, frame, len, timeout_ns));
	else
		while (n-- && !virtio_net_send(net, frame, len))
			;
}

static void check_info(void)
{
	struct virtio_net *net = virtio_net_find(&test_bus, 0);
	struct virtio_net_info info;

	if (!net)
		return;
	virtio_net_get_info(net, &info);
	fuzz_check(info.mtu >= 68 && info.mtu <= 1500);
	fuzz_check(info.link_reported || info.link_up);
}

static void one_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x50)
		send(op);
	else if (op < 0x60)
		hdev_run(op * NSEC_PER_USEC);
	else if (op < 0x80)
		send_frames(op);
	else
		hdev_step();
	check_info();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)virtio_net_init(&test_bus);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	/* MTU, MAC, STATUS */
	hdev_start(VIRTIO_ID_NET, 0x10028 & ~((uint64_t)(fuzz_u8() & 1) << 3), answer);
	if (virtio_net_find(&test_bus, 0)) {
		virtio_net_set_receiver(virtio_net_find(&test_bus, 0), receive, frame);
		make_own(virtio_net_find(&test_bus, 0));
	}
	while (fuzz_more())
		one_step();
	hdev_end();
	for (unsigned int i = 0; i < OWN; i++)
		fuzz_check(!flying[i]);
	return 0;
}
