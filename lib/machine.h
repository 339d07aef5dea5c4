/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot code provides to everything above it: mappings, ways to stop, and the few things
 * that only a higher exception level may do.
 */
#ifndef LIB_MACHINE_H
#define LIB_MACHINE_H

#include "lib/util.h"

/*
 * Maps @size bytes of device registers at @phys as Device-nGnRE, never executable: to themselves where a
 * pointer reaches them, else (Armv7 with LPAE, above 4 GiB) to addresses that are free. Returns their address, or
 * NULL where the CPU cannot reach them, they overlap RAM, or addresses or tables have run out, which is said once. Mapping
 * twice is allowed, and gives the same address again where the first mapping holds all of it. Thread context.
 */
void *ioremap(uint64_t phys, size_t size);

/* The first address that this CPU cannot reach at all. */
uint64_t ioremap_limit(void);

/* Powers off: PSCI, the secure monitor's power-off, or semihosting, whichever works. */
_Noreturn void machine_poweroff(void);

/*
 * Ends with @status (0 to 255) as QEMU's exit status where semihosting is enabled; else powers
 * off. Any context.
 */
_Noreturn void machine_exit(int status);

/* Prints the message and a backtrace through the panicking terminal, then machine_exit(1). */
_Noreturn void panic(const char *fmt, ...) __printf(1, 2);

/* Whether we came up in EL3 / Secure state, so that the secure world is ours to set up. */
bool machine_owns_secure_world(void);

/* Writes a register that only the secure world may write. Does nothing unless
 * machine_owns_secure_world(). */
void machine_secure_write32(uint64_t phys, uint32_t value);

/* The bank of RAM that holds the image: base, size, and the heap's part of it. */
struct machine_memory {
	uint64_t ram_base, ram_size;
	uintptr_t image_start, image_end;
	uintptr_t heap_start, heap_end;
};
const struct machine_memory *machine_memory(void);

/* How the image was started, e.g. "EL2", "EL3", "HYP", "SVC (secure)". */
const char *machine_boot_mode(void);

/* The counter at reset, stored by start.S: the moment at which clock_ns() is 0. */
extern uint64_t boot_ticks;

/* The steps from reset to a shell, and the counter at each; 0 where it has not come. */
enum machine_mark {
	MACHINE_MARK_C,	      /* the first line of C, the MMU off */
	MACHINE_MARK_MMU,     /* MMU and caches on */
	MACHINE_MARK_DEVICES, /* every device probed; main() begins */
	MACHINE_MARK_PROMPT,  /* the first command can be taken */
	MACHINE_MARKS,
};
extern uint64_t machine_marks[MACHINE_MARKS];

/* Instructions since the first line of C, up to each of them; 0 where the CPU cannot count them. Good for marks
 * that come before anybody else counts with <arch/pmu.h>. */
extern uint64_t machine_mark_insn[MACHINE_MARKS];

/* Stores both counters as @mark. Any context, also before there is a clock. */
void machine_set_mark(enum machine_mark mark);

#endif
