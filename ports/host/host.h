/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host port: the drivers in a Linux process, their devices in others, which are reached over vhost-user. One
 * thread does everything: it waits (host_wait(), or any blocking call of a driver) for the descriptors of all
 * devices, and runs interrupt handlers and work items as what it has waited for comes in.
 *
 *	host_memory_init(&(struct host_memory_options){0});
 *	virtio_bus_init(&bus, &host_work);
 *	virtio_blk_init(&bus);
 *	host_open(&bus, &device, "/run/disk.sock");		device.vu.config_size = 60, ... before
 *	virtio_blk_read(virtio_blk_find(&bus, 0), ...);
 *
 * What devices see is one region of shared memory. A buffer in it (host_alloc()) is handed over as it is, one
 * elsewhere is copied through a pool.
 */
#ifndef PORTS_HOST_HOST_H
#define PORTS_HOST_HOST_H

#include "lib/work.h"
#include "virtio/vhost_user.h"

/* --- memory (memory.c, dma.c) -------------------------------------------------------------- */

#define HOST_MEMORY_BYTES (64u << 20)
#define HOST_POOL_BYTES	  (4u << 20)

struct host_memory_options {
	size_t bytes;	   /* of the shared region; 0: HOST_MEMORY_BYTES */
	size_t pool_bytes; /* of it, to bounce through; 0: HOST_POOL_BYTES */
	/* Whether drivers keep their own structures (port_alloc()) out of the region, so that a back-end can
	 * reach nothing but rings, and buffers while they are in use. It costs copies. */
	bool confined;
};

/* Makes the region. Once, before any device. Returns 0 or a negative errno. */
int host_memory_init(const struct host_memory_options *options);

/* Gives it back; no device may be left. */
void host_memory_exit(void);

/* @size bytes of the region, zeroed and page-aligned, for buffers; or NULL. */
void *host_alloc(size_t size);
void host_free(void *ptr);

/* --- devices (device.c) ----------------------------------------------------------------------- */

/* One descriptor that is waited for, and what it is. */
struct host_source {
	struct host_device *device;
	int fd; /* negative: none */
	enum { HOST_MAIN, HOST_CHANNEL, HOST_CALL, HOST_ERROR } kind;
	unsigned int queue;
};

struct host_queue {
	struct host_source call, error;
	int kick;
	bool open;
};

/* Zeroed by the user, who may fill in of vu what is the embedder's but ops, priv and dma_ops. */
struct host_device {
	struct vhost_user_device vu;
	const char *path;
	struct host_source main, channel;
	struct host_queue queues[VHOST_USER_QUEUES_MAX];
};

/* Connects to the socket at @path, which stays valid, and probes a device of type @device_id on @bus (virtio_bus_init() with
 * host_work). Returns what vhost_user_probe() does. */
int __must_check host_open(struct virtio_bus *bus, struct host_device *device, uint32_t device_id,
			   const char *path);
void host_close(struct host_device *device);

/* --- the loop (loop.c) ------------------------------------------------------------------------- */

/* Of all instances. */
extern struct work_queue host_work;

/* Serves what is there and runs work items; where there is nothing it waits for something until @deadline_ns
 * (of port_now_ns(); 0: not at all, UINT64_MAX: for ever). */
void host_wait(uint64_t deadline_ns);

/* Messages above @level are dropped; LOG_WARNING at first. They go to stderr. */
void host_set_log_level(enum log_level level);

#endif
