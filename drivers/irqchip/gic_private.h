/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers that GICv2 (ARM IHI 0048, 4.1.2) and GICv3 (ARM IHI 0069, 12.8) have in common, and
 * the helpers for them. A block of them is the distributor, or in version 3 the frame of a
 * redistributor that holds the private lines 0 to 31 in the same layout.
 */
#ifndef DRIVERS_IRQCHIP_GIC_PRIVATE_H
#define DRIVERS_IRQCHIP_GIC_PRIVATE_H

#include <arch/mmio.h>
#include "lib/util.h"

#define GICD_CTLR	0x0000u
#define GICD_TYPER	0x0004u
#define GICD_IGROUPR	0x0080u /* a bit a line */
#define GICD_ISENABLER	0x0100u
#define GICD_ICENABLER	0x0180u
#define GICD_ICPENDR	0x0280u
#define GICD_ICACTIVER	0x0380u
#define GICD_IPRIORITYR 0x0400u /* a byte a line */
#define GICD_ITARGETSR	0x0800u /* a byte a line, version 2 */
#define GICD_ICFGR	0x0c00u /* two bits a line, the upper one: edge */
#define GICD_IGRPMODR	0x0d00u /* version 3 */
#define GICD_IROUTER	0x6000u /* 8 bytes a line, version 3 */

/* Of a redistributor. */
#define GICR_CTLR      0x0000u
#define GICR_CTLR_RWP  0x00000008u
#define GICR_TYPER_LOW 0x0008u

#define GIC_SPI_FIRST  32
#define GIC_SPI_LAST   1019
#define GIC_PPI_FIRST  16
#define GIC_INTID_MASK 0x3ffu	   /* without extended ranges and LPIs */
#define GIC_PRIORITY   0xa0a0a0a0u /* that of four lines */
#define GIC_PRIORITIES 0xf0u	   /* let all pass that are more urgent than this */
#define GIC_POLLS      1000000u

/* A register block, mapped and physical (for machine_secure_write32()). */
struct gic_block {
	char *base;
	uint64_t phys;
};

extern unsigned long gic_accesses; /* by the next two, of which every interrupt needs some */
unsigned long gic_access_count(void);

static inline uint32_t gic_read(const struct gic_block *block, unsigned int reg)
{
	gic_accesses++;
	return mmio_read32(block->base + reg);
}

static inline void gic_write(const struct gic_block *block, unsigned int reg, uint32_t value)
{
	gic_accesses++;
	mmio_write32(block->base + reg, value);
}

static inline uint64_t gic_read64(const struct gic_block *block, unsigned int reg)
{
	gic_accesses++;
	return mmio_read64(block->base + reg);
}

static inline void gic_write64(const struct gic_block *block, unsigned int reg, uint64_t value)
{
	gic_accesses++;
	mmio_write64(block->base + reg, value);
}

/* Writes as the secure world where that is ours to set up; else does nothing. */
void gic_secure_write(const struct gic_block *block, unsigned int reg, uint32_t value);

/* Maps entry @index of @node's "reg", at most @max_size bytes of it. */
int gic_map(int node, unsigned int index, size_t max_size, struct gic_block *block);

/* The number of lines, private ones included, of the distributor @dist: 32 to 1020. */
int gic_line_count(const struct gic_block *dist);

/* Whether an acknowledged INTID is a line (1020 to 1023 are not). */
static inline bool gic_is_line(uint32_t intid)
{
	return intid <= GIC_SPI_LAST;
}

/* Writes the bit of line @irq of a set or clear register (0: no effect on the others). */
void gic_write_bit(const struct gic_block *block, unsigned int reg, int irq);

/* Until @bit of @reg is clear, or for a while. */
void gic_wait_clear(const struct gic_block *block, unsigned int reg, uint32_t bit);

/* Disables, forgets and gives the common priority to lines @first to @end - 1 (multiples of 32). */
void gic_quiesce(const struct gic_block *block, int first, int end);

/* Sets the trigger of @irq, which is disabled. 0, or -EINVAL where the GIC cannot have it. */
int gic_set_trigger(const struct gic_block *block, int irq, unsigned int trigger);

/* Registers the message frames (GICv2m) among the children of the GIC's node. */
void gic_v2m_init(int gic_node, const struct gic_block *dist, int line_count);

/* The two versions, each given its node in the device tree. As gic_init(). */
int gic_v2_init(int node);
int gic_v3_init(int node);

#endif
