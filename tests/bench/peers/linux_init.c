// SPDX-License-Identifier: BSD-2-Clause
/*
 * /init of the Linux that Vireo is compared with: loads the drivers, waits for the disk vda and the
 * card eth0, says that both are there, runs the jobs, and switches the machine off.
 *
 * The jobs are on the kernel's command line, which hands init what it does not know itself as
 * environment: bench="blk 0 r rand 4096 qd=32 n=100000; net 0 tx 64 batch=64 n=100000". With
 * bench_tuned=1 the disk has no scheduler, no statistics and no merging; with 2 large buffers are huge
 * pages as well, and raw sockets leave out the queueing discipline. Each job prints
 *
 *     BENCH <the job> ns=<of one operation> per_s=<operations> insn=0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux_bench.h"

#define DEVICES_WITHIN_NS 10000000000ull
#define HUGE_PAGES	  "/sys/kernel/mm/transparent_hugepage/enabled"

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const char *job_word(const struct job *job, const char *key)
{
	size_t length = strlen(key);
	unsigned i;

	for (i = 0; i < job->count; i++) {
		if (strncmp(job->words[i], key, length) == 0 && job->words[i][length] == '=')
			return job->words[i] + length + 1;
	}
	return NULL;
}

unsigned long job_number(const struct job *job, const char *key, unsigned long otherwise)
{
	const char *word = job_word(job, key);

	return word ? strtoul(word, NULL, 0) : otherwise;
}

int job_fails(const struct job *job, const char *why)
{
	printf("BENCH-ERROR %s: %s: %s\n", job->text, why, errno ? strerror(errno) : "no errno");
	return -1;
}

static int load_module(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	long status;

	if (file < 0)
		return -1;
	status = syscall(SYS_finit_module, file, "", 0);
	close(file);
	return (int)status;
}

/* /modules names them, each after those that it needs. */
static void load_modules(void)
{
	FILE *list = fopen("/modules", "r");
	char path[128];

	if (!list) {
		printf("BENCH-ERROR no list of modules\n");
		return;
	}
	while (fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = 0;
		if (load_module(path) < 0)
			printf("BENCH-ERROR %s: %s\n", path, strerror(errno));
	}
	fclose(list);
}

static int wait_for(const char *path)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t start = now_ns();

	while (now_ns() - start < DEVICES_WITHIN_NS) {
		if (access(path, F_OK) == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	printf("BENCH-ERROR %s does not appear\n", path);
	return -1;
}

static void set(const char *path, const char *value)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		printf("BENCH-ERROR %s: %s\n", path, strerror(errno));
	if (file >= 0)
		close(file);
}

static void tune_disk(void)
{
	set("/sys/block/vda/queue/scheduler", "none");
	set("/sys/block/vda/queue/iostats", "0");
	set("/sys/block/vda/queue/nomerges", "2");
}

/* Linux keeps its hands off huge pages below 512 MiB, and may be built without them. */
static void allow_huge_pages(void)
{
	if (access(HUGE_PAGES, F_OK) == 0)
		set(HUGE_PAGES, "always");
}

static void split(struct job *job)
{
	char *rest = job->copy;
	char *word;

	snprintf(job->copy, sizeof(job->copy), "%s", job->text);
	while (job->count < MAX_WORDS && (word = strsep(&rest, " ")) != NULL) {
		if (*word)
			job->words[job->count++] = word;
	}
}

static void run(const char *text, bool raw)
{
	struct job job = {.text = text, .raw = raw};
	struct result result = {0};
	int status;

	errno = 0;
	split(&job);
	if (job.count && strcmp(job.words[0], "blk") == 0) {
		status = job_blk(&job, &result);
	} else if (job.count && strcmp(job.words[0], "net") == 0) {
		status = job_net(&job, &result);
	} else {
		status = job_fails(&job, "no such job");
	}
	if (status == 0 && (!result.ns || !result.operations))
		status = job_fails(&job, "nothing was measured");
	if (status < 0)
		return;
	printf("BENCH %s ns=%llu per_s=%llu insn=0", text,
	       (unsigned long long)(result.ns / result.operations),
	       (unsigned long long)(result.operations * 1e9 / result.ns));
	if (result.lost)
		printf(" lost=%llu", (unsigned long long)result.lost);
	printf("\n");
}

static void run_all(char *jobs, bool raw)
{
	char *text;

	while ((text = strsep(&jobs, ";")) != NULL) {
		text += strspn(text, " ");
		if (*text)
			run(text, raw);
	}
}

int main(void)
{
	char *jobs = getenv("bench");
	const char *word = getenv("bench_tuned");
	int tuned = word ? atoi(word) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0 ||
	    mount("sys", "/sys", "sysfs", 0, NULL) < 0)
		printf("BENCH-ERROR mount: %s\n", strerror(errno));
	load_modules();
	if (wait_for("/dev/vda") == 0 && wait_for("/sys/class/net/eth0") == 0) {
		/* Kernel time; what counts is when this line reaches the host. */
		printf("BENCH boot n=1 ns=%llu per_s=0 insn=0\n", (unsigned long long)now_ns());
		if (tuned >= 1)
			tune_disk();
		if (tuned >= 2)
			allow_huge_pages();
		if (jobs)
			run_all(jobs, tuned >= 2);
	}
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
