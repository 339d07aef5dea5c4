/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines and their handlers, of both ranges in one array. A line holds a chain of actions from a static
 * pool, so nothing is allocated. Chains change in thread context with IRQs masked; the dispatcher, which runs with
 * IRQs masked, only reads them. A line that nobody claims again and again is masked: otherwise a
 * device that screams would leave the machine no time for anything else.
 */
#include <errno.h>
#include <arch/cpu.h>
#include "lib/irq.h"
#include "lib/log.h"

#define ACTIONS	      640     /* a handler for each message line, and more for the wired ones */
#define UNHANDLED_MAX 100000u /* in a row, until the line is masked */

struct irq_action {
	irq_handler_t handler;
	void *dev_id;
	const char *name;
	unsigned int flags;
	struct irq_action *next;
};

struct irq_line {
	struct irq_action *actions;
	struct irq_stats stats;
	unsigned int unhandled_in_row;
};

static const struct irq_chip *chip;
static struct irq_line lines[IRQ_LINES + IRQ_LPIS];
static struct irq_action pool[ACTIONS];
static unsigned int pool_used;		/* so many of them have ever been in use */
static struct irq_action *free_actions; /* that are in use no more */
static unsigned long spurious;
static unsigned long taken;
static bool handling;

void irq_set_chip(const struct irq_chip *new_chip)
{
	chip = new_chip;
}

const char *irq_chip_name(void)
{
	return chip ? chip->name : "none";
}

/* NULL where there is no such line. Wired lines are the likely ones. */
static inline struct irq_line *line_of(int irq)
{
	unsigned int lpi = (unsigned int)irq - IRQ_LPI_FIRST;

	if (likely((unsigned int)irq < IRQ_LINES))
		return &lines[irq];
	return lpi < IRQ_LPIS ? &lines[IRQ_LINES + lpi] : NULL;
}

static bool flags_valid(unsigned int flags)
{
	unsigned int trigger = flags & IRQF_TRIGGER_MASK;

	/* At most one trigger bit. */
	return !(flags & ~(IRQF_TRIGGER_MASK | IRQF_SHARED)) && !(trigger & (trigger - 1));
}

static struct irq_action *take_action(void)
{
	struct irq_action *action = free_actions;

	if (action)
		free_actions = action->next;
	else if (pool_used < ACTIONS)
		action = &pool[pool_used++];
	return action;
}

static void give_back_action(struct irq_action *action)
{
	action->next = free_actions;
	free_actions = action;
}

/* Whether a handler with @flags and @dev_id may join those on @line. */
static int check_sharing(const struct irq_line *line, unsigned int flags, const void *dev_id)
{
	const struct irq_action *action;

	for (action = line->actions; action; action = action->next) {
		if (action->dev_id == dev_id)
			return -EINVAL;
		if (!(action->flags & flags & IRQF_SHARED) || action->flags != flags)
			return -EBUSY;
	}
	return 0;
}

/* Appends @action to the line and unmasks that. IRQs are masked. */
static int install(int irq, struct irq_line *line, struct irq_action *action)
{
	unsigned int trigger = action->flags & IRQF_TRIGGER_MASK;
	struct irq_action **end = &line->actions;
	int err;

	if (!line->actions && trigger) {
		err = chip->set_type(irq, trigger);
		if (err)
			return err;
	}
	while (*end)
		end = &(*end)->next;
	*end = action;
	line->unhandled_in_row = 0;
	chip->enable(irq);
	return 0;
}

int request_irq(int irq, irq_handler_t handler, unsigned int flags, const char *name, void *dev_id)
{
	const struct irq_action init = {
		.handler = handler, .dev_id = dev_id, .name = name, .flags = flags};
	struct irq_line *line = line_of(irq);
	struct irq_action *action;
	unsigned long state;
	int err;

	if (!line || !handler || !chip || !flags_valid(flags))
		return -EINVAL;
	err = check_sharing(line, flags, dev_id);
	if (err)
		return err;
	action = take_action();
	if (!action)
		return -ENOMEM;
	*action = init;
	state = irq_save();
	err = install(irq, line, action);
	irq_restore(state);
	if (err)
		give_back_action(action);
	return err;
}

int free_irq(int irq, void *dev_id)
{
	struct irq_line *line = line_of(irq);
	struct irq_action **link, *action;
	unsigned long state;

	if (!line)
		return -ENOENT;
	link = &line->actions;
	while (*link && (*link)->dev_id != dev_id)
		link = &(*link)->next;
	action = *link;
	if (!action)
		return -ENOENT;
	state = irq_save();
	*link = action->next;
	if (!line->actions)
		chip->disable(irq);
	irq_restore(state);
	give_back_action(action);
	return 0;
}

static void count_unhandled(int irq, struct irq_line *line)
{
	line->stats.unhandled++;
	if (++line->unhandled_in_row < UNHANDLED_MAX)
		return;
	chip->disable(irq);
	line->unhandled_in_row = 0;
	log_error("irq %d: masked, nobody claimed %u interrupts in a row", irq, UNHANDLED_MAX);
}

/* Every sharer is asked: an edge that two devices raise together comes once. */
static void handle_line(int irq, struct irq_line *line)
{
	irqreturn_t result = IRQ_NONE;
	struct irq_action *action;

	line->stats.count++;
	for (action = line->actions; action; action = action->next) {
		if (action->handler(irq, action->dev_id) == IRQ_HANDLED)
			result = IRQ_HANDLED;
	}
	if (result == IRQ_HANDLED)
		line->unhandled_in_row = 0;
	else
		count_unhandled(irq, line);
}

void irq_handle(void)
{
	struct irq_line *line;
	int irq;

	if (!chip)
		return;
	handling = true;
	irq = chip->acknowledge();
	line = line_of(irq);
	if (line) {
		handle_line(irq, line);
		chip->end(irq);
	} else {
		spurious++;
	}
	taken++;
	handling = false;
}

bool in_interrupt(void)
{
	return handling;
}

struct irq_stats irq_get_stats(int irq)
{
	const struct irq_line *line = line_of(irq);

	return line ? line->stats : (struct irq_stats){0};
}

unsigned long irq_spurious_count(void)
{
	return spurious;
}

unsigned long irq_chip_access_count(void)
{
	return chip && chip->access_count ? chip->access_count() : 0;
}

unsigned long irq_taken_count(void)
{
	return taken;
}

static const struct irq_action *action_at(const struct irq_line *line, unsigned int n)
{
	const struct irq_action *action = line->actions;

	while (action && n-- > 0)
		action = action->next;
	return action;
}

/* The visitor may wait, and handlers come and go meanwhile: each is looked for anew. */
void irq_for_each(void (*visit)(int irq, const char *name, void *arg), void *arg)
{
	const struct irq_action *action;

	for (int i = 0; i < IRQ_LINES + IRQ_LPIS; i++) {
		int irq = i < IRQ_LINES ? i : i - IRQ_LINES + IRQ_LPI_FIRST;

		for (unsigned int n = 0; (action = action_at(&lines[i], n)) != NULL; n++)
			visit(irq, action->name, arg);
	}
}
