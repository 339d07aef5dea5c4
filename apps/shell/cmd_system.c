/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the machine itself: what it has, how long it has run, and its faults.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include "apps/shell/commands.h"
#include "apps/shell/fault.h"
#include "lib/machine.h"
#include "lib/memory_encryption.h"
#include "lib/swiotlb.h"
#include "lib/timer.h"

/* linker.ld's; the rest of the image's bounds is in machine_memory(). */
extern char text_end[], rodata_start[], data_start[];

static int echo(struct shell *sh, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (i > 1)
			sh_puts(sh, " ");
		sh_puts(sh, argv[i]);
	}
	sh_puts(sh, "\n");
	return 0;
}

static void print_range(struct shell *sh, const char *name, uint64_t start, uint64_t end)
{
	sh_printf(sh, "%-7s %08" PRIx64 "-%08" PRIx64 " %" PRIu64 " KiB\n", name, start, end,
		  (end - start + 1023) / 1024);
}

/* The bounce pool, where a device uses one; all use the same. */
static void print_swiotlb(struct shell *sh)
{
	struct virtio_device *vdev;

	virtio_for_each_device (vdev, app_bus) {
		const struct io_tlb_mem *mem = dev_io_tlb_mem(&vdev->dev);
		struct io_tlb_stats stats;

		if (!mem)
			continue;
		stats = swiotlb_get_stats(mem);
		sh_printf(sh,
			  "swiotlb %lu KiB, used %lu KiB, high-water %lu KiB, maps %lu, "
			  "exhausted %lu\n",
			  (unsigned long)(mem->size >> 10), (unsigned long)(stats.used_bytes >> 10),
			  (unsigned long)(stats.high_water_bytes >> 10), stats.maps,
			  stats.exhausted);
		sh_printf(sh, "shared  %lu KiB with devices\n",
			  (unsigned long)(memory_shared_bytes() >> 10));
		return;
	}
}

static int mem(struct shell *sh, int argc, char **argv)
{
	const struct machine_memory *memory = machine_memory();
	struct mallinfo heap = mallinfo();
	size_t heap_size = memory->heap_end - memory->heap_start;

	(void)argc;
	(void)argv;
	print_range(sh, "ram", memory->ram_base, memory->ram_base + memory->ram_size);
	print_range(sh, "image", memory->image_start, memory->image_end);
	print_range(sh, "text", memory->image_start, (uintptr_t)text_end);
	print_range(sh, "rodata", (uintptr_t)rodata_start, (uintptr_t)data_start);
	print_range(sh, "data", (uintptr_t)data_start, memory->image_end);
	print_range(sh, "heap", memory->heap_start, memory->heap_end);
	sh_printf(sh, "heap    used %lu bytes, free %lu bytes\n", (unsigned long)heap.uordblks,
		  (unsigned long)(heap_size - (size_t)heap.uordblks));
	print_swiotlb(sh);
	sh_printf(sh, "booted in %s\n", machine_boot_mode());
	return 0;
}

/* Seconds with milliseconds. */
static void print_time(struct shell *sh, const char *before, uint64_t ns)
{
	sh_printf(sh, "%s%" PRIu64 ".%03u s", before, (uint64_t)(ns / NSEC_PER_SEC),
		  (unsigned int)(ns % NSEC_PER_SEC / NSEC_PER_MSEC));
}

static int uptime(struct shell *sh, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_time(sh, "up ", clock_ns());
	print_time(sh, ", booted in ",
		   clock_ticks_to_ns(machine_marks[MACHINE_MARK_DEVICES] - boot_ticks));
	sh_puts(sh, "\n");
	return 0;
}

static int panic_command(struct shell *sh, int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "null";

	sh_drain(sh);
	if (fault_provoke(kind) == -EINVAL)
		return sh_error(sh, -EINVAL, "no such fault as '%s'", kind);
	return sh_error(sh, -EIO, "%s: the machine did not notice", kind);
}

const struct command system_commands[] = {
	{"echo", "TEXT", "prints the text", 0, SHELL_ARGS_MAX, echo},
	{"mem", "", "RAM, the image, the heap", 0, 0, mem},
	{"uptime", "", "the time since reset", 0, 0, uptime},
	{"panic", "[null|stack|text|exec|undef]", "provokes a fault", 0, 1, panic_command},
	{NULL, NULL, NULL, 0, 0, NULL},
};
