/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays behind in EL3 when QEMU starts us there (secure=on). With the MMU off it answers one
 * private SMC, MONITOR_WRITE32 (boot/cpu.h): the GIC driver and the power-off need registers
 * that only the secure world may write. Every other call is answered with -1, "not supported".
 */

#define MONITOR_WRITE32	0x83000001
#define EC_SHIFT	26
#define EC_SMC64	0x17

	.macro	stop_here
	.balign	0x80
	b	stop
	.endm

	.section .vectors, "ax"
	.balign	0x800
	.global	monitor_vectors
monitor_vectors:
	.rept	8			/* from EL3 itself */
	stop_here
	.endr
	.balign	0x80			/* synchronous, from AArch64 below */
	b	monitor_call
	.rept	7
	stop_here
	.endr

/* x0 function, x1 address, x2 value. May change x0 to x3 (ARM DEN 0028). */
monitor_call:
	mrs	x3, esr_el3
	lsr	x3, x3, #EC_SHIFT
	cmp	x3, #EC_SMC64
	b.ne	stop
	ldr	w3, =MONITOR_WRITE32
	cmp	w0, w3
	mov	x0, #-1
	b.ne	1f
	str	w2, [x1]
	dsb	sy
	mov	x0, #0
1:	eret

stop:
	wfe
	b	stop
	.ltorg

	.section .note.GNU-stack, "", %progbits
