/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset on Armv7-A, in ARM state. The first words are the header by which a loader of zImages knows
 * a flat image; an ELF loader jumps to them all the same. From whatever mode we are in: down to
 * non-secure SVC, to the link address, and into boot_main() with the MMU off.
 *
 * Kept throughout: r4 device tree, r5 mode at reset (index of boot_mode_names), r6 and r7 counter
 * at reset. Everything up to "at_link_address" may run anywhere, on a 4 KiB boundary.
 */

#define MODE_FIQ	0x11
#define MODE_IRQ	0x12
#define MODE_SVC	0x13
#define MODE_MON	0x16
#define MODE_ABT	0x17
#define MODE_HYP	0x1a
#define MODE_UND	0x1b
#define MASKED		0x1c0		/* asynchronous aborts, IRQ, FIQ */

#define SCTLR_RES1	0x00c50078
#define SCR_NS		(1 << 0)
#define SCR_FW_AW	(3 << 4)	/* the non-secure side may mask FIQs and aborts */
#define SCR_HCE		(1 << 8)
#define NSACR_FP	(3 << 10)
#define NSACR_NO_SIMD	(3 << 14)
#define HCPTR_RES1	0x33ff
#define HDCR_HPMN_MASK	0x1f
#define CNTHCTL_PL1	3		/* SVC may read the counter and use the physical timer */
#define CPACR_FP	(0xf << 20)
#define FPEXC_EN	(1 << 30)
#define PFR1_VIRT	(0xf << 12)
#define PFR1_GIC	(0xf << 28)
#define ICC_SRE_ALL	0xf		/* system registers, also for the modes below */
#define FDT_MAGIC_LE	0xedfe0dd0	/* 0xd00dfeed, read as a little-endian word */

	.arch_extension sec
	.arch_extension virt
	.fpu	neon

	/* What the ABI puts below the thread-local variables, for linker.ld. */
	.global	tcb_size
	.set	tcb_size, 8

	.section .head.start, "ax"
	.arm
	.global	_start
	.type	_start, %function
_start:
	b	reset
	.rept	7
	nop
	.endr
	b	reset
	.word	0x016f2818		/* zImage */
	.word	0			/* position independent */
	.word	load_size
	.word	0x04030201		/* little-endian */

	/* Vectors for the one question below: an undefined instruction means "not secure". */
	.balign	32
probe_vectors:
	nop
	b	not_secure

reset:
	/* With no firmware to hold them, all CPUs come here; only the first goes on. */
	mrc	p15, 0, r0, c0, c0, 5	/* MPIDR */
	lsls	r0, r0, #8
	bne	park
	mov	r4, r2
	mrs	r0, cpsr
	and	r0, r0, #0x1f
	cmp	r0, #MODE_HYP
	moveq	r5, #1
	beq	from_hyp

	/* SVC, secure or not? Only the secure side can read SCR. */
	ldr	r0, =SCTLR_RES1
	mcr	p15, 0, r0, c1, c0, 0	/* SCTLR: MMU off, vectors at VBAR, in ARM state */
	adr	r0, probe_vectors
	mcr	p15, 0, r0, c12, c0, 0	/* VBAR */
	isb
	mrc	p15, 0, r0, c1, c1, 0	/* SCR */
	b	from_secure
not_secure:
	cps	#MODE_SVC
	mov	r5, #0
	b	from_svc

	/* Ours to set up for good, so our monitor stays behind (monitor.S). */
from_secure:
	mov	r5, #2
	cps	#MODE_MON
	ldr	r0, =monitor_vectors
	mcr	p15, 0, r0, c12, c0, 1	/* MVBAR */
	mrc	p15, 0, r0, c1, c1, 2	/* NSACR */
	orr	r0, r0, #NSACR_FP
	bic	r0, r0, #NSACR_NO_SIMD
	mcr	p15, 0, r0, c1, c1, 2
	mrc	p15, 0, r1, c0, c1, 1	/* ID_PFR1 */
	mov	r0, #(SCR_NS | SCR_FW_AW)
	tst	r1, #PFR1_VIRT
	orrne	r0, r0, #SCR_HCE
	mcr	p15, 0, r0, c1, c1, 0	/* SCR */
	isb
	tst	r1, #PFR1_GIC
	movne	r0, #ICC_SRE_ALL
	mcrne	p15, 6, r0, c12, c12, 5	/* ICC_MSRE */
	isb
	ldr	r0, =SCTLR_RES1
	mcr	p15, 0, r0, c1, c0, 0	/* the non-secure SCTLR now */
	tst	r1, #PFR1_VIRT
	ldrne	r0, =(MASKED | MODE_HYP)
	ldreq	r0, =(MASKED | MODE_SVC)
	adrne	lr, from_hyp
	adreq	lr, from_svc
	msr	spsr_cxsf, r0
	movs	pc, lr

