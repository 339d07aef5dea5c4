/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line editor for a terminal that understands a few escape sequences (any VT100 descendant):
 * moving and deleting, and a history. It takes one byte at a time and never waits, so that
 * several terminals can be edited on at once from one loop.
 */
#ifndef APPS_SHELL_LINEEDIT_H
#define APPS_SHELL_LINEEDIT_H

#include "lib/util.h"

#define LINEEDIT_MAX	 256u /* bytes of a line with its terminating NUL */
#define LINEEDIT_HISTORY 16u  /* lines remembered */

enum lineedit_result {
	LINEEDIT_MORE,	    /* the line is not over */
	LINEEDIT_DONE,	    /* Enter: the line is in lineedit.line */
	LINEEDIT_TOO_LONG,  /* Enter, but some of what was typed did not fit */
	LINEEDIT_INTERRUPT, /* Ctrl-C: the line was thrown away */
};

struct lineedit {
	/* Where the echo goes; line feeds are to be sent as CR LF. */
	void (*write)(void *arg, const char *buf, size_t len);
	void *arg;
	const char *prompt;

	char line[LINEEDIT_MAX];
	unsigned int len, cursor; /* cursor <= len < LINEEDIT_MAX */
	bool overflow;		  /* typed more than fits */
	bool after_cr;		  /* a line feed now belongs to the CR before it */

	enum { LINEEDIT_TEXT, LINEEDIT_ESCAPE, LINEEDIT_CSI, LINEEDIT_SS3 } state;
	unsigned int parameter; /* the first number of a CSI sequence */
	bool first_parameter;

	/* A ring: the newest line is at history_next - 1. */
	char history[LINEEDIT_HISTORY][LINEEDIT_MAX];
	unsigned int history_next, history_count;
	unsigned int browsing;	  /* 0: the line being typed; n: the n-th newest */
	char typed[LINEEDIT_MAX]; /* ... which waits here while another is shown */
};

void lineedit_init(struct lineedit *edit, const char *prompt,
		   void (*write)(void *arg, const char *buf, size_t len), void *arg);

/* Starts an empty line: prints the prompt. */
void lineedit_start(struct lineedit *edit);

/* Takes one byte of input. After any other result than LINEEDIT_MORE, lineedit_start() comes next;
 * the line is valid until then. */
enum lineedit_result lineedit_feed(struct lineedit *edit, char c);

#endif
