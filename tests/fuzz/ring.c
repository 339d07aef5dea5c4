/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One queue, one driver that uses all of its API, one device that writes what it likes where it may
 * write. Most device steps are honest, so that the lies come in the middle of something. The
 * driver's side of the bargain is kept in a model (struct token), and after each step all that
 * the queue says of itself must agree with it: no token is lost, invented or returned twice, no
 * length is over what was offered, free descriptors and mappings add up.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hring.h"
#include "tests/fuzz/ring.h"
#include "virtio/virtio.h"

#define TOKENS	   400u
#define HELD	   16u
#define MAX_SEGS   24u
#define MAX_SIZE   256u
#define CHURN_MAX  1024u
#define QUEUE_NAME "fuzzed"

struct token {
	bool in_flight;
	void *ctx;
	uint32_t in_len;
	unsigned int segs;  /* mapped */
	unsigned int descs; /* taken in the ring */
	unsigned long seq;  /* the order of offering */
};

static struct {
	struct virtio_device vdev;
	struct virtqueue *vq;
	struct hring ring;
	struct token tokens[TOKENS];
	unsigned int in_flight, descs, mapped, size;
	unsigned long offered, returned, seq;
	bool in_order, premapped, map_fails, was_broken, get_in_callback;
	bool reset_fails, enable_fails, notify_fails;
	struct hchain held[HELD];
	unsigned int held_count;
	unsigned int churned;
	bool drained; /* the driver has found the used ring empty, at this index of a split one */
	uint16_t drained_at;
} f;

static uint8_t memory[1 << 16]; /* of all buffers */

/* --- the model ---------------------------------------------------------------------------------- */

static void forget(struct token *token)
{
	token->in_flight = false;
	f.in_flight--;
	f.descs -= token->descs;
	f.mapped -= token->segs;
	f.returned++;
}

static struct token *as_token(void *data)
{
	struct token *token = data;

	fuzz_check(token >= f.tokens && token < f.tokens + TOKENS);
	fuzz_check(((uintptr_t)token - (uintptr_t)f.tokens) % sizeof(*token) == 0);
	fuzz_check(token->in_flight);
	return token;
}

/* A buffer has come back through get_buf. */
static void check_returned(void *data, unsigned int len)
{
	struct token *token = as_token(data);

	fuzz_check(len <= token->in_len);
	for (unsigned int i = 0; f.in_order && i < TOKENS; i++)
		fuzz_check(!f.tokens[i].in_flight || f.tokens[i].seq >= token->seq);
	forget(token);
}

static void check_broken(void)
{
	struct scatterlist sg;
	unsigned int len;
	void *data;

	sg_init_one(&sg, memory, 4);
	fuzz_check(virtqueue_add_inbuf(f.vq, &sg, 1, memory, GFP_ATOMIC) == -EIO);
	fuzz_check(!virtqueue_get_buf(f.vq, &len));
	fuzz_check(virtqueue_get_bufs(f.vq, &data, &len, 1) == 0);
	fuzz_check(!virtqueue_kick_prepare(f.vq));
	fuzz_check(!virtqueue_kick(f.vq));
	fuzz_check(!virtqueue_notify(f.vq));
	fuzz_check(virtqueue_enable_cb(f.vq)); /* nothing to wait for */
}

static void check_all(void)
{
	fuzz_check(virtqueue_in_flight(f.vq) == f.in_flight);
	fuzz_check(f.vq->num_free + f.descs == f.size);
	fuzz_check(virtqueue_get_vring_size(f.vq) == f.size);
	fuzz_check(dma_test_mappings() == f.mapped);
	fuzz_check(f.offered - f.returned == f.in_flight);
	fuzz_check(virtqueue_get_stats(f.vq).added == f.offered);
	if (virtqueue_is_broken(f.vq))
		check_broken();
	/* Only a reset of the queue mends it. */
	fuzz_check(!f.was_broken || virtqueue_is_broken(f.vq));
	f.was_broken = virtqueue_is_broken(f.vq);
}

/* --- the driver ----------------------------------------------------------------------------------- */

static struct token *free_token(void)
{
	for (unsigned int i = 0; i < TOKENS; i++)
		if (!f.tokens[i].in_flight)
			return &f.tokens[i];
	return NULL;
}

