/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vireo-blk: reads, writes, copies and measures a disk that another process exports over vhost-user, with the drivers of this
 * tree. This file is its command line.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ports/host/tools/vireo_blk.h"

/* The config space up to the fields of WRITE_ZEROES: no back-end is asked for more than all of them have. */
#define BLK_CONFIG_BYTES 60u

const char *tool_name = "vireo-blk";

static const char help[] =
	"usage: vireo-blk --socket PATH [OPTION...] COMMAND\n"
	"\n"
	"A disk that another process exports over vhost-user, such as\n"
	"  qemu-storage-daemon --blockdev file,node-name=d,filename=disk.img --export \\\n"
	"    vhost-user-blk,id=e,node-name=d,writable=on,addr.type=unix,addr.path=PATH\n"
	"\n"
	"Commands (FILE may be - for standard input or output):\n"
	"  info                      what the disk says of itself\n"
	"  read OFFSET LENGTH FILE   copy a part of the disk to FILE\n"
	"  write OFFSET FILE         copy FILE to the disk, and flush\n"
	"  copy-out FILE             copy the whole disk to FILE\n"
	"  copy-in FILE              copy FILE to the beginning of the disk, and flush\n"
	"  discard OFFSET LENGTH     say that a part is no longer needed\n"
	"  zero OFFSET LENGTH        have zeroes written, and flush; the disk may give up the "
	"storage\n"
	"  flush                     have the disk's cache written\n"
	"  bench                     measure; see --op, --depth, --size, --count, --time\n"
	"  exercise                  OVERWRITE the disk at random, and check what is read\n"
	"Numbers are bytes, multiples of 512; K, M and G are powers of 1024.\n"
	"\n"
	"Options:\n" TOOL_OPTIONS_HELP "\n"
	"Options of bench and exercise:\n"
	"  --op read|write     (bench; default read)\n"
	"  --depth N           requests at a time (default 1)\n"
	"  --queues N          spread over so many of the disk's queues (default 1)\n"
	"  --size BYTES        of a request (bench; default 4K)\n"
	"  --count N           requests, instead of --time\n"
	"  --time SECONDS      (default 3)\n"
	"  --offset BYTES, --length BYTES\n"
	"                      only this part of the disk\n"
	"  --seed N            of the random numbers\n"
	"  --sequential        (bench) not at random\n"
	"  --polled            without interrupts\n"
	"\n"
	"Exit status: 0; 1: the disk or a file failed, or data were wrong; 2: usage;\n"
	"3: there is no back-end at PATH, or no disk that can be driven.\n";

enum { OP = 256, DEPTH, SIZE, COUNT, TIME, OFFSET, LENGTH, SEED, SEQUENTIAL, POLLED, QUEUES };

static const struct option long_options[] = {
	TOOL_OPTIONS,
	{"op", required_argument, NULL, OP},
	{"depth", required_argument, NULL, DEPTH},
	{"size", required_argument, NULL, SIZE},
	{"count", required_argument, NULL, COUNT},
	{"time", required_argument, NULL, TIME},
	{"offset", required_argument, NULL, OFFSET},
	{"length", required_argument, NULL, LENGTH},
	{"seed", required_argument, NULL, SEED},
	{"sequential", no_argument, NULL, SEQUENTIAL},
	{"polled", no_argument, NULL, POLLED},
	{"queues", required_argument, NULL, QUEUES},
	{NULL, 0, NULL, 0},
};

static uint64_t bytes(const char *what, const char *text)
{
	uint64_t value = tool_number(what, text, INT64_MAX);

	if (value % VIRTIO_BLK_SECTOR_SIZE)
		die(EXIT_USAGE, "%s: %s is no multiple of %u", what, text, VIRTIO_BLK_SECTOR_SIZE);
	return value;
}

static bool set_op(const char *text)
{
	if (strcmp(text, "read") && strcmp(text, "write"))
		die(EXIT_USAGE, "--op: read or write, not \"%s\"", text);
	return *text == 'w';
}

/* One that bench or exercise has. Returns whether it is known. */
static bool load_option(struct blk_job *job, int c, const char *arg)
{
	switch (c) {
	case OP:
		job->write = set_op(arg);
		return true;
	case DEPTH:
		job->depth = (unsigned int)tool_number("--depth", arg, UINT16_MAX);
		return true;
	case QUEUES:
		job->queues = (unsigned int)tool_number("--queues", arg, UINT16_MAX);
		return true;
	case SIZE:
		job->size = (uint32_t)MIN(bytes("--size", arg), (uint64_t)UINT32_MAX);
		return true;
	case COUNT:
		job->count = tool_number("--count", arg, UINT64_MAX);
		return true;
	case TIME:
		job->time_ns = tool_number("--time", arg, 86400) * NSEC_PER_SEC;
		return true;
	case OFFSET:
		job->offset = bytes("--offset", arg);
		return true;
	case LENGTH:
		job->length = bytes("--length", arg);
		return true;
	case SEED:
		job->seed = tool_number("--seed", arg, INT64_MAX);
		return true;
	case SEQUENTIAL:
		job->sequential = true;
		return true;
	case POLLED:
		job->polled = true;
		return true;
	}
	return false;
}

/* --- commands --------------------------------------------------------------------------------- */

