/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few frames that a ping needs: Ethernet, ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC 792); and
 * those of UDP (RFC 768).
 * Pure functions from values to frames and back; nothing here sends or waits. A frame that came
 * from the wire is taken apart only here, and no length in it is believed.
 */
#ifndef APPS_SHELL_INET_H
#define APPS_SHELL_INET_H

#include <string.h>
#include "lib/byteorder.h"
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
#define UDP_PORTS	 (ETH_HEADER_LEN + 20u) /* where a UDP frame's source and target port stand */
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

/* Values in network byte order, at any address. */
static inline uint16_t get_be16(const uint8_t *p)
{
	__be16 wire;

	__builtin_memcpy(&wire, p, sizeof(wire));
	return be16_to_cpu(wire);
}
static inline uint32_t get_be32(const uint8_t *p)
{
	__be32 wire;

	__builtin_memcpy(&wire, p, sizeof(wire));
	return be32_to_cpu(wire);
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

/* Makes the headers of a UDP frame of @len bytes, UDP_DATA at least, with their checksums; its data stays as
 * it is. */
void udp_build(uint8_t *frame, unsigned int len, const uint8_t to[ETH_ADDRESS_LEN],
	       const uint8_t from[ETH_ADDRESS_LEN], const struct udp_packet *udp);

/*
 * Whether @frame is one of UDP, and its checksums are right: returns the length of its data, at frame[UDP_DATA];
 * negative where it is none, is a fragment, has IPv4 options, or a checksum is wrong. That of UDP may be missing.
 */
int udp_check(const uint8_t *frame, unsigned int len);

/* The same, and takes it apart. */
int udp_parse(const uint8_t *frame, unsigned int len, struct udp_packet *udp);

/*
 * Of a frame by udp_build() in whose data only a number changes, 4 bytes at frame[@at] (from UDP_DATA on, even):
 * the sum of what stays, 0 to 0xfffe, for udp_put_number(), which needs nothing else to set the checksum right.
 */
uint32_t udp_fixed_sum(const uint8_t *frame, unsigned int at);

/* Enters the checksum for a datagram whose words, without it, add up to @sum, below 0x1fffe. The one's
 * complement of a sum from 0 to 0xfffe is never 0, which would mean that there is none (RFC 768). */
static inline void udp_put_checksum(uint8_t *frame, uint32_t sum)
{
	uint16_t checksum = (uint16_t) ~(sum + ((sum + 1) >> 16));

	__builtin_memcpy(frame + UDP_DATA - 2, &checksum, sizeof(checksum));
}

/* Writes @number, in network byte order, to frame[@at], and the checksum. */
static inline void udp_put_number(uint8_t *frame, unsigned int at, uint32_t fixed_sum,
				  uint32_t number)
{
	const uint32_t wire = cpu_to_be32(number);
	/* Its halves' sum with its carry, in the upper half. */
	const uint32_t both = wire + (wire << 16 | wire >> 16);

	__builtin_memcpy(frame + at, &wire, sizeof(wire));
	udp_put_checksum(frame, fixed_sum + (both >> 16));
}

#endif
