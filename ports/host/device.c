/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user device of this process: its socket, the channel on which its back-end speaks up, and three descriptors for
 * each of its queues. This is what the transport (virtio/vhost_user.h) asks a port for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ports/host/host_private.h"
#include "virtio/port.h"

static struct host_device *to_host(struct vhost_user_device *vu)
{
	return container_of(vu, struct host_device, vu);
}

/* --- sockets ---------------------------------------------------------------------------------- */

static void host_disconnect(struct vhost_user_device *vu)
{
	host_unwatch(&to_host(vu)->main);
	host_unwatch(&to_host(vu)->channel);
}

static int host_connect(struct vhost_user_device *vu, uint64_t deadline_ns)
{
	struct host_device *device = to_host(vu);
	int fd, err;

	host_disconnect(vu);
	fd = host_socket_connect(device->path, deadline_ns);
	if (fd < 0)
		return fd;
	device->main.fd = fd;
	err = host_watch(&device->main, false);
	if (err)
		host_disconnect(vu);
	return err;
}

/* @end: the back-end's end of the channel. */
static int host_open_channel(struct vhost_user_device *vu, int *end)
{
	struct host_device *device = to_host(vu);
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	device->channel.fd = pair[0];
	*end = pair[1];
	err = host_watch(&device->channel, false);
	if (!err)
		return 0;
	host_unwatch(&device->channel);
	close(pair[1]);
	return err;
}

static int host_channel_fd(struct vhost_user_device *vu, unsigned int channel)
{
	const struct host_device *device = to_host(vu);

	return channel == VHOST_USER_CHANNEL_MAIN ? device->main.fd : device->channel.fd;
}

static int host_send(struct vhost_user_device *vu, unsigned int channel, const void *data,
		     size_t size, const int fds[], unsigned int fd_count, uint64_t deadline_ns)
{
	return host_socket_send(host_channel_fd(vu, channel), data, size, fds, fd_count,
				deadline_ns);
}

static int host_receive(struct vhost_user_device *vu, unsigned int channel, void *data, size_t size,
			int fds[], unsigned int *fd_count, uint64_t deadline_ns)
{
	return host_socket_receive(host_channel_fd(vu, channel), data, size, fds, fd_count,
				   deadline_ns);
}

static void host_close_fd(struct vhost_user_device *vu, int fd)
{
	(void)vu;
	close(fd);
}

static unsigned int host_memory(struct vhost_user_device *vu, struct vhost_user_region regions[],
				int fds[])
{
	(void)vu;
	fds[0] = host_region_describe(&regions[0]);
	return 1;
}

/* --- queues ----------------------------------------------------------------------------------- */

static void host_close_queue(struct vhost_user_device *vu, unsigned int index)
{
	struct host_queue *queue = &to_host(vu)->queues[index];

	if (!queue->open)
		return;
	queue->open = false;
	host_unwatch(&queue->call);
	host_unwatch(&queue->error);
	close(queue->kick);
}

static int make_source(struct host_device *device, struct host_source *source, int kind,
		       unsigned int index)
{
	*source = (struct host_source){.device = device, .kind = kind, .queue = index};
	source->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return source->fd < 0 ? -errno : host_watch(source, true);
}

static int host_open_queue(struct vhost_user_device *vu, unsigned int index,
			   struct vhost_user_queue_fds *fds)
{
	struct host_device *device = to_host(vu);
	struct host_queue *queue = &device->queues[index];
	int err;

	host_close_queue(vu, index);
	queue->call.fd = queue->error.fd = -1;
	queue->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->kick < 0)
		return -errno;
	queue->open = true;
	err = make_source(device, &queue->call, HOST_CALL, index);
	if (!err)
		err = make_source(device, &queue->error, HOST_ERROR, index);
	if (err)
		host_close_queue(vu, index);
	*fds = (struct vhost_user_queue_fds){queue->kick, queue->call.fd, queue->error.fd};
	return err;
}

/* A counter that is full is a notification that nobody has taken yet. */
static bool host_kick(struct vhost_user_device *vu, unsigned int index)
{
	const uint64_t one = 1;

	return write(to_host(vu)->queues[index].kick, &one, sizeof(one)) == sizeof(one) ||
	       errno == EAGAIN;
}

static void host_look_at(struct vhost_user_device *vu)
{
	(void)vu; /* at all of them: that is one call */
	host_look();
}

static const struct vhost_user_ops host_ops = {
	.connect = host_connect,
	.disconnect = host_disconnect,
	.send = host_send,
	.receive = host_receive,
	.close_fd = host_close_fd,
	.open_channel = host_open_channel,
	.memory = host_memory,
	.open_queue = host_open_queue,
	.close_queue = host_close_queue,
	.kick = host_kick,
	.look = host_look_at,
};

/* --- life and events -------------------------------------------------------------------------- */

int host_open(struct virtio_bus *bus, struct host_device *device, uint32_t device_id,
	      const char *path)
{
	const char *name = strrchr(path, '/');

	device->path = path;
	device->main = (struct host_source){device, -1, HOST_MAIN, 0};
	device->channel = (struct host_source){device, -1, HOST_CHANNEL, 0};
	device->vu.ops = &host_ops;
	host_dma_setup(&device->vu.vdev.dev);
	return vhost_user_probe(bus, &device->vu, device_id, name ? name + 1 : path);
}

void host_close(struct host_device *device)
{
	vhost_user_remove(&device->vu);
}

void host_device_serve(struct host_source *source)
{
	struct vhost_user_device *vu = &source->device->vu;

	if (source->fd < 0) /* closed since */
		return;
	switch (source->kind) {
	case HOST_MAIN:
		vhost_user_main_ready(vu);
		break;
	case HOST_CHANNEL:
		vhost_user_channel_ready(vu);
		break;
	case HOST_CALL:
		(void)vhost_user_interrupt(vu, source->queue);
		break;
	case HOST_ERROR:
		vhost_user_queue_error(vu, source->queue);
		break;
	}
}
