/* SPDX-License-Identifier: BSD-2-Clause */
/* Which GIC the machine has. */
#include <errno.h>
#include "drivers/irqchip/gic.h"
#include "drivers/irqchip/gic_private.h"
#include "lib/devicetree.h"

int gic_init(void)
{
	static const struct {
		const char *compatible;
		int (*init)(int node);
	} versions[] = {
		{"arm,gic-v3", gic_v3_init},
		{"arm,cortex-a15-gic", gic_v2_init},
		{"arm,gic-400", gic_v2_init},
		{"arm,cortex-a7-gic", gic_v2_init},
	};

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		int node = dt_find_compatible(-1, versions[i].compatible);

		if (node >= 0)
			return versions[i].init(node);
	}
	return -ENODEV;
}
