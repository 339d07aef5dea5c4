/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports of a machine that cannot go on. fault.c is the common part; <arch>/fault_decode.c knows
 * the registers and the stack.
 */
#ifndef BOOT_FAULT_H
#define BOOT_FAULT_H

#include "lib/util.h"

struct fault_frame;

/* What an exception was, in words. Strings are static; NULL where there is nothing to say. */
struct fault_info {
	const char *cause;
	const char *detail;
	const char *access; /* "read", "write" or "fetch" */
	bool has_address;
	uintptr_t address;
	uintptr_t pc;
	uint32_t syndrome; /* ESR, DFSR or IFSR */
};

/* Called by vectors.S for all but interrupts. Returns only if @frame tells how to go on. */
void fault_exception(struct fault_frame *frame);

/* Prints one line (without its end) to the panicking terminal, if there is one. */
void fault_print(const char *fmt, ...) __printf(1, 2);

/* The words for the status field of a long-descriptor fault, the same on both architectures. */
const char *fault_status_name(unsigned int status);

/* One of the three stacks. */
struct fault_stack {
	const char *name;
	uintptr_t guard, bottom, top;
};

/* The stack that holds @sp (its guard page does not count), or NULL. */
const struct fault_stack *fault_stack_of(uintptr_t sp);

/* Whether @address lies in the image's code. */
bool fault_is_code(uintptr_t address);

/* Prints entry @index of a backtrace. */
void fault_print_caller(unsigned int index, uintptr_t pc);

#define FAULT_BACKTRACE_MAX 24

/* --- <arch>/fault_decode.c --------------------------------------------------------------- */

/* If the exception has a known fix, changes @frame so that it can be returned to. */
bool fault_fixup(struct fault_frame *frame);

void fault_decode(const struct fault_frame *frame, struct fault_info *info);
void fault_print_registers(const struct fault_frame *frame);

/* The callers of the interrupted place, or, for NULL, of this function. */
void fault_print_backtrace(const struct fault_frame *frame);

#endif
