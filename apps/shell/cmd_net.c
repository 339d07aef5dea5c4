/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of network devices. Our address is the boot option ip= (QEMU's user network gives
 * its first guest 10.0.2.15), the gateway's gw=; what lies on our /24 is asked for directly.
 */
#include <errno.h>
#include <inttypes.h>
#include "apps/shell/commands.h"
#include "apps/shell/netclient.h"
#include "apps/shell/netdump.h"
#include "apps/shell/parse.h"
#include "drivers/virtio/virtio_net.h"
#include "lib/bootargs.h"

#define DEFAULT_IP	0x0a00020fu /* 10.0.2.15 */
#define DEFAULT_GATEWAY 0x0a000202u /* 10.0.2.2 */
#define PING_DEFAULT	4u
#define PING_MAX	65535u

static uint32_t own_ip = DEFAULT_IP;
static uint32_t gateway_ip = DEFAULT_GATEWAY;

static void read_option(struct shell *sh, const char *name, uint32_t *address)
{
	const char *value = bootargs_option(name);

	if (value && parse_ipv4(value, address) != 0)
		(void)sh_error_as(sh, -EINVAL, name, "'%s' is no IPv4 address", value);
}

void net_read_options(struct shell *sh)
{
	read_option(sh, "ip", &own_ip);
	read_option(sh, "gw", &gateway_ip);
}

static struct virtio_net *find_net(struct shell *sh, const char *number)
{
	int n = command_device(sh, VIRTIO_ID_NET, number);

	return n < 0 ? NULL : virtio_net_find(app_bus, (unsigned int)n);
}

static int address_argument(struct shell *sh, const char *text, uint32_t *ip)
{
	if (parse_ipv4(text, ip) != 0)
		return sh_error(sh, -EINVAL, "'%s' is no IPv4 address", text);
	return 0;
}

static int net_info(struct shell *sh, int argc, char **argv)
{
	struct virtio_net *net = find_net(sh, argv[1]);
	struct virtio_net_info info;
	struct virtio_net_stats stats;
	char mac[MAC_TEXT_LEN];

	(void)argc;
	if (!net)
		return -ENODEV;
	virtio_net_get_info(net, &info);
	virtio_net_get_stats(net, &stats);
	sh_printf(sh, "mac       %s%s\n", mac_text(mac, info.mac),
		  info.mac_from_device ? "" : " (ours)");
	sh_printf(sh, "link      %s%s, %lu changes\n", info.link_up ? "up" : "down",
		  info.link_reported ? "" : " (not reported)", stats.link_changes);
	sh_printf(sh, "mtu       %u\n", info.mtu);
	sh_printf(sh, "queues    receive %u, transmit %u descriptors\n", info.rx_queue_size,
		  info.tx_queue_size);
	sh_printf(sh, "received  %lu frames, %lu bytes, %lu errors, %lu dropped\n", stats.rx_frames,
		  stats.rx_bytes, stats.rx_errors, stats.rx_dropped);
	sh_printf(sh, "sent      %lu frames, %lu bytes, %lu refused", stats.tx_frames,
		  stats.tx_bytes, stats.tx_full);
	if (stats.tx_lost)
		sh_printf(sh, ", %lu lost", stats.tx_lost);
	sh_puts(sh, "\n");
	return 0;
}

static int net_dump(struct shell *sh, int argc, char **argv)
{
	struct virtio_net *net = find_net(sh, argv[1]);
	uint64_t count;
	int err;

	(void)argc;
	if (!net)
		return -ENODEV;
	err = sh_number(sh, "count", argv[2], UINT32_MAX, &count);
	return err ? err : netdump(sh, net, count);
}

static int arp_error(struct shell *sh, int err, const char *address)
{
	if (err == -EHOSTUNREACH)
		return sh_error(sh, err, "no answer from %s", address);
	return sh_error(sh, err, "%s", sh_strerror(err));
}

static int net_arp(struct shell *sh, int argc, char **argv)
{
	struct virtio_net *net = find_net(sh, argv[1]);
	struct netclient client;
	uint8_t mac[ETH_ADDRESS_LEN];
	char text[MAC_TEXT_LEN];
	uint32_t ip;
	int err;

	(void)argc;
	if (!net)
		return -ENODEV;
	err = address_argument(sh, argv[2], &ip);
	if (err)
		return err;
	netclient_open(&client, sh, net, own_ip, gateway_ip);
	err = netclient_arp(&client, ip, mac);
	netclient_close(&client);
	if (err)
		return arp_error(sh, err, argv[2]);
	sh_printf(sh, "%s is at %s\n", argv[2], mac_text(text, mac));
	return 0;
}

/* Sends @count echo requests, one after the other's reply or time limit. */
static int ping(struct netclient *client, uint32_t ip, const char *address, unsigned int count)
{
	struct shell *sh = client->sh;
	unsigned int sent = 0, received = 0;
	uint8_t mac[ETH_ADDRESS_LEN];
	int err = netclient_arp(client, netclient_next_hop(client, ip), mac);

	if (err)
		return arp_error(sh, err, address);
	while (sent < count && (err == 0 || err == -ETIMEDOUT)) {
		struct echo_result reply;

		sent++;
		err = netclient_ping(client, ip, mac, (uint16_t)sent, &reply);
		if (err)
			continue;
		received++;
		sh_printf(sh, "%u bytes from %s: seq=%u time=%" PRIu64 " us\n", reply.len, address,
			  sent, (uint64_t)(reply.time_ns / NSEC_PER_USEC));
	}
	if (received > 0 && err == -ETIMEDOUT)
		err = 0;
	if (err == -ETIMEDOUT)
		(void)sh_error(sh, err, "no reply from %s", address);
	else if (err)
		(void)sh_error(sh, err, "%s", sh_strerror(err));
	sh_printf(sh, "%u sent, %u received\n", sent, received);
	return err;
}

static int net_ping(struct shell *sh, int argc, char **argv)
{
	struct virtio_net *net = find_net(sh, argv[1]);
	struct netclient client;
	uint64_t count = PING_DEFAULT;
	uint32_t ip;
	int err;

	if (!net)
		return -ENODEV;
	err = address_argument(sh, argv[2], &ip);
	if (!err && argc > 3)
		err = sh_number(sh, "count", argv[3], PING_MAX, &count);
	if (err)
		return err;
	if (count == 0)
		return sh_error(sh, -EINVAL, "count is 0");
	netclient_open(&client, sh, net, own_ip, gateway_ip);
	err = ping(&client, ip, argv[2], (unsigned int)count);
	netclient_close(&client);
	return err;
}

const struct command net_commands[] = {
	{"net info", "N", "describes network device N", 1, 1, net_info},
	{"net dump", "N COUNT", "shows the next frames received", 2, 2, net_dump},
	{"net arp", "N A.B.C.D", "asks for a hardware address", 2, 2, net_arp},
	{"net ping", "N A.B.C.D [COUNT]", "sends echo requests", 2, 3, net_ping},
	{NULL, NULL, NULL, 0, 0, NULL},
};
