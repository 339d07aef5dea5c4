/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formatter: one pass over the format, one specification at a time. Numbers are taken as 64 bits.
 */
#include "lib/format.h"

#define DIGITS_MAX 20 /* of a 64-bit number, in decimal */

struct output {
	char *buf;
	size_t size, len; /* @len: of all that was put, in the buffer or not */
};

struct spec {
	bool left, zero;
	int width, precision; /* -1: none */
	int bytes;	      /* of an integer argument */
};

static void put(struct output *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void put_padded(struct output *out, const struct spec *spec, const char *text, int len)
{
	int pad = spec->width - len;

	while (!spec->left && pad-- > 0)
		put(out, ' ');
	for (int i = 0; i < len; i++)
		put(out, text[i]);
	while (spec->left && pad-- > 0)
		put(out, ' ');
}

static void put_number(struct output *out, struct spec *spec, uint64_t value, unsigned int base,
		       bool negative, bool upper)
{
	char text[DIGITS_MAX];
	int at = DIGITS_MAX;
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	do {
		text[--at] = digits[value % base];
		value /= base;
	} while (value);
	if (spec->zero && !spec->left) {
		if (negative)
			put(out, '-');
		for (int i = DIGITS_MAX - at + negative; i < spec->width; i++)
			put(out, '0');
		spec->width = 0;
	} else if (negative) {
		text[--at] = '-';
	}
	put_padded(out, spec, text + at, DIGITS_MAX - at);
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
	int len = 0;

	if (!text)
		text = "(null)";
	while (text[len] && len != spec->precision)
		len++;
	put_padded(out, spec, text, len);
}

/* Cuts a sign-extended @value down to its argument's size. */
static uint64_t truncate(uint64_t value, int bytes)
{
	return bytes == 8 ? value : value & (BIT_ULL(8 * bytes) - 1);
}

static const char *parse_count(const char *fmt, int *count, va_list *args)
{
	if (*fmt == '*') {
		*count = va_arg(*args, int);
		return fmt + 1;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		*count = *count < 1000 ? *count * 10 + *fmt - '0' : *count;
	return fmt;
}

static const char *parse_length(const char *fmt, int *bytes)
{
	for (;; fmt++) {
		if (*fmt == 'h')
			*bytes = *bytes == sizeof(short) ? 1 : (int)sizeof(short);
		else if (*fmt == 'l')
			*bytes = fmt[1] == 'l' || fmt[-1] == 'l' ? 8 : (int)sizeof(long);
		else if (*fmt == 'j')
			*bytes = 8;
		else if (*fmt == 'z' || *fmt == 't')
			*bytes = sizeof(size_t);
		else
			return fmt;
	}
}

static const char *parse_spec(const char *fmt, struct spec *spec, va_list *args)
{
	*spec = (struct spec){.precision = -1, .bytes = sizeof(int)};
	for (; *fmt == '0' || *fmt == '-'; fmt++) {
		if (*fmt == '0')
			spec->zero = true;
		else
			spec->left = true;
	}
	fmt = parse_count(fmt, &spec->width, args);
	if (spec->width < 0) { /* from a '*' */
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*fmt == '.') {
		spec->precision = 0;
		fmt = parse_count(fmt + 1, &spec->precision, args);
	}
	return parse_length(fmt, &spec->bytes);
}

static void put_conversion(struct output *out, char conversion, struct spec *spec, va_list *args)
{
	int64_t number;
	char c;

	switch (conversion) {
	case 's':
		put_string(out, spec, va_arg(*args, const char *));
		return;
	case 'c':
		c = (char)va_arg(*args, int);
		put_padded(out, spec, &c, 1);
		return;
	case 'p':
		put_number(out, spec, (uintptr_t)va_arg(*args, void *), 16, false, false);
		return;
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
		break;
	default:
		put(out, conversion);
		return;
	}
	number = spec->bytes == 8 ? va_arg(*args, int64_t) : va_arg(*args, int);
	if (conversion == 'x' || conversion == 'X')
		put_number(out, spec, truncate(number, spec->bytes), 16, false, conversion == 'X');
	else if (conversion == 'u' || number >= 0)
		put_number(out, spec, truncate(number, spec->bytes), 10, false, false);
	else
		put_number(out, spec, -(uint64_t)number, 10, true, false);
}

size_t format_text(char *buf, size_t size, const char *fmt, va_list args)
{
	struct output out = {.buf = buf, .size = size};
	struct spec spec;
	va_list rest;

	va_copy(rest, args);
	while (*fmt) {
		if (*fmt != '%') {
			put(&out, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec, &rest);
		if (!*fmt)
			break;
		put_conversion(&out, *fmt++, &spec, &rest);
	}
	va_end(rest);
	if (size > 0)
		buf[MIN(out.len, size - 1)] = 0;
	return out.len;
}

size_t format_string(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = format_text(buf, size, fmt, args);
	va_end(args);
	return len;
}
