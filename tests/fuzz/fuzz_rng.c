/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy driver: answers of any length, and none. Each request ends once, with no more bytes than
 * it asked for. */
#include "drivers/virtio/virtio_rng.h"
#include "tests/fuzz/hdev.h"

#define REQUESTS 12u
#define BYTES	 64u

static struct {
	struct virtio_rng_request req;
	bool pending;
	uint8_t *buf;
} reqs[REQUESTS];

static void submit(unsigned int n);

static void done(struct virtio_rng_request *req, int received)
{
	unsigned int n = (unsigned int)(uintptr_t)req->priv;

	fuzz_check(reqs[n].pending && &reqs[n].req == req);
	fuzz_check(received && received <= (int)req->len);
	reqs[n].pending = false;
	if (received > 0 && fuzz_u8() > 0xc0)
		submit(n);
}

static void submit(unsigned int n)
{
	struct virtio_rng *rng = virtio_rng_find(&test_bus, 0);

	if (!rng || reqs[n].pending)
		return;
	reqs[n].req =
		(struct virtio_rng_request){.buf = reqs[n].buf, .len = fuzz_u8() % (BYTES + 1)};
	reqs[n].req.done = done;
	reqs[n].req.priv = (void *)(uintptr_t)n;
	reqs[n].pending = true; /* before: it may be over when submit returns */
	if (virtio_rng_submit(rng, &reqs[n].req))
		reqs[n].pending = false;
}

static void read_some(void)
{
	uint8_t buf[700];
	struct virtio_rng *rng = virtio_rng_find(&test_bus, 0);
	size_t len = fuzz_u16() % (sizeof(buf) + 1);
	uint64_t timeout_ns = fuzz_u8() * NSEC_PER_MSEC / 8;

	if (rng)
		hdev_bounded(timeout_ns, virtio_rng_read(rng, buf, len, timeout_ns));
}

/* Mostly bytes and their number, sometimes any number. */
static uint32_t answer(unsigned int queue, const struct hchain *chain)
{
	uint8_t n = fuzz_u8();

	(void)queue;
	if (n == 0xff)
		return fuzz_u32();
	hchain_fill(chain, n % 8);
	return MIN(n, chain->writable);
}

static void one_step(void)
{
	uint8_t op = fuzz_u8();

	if (op < 0x50)
		submit(op % REQUESTS);
	else if (op < 0x80)
		read_some();
	else if (op < 0x90)
		hdev_run(op * NSEC_PER_USEC);
	else
		hdev_step();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)virtio_rng_init(&test_bus);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	for (unsigned int i = 0; i < REQUESTS; i++)
		reqs[i].buf = malloc(BYTES);
	hdev_start(VIRTIO_ID_RNG, 0, answer);
	while (fuzz_more())
		one_step();
	hdev_end();
	for (unsigned int i = 0; i < REQUESTS; i++) {
		fuzz_check(!reqs[i].pending);
		free(reqs[i].buf);
	}
	return 0;
}
