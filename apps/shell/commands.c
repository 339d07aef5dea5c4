/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From words to a command: look it up, check the number of arguments, call it. Commands of two
 * words ("blk read") stand in the tables like all others, so that help and usage are made from
 * one place.
 */
#include <errno.h>
#include <string.h>
#include "apps/shell/commands.h"
#include "lib/reclaim.h"

struct virtio_bus *app_bus;

/* How many of the words name @command: 0, 1 or 2. @prefix is set where the first word fits but the
 * second does not. */
static int match(const struct command *command, int argc, char **argv, bool *prefix)
{
	size_t first = strcspn(command->name, " ");
	const char *second = command->name + first;

	if (strlen(argv[0]) != first || memcmp(command->name, argv[0], first) != 0)
		return 0;
	if (*second == '\0')
		return 1;
	*prefix = true;
	return argc > 1 && strcmp(second + 1, argv[1]) == 0 ? 2 : 0;
}

static const struct command *find(int argc, char **argv, int *words, bool *prefix)
{
	for (unsigned int i = 0; command_tables[i]; i++) {
		for (const struct command *command = command_tables[i]; command->name; command++) {
			*words = match(command, argc, argv, prefix);
			if (*words > 0)
				return command;
		}
	}
	return NULL;
}

static int not_found(struct shell *sh, int argc, char **argv, bool prefix)
{
	if (prefix && argc > 1)
		return sh_error_as(sh, -ENOENT, argv[0], "unknown command %s (try help)", argv[1]);
	if (prefix)
		return sh_error_as(sh, -EINVAL, argv[0], "incomplete command (try help)");
	return sh_error_as(sh, -ENOENT, argv[0], "unknown command (try help)");
}

int command_run(struct shell *sh, int argc, char **argv)
{
	const struct command *command;
	unsigned int args;
	bool prefix = false;
	int words = 0, err;

	command = find(argc, argv, &words, &prefix);
	if (!command)
		return not_found(sh, argc, argv, prefix);
	args = (unsigned int)(argc - words);
	if (args < command->min_args || args > command->max_args) {
		sh_printf(sh, "usage: %s%s%s\n", command->name, *command->args ? " " : "",
			  command->args);
		return -EINVAL;
	}
	sh->command = command;
	/* A device may be removed while a command that uses it waits. */
	reclaim_hold();
	err = command->run(sh, argc - words + 1, argv + words - 1);
	reclaim_release();
	sh->command = NULL;
	return err;
}

void command_for_each(void (*visit)(struct shell *sh, const struct command *command),
		      struct shell *sh)
{
	for (unsigned int i = 0; command_tables[i]; i++) {
		for (const struct command *command = command_tables[i]; command->name; command++)
			visit(sh, command);
	}
}

/* The first word of the command that runs: "blk" for "blk read". */
static void command_subject(struct shell *sh, char subject[16])
{
	size_t len = MIN(strcspn(sh->command->name, " "), (size_t)15);

	memcpy(subject, sh->command->name, len);
	subject[len] = '\0';
}

static unsigned int count_devices(uint32_t device_id)
{
	const struct virtio_device *vdev;
	unsigned int count = 0;

	virtio_for_each_device (vdev, app_bus)
		count += vdev->id.device == device_id;
	return count;
}

int command_device(struct shell *sh, uint32_t device_id, const char *number)
{
	const char *type = virtio_device_type_name(device_id);
	struct virtio_device *vdev;
	char subject[16];
	uint64_t n;

	if (sh_number(sh, "device", number, INT32_MAX, &n) != 0)
		return -EINVAL;
	command_subject(sh, subject);
	vdev = virtio_find_device(app_bus, device_id, (unsigned int)n);
	if (!vdev)
		return sh_error_as(sh, -ENODEV, subject, "no %s device %u (%u present)", type,
				   (unsigned int)n, count_devices(device_id));
	if (vdev->state != VIRTIO_STATE_LIVE)
		return sh_error_as(sh, -ENODEV, subject, "%s device %u does not work (%s: %s)",
				   type, (unsigned int)n, virtio_state_name(vdev->state),
				   vdev->error ? sh_strerror(vdev->error) : "no driver");
	return (int)n;
}
