/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vireo-net: sends frames to a vhost-user network back-end, and looks at what comes back. `loopback` is for one that returns
 * each frame, in order: every byte is checked. `pktgen` sends as fast as it goes, and counts.
 * The frames are of the experimental Ethernet type, numbered, of all lengths in turn.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/wire/virtio_net.h"
#include "ports/host/tools/tool.h"
#include "virtio/port.h"

#define HEADER_BYTES 14u
#define NUMBER_AT    HEADER_BYTES
#define PATTERN_AT   (NUMBER_AT + sizeof(uint64_t))
#define LEN_MIN	     60u
#define WINDOW_MAX   256u
#define BATCH	     16u

/* The config space of a back-end that has none: an address of ours. */
#define CONFIG_BYTES 12u
static const uint8_t local_config[CONFIG_BYTES] = {0x52, 0x54, 0x00, 'v', 'i', 'r'};

const char *tool_name = "vireo-net";

static const char help[] =
	"usage: vireo-net --socket PATH [OPTION...] COMMAND\n"
	"\n"
	"Frames for a vhost-user network back-end, such as\n"
	"  dpdk-testpmd --no-huge --no-pci -m 256 --vdev net_vhost0,iface=PATH -- "
	"--port-topology=loop\n"
	"\n"
	"Commands:\n"
	"  info      what the device is\n"
	"  loopback  send numbered frames to a back-end that returns them, check each, and say how "
	"fast\n"
	"            they went round and how many were lost\n"
	"  pktgen    send frames as fast as they are taken, and count what comes back\n"
	"\n"
	"Options:\n" TOOL_OPTIONS_HELP "\n"
	"Options of loopback and pktgen:\n"
	"  --count N         frames (default 100000)\n"
	"  --length N        bytes of a frame, 60 to 1514 (default: all lengths in turn)\n"
	"  --window N        frames under way at a time (loopback; default 64)\n"
	"  --indirect        each frame in an indirect table\n"
	"\n"
	"Exit status: 0; 1: the device failed, or frames were lost or wrong; 2: usage;\n"
	"3: there is no back-end at PATH, or no network device that can be driven.\n";

enum { COUNT = 256, LENGTH, WINDOW, INDIRECT };

static const struct option long_options[] = {
	TOOL_OPTIONS,
	{"count", required_argument, NULL, COUNT},
	{"length", required_argument, NULL, LENGTH},
	{"window", required_argument, NULL, WINDOW},
	{"indirect", no_argument, NULL, INDIRECT},
	{NULL, 0, NULL, 0},
};

struct net_job {
	const struct tool_options *options;
	struct virtio_net *net;
	struct virtio_device *vdev;
	uint64_t count, window;
	unsigned int length;
	bool indirect;
	uint64_t silence_ns; /* after which what is missing is lost */

	uint64_t sent, received, bytes, lost, wrong;
	uint64_t next; /* the number that is expected */
	uint64_t heard_ns;
	struct progress progress;
};

/* --- frames ----------------------------------------------------------------------------------- */

static unsigned int length_of(const struct net_job *job, uint64_t number)
{
	const unsigned int lengths = VIRTIO_NET_FRAME_MAX - LEN_MIN + 1;

	/* A prime far from the number of lengths, so that neighbours differ much. */
	return job->length ? job->length : LEN_MIN + (unsigned int)(number * 509 % lengths);
}

