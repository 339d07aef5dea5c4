/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile device behind the MMIO transport, or (hdev_pci.c) behind PCI: a register block (VIRTIO 1.4,
 * 4.2.2) that answers like a device, its queues, and a step function that does what the next bytes of the input say:
 * serve a request with an answer out of the input, raise interrupts, change the config space, or lie.
 * A driver's target probes it with hdev_start(), calls the driver and hdev_step() in turn, and ends
 * with hdev_end(), which expects that the driver left nothing behind.
 */
#ifndef TESTS_FUZZ_HDEV_H
#define TESTS_FUZZ_HDEV_H

#include "tests/device/test_bus.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hring.h"
#include "virtio/virtio_mmio.h"
#include "virtio/virtio_pci.h"

#define HDEV_QUEUES	  4u
#define HDEV_CONFIG	  0x100u /* where the config space begins */
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
	struct virtio_pci_device vp; /* where it is behind PCI */
	bool pci, probed;
	uint32_t id, version;
	uint64_t features; /* offered */
	uint32_t queue_max;
	uint8_t config[HDEV_CONFIG_BYTES];
	/* Lets every read of a register be answered by the input from time to time. */
	bool lying_registers;
	/* Answers @chain of @queue: fills it in, and returns the bytes that it says it wrote. NULL: all
	 * of it is filled out of the input. */
	uint32_t (*answer)(unsigned int queue, const struct hchain *chain);
	/* Hear, where set, of each buffer that the device takes, of the return of the @n-th of those that it
	 * has, of a reset, where it has none any more, and of what is written to its config. */
	void (*taken)(unsigned int queue, const struct hchain *chain);
	void (*returned)(unsigned int queue, unsigned int n);
	void (*was_reset)(void);
	void (*config_written)(unsigned int offset, uint32_t value, unsigned int width);
	/* The device has said something that is not so. Until then a target may expect that all goes as
	 * it should; an answer() that lies sets it too. DEVICE_NEEDS_RESET is no lie. */
	bool lied;
};

extern struct hdev hdev;

/* A device of type @id: the rest, what it offers and how it is connected, comes from the input, but for the
 * features of @wanted, which it offers mostly. Probes it; whether a driver is alive shows in
 * hdev.vm.vdev.state. */
void hdev_start(uint32_t id, uint64_t wanted,
		uint32_t (*answer)(unsigned int queue, const struct hchain *chain));

/* The same behind PCI, with a configuration space that the input has spoiled. */
void hdev_start_pci(uint32_t id);

/* The device's next step, and the interrupts that follow. Thread context. */
void hdev_step(void);

/* Lets @ns pass, in which the device steps and work items run. */
void hdev_run(uint64_t ns);

/* Removes the driver, and ends the run; before it is looked for what is left, @then is called, where set. */
void hdev_end_with(void (*then)(void));
void hdev_end(void);

/* The device takes what it can get at of queue @index, up to 8. Returns how many buffers it has then. */
unsigned int hdev_take(unsigned int index);

/* It answers one of that queue, and its interrupts are taken. */
void hdev_serve(unsigned int index);

/* The device returns all that it can get at, in good order and with nothing written, and its interrupts
 * are taken. */
void hdev_settle(void);

/* --- between hdev.c and hdev_pci.c ------------------------------------------------------------------ */

/* The registers of the MMIO block, which all others are made of; a read may be a lie. */
uint32_t hdev_register_read(unsigned int reg);
void hdev_register_write(unsigned int reg, uint32_t value);
uint32_t hdev_config_read(unsigned int offset, unsigned int width);

/* What is raised, which is then no more. */
uint32_t hdev_take_interrupts(void);

/* The device as it is before it is probed: what it offers comes from the input. */
void hdev_prepare(uint32_t id, uint64_t wanted);

/* The PCI side: accesses of registers, interrupts, configuration space as new. */
uint32_t hdev_pci_read(const volatile void *address, unsigned int width);
void hdev_pci_write(volatile void *address, uint32_t value, unsigned int width);
irqreturn_t hdev_pci_interrupt(int irq);
void hdev_pci_calm(void);

#endif
