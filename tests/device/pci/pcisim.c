/* SPDX-License-Identifier: BSD-2-Clause */
/* See pcisim.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include <arch/mmio.h>
#include "drivers/pci/pci_private.h"
#include "lib/machine.h"
#include "tests/device/pci/pcisim.h"

static struct sim_function functions[SIM_FUNCTIONS];
static unsigned int function_count;
static char blob[32768];

struct sim_host sim_host;
unsigned int sim_reads, sim_writes, sim_posted;
unsigned int sim_messages[LOG_DEBUG + 1];
char sim_last_message[256];
bool (*sim_answer)(uint64_t offset, unsigned int width, uint32_t *value);
void (*sim_written)(struct sim_function *fn, unsigned int offset, unsigned int width,
		    uint32_t value);

static void broken(const char *what, uint64_t address)
{
	fprintf(stderr, "pcisim: %s at 0x%llx\n", what, (unsigned long long)address);
	abort();
}

void sim_reset(void)
{
	pci_forget();
	memset(functions, 0, function_count * sizeof(functions[0]));
	function_count = 0;
	sim_host = (struct sim_host){.reach = 1ull << 48,
				     .ecam = SIM_ECAM,
				     .ecam_size = 256u << 20,
				     .bus_last = 255,
				     .io_size = 0x10000,
				     .mem_size = 0x2eff0000,
				     .mem64_size = 0x8000000000ull};
	sim_reads = sim_writes = sim_posted = 0;
	sim_answer = NULL;
	sim_fail_alloc = 0;
	sim_written = NULL;
	memset(sim_messages, 0, sizeof(sim_messages));
	sim_last_message[0] = '\0';
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

unsigned int sim_fail_alloc;

/* Where the linker puts it in the place of calloc(). */
void *__real_calloc(size_t count, size_t size) __attribute__((weak));
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (sim_fail_alloc && --sim_fail_alloc == 0)
		return NULL;
	return __real_calloc(count, size);
}

/* --- functions -------------------------------------------------------------------------------------------------- */

void sim_set32(struct sim_function *fn, unsigned int offset, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		fn->config[offset + i] = (uint8_t)(value >> 8 * i);
}

uint32_t sim_get(const struct sim_function *fn, unsigned int offset, unsigned int width)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (uint32_t)fn->config[offset + i] << 8 * i;
	return value;
}

static void set_writable(struct sim_function *fn, unsigned int offset, uint32_t mask)
{
	for (unsigned int i = 0; i < 4; i++)
		fn->writable[offset + i] = (uint8_t)(mask >> 8 * i);
}

struct sim_function *sim_add(struct sim_function *bridge, unsigned int slot, unsigned int function,
			     uint32_t id, uint32_t class)
{
	struct sim_function *fn = &functions[function_count++];

	if (function_count > SIM_FUNCTIONS)
		broken("too many functions", function_count);
	fn->present = true;
	fn->bridge = bridge;
	fn->slot = (uint8_t)slot;
	fn->function = (uint8_t)function;
	sim_set32(fn, 0, id);
	sim_set32(fn, 8, class << 8 | 1);
	set_writable(fn, PCI_COMMAND, 0x547);
	if (function > 0)
		for (unsigned int i = 0; i < function_count; i++)
			if (functions[i].bridge == bridge && functions[i].slot == slot)
				functions[i].config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTI;
	return fn;
}

void sim_bar(struct sim_function *fn, unsigned int index, enum sim_bar_kind kind, uint64_t size)
{
	static const uint32_t flags[] = {1, 0, 8, 4, 12};
	unsigned int offset = PCI_BAR0 + 4 * index;

	fn->bar_size[index] = size;
	sim_set32(fn, offset, flags[kind]);
	set_writable(fn, offset, (uint32_t)(~(size - 1) & (kind == SIM_IO ? ~3ull : ~15ull)));
	if (kind == SIM_MEM_64 || kind == SIM_MEM_64_PREF)
		set_writable(fn, offset + 4, (uint32_t)(~(size - 1) >> 32));
}

unsigned int sim_cap(struct sim_function *fn, uint8_t id, unsigned int len)
{
	unsigned int at = fn->last_cap ? fn->cap_end : PCI_CAP_FIRST;

	fn->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
	fn->config[fn->last_cap ? fn->last_cap + PCI_CAP_NEXT : PCI_CAPABILITIES] = (uint8_t)at;
	fn->config[at] = id;
	fn->last_cap = at;
	fn->cap_end = at + ALIGN_UP(len, 4u);
	return at;
}

