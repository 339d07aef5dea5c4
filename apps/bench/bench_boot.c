/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench boot: when each step of the boot was over, in ns since reset, by the generic timer's counter; how many
 * instructions it took since the first line of C, by the PMU; and how long ago the devices were ready.
 */
#include <inttypes.h>
#include "apps/bench/bench.h"
#include "lib/machine.h"
#include "lib/timer.h"

/* 0 where the step has not come. */
static uint64_t mark_ns(enum machine_mark mark)
{
	return machine_marks[mark] ? clock_ticks_to_ns(machine_marks[mark] - boot_ticks) : 0;
}

/* @reset itself counts from the counter's 0, which QEMU sets when the machine starts. */
int bench_boot(struct shell *sh, int argc, char **argv)
{
	static const char *const names[MACHINE_MARKS] = {"c", "mmu", "devices", "prompt"};

	uint64_t since = clock_ns() - mark_ns(MACHINE_MARK_DEVICES);

	(void)argc;
	(void)argv;
	sh_printf(sh, "BENCH boot ns=%" PRIu64 " reset=%" PRIu64, mark_ns(MACHINE_MARK_PROMPT),
		  clock_ticks_to_ns(boot_ticks));
	for (unsigned int i = 0; i < MACHINE_MARKS; i++)
		sh_printf(sh, " %s=%" PRIu64, names[i], mark_ns((enum machine_mark)i));
	sh_printf(sh, " insn=%" PRIu64, machine_mark_insn[MACHINE_MARK_PROMPT]);
	for (unsigned int i = MACHINE_MARK_MMU; i < MACHINE_MARK_PROMPT; i++)
		sh_printf(sh, " insn_%s=%" PRIu64, names[i], machine_mark_insn[i]);
	sh_printf(sh, " since=%" PRIu64 "\n", since);
	return 0;
}
