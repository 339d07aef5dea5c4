// SPDX-License-Identifier: BSD-2-Clause
/*
 * echo FD SECONDS: the other end of a guest's network card. FD is a datagram socket on which a datagram
 * is a frame. Who asks for an address by ARP gets ours, whatever it is; UDP to the echo port goes back as
 * it came, with the addresses and ports exchanged, which leaves both checksums right. Ends with its
 * parent, or after SECONDS.
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

static int answer_udp(uint8_t *frame, size_t length)
{
	size_t ports = ETHERNET + 4 * (size_t)(frame[ETHERNET] & 15);

	if (length < ports + 8 || frame[IP_PROTOCOL] != PROTOCOL_UDP ||
	    get16(frame + ports + 2) != ECHO_PORT)
		return 0;
	exchange(frame, frame + 6, 6);
	exchange(frame + IP_SOURCE, frame + IP_TARGET, 4);
	exchange(frame + ports, frame + ports + 2, 2);
	return 1;
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
		if (answer(frame, (size_t)length) && send(sock, frame, (size_t)length, 0) < 0)
			break;
	}
	return 1;
}
