/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of fields are the specification's, so that this and the driver can only agree by being right. */
#include <string.h>
#include "tests/device/refsmmu.h"
#include "tests/device/violation.h"

static struct refsmmu smmus[REFSMMUS];
static char windows[REFSMMUS][REFSMMU_SIZE];
static unsigned int count;

enum { CR0_SMMUEN = 1, CR0_EVENTQEN = 4, CR0_CMDQEN = 8 };

struct refsmmu *refsmmu_new(void)
{
	struct refsmmu *smmu = &smmus[count++ % REFSMMUS];

	memset(smmu, 0, sizeof(*smmu));
	/* Stage 1, AArch64, coherent, 16-bit ASIDs, little-endian, no stalls, two levels */
	smmu->idr0 =
		1u << 1 | 2u << 2 | 1u << 4 | 1u << 12 | 2u << 21 | 1u << 24 | 1u << 26 | 1u << 27;
	smmu->idr1 = 16u | 19u << 16 | 19u << 21;
	smmu->idr5 = 1u << 4 | 5u;
	return smmu;
}

void *refsmmu_ioremap(uint64_t phys)
{
	uint64_t n = (phys - REFSMMU_PHYS) / REFSMMU_SIZE;

	return phys >= REFSMMU_PHYS && n < REFSMMUS ? windows[n] : NULL;
}

struct refsmmu *refsmmu_at(const volatile void *reg, unsigned int *offset)
{
	uintptr_t at = (uintptr_t)reg - (uintptr_t)windows;

	if (at >= sizeof(windows))
		return NULL;
	*offset = (unsigned int)(at % REFSMMU_SIZE);
	return &smmus[at / REFSMMU_SIZE];
}

static uint64_t bits(uint64_t value, unsigned int high, unsigned int low)
{
	return value >> low & (high - low == 63 ? UINT64_MAX : (1ull << (high - low + 1)) - 1);
}

static uint64_t load(uint64_t addr)
{
	uint64_t value;

	memcpy(&value, (const void *)(uintptr_t)addr, 8);
	return value;
}

static void pulse(struct refsmmu *smmu, bool gerror)
{
	if (smmu->raise && (smmu->irq_ctrl & (gerror ? 1 : 4)))
		smmu->raise(smmu, gerror);
}

static void global_error(struct refsmmu *smmu, unsigned int bit)
{
	if ((smmu->gerror ^ smmu->gerrorn) & BIT(bit))
		return;
	smmu->gerror ^= BIT(bit);
	pulse(smmu, true);
}

/* --- caches ---------------------------------------------------------------------------------- */

static void drop_config(struct refsmmu *smmu, uint32_t sid, bool all)
{
	for (unsigned int i = 0; i < REFSMMU_CACHE; i++)
		if (all || smmu->cache[i].sid == sid)
			smmu->cache[i].drop = true;
}

static void drop_tlb(struct refsmmu *smmu, bool all, unsigned int asid, bool one, uint64_t page)
{
	for (unsigned int i = 0; i < REFSMMU_TLB; i++)
		if (all || (smmu->tlb[i].asid == asid && (!one || smmu->tlb[i].page == page)))
			smmu->tlb[i].drop = true;
}

static void sync(struct refsmmu *smmu)
{
	for (unsigned int i = 0; i < REFSMMU_CACHE; i++)
		if (smmu->cache[i].drop)
			memset(&smmu->cache[i], 0, sizeof(smmu->cache[i]));
	for (unsigned int i = 0; i < REFSMMU_TLB; i++)
		if (smmu->tlb[i].drop)
			memset(&smmu->tlb[i], 0, sizeof(smmu->tlb[i]));
	smmu->caches_clean = smmu->commands[0x04] && smmu->commands[0x30];
	smmu->syncs++;
}

/* --- commands -------------------------------------------------------------------------------- */

static void reserved(uint64_t value, const char *what)
{
	if (value)
		violation("smmu: reserved bits of %s: %#llx", what, (unsigned long long)value);
}

