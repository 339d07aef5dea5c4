/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The region that devices see: a file without a name, mapped here and by every back-end. It is sealed, so that
 * none of them can cut it off under our feet. Blocks are taken first fit; the list of them stands in memory of our own,
 * as a back-end that writes where it should not shall not lead us astray as well. Memory is taken when devices are
 * probed and buffers made, so the list is short and nobody waits for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ports/host/host_private.h"
#include "virtio/port.h"

/* What drivers keep to themselves asks for a cache line of its own, and for no more. */
#define PORT_ALIGN 64u

struct block {
	struct list_head node; /* by place */
	size_t offset, size;
	bool used;
};

static struct {
	char *base;
	size_t size;
	int fd;
	bool confined;
	struct list_head blocks;
} region;

/* --- blocks ----------------------------------------------------------------------------------- */

static struct block *add_block(struct list_head *before, size_t offset, size_t size)
{
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		return NULL;
	block->offset = offset;
	block->size = size;
	list_add_tail(&block->node, before);
	return block;
}

static void drop_block(struct block *block)
{
	list_del(&block->node);
	free(block);
}

/* Cuts @block, which is free, so that it has just @size bytes from @offset on. */
static bool carve(struct block *block, size_t offset, size_t size)
{
	const size_t head = offset - block->offset, tail = block->size - head - size;

	if (head && !add_block(&block->node, block->offset, head))
		return false;
	block->offset = offset;
	block->size -= head;
	if (tail && !add_block(block->node.next, offset + size, tail))
		return false;
	block->size = size;
	return true;
}

void *host_region_alloc(size_t size, size_t alignment)
{
	const size_t bytes = ALIGN_UP(size, (size_t)PORT_ALIGN);
	struct block *block;

	if (!region.base || bytes < size || !bytes)
		return NULL;
	list_for_each_entry (block, &region.blocks, node) {
		size_t offset = ALIGN_UP(block->offset, alignment);

		if (block->used || offset - block->offset > block->size ||
		    bytes > block->size - (offset - block->offset))
			continue;
		if (!carve(block, offset, bytes))
			return NULL;
		block->used = true;
		return memset(region.base + offset, 0, bytes);
	}
	return NULL;
}

/* Joins @block with its neighbour at @node, where that is free too. */
static void join(struct block *block, struct list_head *node)
{
	struct block *other = list_entry(node, struct block, node);

	if (node == &region.blocks || other->used)
		return;
	block->offset = MIN(block->offset, other->offset);
	block->size += other->size;
	drop_block(other);
}

bool host_region_free(void *ptr)
{
	struct block *block;

	if (!ptr)
		return true;
	if (!host_region_has(ptr, 1))
		return false;
	list_for_each_entry (block, &region.blocks, node) {
		if (!block->used || region.base + block->offset != ptr)
			continue;
		block->used = false;
		join(block, block->node.next);
		join(block, block->node.prev);
		return true;
	}
	port_log(LOG_ERROR, "host: memory is given back that was not taken");
	abort();
}

bool host_region_has(const void *ptr, size_t size)
{
	const uintptr_t base = (uintptr_t)region.base, addr = (uintptr_t)ptr;

	return addr >= base && addr - base < region.size && size <= region.size - (addr - base);
}

/* Devices see our own addresses. */
int host_region_describe(struct vhost_user_region *description)
{
	*description = (struct vhost_user_region){
		.guest_addr = (uintptr_t)region.base,
		.size = region.size,
		.user_addr = (uintptr_t)region.base,
	};
	return region.fd;
}

/* --- the region's life ------------------------------------------------------------------------ */

static int make_file(size_t size)
{
	int fd = memfd_create("vireo", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	close(fd);
	return -errno;
}

static int map_region(size_t size)
{
	void *base;

	region.fd = make_file(size);
	if (region.fd < 0)
		return region.fd;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, region.fd, 0);
	if (base == MAP_FAILED) {
		close(region.fd);
		return -ENOMEM;
	}
	region.base = base;
	region.size = size;
	list_init(&region.blocks);
	return 0;
}

int host_memory_init(const struct host_memory_options *options)
{
	const size_t size = options->bytes ? options->bytes : HOST_MEMORY_BYTES;
	const size_t pool = options->pool_bytes ? options->pool_bytes : HOST_POOL_BYTES;
	int err;

	if (region.base)
		return -EBUSY;
	err = map_region(ALIGN_UP(size, (size_t)PAGE_SIZE));
	if (err)
		return err;
	region.confined = options->confined;
	err = add_block(&region.blocks, 0, region.size) ? host_dma_init(pool) : -ENOMEM;
	if (err)
		host_memory_exit();
	return err;
}

void host_memory_exit(void)
{
	if (!region.base)
		return;
	host_dma_exit();
	while (!list_empty(&region.blocks))
		drop_block(list_entry(region.blocks.next, struct block, node));
	munmap(region.base, region.size);
	close(region.fd);
	region.base = NULL;
	region.size = 0;
}

void *host_alloc(size_t size)
{
	return host_region_alloc(size, PAGE_SIZE);
}

void host_free(void *ptr)
{
	(void)host_region_free(ptr);
}

/* --- the drivers' ----------------------------------------------------------------------------- */

void *port_alloc(size_t size)
{
	const size_t bytes = ALIGN_UP(size, (size_t)PORT_ALIGN);
	void *ptr;

	if (!region.confined)
		return host_region_alloc(size, PORT_ALIGN);
	ptr = bytes < size ? NULL : aligned_alloc(PORT_ALIGN, bytes);
	return ptr ? memset(ptr, 0, bytes) : NULL;
}

void port_free(void *ptr)
{
	if (!host_region_free(ptr))
		free(ptr);
}
