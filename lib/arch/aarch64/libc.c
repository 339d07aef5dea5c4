/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What picolibc asks of the system: a heap, the three standard streams, which are the system terminal,
 * and an end. Its streams have no buffer: every character goes straight to the terminal.
 * malloc() and stdio belong to thread context; snprintf() may be called anywhere.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include "lib/machine.h"
#include "lib/tty.h"

void *sbrk(ptrdiff_t increment);
_Noreturn void _exit(int status);

static uintptr_t heap_break;

void *sbrk(ptrdiff_t increment)
{
	const struct machine_memory *memory = machine_memory();
	uintptr_t old;

	if (!heap_break)
		heap_break = memory->heap_start;
	old = heap_break;
	if (increment >= 0 ? (uintptr_t)increment > memory->heap_end - old
			   : (uintptr_t)-increment > old - memory->heap_start) {
		errno = ENOMEM;
		return (void *)-1;
	}
	heap_break = old + (uintptr_t)increment;
	return (void *)old;
}

static int put_char(char c, FILE *file)
{
	struct tty *tty = tty_system();

	(void)file;
	/* Output before there is a terminal is lost, not an error. */
	if (tty && tty_write_all(tty, &c, 1) != 0)
		return EOF;
	return (unsigned char)c;
}

/* Input is read through a terminal's own functions, which say when it comes. */
static int get_char(FILE *file)
{
	struct tty *tty = tty_system();
	char c;

	(void)file;
	if (!tty || tty->read(tty, &c, 1) != 1)
		return EOF;
	return (unsigned char)c;
}

static FILE terminal = FDEV_SETUP_STREAM(put_char, get_char, NULL, _FDEV_SETUP_RW);

FILE *const stdin = &terminal;
FILE *const stdout = &terminal;
FILE *const stderr = &terminal;

void _exit(int status)
{
	machine_exit(status);
}
