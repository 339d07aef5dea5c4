/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile device behind the MMIO transport: a register block (VIRTIO 1.4, 4.2.2) that answers
 * like a device, its queues, and a step function that does what the next bytes of the input say:
 * serve a request with an answer out of the input, raise interrupts, change the config space, or lie.
 * A driver's target probes it with hdev_start(), calls the driver and hdev_step() in turn, and ends
 * with hdev_end(), which expects that the driver left nothing behind.
 */
#ifndef TESTS_FUZZ_HDEV_H
#define TESTS_FUZZ_HDEV_H

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hring.h"
#include "virtio/virtio_mmio.h"

#define HDEV_QUEUES	  4u
#define HDEV_CONFIG_BYTES 64u

/* Checks that @call, with a timeout of @timeout_ns, does not last longer than that, the resets that may
 * follow, and a little. */
#define hdev_bounded(timeout_ns, call)                                                 \
	do {                                                                           \
		uint64_t before_ns = port_now_ns();                                    \
		(void)!(call);                                                         \
		fuzz_check(port_now_ns() - before_ns <= (timeout_ns) + HDEV_GRACE_NS); \
	} while (0)
#define HDEV_GRACE_NS (5 * NSEC_PER_SEC)

struct hdev {
	struct virtio_mmio_device vm;
	uint32_t id, version;
	uint64_t features; /* offered */
	uint32_t queue_max;
	uint8_t config[HDEV_CONFIG_BYTES];
	/* Lets every read of a register be answered by the input from time to time. */
	bool lying_registers;
	/* Answers @chain of @queue: fills it in, and returns the bytes that it says it wrote. NULL: all
	 * of it is filled out of the input. */
	uint32_t (*answer)(unsigned int queue, const struct hchain *chain);
};

extern struct hdev hdev;

/* A device of type @id: the rest, what it offers and how it is connected, comes from the input, but for the
 * features of @wanted, which it offers mostly. Probes it; whether a driver is alive shows in
 * hdev.vm.vdev.state. */
void hdev_start(uint32_t id, uint64_t wanted,
		uint32_t (*answer)(unsigned int queue, const struct hchain *chain));

/* The device's next step, and the interrupts that follow. Thread context. */
void hdev_step(void);

/* Lets @ns pass, in which the device steps and work items run. */
void hdev_run(uint64_t ns);

/* Removes the driver, and ends the run. */
void hdev_end(void);

/* The device returns all that it can get at, in good order, so that nobody waits for it. */
void hdev_serve_all(void);

#endif
