/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bottom halves: one queue, filled in any context and emptied in thread context. A run first
 * moves the whole queue to a batch, so that an item that schedules itself again waits for the
 * next run and cannot keep the main loop from turning. Interrupts are masked only while a list
 * changes, never while an item runs.
 */
#include <arch/cpu.h>
#include "lib/work.h"

static struct list_head queue = LIST_HEAD_INIT(queue);
static struct list_head batch = LIST_HEAD_INIT(batch);
static bool running;

void work_init(struct work *work, void (*fn)(struct work *work))
{
	list_init(&work->node);
	work->fn = fn;
	work->pending = false;
}

bool work_schedule(struct work *work)
{
	unsigned long flags = irq_save();
	bool queued = !work->pending;

	if (queued) {
		work->pending = true;
		list_add_tail(&work->node, &queue);
	}
	irq_restore(flags);
	return queued;
}

bool work_cancel(struct work *work)
{
	unsigned long flags = irq_save();
	bool was_pending = work->pending;

	if (was_pending) {
		list_del_init(&work->node);
		work->pending = false;
	}
	irq_restore(flags);
	return was_pending;
}

bool work_pending(void)
{
	/* One load each: no interrupt can come in the middle. */
	return READ_ONCE(queue.next) != &queue || READ_ONCE(batch.next) != &batch;
}

/* All that is queued becomes the batch. */
static void start_batch(void)
{
	unsigned long flags = irq_save();

	if (!list_empty(&queue)) {
		batch = queue;
		batch.next->prev = &batch;
		batch.prev->next = &batch;
		list_init(&queue);
	}
	irq_restore(flags);
}

/* Takes the first item off the batch, or returns NULL. An item may cancel a later one, so each
 * is taken only when its turn comes. */
static struct work *next_of_batch(void)
{
	unsigned long flags = irq_save();
	struct work *work = NULL;

	if (!list_empty(&batch)) {
		work = list_entry(batch.next, struct work, node);
		list_del_init(&work->node);
		work->pending = false;
	}
	irq_restore(flags);
	return work;
}

void work_run(void)
{
	struct work *work;

	if (running)
		return;
	running = true;
	start_batch();
	while ((work = next_of_batch()))
		work->fn(work);
	running = false;
}
