/* SPDX-License-Identifier: BSD-2-Clause */
/* The command of consoles: a line of text to another terminal. */
#include <errno.h>
#include "apps/shell/commands.h"
#include "drivers/virtio/virtio_console.h"

#define TIMEOUT_NS (5 * NSEC_PER_SEC)

static struct virtio_console *find_console(struct shell *sh, const char *number)
{
	int n = command_device(sh, VIRTIO_ID_CONSOLE, number);

	return n < 0 ? NULL : virtio_console_find(app_bus, (unsigned int)n);
}

static int con(struct shell *sh, int argc, char **argv)
{
	struct virtio_console *console = find_console(sh, argv[1]);
	char text[SHELL_COMMAND_MAX];
	int len, err;

	if (!console)
		return -ENODEV;
	len = sh_join(text, sizeof(text), argc - 2, argv + 2);
	if (len < 0)
		return sh_error(sh, len, "the text is too long");
	text[len++] = '\n'; /* in place of the NUL */
	err = virtio_console_write(console, text, (size_t)len, TIMEOUT_NS);
	return err ? sh_error(sh, err, "%s", sh_strerror(err)) : 0;
}

const struct command con_commands[] = {
	{"con", "N TEXT", "writes a line to console N", 2, SHELL_ARGS_MAX, con},
	{NULL, NULL, NULL, 0, 0, NULL},
};
