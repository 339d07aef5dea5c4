/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small network client: asks for a hardware address, sends an echo request and waits for the
 * reply. One question at a time. While it is open it also answers ARP requests for its own
 * address, without which a peer could not reply.
 */
#ifndef APPS_SHELL_NETCLIENT_H
#define APPS_SHELL_NETCLIENT_H

#include "apps/shell/inet.h"
#include "apps/shell/shell.h"
#include "drivers/virtio/virtio_net.h"

struct netclient {
	struct shell *sh; /* whose Ctrl-C ends a wait */
	struct virtio_net *net;
	uint8_t mac[ETH_ADDRESS_LEN];
	uint32_t ip, gateway;
	struct port_event event;
	/* What is waited for. The receiver, in interrupt context, fills in the answer and then
	 * sets @answered; we clear it before we ask. */
	enum { NETCLIENT_IDLE, NETCLIENT_ARP, NETCLIENT_ECHO } waiting;
	bool answered;
	uint32_t asked_ip;
	uint16_t asked_seq;
	uint8_t answer_mac[ETH_ADDRESS_LEN];
	unsigned int answer_len;
	uint64_t answer_ns; /* when it came */
};

/* Becomes the receiver of @net, with the address @ip. Thread context. */
void netclient_open(struct netclient *client, struct shell *sh, struct virtio_net *net, uint32_t ip,
		    uint32_t gateway);

/* Stops receiving; @client is the caller's again. */
void netclient_close(struct netclient *client);

/* The address that a packet to @ip is sent to next: @ip on our /24, else the gateway. */
uint32_t netclient_next_hop(const struct netclient *client, uint32_t ip);

/* Asks who has @ip, three times. Returns 0 with @mac filled in, -EHOSTUNREACH (nobody answered),
 * -EINTR (Ctrl-C), or what sending returned. */
int netclient_arp(struct netclient *client, uint32_t ip, uint8_t mac[ETH_ADDRESS_LEN]);

/* A reply to an echo request: bytes of the ICMP message, and the time it took. */
struct echo_result {
	unsigned int len;
	uint64_t time_ns;
};

/* Sends echo request @seq to @ip by way of @mac and waits up to a second. Returns 0, -ETIMEDOUT,
 * -EINTR, or what sending returned. */
int netclient_ping(struct netclient *client, uint32_t ip, const uint8_t mac[ETH_ADDRESS_LEN],
		   uint16_t seq, struct echo_result *result);

#endif
