/* SPDX-License-Identifier: BSD-2-Clause */
/* The default clock on Arm: ticks of any frequency become nanoseconds, which never go back and do not run away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arch/counter.h>
#include "virtio/port.h"

static uint64_t ticks;
static uint32_t hz;

uint64_t counter_read(void)
{
	return ticks;
}

uint32_t counter_frequency(void)
{
	return hz;
}

static const uint32_t frequencies[] = {62500000, 1000000,   24000000,	19200000,
				       31250000, 100000000, 1000000000, 1920000001};

/* A fraction of 32 bits is off by less than one in 2^32 of the ticks, downwards. */
static void ticks_become_nanoseconds(void **state)
{
	static const uint64_t counts[] = {
		0,	     1,	       2,	   999,		 0xffffffff, 0x100000000,
		0x100000001, 62500000, 1ull << 40, 123456789012, 1ull << 52};

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(frequencies); f++) {
		hz = frequencies[f];
		for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
			uint64_t exact;

			ticks = counts[i];
			exact = (uint64_t)((unsigned __int128)ticks * NSEC_PER_SEC / hz);
			assert_in_range(exact - port_now_ns(), 0, (ticks >> 32) + 1);
		}
	}
}

static void time_never_goes_back(void **state)
{
	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(frequencies); f++) {
		uint64_t last = 0;

		hz = frequencies[f];
		for (ticks = 0xffffff00; ticks < 0x100000100; ticks++) {
			assert_true(port_now_ns() >= last);
			last = port_now_ns();
		}
	}
}

/* Firmware that has stored no frequency: waits get longer, and end. */
static void without_a_frequency_time_passes_all_the_same(void **state)
{
	(void)state;
	hz = 0;
	ticks = 5000;
	assert_int_equal(port_now_ns(), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_become_nanoseconds),
		cmocka_unit_test(time_never_goes_back),
		cmocka_unit_test(without_a_frequency_time_passes_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
