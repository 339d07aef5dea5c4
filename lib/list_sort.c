/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merge sort without recursion. Sorted lists of 1, 2, 4 ... nodes are kept in bins, as the bits of a number
 * that counts the nodes: one more node carries through all bins that are full.
 */
#include "lib/list.h"

#define BINS 32u

/* Moves all of @later, whose nodes came after those of @list, to where they belong in it. */
static void merge(struct list_head *list, struct list_head *later,
		  bool (*after)(const struct list_head *a, const struct list_head *b))
{
	struct list_head *at = list->next;

	while (!list_empty(later)) {
		struct list_head *node = later->next;

		while (at != list && !after(at, node))
			at = at->next;
		list_del(node);
		list_add_tail(node, at);
	}
}

void list_sort(struct list_head *head,
	       bool (*after)(const struct list_head *a, const struct list_head *b))
{
	struct list_head bins[BINS];
	unsigned int used = 0, i;

	while (!list_empty(head)) {
		struct list_head carry = LIST_HEAD_INIT(carry), *node = head->next;

		list_del(node);
		list_add_tail(node, &carry);
		for (i = 0; i < used && i < BINS - 1 && !list_empty(&bins[i]); i++) {
			merge(&bins[i], &carry, after);
			list_splice_tail_init(&bins[i], &carry);
		}
		if (i == used)
			list_init(&bins[used++]);
		list_splice_tail_init(&carry, &bins[i]);
	}
	for (i = 0; i < used; i++) {
		merge(&bins[i], head, after);
		list_splice_tail_init(&bins[i], head);
	}
}
