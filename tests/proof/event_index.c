/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vring_need_event(), the shipped function, for all inputs: an event asked for at index E is due exactly
 * when the index that moved from OLD to NEW stepped over E. All of it is modulo 2^16 and moves with
 * its origin, so every pair of distances from a few origins is every case.
 */
#include <stdio.h>
#include "virtio/vring.h"

static bool steps_over(uint16_t event, uint16_t new_idx, uint16_t old)
{
	return (uint16_t)(event - old) < (uint16_t)(new_idx - old);
}

int main(void)
{
	static const uint16_t origins[] = {0, 1, 0x7fff, 0xffff};

	for (size_t i = 0; i < ARRAY_SIZE(origins); i++) {
		for (uint64_t pair = 0; pair < BIT_ULL(32); pair++) {
			uint16_t event = (uint16_t)(origins[i] + (pair & 0xffff));
			uint16_t new_idx = (uint16_t)(origins[i] + (pair >> 16));

			if (vring_need_event(event, new_idx, origins[i]) !=
			    steps_over(event, new_idx, origins[i])) {
				printf("event %u, from %u to %u\n", event, origins[i], new_idx);
				return 1;
			}
		}
	}
	return 0;
}
