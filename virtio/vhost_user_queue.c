/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues over vhost-user: the back-end is told where a ring lies in our address space, and is given three file
 * descriptors: one that we write to when there are buffers, one that it writes to when it has used some, one for
 * errors. It may use the ring from the moment it has the first of them, and until it has answered the request for
 * the place where it stopped.
 */
#include "virtio/vhost_user_private.h"
#include "virtio/virtio_transport.h"

/* A packed ring begins in the round of wrap counter 1: bit 15 for what is available, bit 31 for what is used. */
#define PACKED_BASE 0x80008000u

static bool notify(struct virtqueue *vq)
{
	struct vhost_user_device *vu = to_vu(vq->vdev);

	return likely(vu->ops->kick(vu, vq->index)) ? true : vring_notify_failed(vq);
}

/* --- handing over ----------------------------------------------------------------------------- */

static int set_state(struct vhost_user_device *vu, uint32_t request, const struct virtqueue *vq,
		     uint32_t num)
{
	const struct vhost_user_request req = {.request = request,
					       .size = sizeof(struct vhost_user_vring_state)};

	vu->message.payload.state.index = vq->index;
	vu->message.payload.state.num = num;
	return vhost_user_exchange(vu, &req);
}

/* Addresses here are those of our address space, which are what the port's DMA backend makes of rings. */
static int set_address(struct vhost_user_device *vu, const struct virtqueue *vq)
{
	const struct vhost_user_request req = {.request = VHOST_USER_SET_VRING_ADDR,
					       .size = sizeof(struct vhost_user_vring_addr)};

	vu->message.payload.addr = (struct vhost_user_vring_addr){
		.index = vq->index,
		.desc = virtqueue_get_desc_addr(vq),
		.used = virtqueue_get_used_addr(vq),
		.avail = virtqueue_get_avail_addr(vq),
	};
	return vhost_user_exchange(vu, &req);
}

/* The kick comes last: with it the back-end may begin. */
static int set_fds(struct vhost_user_device *vu, const struct virtqueue *vq)
{
	struct vhost_user_queue_fds fds;
	int err = vu->ops->open_queue(vu, vq->index, &fds);

	if (err)
		return err;
	vu->queues_started |= BIT_ULL(vq->index);
	err = vhost_user_set_u64(vu, VHOST_USER_SET_VRING_CALL, vq->index, &fds.call);
	if (!err)
		err = vhost_user_set_u64(vu, VHOST_USER_SET_VRING_ERR, vq->index, &fds.error);
	if (!err)
		err = vhost_user_set_u64(vu, VHOST_USER_SET_VRING_KICK, vq->index, &fds.kick);
	return err;
}

/* Hands @vq over, as yet disabled. */
static int start(struct vhost_user_device *vu, const struct virtqueue *vq)
{
	const bool packed = virtio_has_feature(&vu->vdev, VIRTIO_F_RING_PACKED);
	int err = set_state(vu, VHOST_USER_SET_VRING_NUM, vq, virtqueue_get_vring_size(vq));

	if (!err)
		err = set_state(vu, VHOST_USER_SET_VRING_BASE, vq, packed ? PACKED_BASE : 0);
	if (!err)
		err = set_address(vu, vq);
	return err ? err : set_fds(vu, vq);
}

void vhost_user_enable_queues(struct vhost_user_device *vu)
{
	struct virtqueue *vq;

	if (!(vu->backend_features & BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES)))
		return; /* they were never disabled */
	list_for_each_entry (vq, &vu->vdev.vqs, list) {
		if (set_state(vu, VHOST_USER_SET_VRING_ENABLE, vq, 1)) {
			vhost_user_lose(vu, "a queue could not be enabled");
			return;
		}
	}
}

/* --- requests in flight ----------------------------------------------------------------------- */

/*
 * A back-end that keeps a record of what it is at, in memory of which somebody else holds the descriptor, can go on with it
 * after a crash. We begin every session with empty rings, and send again what was not finished: so the record is made
 * new with each session, handed back as it came, and never looked at.
 */
static int exchange_record(struct vhost_user_device *vu, unsigned int queues,
			   unsigned int queue_size, int *fd)
{
	const struct vhost_user_request req = {.request = VHOST_USER_GET_INFLIGHT_FD,
					       .size = sizeof(struct vhost_user_inflight),
					       .answered = true,
					       .answer_size = sizeof(struct vhost_user_inflight),
					       .answer_fd = fd};

	vu->message.payload.inflight = (struct vhost_user_inflight){
		.queues = (uint16_t)queues, .queue_size = (uint16_t)queue_size};
	return vhost_user_exchange(vu, &req);
}

