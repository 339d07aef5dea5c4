/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session: from a connection to a back-end whose features, queues and memory are settled, and back. A reset
 * of the device has no message that every back-end understands, and one whose queues were stopped may still
 * be carrying out requests that it had taken from them. It is sure to be done with our memory when the
 * session ends: so a reset in which buffers are left over begins a new one.
 */
#include "virtio/vhost_user_private.h"

#define KNOWN_PROTOCOL                                                                     \
	(BIT_ULL(VHOST_USER_PROTOCOL_F_MQ) | BIT_ULL(VHOST_USER_PROTOCOL_F_REPLY_ACK) |    \
	 BIT_ULL(VHOST_USER_PROTOCOL_F_CONFIG) | BIT_ULL(VHOST_USER_PROTOCOL_F_INFLIGHT) | \
	 BIT_ULL(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | BIT_ULL(VHOST_USER_PROTOCOL_F_STATUS))

/* A device that is being removed is not waited for longer than this. */
#define SEALED_NS (1 * NSEC_PER_SEC)

/* Until a session is tried again that could not begin; twice as long after each time. */
#define RETRY_NS (10 * NSEC_PER_MSEC)

/* --- beginning -------------------------------------------------------------------------------- */

/* Settles the protocol features; @channel: the back-end's end of its channel, negative where there is none. */
static int settle_protocol(struct vhost_user_device *vu, uint64_t protocol, int channel)
{
	const struct vhost_user_request give = {
		.request = VHOST_USER_SET_BACKEND_REQ_FD, .fds = &channel, .fd_count = 1};
	int err = vhost_user_set_u64(vu, VHOST_USER_SET_PROTOCOL_FEATURES, protocol, NULL);

	if (err)
		return err;
	vu->protocol = protocol;
	return channel < 0 ? 0 : vhost_user_exchange(vu, &give);
}

/* With a second channel the back-end can tell of changes. Where the port can make none, we do without. */
static int learn_protocol(struct vhost_user_device *vu)
{
	uint64_t offered, known = KNOWN_PROTOCOL;
	int channel = -1;
	int err = vhost_user_get_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES, &offered);

	if (err)
		return err;
	if ((offered & BIT_ULL(VHOST_USER_PROTOCOL_F_BACKEND_REQ)) && vu->ops->open_channel &&
	    !vu->ops->open_channel(vu, &channel))
		known |= BIT_ULL(VHOST_USER_PROTOCOL_F_BACKEND_REQ);
	err = settle_protocol(vu, offered & known, channel);
	if (channel >= 0)
		vu->ops->close_fd(vu, channel);
	return err;
}

/* A back-end that does not say how many queues it has is one of a type that fixes the number. */
static int learn_queues(struct vhost_user_device *vu)
{
	uint64_t queues;
	int err;

	vu->queue_limit = VHOST_USER_QUEUES_MAX;
	if (!vhost_user_can(vu, VHOST_USER_PROTOCOL_F_MQ))
		return 0;
	err = vhost_user_get_u64(vu, VHOST_USER_GET_QUEUE_NUM, &queues);
	if (!err)
		vu->queue_limit = (unsigned int)MIN(queues, (uint64_t)VHOST_USER_QUEUES_MAX);
	return err;
}

static int learn(struct vhost_user_device *vu)
{
	const struct vhost_user_request own = {.request = VHOST_USER_SET_OWNER};
	int err = vhost_user_get_u64(vu, VHOST_USER_GET_FEATURES, &vu->backend_features);

	if (!err && (vu->backend_features & BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES)))
		err = learn_protocol(vu);
	if (!err)
		err = learn_queues(vu);
	return err ? err : vhost_user_exchange(vu, &own);
}