/* Returns whether the command is one. */
static bool execute(struct refsmmu *smmu, uint64_t w0, uint64_t w1)
{
	unsigned int op = (unsigned int)bits(w0, 7, 0);

	if (smmu->refuse_all)
		return false;
	if (smmu->refuse_in && --smmu->refuse_in == 0) {
		smmu->refuse_in = smmu->refuse_again_in;
		smmu->refuse_again_in = 0;
		return false;
	}
	smmu->commands[op]++;
	reserved(bits(w0, 10, 8), "a command");
	switch (op) {
	case 0x03: /* CFGI_STE; a leaf alone leaves a cached first level */
		reserved(bits(w0, 31, 12) | bits(w1, 63, 1), "CFGI_STE");
		if (!(w1 & 1))
			drop_config(smmu, (uint32_t)bits(w0, 63, 32), false);
		return true;
	case 0x04: /* CFGI_STE_RANGE */
		reserved(bits(w0, 63, 12) | bits(w1, 63, 5), "CFGI_ALL");
		if (bits(w1, 4, 0) == 31)
			drop_config(smmu, 0, true);
		return true;
	case 0x05: /* CFGI_CD: the entry goes with it here */
		reserved(bits(w0, 31, 12) | bits(w1, 63, 1), "CFGI_CD");
		return true;
	case 0x11: /* TLBI_NH_ASID */
		reserved(bits(w0, 47, 12) | w1, "TLBI_NH_ASID");
		drop_tlb(smmu, false, (unsigned int)bits(w0, 63, 48), false, 0);
		return true;
	case 0x12: /* TLBI_NH_VA */
		reserved(bits(w0, 47, 12) | bits(w1, 11, 1), "TLBI_NH_VA");
		drop_tlb(smmu, false, (unsigned int)bits(w0, 63, 48), true, w1 & ~0xfffull);
		return true;
	case 0x30: /* TLBI_NSNH_ALL */
		reserved(bits(w0, 63, 12) | w1, "TLBI_NSNH_ALL");
		drop_tlb(smmu, true, 0, false, 0);
		return true;
	case 0x46: /* SYNC, without interrupt or event */
		reserved(bits(w0, 63, 12) | w1, "SYNC");
		sync(smmu);
		return true;
	default:
		violation("smmu: unknown command %#x", op);
		return false;
	}
}

static bool consume_one(struct refsmmu *smmu)
{
	unsigned int log2 = (unsigned int)bits(smmu->cmdq_base, 4, 0);
	uint32_t wrap = BIT(log2 + 1) - 1, index = smmu->cmdq_cons & (BIT(log2) - 1);
	uint64_t entry = (smmu->cmdq_base & 0x000fffffffffffe0ull) + index * 16ull;

	if (!(smmu->cr0 & CR0_CMDQEN) || smmu->stalled || ((smmu->gerror ^ smmu->gerrorn) & 1) ||
	    !((smmu->cmdq_prod ^ smmu->cmdq_cons) & wrap))
		return false;
	if (((smmu->cmdq_prod - smmu->cmdq_cons) & wrap) > BIT(log2))
		violation("smmu: more commands than the queue has");
	if (!execute(smmu, load(entry), load(entry + 8))) {
		smmu->cmdq_cons = (smmu->cmdq_cons & 0xfffff) | smmu->cerror << 24;
		global_error(smmu, 0);
		return false;
	}
	smmu->cmdq_cons = (smmu->cmdq_cons + 1) & wrap;
	return true;
}

static void consume(struct refsmmu *smmu)
{
	while (!smmu->slow && consume_one(smmu))
		;
}

/* --- registers ------------------------------------------------------------------------------- */

uint32_t refsmmu_read(struct refsmmu *smmu, unsigned int offset)
{
	switch (offset) {
	case 0x00:
		return smmu->idr0;
	case 0x04:
		return smmu->idr1;
	case 0x14:
		return smmu->idr5;
	case 0x24:
		return smmu->cr0ack;
	case 0x44:
		return smmu->gbpa;
	case 0x54:
		return smmu->irq_ctrl;
	case 0x60:
		return smmu->gerror;
	case 0x64:
		return smmu->gerrorn;
	case 0x9c:
		if (smmu->slow)
			consume_one(smmu);
		return smmu->cmdq_cons;
	case 0x100a8:
		return smmu->eventq_prod;
	default:
		violation("smmu: read of %#x", offset);
		return 0;
	}
}

/* A base that may not change now, or does not lie where its size wants it. */
static void check_base(const struct refsmmu *smmu, uint32_t enable, const char *what)
{
	if (smmu->cr0 & enable)
		violation("smmu: %s changes while it is on", what);
}

static void check_queue(uint64_t base, unsigned int entry, unsigned int most, const char *what)
{
	unsigned int log2 = (unsigned int)bits(base, 4, 0);
	uint64_t size = MAX((uint64_t)entry << log2, 32);

	if (log2 > most || ((base & 0x000fffffffffffe0ull) & (size - 1)) || !(base & BIT_ULL(62)))
		violation("smmu: %s base %#llx", what, (unsigned long long)base);
}

