/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot options that hold for the virtio devices of every transport. */
#include <string.h>
#include "lib/bootargs.h"
#include "ports/bare/bare.h"
#include "virtio/port.h"
#include "virtio/virtio.h"
#include "virtio/wire/ring.h"

static unsigned int max_queue_size;
static bool legacy_pci;

/* @text as a number from 1 to VRING_SIZE_MAX, or 0. */
static unsigned int parse_queue_size(const char *text)
{
	unsigned int size = 0;

	for (; *text >= '0' && *text <= '9' && size <= VRING_SIZE_MAX; text++)
		size = size * 10 + (unsigned int)(*text - '0');
	return *text == '\0' && size <= VRING_SIZE_MAX ? size : 0;
}

/* queue-size=N: for tests of small and large rings, or to save memory. */
static void read_queue_size(void)
{
	const char *text = bootargs_option("queue-size");

	if (!text)
		return;
	max_queue_size = parse_queue_size(text);
	if (max_queue_size == 0)
		port_log(LOG_ERROR, "boot option queue-size=%s: not 1 to %u, using %u", text,
			 VRING_SIZE_MAX, VIRTIO_QUEUE_SIZE);
}

/* virtio_pci=legacy: devices with both interfaces are driven through the old one. */
static void read_virtio_pci(void)
{
	const char *text = bootargs_option("virtio_pci");

	if (!text || strcmp(text, "modern") == 0)
		return;
	legacy_pci = strcmp(text, "legacy") == 0;
	if (!legacy_pci)
		port_log(LOG_ERROR, "boot option virtio_pci=%s: not modern or legacy, using modern",
			 text);
}

void bare_virtio_options_init(void)
{
	read_queue_size();
	read_virtio_pci();
}

unsigned int bare_max_queue_size(void)
{
	return max_queue_size;
}

bool bare_legacy_pci(void)
{
	return legacy_pci;
}
