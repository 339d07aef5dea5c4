/* SPDX-License-Identifier: BSD-2-Clause */
/* What is removed while somebody holds it is freed when the last holder lets go, and once. */
#include "tests/unit/test.h"
#include "lib/reclaim.h"
#include "lib/util.h"

struct object {
	int value;
	struct reclaim reclaim;
};

static unsigned int freed;

static void free_object(struct reclaim *reclaim)
{
	free(container_of(reclaim, struct object, reclaim));
	freed++;
}

static struct object *make(int value)
{
	struct object *object = calloc(1, sizeof(*object));

	assert_non_null(object);
	object->value = value;
	return object;
}

static int setup(void **state)
{
	(void)state;
	freed = 0;
	return 0;
}

static void what_nobody_holds_is_freed_at_once(void **state)
{
	(void)state;
	reclaim_later(&make(1)->reclaim, free_object);
	assert_int_equal(freed, 1);
}

static void what_is_held_stays_until_the_last_lets_go(void **state)
{
	struct object *objects[10];

	(void)state;
	reclaim_hold();
	reclaim_hold();
	for (int i = 0; i < 10; i++) {
		objects[i] = make(i);
		reclaim_later(&objects[i]->reclaim, free_object);
	}
	reclaim_release();
	assert_int_equal(freed, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(objects[i]->value, i);
	reclaim_release();
	assert_int_equal(freed, 10);
	/* And never again. */
	reclaim_hold();
	reclaim_release();
	assert_int_equal(freed, 10);
}

/* Freeing one may remove another. */
static struct object *next;

static void free_and_remove(struct reclaim *reclaim)
{
	struct object *other = next;

	next = NULL;
	free_object(reclaim);
	if (other)
		reclaim_later(&other->reclaim, free_object);
}

static void what_is_removed_by_the_freeing_is_freed_as_well(void **state)
{
	(void)state;
	next = make(2);
	reclaim_hold();
	reclaim_later(&make(1)->reclaim, free_and_remove);
	assert_int_equal(freed, 0);
	reclaim_release();
	assert_int_equal(freed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_nobody_holds_is_freed_at_once, setup),
		cmocka_unit_test_setup(what_is_held_stays_until_the_last_lets_go, setup),
		cmocka_unit_test_setup(what_is_removed_by_the_freeing_is_freed_as_well, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
