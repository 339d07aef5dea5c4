/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions on Armv7-A. Interrupts are served in IRQ mode, which has a stack pointer of its own
 * (the IRQ stack) and does not nest: no stack is changed by hand. Every other exception builds a
 * struct fault_frame on the fault stack, in ABT mode, and goes to fault_exception()
 * (boot/fault.c): it works when the interrupted stack has overflowed.
 */

#define MODE_ABT	0x17
#define MODE_USR	0x10
#define MODE_SYS	0x1f
#define MODE_MASK	0x1f
#define IRQ_FIQ_MASKED	0xc0

/* What lies above the frame's r0: 13 registers, then the return address, then SPSR. */
#define FRAME_SPSR	(14 * 4)

	.fpu	neon

/* In any mode but ABT: the return state goes to ABT's stack, which is the fault stack. */
	.macro	fault_vector name, number
\name:
	srsdb	sp!, #MODE_ABT
	cps	#MODE_ABT
	push	{r0-r12}
	mov	r1, #\number
	b	fault_entry
	.endm

/* An abort may come from the report itself, even from its stack: it starts at the top again. */
	.macro	abort_vector name, number
\name:
	ldr	sp, =fault_stack_top
	srsdb	sp!, #MODE_ABT
	push	{r0-r12}
	mov	r1, #\number
	b	fault_entry
	.endm

	.section .vectors, "ax"
	.arm
	.balign	32
	.global	vectors
vectors:
	b	vector_unused
	b	vector_undefined
	b	vector_svc
	b	vector_prefetch
	b	vector_data
	b	vector_unused
	b	irq_entry
	b	vector_fiq

irq_entry:
	sub	lr, lr, #4
	push	{r0-r3, r12, lr}
	vmrs	r0, fpscr
	vpush	{d16-d31}
	vpush	{d0-d7}
	push	{r0, r1}
	blx	irq_handle
	pop	{r0, r1}
	vpop	{d0-d7}
	vpop	{d16-d31}
	vmsr	fpscr, r0
	clrex
	ldm	sp!, {r0-r3, r12, pc}^

	fault_vector vector_unused, 0
	fault_vector vector_undefined, 1
	fault_vector vector_svc, 2
	abort_vector vector_prefetch, 3
	abort_vector vector_data, 4
	fault_vector vector_fiq, 7
	.ltorg

/* r1 vector; on the stack r0 to r12, return address, SPSR. */
fault_entry:
	ldr	r2, [sp, #FRAME_SPSR]
	and	r3, r2, #MODE_MASK
	cmp	r3, #MODE_USR
	moveq	r3, #MODE_SYS		/* has USR's registers */
	orr	r3, r3, #IRQ_FIQ_MASKED
	mrs	r4, cpsr
	msr	cpsr_c, r3
	mov	r2, sp
	mov	r3, lr
	msr	cpsr_c, r4
	push	{r1, r2, r3}
	mov	r0, sp
	mov	r5, sp
	bic	sp, sp, #7
	clrex
	blx	fault_exception

	/* It comes back only where the frame says how to go on. */
	add	sp, r5, #12
	pop	{r0-r12}
	rfeia	sp!

	.section .note.GNU-stack, "", %progbits
