/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One CPU, and all callers in thread context: the only thing that comes in the middle of a holder is a work item, which is
 * over before the holder goes on. So a count and a list will do.
 */
#include <stddef.h>
#include "lib/reclaim.h"

static unsigned int holders;
static struct reclaim *waiting;

void reclaim_hold(void)
{
	holders++;
}

void reclaim_release(void)
{
	struct reclaim *reclaim;

	if (--holders)
		return;
	while ((reclaim = waiting) != NULL) {
		waiting = reclaim->next;
		reclaim->fn(reclaim);
	}
}

void reclaim_later(struct reclaim *reclaim, void (*fn)(struct reclaim *reclaim))
{
	if (!holders) {
		fn(reclaim);
		return;
	}
	reclaim->fn = fn;
	reclaim->next = waiting;
	waiting = reclaim;
}
