/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest image there is: Armv7, no C start-up, MMU off, one entropy device somewhere in the table of QEMU's virt
 * board, polled. It prints the bytes that it gets, and its exit status says how it went. `make size` holds its code below 12 KiB.
 *
 *	qemu-system-arm -M virt -cpu cortex-a15 -semihosting -global virtio-mmio.force-legacy=false
 *		-device virtio-rng-device -kernel build/size/minimal.elf
 */
#include "vireo.h"

#define BYTES 16u

/* The board's table: so many slots of this size in a row, most of them empty. */
#define SLOTS	   32u
#define FIRST_SLOT 0x0a000000u
#define SLOT_BYTES 0x200u

static struct virtio_bus bus;
static struct virtio_mmio_device slots[SLOTS];

_Alignas(16) char stack[8192];

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *memory, int value, size_t size);
void start(void);
int run(void);
_Noreturn void finish(int status);

__attribute__((naked, section(".text.start"))) void start(void)
{
	__asm__("ldr sp, =stack + 8192\n\tbl run\n\tb finish");
}

/* --- what C's library would have ------------------------------------------------------------- */

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *memory, int value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)memory)[i] = (char)value;
	return memory;
}

/* --- the machine ------------------------------------------------------------------------------ */

static int semihosting(int what, const void *argument)
{
	register int r0 __asm__("r0") = what;
	register const void *r1 __asm__("r1") = argument;

	__asm__ volatile("svc 0xab" : "+r"(r0) : "r"(r1) : "memory");
	return r0;
}

/* SYS_EXIT_EXTENDED: the application has ended, with @status. */
_Noreturn void finish(int status)
{
	const int block[2] = {0x20026, status};

	for (;;)
		semihosting(0x20, block);
}

void port_idle(void)
{
	virtio_bus_poll(&bus);
}

static void print(const uint8_t *bytes)
{
	char text[2 * BYTES + 2];
	char *at = text;

	for (unsigned int i = 0; i < BYTES; i++) {
		*at++ = "0123456789abcdef"[bytes[i] >> 4];
		*at++ = "0123456789abcdef"[bytes[i] & 0xf];
	}
	*at++ = '\n';
	*at = '\0';
	semihosting(0x04, text);
}

int run(void)
{
	uint8_t bytes[BYTES];

	virtio_bus_init(&bus, NULL);
	if (virtio_rng_init(&bus))
		return 2;
	for (uintptr_t i = 0; i < SLOTS; i++) {
		uintptr_t base = FIRST_SLOT + i * SLOT_BYTES;

		/* -ENODEV: the slot is empty. */
		(void)virtio_mmio_probe(&bus, &slots[i], (void *)base, base, SLOT_BYTES, -1);
	}
	if (!virtio_rng_find(&bus, 0))
		return 3;
	if (virtio_rng_read(virtio_rng_find(&bus, 0), bytes, BYTES, NSEC_PER_SEC))
		return 4;
	print(bytes);
	return 0;
}
