/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset on AArch64. The first 64 bytes are the header by which a loader of Linux images knows a
 * flat image; an ELF loader jumps to them all the same. From whatever exception level we are in: down
 * to non-secure EL1, to the link address, and into boot_main() with the MMU off.
 *
 * Kept throughout: x19 device tree, x20 exception level at reset, x21 counter at reset.
 * Everything up to "at_link_address" may run anywhere in memory, on a 4 KiB boundary.
 */

#define SCTLR_EL1_RES1	0x30d00800
#define SCTLR_EL2_RES1	0x30c50830
#define SPSR_EL1H	0x3c5		/* all exceptions masked */
#define SPSR_EL2H	0x3c9
#define SCR_NS		(1 << 0)
#define SCR_RES1	(3 << 4)
#define SCR_HCE		(1 << 8)
#define SCR_RW		(1 << 10)
#define HCR_RW		(1 << 31)
#define CPTR_EL2_RES1	0x33ff
#define MDCR_HPMN_MASK	0x1f
#define CNTHCTL_EL1	3		/* EL1 may read the counter and use the physical timer */
#define CPACR_FP	(3 << 20)
#define ICC_SRE_EL2	S3_4_C12_C9_5
#define ICC_SRE_EL3	S3_6_C12_C12_5
#define ICH_HCR_EL2	S3_4_C12_C11_0
#define ICC_SRE_ALL	0xf		/* system registers, also for the levels below */
#define FDT_MAGIC_LE	0xedfe0dd0	/* 0xd00dfeed, read as a little-endian word */

	/* What the ABI puts below the thread-local variables, for linker.ld. */
	.global	tcb_size
	.set	tcb_size, 16

	.section .head.start, "ax"
	.global	_start
_start:
	b	reset
	.long	0
	.quad	0			/* text_offset: a 2 MiB boundary will do */
	.quad	image_size		/* with .bss and stacks */
	.quad	0xa			/* little-endian, 4 KiB pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

reset:
	/* With no firmware to hold them, all CPUs come here; only the first goes on. */
	mrs	x1, mpidr_el1
	ldr	x2, =0xff00ffffff
	tst	x1, x2
	b.ne	park
	mov	x19, x0
	mrs	x20, CurrentEL
	lsr	x20, x20, #2
	cmp	x20, #2
	b.eq	from_el2
	b.lo	from_el1

	/* EL3: ours to set up for good, so our monitor stays behind (monitor.S). */
	ldr	x0, =monitor_vectors
	msr	vbar_el3, x0
	msr	cptr_el3, xzr
	msr	mdcr_el3, xzr
	mov	x0, #(SCR_NS | SCR_RES1 | SCR_RW)
	mrs	x1, id_aa64pfr0_el1
	ubfx	x2, x1, #8, #4		/* EL2 implemented? */
	cbz	x2, 1f
	orr	x0, x0, #SCR_HCE
1:	msr	scr_el3, x0
	isb
	ubfx	x3, x1, #24, #4		/* GIC system registers? */
	cbz	x3, 2f
	mov	x3, #ICC_SRE_ALL
	msr	ICC_SRE_EL3, x3
	isb
2:	ldr	x0, =SCTLR_EL1_RES1
	msr	sctlr_el1, x0
	mov	x0, #SPSR_EL1H
	adr	x3, from_el1
	cbz	x2, 3f
	ldr	x0, =SCTLR_EL2_RES1
	msr	sctlr_el2, x0
	mov	x0, #SPSR_EL2H
	adr	x3, from_el2
3:	msr	spsr_el3, x0
	msr	elr_el3, x3
	eret

from_el2:
	ldr	x0, =HCR_RW		/* EL1 is AArch64, and nothing is trapped */
	msr	hcr_el2, x0
	isb
	mov	x0, #CPTR_EL2_RES1
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mov	x0, #CNTHCTL_EL1
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr
	mrs	x0, mdcr_el2		/* EL1 keeps its event counters */
	and	x0, x0, #MDCR_HPMN_MASK
	msr	mdcr_el2, x0
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	mrs	x0, mpidr_el1
	msr	vmpidr_el2, x0
	mrs	x1, id_aa64pfr0_el1
	ubfx	x1, x1, #24, #4
	cbz	x1, 1f
	mov	x0, #ICC_SRE_ALL
	msr	ICC_SRE_EL2, x0
	isb
	msr	ICH_HCR_EL2, xzr
