/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions on AArch64. Threads run on SP_EL0, exceptions on SP_EL1, which is the IRQ stack: an
 * interrupt changes stacks without an instruction of ours. Interrupts do not nest, so ELR and SPSR
 * stay in their registers meanwhile. Everything else goes to fault_exception() (boot/fault.c), on a
 * stack of its own, with all registers in a static frame: it works when a stack has overflowed.
 */

/* Of an interrupt: x0 to x18, x29, x30 and a frame record of the interrupted place; q0 to q31, as
 * C functions keep only the lower halves of q8 to q15. */
#define IRQ_RECORD	0
#define IRQ_X		16
#define IRQ_FPSR	(IRQ_X + 19 * 8)
#define IRQ_LR		(IRQ_FPSR + 8)
#define IRQ_Q		192
#define IRQ_FRAME	(IRQ_Q + 32 * 16)

/* struct fault_frame, see frame.h. */
#define FAULT_SP	(31 * 8)
#define FAULT_PC	(32 * 8)
#define FAULT_PSTATE	(33 * 8)
#define FAULT_ESR	(34 * 8)
#define FAULT_FAR	(35 * 8)
#define FAULT_SP_EL1	(36 * 8)
#define FAULT_VECTOR	(37 * 8)
#define FAULT_FRAME	(38 * 8)

/* One vector that is a fault. x30 is parked in a register that nobody else uses. */
	.macro	fault_vector number
	.balign	0x80
	msr	tpidr_el1, x30
	ldr	x30, =fault_frame
	stp	x0, x1, [x30]
	mov	x0, #\number
	b	fault_entry
	.endm

	.section .vectors, "ax"
	.balign	0x800
	.global	vectors
vectors:
	fault_vector 0
	.balign	0x80
	b	irq_entry
	fault_vector 2
	fault_vector 3
	fault_vector 4
	fault_vector 5
	fault_vector 6
	fault_vector 7
	fault_vector 8
	fault_vector 9
	fault_vector 10
	fault_vector 11
	fault_vector 12
	fault_vector 13
	fault_vector 14
	fault_vector 15
	.ltorg

