/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last words of a machine that cannot go on: the report of an exception, and panic(). Runs
 * on the fault stack, formats without the C library into a static line, and prints with
 * polling. Something that goes wrong while a report is printed ends the machine at once.
 */
#include "boot/boot.h"
#include "boot/fault.h"
#include "boot/image.h"
#include "lib/format.h"
#include "lib/irq.h"
#include "lib/tty.h"
#include <arch/cpu.h>

#define EXIT_FAULT 1

static const struct fault_stack stacks[] = {
	{"main stack", (uintptr_t)main_guard, (uintptr_t)main_stack_bottom,
	 (uintptr_t)main_stack_top},
	{"IRQ stack", (uintptr_t)irq_guard, (uintptr_t)irq_stack_bottom, (uintptr_t)irq_stack_top},
	{"fault stack", (uintptr_t)fault_guard, (uintptr_t)fault_stack_bottom,
	 (uintptr_t)fault_stack_top},
};

/* How many reports have begun; above one, the report itself is at fault. */
static unsigned int reports;

/* Static rather than on the fault stack. What panic() was told stays, for a debugger. */
static char line[200];
static char panic_message[160];

void fault_print(const char *fmt, ...)
{
	struct tty *tty = tty_system();
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = format_text(line, sizeof(line) - 2, fmt, args);
	va_end(args);
	len = MIN(len, sizeof(line) - 3);
	line[len++] = '\r';
	line[len++] = '\n';
	if (tty && tty->write_panic)
		tty->write_panic(tty, line, len);
}

const char *fault_status_name(unsigned int status)
{
	switch (status & 0x3c) {
	case 0x00:
		return "address size fault";
	case 0x04:
		return "translation fault (nothing is mapped there)";
	case 0x08:
		return "access flag fault";
	case 0x0c:
		return "permission fault";
	case 0x14:
		return "external abort on a table walk";
	case 0x1c:
		return "parity error on a table walk";
	}
	switch (status) {
	case 0x10:
		return "external abort (no device answers there)";
	case 0x11:
		return "asynchronous external abort";
	case 0x18:
		return "parity error";
	case 0x21:
		return "alignment fault";
	case 0x22:
		return "debug event";
	case 0x30:
		return "TLB conflict";
	}
	return "unknown status";
}

const struct fault_stack *fault_stack_of(uintptr_t sp)
{
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		if (sp >= stacks[i].bottom && sp < stacks[i].top)
			return &stacks[i];
	return NULL;
}

static const struct fault_stack *stack_guarded_by(uintptr_t address)
{
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		if (address >= stacks[i].guard && address < stacks[i].bottom)
			return &stacks[i];
	return NULL;
}

bool fault_is_code(uintptr_t address)
{
	return address >= (uintptr_t)image_start && address < (uintptr_t)text_end;
}

void fault_print_caller(unsigned int index, uintptr_t pc)
{
	fault_print("  #%-2u 0x%0*zx", index, 2 * (int)sizeof(pc), (size_t)pc);
}

static void print_cause(const struct fault_info *info)
{
	const struct fault_stack *overflown;

	fault_print("%s", "");
	fault_print("*** %s%s%s", info->cause, info->detail ? ": " : "",
		    info->detail ? info->detail : "");
	fault_print("pc       0x%0*zx%s", 2 * (int)sizeof(info->pc), (size_t)info->pc,
		    in_interrupt() ? " (in an interrupt handler)" : "");
	if (info->has_address) {
		fault_print("address  0x%0*zx (%s)", 2 * (int)sizeof(info->address),
			    (size_t)info->address, info->access);
		overflown = stack_guarded_by(info->address);
		if (overflown)
			fault_print("The %s has overflowed: that is its guard page.",
				    overflown->name);
	}
	fault_print("syndrome 0x%08x", (unsigned int)info->syndrome);
}

/* The second report is the fault of the first. The third is that of ending: nothing helps. */
static void begin_report(void)
{
	reports++;
	if (reports == 2)
		machine_exit(EXIT_FAULT);
	while (reports > 2)
		wait_for_interrupt();
}

void fault_exception(struct fault_frame *frame)
{
	static struct fault_info info;

	if (fault_fixup(frame))
		return;
	begin_report();
	fault_decode(frame, &info);
	print_cause(&info);
	fault_print_registers(frame);
	fault_print("backtrace:");
	fault_print_caller(0, info.pc);
	fault_print_backtrace(frame);
	machine_exit(EXIT_FAULT);
}

void panic(const char *fmt, ...)
{
	va_list args;

	irq_save();
	begin_report();
	va_start(args, fmt);
	format_text(panic_message, sizeof(panic_message), fmt, args);
	va_end(args);
	fault_print("%s", "");
	fault_print("*** panic: %s", panic_message);
	fault_print("backtrace:");
	fault_print_backtrace(NULL);
	machine_exit(EXIT_FAULT);
}
