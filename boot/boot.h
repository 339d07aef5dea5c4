/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From reset to C, and what the parts of boot/ tell each other. The order of events:
 *
 *	<arch>/start.S	any exception level or mode -> EL1/SVC, link address, stack, .bss
 *	boot_main()	tables for image and device tree, MMU and caches on, then RAM, heap
 *	image_main()	above this layer: drivers, devices, and the image's main()
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "lib/machine.h"

/* What start.S calls, on the boot stack, with the MMU off. @fdt is what the loader passed. */
_Noreturn void boot_main(uintptr_t fdt);

/* The image above boot/: provided by ports/bare. Its return value is the exit status. */
int image_main(void);

#endif
