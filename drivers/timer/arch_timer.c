/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The generic timer (ARM DDI 0487, D11; DDI 0406C, B8): a 64-bit counter that all of the system
 * shares, and per CPU a comparator whose interrupt stays up while the counter is at or beyond its
 * value. The interrupt is silenced by masking it; arming the next deadline unmasks it.
 */
#include <errno.h>
#include <arch/counter.h>
#include "drivers/timer/arch_timer.h"
#include "lib/devicetree.h"
#include "lib/irq.h"
#include "lib/timer.h"

/* Which of the node's interrupts: secure, non-secure, virtual, hypervisor. */
#define VIRTUAL_INTERRUPT 2

static void arch_timer_arm(uint64_t deadline)
{
	counter_write_compare(deadline);
	counter_write_ctl(COUNTER_CTL_ENABLE);
}

static void arch_timer_disarm(void)
{
	counter_write_ctl(0);
}

static struct timer_device arch_timer = {
	.name = "generic timer",
	.read = counter_read,
	.arm = arch_timer_arm,
	.disarm = arch_timer_disarm,
};

static irqreturn_t arch_timer_interrupt(int irq, void *dev_id)
{
	(void)irq;
	(void)dev_id;
	counter_write_ctl(COUNTER_CTL_ENABLE | COUNTER_CTL_IMASK);
	timer_interrupt();
	return IRQ_HANDLED;
}

static int find_node(void)
{
	int node = dt_find_compatible(-1, "arm,armv8-timer");

	return node >= 0 ? node : dt_find_compatible(-1, "arm,armv7-timer");
}

int arch_timer_init(void)
{
	struct dt_irq irq;
	int node = find_node();

	if (node < 0)
		return -ENODEV;
	if (dt_interrupt(node, VIRTUAL_INTERRUPT, &irq))
		return -EINVAL;
	arch_timer.frequency_hz = counter_frequency();
	if (arch_timer.frequency_hz == 0)
		arch_timer.frequency_hz = dt_u32(node, "clock-frequency", 0);
	if (arch_timer.frequency_hz == 0)
		return -EINVAL;
	arch_timer_disarm();
	timer_set_device(&arch_timer);
	return request_irq(irq.irq, arch_timer_interrupt, irq.trigger, "timer", &arch_timer);
}
