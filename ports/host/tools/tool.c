/* SPDX-License-Identifier: BSD-2-Clause */
/* The tools' common part: see tool.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ports/host/tools/tool.h"
#include "virtio/port.h"

#define PROGRESS_NS (100 * NSEC_PER_MSEC)
#define MIB	    (1024.0 * 1024.0)

void die(int status, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", tool_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

/* --- the command line ------------------------------------------------------------------------- */

uint64_t tool_number(const char *what, const char *text, uint64_t most)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned int shift = 0;
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*end && (unit = strchr(units, *end)) != NULL) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (errno || end == text || *end || *text == '-' || value > most >> shift)
		die(EXIT_USAGE, "%s: \"%s\" is no number from 0 to %" PRIu64, what, text, most);
	return (uint64_t)value << shift;
}

bool tool_option(struct tool_options *options, int c, const char *arg)
{
	switch (c) {
	case 's':
		options->socket = arg;
		return true;
	case 'C':
		options->confined = true;
		return true;
	case 'v':
		options->verbose = true;
		return true;
	case 'P':
		options->progress = true;
		return true;
	case 'T':
		options->reply_ns = tool_number("--timeout", arg, 86400) * NSEC_PER_SEC;
		return true;
	case 'R':
		options->reconnect_ns = tool_number("--reconnect", arg, 86400) * NSEC_PER_SEC;
		return true;
	case 'F':
		options->features_off |= BIT_ULL(tool_number("--no-feature", arg, 63));
		return true;
	case 'Q':
		options->queue_size =
			(unsigned int)tool_number("--queue-size", arg, VHOST_USER_QUEUE_SIZE_MAX);
		return true;
	}
	return false;
}

/* --- the device ------------------------------------------------------------------------------- */

void tool_open(struct virtio_bus *bus, struct host_device *device, uint32_t device_id,
	       const struct tool_options *options)
{
	struct virtio_device *vdev = &device->vu.vdev;
	int err;

	if (!options->socket)
		die(EXIT_USAGE, "--socket is missing; see --help");
	if (options->verbose)
		host_set_log_level(LOG_INFO);
	err = host_memory_init(&(struct host_memory_options){.confined = options->confined});
	if (err)
		die(EXIT_FAILED, "no shared memory: %s", strerror(-err));
	device->vu.reply_ns = options->reply_ns;
	device->vu.reconnect_ns = options->reconnect_ns;
	device->vu.refused = options->features_off;
	vdev->max_queue_size = options->queue_size;
	err = host_open(bus, device, device_id, options->socket);
	if (err)
		die(EXIT_NO_BACKEND, "%s: no vhost-user back-end: %s", options->socket,
		    strerror(-err));
	while (vdev->state == VIRTIO_STATE_RECOVERING) /* which is bounded */
		host_wait(port_now_ns() + NSEC_PER_SEC);
	if (vdev->state != VIRTIO_STATE_LIVE)
		die(EXIT_NO_BACKEND, "%s: the device could not be driven: %s", options->socket,
		    strerror(-vdev->error));
}

void *tool_buffer(size_t bytes)
{
	void *buf = host_alloc(bytes);

	if (!buf)
		die(EXIT_FAILED, "no shared memory for %lu bytes", (unsigned long)bytes);
	return buf;
}

/* --- progress --------------------------------------------------------------------------------- */

void progress_begin(struct progress *progress, const struct tool_options *options)
{
	progress->shown = options->progress || isatty(STDERR_FILENO);
	progress->start_ns = port_now_ns();
	progress->next_ns = progress->start_ns + PROGRESS_NS;
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, bool end)
{
	const uint64_t now = port_now_ns();
	const double seconds = (double)(now - progress->start_ns + 1) / (double)NSEC_PER_SEC;
	const double mib = (double)done / MIB;

	if (!progress->shown || (!end && now < progress->next_ns))
		return;
	progress->next_ns = now + PROGRESS_NS;
	fprintf(stderr, "\r%.1f", mib);
	if (total)
		fprintf(stderr, " of %.1f MiB (%d %%)", (double)total / MIB,
			(int)(100.0 * (double)done / (double)total));
	else
		fputs(" MiB", stderr);
	fprintf(stderr, ", %.1f MiB/s  %s", mib / seconds, end ? "\n" : "");
}
