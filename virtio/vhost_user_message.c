/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One exchange at a time: a request goes out, and what comes back is an answer of its own, an
 * acknowledgement, or nothing. The two are told apart by what was agreed on: once the back-end can
 * acknowledge, it has to, for every request that has no answer. So we know that a request was carried out
 * before the next one relies on it. An answer has exactly the request, the flags, the size and the
 * descriptors that it should have; anything else ends the session.
 */
#include "virtio/vhost_user_private.h"

void vhost_user_lose(struct vhost_user_device *vu, const char *why)
{
	if (vu->connected)
		port_log(LOG_ERROR, "%s: vhost-user: %s", vu->vdev.dev.name, why);
	vu->connected = false;
	vu->ops->disconnect(vu);
	virtio_needs_recovery(&vu->vdev, -EIO);
}

static int lose(struct vhost_user_device *vu, const char *why, int err)
{
	vhost_user_lose(vu, err == -ETIMEDOUT ? "no answer in time" : why);
	return err == -ETIMEDOUT ? err : -EIO;
}

static uint64_t reply_deadline(const struct vhost_user_device *vu)
{
	return port_now_ns() + (vu->reply_ns ? vu->reply_ns : VHOST_USER_REPLY_NS);
}

/* Whether the back-end is asked to acknowledge @req. */
static bool wants_ack(const struct vhost_user_device *vu, const struct vhost_user_request *req)
{
	return !req->answered && vhost_user_can(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK);
}

static int send(struct vhost_user_device *vu, const struct vhost_user_request *req,
		uint64_t deadline)
{
	struct vhost_user_header *header = &vu->message.header;
	int err;

	header->request = req->request;
	header->flags = VHOST_USER_VERSION | (wants_ack(vu, req) ? VHOST_USER_NEED_REPLY : 0);
	header->size = req->size;
	err = vu->ops->send(vu, VHOST_USER_CHANNEL_MAIN, &vu->message, sizeof(*header) + req->size,
			    req->fds, req->fd_count, deadline);
	return err ? lose(vu, "a request could not be sent", err) : 0;
}

/* What may be wrong with the header of an answer with a payload of @size bytes; NULL: nothing. */
static const char *check_header(const struct vhost_user_header *header, uint32_t request,
				uint32_t size)
{
	const uint32_t flags = VHOST_USER_VERSION_MASK | VHOST_USER_REPLY;

	if (header->request != request)
		return "an answer to another request";
	if ((header->flags & flags) != (VHOST_USER_VERSION | VHOST_USER_REPLY))
		return "an answer that is not marked as one";
	if (header->size != size)
		return "an answer of another size";
	return NULL;
}

static const char *receive_answer(struct vhost_user_device *vu, uint32_t request, uint32_t size,
				  int fds[], unsigned int *fd_count, uint64_t deadline, int *err)
{
	struct vhost_user_header *header = &vu->message.header;
	const char *wrong;

	*err = vu->ops->receive(vu, VHOST_USER_CHANNEL_MAIN, header, sizeof(*header), fds, fd_count,
				deadline);
	if (*err)
		return "the connection was closed";
	wrong = check_header(header, request, size);
	if (wrong)
		return wrong;
	*err = vu->ops->receive(vu, VHOST_USER_CHANNEL_MAIN, &vu->message.payload, size, fds,
				fd_count, deadline);
	return *err ? "an answer that ends early" : NULL;
}

/* An answer's payload replaces that of the request. @fd: where its one descriptor goes; NULL: it has none. */
static int receive(struct vhost_user_device *vu, uint32_t request, uint32_t size, int *fd,
		   uint64_t deadline)
{
	int fds[VHOST_USER_FDS_MAX], err = 0;
	unsigned int fd_count = 0;
	const char *wrong = receive_answer(vu, request, size, fds, &fd_count, deadline, &err);

	if (!wrong && fd_count != (fd ? 1 : 0))
		wrong = "an answer with another number of descriptors";
	if (!wrong) {
		if (fd)
			*fd = fds[0];
		return 0;
	}
	while (fd_count > 0)
		vu->ops->close_fd(vu, fds[--fd_count]);
	return lose(vu, wrong, err ? err : -EIO);
}

