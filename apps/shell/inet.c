/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building and parsing of frames, byte by byte: no structure is laid over a frame, so that neither
 * its alignment nor the CPU's byte order matters.
 */
#include <string.h>
#include "apps/shell/inet.h"

#define IP_HEADER_LEN	20u
#define IP_PROTO_ICMP	1u
#define IP_PROTO_UDP	17u
#define ICMP_HEADER_LEN 8u
#define UDP_HEADER_LEN	8u
#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO	8u

#define IP_VERSION_AND_LENGTH 0x45u   /* version 4, a header of five words */
#define IP_FRAGMENT	      0x3fffu /* more fragments, or not the first */

static uint8_t *put_be16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static uint8_t *put_be32(uint8_t *p, uint32_t value)
{
	return put_be16(put_be16(p, (uint16_t)(value >> 16)), (uint16_t)value);
}

static uint8_t *put_mac(uint8_t *p, const uint8_t mac[ETH_ADDRESS_LEN])
{
	memcpy(p, mac, ETH_ADDRESS_LEN);
	return p + ETH_ADDRESS_LEN;
}

/* Adds @len bytes, as words in the CPU's own byte order: the sum is the same but for the order of its two
 * bytes (RFC 1071, 2). Up to 2^34 bytes do not overflow it. */
static __always_inline uint64_t add_words(uint64_t sum, const uint8_t *data, unsigned int len)
{
	uint32_t word, two;
	uint16_t last = 0;

	for (; len >= 8; data += 8, len -= 8) {
		__builtin_memcpy(&word, data, 4);
		__builtin_memcpy(&two, data + 4, 4);
		sum += (uint64_t)word + two;
	}
	if (len & 4) {
		__builtin_memcpy(&word, data, 4);
		sum += word;
		data += 4;
	}
	if (len & 2) {
		__builtin_memcpy(&last, data, 2);
		sum += last;
		data += 2;
	}
	last = 0;
	if (len & 1) {
		__builtin_memcpy(&last, data, 1);
		sum += last;
	}
	return sum;
}

/* The sum in 16 bits. A number added to itself with its halves exchanged has both their sum and the carry
 * of that in its upper half. */
