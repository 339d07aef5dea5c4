/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port_now_ns() by the generic timer's virtual counter, which every Armv8 CPU and most Armv7 ones have, and which
 * may be read in any exception level. Ticks become nanoseconds by a fixed-point factor with 32 bits of fraction. Its
 * division is written out, because one of 64 bits, and on many Armv7 CPUs any, is a function of the compiler's library.
 */
#include <arch/barrier.h>
#include <arch/counter.h>
#include "virtio/port.h"

/* Where the firmware has not stored a frequency this one at least does not make waits shorter on today's boards:
 * a second of theirs is longer here. */
#define DEFAULT_HZ 1000000000u

/* NSEC_PER_SEC * 2^32 / @hz, rounded down, bit by bit. Below 2^62, and so is what is doubled here below 2^33. */
static uint64_t scale_of(uint32_t hz)
{
	const uint64_t dividend = NSEC_PER_SEC << 32;
	uint64_t rest = 0, scale = 0;

	for (int bit = 61; bit >= 0; bit--) {
		rest = rest << 1 | (dividend >> bit & 1);
		scale <<= 1;
		if (rest >= hz) {
			rest -= hz;
			scale |= 1;
		}
	}
	return scale;
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
		uint64_t scale = scale_of(hz);

		WRITE_ONCE(whole, (uint32_t)(scale >> 32));
		WRITE_ONCE(fraction, (uint32_t)scale);
		dma_wmb(); /* pairs with the one below, on another CPU */
		WRITE_ONCE(known_hz, hz);
	}
	dma_rmb();
	return ticks * READ_ONCE(whole) + (ticks >> 32) * READ_ONCE(fraction) +
	       (((uint32_t)ticks * (uint64_t)READ_ONCE(fraction)) >> 32);
}