int vhost_user_begin(struct vhost_user_device *vu, uint64_t deadline_ns)
{
	int err = vu->ops->connect(vu, deadline_ns);

	if (err)
		return err;
	vu->connected = true;
	vu->protocol = 0;
	vu->status = 0;
	vu->memory_sent = false;
	vu->inflight_set = false;
	vu->queues_started = 0;
	vu->config_valid = false;
	vu->config_generation++;
	err = learn(vu);
	if (err && vu->connected)
		vhost_user_lose(vu, "the session cannot begin");
	return err;
}

/* --- features and memory ---------------------------------------------------------------------- */

static int send_memory(struct vhost_user_device *vu)
{
	struct vhost_user_region regions[VHOST_USER_REGIONS_MAX];
	int fds[VHOST_USER_REGIONS_MAX];
	const unsigned int count = vu->ops->memory(vu, regions, fds);
	const struct vhost_user_request req = {
		.request = VHOST_USER_SET_MEM_TABLE,
		.size = (uint32_t)(offsetof(struct vhost_user_memory, regions) +
				   count * sizeof(regions[0])),
		.fds = fds,
		.fd_count = count,
	};
	int err;

	vu->message.payload.memory.count = count;
	vu->message.payload.memory.padding = 0;
	for (unsigned int i = 0; i < count; i++)
		vu->message.payload.memory.regions[i] = regions[i];
	err = vhost_user_exchange(vu, &req);
	vu->memory_sent = !err;
	return err;
}

int vhost_user_agree(struct vhost_user_device *vu)
{
	const uint64_t protocol = BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES);
	uint64_t features = vu->vdev.features & ~(vu->local_features & ~vu->backend_features);
	int err;

	/* Without this bit queues would be enabled from the start. */
	features |= vu->backend_features & protocol;
	err = vhost_user_set_u64(vu, VHOST_USER_SET_FEATURES, features, NULL);
	return err || vu->memory_sent ? err : send_memory(vu);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* The requests that a back-end may understand. Their failure is the session's, and needs no second look. */
static void reset_backend(struct vhost_user_device *vu)
{
	const struct vhost_user_request reset = {.request = VHOST_USER_RESET_DEVICE};

	if (vhost_user_can(vu, VHOST_USER_PROTOCOL_F_STATUS) &&
	    vhost_user_set_u64(vu, VHOST_USER_SET_STATUS, 0, NULL))
		vhost_user_lose(vu, "the reset was refused");
	if (vhost_user_can(vu, VHOST_USER_PROTOCOL_F_RESET_DEVICE) &&
	    vhost_user_exchange(vu, &reset))
		vhost_user_lose(vu, "the reset was refused");
}

/* How long there is for a new session. Where that was in vain before, one look is enough. */
static uint64_t reconnect_ns(const struct vhost_user_device *vu)
{
	uint64_t ns = vu->reconnect_ns ? vu->reconnect_ns : VHOST_USER_RECONNECT_NS;

	if (vu->absent)
		return 0;
	return vu->sealed ? MIN(ns, SEALED_NS) : ns;
}

/* A back-end that is about to end may still take a connection, which then ends with it. */
static int begin_again(struct vhost_user_device *vu)
{
	const uint64_t deadline = port_now_ns() + reconnect_ns(vu);
	uint64_t delay = RETRY_NS;
	int err;

	for (;;) {
		err = vhost_user_begin(vu, deadline);
		if (!err || port_now_ns() + delay >= deadline)
			return err;
		port_delay_ns(delay);
		delay *= 2;
	}
}

void vhost_user_reset(struct vhost_user_device *vu)
{
	const bool used = vu->queues_started || vu->status;
	const bool left = vhost_user_stop_queues(vu);

	vu->inflight_set = false;
	vu->config_valid = false;
	vu->status = 0;
	if (vu->connected && used)
		reset_backend(vu);
	if (vu->connected && !left)
		return;
	vu->ops->disconnect(vu);
	vu->connected = false;
	vu->absent = begin_again(vu) != 0;
	if (!vu->absent)
		port_log(LOG_INFO, "%s: vhost-user: connected again", vu->vdev.dev.name);
}
