/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the specification asks of rings, looked up in the ring's own memory: each test names the
 * requirements that it shows (tests/requirements.tsv has them all). There is no reference device
 * here: the memory is read byte by byte as VIRTIO 1.4, 2.7 and 2.8, lay it out, and a device's
 * answers are written there by hand.
 */
#include "tests/unit/test.h"
#include "virtio/virtio.h"

#define SPLIT	   0ull
#define PACKED	   BIT_ULL(VIRTIO_F_RING_PACKED)
#define INDIRECT   BIT_ULL(VIRTIO_F_INDIRECT_DESC)
#define EVENT_IDX  BIT_ULL(VIRTIO_F_EVENT_IDX)
#define IN_ORDER   BIT_ULL(VIRTIO_F_IN_ORDER)
#define NOTIF_DATA BIT_ULL(VIRTIO_F_NOTIFICATION_DATA)

/* The bits of a descriptor's flags. */
#define NEXT	 0x0001u
#define WRITE	 0x0002u
#define TABLE	 0x0004u
#define AVAIL	 0x0080u
#define USED	 0x8000u
#define DESC	 16u /* bytes */
#define MAX_SEGS 64u

/* --- a queue, and its memory as the device sees it ------------------------------------------ */

static struct {
	struct virtio_device vdev;
	struct virtqueue *vq;
	bool packed;
	unsigned int num;
	uint8_t *desc, *driver, *device; /* the three areas */
	unsigned int notified;
	uint32_t data;	   /* of the last notification */
	uint16_t used_idx; /* split */
	unsigned int used_at;
	bool used_wrap; /* packed */
} q;

static char memory[MAX_SEGS * 16];

static uint64_t load(const uint8_t *at, unsigned int width)
{
	uint64_t value = 0;

	while (width-- > 0)
		value = value << 8 | at[width];
	return value;
}

static void store(uint8_t *at, uint64_t value, unsigned int width)
{
	for (; width > 0; width--, value >>= 8)
		*at++ = (uint8_t)value;
}

static bool notify(struct virtqueue *vq)
{
	q.notified++;
	q.data = vring_notification_data(vq);
	return true;
}

static void callback(struct virtqueue *vq)
{
	(void)vq;
}

static void find_areas(void)
{
	q.num = virtqueue_get_vring_size(q.vq);
	q.desc = (uint8_t *)(uintptr_t)virtqueue_get_desc_addr(q.vq);
	q.driver = (uint8_t *)(uintptr_t)virtqueue_get_avail_addr(q.vq);
	q.device = (uint8_t *)(uintptr_t)virtqueue_get_used_addr(q.vq);
	q.used_idx = 0;
	q.used_at = 0;
	q.used_wrap = true;
}

static void make(unsigned int num, uint64_t features)
{
	memset(&q, 0, sizeof(q));
	list_init(&q.vdev.vqs);
	q.vdev.features = features | BIT_ULL(VIRTIO_F_VERSION_1);
	q.packed = features & PACKED;
	q.vq = vring_create_virtqueue(0, num, 64, &q.vdev, false, notify, callback, "queue");
	assert_non_null(q.vq);
	find_areas();
}

static void end(void)
{
	while (virtqueue_detach_unused_buf(q.vq))
		;
	vring_del_virtqueue(q.vq);
}

static int add(unsigned int out, unsigned int in, void *token)
{
	struct scatterlist sg[MAX_SEGS], *lists[2];
	unsigned int n = 0;

	sg_init_table(sg, out + in);
	for (unsigned int i = 0; i < out + in; i++)
		sg_set_buf(&sg[i], memory + 16 * i, 16);
	if (out) {
		sg_mark_end(&sg[out - 1]);
		lists[n++] = sg;
	}
	if (in)
		lists[n++] = sg + out;
	return virtqueue_add_sgs(q.vq, lists, out > 0, in > 0, token, GFP_ATOMIC);
}

/* The parts of descriptor @i of @table. */
static uint64_t addr_of(const uint8_t *table, unsigned int i)
{
	return load(table + DESC * i, 8);
}

