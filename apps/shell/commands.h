/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands. Each cmd_*.c holds the commands of one subject in an array that ends with
 * an entry without a name; a new subject adds its array here and in tables.c, which says what the shell
 * image has. Another image has a list of its own instead.
 */
#ifndef APPS_SHELL_COMMANDS_H
#define APPS_SHELL_COMMANDS_H

#include "apps/shell/shell.h"
#include "virtio/virtio.h"

/* The devices that commands are about. The image's main() sets it. */
extern struct virtio_bus *app_bus;

/* The image's arrays, and NULL. */
extern const struct command *const command_tables[];

extern const struct command basic_commands[];
extern const struct command system_commands[];
extern const struct command irq_commands[];
extern const struct command iommu_commands[];
extern const struct command virtio_commands[];
extern const struct command pci_commands[];
extern const struct command blk_commands[];
extern const struct command net_commands[];
extern const struct command rng_commands[];
extern const struct command con_commands[];
extern const struct command bench_commands[];

/* Finds the command that argv[0..argc-1] (argc above 0) names and runs it. 0 or a negative errno,
 * after the error was printed. */
int command_run(struct shell *sh, int argc, char **argv);

/* Calls @visit for every command. */
void command_for_each(void (*visit)(struct shell *sh, const struct command *command),
		      struct shell *sh);

/*
 * The number, from 0, of the device that @number names among those of type @device_id, in the order
 * of lsdev. It has a working driver. -ENODEV or -EINVAL after the error was printed.
 */
int command_device(struct shell *sh, uint32_t device_id, const char *number);

/* Reads the boot options ip= and gw=, and complains about bad ones on @sh. At start, once. */
void net_read_options(struct shell *sh);

#endif
