/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults on purpose, to see that the machine reports them. */
#ifndef APPS_SHELL_FAULT_H
#define APPS_SHELL_FAULT_H

/*
 * Does what must not be done: "null" writes to address 0, "stack" runs over the end of the stack,
 * "text" writes into code, "exec" runs data, "undef" runs an undefined instruction. Returns
 * -EINVAL for another @kind, and 0 where nothing happened, which it should not.
 */
int fault_provoke(const char *kind);

#endif
