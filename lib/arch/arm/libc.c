/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What newlib asks of the system: a heap, three open files that are the system terminal, and an end.
 * stdout is line buffered, as on any terminal: a prompt without a line feed needs fflush().
 * malloc() and stdio belong to thread context; snprintf() may be called anywhere.
 */
#include <malloc.h>
#include <reent.h>
#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "lib/machine.h"
#include "lib/tty.h"

void *_sbrk(ptrdiff_t increment);
int _write(int file, const char *buf, int len);
int _read(int file, char *buf, int len);
int _close(int file);
int _fstat(int file, struct stat *st);
int _isatty(int file);
off_t _lseek(int file, off_t offset, int whence);
int _kill(int pid, int signal);
int _getpid(void);
_Noreturn void _exit(int status);

static uintptr_t heap_break;

void *_sbrk(ptrdiff_t increment)
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

int _write(int file, const char *buf, int len)
{
	struct tty *tty = tty_system();

	(void)file;
	/* Output before there is a terminal is lost, not an error. */
	if (tty && len > 0 && tty_write_all(tty, buf, (size_t)len) != 0) {
		errno = EIO;
		return -1;
	}
	return len;
}

/* Input is read through a terminal's own functions, which say when it comes. */
int _read(int file, char *buf, int len)
{
	struct tty *tty = tty_system();

	(void)file;
	return tty && len > 0 ? tty->read(tty, buf, (size_t)len) : 0;
}

int _close(int file)
{
	(void)file;
	errno = EBADF;
	return -1;
}

int _fstat(int file, struct stat *st)
{
	(void)file;
	*st = (struct stat){.st_mode = S_IFCHR};
	return 0;
}

int _isatty(int file)
{
	return file >= 0 && file <= 2;
}

off_t _lseek(int file, off_t offset, int whence)
{
	(void)file;
	(void)offset;
	(void)whence;
	errno = ESPIPE;
	return -1;
}

/* abort() arrives here through raise(). */
int _kill(int pid, int signal)
{
	(void)pid;
	panic("signal %d raised", signal);
}

int _getpid(void)
{
	return 1;
}

void _exit(int status)
{
	machine_exit(status);
}

/* newlib's own stands beside malloc_stats(), which prints, and so would bring all of stdio along. */
struct mallinfo mallinfo(void)
{
	return _mallinfo_r(_REENT);
}
