/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short ways through a queue, which are taken where memory needs no mapping: whatever is out of
 * the ordinary must come out there as it does on the long way. The device's side is written by hand,
 * straight into the ring. VIRTIO 1.4, 2.7 and 2.8.
 */
#include "tests/unit/test.h"
#include "tests/unit/port_host.h"
#include "virtio/virtio.h"
#include "virtio/wire/ring.h"

#define SIZE 8u

static struct virtio_device vdev;
static struct virtqueue *vq;
static char memory[64];
static bool unreachable;

static bool notify(struct virtqueue *queue)
{
	assert_ptr_equal(queue, vq);
	return unreachable ? vring_notify_failed(queue) : true;
}

static void make_of(unsigned int size, bool packed, uint64_t features)
{
	memset(&vdev, 0, sizeof(vdev));
	list_init(&vdev.vqs);
	strcpy(vdev.dev.name, "edge");
	vdev.features = features | BIT_ULL(VIRTIO_F_VERSION_1);
	if (packed)
		vdev.features |= BIT_ULL(VIRTIO_F_RING_PACKED);
	vq = vring_create_virtqueue(0, size, 64, &vdev, false, notify, NULL, "queue");
	assert_non_null(vq);
}

static void make(bool packed, uint64_t features)
{
	make_of(SIZE, packed, features);
}

static unsigned int end(void)
{
	unsigned int n = 0;

	while (virtqueue_detach_unused_buf(vq))
		n++;
	assert_int_equal(vq->num_free, virtqueue_get_vring_size(vq));
	vring_del_virtqueue(vq);
	return n;
}

/* The device returns its first buffer in this way; @idx is for the split ring. */
static unsigned int write_flag =
	VRING_DESC_F_WRITE; /* what a packed ring's device says of a length */

static void device_returns(bool packed, uint32_t id, uint32_t len, uint16_t idx)
{
	if (packed) {
		struct vring_packed_desc *desc = (void *)(uintptr_t)virtqueue_get_desc_addr(vq);

		desc->id = (uint16_t)id;
		desc->len = len;
		desc->flags = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED | write_flag;
	} else {
		struct vring_used *used = (void *)(uintptr_t)virtqueue_get_used_addr(vq);

		used->ring[0].id = id;
		used->ring[0].len = len;
		used->idx = idx;
	}
}

/* One of the three calls that take one list. */
static int add_by(unsigned int call, struct scatterlist *sg, void *token)
{
	if (call == 0)
		return virtqueue_add_outbuf(vq, sg, 1, token, GFP_ATOMIC);
	if (call == 1)
		return virtqueue_add_inbuf(vq, sg, 1, token, GFP_ATOMIC);
	return virtqueue_add_inbuf_ctx(vq, sg, 1, token, memory + 1, GFP_ATOMIC);
}

static void a_buffer_that_is_none_is_refused(void **state)
{
	struct scatterlist sg[2];

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		unsigned int call = i % 3;

		make(i / 3, 0);
		sg_init_one(sg, memory, 8);
		assert_int_equal(add_by(call, sg, NULL), -EINVAL);
		sg->length = 0;
		assert_int_equal(add_by(call, sg, memory), -EINVAL);
		sg_init_one(sg, NULL, 8);
		assert_int_equal(add_by(call, sg, memory), -EINVAL);
		sg_init_table(sg, 2); /* longer than what is announced */
		sg_set_buf(&sg[0], memory, 8);
		sg_set_buf(&sg[1], memory, 8);
		assert_int_equal(add_by(call, sg, memory), -EINVAL);
		assert_int_equal(vq->num_free, SIZE);

		sg_init_one(sg, memory, 8);
		for (unsigned int n = 0; n < SIZE; n++)
			assert_int_equal(add_by(call, sg, memory), 0);
		assert_int_equal(add_by(call, sg, memory), -ENOSPC);
		assert_int_equal(end(), SIZE);
	}
}