/* A length that means something: mostly short, sometimes none, without DMA up to all there are. */
static uint32_t some_length(void)
{
	uint8_t kind = fuzz_u8();

	if (kind < 0xf0)
		return 1 + kind;
	if (kind < 0xf8)
		return 1 + fuzz_u16() % 4096;
	if (f.premapped || !f.vdev.dev.dma_ops)
		return fuzz_u32();
	return kind == 0xff ? 0 : 4096;
}

struct offer {
	struct scatterlist sg[MAX_SEGS];
	struct scatterlist *lists[MAX_SEGS];
	unsigned int segs, out_lists, in_lists;
	uint64_t bytes, in_bytes;
	bool empty; /* has a segment of no length */
};

/* Some lists of some segments each. */
static void make_offer(struct offer *offer)
{
	unsigned int shape = fuzz_u8(), lists = 1 + shape % 4;
	unsigned int out = (shape >> 2) % (lists + 1);

	memset(offer, 0, sizeof(*offer));
	for (unsigned int i = 0; i < lists; i++) {
		unsigned int n = 1 + fuzz_u8() % (MAX_SEGS / 4);

		offer->lists[i] = &offer->sg[offer->segs];
		sg_init_table(offer->lists[i], n);
		for (unsigned int j = 0; j < n; j++) {
			uint32_t len = some_length();
			struct scatterlist *sg = &offer->sg[offer->segs++];

			sg_set_buf(sg, memory + fuzz_u8(), len);
			sg->dma_address = 0x5000 + fuzz_u8();
			offer->bytes += len;
			offer->in_bytes += i < out ? 0 : len;
			offer->empty |= !len;
		}
	}
	offer->out_lists = out;
	offer->in_lists = lists - out;
}

static void note_offer(const struct offer *offer, struct token *token, void *ctx, unsigned int free)
{
	token->in_flight = true;
	token->ctx = ctx;
	token->in_len = (uint32_t)offer->in_bytes;
	token->descs = free - f.vq->num_free;
	token->segs = f.vdev.dev.dma_ops && !f.premapped ? offer->segs : 0;
	token->seq = f.seq++;
	fuzz_check(token->descs == 1 || token->descs == offer->segs);
	fuzz_check(offer->segs <= f.size && offer->bytes <= UINT32_MAX && !offer->empty);
	f.in_flight++;
	f.offered++;
	f.descs += token->descs;
	f.mapped += token->segs;
}

static int submit(struct offer *offer, struct token *token, void **ctx, gfp_t gfp)
{
	bool one_list = offer->out_lists + offer->in_lists == 1;

	if (!one_list || fuzz_u8() % 4 == 0)
		return virtqueue_add_sgs(f.vq, offer->lists, offer->out_lists, offer->in_lists,
					 token, gfp);
	if (offer->out_lists)
		return virtqueue_add_outbuf(f.vq, offer->sg, offer->segs, token, gfp);
	*ctx = token + 1;
	return virtqueue_add_inbuf_ctx(f.vq, offer->sg, offer->segs, token, *ctx, gfp);
}

static void driver_add(void)
{
	unsigned int free = f.vq->num_free;
	struct token *token = free_token();
	struct offer offer;
	void *ctx = NULL;
	bool broken = virtqueue_is_broken(f.vq);
	int err;

	make_offer(&offer);
	err = submit(&offer, token, &ctx, fuzz_u8() & 1 ? GFP_ATOMIC : GFP_KERNEL);
	if (!err) {
		fuzz_check(!broken);
		note_offer(&offer, token, ctx, free);
		return;
	}
	fuzz_check(f.vq->num_free == free);
	fuzz_check((err == -EIO) == broken);
	if (err == -ENOSPC)
		fuzz_check(offer.segs > free);
	else if (err == -ENOMEM)
		fuzz_check(f.map_fails);
	else if (err == -EINVAL)
		fuzz_check(offer.empty || offer.bytes > UINT32_MAX);
	else
		fuzz_check(err == -EIO);
}

/* Whether the device's index has run ahead of what is in flight, as the driver, who has taken all
 * before, must notice now. */
static bool index_is_absurd(void)
{
	return f.drained && (uint16_t)(hring_used_idx(&f.ring) - f.drained_at) > f.in_flight;
}