void sim_bridge(struct sim_function *fn, int express, bool hotplug)
{
	fn->config[PCI_HEADER_TYPE] |= PCI_HEADER_BRIDGE;
	set_writable(fn, PCI_PRIMARY_BUS, 0xffffff);
	sim_set32(fn, PCI_IO_BASE, 0x0101);
	set_writable(fn, PCI_IO_BASE, 0xf0f0);
	set_writable(fn, PCI_MEM_BASE, 0xfff0fff0);
	sim_set32(fn, PCI_PREF_BASE, 0x00010001);
	set_writable(fn, PCI_PREF_BASE, 0xfff0fff0);
	set_writable(fn, PCI_PREF_BASE_HIGH, UINT32_MAX);
	set_writable(fn, PCI_PREF_LIMIT_HIGH, UINT32_MAX);
	set_writable(fn, PCI_IO_BASE_HIGH, UINT32_MAX);
	if (express >= 0) {
		unsigned int cap = sim_cap(fn, PCI_CAP_EXPRESS, 0x3c);

		fn->config[cap + 2] = (uint8_t)(express << 4 | 2);
		fn->config[cap + 3] = hotplug;
		sim_set32(fn, cap + PCI_EXP_SLOT_CAP, hotplug ? PCI_EXP_SLOT_HOTPLUG : 0);
	}
}

struct sim_function *sim_root_port(unsigned int slot, unsigned int function, bool hotplug)
{
	struct sim_function *fn = sim_add(NULL, slot, function, 0x000c1b36, 0x060400);

	sim_bridge(fn, PCI_EXP_ROOT_PORT, hotplug);
	sim_bar(fn, 0, SIM_MEM32, 0x1000);
	fn->config[PCI_INTERRUPT_PIN] = 1;
	return fn;
}

/* --- the buses -------------------------------------------------------------------------------------------------- */

static unsigned int bus_number(const struct sim_function *fn)
{
	return fn->bridge ? fn->bridge->config[PCI_SECONDARY_BUS] : sim_host.bus_first;
}

/* Whether a request for @bus gets through all bridges down to that of @fn. */
static bool bus_reaches(const struct sim_function *fn, unsigned int bus)
{
	for (const struct sim_function *up = fn->bridge; up; up = up->bridge) {
		if (!up->present || bus < up->config[PCI_SECONDARY_BUS] ||
		    bus > up->config[PCI_SUBORDINATE_BUS])
			return false;
	}
	return true;
}

struct sim_function *sim_at(unsigned int bus, unsigned int slot, unsigned int function)
{
	struct sim_function *found = NULL;

	for (unsigned int i = 0; i < function_count; i++) {
		struct sim_function *fn = &functions[i];

		if (!fn->present || fn->slot != slot || fn->function != function ||
		    bus_number(fn) != bus || (fn->bridge && bus == 0) || !bus_reaches(fn, bus))
			continue;
		if (found)
			broken("two functions answer", bus << 8 | slot << 3 | function);
		found = fn;
	}
	return found;
}

static uint64_t range(const struct sim_function *fn, unsigned int base, unsigned int base_high,
		      unsigned int width, uint64_t *last)
{
	unsigned int shift = width == 1 ? 8 : 16, high = width == 1 ? 2 : 4;
	uint64_t keep = width == 1 ? 0xf0 : 0xfff0;

	*last = (sim_get(fn, base + width, width) & keep) << shift | (width == 1 ? 0xfff : 0xfffff);
	if (base_high) {
		unsigned int bits = width == 1 ? 16 : 32;

		*last |= (uint64_t)sim_get(fn, base_high + high, high) << bits;
		return (sim_get(fn, base, width) & keep) << shift |
		       (uint64_t)sim_get(fn, base_high, high) << bits;
	}
	return (sim_get(fn, base, width) & keep) << shift;
}

