/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from start.S to image_main(). Up to cpu_mmu_on() all memory behaves like a device: no
 * unaligned accesses, no C library. After it there is the image and the device tree; after
 * memory_map_ram() all RAM.
 */
#include <arch/counter.h>
#include <arch/pmu.h>
#include "boot/boot.h"
#include "boot/cpu.h"
#include "boot/image.h"
#include "boot/memory.h"
#include "boot/mmu.h"
#include "boot/power.h"
#include "lib/devicetree.h"

/* Filled in by start.S. */
unsigned int boot_mode;
uint64_t boot_ticks;
uint64_t machine_marks[MACHINE_MARKS];
uint64_t machine_mark_insn[MACHINE_MARKS];
static bool insn_counted;

void machine_set_mark(enum machine_mark mark)
{
	machine_marks[mark] = counter_read();
	machine_mark_insn[mark] = insn_counted ? pmu_insn_read() : 0;
}

static void count_instructions(void)
{
	insn_counted = pmu_insn_available();
	if (insn_counted)
		pmu_insn_start();
}

const char *machine_boot_mode(void)
{
	return boot_mode_names[boot_mode];
}

/* What the C library wants done before its first use. */
static void run_constructors(void)
{
	for (void (**constructor)(void) = init_array_start; constructor < init_array_end;
	     constructor++)
		(*constructor)();
}

/* Panics before a terminal is known are silent; a debugger finds the text in panic_message. */
void boot_main(uintptr_t fdt)
{
	const char *missing = cpu_mmu_missing();
	size_t fdt_size = 0;

	count_instructions();
	machine_set_mark(MACHINE_MARK_C);
	if (missing)
		panic("%s", missing);
	if (memory_map_image())
		panic("cannot map the image");
	if (memory_map_fdt(fdt, &fdt_size))
		panic("no device tree, or it lies where the image belongs");
	cpu_mmu_on(mmu_root());
	machine_set_mark(MACHINE_MARK_MMU);

	if (dt_init((const void *)fdt))
		panic("the device tree at 0x%lx is malformed", (unsigned long)fdt);
	power_init();
	if (memory_map_ram(fdt, fdt_size))
		panic("cannot map RAM");
	run_constructors();
	machine_exit(image_main());
}
