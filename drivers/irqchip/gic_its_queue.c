/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of commands. The ITS takes them in order; GITS_CREADR says how far it is. An interrupt may
 * post commands between those of a thread, so each call here leaves the ring whole. An ITS that stalls,
 * or takes too long, is "late": it gets no more commands until it has done those that it has. It
 * may do so at any time, so all that those commands name stays as it is. One that stalls does so only when
 * it is told to try again: each call does that once.
 */
#include <errno.h>
#include <arch/barrier.h>
#include <arch/cpu.h>
#include "drivers/irqchip/gic_its.h"
#include "drivers/irqchip/gic_memory.h"
#include "lib/log.h"
#include "lib/pages.h"

#define CREADR_STALLED BIT_ULL(0)
#define CWRITER_RETRY  BIT_ULL(0)
#define CBASER_ADDRESS 0x000ffffffffff000ull
#define CBASER_CHECK   (ITS_VALID | CBASER_ADDRESS | ITS_BASE_PAGES)

int its_queue_init(struct its *its)
{
	uint64_t value, got;

	its->queue = gic_alloc(ITS_QUEUE_BYTES, PAGE_SIZE);
	if (!its->queue)
		return -ENOMEM;
	value = ITS_VALID | (uintptr_t)its->queue | (ITS_QUEUE_BYTES / PAGE_SIZE - 1);
	got = gic_write_base(&its->regs, GITS_CBASER, value, GITS_BASE_CACHE, &its->queue_coherent);
	gic_write64(&its->regs, GITS_CWRITER, 0);
	return (got ^ value) & CBASER_CHECK ? -EIO : 0;
}

void its_queue_free(struct its *its)
{
	gic_write64(&its->regs, GITS_CBASER, 0);
	free_pages_exact(its->queue, ITS_QUEUE_BYTES);
	its->queue = NULL;
}

static uint64_t offset_of(unsigned int index)
{
	return (uint64_t)index * ITS_COMMAND;
}

static unsigned int next(unsigned int index)
{
	return (index + 1) % ITS_QUEUE_SIZE;
}

/* Without a look at whether there is room. */
static void put(struct its *its, const struct its_command *command)
{
	struct its_command *slot = &its->queue[its->head];

	*slot = *command;
	if (!its->queue_coherent)
		gic_publish(slot, sizeof(*slot), false);
	its->head = next(its->head);
}

/* Until the ITS has done all that it was told. 0, or -ETIMEDOUT and what GITS_CREADR was last. */
static int wait_done(const struct its *its, uint64_t *at)
{
	for (unsigned int i = 0; i < GIC_POLLS; i++) {
		*at = gic_read64(&its->regs, GITS_CREADR);
		if (*at == offset_of(its->told))
			return 0;
		if (*at & CREADR_STALLED)
			break;
	}
	return -ETIMEDOUT;
}

/* Tells the ITS of all that is in the ring, and waits. IRQs are masked. */
static int flush(struct its *its)
{
	uint64_t at;

	mmio_wmb();
	its->told = its->head;
	gic_write64(&its->regs, GITS_CWRITER, offset_of(its->told));
	if (!wait_done(its, &at))
		return 0;
	its->late = true;
	log_error("gic: %s: %s at command %u, the last is %u", its->msi.name,
		  at & CREADR_STALLED ? "stalled" : "does not answer",
		  (unsigned int)(at / ITS_COMMAND) % ITS_QUEUE_SIZE, its->told);
	return -ETIMEDOUT;
}

/* Whether a late ITS has come to the end by now. One that stalls goes on from that command if told so. */
static bool caught_up(const struct its *its)
{
	uint64_t at = gic_read64(&its->regs, GITS_CREADR);

	if (at & CREADR_STALLED) {
		gic_write64(&its->regs, GITS_CWRITER, offset_of(its->told) | CWRITER_RETRY);
		at = gic_read64(&its->regs, GITS_CREADR);
	}
	return at == offset_of(its->told);
}

/* IRQs are masked. */
static int ready(struct its *its)
{
	if (!its->late)
		return 0;
	if (!caught_up(its))
		return -ETIMEDOUT;
	its->late = false;
	log_warning("gic: %s: answers again", its->msi.name);
	if (!its->missed_inv)
		return 0;
	its->missed_inv = false;
	put(its, ITS_SAY(its_invall(ITS_COLLECTION)));
	put(its, ITS_SAY(its_sync_of(its->target)));
	return flush(its);
}

int its_ready(struct its *its)
{
	unsigned long state = irq_save();
	int err = ready(its);

	irq_restore(state);
	return err;
}

/* Room for one more beside it is kept: for its_sync()'s own. */
int its_post(struct its *its, const struct its_command *command)
{
	unsigned long state = irq_save();
	int err = ready(its);

	if (!err && next(next(its->head)) == its->told)
		err = flush(its);
	if (!err)
		put(its, command);
	irq_restore(state);
	return err;
}

int its_sync(struct its *its)
{
	unsigned long state = irq_save();
	int err = ready(its);

	if (!err) {
		put(its, ITS_SAY(its_sync_of(its->target)));
		err = flush(its);
	}
	irq_restore(state);
	return err;
}
