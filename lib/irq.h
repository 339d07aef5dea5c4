/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt core: lines, the handlers that share them, and what is counted. Below it an
 * interrupt controller driver registers itself as the one irq_chip; the exception vector
 * calls irq_handle(). Handlers run with IRQs masked and do not nest.
 *
 * A line's number is the controller's own (for a GIC: the INTID, 32 to 1019 for SPIs, 8192 and up for
 * LPIs, which are messages and nothing else; see lib/msi.h).
 */
#ifndef LIB_IRQ_H
#define LIB_IRQ_H

#include "lib/irq_types.h"
#include "lib/util.h"

/* Trigger types, with the values of the device tree's interrupt flags. */
#define IRQF_TRIGGER_RISING  0x1u
#define IRQF_TRIGGER_FALLING 0x2u
#define IRQF_TRIGGER_HIGH    0x4u
#define IRQF_TRIGGER_LOW     0x8u
#define IRQF_TRIGGER_MASK    0xfu
#define IRQF_SHARED	     0x80u

#define IRQ_LINES     1024 /* lines 0 to 1023 */
#define IRQ_LPI_FIRST 8192 /* and IRQ_LPIS from here */
#define IRQ_LPIS      512
#define IRQ_SPURIOUS  (-1) /* irq_chip.acknowledge(): nothing was pending */

/* What an interrupt controller does; all are called with IRQs masked. */
struct irq_chip {
	const char *name;
	int (*acknowledge)(void); /* the line that is pending, or IRQ_SPURIOUS */
	void (*end)(int irq);	  /* done with a line that was acknowledged */
	void (*enable)(int irq);  /* unmask */
	void (*disable)(int irq); /* mask */
	int (*set_type)(int irq, unsigned int trigger); /* IRQF_TRIGGER_*, 0 or -EINVAL */
	unsigned long (*access_count)(
		void); /* to its registers in memory; NULL: none are counted */
};

/* Counters of one line. Spurious: taken, but no handler claimed it. */
struct irq_stats {
	unsigned long count;
	unsigned long unhandled;
};

/* Makes @chip the controller of all lines. Once, at boot. */
void irq_set_chip(const struct irq_chip *chip);

/* The name of the controller, "none" before there is one. */
const char *irq_chip_name(void);

/*
 * Installs @handler on line @irq and unmasks it. @flags: at most one IRQF_TRIGGER_* (none: as it
 * is), and IRQF_SHARED where other devices may use the line too; all sharers must say so and
 * agree on the trigger. @name (kept, not copied) is for messages. @dev_id is handed to the handler
 * and names it to free_irq(); unique on the line. Thread context.
 * Returns 0, -EINVAL (no such line, bad flags), -EBUSY (taken and not shared), -ENOMEM.
 */
int __must_check request_irq(int irq, irq_handler_t handler, unsigned int flags, const char *name,
			     void *dev_id);

/* Removes the handler; the last one masks the line. Returns 0 or -ENOENT. Thread context. */
int free_irq(int irq, void *dev_id);

/* Serves the interrupt that is pending; where there are more, the CPU comes back at once. With IRQs masked: by the
 * exception vector, and by who has woken up from WFI. */
void irq_handle(void);

/* True while a handler runs. */
bool in_interrupt(void);

/* Counters: of a line (all zero for one that does not exist), and interrupts that the
 * controller withdrew before they could be acknowledged. */
struct irq_stats irq_get_stats(int irq);
unsigned long irq_spurious_count(void);

/* Accesses to the controller's registers in memory so far: what interrupts cost besides instructions. */
unsigned long irq_chip_access_count(void);

/* How often irq_handle() has run: who sees it unchanged knows that no handler ran. Any context. */
unsigned long irq_taken_count(void);

/* Calls @visit for every handler, in the order of lines. */
void irq_for_each(void (*visit)(int irq, const char *name, void *arg), void *arg);

#endif
