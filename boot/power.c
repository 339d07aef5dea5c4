/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the machine stops. With semihosting, QEMU takes our exit status. Else firmware powers off
 * (PSCI, ARM DEN 0022). Where we came up in the secure world ourselves there is no firmware; QEMU
 * then has a GPIO line, on a PL061 that only the secure world can reach, whose rise powers off.
 * What is needed is looked up at start, so that a panicking machine reads no device tree.
 */
#include <libfdt.h>
#include <string.h>
#include "boot/cpu.h"
#include "boot/power.h"
#include "lib/devicetree.h"
#include "lib/machine.h"
#include <arch/cpu.h>

#define PSCI_SYSTEM_OFF 0x84000008u

#define SYS_EXIT		     0x18
#define SYS_EXIT_EXTENDED	     0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026
#define ADP_STOPPED_INTERNAL_ERROR   0x20024

#define PL061_DATA	0x000 /* bits 9:2 of the address say which lines a store changes */
#define PL061_DIRECTION 0x400
#define PL061_LINES	8
#define GPIO_ACTIVE_LOW BIT(0)
#define GPIO_CELLS	3 /* phandle, line, flags */

static long (*psci_call)(unsigned long function, unsigned long arg1, unsigned long arg2);

/* The line that powers off; no controller if there is none. */
static struct {
	uint64_t controller;
	uint32_t line;
	bool active_low;
} power_gpio;

static void find_psci(void)
{
	int node = dt_find_compatible(-1, "arm,psci-0.2");
	const char *method = NULL;

	if (node < 0)
		node = dt_find_compatible(-1, "arm,psci-1.0");
	if (node >= 0)
		method = dt_string(node, "method");
	if (method && !strcmp(method, "hvc"))
		psci_call = hvc_call;
	else if (method && !strcmp(method, "smc"))
		psci_call = smc_call;
}

/* Its status is "disabled" (secure-status is "okay"): dt_find_compatible() passes over it. */
static void find_power_gpio(void)
{
	const void *fdt = dt_blob(NULL);
	int len = 0;
	int node = fdt_node_offset_by_compatible(fdt, -1, "gpio-poweroff");
	const fdt32_t *gpios = node < 0 ? NULL : fdt_getprop(fdt, node, "gpios", &len);
	uint64_t address;

	if (!gpios || len < GPIO_CELLS * (int)sizeof(*gpios))
		return;
	node = fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(gpios[0]));
	if (node < 0 || fdt_node_check_compatible(fdt, node, "arm,pl061") ||
	    dt_reg(node, 0, &address, NULL) || fdt32_to_cpu(gpios[1]) >= PL061_LINES)
		return;
	power_gpio.controller = address;
	power_gpio.line = fdt32_to_cpu(gpios[1]);
	power_gpio.active_low = fdt32_to_cpu(gpios[2]) & GPIO_ACTIVE_LOW;
}

void power_init(void)
{
	if (machine_owns_secure_world())
		find_power_gpio();
	else
		find_psci();
}

static void raise_power_gpio(void)
{
	uint32_t line = BIT(power_gpio.line);

	machine_secure_write32(power_gpio.controller + PL061_DIRECTION, line);
	machine_secure_write32(power_gpio.controller + PL061_DATA + (line << 2),
			       power_gpio.active_low ? 0 : line);
}

/* Returns only where semihosting is not enabled. */
static void semihosting_exit(int status)
{
	const unsigned long arg[] = {ADP_STOPPED_APPLICATION_EXIT, (unsigned long)status};
	unsigned long reason = status ? ADP_STOPPED_INTERNAL_ERROR : ADP_STOPPED_APPLICATION_EXIT;

	semihosting_call(SYS_EXIT_EXTENDED, arg);
	/* An old 32-bit debugger knows only this one, and takes its argument in the register. */
	if (sizeof(long) == 4)
		semihosting_call(SYS_EXIT, (const void *)reason);
}

static _Noreturn void stop(void)
{
	irq_save();
	for (;;)
		wait_for_interrupt();
}

void machine_poweroff(void)
{
	if (power_gpio.controller)
		raise_power_gpio();
	if (psci_call)
		psci_call(PSCI_SYSTEM_OFF, 0, 0);
	semihosting_exit(0);
	stop();
}

void machine_exit(int status)
{
	irq_save();
	semihosting_exit(status);
	machine_poweroff();
}

bool machine_owns_secure_world(void)
{
	return boot_mode == boot_mode_secure;
}

void machine_secure_write32(uint64_t phys, uint32_t value)
{
	if (machine_owns_secure_world() && phys <= UINTPTR_MAX)
		smc_call(MONITOR_WRITE32, (unsigned long)phys, value);
}
