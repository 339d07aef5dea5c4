/* SPDX-License-Identifier: BSD-2-Clause */
/* What virtio/port.h calls a lock and an event, in the terms of POSIX threads. */
#ifndef PORTS_THREADS_PORT_TYPES_H
#define PORTS_THREADS_PORT_TYPES_H

#include <pthread.h>
#include <stdbool.h>

struct port_lock {
	pthread_mutex_t mutex;
};

struct port_event {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool signalled;
};

#endif
