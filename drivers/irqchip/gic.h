/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm's Generic Interrupt Controller, version 2 (memory-mapped CPU interface) and version 3
 * (redistributors and system registers). One CPU, group 1 or the only group there is, one
 * priority for all lines. What the two versions share stands in gic.c.
 *
 *	-M virt,gic-version=2 | 3 [,secure=on]
 */
#ifndef DRIVERS_IRQCHIP_GIC_H
#define DRIVERS_IRQCHIP_GIC_H

/*
 * Finds the controller in the device tree, masks and forgets all that is pending, and registers it with
 * lib/irq.h. Thread context, IRQs masked. Returns 0; -ENODEV (none in the tree), -EINVAL (its node is
 * malformed, or it has no place for this CPU), -ENOMEM (registers could not be mapped).
 */
int gic_init(void);

#endif
