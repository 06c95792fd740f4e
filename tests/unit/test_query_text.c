/* The text functions behind pipes: templates, numbers, collapse, math, logfmt, syslog. */
#include "aggregator/query/text/collapse.h"
#include "aggregator/query/text/logfmt.h"
#include "aggregator/query/text/math.h"
#include "aggregator/query/text/number_text.h"
#include "aggregator/query/text/syslog.h"
#include "aggregator/query/text/template.h"
#include "aggregator/query/text/transform.h"
#include "common/base/clock.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

static void assert_text(struct buf *out, const char *expected)
{
	assert_string_equal(buf_cstr(out), expected);
	buf_reset(out);
}

static void test_numbers_as_text(void **state)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {
		{0, "0"},
		{-0.0, "-0"},
		{1, "1"},
		{-17, "-17"},
		{0.1, "0.1"},
		{1.667, "1.667"},
		{-1234.5678, "-1234.5678"},
		{1e21, "1000000000000000000000"},
		{1e-7, "0.0000001"},
		{9007199254740993.0, "9007199254740992"},
		{123456789012345680.0, "123456789012345680"},
		{5e-324, NULL},
		{INFINITY, "+Inf"},
		{-INFINITY, "-Inf"},
		{NAN, "NaN"},
	};
	struct buf out = BUF_INIT(1024);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		number_put(&out, cases[i].number);
		if (cases[i].text)
			assert_string_equal(buf_cstr(&out), cases[i].text);
		else
			assert_true(strtod(buf_cstr(&out), NULL) == cases[i].number);
		buf_reset(&out);
	}
	number_put_time(&out, 1717328141123456789);
	assert_text(&out, "2024-06-02T11:35:41.123456789Z");
	number_put_time(&out, 1717328141100000000);
	assert_text(&out, "2024-06-02T11:35:41.1Z");
	number_put_time(&out, 1717328140000000000);
	assert_text(&out, "2024-06-02T11:35:40Z");
	buf_release(&out);
}

static void test_collapse_nums(void **state)
{
	static const struct {
		const char *text, *collapsed, *pretty;
	} cases[] = {
		{"", "", ""},
		{"nothing here", "nothing here", "nothing here"},
		{"took 17ms", "took <N>ms", "took <N>ms"},
		{"id=5f0c9a12 be add cafe5", "id=<N> be add cafe5", "id=<N> be add cafe5"},
		{"from 10.0.0.3:80", "from <N>.<N>.<N>.<N>:<N>", "from <IP4>:<N>"},
		{"2024-06-02T11:35:41.5Z x", "<N>-<N>-<N>T<N>:<N>:<N>.<N>Z x", "<DATETIME> x"},
		{"2024-06-02 11:35:41+02:00", "<N>-<N>-<N> <N>:<N>:<N>+<N>:<N>", "<DATETIME>"},
		{"u 2edfed59-3e98-4073-bbb2-28d321ca71a7", "u <N>-<N>-<N>-<N>-<N>", "u <UUID>"},
		{"user7 v1 x2", "user7 v<N> x<N>", "user7 v<N> x<N>"},
		{"цена 5µs", "цена <N>µs", "цена <N>µs"},
		{"1", "<N>", "<N>"},
	};
	struct buf out = BUF_INIT(1024);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		text_collapse_nums(span_cstr(cases[i].text), &out);
		assert_string_equal(buf_cstr(&out), cases[i].collapsed);
		text_prettify_nums(&out, 0);
		assert_text(&out, cases[i].pretty);
	}
	buf_release(&out);
}

