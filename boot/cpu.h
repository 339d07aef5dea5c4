/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What <arch>/ tells boot.c of the way the image was started, and the calls out of the
 * image: to firmware, to the secure monitor of <arch>/monitor.S, to a debugger.
 */
#ifndef BOOT_CPU_H
#define BOOT_CPU_H

#include "lib/util.h"

/* Set by start.S, an index into boot_mode_names. boot_mode_secure: the monitor is ours. */
extern unsigned int boot_mode;
extern const char *const boot_mode_names[];
extern const unsigned int boot_mode_secure;

/* SMC and HVC with the calling convention of ARM DEN 0028; each returns the first result. */
long smc_call(unsigned long function, unsigned long arg1, unsigned long arg2);
long hvc_call(unsigned long function, unsigned long arg1, unsigned long arg2);

/* The only function of our monitor: stores the word arg2 at the physical address arg1. */
#define MONITOR_WRITE32 0x83000001u

/*
 * Semihosting call @op. Returns -1 where it is not enabled: then its instruction, at
 * semihosting_trap, is undefined, and the exception handler steps over it.
 */
long semihosting_call(unsigned long op, const void *arg);
extern const char semihosting_trap[];

#endif
