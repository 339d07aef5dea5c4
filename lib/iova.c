/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks are numbered within their order, so that a block's buddy is one bit away and its parent is half
 * its number. No operation takes more steps than there are orders, squared where a run of odd length is
 * given back: it may run with interrupts masked.
 */
#include <errno.h>
#include <arch/cpu.h>
#include "lib/iova.h"
#include "lib/pages.h"

/* --- the set of free blocks of one order ----------------------------------------------------- */

static void set_block(struct iova_order *order, uint32_t block)
{
	order->bottom[block / 32] |= BIT(block % 32);
	order->middle[block / 1024] |= BIT(block / 32 % 32);
	order->top |= BIT(block / 1024);
}

static void clear_block(struct iova_order *order, uint32_t block)
{
	order->bottom[block / 32] &= ~BIT(block % 32);
	if (order->bottom[block / 32])
		return;
	order->middle[block / 1024] &= ~BIT(block / 32 % 32);
	if (!order->middle[block / 1024])
		order->top &= ~BIT(block / 1024);
}

static bool has_block(const struct iova_order *order, uint32_t block)
{
	return order->bottom[block / 32] & BIT(block % 32);
}

/* The lowest block; there is one. */
static uint32_t first_block(const struct iova_order *order)
{
	uint32_t middle = (uint32_t)__builtin_ctz(order->top);
	uint32_t bottom = middle * 32 + (uint32_t)__builtin_ctz(order->middle[middle]);

	return bottom * 32 + (uint32_t)__builtin_ctz(order->bottom[bottom]);
}

/* --- blocks and runs ------------------------------------------------------------------------- */

/* Frees block @block of @n, and joins it with its buddy as long as that is free too. */
static void free_block(struct iova_space *space, unsigned int n, uint32_t block)
{
	while (n + 1 < IOVA_ORDERS && has_block(&space->orders[n], block ^ 1)) {
		clear_block(&space->orders[n], block ^ 1);
		block /= 2;
		n++;
	}
	set_block(&space->orders[n], block);
}

/* Frees the pages [@first, @end) as the largest blocks that they consist of. */
static void free_run(struct iova_space *space, uint32_t first, uint32_t end)
{
	while (first < end) {
		unsigned int n = first ? (unsigned int)__builtin_ctz(first) : IOVA_ORDERS - 1;

		n = MIN(n, 31 - (unsigned int)__builtin_clz(end - first));
		free_block(space, n, first >> n);
		first += 1u << n;
	}
}

/* The first page of the shortest block with @pages that ends by page @limit, taken; -ENOSPC. */
static int64_t take_run(struct iova_space *space, uint32_t pages, uint64_t limit)
{
	unsigned int n = pages > 1 ? 32 - (unsigned int)__builtin_clz(pages - 1) : 0;

	for (; n < IOVA_ORDERS; n++) {
		struct iova_order *order = &space->orders[n];
		uint32_t block, first;

		if (!order->top)
			continue;
		block = first_block(order);
		first = block << n;
		if ((uint64_t)first + pages > limit)
			continue;
		clear_block(order, block);
		free_run(space, first + pages, first + (1u << n));
		return first;
	}
	return -ENOSPC;
}

/* How many of the space's pages end by the address @limit. */
static uint64_t pages_below(const struct iova_space *space, uint64_t limit)
{
	if (!limit)
		return space->pages;
	if (limit < space->base)
		return 0;
	/* The page that holds the limit counts where the limit is its last byte. */
	return (limit - space->base + (limit + 1 != 0)) >> PAGE_SHIFT;
}

uint64_t iova_alloc(struct iova_space *space, uint32_t pages, uint64_t limit)
{
	uint64_t below = pages_below(space, limit);
	unsigned long state;
	int64_t first;

	if (!pages || pages > space->pages)
		return 0;
	state = irq_save();
	first = take_run(space, pages, below);
	if (first >= 0)
		space->free_pages -= pages;
	irq_restore(state);
	return first < 0 ? 0 : space->base + ((uint64_t)first << PAGE_SHIFT);
}

void iova_free(struct iova_space *space, uint64_t addr, uint32_t pages)
{
	uint32_t first = (uint32_t)((addr - space->base) >> PAGE_SHIFT);
	unsigned long state = irq_save();

	free_run(space, first, first + pages);
	space->free_pages += pages;
	irq_restore(state);
}

/* --- life ------------------------------------------------------------------------------------ */

/* Words that the two lower levels of order @n take. An order has at least the two blocks that are asked
 * for as buddies. */
static size_t bottom_words(uint32_t pages, unsigned int n)
{
	return DIV_ROUND_UP((pages >> n) + 2, 32);
}

static size_t middle_words(uint32_t pages, unsigned int n)
{
	return DIV_ROUND_UP(bottom_words(pages, n), 32);
}

int iova_init(struct iova_space *space, uint64_t base, uint32_t pages)
{
	size_t words = 0;
	uint32_t *next;

	if (!base || base % PAGE_SIZE || !pages || pages > IOVA_PAGES_MAX ||
	    base + ((uint64_t)pages << PAGE_SHIFT) < base)
		return -EINVAL;
	for (unsigned int n = 0; n < IOVA_ORDERS; n++)
		words += bottom_words(pages, n) + middle_words(pages, n);
	*space = (struct iova_space){.base = base, .pages = pages, .free_pages = pages};
	space->words_size = words * sizeof(uint32_t);
	space->words = alloc_pages_exact(space->words_size);
	if (!space->words)
		return -ENOMEM;
	next = space->words;
	for (unsigned int n = 0; n < IOVA_ORDERS; n++) {
		space->orders[n].middle = next;
		next += middle_words(pages, n);
		space->orders[n].bottom = next;
		next += bottom_words(pages, n);
	}
	free_run(space, 0, pages);
	return 0;
}

void iova_exit(struct iova_space *space)
{
	if (space->words)
		free_pages_exact(space->words, space->words_size);
	*space = (struct iova_space){0};
}
