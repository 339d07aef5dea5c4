/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated PCI host for drivers/pci: functions with config space behind bridges that really pass on, by bus
 * number and by address, so that a test can ask who answers at an address. It provides mmio_*(), ioremap()
 * and log_message(), and a device tree for dt_init(). Pointers to registers are physical addresses: nothing is
 * ever read through them.
 */
#ifndef TESTS_DEVICE_PCISIM_H
#define TESTS_DEVICE_PCISIM_H

#include "drivers/pci/pci.h"
#include "lib/log.h"

#define SIM_ECAM      0x4010000000ull
#define SIM_IO_PHYS   0x3eff0000ull
#define SIM_MEM	      0x10000000ull
#define SIM_MEM64     0x8000000000ull
#define SIM_FUNCTIONS 600

enum sim_bar_kind { SIM_IO, SIM_MEM32, SIM_MEM32_PREF, SIM_MEM_64, SIM_MEM_64_PREF };

struct sim_function {
	bool present;
	struct sim_function *bridge; /* NULL: on the root bus */
	uint8_t slot, function;
	uint8_t config[4096], writable[4096];
	unsigned int last_cap, cap_end;
	uint8_t table[2048 * 16]; /* what its memory BARs hold: an MSI-X table */
	uint64_t bar_size[PCI_BARS];
	unsigned int vanish_after; /* reads of config space; 0: it stays */
};

/* What the device tree says of the host. */
struct sim_host {
	uint64_t ecam, ecam_size;
	uint32_t bus_first, bus_last;
	uint64_t io_size, mem_size, mem64_size; /* 0: no such range */
	uint64_t reach;				/* of the CPU */
	bool no_ioremap;			/* nothing can be mapped (any more) */
	bool no_host;				/* the tree has none */
	unsigned int more_hosts; /* nodes of the same, so that each shows all functions */
	/* Replace properties: see sim_tree(). */
	const char *omit;    /* a property that is left out */
	const char *odd;     /* a property that is one byte too long */
	const char *replace; /* a property that gets these cells instead */
	const uint32_t *cells;
	unsigned int cell_count;
};

extern struct sim_host sim_host;
extern unsigned int sim_reads, sim_writes; /* of config space */
extern unsigned int sim_posted;		   /* writes to memory since something was read there */
extern unsigned int sim_messages[LOG_DEBUG + 1];
extern char sim_last_message[256];

/* The allocation of that number fails, counted from 1; 0: none does (any more). */
extern unsigned int sim_fail_alloc;

/* When set, it is asked first for each read of config space: what it returns instead, or false. */
extern bool (*sim_answer)(uint64_t offset, unsigned int width, uint32_t *value);

/* When set, it is told of each write to config space that was done. */
extern void (*sim_written)(struct sim_function *fn, unsigned int offset, unsigned int width,
			   uint32_t value);

/* An empty host of QEMU's shape, and nothing known to drivers/pci. */
void sim_reset(void);

/* Makes the device tree and reads it. */
void sim_tree(void);

struct sim_function *sim_add(struct sim_function *bridge, unsigned int slot, unsigned int function,
			     uint32_t id, uint32_t class);
void sim_bar(struct sim_function *fn, unsigned int index, enum sim_bar_kind kind, uint64_t size);
unsigned int sim_cap(struct sim_function *fn, uint8_t id, unsigned int len);

/* Makes a bridge of @fn; @express: the type in its PCI Express capability, or -1; @hotplug: its slot's. */
void sim_bridge(struct sim_function *fn, int express, bool hotplug);
struct sim_function *sim_root_port(unsigned int slot, unsigned int function, bool hotplug);

void sim_set32(struct sim_function *fn, unsigned int offset, uint32_t value);
uint32_t sim_get(const struct sim_function *fn, unsigned int offset, unsigned int width);

/* The function at a number, as the bridges pass it on. */
struct sim_function *sim_at(unsigned int bus, unsigned int slot, unsigned int function);

/* Who decodes the address of the bus, through all bridges; *@count: how many do. */
struct sim_function *sim_decode(bool io, uint64_t address, unsigned int *bar, unsigned int *count);

#endif
