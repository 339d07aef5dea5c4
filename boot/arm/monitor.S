/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays behind in Monitor mode when QEMU starts us on the secure side (secure=on). With the
 * MMU off it answers one private SMC, MONITOR_WRITE32 (boot/cpu.h): the GIC driver and the
 * power-off need registers that only the secure world may write. Monitor mode is always secure,
 * whatever SCR says. Every other call is answered with -1, "not supported".
 */

#define MONITOR_WRITE32	0x83000001

	.arch_extension sec

	.section .vectors, "ax"
	.arm
	.balign	32
	.global	monitor_vectors
monitor_vectors:
	b	stop
	b	stop
	b	monitor_call
	b	stop
	b	stop
	b	stop
	b	stop
	b	stop

/* r0 function, r1 address, r2 value. May change r0 to r3 (ARM DEN 0028). */
monitor_call:
	ldr	r3, =MONITOR_WRITE32
	cmp	r0, r3
	mvn	r0, #0
	bne	1f
	str	r2, [r1]
	dsb
	mov	r0, #0
1:	movs	pc, lr

stop:
	wfe
	b	stop
	.ltorg

	.section .note.GNU-stack, "", %progbits