static unsigned int len_of(const uint8_t *table, unsigned int i)
{
	return (unsigned int)load(table + DESC * i + 8, 4);
}

static unsigned int flags_of(const uint8_t *table, unsigned int i)
{
	return (unsigned int)load(table + DESC * i + (q.packed ? 14 : 12), 2);
}

static unsigned int next_of(const uint8_t *table, unsigned int i) /* split only */
{
	return (unsigned int)load(table + DESC * i + 14, 2);
}

static const uint8_t *table_of(unsigned int i)
{
	return (const uint8_t *)(uintptr_t)addr_of(q.desc, i);
}

static uint16_t avail_idx(void)
{
	return (uint16_t)load(q.driver + 2, 2);
}

/* The device uses a buffer of @descs descriptors that the ring names @id. */
static void device_use(unsigned int id, unsigned int descs, uint32_t len)
{
	uint8_t *at;

	if (!q.packed) {
		at = q.device + 4 + 8ul * (q.used_idx % q.num);
		store(at, id, 4);
		store(at + 4, len, 4);
		store(q.device + 2, ++q.used_idx, 2);
		return;
	}
	at = q.desc + DESC * q.used_at;
	store(at + 8, len, 4);
	store(at + 12, id, 2);
	store(at + 14, (q.used_wrap ? AVAIL | USED : 0) | (len ? WRITE : 0), 2);
	q.used_at += descs;
	if (q.used_at >= q.num) {
		q.used_at -= q.num;
		q.used_wrap = !q.used_wrap;
	}
}

/* A buffer goes round: added, published, used, taken back. */
static void round_trip(unsigned int out, unsigned int in)
{
	unsigned int len, id;

	assert_int_equal(add(out, in, memory), 0);
	(void)virtqueue_kick(q.vq);
	if (q.packed)
		id = (unsigned int)load(q.desc + DESC * q.used_at + 12, 2);
	else
		id = (unsigned int)load(q.driver + 4 + 2ul * ((uint16_t)(avail_idx() - 1) % q.num),
					2);
	device_use(id, out + in, 0);
	assert_ptr_equal(virtqueue_get_buf(q.vq, &len), memory);
}

/* --- layout ------------------------------------------------------------------------------------- */

/* 2.7.1#1, 2.8.11#1 */
static void every_area_is_aligned(void **state)
{
	(void)state;
	for (unsigned int num = 1; num <= 32768; num = num < 20 ? num + 1 : num * 2) {
		make(num, PACKED);
		assert_int_equal((uintptr_t)q.desc % 16, 0);
		assert_int_equal((uintptr_t)q.driver % 4, 0);
		assert_int_equal((uintptr_t)q.device % 4, 0);
		end();
		if (num & (num - 1))
			continue;
		make(num, SPLIT);
		assert_int_equal((uintptr_t)q.desc % 16, 0);
		assert_int_equal((uintptr_t)q.driver % 2, 0);
		assert_int_equal((uintptr_t)q.device % 4, 0);
		end();
	}
}

static void recycle(struct virtqueue *vq, void *data)
{
	(void)vq;
	(void)data;
}

static int reset_by_hand(struct virtqueue *vq)
{
	(void)vq;
	return 0;
}

/* 2.7.10.1#1: made anew, or given back after a reset. */
static void the_used_ring_starts_with_flags_of_zero(void **state)
{
	static const struct virtio_config_ops ops = {.reset_vq = reset_by_hand,
						     .enable_vq = reset_by_hand};

	(void)state;
	make(8, BIT_ULL(VIRTIO_F_RING_RESET));
	assert_int_equal(load(q.device, 2), 0);
	q.vdev.config = &ops;
	memset(q.device, 0xff, 6 + 8 * 8);
	assert_int_equal(virtqueue_reset(q.vq, recycle), 0);
	assert_int_equal(load(q.device, 2), 0);
	assert_int_equal(load(q.device + 2, 2), 0);
	end();
}

/* --- the form of a chain ------------------------------------------------------------------------ */

