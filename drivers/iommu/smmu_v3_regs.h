/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the SMMUv3's registers, commands, events and tables look like (ARM IHI 0070). Structures in
 * memory are little-endian words of 64 bits, which are named by their number.
 */
#ifndef DRIVERS_IOMMU_SMMU_V3_REGS_H
#define DRIVERS_IOMMU_SMMU_V3_REGS_H

#include "lib/util.h"

/* --- registers (6.3); those of 64 bits are written as two of 32 ------------------------------- */

#define SMMU_SIZE 0x20000u /* two pages of 64 KiB */

#define SMMU_IDR0	  0x0000u
#define IDR0_S1P	  BIT(1)
#define IDR0_TTF_AARCH64  BIT(3)
#define IDR0_COHACC	  BIT(4)
#define IDR0_ATS	  BIT(10)
#define IDR0_ASID16	  BIT(12)
#define IDR0_MSI	  BIT(13)
#define IDR0_TTENDIAN(r)  ((r) >> 21 & 3)
#define TTENDIAN_BIG	  3u
#define IDR0_STALL(r)	  ((r) >> 24 & 3)
#define STALL_POSSIBLE	  0u
#define STALL_FORCED	  2u
#define IDR0_ST_LEVEL(r)  ((r) >> 27 & 3)
#define SMMU_IDR1	  0x0004u
#define IDR1_SIDSIZE(r)	  ((r)&0x3f)
#define IDR1_EVENTQS(r)	  ((r) >> 16 & 0x1f)
#define IDR1_CMDQS(r)	  ((r) >> 21 & 0x1f)
#define IDR1_PRESET	  (BIT(30) | BIT(29)) /* tables or queues are at a fixed place */
#define SMMU_IDR5	  0x0014u
#define IDR5_OAS(r)	  ((r)&7)
#define IDR5_GRAN4K	  BIT(4)
#define SMMU_CR0	  0x0020u
#define SMMU_CR0ACK	  0x0024u
#define CR0_SMMUEN	  BIT(0)
#define CR0_EVENTQEN	  BIT(2)
#define CR0_CMDQEN	  BIT(3)
#define CR0_ATSCHK	  BIT(4)
#define SMMU_CR1	  0x0028u
#define CR1_WRITE_BACK	  0xd75u /* tables and queues: inner shareable, write-back */
#define SMMU_CR2	  0x002cu
#define CR2_RECINVSID	  BIT(1) /* record accesses by streams beyond the table */
#define CR2_PTM		  BIT(2) /* the CPU's broadcast invalidations are not for us */
#define SMMU_GBPA	  0x0044u
#define GBPA_ABORT	  BIT(20)
#define GBPA_UPDATE	  BIT(31)
#define SMMU_IRQ_CTRL	  0x0050u
#define SMMU_IRQ_CTRLACK  0x0054u
#define IRQ_CTRL_GERROR	  BIT(0)
#define IRQ_CTRL_EVENTQ	  BIT(2)
#define SMMU_GERROR	  0x0060u
#define SMMU_GERRORN	  0x0064u
#define GERROR_CMDQ	  BIT(0)
#define GERROR_EVENTQ_ABT BIT(2)
#define GERROR_SFM	  BIT(8)
#define SMMU_GERROR_IRQ	  0x0068u /* 64 bits: where an MSI goes; 0: there is none */
#define SMMU_STRTAB_BASE  0x0080u
#define BASE_ALLOCATE	  BIT_ULL(62) /* this base, and those of the queues */
#define SMMU_STRTAB_CFG	  0x0088u
#define STRTAB_CFG(bits)  (bits)
#define STRTAB_SPLIT(n)	  ((uint32_t)(n) << 6)
#define STRTAB_TWO_LEVEL  BIT(16)
#define SMMU_CMDQ_BASE	  0x0090u
#define SMMU_CMDQ_PROD	  0x0098u
#define SMMU_CMDQ_CONS	  0x009cu
#define CMDQ_CONS_ERR(r)  ((r) >> 24 & 0x7f)
#define CERROR_ILL	  1u
#define SMMU_EVENTQ_BASE  0x00a0u
#define SMMU_EVENTQ_IRQ	  0x00b0u
#define SMMU_EVENTQ_PROD  0x100a8u /* these two in the second page */
#define SMMU_EVENTQ_CONS  0x100acu
#define EVENTQ_OVERFLOW	  BIT(31)