static void driver_get(void)
{
	bool absurd = index_is_absurd();
	unsigned int len = 0;
	void *ctx = NULL, *data = virtqueue_get_buf_ctx(f.vq, &len, &ctx);

	fuzz_check(!absurd || (!data && virtqueue_is_broken(f.vq)));
	if (!data) {
		f.drained = !f.ring.packed && !virtqueue_is_broken(f.vq);
		f.drained_at = hring_used_idx(&f.ring);
		return;
	}
	f.drained = false;
	fuzz_check(as_token(data)->ctx == ctx);
	check_returned(data, len);
}

static void driver_get_many(void)
{
	unsigned int max = fuzz_u8() % 40, lens[40], n;
	bool absurd = index_is_absurd() && max;
	void *data[40];

	n = virtqueue_get_bufs(f.vq, data, lens, max);
	fuzz_check(n <= max);
	fuzz_check(!absurd || (!n && virtqueue_is_broken(f.vq)));
	f.drained = f.drained && !n;
	for (unsigned int i = 0; i < n; i++)
		check_returned(data[i], lens[i]);
}

static void driver_interrupts(void)
{
	switch (fuzz_u8() % 6) {
	case 0:
		virtqueue_disable_cb(f.vq);
		break;
	case 1:
		(void)virtqueue_enable_cb(f.vq);
		break;
	case 2:
		(void)virtqueue_enable_cb_delayed(f.vq);
		break;
	case 3:
		(void)virtqueue_poll(f.vq, virtqueue_enable_cb_prepare(f.vq));
		break;
	default:
		(void)vring_interrupt(0, f.vq);
	}
}

static void callback(struct virtqueue *vq)
{
	fuzz_check(vq == f.vq);
	if (f.get_in_callback)
		driver_get_many();
}

static void recycle(struct virtqueue *vq, void *data)
{
	fuzz_check(vq == f.vq);
	forget(as_token(data));
}

static void attach_device(void)
{
	f.size = virtqueue_get_vring_size(f.vq);
	hring_init(&f.ring, f.ring.packed, f.size, virtqueue_get_desc_addr(f.vq),
		   virtqueue_get_avail_addr(f.vq), virtqueue_get_used_addr(f.vq));
	f.held_count = 0;
	f.drained = false;
}

static void driver_reset(void)
{
	unsigned int size = fuzz_u8(), what = fuzz_u8();
	bool resize = what & 1;
	int err;

	f.reset_fails = what & 2;
	f.enable_fails = what & 4;
	if (what & 8)
		port_host_fail_alloc(1 + what / 16);
	err = resize ? virtqueue_resize(f.vq, size, recycle) : virtqueue_reset(f.vq, recycle);
	port_host_fail_alloc(0);
	if (err == -EINVAL) {
		fuzz_check(resize && (!size || size > f.vq->num_max ||
				      (!f.ring.packed && (size & (size - 1)))));
		return;
	}
	if (err == -EOPNOTSUPP) {
		fuzz_check(!virtio_has_feature(&f.vdev, VIRTIO_F_RING_RESET));
		return;
	}
	if (f.reset_fails) {
		fuzz_check(err == -ETIMEDOUT && virtqueue_is_broken(f.vq));
		return;
	}
	fuzz_check(err == 0 || err == -ENOMEM || (err == -EIO && f.enable_fails));
	fuzz_check(f.in_flight == 0 && !virtqueue_is_broken(f.vq));
	fuzz_check(err || !resize || virtqueue_get_vring_size(f.vq) == size);
	f.was_broken = false;
	attach_device();
}

/* --- the device ------------------------------------------------------------------------------------ */

static bool notify(struct virtqueue *vq)
{
	fuzz_check(vq == f.vq);
	(void)vring_notification_data(vq);
	return f.notify_fails ? vring_notify_failed(vq) : true;
}

static int reset_vq(struct virtqueue *vq)
{
	(void)vq;
	return f.reset_fails ? -ETIMEDOUT : 0;
}

static int enable_vq(struct virtqueue *vq)
{
	(void)vq;
	return f.enable_fails ? -EIO : 0;
}

static const struct virtio_config_ops ops = {.reset_vq = reset_vq, .enable_vq = enable_vq};

static void device_take(void)
{
	while (f.held_count < HELD && hring_pop(&f.ring, &f.held[f.held_count]))
		f.held_count++;
}

