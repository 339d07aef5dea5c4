/* SPDX-License-Identifier: BSD-2-Clause */
/* What an interrupt handler is: all that those know of interrupts who only have one to offer. */
#ifndef LIB_IRQ_TYPES_H
#define LIB_IRQ_TYPES_H

typedef enum {
	IRQ_NONE,    /* not from this device */
	IRQ_HANDLED, /* acknowledged and served */
} irqreturn_t;

typedef irqreturn_t (*irq_handler_t)(int irq, void *dev_id);

#endif