/* Of @table, entries from @i on: @out readable ones, then @in writable, one for each piece. */
static void check_pieces(const uint8_t *table, unsigned int i, unsigned int out, unsigned int in)
{
	for (unsigned int n = 0; n < out + in; n++, i++) {
		assert_int_equal(flags_of(table, i) & WRITE, n < out ? 0 : WRITE);
		assert_int_equal(addr_of(table, i), (uintptr_t)memory + 16 * n);
		assert_int_equal(len_of(table, i), 16);
	}
}

/* 2.7.4.2#1, 2.7.4.2#2, 2.8.17#3 */
static void writable_pieces_come_last_and_each_takes_one_descriptor(void **state)
{
	static const uint64_t formats[] = {SPLIT, PACKED, SPLIT | INDIRECT, PACKED | INDIRECT};

	(void)state;
	for (unsigned int f = 0; f < ARRAY_SIZE(formats); f++) {
		make(16, formats[f]);
		q.vq->direct_max = 1;
		assert_int_equal(add(2, 3, memory), 0);
		(void)virtqueue_kick(q.vq);
		if (formats[f] & INDIRECT)
			check_pieces(table_of(0), 0, 2, 3);
		else
			check_pieces(q.desc, 0, 2, 3);
		assert_int_equal(q.vq->num_free, formats[f] & INDIRECT ? 15 : 11);
		end();
	}
}

/* 6.1#4: where no backend translates, a device gets the addresses that memory has. */
static void without_translation_the_device_gets_physical_addresses(void **state)
{
	(void)state;
	for (uint64_t format = SPLIT; format <= PACKED; format += PACKED) {
		make(8, format);
		assert_int_equal(add(1, 1, memory), 0);
		check_pieces(q.desc, 0, 1, 1);
		end();
	}
}

/* 2.7.5.2#2 */
static void in_order_each_descriptor_links_to_its_neighbour(void **state)
{
	unsigned int links = 0;

	(void)state;
	make(8, IN_ORDER);
	for (unsigned int n = 0; n < 40; n++) {
		round_trip(1 + n % 3, n % 2);
		for (unsigned int i = 0; i < 8; i++) {
			if (!(flags_of(q.desc, i) & NEXT))
				continue;
			assert_int_equal(next_of(q.desc, i), (i + 1) % 8);
			links++;
		}
	}
	assert_true(links > 40);
	end();
}

/* 2.7.5.3.1#5 */
static void in_order_a_table_is_filled_from_its_start(void **state)
{
	(void)state;
	make(8, IN_ORDER | INDIRECT);
	q.vq->direct_max = 1;
	assert_int_equal(add(3, 3, memory), 0);
	assert_int_equal(flags_of(q.desc, 0), TABLE);
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(flags_of(table_of(0), i) & NEXT);
		assert_int_equal(next_of(table_of(0), i), i + 1);
	}
	end();
}

/* 2.7.5.3.1#1, 2.8.19#1 */
static void no_tables_without_the_feature(void **state)
{
	(void)state;
	for (uint64_t format = SPLIT; format <= PACKED; format += PACKED) {
		make(32, format);
		q.vq->direct_max = 1;
		assert_int_equal(add(8, 8, memory), 0);
		assert_int_equal(add(4, 4, memory + 1), 0);
		(void)virtqueue_kick(q.vq);
		for (unsigned int i = 0; i < 24; i++)
			assert_int_equal(flags_of(q.desc, i) & TABLE, 0);
		end();
	}
}

/* 2.7.5.3.1#2, 2.7.5.3.1#4: a table refers to no other, and stands for a whole chain. */
static void a_split_table_is_alone_and_has_no_other_within(void **state)
{
	(void)state;
	make(8, INDIRECT);
	q.vq->direct_max = 1;
	assert_int_equal(add(4, 4, memory), 0);
	assert_int_equal(flags_of(q.desc, 0), TABLE);
	assert_int_equal(len_of(q.desc, 0), 8 * DESC);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(flags_of(table_of(0), i),
				 (i < 7 ? NEXT : 0) | (i < 4 ? 0 : WRITE));
	end();
}