static void test_transforms(void **state)
{
	struct buf out = BUF_INIT(1024);

	(void)state;
	assert_true(transform_base64_decode(SPAN("aGk="), &out));
	assert_text(&out, "hi");
	assert_false(transform_base64_decode(SPAN("a*k="), &out));
	assert_int_equal(out.len, 0);
	assert_false(transform_base64_decode(SPAN("al"), &out));
	transform_base64_encode(SPAN("any carnal"), &out);
	assert_text(&out, "YW55IGNhcm5hbA==");
	transform_hex_decode(SPAN("41ZZ42"), &out);
	assert_text(&out, "AZZB");
	assert_true(transform_hex_number_decode(SPAN("fF"), &out));
	assert_text(&out, "255");
	assert_false(transform_hex_number_decode(SPAN("00000000000000001"), &out));
	transform_url_decode(SPAN("a+b%20%zz%4"), &out);
	assert_text(&out, "a b %zz%4");
	transform_decolorize(SPAN("\x1b[1;31mred\x1b[m and \x1b[10;5H end\x1b["), &out);
	assert_text(&out, "red and  end");
	buf_release(&out);
}

static void test_template_errors(void **state)
{
	struct template template;
	struct arena arena;
	struct err err;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(template_parse(SPAN("a <b"), &arena, &template, &err), -EINVAL);
	assert_int_equal(err.offset, 2);
	assert_non_null(strstr(err.text, "&lt;"));
	assert_int_equal(template_parse(SPAN("a <b*>"), &arena, &template, &err), -EINVAL);
	assert_int_equal(template_parse(SPAN("<a><b>"), &arena, &template, &err), 0);
	assert_int_equal(template_check_extract(&template, &err), -EINVAL);
	assert_non_null(strstr(err.text, "between <a> and <b>"));
	assert_int_equal(template_parse(SPAN("x <_> y"), &arena, &template, &err), 0);
	assert_int_equal(template_check_extract(&template, &err), -EINVAL);
	arena_release(&arena);
}

static void test_template_extract(void **state)
{
	struct template template;
	struct span matches[8];
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(template_parse(SPAN("ip=<ip> q=<q> &lt;<rest>"), &arena, &template, NULL),
			 0);
	assert_int_equal(template_extract(&template, SPAN("x ip=1.2.3.4 q=\"a b\" <tail q="),
					  &arena, matches),
			 0);
	assert_true(span_eq(matches[0], SPAN("1.2.3.4")));
	assert_true(span_eq(matches[1], SPAN("a b")));
	assert_true(span_eq(matches[2], SPAN("tail q=")));
	assert_int_equal(template_extract(&template, SPAN("ip=7"), &arena, matches), 0);
	assert_int_equal(matches[0].len + matches[1].len + matches[2].len, 0);
	arena_release(&arena);
}

static const double *no_column(void *ctx, struct span field)
{
	static const double values[] = {3, NAN};

	(void)ctx, (void)field;
	return values;
}

static void test_math(void **state)
{
	static const struct {
		const char *text, *printed;
		double result;
	} cases[] = {
		{"1 + 2 * 3", "1 + 2 * 3", 7},
		{"(1 + 2) * 3", "(1 + 2) * 3", 9},
		{"2 ^ 3 * 2", "2 ^ 3 * 2", 16},
		{"10 - 4 - 3", "10 - 4 - 3", 3},
		{"10 - (4 - 3)", "10 - (4 - 3)", 9},
		{"1 + 2 * 3 ^ 2 - 1", "1 + 2 * 3 ^ 2 - 1", 18},
		{"-2 + 5", "-2 + 5", 3},
		{"max(1, x, 2)", "max(1, x, 2)", 3},
		{"round(10.26, 0.1)", "round(10.26, 0.1)", 10.3},
		{"round(8, -0.001)", "round(8, -0.001)", 8},
		{"7 % 4", "7 % 4", 3},
		{"6 & 3 or 8", "6 & 3 or 8", 10},
		{"1h / 1m", "1h / 1m", 60},
		{"1KiB", "1KiB", 1024},
		{"x default 5", "x default 5", 3},
		{"now()", "now()", 42},
	};
	struct buf out = BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct math_expr *expr;
		struct arena arena;
		struct err err;
		struct lex lex;

		arena_init(&arena, 1 << 20);
		assert_int_equal(lex_init(&lex, span_cstr(cases[i].text), 0, &arena, &err), 0);
		assert_int_equal(math_parse(&lex, &expr), 0);
		assert_true(lex_at_end(&lex));
		math_print(expr, &out);
		assert_text(&out, cases[i].printed);
		const double *result = math_eval(expr, 1, 42, &arena, no_column, NULL);

		assert_non_null(result);
		assert_true(fabs(result[0] - cases[i].result) < 1e-12);
		arena_release(&arena);
	}
	buf_release(&out);
}

