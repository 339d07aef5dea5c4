/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists in order. */
#include "lib/list.h"
#include "tests/unit/test.h"

#define NODES 1000u

struct item {
	unsigned int key, number;
	struct list_head node;
};

static struct item items[NODES];

static unsigned int key_of(const struct list_head *node)
{
	return list_entry(node, const struct item, node)->key;
}

static bool greater(const struct list_head *a, const struct list_head *b)
{
	return key_of(a) > key_of(b);
}

/* Sorts the first @count items, whose keys are below @keys, and looks whether all are there and in order. */
static void sort(unsigned int count, unsigned int keys)
{
	static uint32_t seed = 1;
	struct list_head head = LIST_HEAD_INIT(head);
	const struct item *item, *last = NULL;
	unsigned int found = 0;

	for (unsigned int i = 0; i < count; i++) {
		seed = seed * 1664525u + 1013904223u;
		items[i].key = (seed >> 8) % keys;
		items[i].number = i;
		list_add_tail(&items[i].node, &head);
	}
	list_sort(&head, greater);
	list_for_each_entry (item, &head, node) {
		assert_ptr_equal(item->node.next->prev, &item->node);
		assert_true(!last || last->key < item->key ||
			    (last->key == item->key && last->number < item->number));
		last = item;
		found++;
	}
	assert_int_equal(found, count);
}

static void lists_of_any_length_are_sorted(void **state)
{
	(void)state;
	for (unsigned int count = 0; count < 70; count++)
		sort(count, 1000000);
	sort(NODES, 1000000);
}

static void equals_keep_their_order(void **state)
{
	(void)state;
	for (unsigned int count = 0; count < 70; count++)
		sort(count, 3);
	sort(NODES, 1);
	sort(NODES, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_any_length_are_sorted),
		cmocka_unit_test(equals_keep_their_order),
	};

	return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
