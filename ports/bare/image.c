/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot code to main(): the board's drivers in the order in which they need each other,
 * then the virtio drivers, then the devices. The terminal comes first, so that whatever fails
 * after it can say so. boot_main() calls image_main() with IRQs masked and the device tree read.
 */
#include <arch/cpu.h>
#include "boot/boot.h"
#include "drivers/irqchip/gic.h"
#include "drivers/pci/pci.h"
#include "drivers/serial/pl011.h"
#include "drivers/timer/arch_timer.h"
#include "drivers/virtio/virtio_blk.h"
#include "drivers/virtio/virtio_console.h"
#include "drivers/virtio/virtio_iommu.h"
#include "drivers/virtio/virtio_net.h"
#include "drivers/virtio/virtio_rng.h"
#include "lib/bootargs.h"
#include "lib/devicetree.h"
#include "lib/log.h"
#include "ports/bare/bare.h"

static void init_bootargs(void)
{
	const char *level;

	if (bootargs_init(dt_bootargs()))
		log_error("the boot arguments are too long; their end is ignored");
	level = bootargs_option("loglevel");
	if (!level)
		return;
	if (level[0] >= '0' && level[0] <= '3' && level[1] == '\0')
		log_set_level((enum log_level)(level[0] - '0'));
	else
		log_error("boot option loglevel=%s: not 0, 1, 2 or 3", level);
}

static void init_board(void)
{
	int err = gic_init();

	if (err)
		panic("no usable interrupt controller: %d", err);
	err = arch_timer_init();
	if (err)
		panic("no usable timer: %d", err);
	/* Without the UART the image still has its virtio consoles. */
	err = pl011_request_irq();
	if (err)
		log_warning("pl011: no interrupts (%d)", err);
	irq_enable();
}

struct virtio_bus bare_bus;

static void init_drivers(void)
{
	int (*const inits[])(struct virtio_bus * bus) = {
		virtio_iommu_init,   virtio_blk_init, virtio_net_init,
		virtio_console_init, virtio_rng_init,
	};

	virtio_bus_init(&bare_bus, &system_wq);
	for (unsigned int i = 0; i < ARRAY_SIZE(inits); i++) {
		if (inits[i](&bare_bus))
			panic("more drivers than a bus takes");
	}
}

int image_main(void)
{
	int err = pl011_init();
	bool dma_usable;

	init_bootargs();
	if (err)
		log_warning("pl011: not usable (%d)", err);
	init_board();
	dma_usable = !bare_dma_init();
	init_drivers();
	bare_virtio_options_init();
	(void)pci_init(); /* has said what is wrong; what works is there */
	if (dma_usable) {
		bare_virtio_mmio_probe();
		bare_virtio_pci_probe();
	}
	machine_set_mark(MACHINE_MARK_DEVICES);
	return main(&bare_bus);
}
