/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line editor. What is on the screen always equals prompt and line, with the terminal's cursor
 * at ours: every function that changes the line sends just what brings the screen along. Escape
 * sequences are taken apart by a state machine, because their bytes may come far apart, or
 * never. Unknown sequences and unprintable bytes are swallowed.
 */
#include <string.h>
#include "apps/shell/lineedit.h"

#define CTRL(letter)  ((char)((letter)-0x40))
#define ESC	      ((char)0x1b)
#define DEL	      ((char)0x7f)
#define ERASE_TO_END  "\x1b[K"
#define CLEAR_SCREEN  "\x1b[H\x1b[2J"
#define PARAMETER_MAX 999u
#define SEND(edit, s) send_bytes(edit, s, sizeof(s) - 1)

static void send_bytes(struct lineedit *edit, const char *buf, size_t len)
{
	if (len > 0)
		edit->write(edit->arg, buf, len);
}

/* Moves the terminal's cursor back by @count columns. */
static void send_back(struct lineedit *edit, unsigned int count)
{
	static const char backspaces[16] = "\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b";

	while (count > 0) {
		unsigned int now = MIN(count, (unsigned int)sizeof(backspaces) - 1);

		send_bytes(edit, backspaces, now);
		count -= now;
	}
}

/* Prints the line from the cursor on, erases what stood behind it, and goes back. */
static void redraw_tail(struct lineedit *edit)
{
	send_bytes(edit, edit->line + edit->cursor, edit->len - edit->cursor);
	SEND(edit, ERASE_TO_END);
	send_back(edit, edit->len - edit->cursor);
}

static void move_to(struct lineedit *edit, unsigned int column)
{
	if (column < edit->cursor)
		send_back(edit, edit->cursor - column);
	else
		send_bytes(edit, edit->line + edit->cursor, column - edit->cursor);
	edit->cursor = column;
}

static void move_left(struct lineedit *edit)
{
	if (edit->cursor > 0)
		move_to(edit, edit->cursor - 1);
}

static void move_right(struct lineedit *edit)
{
	if (edit->cursor < edit->len)
		move_to(edit, edit->cursor + 1);
}

/* Deletes the characters from @from up to, not with, @to; the cursor ends at @from. */
static void delete_range(struct lineedit *edit, unsigned int from, unsigned int to)
{
	edit->overflow = false;
	if (from == to)
		return;
	move_to(edit, from);
	memmove(edit->line + from, edit->line + to, edit->len - to);
	edit->len -= to - from;
	redraw_tail(edit);
}

static void delete_word(struct lineedit *edit)
{
	unsigned int from = edit->cursor;

	while (from > 0 && edit->line[from - 1] == ' ')
		from--;
	while (from > 0 && edit->line[from - 1] != ' ')
		from--;
	delete_range(edit, from, edit->cursor);
}

static void backspace(struct lineedit *edit)
{
	if (edit->cursor > 0)
		delete_range(edit, edit->cursor - 1, edit->cursor);
}

static void delete_here(struct lineedit *edit)
{
	if (edit->cursor < edit->len)
		delete_range(edit, edit->cursor, edit->cursor + 1);
}

static void insert(struct lineedit *edit, char c)
{
	if (edit->len + 1 >= LINEEDIT_MAX) {
		edit->overflow = true;
		SEND(edit, "\a");
		return;
	}
	memmove(edit->line + edit->cursor + 1, edit->line + edit->cursor, edit->len - edit->cursor);
	edit->line[edit->cursor] = c;
	edit->len++;
	send_bytes(edit, &c, 1);
	edit->cursor++;
	if (edit->cursor < edit->len)
		redraw_tail(edit);
}

static void clear_screen(struct lineedit *edit)
{
	SEND(edit, CLEAR_SCREEN);
	send_bytes(edit, edit->prompt, strlen(edit->prompt));
	send_bytes(edit, edit->line, edit->cursor);
	redraw_tail(edit);
}

/* Shows @text in place of the line. */
static void replace_line(struct lineedit *edit, const char *text)
{
	move_to(edit, 0);
	edit->len = (unsigned int)strlen(text);
	memcpy(edit->line, text, edit->len);
	redraw_tail(edit);
	move_to(edit, edit->len);
	edit->overflow = false;
}

/* The @age-th newest line of the history, from 1. */
static char *history_line(struct lineedit *edit, unsigned int age)
{
	return edit->history[(edit->history_next + LINEEDIT_HISTORY - age) % LINEEDIT_HISTORY];
}

static void history_show(struct lineedit *edit, unsigned int age)
{
	if (age > edit->history_count)
		return;
	if (edit->browsing == 0) {
		memcpy(edit->typed, edit->line, edit->len);
		edit->typed[edit->len] = '\0';
	}
	edit->browsing = age;
	replace_line(edit, age == 0 ? edit->typed : history_line(edit, age));
}

static void history_older(struct lineedit *edit)
{
	history_show(edit, edit->browsing + 1);
}

static void history_newer(struct lineedit *edit)
{
	if (edit->browsing > 0)
		history_show(edit, edit->browsing - 1);
}