static void check_table(const struct refsmmu *smmu)
{
	unsigned int log2 = (unsigned int)bits(smmu->strtab_cfg, 5, 0);
	unsigned int split = (unsigned int)bits(smmu->strtab_cfg, 10, 6);
	bool two = bits(smmu->strtab_cfg, 17, 16) == 1;
	uint64_t size = two ? MAX(8ull << (log2 - split), 64) : 64ull << log2;

	if ((smmu->strtab_base & 0x000fffffffffffc0ull) & (size - 1))
		violation("smmu: the stream table is not aligned");
	if (two && (bits(smmu->idr0, 28, 27) != 1 || (split != 6 && split != 8 && split != 10)))
		violation("smmu: two levels, split %u", split);
	if (log2 > bits(smmu->idr1, 5, 0))
		violation("smmu: %u bits of stream ids", log2);
}

static void write_cr0(struct refsmmu *smmu, uint32_t value)
{
	uint32_t on = value & ~smmu->cr0;

	if (on & CR0_CMDQEN) {
		check_queue(smmu->cmdq_base, 16, (unsigned int)bits(smmu->idr1, 25, 21), "command");
		smmu->commands[0x04] = smmu->commands[0x30] = 0;
		smmu->caches_clean = false;
	}
	if (on & CR0_EVENTQEN)
		check_queue(smmu->eventq_base, 32, (unsigned int)bits(smmu->idr1, 20, 16), "event");
	if (on & CR0_SMMUEN) {
		check_table(smmu);
		if (!smmu->caches_clean)
			violation("smmu: on, with old contents in its caches");
		if (!(smmu->cr0 & CR0_CMDQEN) || smmu->cr1 != 0xd75)
			violation("smmu: on, without commands or coherence");
	}
	smmu->cr0 = value;
	if (!smmu->no_ack)
		smmu->cr0ack = value;
	consume(smmu);
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
	if (high)
		*reg = (*reg & UINT32_MAX) | (uint64_t)value << 32;
	else
		*reg = (*reg & ~(uint64_t)UINT32_MAX) | value;
}

void refsmmu_write(struct refsmmu *smmu, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case 0x20:
		write_cr0(smmu, value);
		break;
	case 0x28:
		smmu->cr1 = value;
		break;
	case 0x2c:
		smmu->cr2 = value;
		break;
	case 0x44:
		smmu->gbpa = smmu->gbpa_stuck ? value : value & ~BIT(31);
		break;
	case 0x50:
		smmu->irq_ctrl = value;
		break;
	case 0x64:
		smmu->gerrorn = value;
		consume(smmu);
		break;
	case 0x68:
	case 0x6c:
	case 0xb0:
	case 0xb4:
		if (value || !bits(smmu->idr0, 13, 13))
			violation("smmu: an MSI that nobody has set up");
		break;
	case 0x80:
	case 0x84:
		check_base(smmu, CR0_SMMUEN, "the stream table");
		set_half(&smmu->strtab_base, offset & 4, value);
		break;
	case 0x88:
		check_base(smmu, CR0_SMMUEN, "the stream table");
		smmu->strtab_cfg = value;
		break;
	case 0x90:
	case 0x94:
		check_base(smmu, CR0_CMDQEN, "the command queue");
		set_half(&smmu->cmdq_base, offset & 4, value);
		break;
	case 0x98:
		smmu->cmdq_prod = value;
		consume(smmu);
		break;
	case 0x9c:
		check_base(smmu, CR0_CMDQEN, "the command queue");
		smmu->cmdq_cons = value;
		break;
	case 0xa0:
	case 0xa4:
		check_base(smmu, CR0_EVENTQEN, "the event queue");
		set_half(&smmu->eventq_base, offset & 4, value);
		break;
	case 0x100a8:
		check_base(smmu, CR0_EVENTQEN, "the event queue");
		smmu->eventq_prod = value;
		break;
	case 0x100ac:
		smmu->eventq_cons = value;
		break;
	default:
		violation("smmu: write of %#x", offset);
	}
}

/* --- events ---------------------------------------------------------------------------------- */

static void *event(struct refsmmu *smmu, unsigned int type, uint32_t sid, uint64_t addr, bool write)
{
	unsigned int log2 = (unsigned int)bits(smmu->eventq_base, 4, 0);
	uint32_t wrap = BIT(log2 + 1) - 1;
	uint32_t used = (smmu->eventq_prod - smmu->eventq_cons) & wrap;
	uint64_t *record = (uint64_t *)(uintptr_t)((smmu->eventq_base & 0x000fffffffffffe0ull) +
						   (smmu->eventq_prod & (BIT(log2) - 1)) * 32ull);

	if (!(smmu->cr0 & CR0_EVENTQEN))
		return NULL;
	if (used == BIT(log2)) {
		if (smmu->abort_full)
			global_error(smmu, 2);
		else if (!((smmu->eventq_prod ^ smmu->eventq_cons) & BIT(31)))
			smmu->eventq_prod ^= BIT(31);
		return NULL;
	}
	record[0] = type | (uint64_t)sid << 32;
	record[1] = write ? 0 : BIT_ULL(35);
	record[2] = addr;
	record[3] = 0;
	smmu->eventq_prod = (smmu->eventq_prod & BIT(31)) | ((smmu->eventq_prod + 1) & wrap);
	smmu->events++;
	if (!used)
		pulse(smmu, false);
	return NULL;
}

