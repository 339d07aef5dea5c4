/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the shell image, in the order of help. */
#include "apps/shell/commands.h"

const struct command *const command_tables[] = {
	basic_commands,	 system_commands, iommu_commands, irq_commands,
	virtio_commands, pci_commands,	  blk_commands,	  net_commands,
	rng_commands,	 con_commands,	  bench_commands, NULL,
};
