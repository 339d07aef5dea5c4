/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network client: frames built by the letter of the RFCs, frames from the wire believed only
 * when every check passes, and questions answered over the reference network card.
 */
#include "tests/unit/rig.h"
#include "apps/shell/netclient.h"

static const uint8_t us[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t peer[6] = {2, 3, 4, 5, 6, 7};

#define OUR_IP	0x0a00020fu
#define PEER_IP 0x0a000202u

/* --- frames ------------------------------------------------------------------------------------- */

static void the_checksum_is_that_of_rfc_1071(void **state)
{
	static const uint8_t rfc[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint8_t big[1500];

	(void)state;
	assert_int_equal(inet_checksum(rfc, 8), 0x220d); /* the complement of ddf2 */
	assert_int_equal(inet_checksum(rfc, 7), (uint16_t)~0xdcfb);
	assert_int_equal(inet_checksum(rfc, 0), 0xffff);
	memset(big, 0xff, sizeof(big));
	assert_int_equal(inet_checksum(big, sizeof(big)), 0); /* no carry is lost */
}

static void an_arp_packet_survives_the_wire(void **state)
{
	struct arp_packet arp = {
		.operation = ARP_REQUEST, .sender_ip = OUR_IP, .target_ip = PEER_IP};
	struct arp_packet back;
	uint8_t frame[64];
	unsigned int len;

	(void)state;
	memcpy(arp.sender_mac, us, 6);
	memcpy(arp.target_mac, peer, 6);
	arp_build(frame, peer, &arp);
	assert_memory_equal(frame, peer, 6);
	assert_memory_equal(frame + 6, us, 6);
	assert_int_equal(get_be16(frame + 12), ETH_P_ARP);
	assert_int_equal(get_be32(frame + 28), OUR_IP);
	assert_true(arp_parse(frame, ARP_FRAME_LEN, &back));
	assert_int_equal(back.operation, ARP_REQUEST);
	assert_int_equal(back.sender_ip, OUR_IP);
	assert_int_equal(back.target_ip, PEER_IP);
	assert_memory_equal(back.sender_mac, us, 6);
	assert_true(arp_parse(frame, 60, &back)); /* padded */
	for (len = 0; len < ARP_FRAME_LEN; len++)
		assert_false(arp_parse(frame, len, &back));
}

static void an_arp_packet_for_other_networks_is_passed_over(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
	} changes[] = {{12, 9}, {13, 0}, {14, 1}, {15, 6}, {16, 9}, {17, 1}, {18, 8}, {19, 6}};
	struct arp_packet arp = {.operation = ARP_REPLY}, back;
	uint8_t frame[ARP_FRAME_LEN];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		arp_build(frame, peer, &arp);
		frame[changes[i].at] = changes[i].value;
		assert_false(arp_parse(frame, sizeof(frame), &back));
	}
}

/* Turns an echo request into its reply, as a peer does. */
static void make_reply(uint8_t *frame)
{
	uint8_t *ip = frame + 14, *icmp = ip + 20, t[6];
	uint16_t sum;

	memcpy(t, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, t, 6);
	memcpy(t, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, t, 4);
	icmp[0] = 0;
	icmp[2] = icmp[3] = 0;
	sum = inet_checksum(icmp, ECHO_MESSAGE_LEN);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
}

static void build_request(uint8_t *frame)
{
	struct echo_packet echo = {
		.source_ip = OUR_IP, .target_ip = PEER_IP, .id = 0x1234, .seq = 7};

	echo_build(frame, peer, us, &echo);
}

static void an_echo_request_has_correct_checksums(void **state)
{
	uint8_t frame[ECHO_FRAME_LEN];

	(void)state;
	build_request(frame);
	assert_int_equal(inet_checksum(frame + 14, 20), 0);
	assert_int_equal(inet_checksum(frame + 34, ECHO_MESSAGE_LEN), 0);
	assert_int_equal(frame[14], 0x45);
	assert_int_equal(get_be16(frame + 16), 20 + ECHO_MESSAGE_LEN);
	assert_int_equal(frame[23], 1); /* ICMP */
	assert_int_equal(frame[34], 8); /* echo request */
	assert_true(frame[22] > 0);	/* time to live */
}

