/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to stop; see power.c. The calls themselves are in lib/machine.h. */
#ifndef BOOT_POWER_H
#define BOOT_POWER_H

/* Finds in the device tree what machine_poweroff() will use. Once, after dt_init(). */
void power_init(void);

#endif
