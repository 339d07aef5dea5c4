/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CP15 registers of Armv7-A that turn the MMU and the caches on, with the long-descriptor
 * tables of LPAE (ARM DDI 0406C, B4.1), and what the ID registers say of the CPU.
 */
#include "boot/boot.h"
#include "boot/cpu.h"
#include "boot/image.h"
#include "boot/mmu.h"

#define TTBCR_LPAE	  BIT(31)
#define TTBCR_NO_TTBR1	  BIT(23)
#define TTBCR_WALK_INNER  (3u << 12)	       /* inner shareable */
#define TTBCR_WALK_CACHED (1u << 8 | 1u << 10) /* inner and outer write-back */

#define SCTLR_MMU    BIT(0)
#define SCTLR_DCACHE BIT(2)
#define SCTLR_BRANCH BIT(11) /* branch prediction */
#define SCTLR_ICACHE BIT(12)
#define SCTLR_WXN    BIT(19) /* what can be written cannot be executed */
#define SCTLR_RES1   0x00c50078u

#define MMFR0_VMSA_LPAE 5u

/* LPAE's tables lead from the one to the other. */
#define ADDRESS_BITS 32
#define PHYS_BITS    40

const char *const boot_mode_names[] = {"SVC", "HYP", "SVC (secure)"};
const unsigned int boot_mode_secure = 2;

const char *cpu_mmu_missing(void)
{
	uint32_t features;

	__asm__("mrc p15, 0, %0, c0, c1, 4" : "=r"(features));
	return (features & 0xf) < MMFR0_VMSA_LPAE
		       ? "this CPU has no LPAE, which the image needs even with highmem=off"
		       : NULL;
}

unsigned int cpu_address_bits(void)
{
	return ADDRESS_BITS;
}

unsigned int cpu_phys_bits(void)
{
	return PHYS_BITS;
}

void cpu_mmu_on(uint64_t root)
{
	uint32_t ttbcr = TTBCR_LPAE | TTBCR_NO_TTBR1 | TTBCR_WALK_INNER | TTBCR_WALK_CACHED;
	uint32_t sctlr =
		SCTLR_RES1 | SCTLR_MMU | SCTLR_DCACHE | SCTLR_BRANCH | SCTLR_ICACHE | SCTLR_WXN;

	/* All since reset was written past the cache: no line of it may be older than memory. */
	cache_invalidate_range(image_start, mmu_used_end());
	__asm__ volatile("mcr p15, 0, %2, c2, c0, 2\n\t"  /* TTBCR */
			 "isb\n\t"			  /* from here on TTBR0 has 64 bits */
			 "mcr p15, 0, %1, c10, c2, 0\n\t" /* MAIR0 */
			 "mcrr p15, 0, %Q0, %R0, c2\n\t"  /* TTBR0 */
			 "isb\n\t"
			 "mcr p15, 0, %2, c8, c7, 0\n\t" /* TLBIALL */
			 "mcr p15, 0, %2, c7, c5, 0\n\t" /* ICIALLU */
			 "mcr p15, 0, %2, c7, c5, 6\n\t" /* BPIALL */
			 "dsb\n\t"
			 "isb\n\t"
			 "mcr p15, 0, %3, c1, c0, 0\n\t" /* SCTLR */
			 "isb" ::"r"(root),
			 "r"(MMU_MAIR), "r"(ttbcr), "r"(sctlr)
			 : "memory");
}