/* --- commands (4) ------------------------------------------------------------------------------ */

#define CMD_WORDS	 2
#define CMD_CFGI_STE	 0x03u
#define CMD_CFGI_ALL	 0x04u
#define CFGI_ALL_RANGE	 31u /* in word 1 */
#define CMD_CFGI_CD	 0x05u
#define CFGI_LEAF	 1u /* in word 1: the tables above stayed as they are */
#define CMD_TLBI_NH_ASID 0x11u
#define CMD_TLBI_NH_VA	 0x12u
#define TLBI_LEAF	 1u /* in word 1, below the address */
#define CMD_TLBI_NSNH	 0x30u
#define CMD_SYNC	 0x46u
#define CMD_SID(id)	 ((uint64_t)(id) << 32)
#define CMD_ASID(asid)	 ((uint64_t)(asid) << 48)

/* --- events (7.3) ------------------------------------------------------------------------------ */

#define EVENT_WORDS    4
#define EVENT_TYPE(w0) ((unsigned int)(w0)&0xff)
#define EVENT_SID(w0)  ((uint32_t)((w0) >> 32))
#define EVENT_READ     BIT_ULL(35) /* in word 1 */
#define EVENT_ADDRESS  2	   /* this word */

/* --- stream table (5.1, 5.2) ------------------------------------------------------------------- */

#define STE_WORDS	   8
#define STE_BYTES	   64u
#define STE_VALID	   BIT_ULL(0)
#define STE_CONFIG_S1	   (5ull << 1) /* stage 1 translates, stage 2 is bypassed */
#define STE_CONFIG_BYPASS  (4ull << 1)
#define STE_CD_ADDRESS	   0x000fffffffffffc0ull
#define STE1_CD_WRITE_BACK (1ull << 2 | 1ull << 4 | 3ull << 6)
#define STE1_S1STALLD	   BIT_ULL(27)
#define STE1_SHARE_INPUT   (1ull << 44)
#define L1_SPAN(n)	   ((uint64_t)(n) + 1) /* a table of 2^n entries */

/* --- context descriptor (5.4) ------------------------------------------------------------------ */

#define CD_WORDS	 8
#define CD_T0SZ(bits)	 (64ull - (bits))
#define CD_WALK_COHERENT (1ull << 8 | 1ull << 10 | 3ull << 12)
#define CD_EPD1		 BIT_ULL(30) /* no table for the upper half */
#define CD_VALID	 BIT_ULL(31)
#define CD_IPS(oas)	 ((uint64_t)(oas) << 32)
#define CD_AA64		 BIT_ULL(41)
#define CD_RECORD	 BIT_ULL(45)
#define CD_ABORT	 BIT_ULL(46)
#define CD_ASET		 BIT_ULL(47) /* the ASID is not one of the CPU's */
#define CD_ASID(asid)	 ((uint64_t)(asid) << 48)
#define CD1_TTB		 0x000ffffffffff000ull
#define CD3_MAIR	 0x04ffull /* attribute 0: write-back, 1: Device-nGnRE */

/* --- translation tables (ARM DDI 0487, D8.3) ---------------------------------------------------- */

#define PTE_VALID      BIT_ULL(0)
#define PTE_TABLE      BIT_ULL(1) /* or a page, at the last level */
#define PTE_DEVICE     (1ull << 2)
#define PTE_UNPRIV     BIT_ULL(6)
#define PTE_READONLY   BIT_ULL(7)
#define PTE_INNER      (3ull << 8)
#define PTE_ACCESSED   BIT_ULL(10)
#define PTE_NOT_GLOBAL BIT_ULL(11)
#define PTE_NO_EXEC    (BIT_ULL(53) | BIT_ULL(54))
#define PTE_ADDRESS    0x0000fffffffff000ull

#endif
