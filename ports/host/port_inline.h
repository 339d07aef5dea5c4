/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock of virtio/port.h in the host port, which virtio/port.h includes: one thread, no lock. */
#ifndef PORTS_HOST_PORT_INLINE_H
#define PORTS_HOST_PORT_INLINE_H

static inline unsigned long port_lock(struct port_lock *lock)
{
	(void)lock;
	return 0;
}

static inline void port_unlock(struct port_lock *lock, unsigned long state)
{
	(void)lock;
	(void)state;
}

#endif
