/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vhost-user back-end in the same program: it carries out what a session needs, records what it is told, and tells a lie
 * in place of its n-th answer. For the transport's unit tests; tests/host has back-ends of other processes.
 */
#ifndef TESTS_UNIT_FAKE_VHOST_USER_H
#define TESTS_UNIT_FAKE_VHOST_USER_H

#include "tests/unit/test.h"
#include "virtio/vhost_user.h"

enum fake_lie {
	FAKE_SILENT,  /* no answer */
	FAKE_CLOSED,  /* the connection ends */
	FAKE_SHORT,   /* it ends within the answer */
	FAKE_REQUEST, /* an answer to another request */
	FAKE_FLAGS,   /* one that is not marked as one */
	FAKE_SIZE,    /* of another size */
	FAKE_FDS,     /* with more descriptors than it should have */
	FAKE_REFUSES, /* an acknowledgement that says no; where there is none: noise */
	FAKE_LIES,
};

struct fake_vhost_user {
	uint64_t features, protocol; /* offered */
	uint64_t queues;	     /* said to be there */
	uint8_t config[VHOST_USER_CONFIG_MAX];
	uint8_t config_offset; /* said to be that of the answer */
	unsigned int lie_at;   /* at which answer, from 1; 0: never */
	enum fake_lie lie;
	bool refuses_connection, cannot_send, no_channel, no_queue, no_kick;

	/* What it was told. */
	unsigned int connections, answers, kicks, looks;
	int open_fds, open_queues;
	uint64_t told_features, told_protocol, status;
	uint32_t ring_size[VHOST_USER_QUEUES_MAX], base[VHOST_USER_QUEUES_MAX];
	struct vhost_user_vring_addr address[VHOST_USER_QUEUES_MAX];
	uint64_t enabled, kickable;
	unsigned int received[64]; /* of each request */
	uint8_t channel_in[512];   /* what the back-end says on its channel */
	size_t channel_size;
	unsigned int channel_fds;
	struct vhost_user_message channel_answer;

	/* The answer under way. */
	bool connected;
	uint8_t out[1024];
	size_t out_size, out_at;
	unsigned int out_fds;
};

extern const struct vhost_user_ops fake_vhost_user_ops;

/* One that can do everything, behind @vu. */
void fake_vhost_user_init(struct fake_vhost_user *fake, struct vhost_user_device *vu);

#endif
