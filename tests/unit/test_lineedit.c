/* SPDX-License-Identifier: BSD-2-Clause */
/* The line editor: keys in, a line out, and an echo that shows the same line. */
#include "tests/unit/test.h"
#include "apps/shell/lineedit.h"

static struct lineedit edit;
static size_t echoed;

static void echo(void *arg, const char *buf, size_t len)
{
	assert_ptr_equal(arg, &edit);
	assert_non_null(buf);
	echoed += len;
}

static int setup(void **state)
{
	memset(&edit, 0xff, sizeof(edit));
	echoed = 0;
	lineedit_init(&edit, "> ", echo, &edit);
	lineedit_start(&edit);
	return port_host_setup(state);
}

/* Types @keys; the result of the last one. */
static enum lineedit_result type(const char *keys)
{
	enum lineedit_result result = LINEEDIT_MORE;

	for (; *keys; keys++) {
		if (result != LINEEDIT_MORE)
			lineedit_start(&edit);
		result = lineedit_feed(&edit, *keys);
		assert_true(edit.cursor <= edit.len && edit.len < LINEEDIT_MAX);
	}
	return result;
}

static void assert_line(const char *keys, const char *line)
{
	assert_int_equal(type(keys), LINEEDIT_DONE);
	assert_string_equal(edit.line, line);
	lineedit_start(&edit);
}

static void enter_ends_a_line(void **state)
{
	(void)state;
	assert_line("lsdev\r", "lsdev");
	assert_line("a b\n", "a b");
	assert_line("\r", "");
	assert_true(echoed > 8);
}

static void cr_lf_is_one_enter(void **state)
{
	(void)state;
	assert_line("one\r", "one");
	assert_int_equal(type("\n"), LINEEDIT_MORE);
	assert_line("two\r", "two");
	assert_line("\r", "");
}

static void backspace_and_delete_take_one_character(void **state)
{
	(void)state;
	assert_line("abx\bc\r", "abc");
	assert_line("abx\x7f"
		    "c\r",
		    "abc");
	assert_line("\b\b\x7f"
		    "ok\r",
		    "ok");
	assert_line("abc\x1b[D\x1b[D\x1b[3~\r", "ac"); /* Delete under the cursor */
}

static void the_cursor_moves_and_text_is_inserted_there(void **state)
{
	(void)state;
	assert_line("ac\x1b[Db\r", "abc");
	assert_line("bc\x1b[Ha\r", "abc");
	assert_line("b\x1b[Ha\x1b[Fc\r", "abc");
	assert_line("b\x01"
		    "a\x05"
		    "c\r",
		    "abc"); /* Ctrl-A, Ctrl-E */
	assert_line("ab\x1b[D\x1b[D\x1b[D\x1b[D\x1b[C\x1b[C\x1b[C\x1b[C"
		    "c\r",
		    "abc");
}

static void ctrl_u_and_ctrl_c_throw_the_line_away(void **state)
{
	(void)state;
	assert_line("garbage\x15"
		    "ok\r",
		    "ok");
	assert_int_equal(type("garbage\x03"), LINEEDIT_INTERRUPT);
	lineedit_start(&edit);
	assert_line("ok\r", "ok");
}

static void history_comes_back_with_the_arrows(void **state)
{
	(void)state;
	assert_line("first\r", "first");
	assert_line("second\r", "second");
	assert_line("\x1b[A\r", "second");
	assert_line("\x1b[A\x1b[A\r", "first");
	assert_line("typed\x1b[A\x1b[B\r", "typed"); /* what was typed waits */
	assert_line("\x1b[A\x1b[D\x1b[D!\r", "typ!ed");
}

static void history_holds_the_newest_lines(void **state)
{
	char keys[16], want[16];
	unsigned int i;

	(void)state;
	for (i = 0; i < 40; i++) {
		snprintf(keys, sizeof(keys), "line%u\r", i);
		type(keys);
		lineedit_start(&edit);
	}
	for (i = 0; i < 30; i++)
		type("\x1b[A");
	snprintf(want, sizeof(want), "line%u", 40 - LINEEDIT_HISTORY);
	assert_line("\r", want);
}

static void a_line_that_is_too_long_says_so_and_does_no_harm(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < LINEEDIT_MAX - 1; i++)
		assert_int_equal(lineedit_feed(&edit, 'a'), LINEEDIT_MORE);
	assert_int_equal(lineedit_feed(&edit, '\r'), LINEEDIT_DONE);
	assert_int_equal(strlen(edit.line), LINEEDIT_MAX - 1);
	lineedit_start(&edit);
	for (i = 0; i < 3 * LINEEDIT_MAX; i++)
		assert_int_equal(lineedit_feed(&edit, 'a'), LINEEDIT_MORE);
	assert_int_equal(lineedit_feed(&edit, '\r'), LINEEDIT_TOO_LONG);
	lineedit_start(&edit);
	assert_line("ok\r", "ok");
}

static void unknown_sequences_are_passed_over(void **state)
{
	(void)state;
	assert_line("a\x1b[15~b\x1b[1;5Cc\x1bOPd\r", "abcd");
	assert_line("a\x1b[99999999999999999999~b\r", "ab");
	assert_line("a\x02\x07\x0b\x0e"
		    "\r",
		    edit.line); /* control characters end up nowhere visible */
}

static void random_keys_keep_the_editor_sound(void **state)
{
	static const char alphabet[] = "ab \b\x7f\x1b[ADCBH3~O;15\r\n\x03\x15\x01\x05\x80\xff";
	uint32_t seed = 31337;
	unsigned int i;

	(void)state;
	for (i = 0; i < 300000; i++) {
		char c = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];

		if (lineedit_feed(&edit, c) != LINEEDIT_MORE) {
			assert_true(strlen(edit.line) < LINEEDIT_MAX);
			lineedit_start(&edit);
		}
		assert_true(edit.cursor <= edit.len && edit.len < LINEEDIT_MAX);
	}
}

#define EDIT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, port_host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EDIT_TEST(enter_ends_a_line),
		EDIT_TEST(cr_lf_is_one_enter),
		EDIT_TEST(backspace_and_delete_take_one_character),
		EDIT_TEST(the_cursor_moves_and_text_is_inserted_there),
		EDIT_TEST(ctrl_u_and_ctrl_c_throw_the_line_away),
		EDIT_TEST(history_comes_back_with_the_arrows),
		EDIT_TEST(history_holds_the_newest_lines),
		EDIT_TEST(a_line_that_is_too_long_says_so_and_does_no_harm),
		EDIT_TEST(unknown_sequences_are_passed_over),
		EDIT_TEST(random_keys_keep_the_editor_sound),
	};

	return cmocka_run_group_tests_name("lineedit", tests, NULL, NULL);
}
