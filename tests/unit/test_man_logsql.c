/*
 * The examples of logsql(7): each is parsed, printed, parsed again and run over
 * a few rows; and each filter function, pipe and stats function has one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/base/vec.h"
#include "common/lang/words.h"
#include <stdio.h>

/* 2024-05-01T10:30:00Z */
#define NOW_NS INT64_C(1714559400000000000)
#define PAGE   "packaging/man/logsql.7.scd"

struct page {
	struct buf text;
	VEC(struct span) examples;
	struct query_source *source;
};

static const struct span rows[][24] = {
	{SPAN("_time"),    SPAN("2024-05-01T10:29:00Z"),
	 SPAN("_msg"),     SPAN("request from 10.0.0.7 took 1250ms"),
	 SPAN("_stream"),  SPAN("{service=\"pay\",host=\"a-1\"}"),
	 SPAN("service"),  SPAN("pay"),
	 SPAN("level"),    SPAN("ERROR"),
	 SPAN("trace_id"), SPAN("t1"),
	 SPAN("took_ms"),  SPAN("1250"),
	 SPAN("tags"),     SPAN("[\"canary\",\"eu\"]"),
	 SPAN("status"),   SPAN("503"),
	 SPAN("ip"),       SPAN("10.0.0.7")},
	{SPAN("_time"), SPAN("2024-05-01T10:29:01Z"), SPAN("_msg"), SPAN("connection refused"),
	 SPAN("_stream"), SPAN("{service=\"cart\",host=\"a-2\"}"), SPAN("service"), SPAN("cart"),
	 SPAN("level"), SPAN("WARN"), SPAN("trace_id"), SPAN("t1"), SPAN("took_ms"), SPAN("7"),
	 SPAN("payload"), SPAN("{\"a\":1,\"b\":\"x\"}"), SPAN("path"), SPAN("/api/cart")},
	{SPAN("_time"), SPAN("2024-05-01T10:29:02Z"), SPAN("_msg"), SPAN("ok"), SPAN("_stream"),
	 SPAN("{service=\"cart\",host=\"a-2\"}"), SPAN("service"), SPAN("cart"), SPAN("level"),
	 SPAN("INFO")},
};

static int open_page(void **state)
{
	static struct page page = {.text = BUF_INIT(1 << 20)};
	struct source_row list[3];
	struct span rest, line;
	bool inside = false;
	struct err err;

	if (io_read_file(PAGE, &page.text, &err) < 0)
		fail_msg("%s", err.text);
	rest = buf_span(&page.text);
	while (span_cut(&rest, '\n', &line)) {
		if (span_eq(line, SPAN("```")))
			inside = !inside;
		else if (inside)
			assert_int_equal(vec_push(&page.examples, line), 0);
	}
	for (size_t i = 0; i < 3; i++) {
		list[i] = (struct source_row){rows[i], 0};
		while (list[i].n < 12 && rows[i][2 * list[i].n].len)
			list[i].n++;
	}
	assert_int_equal(source_rows_open(list, 3, &page.source), 0);
	*state = &page;
	return 0;
}

static int close_page(void **state)
{
	struct page *page = *state;

	source_close(page->source);
	vec_release(&page->examples);
	buf_release(&page->text);
	return 0;
}

static int count_rows(void *ctx, struct rows *result)
{
	*(size_t *)ctx += result->n;
	return 0;
}

static void run_example(struct page *page, struct span text)
{
	_cleanup_(buf_release) struct buf printed = BUF_INIT(1 << 16);
	struct query_conf conf = {.threads = 1};
	struct query_result result;
	struct query *query, *again;
	struct err err = {0};
	size_t n = 0;

	if (query_parse(text, NOW_NS, &query_lang_ops, &query, &err) < 0)
		fail_msg("%.*s: %s", SPAN_FMT(text), err.text);
	query_print(query, &printed);
	if (query_parse(buf_span(&printed), NOW_NS, &query_lang_ops, &again, &err) < 0)
		fail_msg("%s: %s", buf_cstr(&printed), err.text);
	query_free(again);
	if (query_execute(query, &conf, page->source, count_rows, &n, &result, &err) < 0)
		fail_msg("%.*s: %s", SPAN_FMT(text), err.text);
	query_result_release(&result);
	query_free(query);
}

static void test_examples_run(void **state)
{
	struct page *page = *state;

	assert_true(page->examples.len > 100);
	for (size_t i = 0; i < page->examples.len; i++)
		run_example(page, page->examples.ptr[i]);
}

/* Some example has `before` + name + one of `behind`. */
static bool has_example(const struct page *page, const char *before, struct span name,
			const char *behind)
{
	char call[128];

	for (size_t i = 0; i < page->examples.len; i++) {
		for (const char *c = behind; *c; c++) {
			struct span line = page->examples.ptr[i];

			snprintf(call, sizeof(call), "%s%.*s%c", before, SPAN_FMT(name), *c);
			if (span_find(line, span_cstr(call)) >= 0 ||
			    (*c == '$' &&
			     span_ends(line, span_take(span_cstr(call), strlen(call) - 1))))
				return true;
		}
	}
	return false;
}

static void test_each_function_has_one(void **state)
{
	struct span filters = span_cstr(words_filters), stats = span_cstr(words_stats), name;

	while (span_cut(&filters, ' ', &name))
		if (!has_example(*state, "", name, "(["))
			fail_msg("no example of the filter %.*s()", SPAN_FMT(name));
	while (span_cut(&stats, ' ', &name))
		if (!has_example(*state, " ", name, "("))
			fail_msg("no example of the stats function %.*s()", SPAN_FMT(name));
}

static void test_each_pipe_has_one(void **state)
{
	for (size_t i = 0; pipe_table[i]; i++) {
		struct span names = span_cstr(pipe_table[i]->names), name;

		assert_true(span_cut(&names, ' ', &name));
		if (!has_example(*state, "| ", name, " ($"))
			fail_msg("no example of the pipe %.*s", SPAN_FMT(name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples_run),
		cmocka_unit_test(test_each_function_has_one),
		cmocka_unit_test(test_each_pipe_has_one),
	};

	return cmocka_run_group_tests_name("man_logsql", tests, open_page, close_page);
}