/* --- translation ----------------------------------------------------------------------------- */

/* Where the entry of @sid is; 0 after an event. */
static uint64_t ste_address(struct refsmmu *smmu, uint32_t sid, uint64_t *l1)
{
	unsigned int log2 = (unsigned int)bits(smmu->strtab_cfg, 5, 0);
	unsigned int split = (unsigned int)bits(smmu->strtab_cfg, 10, 6);
	uint64_t base = smmu->strtab_base & 0x000fffffffffffc0ull;
	uint64_t span;

	if (sid >> log2) {
		if (smmu->cr2 & BIT(1))
			event(smmu, 0x02, sid, 0, false);
		return 0;
	}
	if (bits(smmu->strtab_cfg, 17, 16) == 0)
		return base + sid * 64ull;
	*l1 = load(base + (sid >> split) * 8ull);
	span = bits(*l1, 4, 0);
	if (!span || sid % BIT(split) >= 1u << (span - 1)) {
		event(smmu, 0x02, sid, 0, false);
		return 0;
	}
	if (span - 1 > split)
		violation("smmu: a span of %u", (unsigned int)span);
	return (*l1 & 0x000fffffffffffc0ull) + sid % BIT(split) * 64ull;
}

/* The index in the cache of the configuration of @sid, read where it is not there; -1 after an event. */
static int find_config(struct refsmmu *smmu, uint32_t sid)
{
	int unused = 0;
	uint64_t addr, l1 = 0;

	for (unsigned int i = 0; i < REFSMMU_CACHE; i++) {
		if (smmu->cache[i].used && smmu->cache[i].sid == sid)
			return (int)i;
		if (!smmu->cache[i].used)
			unused = (int)i;
	}
	addr = ste_address(smmu, sid, &l1);
	if (!addr)
		return -1;
	smmu->cache[unused].used = true;
	smmu->cache[unused].sid = sid;
	smmu->cache[unused].l1 = l1;
	memcpy(smmu->cache[unused].ste, (void *)(uintptr_t)addr, 64);
	if (bits(smmu->cache[unused].ste[0], 3, 1) == 5)
		memcpy(smmu->cache[unused].cd,
		       (void *)(uintptr_t)(smmu->cache[unused].ste[0] & 0x000fffffffffffc0ull), 64);
	return unused;
}

static bool ste_good(const struct refsmmu *smmu, const uint64_t *ste)
{
	if (!(ste[0] & 1))
		return false;
	if (bits(ste[0], 3, 1) == 4)
		return true;
	if (bits(ste[0], 3, 1) != 5 || bits(ste[0], 5, 4) || bits(ste[0], 63, 59)) {
		violation("smmu: STE %#llx", (unsigned long long)ste[0]);
		return false;
	}
	if (bits(ste[1], 27, 27) && bits(smmu->idr0, 25, 24) == 1)
		return false;
	if (!bits(ste[1], 27, 27) && bits(smmu->idr0, 25, 24) == 0)
		violation("smmu: the stream may stall");
	if (bits(ste[1], 7, 2) != 0x35 || bits(ste[1], 31, 28))
		violation("smmu: STE word 1 %#llx", (unsigned long long)ste[1]);
	return true;
}

static bool cd_good(const struct refsmmu *smmu, const uint64_t *cd)
{
	unsigned int tsz = (unsigned int)bits(cd[0], 5, 0);

	if (!bits(cd[0], 31, 31) || !bits(cd[0], 41, 41) || bits(cd[0], 44, 42) ||
	    !bits(cd[0], 46, 46))
		return false;
	if (tsz < 16 || tsz > 39 || bits(cd[0], 7, 6) || bits(cd[0], 15, 14))
		return false;
	if (!bits(cd[0], 30, 30) || bits(cd[0], 13, 8) != 0x35 || !bits(cd[0], 45, 45) ||
	    !bits(cd[0], 47, 47) || bits(cd[0], 34, 32) > bits(smmu->idr5, 2, 0))
		violation("smmu: CD %#llx", (unsigned long long)cd[0]);
	return true;
}

