/* SPDX-License-Identifier: BSD-2-Clause */
/* On the host the generic timer's counter is simulated: the test that links port_time.c provides these. */
#ifndef ARCH_COUNTER_H
#define ARCH_COUNTER_H

#include <stdint.h>

uint64_t counter_read(void);
uint32_t counter_frequency(void);

#endif
