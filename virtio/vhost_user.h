/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost-user transport: the device is another process on the same machine. A socket carries what
 * registers do elsewhere, rings and buffers lie in memory that both have mapped, a notification is a write
 * to one file descriptor and an interrupt one to another. This is the front-end's side of that protocol, and
 * knows neither sockets nor memory maps: the port carries messages and descriptors (struct vhost_user_ops).
 *
 *	qemu-storage-daemon --blockdev file,node-name=d,filename=disk.img \
 *		--export vhost-user-blk,id=e,node-name=d,writable=on,addr.type=unix,addr.path=SOCKET
 *
 * The back-end is as little trusted as any device: whatever it answers is checked, and every wait for it ends. One
 * that breaks the rules of the protocol loses its connection. That, like the end of the back-end, is a failure
 * of the device: it is recovered (virtio_recovery.c) over a new connection, or is gone.
 */
#ifndef VIRTIO_VHOST_USER_H
#define VIRTIO_VHOST_USER_H

#include "virtio/virtio.h"
#include "virtio/wire/vhost_user.h"

/* Queues of one device that we can drive, and the largest size that back-ends are known to take. */
#define VHOST_USER_QUEUES_MAX	  64u
#define VHOST_USER_QUEUE_SIZE_MAX 1024u

/* How long we wait, unless the embedder says else: for the answer to a message; and for a back-end that went
 * away to come back. */
#define VHOST_USER_REPLY_NS	(5 * NSEC_PER_SEC)
#define VHOST_USER_RECONNECT_NS (5 * NSEC_PER_SEC)

struct vhost_user_device;

/* The front-end speaks on one channel, the back-end on the other, where there is one. */
#define VHOST_USER_CHANNEL_MAIN	   0u
#define VHOST_USER_CHANNEL_BACKEND 1u

/* The descriptors of a queue, as the back-end is to have them. */
struct vhost_user_queue_fds {
	int kick; /* we write, it reads: there are buffers */
	int call; /* it writes: buffers were used */
	int error;
};

/*
 * What the port provides: all in thread context but kick(). Deadlines are times of port_now_ns(). Descriptors stay the
 * port's, but those that receive() and open_channel() return, which are given back to close_fd(). Functions return 0 or a negative errno.
 */
struct vhost_user_ops {
	/* Makes a connection in place of the one that there may be; tries until @deadline_ns. */
	int (*connect)(struct vhost_user_device *vu, uint64_t deadline_ns);
	/* Ends it; harmless where there is none. Both channels are gone, and what was in them. */
	void (*disconnect)(struct vhost_user_device *vu);
	/* Sends all of @data, and with its first byte @fds[0..fd_count-1]. */
	int (*send)(struct vhost_user_device *vu, unsigned int channel, const void *data,
		    size_t size, const int fds[], unsigned int fd_count, uint64_t deadline_ns);
	/* Receives exactly @size bytes. Up to VHOST_USER_FDS_MAX descriptors that come with them go to @fds, and
	 * their number is added to *@fd_count; more than that are closed, and -EIO is returned. */
	int (*receive)(struct vhost_user_device *vu, unsigned int channel, void *data, size_t size,
		       int fds[], unsigned int *fd_count, uint64_t deadline_ns);
	void (*close_fd)(struct vhost_user_device *vu, int fd);
	/* Makes the back-end's channel, where there can be one: *@fd is its end of it. NULL: never. */
	int (*open_channel)(struct vhost_user_device *vu, int *fd);
	/* The memory that devices see, all of it: up to VHOST_USER_REGIONS_MAX regions, and the file of each.
	 * Returns how many. */
	unsigned int (*memory)(struct vhost_user_device *vu, struct vhost_user_region regions[],
			       int fds[]);
	/* Makes the descriptors of queue @index, and from now on calls vhost_user_interrupt() for it; until
	 * close_queue(), which is harmless for one that was not opened. */
	int (*open_queue)(struct vhost_user_device *vu, unsigned int index,
			  struct vhost_user_queue_fds *fds);
	void (*close_queue)(struct vhost_user_device *vu, unsigned int index);
	/* Writes to a queue's descriptor. Returns whether that could be done. Any context. */
	bool (*kick)(struct vhost_user_device *vu, unsigned int index);
	/* Looks at all of the device's descriptors without waiting, and reports what has come: for virtio_bus_poll().
	 * NULL: the port does so by itself. */
	void (*look)(struct vhost_user_device *vu);
};

/*
 * A device. The embedder zeroes it, fills in the upper part (and may set vdev.dev.dma_ops and
 * vdev.max_queue_size), and keeps it until vhost_user_remove().
 */
struct vhost_user_device {
	struct virtio_device vdev;
	const struct vhost_user_ops *ops;
	void *priv;	       /* the port's */
	uint64_t reply_ns;     /* 0: VHOST_USER_REPLY_NS */
	uint64_t reconnect_ns; /* 0: VHOST_USER_RECONNECT_NS */
	uint64_t refused; /* features that are not to be used though the back-end offers them */
	unsigned int config_size; /* bytes of config space, as the device's type has them */
	const void *local_config; /* config space of a back-end that has none; NULL: zeroes */
	uint64_t local_features;  /* what that offers: bits that the back-end never hears of */

	/* The transport's. */
	bool connected;
	bool absent; /* a new session was tried in vain */
	bool sealed; /* the device is being removed: it is not waited for long */
	bool memory_sent;
	bool inflight_set;
	uint8_t status; /* ours; the back-end has its own with PROTOCOL_F_STATUS */
	uint64_t backend_features;
	uint64_t protocol; /* protocol features in use */
	unsigned int queue_limit;
	uint64_t queues_started; /* a bit for each queue that was opened and may be in use */
	bool config_valid;
	uint32_t config_generation;
	uint8_t config[VHOST_USER_CONFIG_MAX];
	struct vhost_user_message message; /* the one that is under way */
};

/*
 * Connects (once: there is no waiting for a back-end that is not there) and registers a device of @device_id
 * with @bus under @name. Returns 0 (a failed probe is the device's state, as with any transport); what connect()
 * returned; -ETIMEDOUT (no answer); -EIO (an answer that makes no sense, or the connection was closed); -EINVAL (config_size). Thread context.
 */
int __must_check vhost_user_probe(struct virtio_bus *bus, struct vhost_user_device *vu,
				  uint32_t device_id, const char *name);

/* Takes the device away from its driver, stops it and disconnects. Thread context. */
void vhost_user_remove(struct vhost_user_device *vu);

/* --- events that the port reports; what is called in thread context may run callbacks of drivers --------- */

/* The back-end has written to the descriptor of queue @index. As an interrupt: any context. */
irqreturn_t vhost_user_interrupt(struct vhost_user_device *vu, unsigned int index);

/* The back-end has reported an error of queue @index: the device is to recover. Thread context. */
void vhost_user_queue_error(struct vhost_user_device *vu, unsigned int index);

/* There is something to receive on the back-end's channel: takes one message. Thread context. */
void vhost_user_channel_ready(struct vhost_user_device *vu);

/* The main channel was closed, or has something that was not asked for. Thread context. */
void vhost_user_main_ready(struct vhost_user_device *vu);

#endif
