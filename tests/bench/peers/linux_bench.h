/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark that stands in for /init where Linux is measured: see linux_init.c.
 *
 * A job is the text that Vireo's own bench command takes, so that both print lines that can be laid
 * side by side. It is words, some of them KEY=VALUE. A job returns 0, or prints why it cannot and
 * returns -1.
 */
#ifndef LINUX_BENCH_H
#define LINUX_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_WORDS 16

struct job {
	const char *text; /* as it came */
	char copy[256];
	char *words[MAX_WORDS];
	unsigned count;
	bool raw; /* raw sockets leave out the queueing discipline */
};

/* What one job measured. */
struct result {
	uint64_t operations;
	uint64_t ns;
	uint64_t lost; /* round trips without an answer: not part of operations */
};

uint64_t now_ns(void);
/* The value of KEY=, or @otherwise. */
unsigned long job_number(const struct job *job, const char *key, unsigned long otherwise);
const char *job_word(const struct job *job, const char *key);
/* Says what went wrong, with errno's text where there is one; always -1. */
int job_fails(const struct job *job, const char *why);

int job_blk(const struct job *job, struct result *result);
int job_net(const struct job *job, struct result *result);

#endif
