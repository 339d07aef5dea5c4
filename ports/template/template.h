/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port to begin with: copy this folder, and go from one "FILL IN" to the next. It compiles as it stands, and
 * works as it stands in two cases: a hosted C program, and a bare Arm machine, each with one thread that polls.
 * port.c is what the library asks of you (the first half of virtio/port.h), devices.c is how you call it (the second).
 * With the amalgamation all includes become one: "vireo.h".
 */
#ifndef PORTS_TEMPLATE_TEMPLATE_H
#define PORTS_TEMPLATE_TEMPLATE_H

#include "virtio/virtio.h"

/* The instance of the library. Have as many as you like: nothing of the library is outside of it. */
extern struct virtio_bus template_bus;

/* A register block, as a board's manual or a device tree has it. */
struct template_slot {
	void *base; /* as the CPU reaches it: mapped as device memory, not cached */
	uint64_t phys;
	size_t size;
	int irq; /* negative: none */
};

/* Starts the drivers and probes each of @slots[0..count-1], of which TEMPLATE_SLOTS_MAX may hold devices. Once, in
 * thread context. Returns how many devices there are now, or a negative errno. */
#define TEMPLATE_SLOTS_MAX 32u
int template_start(const struct template_slot *slots, unsigned int count);

/* Line @irq is raised: to be called from your interrupt handler, or from a thread that waits for it. Returns whether a
 * device of ours had raised it. */
bool template_interrupt(int irq);

/* Gives all devices back. Thread context; nobody uses them any more. */
void template_stop(void);

#endif
