/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shell's terminal: output that is bounded in time, input that is kept while a command runs,
 * and the helpers that make every command's messages alike. What the commands are is the business of
 * commands.c, how a line is edited that of lineedit.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "apps/shell/commands.h"
#include "apps/shell/parse.h"
#include "apps/shell/shell.h"
#include "lib/timer.h"

#define PROMPT	     "vireo> "
#define CTRL_C	     ((char)0x03)
#define OUTPUT_MAX   512u
#define PAUSE_NS     (100 * NSEC_PER_USEC)
#define WAIT_STEP_NS (20 * NSEC_PER_MSEC)

/* --- output ---------------------------------------------------------------------------------- */

/* Sends @len bytes as they are. A terminal that does not move for stall_limit_ns is given up until
 * it takes something again; each call finds that out by trying once. */
static void send_raw(struct shell *sh, const char *buf, size_t len)
{
	uint64_t deadline = deadline_after(sh->stall_limit_ns);

	while (len > 0) {
		int sent = sh->tty->write(sh->tty, buf, len);

		if (sent > 0) {
			size_t taken = MIN((size_t)sent, len);

			buf += taken;
			len -= taken;
			sh->stalled = false;
			deadline = deadline_after(sh->stall_limit_ns);
		} else if (sent < 0 || sh->stalled || deadline_passed(deadline)) {
			sh->stalled = true;
			return;
		} else {
			(void)port_event_wait(&sh->pause, PAUSE_NS);
		}
	}
}

void sh_write(struct shell *sh, const char *buf, size_t len)
{
	while (len > 0) {
		const char *end = memchr(buf, '\n', len);
		size_t run = end ? (size_t)(end - buf) : len;

		send_raw(sh, buf, run);
		buf += run;
		len -= run;
		if (end) {
			send_raw(sh, "\r\n", 2);
			buf++;
			len--;
		}
	}
}

void sh_puts(struct shell *sh, const char *text)
{
	sh_write(sh, text, strlen(text));
}

