/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exception on Armv7 was: the vector and the fault status registers in words (those of the
 * long-descriptor format), the registers, and the callers. Thumb code keeps no chain of frames, so
 * the stack is searched for words that follow a call instruction: stale ones may be among them.
 */
#include "boot/arm/frame.h"
#include "boot/cpu.h"
#include "boot/fault.h"
#include "boot/image.h"

#define CPSR_THUMB	 BIT(5)
#define FSR_LONG	 BIT(9)
#define FSR_STATUS_MASK	 0x3f
#define DFSR_WRITE	 BIT(11)
#define ARM_INSTRUCTION	 4
#define STACK_WORDS_MAX	 1024
#define SEMIHOSTING_NONE 0xffffffffu

/* How far the return address lies beyond the instruction that caused the exception. */
static uint32_t return_offset(const struct fault_frame *frame)
{
	bool thumb = frame->cpsr & CPSR_THUMB;

	switch (frame->vector) {
	case VECTOR_UNDEFINED:
	case VECTOR_SVC:
		return thumb ? 2 : 4;
	case VECTOR_DATA:
		return 8;
	default:
		return 4;
	}
}

bool fault_fixup(struct fault_frame *frame)
{
	if (frame->vector != VECTOR_UNDEFINED ||
	    frame->return_address - return_offset(frame) != (uintptr_t)semihosting_trap)
		return false;
	/* For an undefined ARM instruction the return address is that of the next. */
	frame->r[0] = SEMIHOSTING_NONE;
	return true;
}

static void decode_abort(struct fault_info *info, uint32_t status)
{
	info->syndrome = status;
	info->has_address = true;
	if (status & FSR_LONG)
		info->detail = fault_status_name(status & FSR_STATUS_MASK);
	else
		info->detail = "before the MMU was on";
}

static void decode_data_abort(struct fault_info *info)
{
	uint32_t status, address;

	__asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(status));  /* DFSR */
	__asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(address)); /* DFAR */
	info->cause = "data abort";
	info->access = status & DFSR_WRITE ? "write" : "read";
	info->address = address;
	decode_abort(info, status);
}

static void decode_prefetch_abort(struct fault_info *info)
{
	uint32_t status, address;

	__asm__ volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(status));  /* IFSR */
	__asm__ volatile("mrc p15, 0, %0, c6, c0, 2" : "=r"(address)); /* IFAR */
	info->cause = "prefetch abort";
	info->access = "fetch";
	info->address = address;
	decode_abort(info, status);
}

void fault_decode(const struct fault_frame *frame, struct fault_info *info)
{
	info->pc = frame->return_address - return_offset(frame);
	switch (frame->vector) {
	case VECTOR_UNDEFINED:
		info->cause = "undefined instruction";
		break;
	case VECTOR_SVC:
		info->cause = "SVC instruction";
		break;
	case VECTOR_PREFETCH:
		decode_prefetch_abort(info);
		break;
	case VECTOR_DATA:
		decode_data_abort(info);
		break;
	case VECTOR_FIQ:
		info->cause = "FIQ, which nothing here uses";
		break;
	default:
		info->cause = "exception through an unused vector";
		break;
	}
}

void fault_print_registers(const struct fault_frame *frame)
{
	for (unsigned int i = 0; i < 12; i += 4)
		fault_print("r%-2u %08x  r%-2u %08x  r%-2u %08x  r%-2u %08x", i,
			    (unsigned int)frame->r[i], i + 1, (unsigned int)frame->r[i + 1], i + 2,
			    (unsigned int)frame->r[i + 2], i + 3, (unsigned int)frame->r[i + 3]);
	fault_print("r12 %08x  sp  %08x  lr  %08x  cpsr %08x", (unsigned int)frame->r[12],
		    (unsigned int)frame->sp, (unsigned int)frame->lr, (unsigned int)frame->cpsr);
}

/* Whether @address is one that a call in Thumb code would leave in lr. */
static bool follows_call(uint32_t address)
{
	const uint16_t *next = (const uint16_t *)(uintptr_t)(address & ~1u);

	if (!(address & 1) || !fault_is_code(address) || !fault_is_code(address - 5))
		return false;
	if ((next[-2] & 0xf800) == 0xf000 && (next[-1] & 0xc000) == 0xc000)
		return true;		      /* bl, blx <label> */
	return (next[-1] & 0xff87) == 0x4780; /* blx <register> */
}

/* IRQ mode's first word on its stack is the address to return to (irq_entry in vectors.S). */
static void print_interrupted(const struct fault_stack *stack)
{
	if (stack && stack->top == (uintptr_t)irq_stack_top)
		fault_print("  interrupted 0x%08x", ((const unsigned int *)stack->top)[-1]);
}

/* Prints what looks like return addresses, from @sp to the end of its stack. */
static void scan_stack(uintptr_t sp, unsigned int index)
{
	const struct fault_stack *stack = fault_stack_of(ALIGN_UP(sp, sizeof(uint32_t)));
	const uint32_t *word = (const uint32_t *)ALIGN_UP(sp, sizeof(uint32_t));

	if (!stack)
		return;
	for (unsigned int i = 0; i < STACK_WORDS_MAX && index < FAULT_BACKTRACE_MAX; i++) {
		if ((uintptr_t)&word[i] >= stack->top)
			break;
		if (follows_call(word[i]))
			fault_print_caller(index++, word[i] & ~1u);
	}
}

void fault_print_backtrace(const struct fault_frame *frame)
{
	uintptr_t sp = frame ? frame->sp : (uintptr_t)__builtin_frame_address(0);
	const struct fault_stack *stack = fault_stack_of(sp);
	unsigned int index = 0;

	fault_print("(found by search of the stack; some may be stale)");
	if (frame) {
		index = 1;
		fault_print("  lr  0x%08x", (unsigned int)frame->lr);
	}
	/* An overflowing stack pointer stands in the guard page below. */
	if (!stack)
		sp = ALIGN_UP(sp, PAGE_SIZE);
	scan_stack(sp, index);
	print_interrupted(fault_stack_of(sp));
}
