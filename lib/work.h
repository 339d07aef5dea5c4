/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bottom halves: what an interrupt handler leaves for later. work_schedule() queues an item, the
 * main loop (and every blocking wait) runs it with interrupts enabled.
 */
#ifndef LIB_WORK_H
#define LIB_WORK_H

#include "lib/list.h"

struct work {
	struct list_head node;
	void (*fn)(struct work *work);
	bool pending;
};

/* Prepares an item that lives in its owner's structure (see container_of). */
void work_init(struct work *work, void (*fn)(struct work *work));

/* Queues @work unless it is queued already. Any context. Returns whether it was queued now. */
bool work_schedule(struct work *work);

/* Takes @work off the queue. Any context. Returns whether it was on it. */
bool work_cancel(struct work *work);

/* Whether any item waits. Any context. */
bool work_pending(void);

/*
 * Runs the items queued at the time of the call, each once; what they schedule waits for the
 * next call. Thread context. Not re-entered: called from an item, it returns at once.
 */
void work_run(void);

#endif