static int await_ack(struct vhost_user_device *vu, uint32_t request, uint64_t deadline)
{
	int err = receive(vu, request, sizeof(uint64_t), NULL, deadline);

	if (err || !vu->message.payload.u64)
		return err;
	port_log(LOG_ERROR, "%s: vhost-user: request %u was refused", vu->vdev.dev.name,
		 (unsigned int)request);
	return -EINVAL;
}

int vhost_user_exchange(struct vhost_user_device *vu, const struct vhost_user_request *req)
{
	const uint64_t deadline = reply_deadline(vu);
	const bool ack = wants_ack(vu, req);
	int err;

	if (!vu->connected)
		return -EIO;
	err = send(vu, req, deadline);
	if (err)
		return err;
	if (req->answered)
		return receive(vu, req->request, req->answer_size, req->answer_fd, deadline);
	return ack ? await_ack(vu, req->request, deadline) : 0;
}

int vhost_user_get_u64(struct vhost_user_device *vu, uint32_t request, uint64_t *value)
{
	const struct vhost_user_request req = {
		.request = request, .answered = true, .answer_size = sizeof(uint64_t)};
	int err = vhost_user_exchange(vu, &req);

	if (!err)
		*value = vu->message.payload.u64;
	return err;
}

int vhost_user_set_u64(struct vhost_user_device *vu, uint32_t request, uint64_t value,
		       const int *fd)
{
	const struct vhost_user_request req = {
		.request = request, .size = sizeof(uint64_t), .fds = fd, .fd_count = fd ? 1 : 0};

	vu->message.payload.u64 = value;
	return vhost_user_exchange(vu, &req);
}

/* --- the back-end's channel ------------------------------------------------------------------- */

static int answer_channel(struct vhost_user_device *vu, uint64_t result, uint64_t deadline)
{
	struct vhost_user_header *header = &vu->message.header;

	header->flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	header->size = sizeof(result);
	vu->message.payload.u64 = result;
	return vu->ops->send(vu, VHOST_USER_CHANNEL_BACKEND, &vu->message,
			     sizeof(*header) + sizeof(result), NULL, 0, deadline);
}

/* Receives one request of the back-end. No such request carries a descriptor, as we have not agreed to any that
 * does. Returns what is wrong with it, or NULL. */
static const char *receive_request(struct vhost_user_device *vu, uint64_t deadline)
{
	struct vhost_user_header *header = &vu->message.header;
	int fds[VHOST_USER_FDS_MAX];
	unsigned int fd_count = 0;
	int err = vu->ops->receive(vu, VHOST_USER_CHANNEL_BACKEND, header, sizeof(*header), fds,
				   &fd_count, deadline);
	const bool too_long = !err && header->size > sizeof(vu->message.payload);

	if (!err && !too_long)
		err = vu->ops->receive(vu, VHOST_USER_CHANNEL_BACKEND, &vu->message.payload,
				       header->size, fds, &fd_count, deadline);
	while (fd_count > 0)
		vu->ops->close_fd(vu, fds[--fd_count]);
	if (too_long)
		return "a request of the back-end that is too long";
	if (err)
		return "the back-end closed its channel";
	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
	    (header->flags & VHOST_USER_REPLY))
		return "a request of the back-end with flags that make no sense";
	return NULL;
}

void vhost_user_channel_ready(struct vhost_user_device *vu)
{
	const uint64_t deadline = reply_deadline(vu);
	const char *wrong;
	bool known, asked;

	if (!vu->connected)
		return;
	wrong = receive_request(vu, deadline);
	if (wrong) {
		vhost_user_lose(vu, wrong);
		return;
	}
	known = vu->message.header.request == VHOST_USER_BACKEND_CONFIG_CHANGE;
	asked = vu->message.header.flags & VHOST_USER_NEED_REPLY;
	/* Answered before anything else is sent: the back-end may wait for it and answer nothing meanwhile. */
	if (asked && answer_channel(vu, known ? 0 : 1, deadline)) {
		vhost_user_lose(vu, "the back-end's request could not be answered");
		return;
	}
	if (!known)
		return;
	vu->config_valid = false;
	vu->config_generation++;
	virtio_config_changed(&vu->vdev);
}
