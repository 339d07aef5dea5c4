/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a stretch of work cost: time, instructions, and what went on between the CPU and a device. The
 * commands `bench ...` put their work between bench_begin() and bench_end(), which prints one line:
 * the command as it was given, and the figures.
 */
#ifndef APPS_BENCH_BENCH_H
#define APPS_BENCH_BENCH_H

#include "apps/shell/commands.h"

struct bench_figures {
	uint64_t ns;
	uint64_t insn;	      /* 0 where the CPU cannot count them */
	unsigned long notify; /* notifications sent to the device */
	unsigned long irq;    /* interrupts of its line; without a device, of all lines */
	unsigned long mmio;   /* accesses to its registers and to the interrupt controller's */
};

struct bench {
	struct shell *sh;
	struct virtio_device *vdev; /* NULL: every interrupt counts, and no notification */
	bool insn_counted;
	struct bench_figures start;
};

void bench_begin(struct bench *bench, struct shell *sh, struct virtio_device *vdev);

/* Prints the line for @n pieces of work (above 0). @argv: the command's own. */
void bench_end(const struct bench *bench, uint64_t n, int argc, char **argv);

/* The same with @more at the end of the line: figures of the command's own, each with a blank in front. */
void bench_end_with(const struct bench *bench, uint64_t n, int argc, char **argv, const char *more);

/*
 * Reads the options NAME=VALUE among the words from argv[first] on. Each entry of @options names one and
 * holds its default, which is replaced. The list ends with an entry without a name. 0 or -EINVAL after
 * the error was printed.
 */
struct bench_option {
	const char *name;
	uint64_t value, min, max;
	const char *const *words; /* NULL: a number; else the value is the index of one of these */
};
int bench_options(struct shell *sh, struct bench_option *options, int first, int argc, char **argv);

/* The number of the device that argv[1] names, see command_device(), with the options read as above. A negative
 * errno after the error was printed. */
int bench_device(struct shell *sh, uint32_t device_id, struct bench_option *options, int first,
		 int argc, char **argv);

/* Calls @once(@arg) @n times with a buffer of as many bytes as argv[2] says, full of printable characters, and
 * prints what it cost @vdev. The first error ends it. 0 or a negative errno after the error was printed. */
struct bench_loop {
	struct virtio_device *vdev;
	int (*once)(void *arg, void *buf, size_t bytes);
	void *arg;
};
int bench_loop(struct shell *sh, const struct bench_loop *loop, uint64_t n, int argc, char **argv);

/* The words of an option wait=. */
enum { BENCH_WAIT_WFI, BENCH_WAIT_POLL };
extern const char *const bench_waits[];

/* The next of a sequence that is the same in each run. */
static inline uint32_t bench_random(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

/* The commands, whose words are in argv[1..argc-1]. */
int bench_blk(struct shell *sh, int argc, char **argv);
int bench_net(struct shell *sh, int argc, char **argv);
int bench_con(struct shell *sh, int argc, char **argv);
int bench_rng(struct shell *sh, int argc, char **argv);
int bench_irq(struct shell *sh, int argc, char **argv);
int bench_boot(struct shell *sh, int argc, char **argv);

#endif
