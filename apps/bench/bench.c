/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting, see bench.h. Instructions are the PMU's INST_RETIRED, which QEMU counts under -icount; they
 * are this CPU's alone, and sleep costs none.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <arch/pmu.h>
#include "apps/bench/bench.h"
#include "lib/irq.h"
#include "lib/timer.h"
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_pci.h"

static struct bench_figures read_figures(const struct bench *bench)
{
	struct bench_figures now = {
		.irq = bench->vdev ? irq_get_stats(bench->vdev->irq).count : irq_taken_count(),
		.mmio = virtio_access_count(app_bus) + irq_chip_access_count(),
	};
	struct virtqueue *vq;

	if (bench->vdev) {
		list_for_each_entry (vq, &bench->vdev->vqs, list)
			now.notify += virtqueue_get_stats(vq).notified;
	}
	now.ns = port_now_ns();
	now.insn = bench->insn_counted ? pmu_insn_read() : 0;
	return now;
}

void bench_begin(struct bench *bench, struct shell *sh, struct virtio_device *vdev)
{
	bench->sh = sh;
	bench->vdev = vdev;
	/* Output that is still on its way would be counted. */
	sh_drain(sh);
	/* Asked once: to ask may begin a new count. */
	bench->insn_counted = pmu_insn_available();
	if (bench->insn_counted)
		pmu_insn_start();
	bench->start = read_figures(bench);
}

/* A quotient with two decimals, without floating point. */
static void print_each(struct shell *sh, const char *name, uint64_t total, uint64_t n)
{
	sh_printf(sh, " %s=%" PRIu64 ".%02u", name, total / n, (unsigned int)(total % n * 100 / n));
}

void bench_end(const struct bench *bench, uint64_t n, int argc, char **argv)
{
	bench_end_with(bench, n, argc, argv, "");
}

void bench_end_with(const struct bench *bench, uint64_t n, int argc, char **argv, const char *more)
{
	struct bench_figures end = read_figures(bench);
	uint64_t ns = end.ns - bench->start.ns;
	struct shell *sh = bench->sh;

	sh_puts(sh, "BENCH");
	for (int i = 0; i < argc; i++)
		sh_printf(sh, " %s", argv[i]);
	sh_printf(sh, " ns=%" PRIu64 " per_s=%" PRIu64, ns / n,
		  ns ? (uint64_t)(n * NSEC_PER_SEC / ns) : 0);
	print_each(sh, "insn", end.insn - bench->start.insn, n);
	print_each(sh, "notify", end.notify - bench->start.notify, n);
	print_each(sh, "irq", end.irq - bench->start.irq, n);
	print_each(sh, "mmio", end.mmio - bench->start.mmio, n);
	sh_printf(sh, "%s\n", more);
}

const char *const bench_waits[] = {[BENCH_WAIT_WFI] = "wfi", [BENCH_WAIT_POLL] = "poll", NULL};

static int bad_option(struct shell *sh, const char *word)
{
	return sh_error(sh, -EINVAL, "%s: no such option, or out of range", word);
}

/* Takes @text as the value of @option. */
static int set_option(struct shell *sh, struct bench_option *option, const char *text)
{
	if (!option->words) {
		int err = sh_number(sh, option->name, text, option->max, &option->value);

		return err ? err : option->value < option->min ? bad_option(sh, text) : 0;
	}
	for (unsigned int i = 0; option->words[i]; i++) {
		if (strcmp(option->words[i], text) == 0) {
			option->value = i;
			return 0;
		}
	}
	return bad_option(sh, text);
}

int bench_options(struct shell *sh, struct bench_option *options, int first, int argc, char **argv)
{
	for (int i = first; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		struct bench_option *option = options;
		int err;

		while (equals && option->name &&
		       (strncmp(option->name, argv[i], (size_t)(equals - argv[i])) != 0 ||
			option->name[equals - argv[i]] != '\0'))
			option++;
		if (!equals || !option->name)
			return bad_option(sh, argv[i]);
		err = set_option(sh, option, equals + 1);
		if (err)
			return err;
	}
	return 0;
}

int bench_device(struct shell *sh, uint32_t device_id, struct bench_option *options, int first,
		 int argc, char **argv)
{
	int number = command_device(sh, device_id, argv[1]);
	int err = number < 0 ? number : bench_options(sh, options, first, argc, argv);

	return err ? err : number;
}

const struct command bench_commands[] = {
	{"bench blk", "N r|w rand|seq BYTES [qd=N] [n=N] [wait=wfi|poll]", "a disk's request", 4,
	 SHELL_ARGS_MAX, bench_blk},
	{"bench net", "N tx|rtt|rx BYTES [batch=N] [n=N]", "a frame, a UDP round trip", 3,
	 SHELL_ARGS_MAX, bench_net},
	{"bench rng", "N BYTES [n=N]", "a read of entropy", 2, SHELL_ARGS_MAX, bench_rng},
	{"bench con", "N BYTES [n=N] [wait=wfi|poll] [dir=tx|rx]", "a console's write or read", 2,
	 SHELL_ARGS_MAX, bench_con},
	{"bench irq", "[n=N] [wait=wfi|poll]", "from a timer's deadline to its handler", 0,
	 SHELL_ARGS_MAX, bench_irq},
	{"bench boot", "", "from reset to the first command", 0, 0, bench_boot},
	{0},
};
