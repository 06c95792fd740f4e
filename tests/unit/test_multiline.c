/* multiline: which lines join, drawn as they stand in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/parse/multiline.h"
#include <errno.h>

/* '+' in front: the line starts a record; '|': it continues the one before. */
static void check(const char *preset, const char *text)
{
	struct multiline m;
	struct err err;
	struct span rest = span_cstr(text), line;

	if (multiline_init(&m, span_cstr(preset), &err) < 0)
		fail_msg("%s", err.text);
	while (span_cut(&rest, '\n', &line)) {
		bool expected = line.ptr[0] == '|';

		if (multiline_continues(&m, span_skip(line, 1)) != expected)
			fail_msg("%s: %.*s", preset, SPAN_FMT(line));
	}
	multiline_release(&m);
}

static const char java[] = "+2026-03-01 12:00:00 ERROR failed\n"
			   "|java.lang.IllegalStateException: outer\n"
			   "|\tat com.example.A.b(A.java:1)\n"
			   "|\tat com.example.A.c(A.java:2)\n"
			   "|Caused by: java.io.IOException: inner\n"
			   "|\t... 7 more\n"
			   "|\tSuppressed: java.lang.Exception\n"
			   "+2026-03-01 12:00:01 INFO next\n"
			   "+java is a language: not a trace\n"
			   "+{\"json\":1}\n";

static const char python[] =
	"+ERROR:root:oops\n"
	"|Traceback (most recent call last):\n"
	"|  File \"a.py\", line 1, in <module>\n"
	"|    1 / 0\n"
	"|ZeroDivisionError: division by zero\n"
	"|\n"
	"|During handling of the above exception, another exception occurred:\n"
	"|\n"
	"|Traceback (most recent call last):\n"
	"|  File \"a.py\", line 3, in <module>\n"
	"|KeyError: 'x'\n"
	"+INFO:root:next\n"
	"+INFO:root:and next\n";

static const char go[] = "+starting\n"
			 "+panic: runtime error: index out of range [5] with length 3\n"
			 "|\n"
			 "|goroutine 1 [running]:\n"
			 "|main.(*server).run(0xc000012345, 0x1)\n"
			 "|\t/src/main.go:10 +0x1d\n"
			 "|created by main.main\n"
			 "|exit status 2\n"
			 "+starting\n"
			 "+fatal error: all goroutines are asleep - deadlock!\n"
			 "|\n"
			 "|goroutine 1 [chan receive]:\n"
			 "|main.main()\n"
			 "+2026/03/01 12:00:00 restarted\n";

static void presets(void **state)
{
	(void)state;
	check("java", java);
	check("python", python);
	check("go", go);
	check("auto", java);
	check("auto", python);
	check("auto", go);
	check("indent", "+a\n|  b\n|\tc\n+Caused by: d\n");
}

static void the_first_line_starts_a_record_whatever_it_is(void **state)
{
	(void)state;
	check("auto", "+\tat com.example.A.b(A.java:1)\n|\tat x\n");
	check("auto", "+Traceback (most recent call last):\n|  File\n|ValueError: x\n+next\n");
	check("start:^x", "+y\n|y\n+x\n");
}

static void none_joins_nothing(void **state)
{
	(void)state;
	check("none", "+a\n+\tb\n+Caused by: c\n");
}

static void a_pattern_starts_records(void **state)
{
	(void)state;
	check("start:^\\d{4}-", "+2026-03-01 a\n|b\n|\n|  c\n+2026-03-02 d\n");
}

static void reset_forgets(void **state)
{
	struct multiline m;

	(void)state;
	assert_int_equal(multiline_init(&m, SPAN("indent"), NULL), 0);
	assert_false(multiline_continues(&m, SPAN("a")));
	assert_true(multiline_continues(&m, SPAN(" b")));
	multiline_reset(&m);
	assert_false(multiline_continues(&m, SPAN(" c")));
	multiline_release(&m);
	multiline_release(NULL);
}

static void what_is_no_preset(void **state)
{
	struct multiline m;
	struct err err;

	(void)state;
	assert_int_equal(multiline_init(&m, SPAN("cobol"), &err), -EINVAL);
	assert_non_null(strstr(err.text, "unknown multiline preset 'cobol': none, auto, java"));
	multiline_release(&m);
	assert_int_equal(multiline_init(&m, SPAN("start:("), &err), -EINVAL);
	multiline_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets),
		cmocka_unit_test(the_first_line_starts_a_record_whatever_it_is),
		cmocka_unit_test(none_joins_nothing),
		cmocka_unit_test(a_pattern_starts_records),
		cmocka_unit_test(reset_forgets),
		cmocka_unit_test(what_is_no_preset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
