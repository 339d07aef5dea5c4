/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shell: one terminal with a line editor, and the commands that can be typed there. Several
 * shells run side by side from one loop, each on its own terminal; a command runs to its end
 * before another starts. Commands print through their shell, never through printf().
 *
 * A terminal whose other end does not read holds nobody up: output waits for a while once, and
 * is then dropped until the terminal takes bytes again.
 */
#ifndef APPS_SHELL_SHELL_H
#define APPS_SHELL_SHELL_H

#include "apps/shell/lineedit.h"
#include "lib/tty.h"
#include "virtio/port.h"

#define SHELL_COMMAND_MAX 1024u /* bytes of a command with its terminating NUL */
#define SHELL_ARGS_MAX	  128u	/* words of a command */
#define SHELL_TYPEAHEAD	  1024u /* bytes typed while a command runs */

struct command;

struct shell {
	struct tty *tty;
	uint64_t stall_limit_ns; /* how long output waits for the terminal to move */
	bool stalled;		 /* it did not: drop what it does not take at once */
	struct port_event pause; /* never signalled: for waiting a while */
	struct lineedit edit;
	const struct command *command; /* the one that runs, for messages */
	unsigned int typed_first, typed_count;
	char typed[SHELL_TYPEAHEAD]; /* a ring */
	char words[SHELL_COMMAND_MAX];
	char *argv[SHELL_ARGS_MAX + 1];
};

/* One command. Its name is one word or two ("blk read"); a command of two words is called with the
 * second as argv[0]. */
struct command {
	const char *name;
	const char *args; /* for people */
	const char *help; /* one line */
	unsigned int min_args, max_args;
	/* Runs it. Returns 0, or a negative errno after one line that says what went wrong. */
	int (*run)(struct shell *sh, int argc, char **argv);
};

/* --- for the main loop ----------------------------------------------------------------------- */

/* Makes @sh a shell on @tty, silent so far. */
void shell_init(struct shell *sh, struct tty *tty, uint64_t stall_limit_ns);

/* Prints the first prompt. */
void shell_start(struct shell *sh);

/* Takes what was typed, up to the end of a line, and runs that. Returns whether there was
 * anything. */
bool shell_poll(struct shell *sh);

/* Runs the command in @text; a failure has been reported when it returns. 0 or a negative errno. */
int shell_run(struct shell *sh, const char *text);

/* --- for commands ------------------------------------------------------------------------------ */

/* Output; a line feed goes out as CR LF. One sh_printf() makes up to 512 bytes. */
void sh_write(struct shell *sh, const char *buf, size_t len);
void sh_puts(struct shell *sh, const char *text);
void sh_printf(struct shell *sh, const char *fmt, ...) __printf(2, 3);

/* Prints "COMMAND: " and the message, without unprintable characters, and a line end. Returns
 * @err, so that a command can end with it. */
int sh_error(struct shell *sh, int err, const char *fmt, ...) __printf(3, 4);

/* As above with a prefix of the caller's choice. */
int sh_error_as(struct shell *sh, int err, const char *prefix, const char *fmt, ...) __printf(4, 5);

/* A few words for a negative errno. */
const char *sh_strerror(int err);

/* Whether Ctrl-C was typed; with it, what was typed before is forgotten. */
bool sh_interrupted(struct shell *sh);

/* Waits for @event until @deadline (ns since boot). Returns 0, -ETIMEDOUT, or -EINTR for Ctrl-C. */
int sh_wait(struct shell *sh, struct port_event *event, uint64_t deadline);

/* Waits until all output of this shell has left. */
void sh_drain(struct shell *sh);

/* Reads the number @text, at most @max; @what names it in the error that is printed. */
int sh_number(struct shell *sh, const char *what, const char *text, uint64_t max, uint64_t *value);

/* Joins the words argv[0..argc-1] with single blanks in @out, which has @size bytes. Returns the
 * length, or -E2BIG. */
int sh_join(char *out, size_t size, int argc, char **argv);

#endif
