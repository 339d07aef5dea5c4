/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench net: UDP frames, built once, of which each one sent has a number of its own, and the checksum to it.
 *
 * tx	sent in batches as fast as the device takes them.
 * rtt	sent to somebody who sends them back (RFC 862), one in flight at a time, the next one from within the
 *	interrupt that brought the last.
 * rx	asked for, all with one datagram, from a peer that sends so many: see tests/bench/peers/echo.c.
 *
 * What comes back is believed only where both checksums, length, ports and number are right. BYTES is the
 * length of a frame, without FCS.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "apps/bench/bench.h"
#include "apps/shell/inet.h"
#include "drivers/virtio/virtio_net.h"
#include "lib/timer.h"
#include "virtio/virtio_recovery.h"

/* Any addresses do: frames go to all, and one that comes back is known by its port and number. */
#define OUR_IP	    0x0a00020fu /* 10.0.2.15 */
#define PEER_IP	    0x0a000202u /* 10.0.2.2 */
#define OUR_PORT    49152u
#define ECHO_PORT   7u
#define SOURCE_PORT 49153u   /* of the peer that sends frames numbered from 1 on */
#define NUMBER	    UDP_DATA /* where a frame's number stands */
#define BYTES_MIN   (NUMBER + 4)
#define ASK_BYTES \
	60u /* a datagram that asks for frames: their number, and the bytes of each, 4 bytes each */

#define BATCH_MAX 64u

/* Frames of ours: a batch in the making while the device has another. */
#define FRAMES (2 * BATCH_MAX)

/* Those of them that a round trip uses: few stay warm, and together they are taken back at little cost. */
#define RTT_FRAMES 16u

/* Without any progress for so long a job is over. */
#define STALL_NS (2 * NSEC_PER_SEC)

/* Their data begins, as is usual, at a multiple of 32 bytes: 12 + 42 bytes, and 10 in front. */
struct frame_memory {
	uint8_t pad[10];
	uint8_t bytes[VIRTIO_NET_HEADROOM + VIRTIO_NET_FRAME_MAX];
} __attribute__((aligned(64)));

enum job_kind { JOB_TX, JOB_RTT, JOB_RX };

struct net_job {
	struct virtio_net *net;
	enum job_kind kind;
	struct port_event over;
	volatile uint64_t left; /* frames to be sent, or to come */
	uint64_t lost;
	uint32_t number; /* of the last frame sent, or received by rx */
	uint32_t fixed_sum;
	unsigned int built; /* of the list */
	unsigned int next;  /* in list[] */
	int error;	    /* the first */
	unsigned int len;
	unsigned int batch;
	unsigned int port; /* of those who answer */
	struct virtio_net_frame *list[FRAMES];
	struct virtio_net_frame frames[FRAMES];
	void *memory; /* struct frame_memory of each */
};

/* --- sending ------------------------------------------------------------------------------- */

/* Numbers the @n frames from @first on. Those that are still with the device have been there for a round
 * of the list: mostly it has finished them, and with them all the others. */
static int number_frames(struct net_job *job, struct virtio_net_frame *const *first, unsigned int n)
{
	struct virtio_net_frame *const *const end = first + n;
	const uint32_t fixed_sum = job->fixed_sum;
	uint32_t number = job->number;

	for (; first < end; first++) {
		struct virtio_net_frame *frame = *first;

		while (unlikely(!virtio_net_frame_idle(frame))) {
			int err = virtio_net_reclaim_wait(job->net, STALL_NS);

			if (err)
				return err;
		}
		udp_put_number(frame->data, NUMBER, fixed_sum, ++number);
	}
	job->number = number;
	return 0;
}

/* Sends the @n frames from @first on, with one notification, and one where there was no room for more. */
static int send_frames(struct net_job *job, struct virtio_net_frame *const *first, unsigned int n)
{
	while (n > 0) {
		int done = virtio_net_submit(job->net, first, n);

		if (unlikely(done == -ENOSPC))
			done = virtio_net_reclaim_wait(job->net, STALL_NS);
		if (unlikely(done < 0))
			return done;
		first += done;
		n -= (unsigned int)done;
	}
	return 0;
}

