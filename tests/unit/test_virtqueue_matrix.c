/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every combination of what two sides can agree on (ring format, indirect tables, event index, in
 * order, notification data, the legacy layout), each with its ways to reach memory, with small and
 * large rings, under random operations that vq_model.c checks step by step.
 */
#include "tests/unit/test.h"
#include "tests/unit/vq_model.h"

static const unsigned int bits[] = {
	VIRTIO_F_RING_PACKED, VIRTIO_F_INDIRECT_DESC,	  VIRTIO_F_EVENT_IDX,
	VIRTIO_F_IN_ORDER,    VIRTIO_F_NOTIFICATION_DATA,
};

#define COMBINATIONS BIT(ARRAY_SIZE(bits))

/* The @n-th combination; those with the legacy layout come last. Returns false after the last. */
static bool combination(unsigned int n, struct vq_case *c)
{
	unsigned int i;

	*c = (struct vq_case){.features = BIT_ULL(VIRTIO_F_RING_RESET)};
	if (n >= COMBINATIONS + 4)
		return false;
	if (n >= COMBINATIONS) {
		c->legacy = true;
		c->features = 0;
		n = (n - COMBINATIONS) << 1;
	}
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (n & BIT(i))
			c->features |= BIT_ULL(bits[i]);
	return true;
}

static bool packed(const struct vq_case *c)
{
	return c->features & BIT_ULL(VIRTIO_F_RING_PACKED);
}

static void run(const struct vq_case *c, uint32_t seed, unsigned int steps)
{
	assert_true(vq_model_make(c, seed));
	vq_model_run(steps);
	if (violation_count())
		fail_msg("%s: %s", vq_model_name(), violation_first());
	vq_model_end();
	if (violation_count())
		fail_msg("%s: %s", vq_model_name(), violation_first());
}

static void every_combination(enum vq_memory memory)
{
	static const unsigned int split_sizes[] = {1, 4, 16, 128};
	static const unsigned int packed_sizes[] = {1, 5, 16, 100};
	static const unsigned int direct_max[] = {1, 0, 64};
	unsigned int n, i, j;
	struct vq_case c;

	for (n = 0; combination(n, &c); n++) {
		c.memory = memory;
		for (i = 0; i < ARRAY_SIZE(split_sizes); i++) {
			for (j = 0; j < ARRAY_SIZE(direct_max); j++) {
				c.num = packed(&c) ? packed_sizes[i] : split_sizes[i];
				c.direct_max = direct_max[j];
				c.max_pieces = j == 1 ? 24 : 8; /* beyond the pool's tables, too */
				run(&c, 1 + n * 100 + i * 10 + j,
				    memory == VQ_DIRECT ? 4000 : 2000);
			}
		}
	}
}

static void every_combination_agrees_with_the_model(void **state)
{
	(void)state;
	every_combination(VQ_DIRECT);
}

static void every_combination_agrees_in_a_dma_address_space(void **state)
{
	(void)state;
	every_combination(VQ_MAPPED);
}

static void every_combination_agrees_with_premapped_buffers(void **state)
{
	(void)state;
	every_combination(VQ_PREMAPPED);
}

/* Indexes of 16 bits, and rounds of a packed ring of any size, past their wrap. */
static void every_combination_survives_the_wrap_at_65536(void **state)
{
	static const unsigned int packed_sizes[] = {3, 64, 5, 100};
	struct vq_case c;
	unsigned int n;

	(void)state;
	for (n = 0; combination(n, &c); n++) {
		c.num = packed(&c) ? packed_sizes[n / 2 % 4] : 2u << n / 2 % 4;
		assert_true(vq_model_make(&c, n));
		vq_model_turn(65530 - n);
		vq_model_run(4000);
		vq_model_turn(1000);
		vq_model_end();
		if (violation_count())
			fail_msg("%s: %s", vq_model_name(), violation_first());
	}
}

static void every_size_is_filled_and_emptied(void **state)
{
	static const unsigned int sizes[] = {1,	   2,	  3,	 4,	5,    7,    8,
					     16,   100,	  128,	 255,	1000, 1024, 4095,
					     8192, 10007, 16384, 32767, 32768};
	unsigned int n, i, round;
	struct vq_case c;

	(void)state;
	for (n = 0; combination(n, &c); n += 3) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			c.num = sizes[i];
			c.memory = c.num < 2000 ? VQ_MAPPED : VQ_DIRECT;
			if (!packed(&c) && (c.num & (c.num - 1))) {
				assert_false(vq_model_make(&c, 1));
				dma_test_direct(false);
				continue;
			}
			assert_true(vq_model_make(&c, n + i));
			for (round = 0; round < 3; round++) {
				vq_model_fill();
				vq_model_turn(2); /* begin elsewhere */
			}
			vq_model_end();
			if (violation_count())
				fail_msg("%s: %s", vq_model_name(), violation_first());
		}
	}
}

static void it_was_millions_of_operations(void **state)
{
	(void)state;
	print_message("%lu operations\n", vq_model_operations());
	assert_true(vq_model_operations() > 3000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_combination_agrees_with_the_model),
		TEST(every_combination_agrees_in_a_dma_address_space),
		TEST(every_combination_agrees_with_premapped_buffers),
		TEST(every_combination_survives_the_wrap_at_65536),
		TEST(every_size_is_filled_and_emptied),
		TEST(it_was_millions_of_operations),
	};

	return cmocka_run_group_tests_name("virtqueue_matrix", tests, NULL, NULL);
}