/* 2.8.19#2, 2.8.19#4 */
static void a_packed_table_is_alone_and_has_no_flag_but_write(void **state)
{
	(void)state;
	make(8, PACKED | INDIRECT);
	q.vq->direct_max = 1;
	assert_int_equal(add(4, 4, memory), 0);
	(void)virtqueue_kick(q.vq);
	assert_int_equal(flags_of(q.desc, 0), TABLE | AVAIL);
	assert_int_equal(len_of(q.desc, 0), 8 * DESC);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(flags_of(table_of(0), i), i < 4 ? 0 : WRITE);
	end();
}

/* 2.7.5.3.1#3, 2.8.17#1, 2.8.17#2, 2.8.19#3: a table is no way around the limit. */
static void a_list_is_never_longer_than_the_queue(void **state)
{
	static const uint64_t formats[] = {SPLIT, PACKED, SPLIT | INDIRECT, PACKED | INDIRECT};

	(void)state;
	for (unsigned int f = 0; f < ARRAY_SIZE(formats); f++) {
		make(4, formats[f]);
		assert_int_equal(add(3, 2, memory), -ENOSPC);
		assert_int_equal(add(5, 0, memory), -ENOSPC);
		assert_int_equal(add(2, 2, memory), 0);
		end();
	}
}

/* 2.7.5.2#1 */
static void a_chain_holds_no_more_than_4_gib(void **state)
{
	struct scatterlist sg[2];

	(void)state;
	for (uint64_t format = SPLIT; format <= PACKED; format += PACKED) {
		make(4, format);
		sg_init_table(sg, 2);
		sg_set_buf(&sg[0], memory, UINT32_MAX);
		sg_set_buf(&sg[1], memory, 2);
		assert_int_equal(virtqueue_add_inbuf(q.vq, sg, 2, memory, GFP_ATOMIC), -EINVAL);
		assert_int_equal(q.vq->num_free, 4);
		end();
	}
}

/* 2.8.17#4, 2.8.17#5: of what does not fit as a whole nothing is available. */
static void a_list_that_does_not_fit_is_not_begun(void **state)
{
	uint8_t before[2 * DESC];

	(void)state;
	make(4, PACKED);
	assert_int_equal(add(1, 1, memory), 0);
	(void)virtqueue_kick(q.vq);
	memcpy(before, q.desc, sizeof(before));
	assert_int_equal(add(1, 2, memory + 1), -ENOSPC);
	(void)virtqueue_kick(q.vq);
	assert_memory_equal(q.desc, before, sizeof(before));
	for (unsigned int i = 2; i < 4; i++)
		assert_int_not_equal(flags_of(q.desc, i) & (AVAIL | USED), AVAIL);
	/* Nor does it come to life with the next buffer. */
	assert_int_equal(add(1, 0, memory + 2), 0);
	(void)virtqueue_kick(q.vq);
	assert_int_equal(flags_of(q.desc, 2) & (AVAIL | USED), AVAIL);
	assert_int_not_equal(flags_of(q.desc, 3) & (AVAIL | USED), AVAIL);
	end();
}

/* 2.8.17#6: a list lies open to the device with its first descriptor, which comes last. */
static void a_list_begins_to_be_available_only_as_a_whole(void **state)
{
	(void)state;
	make(8, PACKED);
	assert_int_equal(add(3, 0, memory), 0);
	assert_int_equal(flags_of(q.desc, 0) & (AVAIL | USED), USED); /* not in this round */
	assert_int_equal(flags_of(q.desc, 1), AVAIL | NEXT);
	assert_int_equal(flags_of(q.desc, 2), AVAIL);
	(void)virtqueue_kick(q.vq);
	assert_int_equal(flags_of(q.desc, 0), AVAIL | NEXT);
	end();
}

/* --- what the device has is not touched ---------------------------------------------------------- */

/* 2.7.6.1#1 */
static void the_available_index_only_grows(void **state)
{
	uint32_t random = 1;

	(void)state;
	make(8, SPLIT);
	for (unsigned int n = 0; n < 70000; n++) {
		uint16_t before = avail_idx();
		unsigned int chain = 1 + test_random(&random) % 3;

		round_trip(chain, 0);
		assert_int_equal((uint16_t)(avail_idx() - before), 1);
		assert_int_equal(add(9, 0, memory), -ENOSPC); /* nor does what fails */
		assert_int_equal((uint16_t)(avail_idx() - before), 1);
	}
	end();
}

