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

static inline bool port_device_enter(struct virtio_device *vdev)
{
	(void)vdev;
	return true;
}

static inline void port_device_leave(struct virtio_device *vdev)
{
	(void)vdev;
}

static inline void port_device_synchronize(struct virtio_device *vdev)
{
	(void)vdev;
}

#endif
