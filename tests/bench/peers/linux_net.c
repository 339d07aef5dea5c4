// SPDX-License-Identifier: BSD-2-Clause
/*
 * net 0 tx BYTES batch=FRAMES n=COUNT: frames through a raw socket, sendmmsg for a batch.
 * net 0 rtt BYTES peer=ADDRESS n=COUNT: UDP to the peer's port 7 and back, in frames of BYTES.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "linux_bench.h"

#define CARD		"eth0"
#define OUR_ADDRESS	"10.0.2.15"
#define PEER_ADDRESS	"10.0.2.2"
#define ECHO_PORT	7
#define EXPERIMENTAL	0x88b5 /* an ethertype for local use */
#define UDP_DATA	42     /* behind the headers of Ethernet, IPv4 and UDP */
#define MAX_BATCH	64
#define MAX_BYTES	1514
#define MAX_LOST	100
#define TRIES_WHEN_FULL 1000000

static int card_up(int sock)
{
	struct ifreq request = {.ifr_name = CARD};
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;

	address->sin_family = AF_INET;
	inet_pton(AF_INET, OUR_ADDRESS, &address->sin_addr);
	if (ioctl(sock, SIOCSIFADDR, &request) < 0)
		return -1;
	inet_pton(AF_INET, "255.255.255.0", &address->sin_addr);
	if (ioctl(sock, SIOCSIFNETMASK, &request) < 0)
		return -1;
	if (ioctl(sock, SIOCGIFFLAGS, &request) < 0)
		return -1;
	request.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &request);
}

/* A socket of kind @type while the card is up. */
static int open_socket(int family, int type, int protocol)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int up = control < 0 ? -1 : card_up(control);

	if (control >= 0)
		close(control);
	return up < 0 ? -1 : socket(family, type | SOCK_CLOEXEC, protocol);
}

static void make_frame(unsigned char *frame, size_t bytes)
{
	struct ether_header *header = (struct ether_header *)frame;

	memset(frame, 0, bytes);
	memset(header->ether_dhost, 0xff, sizeof(header->ether_dhost));
	memcpy(header->ether_shost, "\x52\x54\x00\x12\x34\x56", sizeof(header->ether_shost));
	header->ether_type = htons(EXPERIMENTAL);
}

/* Without the queueing discipline a full ring is an error, which passes when the card has sent. */
static int send_batch(int sock, struct mmsghdr *messages, unsigned batch)
{
	unsigned sent = 0;
	unsigned tries = 0;

	while (sent < batch) {
		int some = batch == 1 ? (int)sendmsg(sock, &messages->msg_hdr, 0)
				      : sendmmsg(sock, messages + sent, batch - sent, 0);

		if (some > 0) {
			sent += batch == 1 ? 1 : (unsigned)some;
		} else if (errno != ENOBUFS || ++tries > TRIES_WHEN_FULL) {
			return -1;
		}
	}
	return 0;
}

static int send_all(const struct job *job, int sock, size_t bytes, struct result *result)
{
	static unsigned char frame[MAX_BYTES];
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = ETH_ALEN};
	struct iovec vector = {.iov_base = frame, .iov_len = bytes};
	struct mmsghdr messages[MAX_BATCH] = {0};
	unsigned long batch = job_number(job, "batch", 1);
	uint64_t count = job_number(job, "n", 1000);
	uint64_t start;
	unsigned i;

	if (!batch || batch > MAX_BATCH)
		return job_fails(job, "batch");
	make_frame(frame, bytes);
	to.sll_ifindex = (int)if_nametoindex(CARD);
	to.sll_protocol = htons(EXPERIMENTAL);
	if (bind(sock, (struct sockaddr *)&to, sizeof(to)) < 0)
		return job_fails(job, "bind");
	for (i = 0; i < batch; i++) {
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	start = now_ns();
	while (result->operations < count) {
		if (send_batch(sock, messages, (unsigned)batch) < 0)
			return job_fails(job, "send");
		result->operations += batch;
	}
	result->ns = now_ns() - start;
	return 0;
}

static int transmit(const struct job *job, size_t bytes, struct result *result)
{
	int sock = open_socket(AF_PACKET, SOCK_RAW, 0);
	int one = 1;
	int status;

	if (sock < 0)
		return job_fails(job, CARD);
	if (job->raw && setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		status = job_fails(job, "PACKET_QDISC_BYPASS");
	else
		status = send_all(job, sock, bytes, result);
	close(sock);
	return status;
}

/* 0: it came back, 1: it did not within the socket's time limit, -1: it cannot work. */
static int one_trip(int sock, uint64_t number, size_t bytes)
{
	static unsigned char out[MAX_BYTES], in[MAX_BYTES];
	ssize_t got;

	memcpy(out, &number, sizeof(number));
	if (send(sock, out, bytes, 0) != (ssize_t)bytes)
		return -1;
	do {
		got = recv(sock, in, sizeof(in), 0);
	} while (got == (ssize_t)bytes && memcmp(in, out, bytes) != 0); /* late ones */
	if (got == (ssize_t)bytes)
		return 0;
	return got < 0 && errno == EAGAIN ? 1 : -1;
}

static int trips(const struct job *job, int sock, size_t bytes, struct result *result)
{
	uint64_t count = job_number(job, "n", 1000);
	uint64_t start;
	int status = one_trip(sock, count, bytes); /* the peer's MAC is asked for here */

	if (status != 0)
		return job_fails(job, "the peer does not answer");
	start = now_ns();
	while (result->operations < count) {
		status = one_trip(sock, result->operations, bytes);
		if (status < 0)
			return job_fails(job, "round trip");
		result->lost += (unsigned)status;
		result->operations += status == 0;
		if (result->lost > MAX_LOST)
			return job_fails(job, "too many lost");
	}
	result->ns = now_ns() - start;
	return 0;
}

static int round_trips(const struct job *job, size_t bytes, struct result *result)
{
	const struct timeval limit = {.tv_sec = 1};
	const char *peer = job_word(job, "peer");
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(ECHO_PORT)};
	int sock, status;

	if (bytes < UDP_DATA + sizeof(uint64_t))
		return job_fails(job, "size");
	if (inet_pton(AF_INET, peer ? peer : PEER_ADDRESS, &to.sin_addr) != 1)
		return job_fails(job, "peer");
	sock = open_socket(AF_INET, SOCK_DGRAM, 0);
	if (sock < 0)
		return job_fails(job, CARD);
	if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0)
		status = job_fails(job, "socket");
	else
		status = trips(job, sock, bytes - UDP_DATA, result);
	close(sock);
	return status;
}

int job_net(const struct job *job, struct result *result)
{
	size_t bytes;

	if (job->count < 4 || strcmp(job->words[1], "0") != 0)
		return job_fails(job, "net 0 tx|rtt BYTES");
	bytes = strtoul(job->words[3], NULL, 0);
	if (bytes < sizeof(struct ether_header) || bytes > MAX_BYTES)
		return job_fails(job, "size");
	if (strcmp(job->words[2], "tx") == 0)
		return transmit(job, bytes, result);
	if (strcmp(job->words[2], "rtt") == 0)
		return round_trips(job, bytes, result);
	return job_fails(job, "no such job");
}