/* What the device was given stays as it is while others come and go. The buffers are of one
 * descriptor; the device uses every other one, so that the rest stays. */
static void keep_exposed(uint64_t format)
{
	uint8_t exposed[8 * DESC];
	unsigned int len;

	make(8, format);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(add(1, 0, memory + i), 0);
	(void)virtqueue_kick(q.vq);
	memcpy(exposed, q.desc, sizeof(exposed));
	for (unsigned int i = 4; i < 8; i++)
		assert_int_equal(add(1, 0, memory + i), 0);
	assert_memory_equal(q.desc, exposed, 4 * DESC);
	(void)virtqueue_kick(q.vq);
	assert_int_equal(add(1, 0, memory + 8), -ENOSPC);
	assert_memory_equal(q.desc, exposed, 4 * DESC);
	/* One comes back: the only one that the next buffer may take. */
	memcpy(exposed, q.desc, sizeof(exposed));
	device_use(q.packed ? (unsigned int)load(q.desc + 12, 2) : 0, 1, 0);
	assert_non_null(virtqueue_get_buf(q.vq, &len));
	assert_int_equal(add(1, 0, memory + 9), 0);
	(void)virtqueue_kick(q.vq);
	assert_memory_equal(q.desc + DESC, exposed + DESC, 7 * DESC);
	end();
}

/* 3.3.1#1 */
static void exposed_split_descriptors_are_left_alone(void **state)
{
	(void)state;
	keep_exposed(SPLIT);
}

/* 2.8.16#1, 2.8.16#2, 3.3.1#1 */
static void exposed_packed_descriptors_are_left_alone(void **state)
{
	(void)state;
	keep_exposed(PACKED);
}

/* --- interrupts asked for --------------------------------------------------------------------------- */

/* 2.7.7.1#1, 2.7.7.1#2 */
static void without_event_index_the_flag_says_whether_interrupts_are_wanted(void **state)
{
	(void)state;
	make(8, SPLIT);
	assert_int_equal(load(q.driver, 2), 0);
	virtqueue_disable_cb(q.vq);
	assert_int_equal(load(q.driver, 2), 1);
	round_trip(1, 1);
	assert_int_equal(load(q.driver, 2), 1);
	assert_true(virtqueue_enable_cb(q.vq));
	assert_int_equal(load(q.driver, 2), 0);
	assert_true(virtqueue_enable_cb_delayed(q.vq));
	assert_int_equal(load(q.driver, 2), 0);
	end();
}

/* 2.7.7.1#3, 2.7.7.1#4 */
static void with_event_index_the_flag_stays_zero(void **state)
{
	(void)state;
	make(8, EVENT_IDX);
	assert_int_equal(load(q.driver, 2), 0);
	virtqueue_disable_cb(q.vq);
	assert_int_equal(load(q.driver, 2), 0);
	round_trip(1, 1);
	assert_true(virtqueue_enable_cb(q.vq));
	assert_int_equal(load(q.driver, 2), 0);
	assert_int_equal(load(q.driver + 4 + 2 * 8, 2), 1); /* used_event: the next one */
	assert_true(virtqueue_enable_cb_delayed(q.vq));
	assert_int_equal(load(q.driver, 2), 0);
	end();
}

/* 2.7.7.1#5 */
static void a_spurious_interrupt_does_nothing(void **state)
{
	(void)state;
	for (uint64_t format = SPLIT; format <= PACKED; format += PACKED) {
		make(8, format);
		assert_int_equal(add(1, 1, memory), 0);
		assert_int_equal(vring_interrupt(0, q.vq), IRQ_NONE);
		assert_int_equal(virtqueue_get_stats(q.vq).spurious, 1);
		assert_false(virtqueue_is_broken(q.vq));
		end();
	}
}

/* --- notifications --------------------------------------------------------------------------------- */