static unsigned int output_bits(uint64_t field)
{
	static const uint8_t sizes[] = {32, 36, 40, 42, 44, 48, 52, 52};

	return sizes[field & 7];
}

/* What is wrong with a page's entry for this access: an event's type, or 0. */
static unsigned int check_page(const uint64_t *cd, uint64_t pte, bool write)
{
	unsigned int attr = (unsigned int)bits(cd[3], (unsigned int)bits(pte, 4, 2) * 8 + 7,
					       (unsigned int)bits(pte, 4, 2) * 8);

	if (!bits(pte, 11, 11))
		violation("smmu: a global entry, which all domains hit");
	if (!bits(pte, 54, 54) || (attr == 0xff && bits(pte, 9, 8) != 3) ||
	    (attr != 0xff && attr != 0x04))
		violation("smmu: entry %#llx, memory type %#x", (unsigned long long)pte, attr);
	if (!bits(pte, 10, 10))
		return 0x12;
	if ((pte & 0x0000fffffffff000ull) >> output_bits(bits(cd[0], 34, 32)))
		return 0x11;
	if (!bits(pte, 6, 6) || (write && bits(pte, 7, 7)))
		return 0x13;
	return 0;
}

/* Walks the tables. Returns an event's type, or 0 and the entry. */
static unsigned int walk(const uint64_t *cd, uint64_t addr, bool write, uint64_t *pte)
{
	unsigned int va_bits = 64 - (unsigned int)bits(cd[0], 5, 0);
	unsigned int level = 4 - (va_bits - 4) / 9;
	uint64_t table = cd[1] & 0x000ffffffffffff0ull;

	if (addr >> va_bits)
		return 0x10;
	for (; level < 4; level++) {
		*pte = load(table + (addr >> (39 - 9 * level)) % 512 * 8);
		if (!(*pte & 1) || (level == 3 && !(*pte & 2)))
			return 0x10;
		if (level < 3 && !(*pte & 2)) {
			violation("smmu: a block at level %u", level);
			return 0x10;
		}
		table = *pte & 0x0000fffffffff000ull;
	}
	return check_page(cd, *pte, write);
}

static int find_tlb(const struct refsmmu *smmu, unsigned int asid, uint64_t page)
{
	for (unsigned int i = 0; i < REFSMMU_TLB; i++)
		if (smmu->tlb[i].used && smmu->tlb[i].asid == asid && smmu->tlb[i].page == page)
			return (int)i;
	return -1;
}

static void fill_tlb(struct refsmmu *smmu, unsigned int asid, uint64_t page, uint64_t pte)
{
	for (unsigned int i = 0; i < REFSMMU_TLB; i++) {
		if (smmu->tlb[i].used)
			continue;
		smmu->tlb[i].used = true;
		smmu->tlb[i].asid = asid;
		smmu->tlb[i].page = page;
		smmu->tlb[i].phys = pte & 0x0000fffffffff000ull;
		smmu->tlb[i].writable = !bits(pte, 7, 7);
		return;
	}
	violation("smmu: the simulated TLB is too small");
}

void *refsmmu_access(struct refsmmu *smmu, uint32_t sid, uint64_t addr, bool write)
{
	uint64_t page = addr & ~0xfffull, pte;
	const uint64_t *ste, *cd;
	unsigned int asid, type;
	int i;

	if (!(smmu->cr0 & CR0_SMMUEN))
		return smmu->gbpa & BIT(20) ? NULL : (void *)(uintptr_t)addr;
	i = find_config(smmu, sid);
	if (i < 0)
		return NULL;
	ste = smmu->cache[i].ste;
	cd = smmu->cache[i].cd;
	if (!ste_good(smmu, ste)) {
		smmu->cache[i].used = false;
		return event(smmu, 0x04, sid, 0, write);
	}
	if (bits(ste[0], 3, 1) == 4)
		return (void *)(uintptr_t)addr;
	if (!cd_good(smmu, cd)) {
		smmu->cache[i].used = false;
		return event(smmu, 0x0a, sid, 0, write);
	}
	asid = (unsigned int)bits(cd[0], 63, 48);
	i = find_tlb(smmu, asid, page);
	if (i < 0) {
		type = walk(cd, addr, write, &pte);
		if (type)
			return event(smmu, type, sid, addr, write);
		fill_tlb(smmu, asid, page, pte);
		i = find_tlb(smmu, asid, page);
	}
	if (write && !smmu->tlb[i].writable)
		return event(smmu, 0x13, sid, addr, write);
	return (void *)(uintptr_t)(smmu->tlb[i].phys + addr % 4096);
}
