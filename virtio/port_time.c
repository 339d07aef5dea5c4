/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port_now_ns() by the generic timer's virtual counter, which every Armv8 CPU and most Armv7 ones have, and which
 * may be read in any exception level. Ticks become nanoseconds in pieces, by 32-bit factors that divide nothing
 * larger than 64 bits by hand: the C compiler's own division of 64 bits would be a library function.
 */
#include <arch/barrier.h>
#include <arch/counter.h>
#include "virtio/port.h"

/* Where the firmware has not stored a frequency this one at least does not make waits shorter on today's boards:
 * a second of theirs is longer here. */
#define DEFAULT_HZ 1000000000u

/* @rest * 2^32 / @hz, rounded down; @rest is below @hz. */
static uint32_t fraction_of(uint32_t rest, uint32_t hz)
{
	uint64_t value = rest;
	uint32_t fraction = 0;

	for (int bit = 0; bit < 32; bit++) {
		value <<= 1;
		fraction <<= 1;
		if (value >= hz) {
			value -= hz;
			fraction |= 1;
		}
	}
	return fraction;
}

__attribute__((weak)) uint64_t port_now_ns(void)
{
	/* What the CPU says of itself, which does not change: whoever is first writes it, and everybody alike. */
	static uint32_t known_hz, whole, fraction;
	uint64_t ticks = counter_read();
	uint32_t hz = counter_frequency();

	if (!hz)
		hz = DEFAULT_HZ;
	if (READ_ONCE(known_hz) != hz) {
		WRITE_ONCE(whole, (uint32_t)NSEC_PER_SEC / hz);
		WRITE_ONCE(fraction, fraction_of((uint32_t)NSEC_PER_SEC % hz, hz));
		dma_wmb(); /* pairs with the one below, on another CPU */
		WRITE_ONCE(known_hz, hz);
	}
	dma_rmb();
	return ticks * READ_ONCE(whole) + (ticks >> 32) * READ_ONCE(fraction) +
	       (((uint32_t)ticks * (uint64_t)READ_ONCE(fraction)) >> 32);
}