static void drop_held(unsigned int first, unsigned int count)
{
	f.held_count -= count;
	for (unsigned int i = first; i < f.held_count; i++)
		f.held[i] = f.held[i + count];
}

/* Returns a buffer that it holds, as it should, but for @extra bytes. */
static void device_return(uint32_t extra)
{
	unsigned int n = f.in_order ? 0 : fuzz_u8();
	uint32_t len = fuzz_u8();
	struct hchain *chain;

	if (!f.held_count)
		return;
	chain = &f.held[n % f.held_count];
	hring_push(&f.ring, chain->id, MIN(len, chain->writable) + extra, chain->descs, 1);
	drop_held(n % f.held_count, 1);
}

/* With VIRTIO_F_IN_ORDER: several by the name of the last. */
static void device_return_batch(void)
{
	unsigned int n = 1 + fuzz_u8() % HELD, descs = 0;

	n = MIN(n, f.held_count);
	if (!n)
		return;
	for (unsigned int i = 0; i < n; i++)
		descs += f.held[i].descs;
	hring_push(&f.ring, f.held[n - 1].id, f.held[n - 1].writable, descs, n);
	drop_held(0, n);
}

static void device_lie(void)
{
	uint8_t kind = fuzz_u8();

	switch (kind % 8) {
	case 0:
		fuzz_scribble();
		break;
	case 1: /* any entry */
		hring_push(&f.ring, fuzz_u32(), fuzz_u32(), fuzz_u8(), 1);
		break;
	case 2: /* an id that may be in flight, but was not taken, or is beyond the ring */
		hring_push(&f.ring, fuzz_u8() % (f.size + 2), fuzz_u8() % 4, 1, 1);
		break;
	case 3:
		hring_jump(&f.ring, fuzz_u16());
		break;
	case 4:
		hring_jump(&f.ring, (uint16_t)(fuzz_u8() % 5 - 2));
		break;
	case 5:
		device_return(1 + fuzz_u8());
		break;
	case 6: /* the same twice */
		if (f.held_count)
			hring_push(&f.ring, f.held[0].id, 0, f.held[0].descs, 1);
		break;
	default: /* a batch that claims more entries or descriptors than it has */
		if (f.held_count)
			hring_push(&f.ring, f.held[f.held_count - 1].id, 0, fuzz_u8(), fuzz_u8());
	}
}

static void device_step(void)
{
	uint8_t kind = fuzz_u8();

	if (kind < 0xa0) {
		device_take();
		if (f.in_order && (kind & 1))
			device_return_batch();
		else
			device_return(0);
	} else if (kind < 0xc0) {
		hring_suppress(&f.ring, fuzz_u8() % 5, fuzz_u16());
	} else {
		device_lie();
	}
}

/* --- a run --------------------------------------------------------------------------------------------- */

/* One buffer there and back, many times: the indexes wrap. */
static void churn(void)
{
	unsigned int rounds = fuzz_u16() % 512;
	struct scatterlist sg;

	sg_init_one(&sg, memory, 8);
	for (; rounds && f.churned < CHURN_MAX; rounds--, f.churned++) {
		struct token *token = free_token();
		struct offer offer = {.segs = 1, .bytes = 8, .in_bytes = 8};
		unsigned int free = f.vq->num_free;

		if (virtqueue_add_inbuf(f.vq, &sg, 1, token, GFP_ATOMIC))
			return;
		note_offer(&offer, token, NULL, free);
		virtqueue_kick(f.vq);
		device_take();
		if (f.held_count) {
			hring_push(&f.ring, f.held[0].id, 8, f.held[0].descs, 1);
			drop_held(0, 1);
		}
		driver_get();
	}
}

static void fail_a_map(void)
{
	f.map_fails = true;
	dma_test_fail_map(1 + fuzz_u8() % 8);
}

static void ignore_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void rare_step(void)
{
	switch (fuzz_u8() % 8) {
	case 0:
	case 1:
	case 2:
		driver_reset();
		break;
	case 3:
		churn();
		break;
	case 4:
	case 5:
		fail_a_map();
		break;
	case 6:
		virtqueue_dump(f.vq, fuzz_u8(), ignore_line, NULL);
		break;
	default:
		/* What it is told of no longer reaches it: that breaks the queue too. */
		f.notify_fails = true;
		fuzz_check(!virtqueue_notify(f.vq) && virtqueue_is_broken(f.vq));
		f.notify_fails = false;
	}
}

