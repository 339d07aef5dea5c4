/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_vhost_user.h. Descriptors are numbers that are counted. */
#include "tests/unit/fake_vhost_user.h"
#include "virtio/port.h"

#define FAKE_FD 1000

static struct fake_vhost_user *of(struct vhost_user_device *vu)
{
	return vu->priv;
}

void fake_vhost_user_init(struct fake_vhost_user *fake, struct vhost_user_device *vu)
{
	memset(fake, 0, sizeof(*fake));
	memset(vu, 0, sizeof(*vu));
	fake->features = BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES) | BIT_ULL(VIRTIO_F_VERSION_1) |
			 BIT_ULL(VIRTIO_F_EVENT_IDX);
	fake->protocol = ~0ull;
	fake->queues = 4;
	vu->ops = &fake_vhost_user_ops;
	vu->priv = fake;
	vu->config_size = 64;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void put(struct fake_vhost_user *fake, uint32_t request, uint32_t flags, const void *payload,
		uint32_t size)
{
	const struct vhost_user_header header = {request, flags, size};

	memcpy(fake->out, &header, sizeof(header));
	memcpy(fake->out + sizeof(header), payload, size);
	fake->out_size = sizeof(header) + size;
	fake->out_at = 0;
}

static void put_lie(struct fake_vhost_user *fake, uint32_t request, const void *payload,
		    uint32_t size)
{
	const uint32_t flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	uint8_t noise[VHOST_USER_CONFIG_MAX + 16];

	memset(noise, 0xa5, sizeof(noise));
	switch (fake->lie) {
	case FAKE_SILENT:
	case FAKE_LIES:
		break;
	case FAKE_CLOSED:
		fake->connected = false;
		break;
	case FAKE_SHORT:
		put(fake, request, flags, payload, size);
		fake->out_size -= 2;
		fake->connected = false;
		break;
	case FAKE_REQUEST:
		put(fake, request + 1, flags, payload, size);
		break;
	case FAKE_FLAGS:
		put(fake, request, VHOST_USER_VERSION, payload, size);
		break;
	case FAKE_SIZE:
		put(fake, request, flags, payload, size - 1);
		break;
	case FAKE_FDS:
		put(fake, request, flags, payload, size);
		fake->out_fds += 2;
		break;
	case FAKE_REFUSES:
		put(fake, request, flags, noise, size);
		break;
	}
}

static void answer(struct fake_vhost_user *fake, uint32_t request, const void *payload,
		   uint32_t size)
{
	fake->out_fds = request == VHOST_USER_GET_INFLIGHT_FD;
	if (++fake->answers == fake->lie_at) {
		put_lie(fake, request, payload, size);
		return;
	}
	put(fake, request, VHOST_USER_VERSION | VHOST_USER_REPLY, payload, size);
}

/* --- requests --------------------------------------------------------------------------------- */

/* What a request tells. */
static void learn(struct fake_vhost_user *fake, const struct vhost_user_message *message)
{
	const uint32_t index = message->payload.state.index % VHOST_USER_QUEUES_MAX;

	switch (message->header.request) {
	case VHOST_USER_SET_FEATURES:
		fake->told_features = message->payload.u64;
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		fake->told_protocol = message->payload.u64;
		break;
	case VHOST_USER_SET_STATUS:
		fake->status = message->payload.u64;
		break;
	case VHOST_USER_SET_VRING_NUM:
		fake->ring_size[index] = message->payload.state.num;
		break;
	case VHOST_USER_SET_VRING_BASE:
		fake->base[index] = message->payload.state.num;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		fake->address[index] = message->payload.addr;
		break;
	case VHOST_USER_SET_VRING_KICK:
		fake->kickable |= BIT_ULL(message->payload.u64);
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		fake->enabled |= (uint64_t)message->payload.state.num << index;
		break;
	case VHOST_USER_GET_VRING_BASE:
		fake->kickable &= ~BIT_ULL(index);
		break;
	case VHOST_USER_SET_CONFIG:
		memcpy(fake->config + message->payload.config.offset, message->payload.config.data,
		       message->payload.config.size);
		break;
	}
}

static void answer_config(struct fake_vhost_user *fake, const struct vhost_user_message *message)
{
	struct vhost_user_config config = message->payload.config;

	memcpy(config.data, fake->config + config.offset, config.size);
	config.offset = fake->config_offset;
	answer(fake, VHOST_USER_GET_CONFIG, &config,
	       (uint32_t)offsetof(struct vhost_user_config, data) + config.size);
}

static void serve(struct fake_vhost_user *fake, const struct vhost_user_message *message)
{
	const uint32_t request = message->header.request;
	uint64_t value = 0;

	learn(fake, message);
	switch (request) {
	case VHOST_USER_GET_FEATURES:
		value = fake->features;
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		value = fake->protocol;
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		value = fake->queues;
		break;
	case VHOST_USER_GET_STATUS:
		value = fake->status;
		break;
	case VHOST_USER_GET_VRING_BASE:
		value = message->payload.u64;
		break;
	case VHOST_USER_GET_CONFIG:
		answer_config(fake, message);
		return;
	case VHOST_USER_GET_INFLIGHT_FD:
		answer(fake, request, &message->payload, sizeof(struct vhost_user_inflight));
		return;
	default:
		if (message->header.flags & VHOST_USER_NEED_REPLY)
			answer(fake, request, &value, sizeof(value));
		return;
	}
	answer(fake, request, &value, sizeof(value));
}