/* Batches; fewer frames than one at the end of the list, from which it goes on at its beginning. */
static int run_tx(struct net_job *job)
{
	uint64_t left = job->left;
	unsigned int next = 0;
	int err = 0;

	while (left && !err) {
		unsigned int n = MIN(job->batch, FRAMES - next);

		n = n < left ? n : (unsigned int)left;
		err = number_frames(job, &job->list[next], n);
		if (!err)
			err = send_frames(job, &job->list[next], n);
		next = (next + n) % FRAMES;
		left -= n;
	}
	return err;
}

/* --- receiving ----------------------------------------------------------------------------- */

/* Sends the next frame. May be in an interrupt, and must not wait: but a device that still has all of these
 * frames has sent them, as their answers have come. */
static __always_inline void ask(struct net_job *job)
{
	struct virtio_net_frame *const *frame = &job->list[job->next];
	int done = -ENOSPC;

	job->next = (job->next + 1) % RTT_FRAMES;
	if (unlikely(!virtio_net_frame_idle(*frame))) {
		(void)virtio_net_reclaim(job->net);
		if (!virtio_net_frame_idle(*frame))
			goto failed;
	}
	udp_put_number((*frame)->data, NUMBER, job->fixed_sum, ++job->number);
	done = virtio_net_submit(job->net, frame, 1);
	if (likely(done == 1))
		return;
failed:
	job->error = done;
	port_event_signal(&job->over);
}

/* The number of the datagram in @frame, where it is one of the peer's for us; else 0. */
static __always_inline uint32_t number_in(const struct net_job *job, const uint8_t *frame,
					  unsigned int len)
{
	int bytes = udp_check(frame, len);

	if (unlikely(bytes != (int)(job->len - UDP_DATA) ||
		     get_be32(frame + UDP_PORTS) != (job->port << 16 | OUR_PORT)))
		return 0;
	return get_be32(frame + NUMBER);
}

/* Both in interrupt context, or from a work item. */
static void received_answer(void *arg, const uint8_t *frame, unsigned int len)
{
	struct net_job *job = arg;

	if (unlikely(!job->left || number_in(job, frame, len) != job->number))
		return;
	if (--job->left)
		ask(job);
	else
		port_event_signal(&job->over);
}

/* Frames come in order, or not at all. */
static void received_frame(void *arg, const uint8_t *frame, unsigned int len)
{
	struct net_job *job = arg;
	uint32_t number = number_in(job, frame, len), ahead = number - job->number;

	if (unlikely(number <= job->number || ahead > job->left))
		return;
	job->number = number;
	job->lost += ahead - 1;
	job->left -= ahead;
	if (!job->left)
		port_event_signal(&job->over);
}

/* Until all have come or none has for a while. */
static int await_frames(struct net_job *job)
{
	uint64_t before;
	int err;

	do {
		before = job->left;
		err = port_event_wait(&job->over, STALL_NS);
	} while (err && job->left != before);
	virtio_net_set_receiver(job->net, NULL, NULL);
	return job->error ? job->error : err;
}

static int run_rtt(struct net_job *job)
{
	virtio_net_set_receiver(job->net, received_answer, job);
	ask(job);
	return await_frames(job);
}

static int run_rx(struct net_job *job)
{
	int err;

	virtio_net_set_receiver(job->net, received_frame, job);
	err = send_frames(job, job->list, 1);
	if (err) {
		virtio_net_set_receiver(job->net, NULL, NULL);
		return err;
	}
	err = await_frames(job);
	/* Without the first there is no saying that anybody sends; what comes after the last is missed. */
	if (err == -ETIMEDOUT && job->number) {
		job->lost += job->left;
		err = 0;
	}
	return err;
}

/* --- a job --------------------------------------------------------------------------------- */

/* 4 bytes each: how many frames, and how long. */
static void write_question(const struct net_job *job, uint8_t *data)
{
	uint32_t words[2] = {cpu_to_be32((uint32_t)job->left), cpu_to_be32(job->len)};

	memcpy(data, words, sizeof(words));
}

