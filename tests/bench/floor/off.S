/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image that powers off with its first instructions: what a boot is compared with. Nothing of it is
 * Vireo's. QEMU's virt answers PSCI calls made by hvc, and where EL2 is there, in which it then starts us,
 * those made by smc.
 */
#define PSCI_SYSTEM_OFF 0x84000008

	.text
	.global	_start
#ifdef __aarch64__
#define CURRENT_EL_1 (1 << 2)
_start:
	mov	x0, #(PSCI_SYSTEM_OFF & 0xffff)
	movk	x0, #(PSCI_SYSTEM_OFF >> 16), lsl #16
	mrs	x1, CurrentEL
	cmp	x1, #CURRENT_EL_1
	b.ne	1f
	hvc	#0
1:	smc	#0
2:	b	2b
#else
#define MODE_MASK 0x1f
#define MODE_HYP  0x1a
	.syntax	unified
	.arm
	.arch	armv7-a
	.arch_extension	sec
	.arch_extension	virt
_start:
	movw	r0, #(PSCI_SYSTEM_OFF & 0xffff)
	movt	r0, #(PSCI_SYSTEM_OFF >> 16)
	mrs	r1, cpsr
	and	r1, r1, #MODE_MASK
	cmp	r1, #MODE_HYP
	beq	1f
	hvc	#0
1:	smc	#0
2:	b	2b
#endif
