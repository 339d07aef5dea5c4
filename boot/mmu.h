/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The translation tables: an identity map, but for registers that lie where no pointer reaches, in the long-descriptor format that LPAE and
 * VMSAv8-64 share. mmu.c fills the tables, <arch>/cpu.c tells the CPU of them.
 */
#ifndef BOOT_MMU_H
#define BOOT_MMU_H

#include "lib/util.h"

enum mmu_type {
	MMU_TEXT,   /* Normal memory, read-only, executable */
	MMU_RODATA, /* Normal memory, read-only */
	MMU_DATA,   /* Normal memory, read-write */
	MMU_DEVICE, /* Device-nGnRE, read-write */
};

/* Indexes into MAIR, which <arch>/cpu.c sets accordingly. */
#define MMU_ATTR_DEVICE 0
#define MMU_ATTR_NORMAL 1
#define MMU_MAIR	0xff04u /* attribute 1: Normal write-back; attribute 0: Device-nGnRE */

/*
 * Maps [@start, @end) to itself; both are rounded outwards to pages. What is mapped already
 * with the same @type stays. May be called before and after the MMU is on; thread context.
 * Returns 0, -ERANGE (beyond the address space), -EBUSY (mapped otherwise) or -ENOMEM (tables have
 * run out; a part may have been mapped).
 */
int mmu_map(uint64_t start, uint64_t end, enum mmu_type type);

/* The same for addresses that mean others: [@start, @end) is what lies at @phys. -EINVAL: the two differ within
 * a page. */
int mmu_map_at(uint64_t start, uint64_t end, uint64_t phys, enum mmu_type type);

/* Whether nothing of [@start, @end) is mapped, and all of it could be. */
bool mmu_is_free(uint64_t start, uint64_t end);

/* The first address that cannot be mapped, and the first physical one that nothing can be mapped to. */
uint64_t mmu_limit(void);
uint64_t mmu_phys_limit(void);

/* The root table, for cpu_mmu_on(), and the end of the tables that are in use. */
uint64_t mmu_root(void);
const void *mmu_used_end(void);

/* --- <arch>/cpu.c ------------------------------------------------------------------------ */

/* Why this CPU cannot use our tables, or NULL. */
const char *cpu_mmu_missing(void);

/* Bits of the addresses of our programs, and of physical ones. */
unsigned int cpu_address_bits(void);
unsigned int cpu_phys_bits(void);

/* MMU and caches on, with the tables at @root. */
void cpu_mmu_on(uint64_t root);

/* --- <arch>/calls.S ------------------------------------------------------------------------ */

/* Drops the data cache's lines of [@start, @end), which was written with the cache off. */
void cache_invalidate_range(const void *start, const void *end);

/* Fills [@start, @end), on boundaries of 16 bytes, with zeroes; also where memory behaves like a device. */
void clear_range(void *start, void *end);

#endif
