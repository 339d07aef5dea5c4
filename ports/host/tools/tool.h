/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command-line tools on the host port have in common: numbers with units, progress, exit codes. */
#ifndef PORTS_HOST_TOOLS_TOOL_H
#define PORTS_HOST_TOOLS_TOOL_H

#include "ports/host/host.h"

/* How a tool ends. */
#define EXIT_OK		0
#define EXIT_FAILED	1 /* the device or a file failed, or data were wrong */
#define EXIT_USAGE	2
#define EXIT_NO_BACKEND 3 /* nobody to connect to, or no device there that we can drive */

/* What all tools are told. */
struct tool_options {
	const char *socket;
	bool confined, verbose, progress;
	uint64_t reply_ns, reconnect_ns;
	uint64_t features_off; /* bits that are not to be used */
	unsigned int queue_size;
};

/* Messages begin with this name. */
extern const char *tool_name;

/* Prints a message, and ends with @status. */
_Noreturn void die(int status, const char *fmt, ...) __printf(2, 3);

/* @text as a number, with K, M or G (powers of 1024) behind it, of @most at most; ends with EXIT_USAGE where it is none. */
uint64_t tool_number(const char *what, const char *text, uint64_t most);

/* Takes one of the options that all tools have: @c as getopt_long() returned it. Returns whether it is one. */
bool tool_option(struct tool_options *options, int c, const char *arg);

/* Those options, for getopt_long() and for --help. */
#define TOOL_OPTIONS                                                                       \
	{"socket", required_argument, NULL, 's'}, {"confined", no_argument, NULL, 'C'},    \
		{"verbose", no_argument, NULL, 'v'}, {"progress", no_argument, NULL, 'P'}, \
		{"timeout", required_argument, NULL, 'T'},                                 \
		{"reconnect", required_argument, NULL, 'R'},                               \
		{"no-feature", required_argument, NULL, 'F'},                              \
		{"queue-size", required_argument, NULL, 'Q'},                              \
	{                                                                                  \
		"help", no_argument, NULL, 'h'                                             \
	}
#define TOOL_OPTIONS_HELP                                                                        \
	"  --socket PATH       the back-end's socket\n"                                          \
	"  --confined          show the back-end rings and buffers in use, and nothing else\n"   \
	"  --queue-size N      descriptors of a queue, at most (default 256)\n"                  \
	"  --no-feature BIT    do without this feature, though it is offered; may be repeated\n" \
	"  --timeout SECONDS   wait so long for a request or a message (default 30, 5)\n"        \
	"  --reconnect SECONDS wait so long for a back-end that went away (default 5)\n"         \
	"  --progress          show progress, also where stderr is no terminal\n"                \
	"  --verbose           say what happens\n"

/* Connects to the back-end with @options and has a device of @device_id on @bus, live; or ends with a message. */
void tool_open(struct virtio_bus *bus, struct host_device *device, uint32_t device_id,
	       const struct tool_options *options);

/* @bytes of shared memory, for host_free(); or ends with a message. */
void *tool_buffer(size_t bytes);

/* The progress line: @done of @total (0: unknown) bytes since @start_ns, at most some ten times a second. @end: the last
 * time, with a line end. */
struct progress {
	bool shown;
	uint64_t start_ns, next_ns;
};
void progress_begin(struct progress *progress, const struct tool_options *options);
void progress_show(struct progress *progress, uint64_t done, uint64_t total, bool end);

#endif
