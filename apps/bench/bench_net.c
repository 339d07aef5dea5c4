/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench net: frames sent as fast as the device takes them; or a UDP datagram that somebody sends back
 * (RFC 862), one in flight at a time, the next sent from within the interrupt that brought the last.
 * BYTES is the length of a frame, without FCS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "apps/bench/bench.h"
#include "apps/shell/inet.h"
#include "drivers/virtio/virtio_net.h"
#include "lib/timer.h"

/* Any addresses do: frames go to all, and one that comes back is known by its port and number. */
#define OUR_IP	  0x0a00020fu /* 10.0.2.15 */
#define PEER_IP	  0x0a000202u /* 10.0.2.2 */
#define OUR_PORT  49152u
#define ECHO_PORT 7u
#define NUMBER	  UDP_DATA /* where a frame's number stands */
#define BYTES_MIN (NUMBER + 4)

#define BATCH_MAX 64u

/* Without any progress for so long a job is over. */
#define STALL_NS (2 * NSEC_PER_SEC)

struct net_job {
	struct virtio_net *net;
	struct port_event over;
	volatile uint64_t left; /* frames to be sent, or echoes to come */
	uint32_t number;	/* of the next frame */
	int error;		/* the first */
	unsigned int len;
	unsigned int batch;
	uint8_t frame[VIRTIO_NET_FRAME_MAX];
};

static void build_frame(struct net_job *job)
{
	static const uint8_t to_all[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct udp_packet udp = {OUR_IP, PEER_IP, OUR_PORT, ECHO_PORT};
	struct virtio_net_info info;

	virtio_net_get_info(job->net, &info);
	udp_build(job->frame, job->len, to_all, info.mac, &udp);
}

static void number_frame(struct net_job *job)
{
	job->number++;
	memcpy(job->frame + NUMBER, &job->number, sizeof(job->number));
}

/* One notification for each batch of frames, and one where there was no room for more. */
static int run_tx(struct net_job *job)
{
	unsigned int added = 0;
	int err = 0;

	for (; job->left && !err; job->left--) {
		number_frame(job);
		err = virtio_net_add(job->net, job->frame, job->len);
		if (err == -ENOSPC)
			err = virtio_net_send_wait(job->net, job->frame, job->len, STALL_NS);
		if (++added % job->batch == 0)
			virtio_net_kick(job->net);
	}
	virtio_net_kick(job->net);
	return err;
}

static void ask(struct net_job *job)
{
	number_frame(job);
	job->error = virtio_net_send(job->net, job->frame, job->len);
	if (job->error)
		port_event_signal(&job->over);
}

/* Whether this is the datagram that was sent last, coming back. */
static bool is_answer(const struct net_job *job, const uint8_t *frame, unsigned int len)
{
	struct udp_packet udp;
	int bytes = udp_parse(frame, len, &udp);

	return bytes == (int)(job->len - UDP_DATA) && udp.source_port == ECHO_PORT &&
	       udp.target_port == OUR_PORT &&
	       memcmp(frame + NUMBER, &job->number, sizeof(job->number)) == 0;
}

/* Interrupt context, or from a work item. */
static void received(void *arg, const uint8_t *frame, unsigned int len)
{
	struct net_job *job = arg;

	if (!job->left || !is_answer(job, frame, len))
		return;
	if (--job->left)
		ask(job);
	else
		port_event_signal(&job->over);
}

/* Until all are back or none has come for a while. */
static int run_rtt(struct net_job *job)
{
	uint64_t before;
	int err;

	virtio_net_set_receiver(job->net, received, job);
	ask(job);
	do {
		before = job->left;
		err = port_event_wait(&job->over, STALL_NS);
	} while (err && job->left != before);
	virtio_net_set_receiver(job->net, NULL, NULL);
	return job->error ? job->error : err;
}

/* Fills in what the words say. 0, or a negative errno after the error was printed. */
static int prepare(struct shell *sh, struct net_job *job, char **argv)
{
	uint64_t bytes;
	int err = sh_number(sh, "bytes", argv[3], VIRTIO_NET_FRAME_MAX, &bytes);

	if (err)
		return err;
	if (bytes < BYTES_MIN)
		return sh_error(sh, -EINVAL, "%s: a frame has %u bytes at least", argv[3],
				(unsigned int)BYTES_MIN);
	if (strcmp(argv[2], "tx") && strcmp(argv[2], "rtt"))
		return sh_error(sh, -EINVAL, "%s: not tx|rtt", argv[2]);
	job->len = (unsigned int)bytes;
	port_event_init(&job->over);
	build_frame(job);
	return 0;
}

/* Does the job and prints what it cost. */
static int measure(struct shell *sh, struct net_job *job, int argc, char **argv)
{
	const uint64_t n = job->left;
	struct bench bench;
	int err;

	bench_begin(&bench, sh, virtio_net_device(job->net));
	err = strcmp(argv[2], "tx") == 0 ? run_tx(job) : run_rtt(job);
	if (err == -ETIMEDOUT)
		return sh_error(sh, err, "nothing comes back");
	if (err)
		return sh_error(sh, err, "%s", sh_strerror(err));
	bench_end(&bench, n, argc, argv);
	return 0;
}

int bench_net(struct shell *sh, int argc, char **argv)
{
	struct bench_option options[] = {
		{"n", 1000, 1, UINT32_MAX, NULL},
		{"batch", 1, 1, BATCH_MAX, NULL},
		{0},
	};
	int number = command_device(sh, VIRTIO_ID_NET, argv[1]);
	struct net_job *job;
	int err;

	if (number < 0)
		return number;
	err = bench_options(sh, options, 4, argc, argv);
	if (err)
		return err;
	job = calloc(1, sizeof(*job));
	if (!job)
		return sh_error(sh, -ENOMEM, "%s", sh_strerror(-ENOMEM));
	job->net = virtio_net_find((unsigned int)number);
	job->left = options[0].value;
	job->batch = (unsigned int)options[1].value;
	err = prepare(sh, job, argv);
	if (!err)
		err = measure(sh, job, argc, argv);
	free(job);
	return err;
}
