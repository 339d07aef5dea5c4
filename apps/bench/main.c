/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bench image: the commands `bench ...` and nothing else. It runs those of the boot arguments, prints their
 * lines on the serial port, and ends:
 *
 *	-kernel bench.elf -append 'bench blk 0 r rand 4096 qd=32 n=100000; poweroff'
 *
 * Its status is 1 where one of them failed, and where there is none.
 */
#include <errno.h>
#include "apps/shell/commands.h"
#include "lib/bootargs.h"
#include "lib/machine.h"

#define STALL_NS (2 * NSEC_PER_SEC)

const struct command *const command_tables[] = {basic_commands, bench_commands, NULL};

static struct shell sh;

static void report_unknown(const char *name, const char *value)
{
	(void)sh_error_as(&sh, 0, "boot option", "%s=%s is unknown", name, value);
}

/* All of them, also after one that failed. Returns the first error, or 0. */
static int run_boot_commands(void)
{
	const char *text;
	int err, first = 0;

	for (unsigned int i = 0; (text = bootargs_command(i)) != NULL; i++) {
		err = shell_run(&sh, text);
		if (!first)
			first = err;
	}
	if (!bootargs_command(0))
		return sh_error_as(&sh, -ENOENT, "bench",
				   "no boot arguments (-append 'bench blk 0 r rand 4096')");
	return first;
}

int main(struct virtio_bus *bus)
{
	struct tty *serial = tty_system();
	int err;

	app_bus = bus;
	if (!serial)
		panic("no terminal for the figures");
	shell_init(&sh, serial, STALL_NS);
	bootargs_unknown(report_unknown);
	machine_set_mark(MACHINE_MARK_PROMPT);
	err = run_boot_commands();
	sh_drain(&sh);
	return err ? 1 : 0;
}