/* One of the calls that take buffers back. */
static void *get_by(unsigned int call, unsigned int *len)
{
	void *data = NULL, *ctx;

	if (call == 3)
		return virtqueue_get_buf_ctx(vq, len, NULL);
	if (call == 0)
		return virtqueue_get_buf(vq, len);
	if (call == 1)
		return virtqueue_get_buf_ctx(vq, len, &ctx);
	return virtqueue_get_bufs(vq, &data, len, 1) ? data : NULL;
}

static void a_lie_breaks_the_queue_on_the_short_way_too(void **state)
{
	static const struct {
		uint32_t id, len;
		uint16_t idx;
	} lies[] = {
		{SIZE, 1, 1},	    {3, 1, 1},		{0, 9, 1},
		{0, UINT32_MAX, 1}, {UINT16_MAX, 1, 1}, {0, 1, 3},
	};
	struct scatterlist sg;
	unsigned int len;

	(void)state;
	for (unsigned int i = 0; i < 16 * ARRAY_SIZE(lies); i++) {
		unsigned int lie = i / 16, call = i % 4;
		bool packed = i & 4, interrupts = i & 8;

		if (packed && lie + 1 == ARRAY_SIZE(lies))
			continue; /* has no index */
		/* With interrupts on and the event index, taking a buffer asks for the next. */
		make(packed, interrupts ? BIT_ULL(VIRTIO_F_EVENT_IDX) : 0);
		if (interrupts)
			assert_true(virtqueue_enable_cb(vq));
		sg_init_one(&sg, memory, 8);
		assert_int_equal(add_by(1, &sg, memory), 0);
		virtqueue_kick(vq);
		assert_null(get_by(call, &len)); /* nothing is there yet */
		device_returns(packed, lies[lie].id, lies[lie].len, lies[lie].idx);
		assert_null(get_by(call, &len));
		assert_true(virtqueue_is_broken(vq));
		assert_int_equal(end(), 1);
	}
}

/* 2.8.4: without the WRITE flag a packed ring's length is reserved. A plausible one counts nevertheless,
 * because devices leave the flag out. */
static void a_length_without_the_write_flag_does_no_harm(void **state)
{
	struct scatterlist sg;
	unsigned int len;

	(void)state;
	write_flag = 0;
	for (unsigned int call = 0; call < 4; call++) {
		for (unsigned int said = 0; said < 16; said += 5) {
			make(true, 0);
			sg_init_one(&sg, memory, 8);
			assert_int_equal(add_by(1, &sg, memory), 0);
			virtqueue_kick(vq);
			device_returns(true, 0, said, 0);
			assert_ptr_equal(get_by(call, &len), memory);
			assert_int_equal(len, said <= 8 ? said : 0);
			assert_int_equal(end(), 0);
		}
	}
	write_flag = VRING_DESC_F_WRITE;
}

/* --- prepared buffers -------------------------------------------------------------------------- */

/* Prepares @out and @in entries of 8 bytes. */
static int prepare(struct virtqueue_prepared *p, unsigned int out, unsigned int in)
{
	struct scatterlist sg[5];

	sg_init_table(sg, MAX(out + in, 1u));
	for (unsigned int i = 0; i < out + in; i++)
		sg_set_buf(&sg[i], memory + 8 * i, 8);
	return virtqueue_prepare(vq, p, sg, out, in);
}

/* What the device sees at the ring's first place, which is free: a table of @entries of 16 bytes. */
static void expect_table(bool packed, const struct virtqueue_prepared *p, unsigned int entries)
{
	const uint64_t *ring = (void *)(uintptr_t)virtqueue_get_desc_addr(vq);
	const uint16_t *words = (const uint16_t *)ring;

	assert_int_equal(ring[0], (uintptr_t)p->desc);
	assert_int_equal((uint32_t)ring[1], 16 * entries);
	assert_int_equal(words[packed ? 7 : 6] & 7, VRING_DESC_F_INDIRECT);
}

