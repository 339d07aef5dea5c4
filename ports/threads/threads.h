/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port that stands for an RTOS: locks are mutexes, a wait sleeps on a condition, and each bus has a thread
 * for its bottom halves. What an interrupt is here is a thread's call of the transport's interrupt entry.
 *
 *	struct threads_bus t;
 *	threads_bus_start(&t);
 *	virtio_blk_init(&t.bus);
 *	threads_bus_call(&t, probe, ...);		virtio_mmio_probe(&t.bus, ...)
 *	... any thread: virtio_blk_read(virtio_blk_find(&t.bus, 0), ...)
 *	... the interrupt's thread: virtio_mmio_interrupt(irq, &vm)
 *
 * Devices are probed and removed in the bus's thread, so that no bottom half runs meanwhile.
 */
#ifndef PORTS_THREADS_THREADS_H
#define PORTS_THREADS_THREADS_H

#include "virtio/virtio.h"

struct threads_bus {
	struct virtio_bus bus;
	struct work_queue work;
	pthread_mutex_t lists;	   /* guards the queue's lists */
	pthread_rwlock_t sections; /* see port_device_enter() */
	pthread_t thread;
	pthread_mutex_t mutex; /* guards all that follows */
	pthread_cond_t changed;
	bool awake, stopping;
	int (*call)(void *arg); /* NULL: nobody waits for one */
	void *call_arg;
	int call_result;
	bool call_done;
};

/* Makes a bus and its thread. Returns 0 or a negative errno. */
int threads_bus_start(struct threads_bus *t);

/* Runs @fn in the bus's thread, between two bottom halves, and returns what it returns. Any other thread. */
int threads_bus_call(struct threads_bus *t, int (*fn)(void *arg), void *arg);

/* Serves an interrupt: calls @handler, a transport's interrupt entry. Any thread but the bus's. */
irqreturn_t threads_interrupt(struct threads_bus *t, irqreturn_t (*handler)(int irq, void *dev_id),
			      int irq, void *dev_id);

/* Ends the thread. All devices have been removed. */
void threads_bus_stop(struct threads_bus *t);

#endif
