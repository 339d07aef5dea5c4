/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SMMUv3 as the specification has it (ARM IHI 0070), and as strict: it walks stream table, context descriptors
 * and translation tables in memory, and caches all of it until a command drops it and a CMD_SYNC makes
 * that certain. What a driver must not do is a violation. Registers are at an address of its own for each.
 */
#ifndef TESTS_DEVICE_REFSMMU_H
#define TESTS_DEVICE_REFSMMU_H

#include "lib/util.h"

#define REFSMMU_PHYS  0x9050000ull /* of the first; the next ones follow */
#define REFSMMU_SIZE  0x20000u
#define REFSMMUS      48u
#define REFSMMU_TLB   4096u
#define REFSMMU_CACHE 64u

struct refsmmu {
	/* For tests to set before the driver comes. */
	uint32_t idr0, idr1, idr5;
	bool no_ack;		/* CR0 is never acknowledged */
	bool gbpa_stuck;	/* a GBPA update never ends */
	bool stalled;		/* commands are not consumed */
	bool slow;		/* one command each time that somebody looks */
	bool abort_full;	/* an event that finds no room is a global error, not an overflow */
	unsigned int refuse_in; /* the nth command from now is illegal; 0: none */
	unsigned int refuse_again_in; /* and the nth from then */
	bool refuse_all;
	unsigned int cerror; /* and this is its code */
	void (*raise)(struct refsmmu *smmu, bool gerror);

	/* Registers. */
	uint32_t cr0, cr0ack, cr1, cr2, gbpa, irq_ctrl, gerror, gerrorn, strtab_cfg;
	uint64_t strtab_base, cmdq_base, eventq_base;
	uint32_t cmdq_prod, cmdq_cons, eventq_prod, eventq_cons;

	/* What it holds in its caches; @drop: gone with the next CMD_SYNC. */
	struct {
		bool used, drop;
		uint32_t sid;
		uint64_t l1, ste[8], cd[8];
	} cache[REFSMMU_CACHE];
	struct {
		bool used, drop, writable;
		unsigned int asid;
		uint64_t page, phys;
	} tlb[REFSMMU_TLB];
	bool caches_clean; /* all was dropped since the command queue is on */

	/* Counters. */
	unsigned long commands[256], syncs, events;
};

/* A new one, with features as QEMU's has them. */
struct refsmmu *refsmmu_new(void);

/* The one with its registers at @phys, and where the CPU finds them; NULL. */
void *refsmmu_ioremap(uint64_t phys);
struct refsmmu *refsmmu_at(const volatile void *reg, unsigned int *offset);

uint32_t refsmmu_read(struct refsmmu *smmu, unsigned int offset);
void refsmmu_write(struct refsmmu *smmu, unsigned int offset, uint32_t value);

/* A device's access: where @addr is in memory, or NULL where it was refused. */
void *refsmmu_access(struct refsmmu *smmu, uint32_t sid, uint64_t addr, bool write);

#endif
