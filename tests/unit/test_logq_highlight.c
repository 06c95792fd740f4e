/* What of a text is painted because a query matched it. */
#include "aggregator/logq/highlight.h"
#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `<` and `>` stand for the escapes of the color. */
static const struct {
	const char *query, *field, *text, *shown;
} cases[] = {
	{"error", "_msg", "error, errors, an error", "<error>, errors, an <error>"},
	{"\"time out\"", "_msg", "time out of time", "<time out> of time"},
	{"err*", "_msg", "errors in terror", "<err>ors in terror"},
	{"*rr*", "_msg", "errors", "e<rr>ors"},
	{"i(error)", "_msg", "Error ERROR errors", "<Error> <ERROR> errors"},
	{"~\"e.r\"", "_msg", "error", "<err>or"},
	{"~\"x*\"", "_msg", "axxb", "a<xx>b"},
	{"=error", "_msg", "error", "<error>"},
	{"=error", "_msg", "an error", "an error"},
	{"=err*", "_msg", "errors", "<err>ors"},
	{"in(a, b)", "_msg", "b", "<b>"},
	{"contains_any(a, b)", "_msg", "x b a", "x <b> <a>"},
	{"seq(a, b)", "_msg", "a b", "<a> <b>"},
	{"a or b", "_msg", "a b c", "<a> <b> c"},
	{"a b", "_msg", "b a", "<b> <a>"},
	{"(a or (b c)) d", "_msg", "a b c d", "<a> <b> <c> <d>"},
	{"a -b !c", "_msg", "a b c", "<a> b c"},
	{"a \"a b\"", "_msg", "a b", "<a>< b>"},
	{"level:error", "_msg", "error", "error"},
	{"level:error", "level", "error", "<error>"},
	{"*:error", "anything", "an error", "an <error>"},
	{"\"a.b(c)*\"", "_msg", "xa.b(c)* a.b(c)*", "xa.b(c)* <a.b(c)*>"},
	{"fähr", "_msg", "fähr gefähr fähre fähr", "<fähr> gefähr fähre <fähr>"},
	{"n:>5", "n", "7", "7"},
	{"*", "_msg", "text", "text"},
	{"b", "_msg", "a\nb\nc", "a\n  <b>\n  c"},
};

static void show(const char *query_text, const char *field, const char *text, bool color,
		 struct buf *out)
{
	struct style style = {.color = color};
	struct highlight *highlight;
	struct query *query;
	struct err err = {0};

	if (query_parse(span_cstr(query_text), 0, &query_lang_ops, &query, &err) < 0)
		fail_msg("%s: %s", query_text, err.text);
	assert_int_equal(highlight_new(query->filter, &highlight), 0);
	style.highlight = highlight;
	highlight_lines(&style, span_cstr(field), span_cstr(text), 2, out);
	highlight_free(highlight);
	query_free(query);
}

/* The escapes as < and >. */
static void put_readable(struct span text, struct buf *out)
{
	static const struct span begin = SPAN("\033[1;35m"), end = SPAN("\033[0m");

	while (text.len) {
		if (span_starts(text, begin) || span_starts(text, end)) {
			bool begins = span_starts(text, begin);

			buf_putc(out, begins ? '<' : '>');
			text = span_skip(text, begins ? begin.len : end.len);
			continue;
		}
		buf_putc(out, text.ptr[0]);
		text = span_skip(text, 1);
	}
}

static void test_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(buf_release) struct buf out = BUF_INIT(4096);
		_cleanup_(buf_release) struct buf readable = BUF_INIT(4096);

		show(cases[i].query, cases[i].field, cases[i].text, true, &out);
		put_readable(buf_span(&out), &readable);
		if (strcmp(buf_cstr(&readable), cases[i].shown) != 0)
			fail_msg("%s on %s: got %s, expected %s", cases[i].query, cases[i].text,
				 buf_cstr(&readable), cases[i].shown);
	}
}

static void test_without_color(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(4096);

	(void)state;
	show("error", "_msg", "an error", false, &out);
	assert_string_equal(buf_cstr(&out), "an error");
}

/* Marks have a cap; what is beyond stays plain, and whole. */
static void test_many(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
	size_t plain = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_puts(&text, SPAN("x "));
	show("x", "_msg", buf_cstr(&text), true, &out);
	for (size_t i = 0; i < out.len; i++)
		plain += out.ptr[i] == 'x';
	assert_int_equal(plain, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_without_color),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