static void a_prepared_buffer_goes_there_and_back_with_what_was_changed(void **state)
{
	static struct virtqueue_prepared p;
	unsigned int len;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		const bool packed = i & 1, in_order = i & 2;
		const struct vring_desc *split_desc = (const void *)p.desc;
		const struct vring_packed_desc *packed_desc = (const void *)p.desc;

		make(packed,
		     BIT_ULL(VIRTIO_F_INDIRECT_DESC) | (in_order ? BIT_ULL(VIRTIO_F_IN_ORDER) : 0));
		vq->direct_max = 1;
		assert_int_equal(prepare(&p, 1, 2), 0);
		virtqueue_prepared_set(vq, &p, 1, memory + 32, 20);
		assert_int_equal(virtqueue_add_prepared(vq, &p, memory), 0);
		assert_int_equal(vq->num_free, SIZE - 1);
		virtqueue_kick(vq);
		expect_table(packed, &p, 3);
		for (unsigned int e = 0; e < 3; e++) {
			assert_int_equal(split_desc[e].addr,
					 (uintptr_t)(e == 1 ? memory + 32 : memory + 8 * e));
			assert_int_equal(split_desc[e].len, e == 1 ? 20 : 8);
			if (packed) {
				assert_int_equal(packed_desc[e].flags, e ? VRING_DESC_F_WRITE : 0);
				continue;
			}
			assert_int_equal(split_desc[e].flags,
					 (e ? VRING_DESC_F_WRITE : 0) |
						 (e < 2 ? VRING_DESC_F_NEXT : 0));
			if (e < 2)
				assert_int_equal(split_desc[e].next, e + 1);
		}
		device_returns(packed, 0, 28, 1); /* all that it may write */
		assert_ptr_equal(virtqueue_get_buf(vq, &len), memory);
		assert_int_equal(len, 28);
		assert_int_equal(end(), 0);
	}
}

/* Of any number of entries; what does not find half of the ring free is a table. */
static void a_prepared_buffer_goes_into_a_split_ring_while_half_of_it_is_free(void **state)
{
	static struct virtqueue_prepared p[3];
	unsigned int len;

	(void)state;
	for (unsigned int in = 0; in < 4; in++) {
		const struct vring_desc *desc;

		make(false, BIT_ULL(VIRTIO_F_INDIRECT_DESC));
		desc = (const void *)(uintptr_t)virtqueue_get_desc_addr(vq);
		assert_int_equal(prepare(&p[0], 1, in), 0);
		assert_int_equal(virtqueue_add_prepared(vq, &p[0], &p[0]), 0);
		assert_int_equal(vq->num_free, SIZE - 1 - in);
		virtqueue_kick(vq);
		for (unsigned int e = 0; e <= in; e++) {
			const unsigned int flags =
				(e ? VRING_DESC_F_WRITE : 0) | (e < in ? VRING_DESC_F_NEXT : 0);

			assert_int_equal(desc[e].addr, (uintptr_t)(memory + 8 * e));
			assert_int_equal(desc[e].len, 8);
			assert_int_equal(desc[e].flags, flags);
			if (e < in)
				assert_int_equal(desc[e].next, e + 1);
		}
		assert_int_equal(prepare(&p[1], 1, 3), 0);
		assert_int_equal(virtqueue_add_prepared(vq, &p[1], &p[1]), 0);
		assert_int_equal(vq->num_free, SIZE - 1 - in - 1);
		virtqueue_kick(vq);
		assert_int_equal(desc[1 + in].flags, VRING_DESC_F_INDIRECT);
		assert_int_equal(desc[1 + in].addr, (uintptr_t)p[1].desc);
		assert_int_equal(desc[1 + in].len, 4 * sizeof(struct vring_desc));
		device_returns(false, 0, 8 * in, 1);
		assert_ptr_equal(virtqueue_get_buf(vq, &len), &p[0]);
		assert_int_equal(len, 8 * in);
		assert_int_equal(vq->num_free, SIZE - 1);
		assert_int_equal(end(), 1);
	}
}

