/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/arch/arm/memset.S at every length and alignment that its branches can tell apart. Built for Armv7, run
 * by qemu-user with newlib's semihosting, where cmocka is not to be had: so this prints TAP itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

void *memset(void *dst, int c, size_t n);

#define GUARD	    64u
#define OFFSETS	    16u
#define LENGTHS	    300u
#define BACKGROUND  0x5a
#define BUFFER_SIZE (GUARD + OFFSETS + LENGTHS + GUARD)

/* Not by memset(), whatever the compiler thinks of it. */
static void paint(volatile unsigned char *buffer)
{
	for (unsigned int i = 0; i < BUFFER_SIZE; i++)
		buffer[i] = BACKGROUND;
}

static bool is_set(const unsigned char *buffer, unsigned int start, unsigned int n, unsigned char c)
{
	for (unsigned int i = 0; i < BUFFER_SIZE; i++) {
		if (buffer[i] != (i >= start && i < start + n ? c : BACKGROUND))
			return false;
	}
	return true;
}

static bool writes_what_it_should(int c)
{
	static unsigned char buffer[BUFFER_SIZE] __attribute__((aligned(64)));

	for (unsigned int offset = 0; offset < OFFSETS; offset++) {
		for (unsigned int n = 0; n <= LENGTHS; n++) {
			unsigned char *dst = buffer + GUARD + offset;

			paint(buffer);
			if (memset(dst, c, n) != dst ||
			    !is_set(buffer, GUARD + offset, n, (unsigned char)c)) {
				printf("# offset %u, %u bytes of %#x\n", offset, n,
				       (unsigned int)c);
				return false;
			}
		}
	}
	return true;
}

int main(void)
{
	bool good = writes_what_it_should(0) && writes_what_it_should(0xa7) &&
		    writes_what_it_should(0x1234ff);

	printf("1..1\n%s 1 - every byte that memset() is given, and no other\n",
	       good ? "ok" : "not ok");
	return good ? 0 : 1;
}
