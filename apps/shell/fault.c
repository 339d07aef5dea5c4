/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each fault is provoked by the real thing, through the memory map that protects all the rest of the
 * image. Addresses pass through volatile variables, for a compiler that can see what we
 * are up to may make something else of it.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include "apps/shell/fault.h"
#include "lib/util.h"

static void write_to(volatile uintptr_t address)
{
	/* cppcheck-suppress nullPointer */
	*(volatile uint32_t *)address = 0x56495245;
}

static void write_null(void)
{
	write_to(0);
}

static void write_text(void)
{
	write_to((uintptr_t)write_null & ~(uintptr_t)3);
}

static void overflow_stack(void)
{
	/* The pointer is read again each time, so the compiler cannot make a loop of it. */
	static void (*volatile again)(void) = overflow_stack;
	volatile char frame[256];

	frame[0] = 1;
	again();
	frame[1] = frame[0];
}

static void execute_data(void)
{
	static uint32_t data[16];
	volatile uintptr_t address = (uintptr_t)data;

	((void (*)(void))address)();
}

static void execute_undefined(void)
{
	__asm__ volatile("udf #0");
}

int fault_provoke(const char *kind)
{
	static const struct {
		const char *kind;
		void (*provoke)(void);
	} faults[] = {
		{"null", write_null},	{"stack", overflow_stack},    {"text", write_text},
		{"exec", execute_data}, {"undef", execute_undefined},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(kind, faults[i].kind) == 0) {
			faults[i].provoke();
			return 0;
		}
	}
	return -EINVAL;
}
