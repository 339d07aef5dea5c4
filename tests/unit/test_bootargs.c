/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot arguments: options and commands told apart, quotes, blanks, and lengths. */
#include "tests/unit/test.h"
#include "lib/bootargs.h"

static void commands_come_in_order_without_their_blanks(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init(" lsdev ;\tblk sum 0;; ;poweroff "), 0);
	assert_string_equal(bootargs_command(0), "lsdev");
	assert_string_equal(bootargs_command(1), "blk sum 0");
	assert_string_equal(bootargs_command(2), "poweroff");
	assert_null(bootargs_command(3));
}

static void nothing_is_no_command(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init(""), 0);
	assert_null(bootargs_command(0));
	assert_null(bootargs_option("dma"));
	assert_int_equal(bootargs_init(" ; ;; "), 0);
	assert_null(bootargs_command(0));
}

static void a_name_with_a_value_is_an_option(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init("dma=direct; lsdev;a.b-c_9=;  x=y=z"), 0);
	assert_string_equal(bootargs_option("dma"), "direct");
	assert_string_equal(bootargs_option("a.b-c_9"), "");
	assert_string_equal(bootargs_option("x"), "y=z");
	assert_null(bootargs_option("lsdev"));
	assert_string_equal(bootargs_command(0), "lsdev");
	assert_null(bootargs_command(1));
}

static void a_command_with_an_equals_sign_later_is_a_command(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init("echo a=b;=c;d =e"), 0);
	assert_string_equal(bootargs_command(0), "echo a=b");
	assert_string_equal(bootargs_command(1), "=c");
	assert_string_equal(bootargs_command(2), "d =e");
}

static void the_last_of_several_values_counts(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init("a=1;b=2;a=3"), 0);
	assert_string_equal(bootargs_option("a"), "3");
}

static void quotes_protect_a_semicolon(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init("echo \"a;b\";name=\"x;y\""), 0);
	assert_string_equal(bootargs_command(0), "echo \"a;b\"");
	assert_null(bootargs_command(1));
	assert_string_equal(bootargs_option("name"), "x;y");
	assert_int_equal(bootargs_init("echo \"never closed; b"), 0);
	assert_non_null(bootargs_command(0));
	assert_null(bootargs_command(1));
}

static char reported[100];

static void report(const char *name, const char *value)
{
	strcat(reported, name);
	strcat(reported, ":");
	strcat(reported, value);
	strcat(reported, " ");
}

static void options_nobody_asked_for_are_reported(void **state)
{
	(void)state;
	assert_int_equal(bootargs_init("a=1;b=2;cmd;c=3"), 0);
	assert_non_null(bootargs_option("b"));
	reported[0] = '\0';
	bootargs_unknown(report);
	assert_string_equal(reported, "a:1 c:3 ");
}

static void arguments_that_are_too_long_are_cut_between_segments(void **state)
{
	static char args[6000];
	unsigned int i, n = 0;

	(void)state;
	for (i = 0; i + 10 < sizeof(args); i += 10)
		memcpy(args + i, "echo hi; x", 10);
	assert_int_equal(bootargs_init(args), -E2BIG);
	while (bootargs_command(n))
		n++;
	assert_true(n > 700 / 2);
	assert_true(strlen(bootargs_command(n - 1)) >= 1);
	memset(args, 'a', sizeof(args) - 1);
	assert_int_equal(bootargs_init(args), -E2BIG);
	assert_null(bootargs_command(0)); /* half a command is none */
}

static void the_longest_arguments_fit(void **state)
{
	static char args[4097];
	unsigned int i, n = 0;

	(void)state;
	for (i = 0; i < 4096; i += 2)
		memcpy(args + i, "a;", 2);
	assert_int_equal(bootargs_init(args), 0);
	while (bootargs_command(n))
		n++;
	assert_int_equal(n, 2048);
	for (i = 0; i + 4 <= 4096; i += 4)
		memcpy(args + i, "a=b;", 4);
	assert_int_equal(bootargs_init(args), 0);
	assert_string_equal(bootargs_option("a"), "b");
	for (i = 0; i + 3 <= 4096; i += 3)
		memcpy(args + i, "a=;", 3);
	assert_int_equal(bootargs_init(args), 0);
}

/* Whatever stands there, it is taken apart without harm. */
static void random_text_does_no_harm(void **state)
{
	static const char alphabet[] = "ab=;\" \t.-\n\x80";
	char args[64];
	uint32_t seed = 42;
	unsigned int round, i;

	(void)state;
	for (round = 0; round < 20000; round++) {
		unsigned int len = test_random(&seed) % sizeof(args);

		for (i = 0; i < len; i++)
			args[i] = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];
		args[len] = '\0';
		assert_int_equal(bootargs_init(args), 0);
		for (i = 0; bootargs_command(i); i++)
			assert_true(strlen(bootargs_command(i)) > 0);
		(void)bootargs_option("a");
	}
	bootargs_init("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_come_in_order_without_their_blanks),
		TEST(nothing_is_no_command),
		TEST(a_name_with_a_value_is_an_option),
		TEST(a_command_with_an_equals_sign_later_is_a_command),
		TEST(the_last_of_several_values_counts),
		TEST(quotes_protect_a_semicolon),
		TEST(options_nobody_asked_for_are_reported),
		TEST(arguments_that_are_too_long_are_cut_between_segments),
		TEST(the_longest_arguments_fit),
		TEST(random_text_does_no_harm),
	};

	return cmocka_run_group_tests_name("bootargs", tests, NULL, NULL);
}