/* --- the ops ---------------------------------------------------------------------------------- */

static int fake_connect(struct vhost_user_device *vu, uint64_t deadline_ns)
{
	struct fake_vhost_user *fake = of(vu);

	(void)deadline_ns;
	if (fake->refuses_connection)
		return -ENODEV;
	fake->connections++;
	fake->connected = true;
	fake->out_size = fake->out_at = 0;
	fake->kickable = fake->enabled = fake->status = 0;
	return 0;
}

static void fake_disconnect(struct vhost_user_device *vu)
{
	of(vu)->connected = false;
}

static int fake_send(struct vhost_user_device *vu, unsigned int channel, const void *data,
		     size_t size, const int fds[], unsigned int fd_count, uint64_t deadline_ns)
{
	struct fake_vhost_user *fake = of(vu);
	struct vhost_user_message message = {0};

	(void)deadline_ns;
	assert_in_range(size, sizeof(message.header), sizeof(message));
	memcpy(&message, data, size);
	assert_int_equal(size, sizeof(message.header) + message.header.size);
	for (unsigned int i = 0; i < fd_count; i++)
		assert_in_range(fds[i], FAKE_FD, FAKE_FD + 10000);
	if (fake->cannot_send)
		return -EIO;
	if (channel == VHOST_USER_CHANNEL_BACKEND) {
		fake->channel_answer = message;
		return 0;
	}
	/* One request at a time: the last one's answer has been taken. */
	assert_int_equal(fake->out_at, fake->out_size);
	fake->received[message.header.request]++;
	serve(fake, &message);
	return 0;
}

static int take(void *data, size_t size, const uint8_t *from, size_t *at, size_t end)
{
	if (size > end - *at) {
		*at = end;
		return -EIO;
	}
	memcpy(data, from + *at, size);
	*at += size;
	return 0;
}

static void give_fds(struct fake_vhost_user *fake, unsigned int *waiting, int fds[],
		     unsigned int *fd_count)
{
	for (; *waiting > 0; (*waiting)--) {
		fds[(*fd_count)++] = FAKE_FD + (int)*waiting;
		fake->open_fds++;
	}
}

static int fake_receive(struct vhost_user_device *vu, unsigned int channel, void *data, size_t size,
			int fds[], unsigned int *fd_count, uint64_t deadline_ns)
{
	struct fake_vhost_user *fake = of(vu);
	size_t at = 0;

	if (channel == VHOST_USER_CHANNEL_BACKEND) {
		int err = take(data, size, fake->channel_in, &at, fake->channel_size);

		fake->channel_size -= at;
		memmove(fake->channel_in, fake->channel_in + at, fake->channel_size);
		give_fds(fake, &fake->channel_fds, fds, fd_count);
		return err;
	}
	if (fake->out_at == fake->out_size) {
		port_host_advance(fake->connected ? deadline_ns - port_now_ns() : 0);
		return fake->connected ? -ETIMEDOUT : -EIO;
	}
	give_fds(fake, &fake->out_fds, fds, fd_count);
	return take(data, size, fake->out, &fake->out_at, fake->out_size);
}

static void fake_close_fd(struct vhost_user_device *vu, int fd)
{
	assert_in_range(fd, FAKE_FD, FAKE_FD + 10000);
	of(vu)->open_fds--;
}

static int fake_open_channel(struct vhost_user_device *vu, int *fd)
{
	if (of(vu)->no_channel)
		return -ENOMEM;
	*fd = FAKE_FD;
	of(vu)->open_fds++;
	return 0;
}

static unsigned int fake_memory(struct vhost_user_device *vu, struct vhost_user_region regions[],
				int fds[])
{
	(void)vu;
	regions[0] = (struct vhost_user_region){0, UINT64_MAX, 0, 0};
	fds[0] = FAKE_FD;
	return 1;
}

static int fake_open_queue(struct vhost_user_device *vu, unsigned int index,
			   struct vhost_user_queue_fds *fds)
{
	const int fd = FAKE_FD + 100 + 3 * (int)index;

	if (of(vu)->no_queue)
		return -ENOMEM;
	of(vu)->open_queues++;
	*fds = (struct vhost_user_queue_fds){fd, fd + 1, fd + 2};
	return 0;
}

static void fake_close_queue(struct vhost_user_device *vu, unsigned int index)
{
	(void)index;
	of(vu)->open_queues--;
}

static bool fake_kick(struct vhost_user_device *vu, unsigned int index)
{
	if (of(vu)->no_kick)
		return false;
	assert_true(of(vu)->kickable & BIT_ULL(index));
	of(vu)->kicks++;
	return true;
}

static void fake_look(struct vhost_user_device *vu)
{
	of(vu)->looks++;
	if (!of(vu)->connected)
		vhost_user_main_ready(vu);
}

const struct vhost_user_ops fake_vhost_user_ops = {
	.connect = fake_connect,
	.disconnect = fake_disconnect,
	.send = fake_send,
	.receive = fake_receive,
	.close_fd = fake_close_fd,
	.open_channel = fake_open_channel,
	.memory = fake_memory,
	.open_queue = fake_open_queue,
	.close_queue = fake_close_queue,
	.kick = fake_kick,
	.look = fake_look,
};
