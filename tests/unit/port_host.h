/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port of the unit tests: a machine with a clock that only moves when somebody waits, an
 * interrupt mask that is a counter, memory that is counted and can run out on command. It
 * notices when the code under test breaks the port's contract (virtio/port.h): locks that nest or
 * are not released, waiting or allocating where it must not.
 */
#ifndef TESTS_UNIT_PORT_HOST_H
#define TESTS_UNIT_PORT_HOST_H

#include "virtio/port.h"

/* For cmocka: everything as at boot; and afterwards: nothing leaked, no rule broken. */
int port_host_setup(void **state);
int port_host_teardown(void **state);

/* The @nth allocation from now fails (1: the next; 0: none); port_alloc() and
 * dma_alloc_coherent() count alike. port_host_alloc_failed(): whether it has come to that. */
void port_host_fail_alloc(unsigned int nth);
bool port_host_alloc_failed(void);

/* From now on every allocation is a violation. */
void port_host_forbid_alloc(bool forbid);

/* While @on, what is freed keeps its contents until the end, as where somebody in thread context may
 * still point to it (ports/bare). */
void port_host_hold(bool on);

/* Blocks that live. */
unsigned int port_host_live(void);

/* Moves the clock. */
void port_host_advance(uint64_t ns);

/* Calls @fn(@arg) when the clock passes @ns from now, during a wait or a delay. One at a time. */
void port_host_after(uint64_t ns, void (*fn)(void *arg), void *arg);

/* Whether the device runs, and interrupts come, at every moment the CPU lets them: after each
 * port_unlock(). Otherwise only in waits and in refdev_pump(). */
void port_host_eager(bool eager);

/* Whether devices run while the driver delays; no interrupt comes then. For drivers that poll with interrupts
 * masked, as a device on another CPU would answer them. */
void port_host_run_in_delays(bool on);

/* Messages at @level or worse since the setup, and the last one. */
unsigned int port_host_messages(enum log_level level);
const char *port_host_last_message(void);

#endif
