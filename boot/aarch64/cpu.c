/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system registers of AArch64 that turn the MMU and the caches on (ARM DDI 0487, D17.2), and
 * what the ID registers say of the CPU.
 */
#include "boot/boot.h"
#include "boot/cpu.h"
#include "boot/image.h"
#include "boot/mmu.h"

#define TCR_T0SZ_48_BITS 16ull
#define TCR_WALK_CACHED	 (1ull << 8 | 1ull << 10) /* inner and outer write-back */
#define TCR_WALK_INNER	 (3ull << 12)		  /* inner shareable */
#define TCR_NO_TTBR1	 BIT_ULL(23)
#define TCR_IPS_SHIFT	 32

#define SCTLR_MMU      BIT_ULL(0)
#define SCTLR_DCACHE   BIT_ULL(2)
#define SCTLR_SP_ALIGN BIT_ULL(3)
#define SCTLR_ICACHE   BIT_ULL(12)
#define SCTLR_WXN      BIT_ULL(19) /* what can be written cannot be executed */
#define SCTLR_RES1     0x30d00800ull

#define PA_RANGE_48_BITS 5u

const char *const boot_mode_names[] = {"EL0", "EL1", "EL2", "EL3"};
const unsigned int boot_mode_secure = 3;

static unsigned int pa_range(void)
{
	uint64_t features;

	__asm__("mrs %0, id_aa64mmfr0_el1" : "=r"(features));
	return MIN((unsigned int)(features & 0xf), PA_RANGE_48_BITS);
}

const char *cpu_mmu_missing(void)
{
	return NULL;
}

unsigned int cpu_address_bits(void)
{
	static const uint8_t bits[] = {32, 36, 40, 42, 44, 48};

	return bits[pa_range()];
}

/* One identity map. */
unsigned int cpu_phys_bits(void)
{
	return cpu_address_bits();
}

void cpu_mmu_on(uint64_t root)
{
	uint64_t tcr = TCR_T0SZ_48_BITS | TCR_WALK_CACHED | TCR_WALK_INNER | TCR_NO_TTBR1 |
		       (uint64_t)pa_range() << TCR_IPS_SHIFT;
	uint64_t sctlr =
		SCTLR_RES1 | SCTLR_MMU | SCTLR_DCACHE | SCTLR_SP_ALIGN | SCTLR_ICACHE | SCTLR_WXN;

	/* All since reset was written past the cache: no line of it may be older than memory. */
	cache_invalidate_range(image_start, mmu_used_end());
	__asm__ volatile("msr mair_el1, %0\n\t"
			 "msr tcr_el1, %1\n\t"
			 "msr ttbr0_el1, %2\n\t"
			 "isb\n\t"
			 "tlbi vmalle1\n\t"
			 "ic iallu\n\t"
			 "dsb sy\n\t"
			 "isb\n\t"
			 "msr sctlr_el1, %3\n\t"
			 "isb" ::"r"((uint64_t)MMU_MAIR),
			 "r"(tcr), "r"(root), "r"(sctlr)
			 : "memory");
}
