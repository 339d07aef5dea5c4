/* SPDX-License-Identifier: BSD-2-Clause */
/* The image's entry, its jobs out of the boot arguments, and what is measured around a job. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arch/pmu.h>
#include "apps/shell/parse.h"
#include "boot/boot.h"
#include "drivers/irqchip/gic.h"
#include "drivers/serial/pl011.h"
#include "drivers/timer/arch_timer.h"
#include "lib/bootargs.h"
#include "lib/devicetree.h"
#include "lib/machine.h"
#include "lib/timer.h"
#include "tests/bench/floor/floor.h"
#include "virtio/wire/virtio.h"

#define WORDS_MAX  12u
#define TEXT_MAX   128u
#define DEPTH_MAX  4096u
#define COUNT_MAX  1000000000u
#define BYTES_MAX  (1u << 20)
#define LIMIT_NS   (10 * NSEC_PER_SEC)
#define REQUEST_NS NSEC_PER_MSEC /* more for each request */

static struct {
	bool count_insn;
	uint64_t start_ns, ns, insn;
	unsigned long irq_state;
	uint64_t deadline;
	struct timer watchdog;
} measure;

static _Noreturn void no_answer(void)
{
	panic("the device does not answer");
}

static void watchdog(struct timer *timer)
{
	(void)timer;
	no_answer();
}

void floor_look_at_clock(void)
{
	if (deadline_passed(measure.deadline))
		no_answer();
}

uint32_t floor_features(const struct job *job)
{
	return job->wait != WAIT_POLL && job->depth > 1 ? BIT(VIRTIO_F_EVENT_IDX) : 0;
}

/* While a job polls, interrupts are on for the timer's sake. While one sleeps the timer wakes it,
 * and it looks at the clock. */
void floor_begin(const struct job *job)
{
	measure.deadline = deadline_after(LIMIT_NS + job->count * REQUEST_NS);
	timer_init(&measure.watchdog, watchdog);
	timer_start(&measure.watchdog, measure.deadline);
	measure.irq_state = irq_save();
	measure.count_insn = pmu_insn_available();
	if (job->wait == WAIT_POLL)
		irq_enable();
	measure.start_ns = clock_ns();
	if (measure.count_insn)
		pmu_insn_start();
}

void floor_end(void)
{
	measure.insn = measure.count_insn ? pmu_insn_read() : 0;
	measure.ns = clock_ns() - measure.start_ns;
	irq_restore(measure.irq_state);
	timer_cancel(&measure.watchdog);
}

void floor_report(const struct job *job, const char *more, ...)
{
	uint64_t rate = measure.ns ? job->count * NSEC_PER_SEC / measure.ns : 0;
	va_list args;

	printf("BENCH %s ns=%" PRIu64 " per_s=%" PRIu64 " insn=%" PRIu64 " ", job->text,
	       measure.ns / job->count, rate, measure.insn);
	va_start(args, more);
	vprintf(more, args);
	va_end(args);
	printf("\n");
}

/* The value of NAME=... among @words, or NULL. */
static const char *option(char *const words[], const char *name)
{
	size_t len = strlen(name);

	for (; *words; words++) {
		if (strncmp(*words, name, len) == 0 && (*words)[len] == '=')
			return *words + len + 1;
	}
	return NULL;
}

static uint64_t number(const struct job *job, const char *text, uint64_t max)
{
	uint64_t value;

	if (!text || parse_u64(text, max, &value))
		panic("%s: '%s' is no number up to %" PRIu64, job->text, text ? text : "", max);
	return value;
}

static uint64_t number_option(const struct job *job, char *const words[], const char *name,
			      uint64_t max, uint64_t fallback)
{
	const char *text = option(words, name);

	return text ? number(job, text, max) : fallback;
}

static enum wait wait_option(const struct job *job, char *const words[])
{
	static const char *const names[] = {
		[WAIT_POLL] = "poll",
		[WAIT_WFI] = "wfi",
		[WAIT_PEND] = "pend",
	};
	const char *text = option(words, "wait");

	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum wait)i;
	}
	if (text)
		panic("%s: wait=%s is unknown", job->text, text);
	return WAIT_POLL;
}

static void read_options(struct job *job, char *const words[])
{
	const char *depth = option(words, "batch") ? "batch" : "qd";

	job->depth = (unsigned int)number_option(job, words, depth, DEPTH_MAX, 1);
	job->count = number_option(job, words, "n", COUNT_MAX, 1000);
	job->wait = wait_option(job, words);
	if (!job->depth || !job->count || job->count % job->depth)
		panic("%s: n is no multiple of the depth", job->text);
}

/* @words: NULL behind the last. */
static bool run_blk(struct job *job, char *const words[], int count)
{
	if (count < 5 || strcmp(words[2], "r") != 0)
		return false;
	job->random = strcmp(words[3], "rand") == 0;
	if (!job->random && strcmp(words[3], "seq") != 0)
		return false;
	job->device = (unsigned int)number(job, words[1], UINT8_MAX);
	job->bytes = (uint32_t)number(job, words[4], BYTES_MAX);
	read_options(job, words + 5);
	blk_run(job);
	return true;
}

static bool run_net(struct job *job, char *const words[], int count)
{
	bool tx = count >= 4 && strcmp(words[2], "tx") == 0;

	if (!tx && (count < 4 || strcmp(words[2], "rtt") != 0))
		return false;
	job->device = (unsigned int)number(job, words[1], UINT8_MAX);
	job->bytes = (uint32_t)number(job, words[3], BYTES_MAX);
	read_options(job, words + 4);
	if (tx)
		net_run_tx(job);
	else
		net_run_rtt(job);
	return true;
}

static void run_job(const char *text)
{
	char line[TEXT_MAX], *words[WORDS_MAX + 1] = {NULL};
	struct job job = {.text = text};
	bool known = false;
	int count;

	if (strlen(text) >= sizeof(line))
		panic("%s: too long", text);
	strcpy(line, text);
	count = parse_words(line, words, WORDS_MAX);
	if (count > 0 && strcmp(words[0], "blk") == 0)
		known = run_blk(&job, words, count);
	else if (count > 0 && strcmp(words[0], "net") == 0)
		known = run_net(&job, words, count);
	if (!known)
		panic("%s: unknown, see tests/bench/floor/floor.h", text);
	floor_free_all();
}

static void init_board(void)
{
	if (pl011_init())
		panic("no terminal");
	if (gic_init() || arch_timer_init())
		panic("no interrupt controller, or no timer");
}

/* With interrupts masked, which they stay but where a job polls. */
int image_main(void)
{
	const char *text;

	if (bootargs_init(dt_bootargs()))
		panic("the boot arguments are too long");
	init_board();
	for (unsigned int i = 0; (text = bootargs_command(i)) != NULL; i++) {
		if (strcmp(text, "poweroff") == 0)
			machine_poweroff();
		run_job(text);
	}
	return 0;
}
