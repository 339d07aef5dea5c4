/* SPDX-License-Identifier: BSD-2-Clause */
/* What every image has: the list of its commands, and the ways to end the machine. */
#include <string.h>
#include "apps/shell/commands.h"
#include "lib/machine.h"

#define NAME_COLUMNS 34u

static void print_help(struct shell *sh, const struct command *command)
{
	size_t used = strlen(command->name) + 1 + strlen(command->args);

	sh_printf(sh, "%s %s%*s  %s\n", command->name, command->args,
		  (int)(used < NAME_COLUMNS ? NAME_COLUMNS - used : 0), "", command->help);
}

static int help(struct shell *sh, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	command_for_each(print_help, sh);
	return 0;
}

static int poweroff(struct shell *sh, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	sh_drain(sh);
	machine_poweroff();
}

static int exit_command(struct shell *sh, int argc, char **argv)
{
	uint64_t status;
	int err = sh_number(sh, "status", argv[1], 255, &status);

	(void)argc;
	if (err)
		return err;
	sh_drain(sh);
	machine_exit((int)status);
}

const struct command basic_commands[] = {
	{"help", "", "lists the commands", 0, 0, help},
	{"poweroff", "", "switches the machine off", 0, 0, poweroff},
	{"exit", "STATUS", "ends QEMU with a status (semihosting)", 1, 1, exit_command},
	{NULL, NULL, NULL, 0, 0, NULL},
};
