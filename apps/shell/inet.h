/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few frames that a ping needs: Ethernet, ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC 792); and
 * those of UDP (RFC 768).
 * Pure functions from values to frames and back; nothing here sends or waits. A frame that came
 * from the wire is taken apart only here, and no length in it is believed.
 */
#ifndef APPS_SHELL_INET_H
#define APPS_SHELL_INET_H

#include "lib/util.h"

#define ETH_ADDRESS_LEN 6u
#define ETH_HEADER_LEN	14u
#define ETH_P_IP	0x0800u
#define ETH_P_ARP	0x0806u

#define ARP_FRAME_LEN	 42u
#define ARP_REQUEST	 1u
#define ARP_REPLY	 2u
#define ECHO_DATA_LEN	 56u
#define ECHO_MESSAGE_LEN (8u + ECHO_DATA_LEN) /* ICMP header and data */
#define ECHO_FRAME_LEN	 (ETH_HEADER_LEN + 20u + ECHO_MESSAGE_LEN)
#define UDP_DATA	 (ETH_HEADER_LEN + 20u + 8u) /* where a UDP frame's data begins */

/* An ARP packet for Ethernet and IPv4. IPv4 addresses are numbers: A.B.C.D has A on top. */
struct arp_packet {
	uint16_t operation;
	uint8_t sender_mac[ETH_ADDRESS_LEN];
	uint32_t sender_ip;
	uint8_t target_mac[ETH_ADDRESS_LEN];
	uint32_t target_ip;
};

/* An echo request that we send, or a reply that came. */
struct echo_packet {
	uint32_t source_ip, target_ip;
	uint16_t id, seq;
	unsigned int len; /* of a reply: bytes of the ICMP message */
};

/* Where a UDP datagram comes from and goes to. */
struct udp_packet {
	uint32_t source_ip, target_ip;
	uint16_t source_port, target_port;
};

/* 16-bit values in network byte order, at any address. */
static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

/* The Internet checksum (RFC 1071) of @len bytes, as a number to store in network byte order. Over
 * a packet with its checksum in place the result is 0. */
uint16_t inet_checksum(const uint8_t *data, unsigned int len);

/* Makes the frame that carries @arp to @to. */
void arp_build(uint8_t frame[ARP_FRAME_LEN], const uint8_t to[ETH_ADDRESS_LEN],
	       const struct arp_packet *arp);

/* Takes an ARP frame apart. False where it is none, or not for Ethernet and IPv4. */
bool arp_parse(const uint8_t *frame, unsigned int len, struct arp_packet *arp);

/* Makes an echo request from @from to @to. */
void echo_build(uint8_t frame[ECHO_FRAME_LEN], const uint8_t to[ETH_ADDRESS_LEN],
		const uint8_t from[ETH_ADDRESS_LEN], const struct echo_packet *echo);

/* Takes an echo reply apart. False where it is none, is a fragment, or a checksum is wrong. */
bool echo_reply_parse(const uint8_t *frame, unsigned int len, struct echo_packet *echo);

/* Makes the headers of a UDP frame of @len bytes, UDP_DATA at least; its data stays as it is, and has
 * no checksum, which IPv4 allows. */
void udp_build(uint8_t *frame, unsigned int len, const uint8_t to[ETH_ADDRESS_LEN],
	       const uint8_t from[ETH_ADDRESS_LEN], const struct udp_packet *udp);

/* Takes a UDP frame apart and returns the length of its data, at frame[UDP_DATA]. Negative where it is
 * none, is a fragment, has IPv4 options, or the IPv4 checksum is wrong; UDP's is not looked at. */
int udp_parse(const uint8_t *frame, unsigned int len, struct udp_packet *udp);

#endif