static void an_echo_reply_is_taken_apart(void **state)
{
	uint8_t frame[ECHO_FRAME_LEN];
	struct echo_packet echo;
	unsigned int len;

	(void)state;
	build_request(frame);
	assert_false(echo_reply_parse(frame, sizeof(frame), &echo)); /* a request */
	make_reply(frame);
	assert_true(echo_reply_parse(frame, sizeof(frame), &echo));
	assert_int_equal(echo.source_ip, PEER_IP);
	assert_int_equal(echo.target_ip, OUR_IP);
	assert_int_equal(echo.id, 0x1234);
	assert_int_equal(echo.seq, 7);
	assert_int_equal(echo.len, ECHO_MESSAGE_LEN);
	for (len = 0; len < sizeof(frame); len++)
		assert_false(echo_reply_parse(frame, len, &echo));
}

/* Every bit that the checksums cover is noticed when it flips. */
static void a_damaged_echo_reply_is_passed_over(void **state)
{
	uint8_t frame[ECHO_FRAME_LEN];
	struct echo_packet echo;
	unsigned int bit;

	(void)state;
	build_request(frame);
	make_reply(frame);
	for (bit = 12 * 8; bit < sizeof(frame) * 8; bit++) {
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(echo_reply_parse(frame, sizeof(frame), &echo));
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(echo_reply_parse(frame, sizeof(frame), &echo));
}

/* The sum over pseudo header and datagram of the UDP frame, by the letter of RFC 768. */
static uint16_t slow_udp_sum(const uint8_t *frame)
{
	unsigned int len = get_be16(frame + 38);
	uint32_t sum = 17 + len;

	for (unsigned int i = 26; i < 34 + len; i++)
		sum += i % 2 ? frame[i] : (uint32_t)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Only the number is written, and the checksum made right for it, whatever the length. None is 0, which would
 * be none: of 65536 numbers one has that sum. */
static void a_number_in_a_udp_frame_has_its_checksum(void **state)
{
	const struct udp_packet udp = {OUR_IP, PEER_IP, 49152, 7};
	uint8_t frame[UDP_DATA + 40], before[sizeof(frame)];
	unsigned int full = 0;
	uint32_t rest;

	(void)state;
	for (unsigned int len = UDP_DATA + 8; len <= sizeof(frame); len++) {
		const unsigned int at = UDP_DATA + 4 * (len % 2);
		uint32_t fixed, step = len == sizeof(frame) ? 1 : 977;

		memset(frame, 0xa5, sizeof(frame));
		udp_build(frame, len, peer, us, &udp);
		fixed = udp_fixed_sum(frame, at);
		memcpy(before, frame, len);
		for (uint32_t number = 0xffff0000; number >= 0xffff0000; number += step) {
			udp_put_number(frame, at, fixed, number);
			assert_int_equal(get_be32(frame + at), number);
			assert_int_equal(slow_udp_sum(frame), 0xffff);
			assert_int_equal(udp_check(frame, len), len - UDP_DATA);
			assert_int_not_equal(get_be16(frame + UDP_DATA - 2), 0);
			full += get_be16(frame + UDP_DATA - 2) == 0xffff;
		}
		udp_put_number(frame, at, fixed, 0xa5a5a5a5);
		assert_memory_equal(frame, before, len); /* and nothing else */
	}
	assert_true(full > 0);

	/* Where what stays adds up to all ones, and the number too. */
	memset(frame, 0xa5, sizeof(frame));
	udp_build(frame, 80, peer, us, &udp);
	rest = be16_to_cpu((uint16_t)~udp_fixed_sum(frame, UDP_DATA));
	rest += get_be16(frame + 60);
	rest += rest >> 16;
	frame[60] = (uint8_t)(rest >> 8);
	frame[61] = (uint8_t)rest;
	udp_build(frame, 80, peer, us, &udp);
	assert_int_equal(udp_fixed_sum(frame, UDP_DATA), 0);
	udp_put_number(frame, UDP_DATA, 0, 0xffffffff);
	assert_int_equal(get_be16(frame + UDP_DATA - 2), 0xffff);
	assert_int_equal(udp_check(frame, 80), 80 - UDP_DATA);
}

static void a_udp_frame_survives_the_wire(void **state)
{
	const struct udp_packet udp = {OUR_IP, PEER_IP, 49152, 7};
	struct udp_packet back;
	uint8_t frame[100];
	unsigned int len, bit;

	(void)state;
	memset(frame, 0x5a, sizeof(frame));
	udp_build(frame, 80, peer, us, &udp);
	assert_memory_equal(frame, peer, 6);
	assert_memory_equal(frame + 6, us, 6);
	assert_int_equal(inet_checksum(frame + 14, 20), 0);
	assert_int_equal(get_be16(frame + 16), 80 - 14);
	assert_int_equal(frame[23], 17);		      /* UDP */
	assert_int_equal(get_be16(frame + 38), 80 - 14 - 20); /* its length */
	assert_int_equal(slow_udp_sum(frame), 0xffff);
	assert_int_equal(frame[UDP_DATA], 0x5a); /* the data is the caller's */
	assert_int_equal(udp_parse(frame, 80, &back), 80 - UDP_DATA);
	assert_memory_equal(&back, &udp, sizeof(udp));
	assert_int_equal(udp_parse(frame, 100, &back), 80 - UDP_DATA); /* padded */
	for (len = 0; len < 80; len++)
		assert_true(udp_parse(frame, len, &back) < 0);
	for (bit = 12 * 8; bit < 80 * 8; bit++) {
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(udp_parse(frame, 80, &back) < 0);
		assert_true(udp_check(frame, 80) < 0);
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	frame[40] = frame[41] =
		0; /* IPv4 allows UDP without a checksum; then there is nothing to see */
	frame[79]++;
	assert_int_equal(udp_check(frame, 80), 80 - UDP_DATA);
	frame[39]++; /* more than the packet carries */
	assert_true(udp_parse(frame, 80, &back) < 0);
	frame[39] = 7; /* less than its own header */
	assert_true(udp_parse(frame, 80, &back) < 0);
}

static void random_frames_do_no_harm(void **state)
{
	uint32_t seed = 4711;
	unsigned int round, i;

	(void)state;
	for (round = 0; round < 20000; round++) {
		unsigned int len = test_random(&seed) % 100;
		uint8_t *frame = malloc(len + 1); /* ASan guards its end */
		struct arp_packet arp;
		struct echo_packet echo;
		struct udp_packet udp;

		for (i = 0; i < len; i++)
			frame[i] = (uint8_t)test_random(&seed);
		if (len > 34) {
			frame[12] = 8;
			frame[13] = round & 1 ? 6 : 0;
			frame[14] = (uint8_t)(0x40 | (round >> 1 & 15));
		}
		frame = realloc(frame, len ? len : 1);
		(void)arp_parse(frame, len, &arp);
		(void)echo_reply_parse(frame, len, &echo);
		(void)udp_parse(frame, len, &udp);
		free(frame);
	}
}

/* --- the client over a card ------------------------------------------------------------------------- */

static struct rig rig;
static struct netclient client;

static int init(void **state)
{
	(void)state;
	(void)virtio_net_init(&test_bus);
	return 0;
}

static void open_client(void)
{
	rig_start(&rig, refdev_net_new(2, BIT_ULL(5)));
	netclient_open(&client, NULL, virtio_net_find(&test_bus, 0), OUR_IP, PEER_IP);
}

static void an_arp_request_for_us_is_answered(void **state)
{
	struct arp_packet arp = {
		.operation = ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OUR_IP};
	struct refdev_net *card;
	uint8_t frame[ARP_FRAME_LEN];

	(void)state;
	open_client();
	card = refdev_net(rig.dev);
	memcpy(arp.sender_mac, peer, 6);
	arp_build(frame, us, &arp);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
	refdev_pump();
	assert_int_equal(card->sent, 1);
	assert_true(arp_parse(card->frames[0], card->lengths[0], &arp));
	assert_int_equal(arp.operation, ARP_REPLY);
	assert_int_equal(arp.sender_ip, OUR_IP);
	assert_int_equal(arp.target_ip, PEER_IP);
	assert_memory_equal(arp.sender_mac, us, 6);
	assert_memory_equal(card->frames[0], peer, 6);
	/* One for somebody else is not. */
	arp = (struct arp_packet){
		.operation = ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OUR_IP + 1};
	arp_build(frame, us, &arp);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
	refdev_pump();
	assert_int_equal(card->sent, 1);
	netclient_close(&client);
	rig_end(&rig);
}

static void answers_nobody_waits_for_are_passed_over(void **state)
{
	uint8_t frame[ECHO_FRAME_LEN];
	struct arp_packet arp = {.operation = ARP_REPLY, .sender_ip = PEER_IP, .target_ip = OUR_IP};

	(void)state;
	open_client();
	build_request(frame);
	make_reply(frame);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
	arp_build(frame, us, &arp);
	assert_true(refdev_net_deliver(rig.dev, frame, ARP_FRAME_LEN));
	refdev_pump();
	assert_false(client.answered);
	netclient_close(&client);
	rig_end(&rig);
}

static void other_networks_are_reached_through_the_gateway(void **state)
{
	struct netclient c = {.ip = OUR_IP, .gateway = PEER_IP};

	(void)state;
	assert_int_equal(netclient_next_hop(&c, 0x0a000299), 0x0a000299);
	assert_int_equal(netclient_next_hop(&c, 0x08080808), PEER_IP);
}

/* --- what the shell would do ------------------------------------------------------------------------ */

int sh_wait(struct shell *sh, struct port_event *event, uint64_t deadline)
{
	(void)sh;
	(void)deadline;
	return port_event_wait(event, NSEC_PER_SEC);
}

static void a_question_without_an_answer_ends(void **state)
{
	uint8_t mac[6];
	struct echo_result result;

	(void)state;
	open_client();
	assert_int_equal(netclient_arp(&client, PEER_IP, mac), -EHOSTUNREACH);
	assert_int_equal(refdev_net(rig.dev)->sent, 3);
	assert_int_equal(netclient_ping(&client, PEER_IP, peer, 1, &result), -ETIMEDOUT);
	netclient_close(&client);
	rig_end(&rig);
}

/* A peer that answers the last frame that was sent, a moment later. */
static void answer_arp(void *arg)
{
	struct arp_packet arp = {.operation = ARP_REPLY, .sender_ip = PEER_IP, .target_ip = OUR_IP};
	uint8_t frame[ARP_FRAME_LEN];

	(void)arg;
	memcpy(arp.sender_mac, peer, 6);
	arp_build(frame, us, &arp);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
}

static void answer_echo(void *arg)
{
	struct refdev_net *card = refdev_net(rig.dev);
	uint8_t frame[ECHO_FRAME_LEN];

	(void)arg;
	memcpy(frame, card->frames[(card->sent - 1) % REF_NET_FRAMES], sizeof(frame));
	make_reply(frame);
	assert_true(refdev_net_deliver(rig.dev, frame, sizeof(frame)));
}

static void a_question_gets_its_answer(void **state)
{
	uint8_t mac[6];
	struct echo_result result;

	(void)state;
	open_client();
	port_host_after(NSEC_PER_MSEC, answer_arp, NULL);
	assert_int_equal(netclient_arp(&client, PEER_IP, mac), 0);
	assert_memory_equal(mac, peer, 6);
	port_host_after(NSEC_PER_MSEC, answer_echo, NULL);
	assert_int_equal(netclient_ping(&client, PEER_IP, mac, 3, &result), 0);
	assert_int_equal(result.len, ECHO_MESSAGE_LEN);
	netclient_close(&client);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_checksum_is_that_of_rfc_1071),
		TEST(an_arp_packet_survives_the_wire),
		TEST(an_arp_packet_for_other_networks_is_passed_over),
		TEST(an_echo_request_has_correct_checksums),
		TEST(an_echo_reply_is_taken_apart),
		TEST(a_udp_frame_survives_the_wire),
		TEST(a_number_in_a_udp_frame_has_its_checksum),
		TEST(a_damaged_echo_reply_is_passed_over),
		TEST(random_frames_do_no_harm),
		TEST(an_arp_request_for_us_is_answered),
		TEST(answers_nobody_waits_for_are_passed_over),
		TEST(other_networks_are_reached_through_the_gateway),
		TEST(a_question_without_an_answer_ends),
		TEST(a_question_gets_its_answer),
	};

	return cmocka_run_group_tests_name("netclient", tests, init, NULL);
}