void sh_printf(struct shell *sh, const char *fmt, ...)
{
	char text[OUTPUT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sh_puts(sh, text);
}

/* Arguments end up in messages; what is in them must not steer the terminal. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
	}
}

static void print_error(struct shell *sh, const char *prefix, const char *fmt, va_list args)
{
	char text[OUTPUT_MAX];
	int len = snprintf(text, sizeof(text), "%.64s: ", prefix);

	(void)vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, args);
	make_printable(text);
	sh_puts(sh, text);
	sh_puts(sh, "\n");
}

int sh_error(struct shell *sh, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(sh, sh->command ? sh->command->name : "shell", fmt, args);
	va_end(args);
	return err;
}

int sh_error_as(struct shell *sh, int err, const char *prefix, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(sh, prefix, fmt, args);
	va_end(args);
	return err;
}

const char *sh_strerror(int err)
{
	static const struct {
		int err;
		const char *text;
	} names[] = {
		{EIO, "I/O error"},
		{ETIMEDOUT, "timed out"},
		{ENODEV, "the device is gone"},
		{ENOMEM, "out of memory"},
		{EINVAL, "invalid argument"},
		{ERANGE, "out of range"},
		{EROFS, "read-only"},
		{EOPNOTSUPP, "not supported by the device"},
		{ENOTSUP, "not supported by the device"},
		{ENOSPC, "no room in the queue"},
		{ENETDOWN, "the link is down"},
		{EINTR, "interrupted"},
		{ENOENT, "not found"},
		{EBUSY, "busy"},
		{EAGAIN, "try again"},
		{EHOSTUNREACH, "no answer"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].err == -err)
			return names[i].text;
	}
	return "unknown error";
}

void sh_drain(struct shell *sh)
{
	if (sh->tty->drain && !sh->stalled)
		sh->tty->drain(sh->tty);
}

/* --- input ----------------------------------------------------------------------------------- */

/* Moves what the terminal has into the ring of typed bytes, as far as there is room. */
static void collect_input(struct shell *sh)
{
	while (sh->typed_count < SHELL_TYPEAHEAD) {
		unsigned int end = (sh->typed_first + sh->typed_count) % SHELL_TYPEAHEAD;
		unsigned int room = MIN(SHELL_TYPEAHEAD - sh->typed_count, SHELL_TYPEAHEAD - end);
		int got = sh->tty->read(sh->tty, sh->typed + end, room);

		if (got <= 0)
			return;
		sh->typed_count += MIN((unsigned int)got, room);
	}
}

static bool take_input(struct shell *sh, char *c)
{
	if (sh->typed_count == 0)
		collect_input(sh);
	if (sh->typed_count == 0)
		return false;
	*c = sh->typed[sh->typed_first];
	sh->typed_first = (sh->typed_first + 1) % SHELL_TYPEAHEAD;
	sh->typed_count--;
	return true;
}

bool sh_interrupted(struct shell *sh)
{
	collect_input(sh);
	for (unsigned int i = sh->typed_count; i > 0; i--) {
		if (sh->typed[(sh->typed_first + i - 1) % SHELL_TYPEAHEAD] != CTRL_C)
			continue;
		sh->typed_first = (sh->typed_first + i) % SHELL_TYPEAHEAD;
		sh->typed_count -= i;
		return true;
	}
	return false;
}

int sh_wait(struct shell *sh, struct port_event *event, uint64_t deadline)
{
	for (;;) {
		uint64_t now = clock_ns();
		uint64_t left = deadline > now ? deadline - now : 0;

		if (port_event_wait(event, MIN(left, WAIT_STEP_NS)) == 0)
			return 0;
		if (sh_interrupted(sh))
			return -EINTR;
		if (deadline_passed(deadline))
			return -ETIMEDOUT;
	}
}

/* --- arguments ------------------------------------------------------------------------------- */

int sh_number(struct shell *sh, const char *what, const char *text, uint64_t max, uint64_t *value)
{
	int err = parse_u64(text, max, value);

	if (err == -ERANGE)
		return sh_error(sh, err, "%s %s is too large (at most %" PRIu64 ")", what, text,
				max);
	if (err)
		return sh_error(sh, err, "%s '%s' is not a number", what, text);
	return 0;
}

int sh_join(char *out, size_t size, int argc, char **argv)
{
	size_t len = 0;

	for (int i = 0; i < argc; i++) {
		size_t word = strlen(argv[i]);

		if (word + 2 > size - len)
			return -E2BIG;
		if (i > 0)
			out[len++] = ' ';
		memcpy(out + len, argv[i], word);
		len += word;
	}
	out[len] = '\0';
	return (int)len;
}

/* --- lines ----------------------------------------------------------------------------------- */

static void echo(void *arg, const char *buf, size_t len)
{
	sh_write(arg, buf, len);
}

void shell_init(struct shell *sh, struct tty *tty, uint64_t stall_limit_ns)
{
	memset(sh, 0, sizeof(*sh));
	sh->tty = tty;
	sh->stall_limit_ns = stall_limit_ns;
	port_event_init(&sh->pause);
	lineedit_init(&sh->edit, PROMPT, echo, sh);
}

void shell_start(struct shell *sh)
{
	lineedit_start(&sh->edit);
}

int shell_run(struct shell *sh, const char *text)
{
	size_t len = strlen(text);
	int argc;

	if (len >= sizeof(sh->words))
		return sh_error_as(sh, -E2BIG, "shell", "command too long (at most %u characters)",
				   SHELL_COMMAND_MAX - 1);
	memcpy(sh->words, text, len + 1);
	argc = parse_words(sh->words, sh->argv, SHELL_ARGS_MAX);
	if (argc == -E2BIG)
		return sh_error_as(sh, argc, "shell", "too many words (at most %u)",
				   SHELL_ARGS_MAX);
	if (argc < 0)
		return sh_error_as(sh, argc, "shell", "a quote is not closed");
	sh->argv[argc] = NULL;
	return argc > 0 ? command_run(sh, argc, sh->argv) : 0;
}

bool shell_poll(struct shell *sh)
{
	bool any = false;
	char c;

	while (take_input(sh, &c)) {
		enum lineedit_result result = lineedit_feed(&sh->edit, c);

		any = true;
		if (result == LINEEDIT_MORE)
			continue;
		if (result == LINEEDIT_DONE)
			(void)shell_run(sh, sh->edit.line);
		else if (result == LINEEDIT_TOO_LONG)
			(void)sh_error_as(sh, -E2BIG, "shell",
					  "line too long (at most %u characters), not run",
					  LINEEDIT_MAX - 1);
		lineedit_start(&sh->edit);
		break; /* other terminals have their turn */
	}
	return any;
}
