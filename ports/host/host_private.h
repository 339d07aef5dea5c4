/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the host port have of each other. Nobody else includes this. */
#ifndef PORTS_HOST_HOST_PRIVATE_H
#define PORTS_HOST_HOST_PRIVATE_H

#include "lib/dma.h"
#include "ports/host/host.h"

/* --- memory.c: the region, whose record of what is free no device can reach -------------------- */

/* @size bytes, zeroed, aligned to @alignment (a power of two), or NULL. */
void *host_region_alloc(size_t size, size_t alignment);
/* Returns whether @ptr was of the region; NULL is. */
bool host_region_free(void *ptr);
bool host_region_has(const void *ptr, size_t size);
/* The region as a device is told of it, and its file. */
int host_region_describe(struct vhost_user_region *region);

/* --- dma.c ---------------------------------------------------------------------------------------- */

int host_dma_init(size_t pool_bytes);
void host_dma_exit(void);
void host_dma_setup(struct device *dev);

/* --- socket.c: deadlines are times of port_now_ns() --------------------------------------------- */

/* A connection to @path, tried until @deadline_ns: a descriptor or a negative errno. */
int host_socket_connect(const char *path, uint64_t deadline_ns);
/* As struct vhost_user_ops has them. */
int host_socket_send(int fd, const void *data, size_t size, const int fds[], unsigned int fd_count,
		     uint64_t deadline_ns);
int host_socket_receive(int fd, void *data, size_t size, int fds[], unsigned int *fd_count,
			uint64_t deadline_ns);

/* --- loop.c ---------------------------------------------------------------------------------------- */

/* Waits for @source from now on, @edge: it is told of each write, and need not be read. Returns 0 or a negative errno. */
int host_watch(struct host_source *source, bool edge);
/* Closes its descriptor. */
void host_unwatch(struct host_source *source);
/* Serves what has come, and waits for nothing. */
void host_look(void);

/* --- device.c -------------------------------------------------------------------------------------- */

/* Something has come. */
void host_device_serve(struct host_source *source);

#endif
