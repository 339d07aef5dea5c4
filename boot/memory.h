/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mapped as memory: first the image and the device tree, later all RAM. See memory.c. */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include "lib/util.h"

/* Maps the image, each part with its rights, but not the guard pages. Returns 0 or an errno. */
int memory_map_image(void);

/* Maps the device tree at @fdt and stores its size. Returns 0, -EINVAL (none there) or what
 * mmu_map() does. */
int memory_map_fdt(uintptr_t fdt, size_t *size);

/* Maps the RAM that the device tree tells of, and chooses the heap. @fdt, @fdt_size: what not to
 * give away. Returns 0, -ENOENT (no bank holds the image) or what mmu_map() does. */
int memory_map_ram(uintptr_t fdt, size_t fdt_size);

/* Whether any of [@start, @end) is RAM, be it mapped or not. After memory_map_ram(). */
bool memory_is_ram(uint64_t start, uint64_t end);

#endif