static __always_inline uint16_t fold(uint64_t sum)
{
	uint32_t half;

	sum += sum << 32 | sum >> 32;
	half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

uint16_t inet_checksum(const uint8_t *data, unsigned int len)
{
	return be16_to_cpu((uint16_t)~fold(add_words(0, data, len)));
}

static uint8_t *put_eth(uint8_t *p, const uint8_t *to, const uint8_t *from, uint16_t type)
{
	return put_be16(put_mac(put_mac(p, to), from), type);
}

void arp_build(uint8_t frame[ARP_FRAME_LEN], const uint8_t to[ETH_ADDRESS_LEN],
	       const struct arp_packet *arp)
{
	uint8_t *p = put_eth(frame, to, arp->sender_mac, ETH_P_ARP);

	p = put_be16(p, 1); /* Ethernet */
	p = put_be16(p, ETH_P_IP);
	*p++ = ETH_ADDRESS_LEN;
	*p++ = 4; /* bytes of an IPv4 address */
	p = put_be16(p, arp->operation);
	p = put_be32(put_mac(p, arp->sender_mac), arp->sender_ip);
	(void)put_be32(put_mac(p, arp->target_mac), arp->target_ip);
}

bool arp_parse(const uint8_t *frame, unsigned int len, struct arp_packet *arp)
{
	const uint8_t *p = frame + ETH_HEADER_LEN;

	if (len < ARP_FRAME_LEN || get_be16(frame + 12) != ETH_P_ARP)
		return false;
	if (get_be16(p) != 1 || get_be16(p + 2) != ETH_P_IP || p[4] != ETH_ADDRESS_LEN || p[5] != 4)
		return false;
	arp->operation = get_be16(p + 6);
	memcpy(arp->sender_mac, p + 8, ETH_ADDRESS_LEN);
	arp->sender_ip = get_be32(p + 14);
	memcpy(arp->target_mac, p + 18, ETH_ADDRESS_LEN);
	arp->target_ip = get_be32(p + 24);
	return true;
}

/* An IPv4 header in front of @len bytes of @protocol. */
static uint8_t *put_ip(uint8_t *ip, uint8_t protocol, unsigned int len, uint16_t id,
		       uint32_t source, uint32_t target)
{
	uint8_t *p = ip;

	*p++ = IP_VERSION_AND_LENGTH;
	*p++ = 0;
	p = put_be16(p, (uint16_t)(IP_HEADER_LEN + len));
	p = put_be16(p, id);
	p = put_be16(p, 0x4000); /* do not fragment */
	*p++ = 64;		 /* hops */
	*p++ = protocol;
	p = put_be16(p, 0);
	p = put_be32(put_be32(p, source), target);
	(void)put_be16(ip + 10, inet_checksum(ip, IP_HEADER_LEN));
	return p;
}

void echo_build(uint8_t frame[ECHO_FRAME_LEN], const uint8_t to[ETH_ADDRESS_LEN],
		const uint8_t from[ETH_ADDRESS_LEN], const struct echo_packet *echo)
{
	uint8_t *ip = put_eth(frame, to, from, ETH_P_IP);
	uint8_t *icmp = put_ip(ip, IP_PROTO_ICMP, ECHO_MESSAGE_LEN, echo->seq, echo->source_ip,
			       echo->target_ip);
	uint8_t *p;

	icmp[0] = ICMP_ECHO;
	icmp[1] = 0;
	p = put_be16(icmp + 2, 0);
	p = put_be16(put_be16(p, echo->id), echo->seq);
	for (unsigned int i = 0; i < ECHO_DATA_LEN; i++)
		p[i] = (uint8_t)i;
	(void)put_be16(icmp + 2, inet_checksum(icmp, ECHO_MESSAGE_LEN));
}

/* What the IPv4 packet in @frame carries and its length, or NULL where it is no whole packet of
 * @protocol with @least bytes. */
static const uint8_t *ip_payload(const uint8_t *frame, unsigned int len, uint8_t protocol,
				 unsigned int least, unsigned int *payload_len)
{
	const uint8_t *ip = frame + ETH_HEADER_LEN;
	unsigned int header, total;

	if (len < ETH_HEADER_LEN + IP_HEADER_LEN || get_be16(frame + 12) != ETH_P_IP)
		return NULL;
	header = (ip[0] & 15u) * 4;
	total = get_be16(ip + 2); /* the frame may be longer: padding */
	if (ip[0] >> 4 != 4 || header < IP_HEADER_LEN || total < header + least ||
	    total > len - ETH_HEADER_LEN)
		return NULL;
	if (fold(add_words(0, ip, header)) != 0xffff || ip[9] != protocol)
		return NULL;
	if (get_be16(ip + 6) & IP_FRAGMENT)
		return NULL;
	*payload_len = total - header;
	return ip + header;
}

bool echo_reply_parse(const uint8_t *frame, unsigned int len, struct echo_packet *echo)
{
	unsigned int icmp_len;
	const uint8_t *icmp = ip_payload(frame, len, IP_PROTO_ICMP, ICMP_HEADER_LEN, &icmp_len);

	if (!icmp || icmp[0] != ICMP_ECHO_REPLY || icmp[1] != 0)
		return false;
	if (inet_checksum(icmp, icmp_len) != 0)
		return false;
	echo->source_ip = get_be32(frame + ETH_HEADER_LEN + 12);
	echo->target_ip = get_be32(frame + ETH_HEADER_LEN + 16);
	echo->id = get_be16(icmp + 4);
	echo->seq = get_be16(icmp + 6);
	echo->len = icmp_len;
	return true;
}

/* The sum of a UDP datagram of @len bytes with its pseudo header: over one with its checksum in place all
 * ones. */
static __always_inline uint16_t udp_sum(const uint8_t *ip, const uint8_t *udp, unsigned int len)
{
	uint64_t sum = add_words(0, ip + 12, 8);

	return fold(
		add_words(sum + cpu_to_be16(IP_PROTO_UDP) + cpu_to_be16((uint16_t)len), udp, len));
}

void udp_build(uint8_t *frame, unsigned int len, const uint8_t to[ETH_ADDRESS_LEN],
	       const uint8_t from[ETH_ADDRESS_LEN], const struct udp_packet *udp)
{
	unsigned int udp_len = len - ETH_HEADER_LEN - IP_HEADER_LEN;
	uint8_t *ip = put_eth(frame, to, from, ETH_P_IP), *p;
	uint8_t *start = put_ip(ip, IP_PROTO_UDP, udp_len, 0, udp->source_ip, udp->target_ip);

	p = put_be16(put_be16(start, udp->source_port), udp->target_port);
	(void)put_be16(put_be16(p, (uint16_t)udp_len), 0);
	udp_put_checksum(frame, udp_sum(ip, start, udp_len));
}

uint32_t udp_fixed_sum(const uint8_t *frame, unsigned int at)
{
	const uint8_t *udp = frame + UDP_DATA - UDP_HEADER_LEN;
	uint16_t sum;
	/* To take something away is to add its complement. */
	uint8_t gone[6] = {frame[at], frame[at + 1], frame[at + 2], frame[at + 3], udp[6], udp[7]};

	for (unsigned int i = 0; i < sizeof(gone); i++)
		gone[i] = (uint8_t)~gone[i];
	sum = fold(add_words(udp_sum(frame + ETH_HEADER_LEN, udp, get_be16(udp + 4)), gone,
			     sizeof(gone)));
	return sum == 0xffff ? 0 : sum; /* the same */
}

int udp_check(const uint8_t *frame, unsigned int len)
{
	const uint8_t *ip = frame + ETH_HEADER_LEN, *udp = ip + IP_HEADER_LEN;
	unsigned int total, udp_len;

	if (len < UDP_DATA || get_be16(frame + 12) != ETH_P_IP || ip[0] != IP_VERSION_AND_LENGTH)
		return -1;
	total = get_be16(ip + 2); /* the frame may be longer: padding */
	udp_len = get_be16(udp + 4);
	if (total > len - ETH_HEADER_LEN || udp_len < UDP_HEADER_LEN ||
	    total < IP_HEADER_LEN + udp_len)
		return -1;
	if ((get_be16(ip + 6) & IP_FRAGMENT) || ip[9] != IP_PROTO_UDP ||
	    fold(add_words(0, ip, IP_HEADER_LEN)) != 0xffff)
		return -1;
	if (get_be16(udp + 6) && udp_sum(ip, udp, udp_len) != 0xffff)
		return -1;
	return (int)(udp_len - UDP_HEADER_LEN);
}

int udp_parse(const uint8_t *frame, unsigned int len, struct udp_packet *udp)
{
	int bytes = udp_check(frame, len);

	if (bytes < 0)
		return bytes;
	udp->source_ip = get_be32(frame + ETH_HEADER_LEN + 12);
	udp->target_ip = get_be32(frame + ETH_HEADER_LEN + 16);
	udp->source_port = get_be16(frame + UDP_PORTS);
	udp->target_port = get_be16(frame + UDP_PORTS + 2);
	return bytes;
}