static int info(const struct blk_job *job)
{
	const struct virtio_blk_info *i = &job->info;
	const struct virtio_device *vdev = virtio_blk_device(job->blk);
	char id[VIRTIO_BLK_ID_BYTES + 1];

	if (virtio_blk_get_id(job->blk, id, job->timeout_ns))
		id[0] = '\0';
	printf("capacity       %" PRIu64 " bytes\n", i->capacity_sectors * VIRTIO_BLK_SECTOR_SIZE);
	printf("serial         %s\n", id);
	printf("block size     %" PRIu32 " (physical %" PRIu32 ")\n", i->block_size,
	       i->physical_block_size);
	printf("request        up to %" PRIu32 " sectors, %" PRIu32 " segments\n",
	       i->max_request_sectors, i->seg_max);
	printf("queues         %u of %u, %s\n", i->queues, i->queue_size,
	       virtio_has_feature(vdev, VIRTIO_F_RING_PACKED) ? "packed" : "split");
	printf("discard        up to %" PRIu32 " sectors\n", i->max_discard_sectors);
	printf("zeroes         up to %" PRIu32 " sectors\n", i->max_zeroes_sectors);
	printf("cache          %s\n",
	       !i->flush ? "none" : (i->writeback ? "writeback" : "writethrough"));
	printf("read-only      %s\n", i->read_only ? "yes" : "no");
	printf("features       0x%" PRIx64 " of 0x%" PRIx64 "\n", vdev->features,
	       vdev->device_features);
	return EXIT_OK;
}

static int flush(const struct blk_job *job)
{
	int err = virtio_blk_flush(job->blk, job->timeout_ns);

	if (err)
		die(EXIT_FAILED, "flush: %s", strerror(-err));
	return EXIT_OK;
}

static int range(const struct blk_job *job, enum virtio_blk_op op, const char *what)
{
	int err = virtio_blk_range(job->blk, op, job->offset / VIRTIO_BLK_SECTOR_SIZE,
				   job->length / VIRTIO_BLK_SECTOR_SIZE, job->timeout_ns);

	if (err)
		die(EXIT_FAILED, "%s: %s", what, strerror(-err));
	return EXIT_OK;
}

static int discard(const struct blk_job *job)
{
	return range(job, VIRTIO_BLK_DISCARD, "discard");
}

static int zero(const struct blk_job *job)
{
	(void)range(job, VIRTIO_BLK_WRITE_ZEROES_UNMAP, "zero");
	return flush(job);
}

static void args_range(struct blk_job *job, char **args)
{
	job->offset = bytes("OFFSET", args[0]);
	job->length = bytes("LENGTH", args[1]);
	if (!job->length)
		die(EXIT_USAGE, "LENGTH is 0");
}

static void args_read(struct blk_job *job, char **args)
{
	args_range(job, args);
	job->file = args[2];
}

static void args_write(struct blk_job *job, char **args)
{
	job->offset = bytes("OFFSET", args[0]);
	job->file = args[1];
}

static void args_file(struct blk_job *job, char **args)
{
	job->file = args[0];
}

static const struct command {
	const char *name;
	int arg_count;
	void (*args)(struct blk_job *job, char **args);
	int (*run)(const struct blk_job *job);
} commands[] = {
	{"info", 0, NULL, info},
	{"read", 3, args_read, blk_copy_out},
	{"write", 2, args_write, blk_copy_in},
	{"copy-out", 1, args_file, blk_copy_out},
	{"copy-in", 1, args_file, blk_copy_in},
	{"discard", 2, args_range, discard},
	{"zero", 2, args_range, zero},
	{"flush", 0, NULL, flush},
	{"bench", 0, NULL, blk_bench},
	{"exercise", 0, NULL, blk_exercise},
};

static const struct command *find_command(int count, char **args)
{
	if (count == 0)
		die(EXIT_USAGE, "which command? See --help");
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(args[0], commands[i].name))
			continue;
		if (count - 1 != commands[i].arg_count)
			die(EXIT_USAGE, "%s: %d arguments, not %d; see --help", args[0],
			    commands[i].arg_count, count - 1);
		return &commands[i];
	}
	die(EXIT_USAGE, "no command \"%s\"; see --help", args[0]);
}

/* A part that is not given is all that there is. */
static void settle_range(struct blk_job *job)
{
	const uint64_t capacity = job->info.capacity_sectors * VIRTIO_BLK_SECTOR_SIZE;

	if (job->offset > capacity || job->length > capacity - job->offset)
		die(EXIT_USAGE, "the disk has %" PRIu64 " bytes", capacity);
	if (!job->length)
		job->length = capacity - job->offset;
}

static void parse(struct blk_job *job, struct tool_options *options, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (c == 'h') {
			fputs(help, stdout);
			exit(EXIT_OK);
		}
		if (c == '?' || (!tool_option(options, c, optarg) && !load_option(job, c, optarg)))
			exit(EXIT_USAGE);
	}
}

int main(int argc, char **argv)
{
	static struct virtio_bus bus;
	static struct host_device device;
	struct tool_options options = {0};
	struct blk_job job = {.options = &options,
			      .depth = 1,
			      .queues = 1,
			      .size = 4096,
			      .time_ns = 3 * NSEC_PER_SEC,
			      .timeout_ns = 30 * NSEC_PER_SEC};
	const struct command *command;
	int status;

	parse(&job, &options, argc, argv);
	command = find_command(argc - optind, argv + optind);
	if (command->args)
		command->args(&job, argv + optind + 1);
	virtio_bus_init(&bus, &host_work);
	if (virtio_blk_init(&bus))
		die(EXIT_FAILED, "no room for the driver");
	device.vu.config_size = BLK_CONFIG_BYTES;
	tool_open(&bus, &device, VIRTIO_ID_BLOCK, &options);
	job.blk = virtio_blk_find(&bus, 0);
	if (options.reply_ns)
		job.timeout_ns = options.reply_ns;
	virtio_blk_get_info(job.blk, &job.info);
	settle_range(&job);
	status = command->run(&job);
	host_close(&device);
	host_memory_exit();
	return status;
}