from_hyp:
	mov	r0, #0
	mcr	p15, 4, r0, c1, c1, 0	/* HCR: nothing is trapped */
	mcr	p15, 4, r0, c1, c1, 3	/* HSTR */
	mcrr	p15, 6, r0, r0, c2	/* VTTBR */
	mcrr	p15, 4, r0, r0, c14	/* CNTVOFF */
	ldr	r0, =HCPTR_RES1
	mcr	p15, 4, r0, c1, c1, 2	/* HCPTR */
	mov	r0, #CNTHCTL_PL1
	mcr	p15, 4, r0, c14, c1, 0	/* CNTHCTL */
	mrc	p15, 4, r0, c1, c1, 1	/* HDCR: SVC keeps its event counters */
	and	r0, r0, #HDCR_HPMN_MASK
	mcr	p15, 4, r0, c1, c1, 1
	mrc	p15, 0, r0, c0, c0, 0	/* MIDR */
	mcr	p15, 4, r0, c0, c0, 0	/* VPIDR */
	mrc	p15, 0, r0, c0, c0, 5	/* MPIDR */
	mcr	p15, 4, r0, c0, c0, 5	/* VMPIDR */
	mrc	p15, 0, r0, c0, c1, 1	/* ID_PFR1 */
	tst	r0, #PFR1_GIC
	movne	r0, #ICC_SRE_ALL
	mcrne	p15, 4, r0, c12, c9, 5	/* ICC_HSRE */
	isb
	ldr	r0, =SCTLR_RES1
	mcr	p15, 0, r0, c1, c0, 0
	ldr	r0, =(MASKED | MODE_SVC)
	msr	spsr_cxsf, r0
	adr	r0, from_svc
	msr	elr_hyp, r0
	eret

from_svc:
	cpsid	aif
	ldr	r0, =SCTLR_RES1
	mcr	p15, 0, r0, c1, c0, 0
	mov	r0, #CPACR_FP
	mcr	p15, 0, r0, c1, c0, 2	/* CPACR */
	isb
	mov	r0, #FPEXC_EN
	vmsr	fpexc, r0
	mrrc	p15, 1, r6, r7, c14	/* CNTVCT */

	/* The device tree: what the loader passed, or else the start of RAM. */
	ldr	r2, =FDT_MAGIC_LE
	cmp	r4, #0
	beq	1f
	tst	r4, #7
	bne	1f
	ldr	r0, [r4]
	cmp	r0, r2
	beq	2f
1:	ldr	r4, =ram_base
	ldr	r0, [r4]
	cmp	r0, r2
	bne	3f
	/* It must not lie where the image belongs; boot_main() reports one that does as missing. */
2:	ldr	r0, [r4, #4]
	rev	r0, r0
	add	r0, r4, r0
	ldr	r1, =image_start
	ldr	r2, =image_end
	cmp	r0, r1
	bls	4f
	cmp	r4, r2
	bhs	4f
3:	mov	r4, #0
4:
	/* Whatever a loader left in the cache must not be written back over us. (mmu.c does the tables.) */
	ldr	r0, =image_start
	ldr	r1, =mmu_tables_start
	bl	cache_invalidate_range

	/*
	 * Not at the link address: move there. The two places may overlap. Going up, the copy runs
	 * from the end, and this code at the start of the source is the last to be overwritten; going
	 * down it runs from the start, and its code stands at the source's end.
	 */
	adr	r0, _start
	ldr	r1, =image_start
	ldr	r2, =load_size		/* a multiple of 16 */
	ldr	r9, =at_link_address
	cmp	r0, r1
	beq	enter
	bhi	down
	add	r0, r0, r2
	add	r1, r1, r2
1:	ldmdb	r0!, {r3, r8, r10, r11}
	stmdb	r1!, {r3, r8, r10, r11}
	subs	r2, r2, #16
	bne	1b
enter:
	dsb
	mcr	p15, 0, r2, c7, c5, 0	/* ICIALLU */
	mcr	p15, 0, r2, c7, c5, 6	/* BPIALL */
	dsb
	isb
	bx	r9
down:
	ldr	r3, =relocate_offset
	add	pc, r0, r3

park:
	wfe
	b	park
	.ltorg

	.section .data_relocate, "aw"
	.arm
relocate_down:
	ldmia	r0!, {r3, r8, r10, r11}
	stmia	r1!, {r3, r8, r10, r11}
	subs	r2, r2, #16
	bne	relocate_down
	dsb
	mcr	p15, 0, r2, c7, c5, 0	/* ICIALLU */
	mcr	p15, 0, r2, c7, c5, 6	/* BPIALL */
	dsb
	isb
	bx	r9

	.text
	.arm
at_link_address:
	ldr	r0, =bss_start
	ldr	r1, =bss_end
	bl	clear_range

	/* Interrupts have their stack, and all modes of faults share one. */
	ldr	r0, =fault_stack_top
	cps	#MODE_FIQ
	mov	sp, r0
	cps	#MODE_ABT
	mov	sp, r0
	cps	#MODE_UND
	mov	sp, r0
	ldr	r0, =irq_stack_top
	cps	#MODE_IRQ
	mov	sp, r0
	ldr	r0, =main_stack_top
	cps	#MODE_SVC
	mov	sp, r0
	ldr	r0, =vectors
	mcr	p15, 0, r0, c12, c0, 0	/* VBAR */
	ldr	r0, =thread_pointer
	mcr	p15, 0, r0, c13, c0, 3	/* TPIDRURO */
	isb
	cpsie	a			/* asynchronous aborts */

	ldr	r0, =boot_mode
	str	r5, [r0]
	ldr	r0, =boot_ticks
	stm	r0, {r6, r7}
	mov	r0, r4
	mov	lr, #0			/* the end of every backtrace */
	mov	r11, #0
	ldr	r1, =boot_main
	bx	r1
	.ltorg

	.section .note.GNU-stack, "", %progbits
