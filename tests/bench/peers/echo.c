// SPDX-License-Identifier: BSD-2-Clause
/*
 * echo FD SECONDS: the other end of a guest's network card. FD is a datagram socket on which a datagram
 * is a frame. Who asks for an address by ARP gets ours, whatever it is; UDP to the echo port goes back as
 * it came, with the addresses and ports exchanged, which leaves both checksums right. UDP to the source
 * port asks for frames: their number, and the bytes of each, 4 bytes each in network byte order; they come as
 * fast as the guest takes them, numbered from 1 on in the first 4 bytes of their data. Ends with its parent, or
 * after SECONDS.
 *
 * It is in C because its share is in every round trip that is measured.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_PORT    7
#define SOURCE_PORT  49153
#define SOURCE_BYTES 8 /* of a question */
#define MAX_FRAME    65536
#define ETHERNET     14
#define ARP_LENGTH   (ETHERNET + 28)
#define ARP_SENDER   (ETHERNET + 8)
#define ARP_TARGET   (ETHERNET + 18)
#define ARP_BINDING  10 /* a MAC and an IP address */
#define IP_PROTOCOL  (ETHERNET + 9)
#define IP_SOURCE    (ETHERNET + 12)
#define IP_TARGET    (ETHERNET + 16)
#define PROTOCOL_UDP 17
#define UDP_HEADER   (ETHERNET + 20) /* without options */
#define UDP_DATA     (UDP_HEADER + 8)

static const uint8_t our_mac[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};

static void exchange(uint8_t *a, uint8_t *b, size_t bytes)
{
	while (bytes--) {
		uint8_t byte = *a;

		*a++ = *b;
		*b++ = byte;
	}
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Both make the answer of the frame in place; false where there is none. */
static int answer_arp(uint8_t *frame, size_t length)
{
	if (length < ARP_LENGTH || get16(frame + ETHERNET + 6) != 1)
		return 0;
	frame[ETHERNET + 7] = 2;
	exchange(frame + ARP_SENDER, frame + ARP_TARGET, ARP_BINDING);
	memcpy(frame + ARP_SENDER, our_mac, sizeof(our_mac));
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, our_mac, sizeof(our_mac));
	return 1;
}

static void turn_around(uint8_t *frame, size_t ports)
{
	exchange(frame, frame + 6, 6);
	exchange(frame + IP_SOURCE, frame + IP_TARGET, 4);
	exchange(frame + ports, frame + ports + 2, 2);
}

static int answer_udp(uint8_t *frame, size_t length)
{
	size_t ports = ETHERNET + 4 * (size_t)(frame[ETHERNET] & 15);

	if (length < ports + 8 || frame[IP_PROTOCOL] != PROTOCOL_UDP ||
	    get16(frame + ports + 2) != ECHO_PORT)
		return 0;
	turn_around(frame, ports);
	return 1;
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* The sum of @length bytes and @sum, carries added. */
static uint32_t add_words(uint32_t sum, const uint8_t *at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Makes the headers of an answer of @length bytes out of those of a question. Returns the sum of its
 * datagram, without its number and checksum. */
static uint32_t build_headers(uint8_t *frame, size_t length)
{
	uint8_t *ip = frame + ETHERNET;

	turn_around(frame, UDP_HEADER);
	put16(ip + 2, (unsigned)(length - ETHERNET));
	put16(ip + 10, 0);
	put16(ip + 10, ~add_words(0, ip, 20) & 0xffff);
	put16(frame + UDP_HEADER + 4, (unsigned)(length - UDP_HEADER));
	memset(frame + UDP_HEADER + 6, 0, length - UDP_HEADER - 6);
	return add_words(PROTOCOL_UDP + (uint32_t)(length - UDP_HEADER), frame + IP_SOURCE,
			 length - IP_SOURCE);
}

/* Sends what the question in @frame asks for, where it is one. Returns 0, or -1 where the socket fails. */
static int send_frames(int sock, uint8_t *frame, size_t asked)
{
	uint32_t count, sum, base;
	size_t length;

	if (asked < UDP_DATA + SOURCE_BYTES || get16(frame + 12) != 0x0800 ||
	    frame[ETHERNET] != 0x45 || frame[IP_PROTOCOL] != PROTOCOL_UDP ||
	    get16(frame + UDP_HEADER + 2) != SOURCE_PORT)
		return 0;
	count = get32(frame + UDP_DATA);
	length = get32(frame + UDP_DATA + 4);
	if (length < UDP_DATA + 4 || length > ETHERNET + 1500)
		return 0;
	base = build_headers(frame, length);
	for (uint32_t number = 1; number <= count && number; number++) {
		put16(frame + UDP_DATA, number >> 16);
		put16(frame + UDP_DATA + 2, number & 0xffff);
		sum = ~add_words(base, frame + UDP_DATA, 4) & 0xffff;
		put16(frame + UDP_HEADER + 6, sum ? sum : 0xffff);
		if (send(sock, frame, length, 0) < 0)
			return -1;
	}
	return 0;
}

static int answer(uint8_t *frame, size_t length)
{
	if (length < ETHERNET + 20)
		return 0;
	switch (get16(frame + 12)) {
	case 0x0806:
		return answer_arp(frame, length);
	case 0x0800:
		return answer_udp(frame, length);
	default:
		return 0;
	}
}

int main(int count, char **arguments)
{
	static uint8_t frame[MAX_FRAME];
	ssize_t length;
	int sock;

	if (count != 3)
		return 2;
	sock = atoi(arguments[1]);
	alarm((unsigned)atoi(arguments[2]));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((length = recv(sock, frame, sizeof(frame), 0)) >= 0) {
		if (answer(frame, (size_t)length)) {
			if (send(sock, frame, (size_t)length, 0) < 0)
				break;
		} else if (send_frames(sock, frame, (size_t)length) < 0) {
			break;
		}
	}
	return 1;
}