static void a_device_cannot_write_more_than_was_prepared(void **state)
{
	static struct virtqueue_prepared p;
	unsigned int len;

	(void)state;
	for (unsigned int packed = 0; packed < 2; packed++) {
		make(packed, BIT_ULL(VIRTIO_F_INDIRECT_DESC));
		assert_int_equal(prepare(&p, 2, 1), 0);
		virtqueue_prepared_set(vq, &p, 1, memory, 64); /* read by the device */
		virtqueue_prepared_set(vq, &p, 2, memory, 4);
		assert_int_equal(virtqueue_add_prepared(vq, &p, memory), 0);
		virtqueue_kick(vq);
		device_returns(packed, 0, 5, 1);
		assert_null(virtqueue_get_buf(vq, &len));
		assert_true(virtqueue_is_broken(vq));
		assert_int_equal(virtqueue_add_prepared(vq, &p, memory), -EIO);
		assert_int_equal(end(), 1);
	}
}

static void what_cannot_be_prepared_is_refused(void **state)
{
	static struct virtqueue_prepared p[SIZE + 1];
	struct scatterlist sg[2];

	(void)state;
	for (unsigned int packed = 0; packed < 2; packed++) {
		make(packed, 0);
		assert_int_equal(prepare(p, 1, 1), -EOPNOTSUPP);
		assert_int_equal(end(), 0);

		make(packed, BIT_ULL(VIRTIO_F_INDIRECT_DESC));
		assert_int_equal(prepare(p, 0, 0), -EINVAL);
		assert_int_equal(prepare(p, 2, VIRTQUEUE_PREPARED_MAX - 1), -EINVAL);
		sg_init_table(sg, 2);
		sg_set_buf(&sg[0], memory, UINT32_MAX);
		sg_set_buf(&sg[1], NULL, 8);
		assert_int_equal(virtqueue_prepare(vq, p, sg, 1, 1), -EINVAL);
		sg_set_buf(&sg[1], memory, 8); /* 2^32 bytes and more */
		assert_int_equal(virtqueue_prepare(vq, p, sg, 1, 1), -EINVAL);
		assert_int_equal(virtqueue_prepare(vq, p, sg, 1, 0), -EINVAL); /* there is more */

		vq->direct_max = 1;
		for (unsigned int i = 0; i < SIZE; i++) {
			assert_int_equal(prepare(&p[i], 1, 1), 0);
			assert_int_equal(virtqueue_add_prepared(vq, &p[i], NULL), -EINVAL);
			assert_int_equal(virtqueue_add_prepared(vq, &p[i], &p[i]), 0);
		}
		assert_int_equal(prepare(&p[SIZE], 1, 1), 0);
		assert_int_equal(virtqueue_add_prepared(vq, &p[SIZE], p), -ENOSPC);
		assert_int_equal(end(), SIZE);
	}
}

/* The queue goes the long way while such a table is in use; else it would never come back. */
static void a_table_made_on_demand_serves_again(void **state)
{
	static struct scatterlist sg[40];
	unsigned int len;

	(void)state;
	for (unsigned int packed = 0; packed < 2; packed++) {
		make_of(64, packed, BIT_ULL(VIRTIO_F_INDIRECT_DESC));
		sg_init_table(sg, ARRAY_SIZE(sg));
		for (unsigned int i = 0; i < ARRAY_SIZE(sg); i++)
			sg_set_buf(&sg[i], memory, 8);
		assert_int_equal(virtqueue_add_inbuf(vq, sg, ARRAY_SIZE(sg), memory, GFP_KERNEL),
				 0);
		assert_int_equal(vq->num_free, 63);
		virtqueue_kick(vq);
		device_returns(packed, 0, 8, 1);
		assert_ptr_equal(virtqueue_get_buf(vq, &len), memory);
		port_host_forbid_alloc(true);
		assert_int_equal(virtqueue_add_inbuf(vq, sg, ARRAY_SIZE(sg), memory, GFP_ATOMIC),
				 0);
		assert_int_equal(vq->num_free, 63);
		port_host_forbid_alloc(false);
		assert_int_equal(end(), 1);
	}
}

static void never(struct virtqueue *queue)
{
	(void)queue;
	fail_msg("there is no room in a broken queue");
}