static void one_step(void)
{
	uint8_t op = fuzz_u8();

	switch (op % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		driver_add();
		break;
	case 4:
	case 5:
		virtqueue_kick(f.vq);
		break;
	case 6:
	case 7:
		driver_get();
		break;
	case 8:
		driver_get_many();
		break;
	case 9:
		driver_interrupts();
		break;
	case 10:
		rare_step();
		break;
	default:
		device_step();
	}
	check_all();
}

static void room(struct virtqueue *vq)
{
	fuzz_check(vq == f.vq); /* which a lie behind what came back may have broken */
}

static unsigned int some_size(uint8_t n)
{
	static const uint16_t split[] = {1, 2, 4, 8, 16, 64, 256, 32};
	static const uint16_t packed[] = {1, 2, 3, 5, 7, 8, 37, 256};

	return (f.ring.packed ? packed : split)[n % 8];
}

static uint64_t some_features(void)
{
	static const uint8_t bits[] = {VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC,
				       VIRTIO_F_IN_ORDER, VIRTIO_F_NOTIFICATION_DATA};
	uint64_t features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_RING_RESET);
	uint8_t chosen = fuzz_u8();

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++)
		if (chosen & BIT(i))
			features |= BIT_ULL(bits[i]);
	if (f.ring.packed)
		features |= BIT_ULL(VIRTIO_F_RING_PACKED);
	else
		f.vdev.legacy = chosen & 0x80;
	return features;
}

/* Without the DMA API a device address is a pointer, and the ring is all that is shared. */
static void share_ring(void)
{
	uint64_t start = virtqueue_get_desc_addr(f.vq);
	uint64_t end = virtqueue_get_used_addr(f.vq) + (f.ring.packed ? 4 : 6 + 8 * f.size);

	if (!f.vdev.dev.dma_ops)
		fuzz_share(start, (void *)(uintptr_t)start, end - start);
}

static bool start(bool packed)
{
	uint8_t how;

	memset(&f, 0, sizeof(f));
	f.ring.packed = packed;
	list_init(&f.vdev.vqs);
	strcpy(f.vdev.dev.name, "fuzz");
	f.vdev.config = &ops;
	f.vdev.features = some_features();
	f.in_order = virtio_has_feature(&f.vdev, VIRTIO_F_IN_ORDER);
	how = fuzz_u8();
	if (how & 1)
		f.vdev.dev.dma_ops = &fuzz_dma_ops;
	else /* its memory moves when it is resized, which is not shared anew */
		f.vdev.features &= ~BIT_ULL(VIRTIO_F_RING_RESET);
	f.get_in_callback = how & 2;
	if (how & 4)
		port_host_fail_alloc(1 + how / 16);
	f.vq = vring_create_virtqueue(0, some_size(fuzz_u8()), 64, &f.vdev, how & 8, notify,
				      how & 16 ? callback : NULL, QUEUE_NAME);
	port_host_fail_alloc(0);
	if (!f.vq)
		return false;
	f.vq->num_max = MAX_SIZE;
	f.vq->room = room;
	f.vq->direct_max = 1 + how / 32;
	attach_device();
	share_ring();
	if ((how & 0x60) == 0x60) {
		f.premapped = true;
		fuzz_check(!virtqueue_set_dma_premapped(f.vq));
	}
	return true;
}

static void finish(void)
{
	unsigned int left = f.in_flight;
	void *data;

	while ((data = virtqueue_detach_unused_buf(f.vq)) != NULL) {
		fuzz_check(left-- > 0);
		forget(as_token(data));
	}
	fuzz_check(f.in_flight == 0 && virtqueue_in_flight(f.vq) == 0);
	fuzz_check(f.vq->num_free == f.size && dma_test_mappings() == 0);
	vring_del_virtqueue(f.vq);
	fuzz_check(list_empty(&f.vdev.vqs));
}

void fuzz_ring(bool packed, const uint8_t *data, size_t size)
{
	fuzz_begin(data, size);
	if (start(packed)) {
		check_all();
		while (fuzz_more())
			one_step();
		finish();
	}
	fuzz_end(false);
}
