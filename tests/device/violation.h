/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breaches of a rule that the simulated machine has seen: by the driver against the specification,
 * or against the contract of the port. They are recorded where they happen, so that the code
 * under test runs on as it would on a real machine; a test's teardown fails when there are any.
 */
#ifndef TESTS_DEVICE_VIOLATION_H
#define TESTS_DEVICE_VIOLATION_H

#include "lib/util.h"

/* Records one breach, and prints it. */
void violation(const char *fmt, ...) __printf(1, 2);

/* How many there were, and the text of the first ("" for none). */
unsigned int violation_count(void);
const char *violation_first(void);

/* Whether any of the last ones contains @text: for tests that provoke one. */
bool violation_seen(const char *text);

/* Forgets all. */
void violation_reset(void);

/* Provoked breaches are not printed. */
void violation_quiet(bool quiet);

#endif