static void a_queue_that_breaks_while_it_is_drained_has_no_room(void **state)
{
	struct vring_used *used;
	struct scatterlist sg;
	unsigned int len[2];
	void *tokens[2];

	(void)state;
	make(false, 0);
	vq->room = never;
	sg_init_one(&sg, memory, 8);
	for (unsigned int i = 0; i < SIZE; i++)
		assert_int_equal(add_by(1, &sg, memory), 0);
	assert_int_equal(add_by(1, &sg, memory), -ENOSPC);
	virtqueue_kick(vq);
	used = (void *)(uintptr_t)virtqueue_get_used_addr(vq);
	used->ring[1].id = SIZE;
	device_returns(false, 0, 1, 2);
	assert_int_equal(virtqueue_get_bufs(vq, tokens, len, 2), 1);
	assert_true(virtqueue_is_broken(vq));
	assert_int_equal(end(), SIZE - 1);
}

static void a_buffer_comes_back_by_each_call(void **state)
{
	struct scatterlist sg;
	unsigned int len;

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		bool packed = i / 4 & 1;

		make(packed, i < 8 ? 0 : BIT_ULL(VIRTIO_F_EVENT_IDX));
		(void)virtqueue_enable_cb(vq);
		sg_init_one(&sg, memory, 8);
		assert_int_equal(add_by(2, &sg, memory), 0);
		virtqueue_kick(vq);
		device_returns(packed, 0, 5, 1);
		assert_ptr_equal(get_by(i % 4, &len), memory);
		assert_int_equal(len, 5);
		assert_null(get_by(i % 4, &len));
		assert_int_equal(end(), 0);
	}
}

/* Two lists of two entries, the first for the device to read. */
static int add_four(struct scatterlist sg[4], void *token)
{
	struct scatterlist *sgs[2] = {sg, sg + 2};

	return virtqueue_add_sgs(vq, sgs, 1, 1, token, GFP_ATOMIC);
}

static void make_four(struct scatterlist sg[4])
{
	sg_init_table(sg, 2);
	sg_init_table(sg + 2, 2);
	for (unsigned int i = 0; i < 4; i++)
		sg_set_buf(&sg[i], memory + 8 * i, 8);
}

static void a_chain_with_a_piece_that_is_none_is_refused_whole(void **state)
{
	struct scatterlist sg[4], *none[1] = {sg};

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		make(i & 1, i & 2 ? BIT_ULL(VIRTIO_F_INDIRECT_DESC) : 0);
		vq->direct_max = i & 2 ? 1 : 4;
		for (unsigned int bad = 0; bad < 4; bad++) {
			make_four(sg);
			sg[bad].length = 0;
			assert_int_equal(add_four(sg, memory), -EINVAL);
			make_four(sg);
			sg_set_buf(&sg[bad], NULL, 8);
			assert_int_equal(add_four(sg, memory), -EINVAL);
			make_four(sg); /* 2.7.5.2: 2^32 bytes in all */
			sg[bad].length = UINT32_MAX;
			assert_int_equal(add_four(sg, memory), -EINVAL);
		}
		make_four(sg);
		assert_int_equal(add_four(sg, NULL), -EINVAL);
		assert_int_equal(virtqueue_add_sgs(vq, none, 0, 0, memory, GFP_ATOMIC), -EINVAL);
		assert_int_equal(virtqueue_add_outbuf(vq, sg, 0, memory, GFP_ATOMIC), -EINVAL);
		assert_int_equal(vq->num_free, SIZE);
		while (!add_four(sg, memory))
			;
		assert_int_equal(add_four(sg, memory), -ENOSPC);
		assert_int_equal(end(), i & 2 ? SIZE : 2);
	}
}

static void ignore_line(void *arg, const char *line)
{
	(*(unsigned int *)arg)++;
	assert_true(strlen(line) < 96);
}