irq_entry:
	sub	sp, sp, #IRQ_FRAME
	stp	x0, x1, [sp, #IRQ_X]
	mrs	x0, elr_el1
	stp	x29, x0, [sp, #IRQ_RECORD]
	stp	x2, x3, [sp, #IRQ_X + 2 * 8]
	stp	x4, x5, [sp, #IRQ_X + 4 * 8]
	stp	x6, x7, [sp, #IRQ_X + 6 * 8]
	stp	x8, x9, [sp, #IRQ_X + 8 * 8]
	stp	x10, x11, [sp, #IRQ_X + 10 * 8]
	stp	x12, x13, [sp, #IRQ_X + 12 * 8]
	stp	x14, x15, [sp, #IRQ_X + 14 * 8]
	stp	x16, x17, [sp, #IRQ_X + 16 * 8]
	mrs	x0, fpsr
	stp	x18, x0, [sp, #IRQ_X + 18 * 8]
	str	x30, [sp, #IRQ_LR]
	mov	x29, sp
	stp	q0, q1, [sp, #IRQ_Q + 0 * 16]
	stp	q2, q3, [sp, #IRQ_Q + 2 * 16]
	stp	q4, q5, [sp, #IRQ_Q + 4 * 16]
	stp	q6, q7, [sp, #IRQ_Q + 6 * 16]
	stp	q8, q9, [sp, #IRQ_Q + 8 * 16]
	stp	q10, q11, [sp, #IRQ_Q + 10 * 16]
	stp	q12, q13, [sp, #IRQ_Q + 12 * 16]
	stp	q14, q15, [sp, #IRQ_Q + 14 * 16]
	stp	q16, q17, [sp, #IRQ_Q + 16 * 16]
	stp	q18, q19, [sp, #IRQ_Q + 18 * 16]
	stp	q20, q21, [sp, #IRQ_Q + 20 * 16]
	stp	q22, q23, [sp, #IRQ_Q + 22 * 16]
	stp	q24, q25, [sp, #IRQ_Q + 24 * 16]
	stp	q26, q27, [sp, #IRQ_Q + 26 * 16]
	stp	q28, q29, [sp, #IRQ_Q + 28 * 16]
	stp	q30, q31, [sp, #IRQ_Q + 30 * 16]
	bl	irq_handle
	ldp	q0, q1, [sp, #IRQ_Q + 0 * 16]
	ldp	q2, q3, [sp, #IRQ_Q + 2 * 16]
	ldp	q4, q5, [sp, #IRQ_Q + 4 * 16]
	ldp	q6, q7, [sp, #IRQ_Q + 6 * 16]
	ldp	q8, q9, [sp, #IRQ_Q + 8 * 16]
	ldp	q10, q11, [sp, #IRQ_Q + 10 * 16]
	ldp	q12, q13, [sp, #IRQ_Q + 12 * 16]
	ldp	q14, q15, [sp, #IRQ_Q + 14 * 16]
	ldp	q16, q17, [sp, #IRQ_Q + 16 * 16]
	ldp	q18, q19, [sp, #IRQ_Q + 18 * 16]
	ldp	q20, q21, [sp, #IRQ_Q + 20 * 16]
	ldp	q22, q23, [sp, #IRQ_Q + 22 * 16]
	ldp	q24, q25, [sp, #IRQ_Q + 24 * 16]
	ldp	q26, q27, [sp, #IRQ_Q + 26 * 16]
	ldp	q28, q29, [sp, #IRQ_Q + 28 * 16]
	ldp	q30, q31, [sp, #IRQ_Q + 30 * 16]
	ldr	x30, [sp, #IRQ_LR]
	ldp	x18, x0, [sp, #IRQ_X + 18 * 8]
	msr	fpsr, x0
	ldp	x16, x17, [sp, #IRQ_X + 16 * 8]
	ldp	x14, x15, [sp, #IRQ_X + 14 * 8]
	ldp	x12, x13, [sp, #IRQ_X + 12 * 8]
	ldp	x10, x11, [sp, #IRQ_X + 10 * 8]
	ldp	x8, x9, [sp, #IRQ_X + 8 * 8]
	ldp	x6, x7, [sp, #IRQ_X + 6 * 8]
	ldp	x4, x5, [sp, #IRQ_X + 4 * 8]
	ldp	x2, x3, [sp, #IRQ_X + 2 * 8]
	ldp	x0, x1, [sp, #IRQ_X]
	ldr	x29, [sp, #IRQ_RECORD]
	add	sp, sp, #IRQ_FRAME
	eret

/* x0 vector, x30 frame with x0 and x1 in it, tpidr_el1 the interrupted x30. */
fault_entry:
	stp	x2, x3, [x30, #2 * 8]
	stp	x4, x5, [x30, #4 * 8]
	stp	x6, x7, [x30, #6 * 8]
	stp	x8, x9, [x30, #8 * 8]
	stp	x10, x11, [x30, #10 * 8]
	stp	x12, x13, [x30, #12 * 8]
	stp	x14, x15, [x30, #14 * 8]
	stp	x16, x17, [x30, #16 * 8]
	stp	x18, x19, [x30, #18 * 8]
	stp	x20, x21, [x30, #20 * 8]
	stp	x22, x23, [x30, #22 * 8]
	stp	x24, x25, [x30, #24 * 8]
	stp	x26, x27, [x30, #26 * 8]
	stp	x28, x29, [x30, #28 * 8]
	mrs	x1, tpidr_el1
	mov	x2, sp
	str	x2, [x30, #FAULT_SP_EL1]
	mrs	x3, spsr_el1
	tst	x3, #1			/* which of the two was its stack pointer? */
	b.ne	1f
	mrs	x2, sp_el0
1:	stp	x1, x2, [x30, #30 * 8]
	mrs	x1, elr_el1
	stp	x1, x3, [x30, #FAULT_PC]
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [x30, #FAULT_ESR]
	str	x0, [x30, #FAULT_VECTOR]
	mov	x19, x30
	ldr	x0, =fault_stack_top
	mov	sp, x0
	mov	x0, x19
	bl	fault_exception

	/* It comes back only where the frame says how to go on. */
	ldp	x1, x3, [x19, #FAULT_PC]
	msr	elr_el1, x1
	msr	spsr_el1, x3
	ldr	x2, [x19, #FAULT_SP_EL1]
	mov	sp, x2
	mov	x30, x19
	ldp	x0, x1, [x30]
	ldp	x2, x3, [x30, #2 * 8]
	ldp	x4, x5, [x30, #4 * 8]
	ldp	x6, x7, [x30, #6 * 8]
	ldp	x8, x9, [x30, #8 * 8]
	ldp	x10, x11, [x30, #10 * 8]
	ldp	x12, x13, [x30, #12 * 8]
	ldp	x14, x15, [x30, #14 * 8]
	ldp	x16, x17, [x30, #16 * 8]
	ldp	x18, x19, [x30, #18 * 8]
	ldr	x30, [x30, #30 * 8]
	eret
	.ltorg

	.section .bss.fault_frame, "aw", %nobits
	.balign	16
fault_frame:
	.skip	FAULT_FRAME

	.section .note.GNU-stack, "", %progbits
