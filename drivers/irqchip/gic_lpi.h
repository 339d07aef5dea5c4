/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPIs: the GICv3's interrupts that are messages and nothing else (ARM IHI 0069, 5.1). Their
 * configuration is a table in memory, a byte each, and so is which of them are pending. An ITS makes an
 * LPI of a device's event; here stands which ITS, device and event each of them belongs to.
 */
#ifndef DRIVERS_IRQCHIP_GIC_LPI_H
#define DRIVERS_IRQCHIP_GIC_LPI_H

#include "drivers/irqchip/gic_private.h"
#include "lib/msi.h"

struct its;

/*
 * Gives the redistributor @redist its tables and switches LPIs on. Returns 0, -ENODEV (this GIC has none),
 * -EBUSY (somebody has switched them on for good), -ENOMEM, -EIO (the tables were not taken).
 */
int gic_lpi_init(const struct gic_block *dist, const struct gic_block *redist);

/* LPIs for @count events of @device at @its from @first on, all disabled. 0 or -ENOSPC. */
int gic_lpi_take(struct its *its, uint32_t device, uint32_t first, unsigned int count, int irqs[]);

/* Gives them back. */
void gic_lpi_give(struct its *its, uint32_t device, uint32_t first, unsigned int count);

/* For the irq_chip: enables or disables an LPI. One that nobody has is left alone. */
void gic_lpi_enable(int irq, bool enable);

/* Whether @irq is an LPI that somebody has. */
bool gic_lpi_taken(int irq);

struct msi_usage gic_lpi_usage(void);

#endif
