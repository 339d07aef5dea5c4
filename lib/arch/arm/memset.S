/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memset() for Armv7-A with Advanced SIMD, 64 bytes a turn; newlib's writes 16. The boot clears more than a
 * megabyte of rings and buffers. For Normal memory: it does not align.
 */
	.syntax	unified
	.arch	armv7-a
	.fpu	neon

	.section .text.memset, "ax"
	.arm
	.global	memset
	.type	memset, %function
memset:
	vdup.8	q0, r1
	vmov	q1, q0
	mov	ip, r0			/* r0 is the result */
	subs	r2, r2, #64
	blo	2f
1:	vst1.8	{d0-d3}, [ip]!
	vst1.8	{d0-d3}, [ip]!
	subs	r2, r2, #64
	bhs	1b
2:	/* What is left are the six lower bits of r2. */
	tst	r2, #32
	beq	3f
	vst1.8	{d0-d3}, [ip]!
3:	tst	r2, #16
	beq	4f
	vst1.8	{d0-d1}, [ip]!
4:	vmov	r1, s0
	tst	r2, #8
	strne	r1, [ip], #4
	strne	r1, [ip], #4
	tst	r2, #4
	strne	r1, [ip], #4
	tst	r2, #2
	strhne	r1, [ip], #2
	tst	r2, #1
	strbne	r1, [ip]
	bx	lr

	.section .note.GNU-stack, "", %progbits
