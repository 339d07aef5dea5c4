/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user transport before a back-end that says anything: answers with bytes changed, descriptors added, or none at
 * all, at any time, requests of its own, and a connection that ends between any two bytes. Whatever it says, every wait
 * ends, no descriptor stays open, and the device is live, or has failed.
 */
#include "drivers/virtio/virtio_blk.h"
#include "lib/work.h"
#include "tests/device/test_bus.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_vhost_user.h"

#define EXTRA_FD  2000
#define STEPS_MAX 64u
#define BOUND_NS \
	(60 * NSEC_PER_SEC) /* for one step: messages of 5 s, sessions that are tried again */
#define WORK_ROUNDS 16u

static struct fake_vhost_user fake;
static struct vhost_user_device vu;
static struct vhost_user_ops ops;

/* --- what the back-end says ------------------------------------------------------------------- */

static void add_fds(int fds[], unsigned int *fd_count)
{
	for (unsigned int n = fuzz_u8() % 4; n > 0 && *fd_count < VHOST_USER_FDS_MAX; n--) {
		fds[(*fd_count)++] = EXTRA_FD + (int)n;
		fake.open_fds++;
	}
}

static int lying_receive(struct vhost_user_device *device, unsigned int channel, void *data,
			 size_t size, int fds[], unsigned int *fd_count, uint64_t deadline_ns)
{
	int err = fake_vhost_user_ops.receive(device, channel, data, size, fds, fd_count,
					      deadline_ns);
	uint8_t lie = fuzz_u8();

	if (lie >= 0xf0 && size > 0)
		((uint8_t *)data)[fuzz_u8() % size] ^= fuzz_u8();
	else if (lie >= 0xe8)
		add_fds(fds, fd_count);
	else if (lie >= 0xe0)
		err = lie & 1 ? -EIO : -ETIMEDOUT;
	return err;
}

static int lying_connect(struct vhost_user_device *device, uint64_t deadline_ns)
{
	fake.features = BIT_ULL(VIRTIO_F_VERSION_1) | (fuzz_u8() < 0xf0 ? 0x70000000u : fuzz_u64());
	fake.protocol = fuzz_u8() < 0xe0 ? ~0ull : fuzz_u64();
	fake.refuses_connection = fuzz_u8() > 0xf0;
	return fake_vhost_user_ops.connect(device, deadline_ns);
}

/* Mostly a request that makes sense so far, with a payload that is there. */
static void speak_up(void)
{
	struct vhost_user_header header = {VHOST_USER_BACKEND_CONFIG_CHANGE, VHOST_USER_VERSION, 0};

	fake.channel_size = fuzz_u16() % sizeof(fake.channel_in);
	fuzz_bytes(fake.channel_in, MIN(fake.channel_size, (size_t)32));
	header.size = fuzz_u16() % sizeof(fake.channel_in);
	if (fake.channel_size >= sizeof(header) && fuzz_u8() < 0xc0)
		memcpy(fake.channel_in, &header, sizeof(header));
	vhost_user_channel_ready(&vu);
}

/* --- a run ------------------------------------------------------------------------------------ */

static void run_work(void)
{
	for (unsigned int i = 0; i < WORK_ROUNDS && work_pending(&system_wq); i++)
		work_run(&system_wq);
}

static void use_disk(void)
{
	struct virtio_blk *blk = virtio_blk_find(&test_bus, 0);

	if (blk)
		(void)!virtio_blk_flush(blk, NSEC_PER_MSEC);
}

static void one_step(void)
{
	const uint64_t begin = port_now_ns();
	const uint8_t op = fuzz_u8();

	if (op < 0x20)
		use_disk();
	else if (op < 0x40)
		speak_up();
	else if (op < 0x60)
		fuzz_scribble();
	else if (op < 0x80)
		(void)vhost_user_interrupt(&vu, op % 4);
	else if (op < 0x90)
		vhost_user_queue_error(&vu, op % 4);
	else if (op < 0xa0)
		fake.connected = false;
	else if (op < 0xb0)
		vhost_user_main_ready(&vu);
	else if (op < 0xc0)
		(void)virtio_cread32(&vu.vdev, fuzz_u16());
	else
		run_work();
	fuzz_check(port_now_ns() - begin < BOUND_NS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return virtio_blk_init(&test_bus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool lost = false;

	fuzz_begin(data, size);
	fake_vhost_user_init(&fake, &vu);
	ops = fake_vhost_user_ops;
	ops.receive = lying_receive;
	ops.connect = lying_connect;
	vu.ops = &ops;
	vu.vdev.dev.dma_ops = &fuzz_dma_ops;
	fake.config[1] = 0x10; /* sectors */
	if (!vhost_user_probe(&test_bus, &vu, VIRTIO_ID_BLOCK, "fuzz")) {
		for (unsigned int i = 0; fuzz_more() && i < STEPS_MAX; i++)
			one_step();
		vhost_user_remove(&vu);
		lost = vu.vdev.stuck;
	}
	fuzz_check(!fake.connected);
	fuzz_check(fake.open_fds == 0 && fake.open_queues == 0);
	fuzz_end(lost);
	return 0;
}
