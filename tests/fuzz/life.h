/* SPDX-License-Identifier: BSD-2-Clause */
/* For targets that are about the transport: all drivers, and a step of the life of whichever there is. */
#ifndef TESTS_FUZZ_LIFE_H
#define TESTS_FUZZ_LIFE_H

/* Makes the drivers known. Once. */
void life_init(void);

/* A call of the driver, time that passes, or a step of the device, as the input says. */
void life_step(void);

#endif
