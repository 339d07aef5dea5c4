/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reference devices as hardware beside the program: one thread is all devices, another is the CPU that takes
 * their interrupts. Registers are accessed under a lock of the hardware's (the linker puts it around mmio_read*() and
 * mmio_write*()), rings and buffers without any, as on a real machine; so this side is compiled without
 * ThreadSanitizer, which watches the driver's.
 */
#ifndef TESTS_THREADS_HARDWARE_H
#define TESTS_THREADS_HARDWARE_H

#include "tests/device/refdev.h"
#include "tests/device/refdev_types.h"

void hardware_start(void);
void hardware_stop(void);

/* While a test calls something of refdev*.h. */
void hardware_lock(void);
void hardware_unlock(void);

/* How many interrupts were taken until now. */
unsigned long hardware_interrupts(void);

#endif
