/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client. A question is: say what answer is wanted, send, wait on the event. The receiver runs
 * in interrupt context and only compares what came with what is wanted; everything else passes
 * it by.
 */
#include <errno.h>
#include <string.h>
#include "apps/shell/netclient.h"
#include "lib/timer.h"

#define ARP_TRIES    3u
#define ARP_WAIT_NS  (500 * NSEC_PER_MSEC)
#define ECHO_WAIT_NS NSEC_PER_SEC
#define SEND_WAIT_NS NSEC_PER_SEC
#define ECHO_ID	     0x5652u
#define NETMASK	     0xffffff00u

static const uint8_t broadcast[ETH_ADDRESS_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* --- interrupt context ------------------------------------------------------------------------ */

static void answer(struct netclient *client)
{
	client->answer_ns = clock_ns();
	client->waiting = NETCLIENT_IDLE;
	__atomic_store_n(&client->answered, true, __ATOMIC_RELEASE);
	port_event_signal(&client->event);
}

static void send_arp_reply(struct netclient *client, const struct arp_packet *request)
{
	struct arp_packet reply = {
		.operation = ARP_REPLY, .sender_ip = client->ip, .target_ip = request->sender_ip};
	uint8_t frame[ARP_FRAME_LEN];

	memcpy(reply.sender_mac, client->mac, ETH_ADDRESS_LEN);
	memcpy(reply.target_mac, request->sender_mac, ETH_ADDRESS_LEN);
	arp_build(frame, request->sender_mac, &reply);
	/* Where there is no room the peer asks again. */
	(void)!virtio_net_send(client->net, frame, sizeof(frame));
}

static void receive_arp(struct netclient *client, const struct arp_packet *arp)
{
	if (arp->operation == ARP_REQUEST && arp->target_ip == client->ip &&
	    arp->sender_ip != client->ip)
		send_arp_reply(client, arp);
	if (arp->operation == ARP_REPLY && client->waiting == NETCLIENT_ARP &&
	    arp->sender_ip == client->asked_ip) {
		memcpy(client->answer_mac, arp->sender_mac, ETH_ADDRESS_LEN);
		answer(client);
	}
}

static void receive_echo(struct netclient *client, const struct echo_packet *echo)
{
	if (client->waiting == NETCLIENT_ECHO && echo->source_ip == client->asked_ip &&
	    echo->target_ip == client->ip && echo->id == ECHO_ID &&
	    echo->seq == client->asked_seq) {
		client->answer_len = echo->len;
		answer(client);
	}
}

static void receive(void *arg, const uint8_t *frame, unsigned int len)
{
	struct netclient *client = arg;
	struct arp_packet arp;
	struct echo_packet echo;

	if (arp_parse(frame, len, &arp))
		receive_arp(client, &arp);
	else if (echo_reply_parse(frame, len, &echo))
		receive_echo(client, &echo);
}

/* --- thread context --------------------------------------------------------------------------- */

void netclient_open(struct netclient *client, struct shell *sh, struct virtio_net *net, uint32_t ip,
		    uint32_t gateway)
{
	struct virtio_net_info info;

	memset(client, 0, sizeof(*client));
	virtio_net_get_info(net, &info);
	memcpy(client->mac, info.mac, ETH_ADDRESS_LEN);
	client->sh = sh;
	client->net = net;
	client->ip = ip;
	client->gateway = gateway;
	port_event_init(&client->event);
	virtio_net_set_receiver(net, receive, client);
}

void netclient_close(struct netclient *client)
{
	virtio_net_set_receiver(client->net, NULL, NULL);
}

uint32_t netclient_next_hop(const struct netclient *client, uint32_t ip)
{
	return ((ip ^ client->ip) & NETMASK) == 0 ? ip : client->gateway;
}

/* Sends @frame and waits for what client->waiting says. */
static int ask(struct netclient *client, const uint8_t *frame, unsigned int len, uint64_t wait_ns)
{
	uint64_t deadline = deadline_after(wait_ns);
	int err = virtio_net_send_wait(client->net, frame, len, SEND_WAIT_NS);

	while (!err && !__atomic_load_n(&client->answered, __ATOMIC_ACQUIRE))
		err = sh_wait(client->sh, &client->event, deadline);
	client->waiting = NETCLIENT_IDLE;
	return err;
}

/* Says what answer is wanted; the receiver may see it from the last line on. */
static void expect(struct netclient *client, uint32_t ip, uint16_t seq, int waiting)
{
	client->asked_ip = ip;
	client->asked_seq = seq;
	__atomic_store_n(&client->answered, false, __ATOMIC_RELEASE);
	__atomic_store_n(&client->waiting, waiting, __ATOMIC_RELEASE);
}

int netclient_arp(struct netclient *client, uint32_t ip, uint8_t mac[ETH_ADDRESS_LEN])
{
	struct arp_packet request = {
		.operation = ARP_REQUEST, .sender_ip = client->ip, .target_ip = ip};
	uint8_t frame[ARP_FRAME_LEN];

	memcpy(request.sender_mac, client->mac, ETH_ADDRESS_LEN);
	arp_build(frame, broadcast, &request);
	for (unsigned int i = 0; i < ARP_TRIES; i++) {
		int err;

		expect(client, ip, 0, NETCLIENT_ARP);
		err = ask(client, frame, sizeof(frame), ARP_WAIT_NS);
		if (err == 0)
			memcpy(mac, client->answer_mac, ETH_ADDRESS_LEN);
		if (err != -ETIMEDOUT)
			return err;
	}
	return -EHOSTUNREACH;
}

int netclient_ping(struct netclient *client, uint32_t ip, const uint8_t mac[ETH_ADDRESS_LEN],
		   uint16_t seq, struct echo_result *result)
{
	struct echo_packet echo = {
		.source_ip = client->ip, .target_ip = ip, .id = ECHO_ID, .seq = seq};
	uint8_t frame[ECHO_FRAME_LEN];
	uint64_t start = clock_ns();
	int err;

	echo_build(frame, mac, client->mac, &echo);
	expect(client, ip, seq, NETCLIENT_ECHO);
	err = ask(client, frame, sizeof(frame), ECHO_WAIT_NS);
	if (err)
		return err;
	result->len = client->answer_len;
	result->time_ns = client->answer_ns - start;
	return 0;
}
