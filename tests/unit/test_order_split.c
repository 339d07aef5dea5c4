/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of the split ring's stores and loads. */
#define ORDER_SOURCE "virtio/vring_split_short.c"
#include "tests/unit/order_bench.h"

/* The store barrier finds all of the buffer written and its index not yet. */
static void buffer_without_index(const char *kind)
{
	const struct vring_split *s = &to_vvq(vq)->split;

	if (strcmp(kind, "wmb") != 0)
		return;
	assert_int_equal(s->avail->idx, 0);
	assert_int_equal(le16_to_cpu(s->avail->ring[0]), 0);
	assert_int_equal(le64_to_cpu(s->desc[0].addr), (uintptr_t)memory);
	assert_int_equal(le16_to_cpu(s->desc[0].flags), VRING_DESC_F_NEXT);
	assert_int_equal(le32_to_cpu(s->desc[1].len), 8);
	assert_int_equal(le16_to_cpu(s->desc[1].flags), 0);
}

/* 2.7.13.3.1#1 */
static void the_index_follows_the_buffer_behind_a_barrier(void **state)
{
	(void)state;
	make(0);
	hook = buffer_without_index;
	add_two();
	(void)virtqueue_kick_prepare(vq);
	assert_int_equal(wmbs, 1);
	assert_int_equal(le16_to_cpu(to_vvq(vq)->split.avail->idx), 1);
	end();
}

/* What the device asks for changes as late as at the barrier, and still counts. */
static void device_changes_its_mind(const char *kind)
{
	struct vring_split *s = &to_vvq(vq)->split;

	if (strcmp(kind, "mb") != 0)
		return;
	assert_int_equal(le16_to_cpu(s->avail->idx), 1);
	s->used->flags = cpu_to_le16(VRING_USED_F_NO_NOTIFY);
	*(uint16_t *)(uintptr_t)s->avail_event = cpu_to_le16(7);
}

/* 2.7.13.4.1#1, 6.1#7 */
static void the_devices_wish_is_read_behind_a_barrier_after_the_index(void **state)
{
	static const uint64_t features[] = {0, BIT_ULL(VIRTIO_F_EVENT_IDX),
					    BIT_ULL(VIRTIO_F_ORDER_PLATFORM)};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
		make(features[i]);
		add_two();
		assert_int_equal(mbs, 0);
		hook = device_changes_its_mind;
		assert_false(virtqueue_kick_prepare(vq)); /* before, it wanted one */
		assert_int_equal(mbs, 1);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_index_follows_the_buffer_behind_a_barrier),
		TEST(the_devices_wish_is_read_behind_a_barrier_after_the_index),
	};

	return cmocka_run_group_tests_name("order of the split ring", tests, NULL, NULL);
}
