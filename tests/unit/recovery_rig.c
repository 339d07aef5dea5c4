/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/recovery_rig.h"

struct rig rig;

/* --- the kinds of devices ------------------------------------------------------------------ */

static uint32_t version_of(enum kind kind)
{
	return kind == LEGACY ? 1 : 2;
}

bool is_packed(enum kind kind)
{
	return kind == PACKED || kind == PACKED_IN_ORDER;
}

void start_kind(struct refdev *dev, enum kind kind, bool direct)
{
	rig_direct = direct;
	if (is_packed(kind))
		dev->offered |= BIT_ULL(REF_F_RING_PACKED);
	if (kind >= KINDS) {
		dev->offered |= BIT_ULL(REF_F_IN_ORDER);
		dev->in_order_batch = IN_ORDER_BATCH;
	}
	rig_start(&rig, dev);
}

int recovery_rig_init(void **state)
{
	(void)state;
	(void)virtio_blk_init(&test_bus);
	(void)virtio_rng_init(&test_bus);
	(void)virtio_net_init(&test_bus);
	(void)virtio_console_init(&test_bus);
	return 0;
}

void run_machine(void)
{
	struct port_event never;

	port_event_init(&never);
	(void)!port_event_wait(&never, 20 * NSEC_PER_MSEC);
}

void ask_for_reset(void)
{
	refdev_needs_reset(rig.dev);
	refdev_pump();
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_RECOVERING);
}

void assert_recovered(unsigned int times)
{
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_LIVE);
	assert_int_equal(rig.vdev->error, 0);
	assert_int_equal(rig.vdev->recoveries, times);
	assert_true(rig.dev->status & REF_S_DRIVER_OK);
}

void assert_given_up(int error)
{
	assert_int_equal(rig.vdev->state, VIRTIO_STATE_FAILED);
	assert_int_equal(rig.vdev->error, error);
	assert_false(rig.dev->status & REF_S_DRIVER_OK);
	if (!rig.vdev->stuck)
		assert_true(rig.dev->status & REF_S_FAILED);
}

/* --- disk ----------------------------------------------------------------------------------- */

struct virtio_blk *blk;
struct refdev_blk *disk;
struct virtio_blk_request requests[REQUESTS];
uint8_t buffers[REQUESTS][512];
unsigned int dones[REQUESTS], all_done;

static uint8_t expected[DISK * 512];

void count_done(struct virtio_blk_request *req)
{
	dones[req - requests]++;
	all_done++;
}

static void start_disk_on(enum kind kind, bool direct)
{
	struct refdev *dev = refdev_blk_new(version_of(kind), DISK, 0);
	uint32_t seed = 7;

	disk = refdev_blk(dev);
	for (unsigned int i = 0; i < DISK * 512; i++)
		disk->disk[i] = expected[i] = (uint8_t)test_random(&seed);
	start_kind(dev, kind, direct);
	blk = virtio_blk_find(&test_bus, 0);
	assert_non_null(blk);
	memset(dones, 0, sizeof(dones));
	memset(buffers, 0, sizeof(buffers));
	all_done = 0;
}

void start_disk(enum kind kind)
{
	start_disk_on(kind, false);
}

void start_direct_disk(enum kind kind)
{
	start_disk_on(kind, true);
}

enum virtio_blk_op op_of(unsigned int i)
{
	return i % 7 == 6 ? VIRTIO_BLK_FLUSH : i % 3 ? VIRTIO_BLK_READ : VIRTIO_BLK_WRITE;
}

void submit(unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		enum virtio_blk_op op = op_of(i);

		requests[i] = (struct virtio_blk_request){
			.op = op,
			.sector = i,
			.buf = buffers[i],
			.sectors = op == VIRTIO_BLK_FLUSH ? 0 : 1,
			.done = count_done,
		};
		if (op == VIRTIO_BLK_WRITE) {
			memset(buffers[i], (int)i, 512);
			memset(expected + i * 512, (int)i, 512);
		}
		assert_int_equal(virtio_blk_submit(blk, &requests[i]), 0);
	}
}

void assert_all_done(unsigned int n, int status)
{
	assert_int_equal(all_done, n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(dones[i], 1);
		assert_int_equal(requests[i].status, status);
		if (!status && op_of(i) == VIRTIO_BLK_READ)
			assert_memory_equal(buffers[i], expected + i * 512, 512);
	}
	if (!status)
		assert_memory_equal(disk->disk, expected, sizeof(expected));
	assert_int_equal(dma_test_mappings(), 0);
}

