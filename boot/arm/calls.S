/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that C cannot make: to firmware and the monitor, to a debugger, and to the caches. Their
 * contracts stand in boot/cpu.h and boot/mmu.h.
 */

	.arch_extension sec
	.arch_extension virt
	.syntax	unified

	.section .text.smc_call, "ax"
	.arm
	.global	smc_call
	.type	smc_call, %function
smc_call:
	smc	#0
	bx	lr

	.section .text.hvc_call, "ax"
	.arm
	.global	hvc_call
	.type	hvc_call, %function
hvc_call:
	hvc	#0
	bx	lr

/* HLT 0xf000 rather than SVC 0x123456: where it means nothing it is undefined, not a call. An
 * Armv7 assembler does not know it. */
	.section .text.semihosting_call, "ax"
	.arm
	.global	semihosting_call, semihosting_trap
	.type	semihosting_call, %function
semihosting_call:
semihosting_trap:
	.inst	0xe10f0070		/* hlt 0xf000 */
	bx	lr

/* These two run before .bss and the stack exist; the first at any address too. */
	.section .head, "ax"
	.arm
	.global	cache_invalidate_range
	.type	cache_invalidate_range, %function
cache_invalidate_range:
	mrc	p15, 0, r2, c0, c0, 1	/* CTR */
	ubfx	r2, r2, #16, #4		/* DminLine: log2 of the words in the smallest line */
	mov	r3, #4
	lsl	r2, r3, r2
	sub	r3, r2, #1
	bic	r0, r0, r3
	sub	r3, r1, r2, lsl #2	/* up to here there are four lines to go */
	b	2f
1:	mcr	p15, 0, r0, c7, c6, 1	/* DCIMVAC */
	add	r0, r0, r2
	mcr	p15, 0, r0, c7, c6, 1
	add	r0, r0, r2
	mcr	p15, 0, r0, c7, c6, 1
	add	r0, r0, r2
	mcr	p15, 0, r0, c7, c6, 1
	add	r0, r0, r2
2:	cmp	r0, r3
	bls	1b
	b	4f
3:	mcr	p15, 0, r0, c7, c6, 1
	add	r0, r0, r2
4:	cmp	r0, r1
	blo	3b
	dsb
	bx	lr

	.global	clear_range
	.type	clear_range, %function
clear_range:
	mov	r2, #0
	mov	r3, #0
	sub	ip, r1, #64		/* up to here there are 64 bytes to go */
	b	2f
1:	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
	strd	r2, r3, [r0], #8
2:	cmp	r0, ip
	bls	1b
	b	4f
3:	strd	r2, r3, [r0], #8
4:	cmp	r0, r1
	blo	3b
	bx	lr

	.section .note.GNU-stack, "", %progbits
