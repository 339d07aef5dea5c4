/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of virtio/port.h is inline on the bare machine, and included there: one CPU, so masking IRQs
 * is the lock. It is taken a few times for each request, often where IRQs are masked anyway.
 */
#ifndef PORTS_BARE_PORT_INLINE_H
#define PORTS_BARE_PORT_INLINE_H

#include <arch/cpu.h>

static inline unsigned long port_lock(struct port_lock *lock)
{
	(void)lock;
	return irq_save();
}

static inline void port_unlock(struct port_lock *lock, unsigned long state)
{
	(void)lock;
	irq_restore(state);
}

struct virtio_device;

#endif
