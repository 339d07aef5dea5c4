/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the library out of one static array (VIRTIO_PORT_POOL in port.h), for machines without a heap. The array is
 * a row of blocks, each a cache line of header and what it holds; an allocation takes the first free one that it fits
 * into, and neighbours that are free become one when somebody passes by. Devices are probed seldom and there are few
 * blocks, so nothing faster is needed.
 */
#include <string.h>
#include "virtio/port.h"

#ifdef VIRTIO_PORT_POOL_BYTES
VIRTIO_PORT_POOL(VIRTIO_PORT_POOL_BYTES);
#endif

#define LINE 64u

struct block {
	size_t bytes; /* with this header; a multiple of LINE */
	bool used;
} __attribute__((aligned(LINE)));

static struct block *first_block(void)
{
	struct block *block = (struct block *)virtio_port_pool;

	/* Static memory is zeroed: nobody has been here yet. */
	if (!block->bytes)
		block->bytes = virtio_port_pool_bytes;
	return block;
}

/* The one behind @block, or NULL. */
static struct block *next_block(const struct block *block)
{
	char *next = (char *)block + block->bytes;

	return next < virtio_port_pool + virtio_port_pool_bytes ? (struct block *)next : NULL;
}

/* Makes one of @block and all free ones behind it. */
static void join(struct block *block)
{
	const struct block *next;

	while ((next = next_block(block)) != NULL && !next->used)
		block->bytes += next->bytes;
}

/* Cuts @block, so that it is @bytes long, and what is left is a free one behind it. */
static void cut(struct block *block, size_t bytes)
{
	struct block *rest = (struct block *)((char *)block + bytes);

	if (block->bytes == bytes)
		return;
	rest->bytes = block->bytes - bytes;
	rest->used = false;
	block->bytes = bytes;
}

/* The bytes in front of a header in the free block @block, so that what it holds is aligned. */
static size_t gap_before(const struct block *block, size_t alignment)
{
	uintptr_t start = (uintptr_t)(block + 1);

	return ALIGN_UP(start, alignment) - start;
}

/* @alignment: a power of two, a line or more. */
static void *take(size_t size, size_t alignment)
{
	size_t bytes = ALIGN_UP(size, LINE) + sizeof(struct block);
	struct block *block;
	size_t gap;

	if (!size || bytes < size)
		return NULL;
	for (block = first_block(); block; block = next_block(block)) {
		if (block->used)
			continue;
		join(block);
		gap = gap_before(block, alignment);
		if (block->bytes >= gap && block->bytes - gap >= bytes)
			break;
	}
	if (!block)
		return NULL;
	if (gap) {
		cut(block, gap);
		block = next_block(block);
	}
	cut(block, bytes);
	block->used = true;
	memset(block + 1, 0, bytes - sizeof(*block));
	return block + 1;
}

void *port_alloc(size_t size)
{
	return take(size, LINE);
}

void port_free(void *ptr)
{
	if (ptr)
		((struct block *)ptr - 1)->used = false;
}

void *port_alloc_pages(size_t size)
{
	return take(size, PAGE_SIZE);
}

void port_free_pages(void *ptr, size_t size)
{
	(void)size;
	port_free(ptr);
}

/* --- how much is left ----------------------------------------------------------------------- */

static size_t free_bytes(bool sum)
{
	size_t total = 0, largest = 0;

	for (struct block *block = first_block(); block; block = next_block(block)) {
		size_t bytes = 0;

		if (!block->used) {
			join(block);
			bytes = block->bytes - sizeof(*block);
		}
		total += bytes;
		largest = MAX(largest, bytes);
	}
	return sum ? total : largest;
}

size_t virtio_port_pool_free(void)
{
	return free_bytes(true);
}

size_t virtio_port_pool_largest(void)
{
	return free_bytes(false);
}