static void a_dump_shows_what_is_asked_for(void **state)
{
	struct scatterlist sg[4];
	unsigned int lines;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		make(i & 1, BIT_ULL(VIRTIO_F_INDIRECT_DESC));
		vq->direct_max = i & 2 ? 1 : 4;
		make_four(sg);
		assert_int_equal(add_four(sg, memory), 0);
		assert_int_equal(add_by(0, sg + 1, memory), 0);
		for (unsigned int max = 0; max < 4; max++) {
			if (max & 1)
				(void)virtqueue_enable_cb(vq);
			else
				virtqueue_disable_cb(vq);
			lines = 0;
			virtqueue_dump(vq, max, ignore_line, &lines);
			assert_int_equal(lines, 3 + MIN(max, 2u));
		}
		assert_int_equal(end(), 2);
	}
}

static void a_broken_queue_says_so(void **state)
{
	struct scatterlist sg;
	unsigned int len, lines = 0;

	(void)state;
	make(false, 0);
	sg_init_one(&sg, memory, 8);
	assert_int_equal(add_by(0, &sg, memory), 0);
	virtqueue_kick(vq);
	device_returns(false, SIZE, 0, 1);
	assert_null(get_by(0, &len));
	virtqueue_dump(vq, 8, ignore_line, &lines);
	assert_int_equal(lines, 4);
	assert_false(virtqueue_notify(vq));
	assert_false(virtqueue_kick(vq));
	assert_true(virtqueue_enable_cb_delayed(vq));
	/* No callback: nobody to tell. */
	assert_int_equal(vring_interrupt(0, vq), IRQ_HANDLED);
	assert_int_equal(vring_interrupt(0, vq), IRQ_HANDLED);
	assert_int_equal(end(), 1);
}

static void a_device_that_cannot_be_notified_breaks_the_queue(void **state)
{
	struct scatterlist sg;

	(void)state;
	make(true, 0);
	assert_int_equal(virtqueue_set_dma_premapped(vq), 0);
	sg_init_one(&sg, memory, 8);
	assert_int_equal(add_by(0, &sg, memory), 0);
	assert_int_equal(virtqueue_set_dma_premapped(vq), -EINVAL); /* too late */
	unreachable = true;
	assert_false(virtqueue_kick(vq));
	unreachable = false;
	assert_true(virtqueue_is_broken(vq));
	assert_int_equal(virtqueue_resize(vq, 3, NULL), -EINVAL);
	assert_int_equal(virtqueue_reset(vq, NULL), -EOPNOTSUPP);
	assert_int_equal(end(), 1);
}

static void names_that_do_not_exist_are_none(void **state)
{
	(void)state;
	assert_null(virtio_feature_name(VIRTIO_ID_BLOCK, 63));
	assert_null(virtio_feature_name(0xffff, 1));
	assert_string_equal(virtio_device_type_name(0xffff), "unknown");
	assert_non_null(virtio_feature_name(0xffff, VIRTIO_F_RING_PACKED));
	for (int i = VIRTIO_STATE_NO_DRIVER; i <= VIRTIO_STATE_FAILED; i++)
		assert_non_null(virtio_state_name((enum virtio_state)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_buffer_that_is_none_is_refused),
		TEST(a_lie_breaks_the_queue_on_the_short_way_too),
		TEST(a_length_without_the_write_flag_does_no_harm),
		TEST(a_prepared_buffer_goes_there_and_back_with_what_was_changed),
		TEST(a_prepared_buffer_goes_into_a_split_ring_while_half_of_it_is_free),
		TEST(a_device_cannot_write_more_than_was_prepared),
		TEST(what_cannot_be_prepared_is_refused),
		TEST(a_table_made_on_demand_serves_again),
		TEST(a_queue_that_breaks_while_it_is_drained_has_no_room),
		TEST(a_buffer_comes_back_by_each_call),
		TEST(a_chain_with_a_piece_that_is_none_is_refused_whole),
		TEST(a_dump_shows_what_is_asked_for),
		TEST(a_broken_queue_says_so),
		TEST(a_device_that_cannot_be_notified_breaks_the_queue),
		TEST(names_that_do_not_exist_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
