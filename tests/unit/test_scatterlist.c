/* SPDX-License-Identifier: BSD-2-Clause */
/* Scatterlists: where a list ends, and that its entries say what they were told. */
#include "tests/unit/test.h"
#include "lib/scatterlist.h"

static void a_table_ends_at_its_last_entry(void **state)
{
	struct scatterlist sg[5];
	unsigned int n;

	(void)state;
	for (n = 1; n <= 5; n++) {
		memset(sg, 0xff, sizeof(sg));
		sg_init_table(sg, n);
		assert_int_equal(sg_nents(sg), n);
		assert_null(sg_next(&sg[n - 1]));
	}
}

static void the_walk_visits_each_entry_in_order(void **state)
{
	struct scatterlist sg[3], *pos;
	char buf[30];
	unsigned int i = 0;

	(void)state;
	sg_init_table(sg, 3);
	for (i = 0; i < 3; i++)
		sg_set_buf(&sg[i], buf + 10 * i, 10 - i);
	i = 0;
	for_each_sg (sg, pos) {
		assert_ptr_equal(pos->addr, buf + 10 * i);
		assert_int_equal(pos->length, 10 - i);
		i++;
	}
	assert_int_equal(i, 3);
	for_each_sg (NULL, pos)
		fail();
}

static void one_entry_is_a_list(void **state)
{
	struct scatterlist sg;
	char buf[7];

	(void)state;
	memset(&sg, 0xff, sizeof(sg));
	sg_init_one(&sg, buf, sizeof(buf));
	assert_int_equal(sg_nents(&sg), 1);
	assert_ptr_equal(sg.addr, buf);
	assert_int_equal(sg.length, 7);
	assert_int_equal(sg.dma_address, 0);
	assert_int_equal(sg_nents(NULL), 0);
}

static void the_end_mark_survives_a_new_buffer(void **state)
{
	struct scatterlist sg[4];
	char buf[4];

	(void)state;
	sg_init_table(sg, 4);
	sg_mark_end(&sg[1]);
	sg_set_buf(&sg[1], buf, 4);
	assert_int_equal(sg_nents(sg), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_ends_at_its_last_entry),
		TEST(the_walk_visits_each_entry_in_order),
		TEST(one_entry_is_a_list),
		TEST(the_end_mark_survives_a_new_buffer),
	};

	return cmocka_run_group_tests_name("scatterlist", tests, NULL, NULL);
}
