/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the vhost-user transport share: vhost_user_message.c exchanges messages, vhost_user_session.c
 * begins and ends a session, vhost_user_queue.c hands queues over and takes them back, vhost_user.c is what
 * the core and the port see of it. Nobody else includes this. All in thread context.
 */
#ifndef VIRTIO_VHOST_USER_PRIVATE_H
#define VIRTIO_VHOST_USER_PRIVATE_H

#include "virtio/port.h"
#include "virtio/vhost_user.h"

static inline struct vhost_user_device *to_vu(struct virtio_device *vdev)
{
	return container_of(vdev, struct vhost_user_device, vdev);
}

static inline bool vhost_user_can(const struct vhost_user_device *vu, unsigned int protocol_bit)
{
	return vu->protocol & BIT_ULL(protocol_bit);
}

/* --- vhost_user_message.c ----------------------------------------------------------------- */

/* A request and what is expected of its answer. */
struct vhost_user_request {
	uint32_t request;
	uint32_t size; /* of the payload in vu->message, which is filled in */
	const int *fds;
	unsigned int fd_count;
	bool answered;	      /* it has an answer of its own, which replaces the payload */
	uint32_t answer_size; /* of that */
	int *answer_fd;	      /* where its descriptor goes; NULL: it has none */
};

/* Exchanges one. Returns 0; -EIO or -ETIMEDOUT: the connection is lost then; -EINVAL: the back-end understands the request
 * and refuses it. */
int __must_check vhost_user_exchange(struct vhost_user_device *vu,
				     const struct vhost_user_request *req);

/* Requests without payload that are answered with a number. */
int __must_check vhost_user_get_u64(struct vhost_user_device *vu, uint32_t request,
				    uint64_t *value);

/* Requests that carry a number, and a descriptor where @fd is not NULL. */
int __must_check vhost_user_set_u64(struct vhost_user_device *vu, uint32_t request, uint64_t value,
				    const int *fd);

/* The connection is of no use any more, for the reason @why: ends it, and has a live device recover. */
void vhost_user_lose(struct vhost_user_device *vu, const char *why);

/* --- vhost_user_session.c ----------------------------------------------------------------- */

/* Connects until @deadline_ns, and learns what the back-end can do. Returns 0 or the error, with no connection. */
int __must_check vhost_user_begin(struct vhost_user_device *vu, uint64_t deadline_ns);

/* Tells the features and the memory. */
int __must_check vhost_user_agree(struct vhost_user_device *vu);

/* Stops all queues and forgets all that was agreed on. Where buffers are left of which nobody can say
 * whether they are still written to, or there is no connection, a new session is begun. */
void vhost_user_reset(struct vhost_user_device *vu);

/* --- vhost_user_queue.c ------------------------------------------------------------------- */

int __must_check vhost_user_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
				     struct virtqueue *vqs[], const struct virtqueue_info infos[]);
void vhost_user_del_vqs(struct virtio_device *vdev);
int __must_check vhost_user_enable_vq(struct virtqueue *vq);

/* With DRIVER_OK: from now on the queues are served. */
void vhost_user_enable_queues(struct vhost_user_device *vu);

/* Takes all queues back. Returns whether buffers were left in them. */
bool vhost_user_stop_queues(struct vhost_user_device *vu);

#endif
