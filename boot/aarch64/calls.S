/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that C cannot make: to firmware and the monitor, to a debugger, and to the caches. Their
 * contracts stand in boot/cpu.h and boot/mmu.h.
 */

	.section .text.smc_call, "ax"
	.global	smc_call
	.type	smc_call, %function
smc_call:
	smc	#0
	ret

	.section .text.hvc_call, "ax"
	.global	hvc_call
	.type	hvc_call, %function
hvc_call:
	hvc	#0
	ret

	.section .text.semihosting_call, "ax"
	.global	semihosting_call, semihosting_trap
	.type	semihosting_call, %function
semihosting_call:
semihosting_trap:
	hlt	#0xf000
	ret

/* Runs before .bss and the stack exist, and at any address. */
	.section .head, "ax"
	.global	cache_invalidate_range
	.type	cache_invalidate_range, %function
cache_invalidate_range:
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4		/* DminLine: log2 of the words in the smallest line */
	mov	x3, #4
	lsl	x2, x3, x2
	sub	x3, x2, #1
	bic	x0, x0, x3
1:	dc	ivac, x0
	add	x0, x0, x2
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

	.section .note.GNU-stack, "", %progbits