static int build_frames(struct net_job *job)
{
	static const uint8_t to_all[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct udp_packet udp = {OUR_IP, PEER_IP, OUR_PORT, (uint16_t)job->port};
	struct frame_memory *memory = job->memory;
	struct virtio_net_info info;

	virtio_net_get_info(job->net, &info);
	for (; job->built < FRAMES; job->built++) {
		struct virtio_net_frame *frame = &job->frames[job->built];
		uint8_t *bytes = memory[job->built].bytes;
		int err =
			virtio_net_frame_init(job->net, frame, bytes, sizeof(memory->bytes), NULL);

		if (err)
			return err;
		job->list[job->built] = frame;
		frame->len = job->kind == JOB_RX ? ASK_BYTES : job->len;
		if (job->kind == JOB_RX)
			write_question(job, frame->data + UDP_DATA);
		udp_build(frame->data, frame->len, to_all, info.mac, &udp);
	}
	job->fixed_sum = udp_fixed_sum(job->frames[0].data, NUMBER);
	return 0;
}

/* Fills in what the words say. 0, or a negative errno after the error was printed. */
static int prepare(struct shell *sh, struct net_job *job, char **argv)
{
	static const char *const kinds[] = {[JOB_TX] = "tx", [JOB_RTT] = "rtt", [JOB_RX] = "rx"};
	static const uint16_t ports[] = {ECHO_PORT, ECHO_PORT, SOURCE_PORT};
	uint64_t bytes;
	int err = sh_number(sh, "bytes", argv[3], VIRTIO_NET_FRAME_MAX, &bytes);

	if (err)
		return err;
	if (bytes < BYTES_MIN)
		return sh_error(sh, -EINVAL, "%s: a frame has %u bytes at least", argv[3],
				(unsigned int)BYTES_MIN);
	while (job->kind < ARRAY_SIZE(kinds) && strcmp(argv[2], kinds[job->kind]))
		job->kind++;
	if (job->kind == ARRAY_SIZE(kinds))
		return sh_error(sh, -EINVAL, "%s: not tx|rtt|rx", argv[2]);
	job->port = ports[job->kind];
	job->len = (unsigned int)bytes;
	port_event_init(&job->over);
	err = build_frames(job);
	return err ? sh_error(sh, err, "%s", sh_strerror(err)) : 0;
}

/* Waits for the frames that the device still has. */
static int take_frames_back(struct net_job *job)
{
	int err = 0;

	for (unsigned int i = 0; i < job->built && !err; i++) {
		while (!err && !virtio_net_frame_idle(&job->frames[i]))
			err = virtio_net_reclaim_wait(job->net, STALL_NS);
	}
	return err;
}

/* Does the job and prints what it cost. */
static int measure(struct shell *sh, struct net_job *job, int argc, char **argv)
{
	static int (*const runs[])(struct net_job * job) = {run_tx, run_rtt, run_rx};
	const uint64_t n = job->left;
	struct bench bench;
	int err;

	bench_begin(&bench, sh, virtio_net_device(job->net));
	err = runs[job->kind](job);
	if (!err)
		err = take_frames_back(job);
	if (err == -ETIMEDOUT)
		return sh_error(sh, err, "nothing comes back");
	if (err)
		return sh_error(sh, err, "%s", sh_strerror(err));
	if (job->lost)
		return sh_error(sh, -EIO, "%" PRIu64 " of %" PRIu64 " frames lost", job->lost, n);
	bench_end(&bench, n, argc, argv);
	return 0;
}

static struct net_job *new_job(struct virtio_net *net)
{
	const size_t bytes = FRAMES * sizeof(struct frame_memory);
	struct net_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->net = net;
	job->memory = memalign(_Alignof(struct frame_memory), bytes);
	if (!job->memory) {
		free(job);
		return NULL;
	}
	memset(job->memory, 0, bytes);
	return job;
}

/* A device that keeps frames for so long has failed; what it has must not be freed before it was reset. */
static void free_job(struct net_job *job)
{
	int err = take_frames_back(job);

	if (err && !virtio_recover(virtio_net_device(job->net), err))
		err = take_frames_back(job);
	if (err)
		return;
	free(job->memory);
	free(job);
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
	job = new_job(virtio_net_find(app_bus, (unsigned int)number));
	if (!job)
		return sh_error(sh, -ENOMEM, "%s", sh_strerror(-ENOMEM));
	job->left = options[0].value;
	job->batch = (unsigned int)options[1].value;
	err = prepare(sh, job, argv);
	if (!err)
		err = measure(sh, job, argc, argv);
	free_job(job);
	return err;
}