void assert_disk_works(void)
{
	static uint8_t data[64 * 512];

	assert_int_equal(virtio_blk_read(blk, 0, data, 64, SECONDS(1)), 0);
	assert_memory_equal(data, disk->disk, sizeof(data));
}

/* --- entropy ---------------------------------------------------------------------------------- */

struct virtio_rng *rng;
struct virtio_rng_request asks[ASKS];
unsigned int asked, answered;

static uint8_t random_bytes[ASKS][32];

static void rng_done(struct virtio_rng_request *req, int result)
{
	assert_ptr_equal(req->priv, &asked);
	req->priv = NULL; /* twice would be seen */
	answered++;
	assert_int_equal(result, req->received);
}

void start_rng(enum kind kind)
{
	start_kind(refdev_rng_new(version_of(kind)), kind, false);
	rng = virtio_rng_find(&test_bus, 0);
	assert_non_null(rng);
	asked = answered = 0;
}

int ask(unsigned int i)
{
	asks[i] = (struct virtio_rng_request){
		.buf = random_bytes[i], .len = 32, .done = rng_done, .priv = &asked};
	return virtio_rng_submit(rng, &asks[i]);
}

void ask_until_full(void)
{
	int err = 0;

	for (asked = 0; asked < ASKS && !err; asked += !err)
		err = ask(asked);
	assert_int_equal(err, -ENOSPC);
}

void assert_all_answered(int result)
{
	assert_int_equal(answered, asked);
	for (unsigned int i = 0; i < asked; i++)
		assert_int_equal(asks[i].received, result);
}

void assert_rng_works(void)
{
	uint8_t buf[100];

	assert_int_equal(virtio_rng_read(rng, buf, sizeof(buf), SECONDS(1)), 0);
	for (unsigned int i = 1; i < sizeof(buf); i++) /* as refdev_rng.c counts */
		assert_int_equal(buf[i], (buf[i - 1] + 1) % 251);
}

/* --- network ---------------------------------------------------------------------------------- */

struct virtio_net *net;
unsigned int received, woken;

static void receive(void *arg, const uint8_t *frame, unsigned int len)
{
	(void)arg;
	assert_true(len == 60 || len == VIRTIO_NET_VLAN_MAX);
	assert_int_equal(frame[59], 0x59);
	received++;
}

static void wake(void *arg)
{
	(void)arg;
	woken++;
}

void start_net(enum kind kind)
{
	start_kind(refdev_net_new(version_of(kind),
				  BIT_ULL(REF_NET_F_MAC) | BIT_ULL(REF_NET_F_STATUS)),
		   kind, false);
	net = virtio_net_find(&test_bus, 0);
	assert_non_null(net);
	virtio_net_set_receiver(net, receive, NULL);
	virtio_net_set_tx_ready(net, wake, NULL);
	received = woken = 0;
}

const uint8_t *frame_60(void)
{
	static uint8_t frame[60];

	frame[59] = 0x59;
	return frame;
}

void assert_net_works(void)
{
	unsigned long sent = refdev_net(rig.dev)->sent;
	unsigned int before = received;

	for (unsigned int i = 0; i < 300; i++) {
		assert_int_equal(virtio_net_send_wait(net, frame_60(), 60, SECONDS(1)), 0);
		assert_true(refdev_net_deliver(rig.dev, frame_60(), 60));
		run_machine();
	}
	assert_int_equal(refdev_net(rig.dev)->sent, sent + 300);
	assert_int_equal(received, before + 300);
}

/* --- console ---------------------------------------------------------------------------------- */

struct virtio_console *con;
struct tty *tty;

void start_console(enum kind kind)
{
	start_kind(refdev_console_new(version_of(kind), 0), kind, false);
	con = virtio_console_find(&test_bus, 0);
	assert_non_null(con);
	tty = virtio_console_tty(con);
}

void assert_console_works(void)
{
	struct refdev_console *out = refdev_console(rig.dev);
	size_t before = out->output_len;
	char back[8];

	assert_int_equal(virtio_console_write(con, "working", 7, SECONDS(1)), 0);
	assert_int_equal(out->output_len, before + 7);
	assert_memory_equal(out->output + before, "working", 7);
	assert_int_equal(refdev_console_input(rig.dev, "typed", 5), 5);
	run_machine();
	assert_int_equal(tty->read(tty, back, sizeof(back)), 5);
	assert_memory_equal(back, "typed", 5);
}
