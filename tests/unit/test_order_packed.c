/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of the packed ring's stores and loads. */
#define ORDER_SOURCE "virtio/vring_packed_short.c"
#include "tests/unit/order_bench.h"

#define PACKED BIT_ULL(VIRTIO_F_RING_PACKED)

static uint16_t flags_of(unsigned int i)
{
	return le16_to_cpu(to_vvq(vq)->pkd.desc[i].flags);
}

/* The store barrier finds two buffers written, but for the flags that open the way to them. */
static void buffers_without_first_flags(const char *kind)
{
	const struct vring_packed_desc *desc = to_vvq(vq)->pkd.desc;

	if (strcmp(kind, "wmb") != 0)
		return;
	assert_int_equal(flags_of(0), 0);
	assert_int_equal(le64_to_cpu(desc[0].addr), (uintptr_t)memory);
	for (unsigned int i = 1; i < 4; i++) {
		assert_int_equal(le32_to_cpu(desc[i].len), 8);
		assert_true(flags_of(i) & VRING_PACKED_DESC_F_AVAIL);
	}
}

/* 2.8.21.1.1#1, 2.8.17#6 */
static void the_first_flags_follow_everything_else_behind_a_barrier(void **state)
{
	(void)state;
	make(PACKED);
	hook = buffers_without_first_flags;
	add_two();
	add_two();
	(void)virtqueue_kick_prepare(vq);
	assert_int_equal(wmbs, 1);
	assert_int_equal(flags_of(0), VRING_PACKED_DESC_F_AVAIL | VRING_DESC_F_NEXT);
	end();
}

/* What the device asks for changes as late as at the barrier, and still counts. */
static void device_changes_its_mind(const char *kind)
{
	if (strcmp(kind, "mb") != 0)
		return;
	assert_true(flags_of(0) & VRING_PACKED_DESC_F_AVAIL);
	((struct vring_packed_event *)(uintptr_t)to_vvq(vq)->pkd.device_event)->flags =
		cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE);
}

/* 2.8.21.3.1#1, 6.1#7 */
static void the_devices_wish_is_read_behind_a_barrier_after_the_flags(void **state)
{
	static const uint64_t features[] = {0, BIT_ULL(VIRTIO_F_EVENT_IDX),
					    BIT_ULL(VIRTIO_F_ORDER_PLATFORM)};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
		make(PACKED | features[i]);
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
		TEST(the_first_flags_follow_everything_else_behind_a_barrier),
		TEST(the_devices_wish_is_read_behind_a_barrier_after_the_flags),
	};

	return cmocka_run_group_tests_name("order of the packed ring", tests, NULL, NULL);
}