1:	ldr	x0, =SCTLR_EL1_RES1
	msr	sctlr_el1, x0
	mov	x0, #SPSR_EL1H
	msr	spsr_el2, x0
	adr	x0, from_el1
	msr	elr_el2, x0
	eret

from_el1:
	ldr	x0, =SCTLR_EL1_RES1
	msr	sctlr_el1, x0
	mov	x0, #CPACR_FP
	msr	cpacr_el1, x0
	isb
	mrs	x21, cntvct_el0

	/* The device tree: what the loader passed, or else the start of RAM. */
	ldr	w2, =FDT_MAGIC_LE
	cbz	x19, 1f
	tst	x19, #7
	b.ne	1f
	ldr	w0, [x19]
	cmp	w0, w2
	b.eq	2f
1:	ldr	x19, =ram_base
	ldr	w0, [x19]
	cmp	w0, w2
	b.ne	3f
	/* It must not lie where the image belongs; boot_main() reports one that does as missing. */
2:	ldr	w0, [x19, #4]
	rev	w0, w0
	add	x0, x19, x0
	ldr	x1, =image_start
	ldr	x2, =image_end
	cmp	x0, x1
	b.ls	4f
	cmp	x19, x2
	b.hs	4f
3:	mov	x19, #0
4:
	/* Whatever a loader left in the cache must not be written back over us. (mmu.c does the tables.) */
	ldr	x0, =image_start
	ldr	x1, =mmu_tables_start
	bl	cache_invalidate_range

	/*
	 * Not at the link address: move there. The two places may overlap. Going up, the copy runs
	 * from the end, and this code at the start of the source is the last to be overwritten; going
	 * down it runs from the start, and its code stands at the source's end.
	 */
	adr	x0, _start
	ldr	x1, =image_start
	ldr	x2, =load_size		/* a multiple of 16 */
	ldr	x9, =at_link_address
	cmp	x0, x1
	b.eq	enter
	b.hi	down
	add	x0, x0, x2
	add	x1, x1, x2
1:	ldp	x3, x4, [x0, #-16]!
	stp	x3, x4, [x1, #-16]!
	subs	x2, x2, #16
	b.ne	1b
enter:
	dsb	sy
	ic	iallu
	dsb	sy
	isb
	br	x9
down:
	ldr	x3, =relocate_offset
	add	x3, x0, x3
	br	x3

park:
	wfe
	b	park
	.ltorg

	.section .data_relocate, "aw"
relocate_down:
	ldp	x3, x4, [x0], #16
	stp	x3, x4, [x1], #16
	subs	x2, x2, #16
	b.ne	relocate_down
	dsb	sy
	ic	iallu
	dsb	sy
	isb
	br	x9

	.text
at_link_address:
	ldr	x0, =bss_start
	ldr	x1, =bss_end
	bl	clear_range

	/* Threads run on SP_EL0, so that every exception finds the IRQ stack in SP_EL1. */
	msr	spsel, #1
	ldr	x0, =irq_stack_top
	mov	sp, x0
	msr	spsel, #0
	ldr	x0, =main_stack_top
	mov	sp, x0
	ldr	x0, =vectors
	msr	vbar_el1, x0
	ldr	x0, =thread_pointer
	msr	tpidr_el0, x0
	isb
	msr	daifclr, #4		/* asynchronous aborts */

	ldr	x0, =boot_mode
	str	w20, [x0]
	ldr	x0, =boot_ticks
	str	x21, [x0]
	mov	x0, x19
	mov	x29, xzr		/* the end of every backtrace */
	mov	x30, xzr
	bl	boot_main
	.ltorg

	.section .note.GNU-stack, "", %progbits
