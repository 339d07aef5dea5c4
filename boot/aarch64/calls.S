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

/* These two run before .bss and the stack exist; the first at any address too. */
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
	sub	x3, x1, x2, lsl #2	/* up to here there are four lines to go */
	b	2f
1:	dc	ivac, x0
	add	x0, x0, x2
	dc	ivac, x0
	add	x0, x0, x2
	dc	ivac, x0
	add	x0, x0, x2
	dc	ivac, x0
	add	x0, x0, x2
2:	cmp	x0, x3
	b.ls	1b
	b	4f
3:	dc	ivac, x0
	add	x0, x0, x2
4:	cmp	x0, x1
	b.lo	3b
	dsb	sy
	ret

	.global	clear_range
	.type	clear_range, %function
clear_range:
	sub	x3, x1, #64		/* up to here there are 64 bytes to go */
	b	2f
1:	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
2:	cmp	x0, x3
	b.ls	1b
	b	4f
3:	stp	xzr, xzr, [x0], #16
4:	cmp	x0, x1
	b.lo	3b
	ret

	.section .note.GNU-stack, "", %progbits
