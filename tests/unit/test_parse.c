/* SPDX-License-Identifier: BSD-2-Clause */
/* What is typed becomes values, or an error; never something else. */
#include "tests/unit/test.h"
#include "apps/shell/parse.h"

static void numbers_are_decimal_or_hexadecimal(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"0", 0},
		    {"7", 7},
		    {"007", 7},
		    {"0x1f", 31},
		    {"0XFF", 255},
		    {"18446744073709551615", UINT64_MAX},
		    {"0xffffffffffffffff", UINT64_MAX}};
	uint64_t value;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		value = 1;
		assert_int_equal(parse_u64(good[i].text, UINT64_MAX, &value), 0);
		assert_true(value == good[i].value);
	}
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const bad[] = {"",  "-1", "+1", " 1",  "1 ", "1x",  "0x",
					  "x", "a",  "1.", "0xg", "--", "0x-1"};
	uint64_t value = 77;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_u64(bad[i], UINT64_MAX, &value), -EINVAL);
		assert_int_equal(value, 77);
	}
}

static void a_number_above_the_limit_is_refused_not_cut(void **state)
{
	uint64_t value = 77;

	(void)state;
	assert_int_equal(parse_u64("256", 255, &value), -ERANGE);
	assert_int_equal(parse_u64("18446744073709551616", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(parse_u64("99999999999999999999999999", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(parse_u64("0x10000000000000000", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(value, 77);
	assert_int_equal(parse_u64("255", 255, &value), 0);
}

static void addresses_have_four_parts_up_to_255(void **state)
{
	static const char *const bad[] = {"",	      "1.2.3",	  "1.2.3.4.5", "1.2.3.256",
					  "1..2.3",   "1.2.3.",	  ".1.2.3",    "a.b.c.d",
					  "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4",  "1.2.3.99999999999"};
	uint32_t address;
	unsigned int i;

	(void)state;
	assert_int_equal(parse_ipv4("10.0.2.15", &address), 0);
	assert_int_equal(address, 0x0a00020f);
	assert_int_equal(parse_ipv4("255.255.255.255", &address), 0);
	assert_true(address == 0xffffffff);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_ipv4(bad[i], &address), -EINVAL);
}

static void words_are_separated_by_blanks_and_kept_by_quotes(void **state)
{
	char line[] = "  blk\twrite 0 \"two words\" a\"b c\"d \"\" ";
	char *argv[8];

	(void)state;
	assert_int_equal(parse_words(line, argv, 8), 6);
	assert_string_equal(argv[0], "blk");
	assert_string_equal(argv[1], "write");
	assert_string_equal(argv[2], "0");
	assert_string_equal(argv[3], "two words");
	assert_string_equal(argv[4], "ab cd");
	assert_string_equal(argv[5], "");
}

static void an_empty_line_has_no_words(void **state)
{
	char empty[] = "", blanks[] = " \t ";
	char *argv[2];

	(void)state;
	assert_int_equal(parse_words(empty, argv, 2), 0);
	assert_int_equal(parse_words(blanks, argv, 2), 0);
}

static void too_many_words_and_open_quotes_are_refused(void **state)
{
	char many[] = "a b c", open[] = "a \"b c", exact[] = "a b";
	char *argv[2];

	(void)state;
	assert_int_equal(parse_words(many, argv, 2), -E2BIG);
	assert_int_equal(parse_words(open, argv, 2), -EINVAL);
	assert_int_equal(parse_words(exact, argv, 2), 2);
}

static void random_lines_do_no_harm(void **state)
{
	static const char alphabet[] = "ab \"\t\\\x80";
	uint32_t seed = 9;
	unsigned int round, i;
	uint64_t value;
	uint32_t address;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char line[32], *argv[4];
		unsigned int len = test_random(&seed) % sizeof(line);
		int n;

		for (i = 0; i < len; i++)
			line[i] = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];
		line[len] = '\0';
		(void)parse_u64(line, UINT64_MAX, &value);
		(void)parse_ipv4(line, &address);
		n = parse_words(line, argv, 4);
		assert_in_range(n + 100, 0, 104);
		for (i = 0; n > 0 && i < (unsigned int)n; i++)
			assert_true(strlen(argv[i]) < sizeof(line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_are_decimal_or_hexadecimal),
		TEST(what_is_no_number_is_refused),
		TEST(a_number_above_the_limit_is_refused_not_cut),
		TEST(addresses_have_four_parts_up_to_255),
		TEST(words_are_separated_by_blanks_and_kept_by_quotes),
		TEST(an_empty_line_has_no_words),
		TEST(too_many_words_and_open_quotes_are_refused),
		TEST(random_lines_do_no_harm),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
