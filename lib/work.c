/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bottom halves: a queue is filled in any context and emptied in thread context. A run first
 * moves the whole queue to a batch, so that an item that schedules itself again waits for the
 * next run and cannot keep the main loop from turning. The queue is locked only while a list
 * changes, never while an item runs.
 */
#include <arch/cpu.h>
#include "lib/work.h"

static unsigned long lock(const struct work_queue *queue)
{
	return queue->ops ? queue->ops->lock(queue->arg) : irq_save();
}

static void unlock(const struct work_queue *queue, unsigned long state)
{
	if (queue->ops)
		queue->ops->unlock(queue->arg, state);
	else
		irq_restore(state);
}

void work_queue_init(struct work_queue *queue, const struct work_queue_ops *ops, void *arg)
{
	list_init(&queue->waiting);
	list_init(&queue->batch);
	queue->running = queue->refused = false;
	queue->ops = ops;
	queue->arg = arg;
}

void work_init(struct work *work, struct work_queue *queue, void (*fn)(struct work *work))
{
	list_init(&work->node);
	work->queue = queue;
	work->fn = fn;
	work->pending = false;
}

bool work_schedule(struct work *work)
{
	struct work_queue *queue = work->queue;
	unsigned long state = lock(queue);
	bool queued = !work->pending;

	if (queued) {
		work->pending = true;
		list_add_tail(&work->node, &queue->waiting);
	}
	unlock(queue, state);
	if (queued && queue->ops && queue->ops->wake)
		queue->ops->wake(queue->arg);
	return queued;
}

bool work_cancel(struct work *work)
{
	unsigned long state = lock(work->queue);
	bool was_pending = work->pending;

	if (was_pending) {
		list_del_init(&work->node);
		work->pending = false;
	}
	unlock(work->queue, state);
	return was_pending;
}

bool work_pending(const struct work_queue *queue)
{
	/* One load each: no interrupt can come in the middle. */
	return READ_ONCE(queue->waiting.next) != &queue->waiting ||
	       READ_ONCE(queue->batch.next) != &queue->batch;
}

/* All that is queued becomes the batch. Returns false where somebody runs one already. */
static bool start_batch(struct work_queue *queue)
{
	unsigned long state = lock(queue);
	bool free = !queue->running;

	queue->refused = !free;
	queue->running = true;
	if (free && !list_empty(&queue->waiting)) {
		queue->batch = queue->waiting;
		queue->batch.next->prev = &queue->batch;
		queue->batch.prev->next = &queue->batch;
		list_init(&queue->waiting);
	}
	unlock(queue, state);
	return free;
}

/* Takes the first item off the batch, or returns NULL at its end. An item may cancel a later one, so each
 * is taken only when its turn comes. */
static struct work *next_of_batch(struct work_queue *queue)
{
	unsigned long state = lock(queue);
	struct work *work = NULL;

	if (!list_empty(&queue->batch)) {
		work = list_entry(queue->batch.next, struct work, node);
		list_del_init(&work->node);
		work->pending = false;
	} else {
		queue->running = false;
	}
	unlock(queue, state);
	return work;
}

/* Whether somebody was sent away who came for what is waiting now. */
static bool was_refused(struct work_queue *queue)
{
	unsigned long state = lock(queue);
	bool refused = queue->refused && !list_empty(&queue->waiting);

	queue->refused = false;
	unlock(queue, state);
	return refused;
}

void work_run(struct work_queue *queue)
{
	struct work *work;

	if (!start_batch(queue))
		return;
	while ((work = next_of_batch(queue)))
		work->fn(work);
	if (was_refused(queue) && queue->ops && queue->ops->wake)
		queue->ops->wake(queue->arg);
}