static uint8_t pattern(uint64_t number, unsigned int at)
{
	return (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

static void build(const struct net_job *job, struct virtio_net_frame *frame, uint64_t number)
{
	struct virtio_net_info info;

	virtio_net_get_info(job->net, &info);
	memset(frame->data, 0xff, VIRTIO_NET_MAC_LEN);
	memcpy(frame->data + VIRTIO_NET_MAC_LEN, info.mac, VIRTIO_NET_MAC_LEN);
	frame->data[12] = 0x88;
	frame->data[13] = 0xb5;
	memcpy(frame->data + NUMBER_AT, &number, sizeof(number));
	frame->len = length_of(job, number);
	for (unsigned int at = PATTERN_AT; at < frame->len; at++)
		frame->data[at] = pattern(number, at);
}

/* Whether a frame is one of ours and as it was sent; *@number is its. */
static bool is_ours(const struct net_job *job, const uint8_t *frame, unsigned int len,
		    uint64_t *number)
{
	if (len < LEN_MIN || frame[12] != 0x88 || frame[13] != 0xb5)
		return false;
	memcpy(number, frame + NUMBER_AT, sizeof(*number));
	if (*number >= job->sent || len != length_of(job, *number))
		return false;
	for (unsigned int at = PATTERN_AT; at < len; at++)
		if (frame[at] != pattern(*number, at))
			return false;
	return true;
}

/* --- receiving and sending -------------------------------------------------------------------- */

/* In order: a number that is too high means that those before it were lost, one that is too low is wrong. */
static void receive(void *arg, const uint8_t *frame, unsigned int len)
{
	struct net_job *job = arg;
	uint64_t number;

	job->heard_ns = port_now_ns();
	if (!is_ours(job, frame, len, &number) || number < job->next) {
		job->wrong++;
		return;
	}
	job->lost += number - job->next;
	job->next = number + 1;
	job->received++;
	job->bytes += len;
}

/* Sends up to @most frames, and returns how many the device has taken. */
static unsigned int send(struct net_job *job, uint64_t most)
{
	struct virtio_net_frame *frames[BATCH];
	int lent = virtio_net_lend(job->net, frames, (unsigned int)MIN(most, (uint64_t)BATCH));
	int taken;

	if (lent == -ENOSPC || lent == 0)
		return 0;
	if (lent < 0)
		die(EXIT_FAILED, "the device failed: %s", strerror(-lent));
	for (int i = 0; i < lent; i++)
		build(job, frames[i], job->sent + (uint64_t)i);
	/* They may be back before the call is. */
	job->sent += (uint64_t)lent;
	taken = virtio_net_submit(job->net, frames, (unsigned int)lent);
	if (taken < 0 && taken != -ENOSPC)
		die(EXIT_FAILED, "the device failed: %s", strerror(-taken));
	taken = MAX(taken, 0);
	job->sent -= (uint64_t)(lent - taken);
	virtio_net_return(job->net, frames + taken, (unsigned int)(lent - taken));
	return (unsigned int)taken;
}

/* What has been sent and was not heard of for so long never comes. */
static void give_up_on_silence(struct net_job *job)
{
	if (port_now_ns() - job->heard_ns < job->silence_ns)
		return;
	job->lost += job->sent - job->next;
	job->next = job->sent;
	job->heard_ns = port_now_ns();
}

static bool under_way(const struct net_job *job)
{
	return job->next < job->sent;
}

static void run(struct net_job *job)
{
	while (job->sent < job->count || under_way(job)) {
		uint64_t room = MIN(job->count - job->sent, job->window - (job->sent - job->next));

		if (job->vdev->state == VIRTIO_STATE_FAILED)
			die(EXIT_FAILED, "the device failed: %s", strerror(-job->vdev->error));
		host_wait(room && send(job, room) ? 0 : port_now_ns() + NSEC_PER_MSEC);
		give_up_on_silence(job);
		progress_show(&job->progress, job->bytes, 0, false);
	}
}

/* --- commands --------------------------------------------------------------------------------- */

static int info(struct net_job *job)
{
	struct virtio_net_info i;

	virtio_net_get_info(job->net, &i);
	printf("address        %02x:%02x:%02x:%02x:%02x:%02x\n", i.mac[0], i.mac[1], i.mac[2],
	       i.mac[3], i.mac[4], i.mac[5]);
	printf("link           %s\n", i.link_up ? "up" : "down");
	printf("queues         %u, %u, %s\n", i.rx_queue_size, i.tx_queue_size,
	       virtio_has_feature(job->vdev, VIRTIO_F_RING_PACKED) ? "packed" : "split");
	printf("features       0x%" PRIx64 " of 0x%" PRIx64 "\n", job->vdev->features,
	       job->vdev->device_features);
	return EXIT_OK;
}

static void prepare(struct net_job *job)
{
	struct virtqueue *vq;

	if (job->indirect)
		list_for_each_entry (vq, &job->vdev->vqs, list)
			vq->direct_max = 0;
	job->heard_ns = port_now_ns();
	virtio_net_set_receiver(job->net, receive, job);
	progress_begin(&job->progress, job->options);
}

static void report(struct net_job *job, const char *what)
{
	const double seconds =
		(double)(port_now_ns() - job->progress.start_ns) / (double)NSEC_PER_SEC;

	progress_show(&job->progress, job->bytes, 0, true);
	printf("%s: %" PRIu64 " frames sent, %" PRIu64 " received (%" PRIu64 " bytes), %" PRIu64
	       " lost (%.3f %%), %" PRIu64 " wrong; %.3f s, %.0f frames/s\n",
	       what, job->sent, job->received, job->bytes, job->lost,
	       job->sent ? 100.0 * (double)job->lost / (double)job->sent : 0, job->wrong, seconds,
	       (double)job->sent / seconds);
	virtio_net_set_receiver(job->net, NULL, NULL);
}

static int loopback(struct net_job *job)
{
	if (job->window == 0 || job->window > WINDOW_MAX)
		die(EXIT_USAGE, "--window: 1 to %u", WINDOW_MAX);
	prepare(job);
	run(job);
	report(job, "loopback");
	return job->lost || job->wrong ? EXIT_FAILED : EXIT_OK;
}

static int pktgen(struct net_job *job)
{
	prepare(job);
	job->window = UINT64_MAX;
	run(job);
	report(job, "pktgen");
	return job->wrong ? EXIT_FAILED : EXIT_OK;
}

static const struct command {
	const char *name;
	int (*run)(struct net_job *job);
} commands[] = {
	{"info", info},
	{"loopback", loopback},
	{"pktgen", pktgen},
};

static const struct command *find_command(int count, char **args)
{
	if (count != 1)
		die(EXIT_USAGE, "one command; see --help");
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(args[0], commands[i].name) == 0)
			return &commands[i];
	die(EXIT_USAGE, "no command \"%s\"; see --help", args[0]);
}

/* --- the command line ------------------------------------------------------------------------- */

static bool net_option(struct net_job *job, int c, const char *arg)
{
	switch (c) {
	case COUNT:
		job->count = tool_number("--count", arg, INT64_MAX);
		return true;
	case LENGTH:
		job->length = (unsigned int)tool_number("--length", arg, VIRTIO_NET_FRAME_MAX);
		if (job->length < LEN_MIN)
			die(EXIT_USAGE, "--length: %u to %u", LEN_MIN, VIRTIO_NET_FRAME_MAX);
		return true;
	case WINDOW:
		job->window = tool_number("--window", arg, UINT16_MAX);
		return true;
	case INDIRECT:
		job->indirect = true;
		return true;
	}
	return false;
}

static void parse(struct net_job *job, struct tool_options *options, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (c == 'h') {
			fputs(help, stdout);
			exit(EXIT_OK);
		}
		if (c == '?' || (!tool_option(options, c, optarg) && !net_option(job, c, optarg)))
			exit(EXIT_USAGE);
	}
}

int main(int argc, char **argv)
{
	static struct virtio_bus bus;
	static struct host_device device;
	struct tool_options options = {0};
	struct net_job job = {
		.options = &options, .count = 100000, .window = 64, .silence_ns = NSEC_PER_SEC};
	const struct command *command;
	int status;

	parse(&job, &options, argc, argv);
	command = find_command(argc - optind, argv + optind);
	virtio_bus_init(&bus, &host_work);
	if (virtio_net_init(&bus))
		die(EXIT_FAILED, "no room for the driver");
	device.vu.config_size = CONFIG_BYTES;
	device.vu.local_config = local_config;
	device.vu.local_features = BIT_ULL(VIRTIO_NET_F_MAC);
	/* What the local config space does not have. */
	options.features_off |= BIT_ULL(VIRTIO_NET_F_MTU) | BIT_ULL(VIRTIO_NET_F_STATUS);
	tool_open(&bus, &device, VIRTIO_ID_NET, &options);
	job.net = virtio_net_find(&bus, 0);
	job.vdev = &device.vu.vdev;
	status = command->run(&job);
	host_close(&device);
	host_memory_exit();
	return status;
}
