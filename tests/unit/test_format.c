/* SPDX-License-Identifier: BSD-2-Clause */
/* The formatter, beside the host's. */
#include "tests/unit/test.h"
#include <limits.h>
#include "lib/format.h"

#define TEXT_MAX 80

/* Both formatters into buffers of every size up to one that is enough. */
static void __printf(1, 2) compare(const char *fmt, ...)
{
	char text[TEXT_MAX], want[TEXT_MAX];
	va_list args, again;

	va_start(args, fmt);
	for (size_t size = 0; size <= TEXT_MAX; size++) {
		int len;

		memset(text, 0x5a, sizeof(text));
		memset(want, 0x5a, sizeof(want));
		va_copy(again, args);
		len = vsnprintf(want, size, fmt, again);
		va_end(again);
		va_copy(again, args);
		assert_int_equal(format_text(text, size, fmt, again), len);
		va_end(again);
		assert_memory_equal(text, want, sizeof(text));
		assert_true(len < TEXT_MAX);
	}
	va_end(args);
}

static void numbers_of_all_sizes(void **state)
{
	static const uint64_t values[] = {0,	     1,		 9,	     10,
					  0x7f,	     0x80,	 0xffff,     0x8000,
					  INT32_MAX, 0x80000000, UINT32_MAX, 1ull << 32,
					  INT64_MAX, 1ull << 63, UINT64_MAX};

	(void)state;
	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t v = values[i];

		compare("%d %i %u %x %X", (int)v, (int)v, (unsigned int)v, (unsigned int)v,
			(unsigned int)v);
		compare("%ld %lu %lx", (long)v, (unsigned long)v, (unsigned long)v);
		compare("%lld %llu %llX", (long long)v, (unsigned long long)v,
			(unsigned long long)v);
		compare("%hd %hu %hhd %hhx", (short)v, (unsigned short)v, (signed char)v,
			(unsigned char)v);
		compare("%zu %jd %tx", (size_t)v, (intmax_t)v, (ptrdiff_t)v);
	}
}

static void widths_and_flags(void **state)
{
	(void)state;
	compare("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
	compare("[%2x] [%08x] [%016llx] [%-8lx]", 0xabcu, 0xabcu, 0xabcull, 0xabcul);
	compare("[%*d] [%*d] [%-*d] [%0*u]", 4, 7, -4, 7, 4, 7, 4, 7u);
	compare("[%6s] [%-6s] [%.2s] [%-6.2s] [%.*s]", "abc", "abc", "abc", "abc", 1, "abc");
	compare("[%3c] [%-3c] [%c]", 'a', 'b', 'c');
	compare("100%% of %s", "nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_of_all_sizes),
		TEST(widths_and_flags),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
