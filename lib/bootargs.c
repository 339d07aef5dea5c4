/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot arguments are split once, into records in one static buffer: a kind, then the text
 * and a NUL; an option's name and value are two texts. Looking something up walks the records.
 * A segment that was cut because the arguments are too long is dropped, since half a command
 * may mean something else ("blk fill 0 0 1" for "... 16").
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "lib/bootargs.h"

#define ARGS_MAX 4096u

enum record_kind { RECORD_END, RECORD_COMMAND, RECORD_OPTION, RECORD_OPTION_KNOWN };

/* A segment takes its text, a kind and at most one NUL more than its ';' took. */
static char records[ARGS_MAX + ARGS_MAX / 2 + 4];
static size_t used;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* The length of the segment at @s: up to a ';' outside double quotes, or to @end. */
static size_t segment_length(const char *s, const char *end)
{
	const char *p = s;
	bool quoted = false;

	for (; p < end && (quoted || *p != ';'); p++) {
		if (*p == '"')
			quoted = !quoted;
	}
	return (size_t)(p - s);
}

/* The length of the name where the segment is NAME=..., else 0. */
static size_t option_name_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_name_char(s[n]))
		n++;
	return n < len && s[n] == '=' ? n : 0;
}

static void put(const char *s, size_t len)
{
	memcpy(records + used, s, len);
	used += len;
	records[used++] = '\0';
}

static void add_segment(const char *s, size_t len)
{
	size_t name_len;

	for (; len > 0 && is_blank(*s); s++)
		len--;
	while (len > 0 && is_blank(s[len - 1]))
		len--;
	if (len == 0)
		return;
	name_len = option_name_length(s, len);
	if (name_len == 0) {
		records[used++] = RECORD_COMMAND;
		put(s, len);
		return;
	}
	records[used++] = RECORD_OPTION;
	put(s, name_len);
	s += name_len + 1;
	len -= name_len + 1;
	/* A value may stand in quotes, which are not part of it. */
	if (len >= 2 && s[0] == '"' && s[len - 1] == '"') {
		s++;
		len -= 2;
	}
	put(s, len);
}

int bootargs_init(const char *args)
{
	size_t len = strnlen(args, ARGS_MAX);
	const char *end = args + len;
	bool cut = *end != '\0';

	used = 0;
	while (args < end) {
		size_t segment = segment_length(args, end);

		if (!(cut && args + segment == end))
			add_segment(args, segment);
		args += segment + 1;
	}
	records[used] = RECORD_END;
	return cut ? -E2BIG : 0;
}

/* The record after the one at @record. */
static char *next_record(char *record)
{
	bool command = *record == RECORD_COMMAND;

	record += 1 + strlen(record + 1) + 1;
	return command ? record : record + strlen(record) + 1;
}

static const char *option_value(const char *record)
{
	return record + 1 + strlen(record + 1) + 1;
}

const char *bootargs_option(const char *name)
{
	const char *value = NULL;

	for (char *r = records; *r != RECORD_END; r = next_record(r)) {
		if (*r == RECORD_COMMAND || strcmp(r + 1, name) != 0)
			continue;
		*r = RECORD_OPTION_KNOWN;
		value = option_value(r);
	}
	return value;
}

void bootargs_unknown(void (*report)(const char *name, const char *value))
{
	for (char *r = records; *r != RECORD_END; r = next_record(r)) {
		if (*r == RECORD_OPTION)
			report(r + 1, option_value(r));
	}
}

const char *bootargs_command(unsigned int index)
{
	for (char *r = records; *r != RECORD_END; r = next_record(r)) {
		if (*r == RECORD_COMMAND && index-- == 0)
			return r + 1;
	}
	return NULL;
}
