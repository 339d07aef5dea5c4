/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exception on AArch64 was: the class and syndrome of ESR_EL1 in words, the registers, and
 * the callers by the chain of frame records (x29), which ends at zero. The chain is followed only
 * within our stacks; from the IRQ stack it may lead to the interrupted one.
 */
#include "boot/aarch64/frame.h"
#include "boot/cpu.h"
#include "boot/fault.h"

#define ESR_CLASS_SHIFT	   26
#define ESR_CLASS_MASK	   0x3f
#define ESR_STATUS_MASK	   0x3f
#define ESR_WRITE	   BIT(6)
#define ESR_FAR_NOT_VALID  BIT(10)
#define EC_UNKNOWN	   0x00
#define EC_FETCH_LOWER	   0x20
#define EC_FETCH	   0x21
#define EC_PC_ALIGNMENT	   0x22
#define EC_DATA_LOWER	   0x24
#define EC_DATA		   0x25
#define INSTRUCTION_SIZE   4
#define SEMIHOSTING_FAILED (~0ull)

static const struct {
	uint8_t class;
	const char *name;
} class_names[] = {
	{EC_UNKNOWN, "undefined instruction"},
	{0x01, "trapped WFI or WFE"},
	{0x07, "FP/SIMD instruction while FP is off"},
	{0x0e, "illegal execution state"},
	{0x15, "SVC instruction"},
	{0x16, "HVC instruction"},
	{0x17, "SMC instruction"},
	{0x18, "trapped system register access"},
	{0x19, "SVE instruction while SVE is off"},
	{EC_FETCH_LOWER, "instruction abort from EL0"},
	{EC_FETCH, "instruction abort"},
	{EC_PC_ALIGNMENT, "misaligned program counter"},
	{EC_DATA_LOWER, "data abort from EL0"},
	{EC_DATA, "data abort"},
	{0x26, "misaligned stack pointer"},
	{0x2c, "floating-point exception"},
	{0x2f, "SError (asynchronous abort)"},
	{0x30, "breakpoint from EL0"},
	{0x31, "breakpoint"},
	{0x33, "single step"},
	{0x35, "watchpoint"},
	{0x3c, "BRK instruction"},
};

/* The four kinds of vectors; each occurs for four sources. */
enum { VECTOR_SYNC, VECTOR_IRQ, VECTOR_FIQ, VECTOR_SERROR };

static unsigned int class_of(const struct fault_frame *frame)
{
	return (frame->esr >> ESR_CLASS_SHIFT) & ESR_CLASS_MASK;
}

bool fault_fixup(struct fault_frame *frame)
{
	if (frame->vector % 4 != VECTOR_SYNC || class_of(frame) != EC_UNKNOWN ||
	    frame->pc != (uintptr_t)semihosting_trap)
		return false;
	frame->x[0] = SEMIHOSTING_FAILED;
	frame->pc += INSTRUCTION_SIZE;
	return true;
}

static const char *class_name(unsigned int class)
{
	for (size_t i = 0; i < ARRAY_SIZE(class_names); i++)
		if (class_names[i].class == class)
			return class_names[i].name;
	return "exception of an unknown class";
}

static void decode_synchronous(const struct fault_frame *frame, struct fault_info *info)
{
	unsigned int class = class_of(frame);
	bool fetch = class == EC_FETCH || class == EC_FETCH_LOWER;
	bool data = class == EC_DATA || class == EC_DATA_LOWER;

	info->cause = class_name(class);
	if (fetch || data) {
		info->detail = fault_status_name(frame->esr & ESR_STATUS_MASK);
		info->has_address = !(frame->esr & ESR_FAR_NOT_VALID);
	} else {
		info->has_address = class == EC_PC_ALIGNMENT;
	}
	info->access = !data ? "fetch" : frame->esr & ESR_WRITE ? "write" : "read";
}

void fault_decode(const struct fault_frame *frame, struct fault_info *info)
{
	info->pc = frame->pc;
	info->address = frame->far;
	info->syndrome = (uint32_t)frame->esr;
	switch (frame->vector % 4) {
	case VECTOR_SYNC:
		decode_synchronous(frame, info);
		break;
	case VECTOR_IRQ:
		info->cause = "interrupt taken while another is served";
		break;
	case VECTOR_FIQ:
		info->cause = "FIQ, which nothing here uses";
		break;
	case VECTOR_SERROR:
		info->cause = "SError (asynchronous abort)";
		break;
	}
}

void fault_print_registers(const struct fault_frame *frame)
{
	for (unsigned int i = 0; i < 30; i += 3)
		fault_print("x%-2u %016llx  x%-2u %016llx  x%-2u %016llx", i,
			    (unsigned long long)frame->x[i], i + 1,
			    (unsigned long long)frame->x[i + 1], i + 2,
			    (unsigned long long)frame->x[i + 2]);
	fault_print("x30 %016llx  sp  %016llx  pstate %08llx", (unsigned long long)frame->x[30],
		    (unsigned long long)frame->sp, (unsigned long long)frame->pstate);
}

/* Prints from frame record @fp upwards. */
static void print_chain(uintptr_t fp, unsigned int index)
{
	const struct fault_stack *stack = fault_stack_of(fp);
	uintptr_t last = 0;

	for (; index < FAULT_BACKTRACE_MAX; index++) {
		const uintptr_t *record = (const uintptr_t *)fp;
		const struct fault_stack *now = fault_stack_of(fp);

		/* On one stack the chain only goes up, so that it cannot loop. */
		if (!now || fp % 16 || (now == stack && fp <= last))
			return;
		if (!record[1])
			return;
		fault_print_caller(index, record[1]);
		stack = now;
		last = fp;
		fp = record[0];
	}
}

void fault_print_backtrace(const struct fault_frame *frame)
{
	if (!frame) {
		print_chain((uintptr_t)__builtin_frame_address(0), 0);
		return;
	}
	/* The caller of a function that has made no record yet; stale in any other. */
	fault_print("  lr  0x%016llx", (unsigned long long)frame->x[30]);
	print_chain(frame->x[29], 1);
}
