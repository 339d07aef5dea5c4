/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bottom halves: what an interrupt handler leaves for later. work_schedule() puts an item into the queue that it
 * was made for; whoever owns the queue (the main loop and every blocking wait of an image, a thread of an RTOS)
 * runs it with interrupts enabled.
 */
#ifndef LIB_WORK_H
#define LIB_WORK_H

#include "lib/list.h"

/* What guards a queue, and who is told. Each may be called in any context. */
struct work_queue_ops {
	/* Nothing else runs in between that uses the queue; unlock() is given what lock() returned. */
	unsigned long (*lock)(void *arg);
	void (*unlock)(void *arg, unsigned long state);
	/* The queue is no longer empty: work_run() is to be called. May be NULL. Called without the lock. */
	void (*wake)(void *arg);
};

struct work_queue {
	struct list_head waiting, batch;
	bool running, refused; /* somebody else wanted to run it meanwhile */
	const struct work_queue_ops
		*ops; /* NULL: one CPU, whose interrupts are masked; nobody is told */
	void *arg;
};

struct work {
	struct list_head node;
	struct work_queue *queue;
	void (*fn)(struct work *work);
	bool pending;
};

#define WORK_QUEUE_INIT(queue)                                                                     \
	{                                                                                          \
		.waiting = LIST_HEAD_INIT((queue).waiting), .batch = LIST_HEAD_INIT((queue).batch) \
	}

/* The image's queue, which its main loop runs (ports/bare). */
extern struct work_queue system_wq;

/* Makes an empty queue. @ops may be NULL (see above) and is given @arg. */
void work_queue_init(struct work_queue *queue, const struct work_queue_ops *ops, void *arg);

/* Prepares an item for @queue. It lives in its owner's structure (see container_of). */
void work_init(struct work *work, struct work_queue *queue, void (*fn)(struct work *work));

/* Queues @work unless it is queued already. Any context. Returns whether it was queued now. */
bool work_schedule(struct work *work);

/* Takes @work off the queue. Any context. Returns whether it was on it. */
bool work_cancel(struct work *work);

/* Whether any item waits. Any context. */
bool work_pending(const struct work_queue *queue);

/*
 * Runs the items queued at the time of the call, each once; what they schedule waits for the
 * next call. Thread context. Not re-entered: called from an item, or in another thread meanwhile, it returns at once; what
 * is left for the latter wakes again (ops->wake) when the first has come to its end.
 */
void work_run(struct work_queue *queue);

#endif