/* Whether a kick for one buffer notifies, with the device's flags and avail_event as given. */
static bool kick_notifies(unsigned int flags, unsigned int event)
{
	unsigned int before = q.notified;

	store(q.device, flags, 2);
	store(q.device + 4 + 8ul * q.num, event, 2);
	round_trip(1, 0);
	return q.notified != before;
}

/* 2.7.10.1#2, 2.7.10.1#3, 2.7.10.1#4 */
static void without_event_index_only_the_flag_counts(void **state)
{
	(void)state;
	make(8, SPLIT);
	for (unsigned int n = 0; n < 100; n++) {
		assert_true(kick_notifies(0, n * 1000));
		assert_false(kick_notifies(1, n * 1000));
		assert_false(kick_notifies(1, avail_idx()));
	}
	end();
}

/* 2.7.10.1#5, 2.7.10.1#6, 2.7.10.1#7: all places, across the wrap of the index too. */
static void with_event_index_only_the_event_counts(void **state)
{
	(void)state;
	make(8, EVENT_IDX);
	for (unsigned int n = 0; n < 66000; n++) {
		unsigned int other = avail_idx() + 1 + n % 65535;

		assert_false(kick_notifies(n & 1, other & 0xffff));
		assert_true(kick_notifies(n & 1, avail_idx()));
	}
	end();
}

/* 2.8.16#3: and of a split ring, the available index (4.2.3.3). */
static void a_notification_says_where_the_next_buffer_will_be(void **state)
{
	(void)state;
	make(5, PACKED | NOTIF_DATA);
	for (unsigned int n = 1; n < 100; n++) {
		round_trip(1, 0);
		assert_int_equal(q.notified, n);
		assert_int_equal(q.data >> 16, n % 5 | ((n / 5) % 2 ? 0 : 0x8000));
		assert_int_equal(q.data & 0xffff, 0);
	}
	end();
	make(8, NOTIF_DATA);
	for (unsigned int n = 1; n < 66000; n++) {
		round_trip(1, 0);
		assert_int_equal(q.data, (n & 0xffff) << 16);
	}
	end();
}

/* 2.8.16#3: what was added after the kick was prepared is not available yet, and not announced. */
static void a_notification_does_not_speak_of_what_is_not_published(void **state)
{
	(void)state;
	for (uint64_t format = SPLIT; format <= PACKED; format += PACKED) {
		make(4, format | NOTIF_DATA);
		assert_int_equal(add(3, 0, memory), 0);
		assert_true(virtqueue_kick_prepare(q.vq));
		assert_int_equal(add(1, 0, memory + 1), 0);
		assert_true(virtqueue_notify(q.vq));
		assert_int_equal(q.data >> 16, q.packed ? 3 | 0x8000 : 1);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_area_is_aligned),
		TEST(the_used_ring_starts_with_flags_of_zero),
		TEST(writable_pieces_come_last_and_each_takes_one_descriptor),
		TEST(without_translation_the_device_gets_physical_addresses),
		TEST(in_order_each_descriptor_links_to_its_neighbour),
		TEST(in_order_a_table_is_filled_from_its_start),
		TEST(no_tables_without_the_feature),
		TEST(a_split_table_is_alone_and_has_no_other_within),
		TEST(a_packed_table_is_alone_and_has_no_flag_but_write),
		TEST(a_list_is_never_longer_than_the_queue),
		TEST(a_chain_holds_no_more_than_4_gib),
		TEST(a_list_that_does_not_fit_is_not_begun),
		TEST(a_list_begins_to_be_available_only_as_a_whole),
		TEST(the_available_index_only_grows),
		TEST(exposed_split_descriptors_are_left_alone),
		TEST(exposed_packed_descriptors_are_left_alone),
		TEST(without_event_index_the_flag_says_whether_interrupts_are_wanted),
		TEST(with_event_index_the_flag_stays_zero),
		TEST(a_spurious_interrupt_does_nothing),
		TEST(without_event_index_only_the_flag_counts),
		TEST(with_event_index_only_the_event_counts),
		TEST(a_notification_says_where_the_next_buffer_will_be),
		TEST(a_notification_does_not_speak_of_what_is_not_published),
	};

	return cmocka_run_group_tests_name("requirements", tests, NULL, NULL);
}