static void test_math_errors(void **state)
{
	static const char *const cases[] = {"",       "1 +",     "(1",           "abs(1, 2)",
					    "max(1)", "min() x", "round(1,2,3)", "5zz",
					    "foo*",   "1 ++ *"};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct math_expr *expr;
		struct arena arena;
		struct err err = {0};
		struct lex lex;

		arena_init(&arena, 1 << 20);
		assert_int_equal(lex_init(&lex, span_cstr(cases[i]), 0, &arena, &err), 0);
		assert_true(math_parse(&lex, &expr) < 0);
		assert_true(err.text[0] != 0);
		arena_release(&arena);
	}
}

static void test_logfmt(void **state)
{
	struct span rest = SPAN("a=1 b=\"x \\\"y\\\"\" done =5 c="), key, value;
	struct buf out = BUF_INIT(1024);
	struct arena arena;
	bool first = true;

	(void)state;
	arena_init(&arena, 1 << 20);
	while (logfmt_next(&rest, &arena, &key, &value))
		logfmt_write(&out, &first, key, value);
	assert_text(&out, "a=1 b=\"x \\\"y\\\"\" done= =5 c=");
	arena_release(&arena);
	buf_release(&out);
}

static void put_field(void *ctx, struct span name, struct span value)
{
	buf_printf(ctx, "%.*s=%.*s|", SPAN_FMT(name), SPAN_FMT(value));
}

static void test_syslog(void **state)
{
	/* 2024-12-31T12:00:00Z: a stamp of January is of the coming year, too far ahead. */
	const int64_t now = INT64_C(1735646400) * NS_PER_SEC;
	static const struct {
		const char *text, *fields;
	} cases[] = {
		{"<34>Oct 11 22:14:15 host su[42]: denied",
		 "priority=34|facility_keyword=auth|level=critical|facility=4|severity=2|format="
		 "rfc3164|"
		 "timestamp=2024-10-11T22:14:15.000Z|hostname=host|app_name=su|proc_id=42|"
		 "message=denied|"},
		{"<13>1 - h a p m [x@1 k=\"v \\] w\" n=\"2\"] hello",
		 "priority=13|facility_keyword=user|level=notice|facility=1|severity=5|format="
		 "rfc5424|"
		 "timestamp=-|hostname=h|app_name=a|proc_id=p|msg_id=m|x@1.k=v ] w|x@1.n=2|"
		 "message=hello|"},
		{"Feb 30 99:00:00 host", "format=rfc3164|message=Feb 30 99:00:00 host|"},
		{"Jan  5 01:02:03 h",
		 "format=rfc3164|timestamp=2024-01-05T01:02:03.000Z|hostname=h|"},
		{"<x>hm", "priority=x|"},
		{"<12", ""},
		{"", ""},
	};
	struct buf out = BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;

		arena_init(&arena, 1 << 20);
		syslog_parse(span_cstr(cases[i].text), now, 0, &arena, put_field, &out);
		assert_text(&out, cases[i].fields);
		arena_release(&arena);
	}
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_as_text),  cmocka_unit_test(test_collapse_nums),
		cmocka_unit_test(test_transforms),       cmocka_unit_test(test_template_errors),
		cmocka_unit_test(test_template_extract), cmocka_unit_test(test_math),
		cmocka_unit_test(test_math_errors),      cmocka_unit_test(test_logfmt),
		cmocka_unit_test(test_syslog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
