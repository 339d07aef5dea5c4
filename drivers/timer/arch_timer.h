/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm's generic timer as the clock of lib/timer.h: the virtual counter and its comparator.
 */
#ifndef DRIVERS_TIMER_ARCH_TIMER_H
#define DRIVERS_TIMER_ARCH_TIMER_H

/*
 * Finds the timer in the device tree, makes it the clock, and requests its interrupt. After the
 * interrupt controller. Thread context. Returns 0; -ENODEV (none in the tree), -EINVAL (its node
 * is malformed, or its frequency is unknown), or what request_irq() returned.
 */
int arch_timer_init(void);

#endif