/* Remembers the line, unless it is blank or the same as the last one. */
static void history_add(struct lineedit *edit)
{
	if (edit->line[strspn(edit->line, " ")] == '\0')
		return;
	if (edit->history_count > 0 && strcmp(history_line(edit, 1), edit->line) == 0)
		return;
	memcpy(edit->history[edit->history_next], edit->line, edit->len + 1);
	edit->history_next = (edit->history_next + 1) % LINEEDIT_HISTORY;
	edit->history_count = MIN(edit->history_count + 1, LINEEDIT_HISTORY);
}

static enum lineedit_result finish(struct lineedit *edit)
{
	edit->line[edit->len] = '\0';
	SEND(edit, "\n");
	if (edit->overflow)
		return LINEEDIT_TOO_LONG;
	history_add(edit);
	return LINEEDIT_DONE;
}

static enum lineedit_result interrupt(struct lineedit *edit)
{
	SEND(edit, "^C\n");
	edit->cursor = 0;
	edit->len = 0;
	edit->line[0] = '\0';
	return LINEEDIT_INTERRUPT;
}

/* A sequence ESC [ <number> ~ : the keys above the arrows. */
static void numbered_key(struct lineedit *edit)
{
	switch (edit->parameter) {
	case 1:
	case 7:
		move_to(edit, 0);
		break;
	case 4:
	case 8:
		move_to(edit, edit->len);
		break;
	case 3:
		delete_here(edit);
		break;
	default:
		break;
	}
}

/* The last byte of an escape sequence. */
static void final_byte(struct lineedit *edit, char c)
{
	switch (c) {
	case 'A':
		history_older(edit);
		break;
	case 'B':
		history_newer(edit);
		break;
	case 'C':
		move_right(edit);
		break;
	case 'D':
		move_left(edit);
		break;
	case 'F':
		move_to(edit, edit->len);
		break;
	case 'H':
		move_to(edit, 0);
		break;
	case '~':
		numbered_key(edit);
		break;
	default:
		break;
	}
}

/* A printable byte within an escape sequence. */
static void escape_byte(struct lineedit *edit, char c)
{
	if (edit->state == LINEEDIT_ESCAPE) {
		edit->parameter = 0;
		edit->first_parameter = true;
		edit->state = c == '[' ? LINEEDIT_CSI : c == 'O' ? LINEEDIT_SS3 : LINEEDIT_TEXT;
	} else if (edit->state == LINEEDIT_CSI && c < 0x40) {
		if (c < '0' || c > '9')
			edit->first_parameter = false;
		else if (edit->first_parameter && edit->parameter < PARAMETER_MAX / 10)
			edit->parameter = edit->parameter * 10 + (unsigned int)(c - '0');
	} else {
		edit->state = LINEEDIT_TEXT;
		final_byte(edit, c);
	}
}

static enum lineedit_result control_byte(struct lineedit *edit, char c)
{
	switch (c) {
	case '\r':
	case '\n':
		return finish(edit);
	case CTRL('C'):
		return interrupt(edit);
	case CTRL('A'):
		move_to(edit, 0);
		break;
	case CTRL('E'):
		move_to(edit, edit->len);
		break;
	case CTRL('K'):
		delete_range(edit, edit->cursor, edit->len);
		break;
	case CTRL('U'):
		delete_range(edit, 0, edit->cursor);
		break;
	case CTRL('W'):
		delete_word(edit);
		break;
	case CTRL('L'):
		clear_screen(edit);
		break;
	case '\b':
	case DEL:
		backspace(edit);
		break;
	case ESC:
		edit->state = LINEEDIT_ESCAPE;
		break;
	default:
		break;
	}
	return LINEEDIT_MORE;
}

void lineedit_init(struct lineedit *edit, const char *prompt,
		   void (*write)(void *arg, const char *buf, size_t len), void *arg)
{
	memset(edit, 0, sizeof(*edit));
	edit->prompt = prompt;
	edit->write = write;
	edit->arg = arg;
}

void lineedit_start(struct lineedit *edit)
{
	edit->len = 0;
	edit->cursor = 0;
	edit->line[0] = '\0';
	edit->overflow = false;
	edit->browsing = 0;
	edit->state = LINEEDIT_TEXT;
	send_bytes(edit, edit->prompt, strlen(edit->prompt));
}

enum lineedit_result lineedit_feed(struct lineedit *edit, char c)
{
	unsigned char byte = (unsigned char)c;
	bool pair = edit->after_cr && c == '\n';

	edit->after_cr = c == '\r';
	if (pair)
		return LINEEDIT_MORE;
	if (byte < 0x20 || byte == 0x7f) {
		/* A control byte ends a sequence that never came to its end. */
		edit->state = LINEEDIT_TEXT;
		return control_byte(edit, c);
	}
	if (byte >= 0x80)
		return LINEEDIT_MORE;
	if (edit->state != LINEEDIT_TEXT)
		escape_byte(edit, c);
	else
		insert(edit, c);
	return LINEEDIT_MORE;
}