static bool bridge_passes(const struct sim_function *fn, bool io, uint64_t address)
{
	uint64_t base, last;

	if (!(fn->config[PCI_COMMAND] & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	if (io) {
		base = range(fn, PCI_IO_BASE, PCI_IO_BASE_HIGH, 1, &last);
		return address >= base && address <= last;
	}
	base = range(fn, PCI_MEM_BASE, 0, 2, &last);
	if (address >= base && address <= last)
		return true;
	base = range(fn, PCI_PREF_BASE, PCI_PREF_BASE_HIGH, 2, &last);
	return address >= base && address <= last;
}

static uint64_t bar_start(const struct sim_function *fn, unsigned int bar, bool *io)
{
	uint32_t value = sim_get(fn, PCI_BAR0 + 4 * bar, 4);

	*io = value & 1;
	if (*io)
		return value & ~3u;
	if ((value & 6) == 4)
		return (uint64_t)sim_get(fn, PCI_BAR0 + 4 * bar + 4, 4) << 32 | (value & ~15u);
	return value & ~15u;
}

static bool decodes(const struct sim_function *fn, unsigned int bar, bool io, uint64_t address)
{
	bool is_io;
	uint64_t start = bar_start(fn, bar, &is_io);

	if (!fn->present || !fn->bar_size[bar] || io != is_io ||
	    address - start >= fn->bar_size[bar] ||
	    !(fn->config[PCI_COMMAND] & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	for (const struct sim_function *up = fn->bridge; up; up = up->bridge)
		if (!bridge_passes(up, io, address))
			return false;
	return true;
}

struct sim_function *sim_decode(bool io, uint64_t address, unsigned int *bar, unsigned int *count)
{
	struct sim_function *found = NULL;

	*count = 0;
	for (unsigned int i = 0; i < function_count; i++) {
		for (unsigned int j = 0; j < PCI_BARS; j++) {
			if (decodes(&functions[i], j, io, address)) {
				found = &functions[i];
				*bar = j;
				++*count;
			}
		}
	}
	return found;
}

/* --- accesses --------------------------------------------------------------------------------------------------- */

static struct sim_function *config_at(uint64_t offset)
{
	return sim_at(sim_host.bus_first + (unsigned int)(offset >> 20), offset >> 15 & 31,
		      offset >> 12 & 7);
}

static uint32_t read_config(uint64_t offset, unsigned int width)
{
	struct sim_function *fn = config_at(offset);
	uint32_t value;

	sim_reads++;
	if (sim_answer && sim_answer(offset, width, &value))
		return value;
	if (fn && fn->vanish_after && --fn->vanish_after == 0)
		fn->present = false;
	if (!fn || !fn->present)
		return UINT32_MAX;
	return sim_get(fn, offset & 0xfff, width);
}

static void write_config(uint64_t offset, unsigned int width, uint32_t value)
{
	struct sim_function *fn = config_at(offset);

	sim_writes++;
	for (unsigned int i = 0; fn && i < width; i++) {
		unsigned int at = (unsigned int)(offset & 0xfff) + i;
		uint8_t mask = fn->writable[at];

		fn->config[at] =
			(uint8_t)((fn->config[at] & ~mask) | ((uint8_t)(value >> 8 * i) & mask));
	}
	if (fn && sim_written)
		sim_written(fn, offset & 0xfff, width, value);
}

/* Where the address leads in a function's memory, or NULL. */
static uint8_t *memory_at(uint64_t address, unsigned int width)
{
	unsigned int bar, count;
	struct sim_function *fn = sim_decode(false, address, &bar, &count);
	bool io;
	uint64_t offset;

	if (count > 1)
		broken("two BARs answer", address);
	if (!fn)
		return NULL;
	offset = address - bar_start(fn, bar, &io);
	return offset + width <= sizeof(fn->table) ? &fn->table[offset] : NULL;
}

static uint32_t mmio_read(const volatile void *reg, unsigned int width)
{
	uint64_t address = (uintptr_t)reg;
	uint32_t value = UINT32_MAX;
	const uint8_t *memory;

	if (address % width)
		broken("an access that is not aligned", address);
	if (address - sim_host.ecam < sim_host.ecam_size)
		return read_config(address - sim_host.ecam, width);
	sim_posted = 0;
	memory = memory_at(address, width);
	if (memory)
		memcpy(&value, memory, width);
	return value;
}

static void mmio_write(const volatile void *reg, unsigned int width, uint32_t value)
{
	uint64_t address = (uintptr_t)reg;
	uint8_t *memory;

	if (address % width)
		broken("an access that is not aligned", address);
	if (address - sim_host.ecam < sim_host.ecam_size) {
		write_config(address - sim_host.ecam, width, value);
		return;
	}
	sim_posted++;
	memory = memory_at(address, width);
	if (memory)
		memcpy(memory, &value, width);
}

#define DEFINE_MMIO(bits)                                               \
	uint##bits##_t mmio_read##bits(const volatile void *reg)        \
	{                                                               \
		return (uint##bits##_t)mmio_read(reg, (bits) / 8);      \
	}                                                               \
	void mmio_write##bits(volatile void *reg, uint##bits##_t value) \
	{                                                               \
		mmio_write(reg, (bits) / 8, value);                     \
	}

DEFINE_MMIO(8)
DEFINE_MMIO(16)
DEFINE_MMIO(32)

void *ioremap(uint64_t phys, size_t size)
{
	if (sim_host.no_ioremap || phys + size < phys || !size || phys + size > sim_host.reach)
		return NULL;
	return (void *)(uintptr_t)phys;
}

uint64_t ioremap_limit(void)
{
	return sim_host.reach;
}

void log_message(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(sim_last_message, sizeof(sim_last_message), fmt, args);
	va_end(args);
	sim_messages[level]++;
}

/* --- the device tree ---------------------------------------------------------------------------------------------- */

static void property(const char *name, const uint32_t *cells, unsigned int n)
{
	fdt32_t be[200];

	if (sim_host.omit && strcmp(sim_host.omit, name) == 0)
		return;
	if (sim_host.replace && strcmp(sim_host.replace, name) == 0) {
		cells = sim_host.cells;
		n = sim_host.cell_count;
	}
	for (unsigned int i = 0; i < n; i++)
		be[i] = cpu_to_fdt32(cells[i]);
	be[n] = 0;
	fdt_property(blob, name, be,
		     (int)(n * 4) + (sim_host.odd && strcmp(sim_host.odd, name) == 0));
}

#define CELLS(name, ...) \
	property(name, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)
#define HIGH(x) (uint32_t)((x) >> 32)
#define LOW(x)	(uint32_t)(x)

static void ranges(void)
{
	uint32_t cells[21], *end = cells;

	if (sim_host.io_size) {
		memcpy(end, (uint32_t[]){0x1000000, 0, 0, 0, SIM_IO_PHYS, 0, LOW(sim_host.io_size)},
		       28);
		end += 7;
	}
	if (sim_host.mem_size) {
		memcpy(end,
		       (uint32_t[]){0x2000000, 0, SIM_MEM, 0, SIM_MEM, 0, LOW(sim_host.mem_size)},
		       28);
		end += 7;
	}
	if (sim_host.mem64_size) {
		memcpy(end,
		       (uint32_t[]){0x3000000, HIGH(SIM_MEM64), 0, HIGH(SIM_MEM64), 0,
				    HIGH(sim_host.mem64_size), LOW(sim_host.mem64_size)},
		       28);
		end += 7;
	}
	property("ranges", cells, (unsigned int)(end - cells));
}

/* As QEMU's virt: four lines from SPI 3 on, turned by slot. */
static void interrupt_map(void)
{
	uint32_t cells[160], *end = cells;

	for (uint32_t slot = 0; slot < 4; slot++) {
		for (uint32_t pin = 0; pin < 4; pin++, end += 10)
			memcpy(end,
			       (uint32_t[]){slot << 11, 0, 0, pin + 1, 1, 0, 0, 0,
					    3 + (slot + pin) % 4, 4},
			       40);
	}
	property("interrupt-map", cells, 160);
	CELLS("interrupt-map-mask", 0x1800, 0, 0, 7);
}

static void controller(const char *name, uint32_t phandle)
{
	fdt_begin_node(blob, name);
	fdt_property_u32(blob, "phandle", phandle);
	fdt_property_u32(blob, "#interrupt-cells", 3);
	fdt_property_u32(blob, "#address-cells", 2);
	fdt_end_node(blob);
}

static void host_node(unsigned int index)
{
	char name[32];

	snprintf(name, sizeof(name), "pcie@%x", 0x10000000 + index);
	fdt_begin_node(blob, name);
	fdt_property_string(blob, "compatible",
			    sim_host.no_host ? "none" : "pci-host-ecam-generic");
	CELLS("#address-cells", 3);
	CELLS("#size-cells", 2);
	CELLS("#interrupt-cells", 1);
	CELLS("reg", HIGH(sim_host.ecam), LOW(sim_host.ecam), 0, LOW(sim_host.ecam_size));
	CELLS("bus-range", sim_host.bus_first, sim_host.bus_last);
	CELLS("msi-map", 0, 2, 0x100000, 0x10000);
	CELLS("iommu-map", 0, 3, 0, 0x10, 0x10, 3, 0x2010, 0xfff0);
	ranges();
	interrupt_map();
	fdt_end_node(blob);
}

void sim_tree(void)
{
	memset(blob, 0, sizeof(blob));
	fdt_create(blob, sizeof(blob));
	fdt_finish_reservemap(blob);
	fdt_begin_node(blob, "");
	fdt_property_u32(blob, "#address-cells", 2);
	fdt_property_u32(blob, "#size-cells", 2);
	controller("intc", 1);
	controller("msi", 2);
	controller("iommu", 3);
	for (unsigned int i = 0; i <= sim_host.more_hosts; i++)
		host_node(i);
	fdt_end_node(blob);
	if (fdt_finish(blob) || dt_init(blob))
		broken("no device tree", 0);
}