static int set_record(struct vhost_user_device *vu, unsigned int queues, unsigned int queue_size)
{
	int fd = -1;
	const struct vhost_user_request req = {.request = VHOST_USER_SET_INFLIGHT_FD,
					       .size = sizeof(struct vhost_user_inflight),
					       .fds = &fd,
					       .fd_count = 1};
	int err = exchange_record(vu, queues, queue_size, &fd);

	if (err)
		return err;
	vu->message.payload.inflight.queues = (uint16_t)queues;
	vu->message.payload.inflight.queue_size = (uint16_t)queue_size;
	err = vhost_user_exchange(vu, &req);
	vu->ops->close_fd(vu, fd);
	return err;
}

/* Before the first queue is started. */
static int begin_record(struct vhost_user_device *vu)
{
	unsigned int queues = 0, queue_size = 0;
	struct virtqueue *vq;
	int err;

	if (vu->inflight_set || !vhost_user_can(vu, VHOST_USER_PROTOCOL_F_INFLIGHT))
		return 0;
	list_for_each_entry (vq, &vu->vdev.vqs, list) {
		queues = MAX(queues, vq->index + 1);
		queue_size = MAX(queue_size, virtqueue_get_vring_size(vq));
	}
	err = set_record(vu, queues, queue_size);
	vu->inflight_set = !err;
	return err;
}

/* --- making ----------------------------------------------------------------------------------- */

int vhost_user_enable_vq(struct virtqueue *vq)
{
	struct vhost_user_device *vu = to_vu(vq->vdev);
	int err = begin_record(vu);

	return err ? err : start(vu, vq);
}

static int make_vqs(struct vhost_user_device *vu, unsigned int nvqs, struct virtqueue *vqs[],
		    const struct virtqueue_info infos[])
{
	int err = 0;

	for (unsigned int i = 0; i < nvqs && !err; i++) {
		vqs[i] = NULL;
		if (!infos[i].name)
			continue;
		if (i >= vu->queue_limit)
			return -ENOENT;
		err = virtio_transport_make_vq(&vu->vdev, i, VHOST_USER_QUEUE_SIZE_MAX, false,
					       &infos[i], notify, &vqs[i]);
	}
	return err;
}

/* All are made before the first is started: the record of requests in flight is for all of them. */
int vhost_user_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
			const struct virtqueue_info infos[])
{
	int err = make_vqs(to_vu(vdev), nvqs, vqs, infos);

	for (unsigned int i = 0; i < nvqs && !err; i++)
		if (vqs[i])
			err = vhost_user_enable_vq(vqs[i]);
	if (err)
		vhost_user_del_vqs(vdev);
	return err;
}

/* --- taking back ------------------------------------------------------------------------------ */

/* The back-end has stopped once it answers, or the session ends, which stops it too. Where it stopped is of no interest:
 * the ring is not used on. */
static void stop(struct vhost_user_device *vu, const struct virtqueue *vq)
{
	const struct vhost_user_request req = {
		.request = VHOST_USER_GET_VRING_BASE,
		.size = sizeof(struct vhost_user_vring_state),
		.answered = true,
		.answer_size = sizeof(struct vhost_user_vring_state),
	};

	vu->message.payload.state.index = vq->index;
	vu->message.payload.state.num = 0;
	if (vhost_user_exchange(vu, &req) || vu->message.payload.state.index == vq->index)
		return;
	vhost_user_lose(vu, "another queue was stopped");
}

bool vhost_user_stop_queues(struct vhost_user_device *vu)
{
	struct virtqueue *vq;
	bool left = false;

	list_for_each_entry (vq, &vu->vdev.vqs, list) {
		if (!(vu->queues_started & BIT_ULL(vq->index)))
			continue;
		left |= virtqueue_in_flight(vq) > 0;
		stop(vu, vq);
		vu->ops->close_queue(vu, vq->index);
	}
	vu->queues_started = 0;
	return left;
}

void vhost_user_del_vqs(struct virtio_device *vdev)
{
	struct virtqueue *vq, *next;

	(void)vhost_user_stop_queues(to_vu(vdev));
	list_for_each_entry_safe (vq, next, &vdev->vqs, list)
		vring_del_virtqueue(vq);
}
