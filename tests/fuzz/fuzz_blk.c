/* SPDX-License-Identifier: BSD-2-Clause */
/* The block driver: a config space, status bytes and lengths out of the input. What the driver says
 * of the disk must make sense whatever the device says, and each request ends once. */
#include "drivers/virtio/virtio_blk.h"
#include "tests/fuzz/hdev.h"

#define REQUESTS 12u
#define SECTORS	 8u
#define BYTES	 (SECTORS * VIRTIO_BLK_SECTOR_SIZE)

static struct {
	struct virtio_blk_request req;
	bool pending;
	uint8_t *buf;
} reqs[REQUESTS];

static uint8_t *sync_buf;

static void submit(unsigned int n);

/* The disk through one of the queues that it has, or NULL: there is none. */
static struct virtio_blk *through(unsigned int n)
{
	struct virtio_blk *blk = virtio_blk_find(&test_bus, 0);
	struct virtio_blk *other = blk ? virtio_blk_queue(blk, n % VIRTIO_BLK_QUEUES_MAX) : NULL;

	return other ? other : blk;
}

static void done(struct virtio_blk_request *req)
{
	unsigned int n = (unsigned int)(uintptr_t)req->priv;

	fuzz_check(reqs[n].pending && &reqs[n].req == req && req->status <= 0);
	reqs[n].pending = false;
	if (!req->status && fuzz_u8() > 0xc0)
		submit(n);
}

static void submit(unsigned int n)
{
	struct virtio_blk *blk = through(n);
	struct virtio_blk_request *req = &reqs[n].req;
	uint8_t what = fuzz_u8();
	int err;

	if (!blk || reqs[n].pending)
		return;
	memset(req, 0, sizeof(*req));
	req->op = what % 8;
	req->sector = what & 0x80 ? fuzz_u64() : fuzz_u8();
	req->sectors = fuzz_u8() % (SECTORS + 1);
	req->buf = what & 0x40 ? NULL : reqs[n].buf;
	req->done = done;
	req->priv = (void *)(uintptr_t)n;
	reqs[n].pending = true; /* before: it may be over when submit returns */
	err = what & 0x20 ? virtio_blk_add(blk, req) : virtio_blk_submit(blk, req);
	if (err)
		reqs[n].pending = false;
}

/* Reads, writes, discards and zeroes many sectors by a blocking call. */
static void sync_call(void)
{
	char id[VIRTIO_BLK_ID_BYTES + 1];
	uint8_t what = fuzz_u8();
	struct virtio_blk *blk = through(what / 8);
	uint64_t sector = fuzz_u8(), timeout_ns = fuzz_u8() * NSEC_PER_MSEC / 8;
	uint32_t sectors = fuzz_u8() % (REQUESTS * SECTORS + 1);

	if (!blk)
		return;
	switch (what % 8) {
	case 0:
		hdev_bounded(timeout_ns,
			     virtio_blk_read(blk, sector, sync_buf, sectors, timeout_ns));
		break;
	case 1:
		hdev_bounded(timeout_ns,
			     virtio_blk_write(blk, sector, sync_buf, sectors, timeout_ns));
		break;
	case 2:
		hdev_bounded(timeout_ns, virtio_blk_flush(blk, timeout_ns));
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		hdev_bounded(timeout_ns,
			     virtio_blk_range(blk, what % 8, sector, sectors, timeout_ns));
		break;
	default:
		memset(id, 'x', sizeof(id));
		if (!virtio_blk_get_id(blk, id, MAX(timeout_ns, 1u)))
			fuzz_check(memchr(id, 0, sizeof(id)));
	}
}

static void check_info(void)
{
	struct virtio_blk *blk = virtio_blk_find(&test_bus, 0);
	struct virtio_blk_info info;

	if (!blk)
		return;
	virtio_blk_get_info(blk, &info);
	fuzz_check(info.capacity_sectors <= UINT64_MAX / VIRTIO_BLK_SECTOR_SIZE);
	fuzz_check(info.block_size >= VIRTIO_BLK_SECTOR_SIZE);
	fuzz_check(!(info.block_size & (info.block_size - 1)));
	fuzz_check(info.physical_block_size >= info.block_size);
	fuzz_check(info.seg_max >= 1 && info.seg_max <= VIRTIO_BLK_MAX_SEGS);
	fuzz_check(info.max_request_sectors >= 1);
	fuzz_check(info.discard_alignment >= 1);
	fuzz_check((uint64_t)info.max_request_sectors * VIRTIO_BLK_SECTOR_SIZE <=
		   (uint64_t)info.seg_max * info.size_max);
}

/* The status byte is the last writable one. */
static uint32_t answer(unsigned int queue, const struct hchain *chain)
{
	uint8_t how = fuzz_u8();

	(void)queue;
	if (!chain->writable)
		return 0;
	if (how < 0xc0) {
		hchain_fill(chain, MIN(chain->writable - 1, how % 24u));
		hchain_put(chain, chain->writable - 1, how < 0xb0 ? 0 : how % 4);
		return how < 0xa0 ? chain->writable : how;
	}
	hchain_fill(chain, how % 32);
	return fuzz_u16();
}

static void one_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x60)
		submit(op % REQUESTS);
	else if (op < 0x64 && virtio_blk_find(&test_bus, 0))
		virtio_blk_kick(through(op));
	else if (op < 0x80)
		sync_call();
	else if (op < 0x90)
		hdev_run(op * NSEC_PER_USEC);
	else
		hdev_step();
	check_info();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)virtio_blk_init(&test_bus);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	sync_buf = calloc(REQUESTS, BYTES);
	for (unsigned int i = 0; i < REQUESTS; i++)
		reqs[i].buf = calloc(1, BYTES);
	/* SIZE_MAX, SEG_MAX, GEOMETRY, RO, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, MQ, DISCARD, WRITE_ZEROES */
	hdev_start(VIRTIO_ID_BLOCK, 0x7e56 & ~(uint64_t)(fuzz_u8() & 0x26), answer);
	while (fuzz_more())
		one_step();
	hdev_end();
	for (unsigned int i = 0; i < REQUESTS; i++) {
		fuzz_check(!reqs[i].pending);
		free(reqs[i].buf);
	}
	free(sync_buf);
	return 0;
}
