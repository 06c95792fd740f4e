/*
 * query_fixture.h - what tests of running queries share: a query is run over a
 * source, and its rows are compared as lines of text, fields by name.
 *
 *	expect("n:<2 | fields n, g", source, "g=0;n=0;\ng=1;n=1;\n");
 *	expect_failure("* | sort by (n)", source, &conf, -ENOMEM, "pipe `sort`");
 */
#ifndef SLUICE_TESTS_QUERY_FIXTURE_H
#define SLUICE_TESTS_QUERY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/query/query.h"
#include <stdlib.h>

#define NOW_NS INT64_C(1700000000000000000)

struct answer {
	struct buf text; /* a line for each row: n=1;g=2; */
	size_t rows;
	size_t stop_at; /* say "enough" or fail after so many; 0 = never */
	int stop_code;
};

static inline int compare_spans(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

#define NAMES_MAX 64

/* The names of the fields in order; how many. */
static inline size_t sorted_names(struct rows *rows, struct span names[NAMES_MAX])
{
	const struct span *given;
	size_t n;

	assert_int_equal(rows_names(rows, &given, &n), 0);
	assert_true(n <= NAMES_MAX);
	memcpy(names, given, n * sizeof(*names));
	qsort(names, n, sizeof(*names), compare_spans);
	return n;
}

/* One row: n=1;g=2; */
static inline void put_row(struct buf *out, struct rows *rows, const struct span *names, size_t n,
			   uint32_t row)
{
	for (size_t i = 0; i < n; i++) {
		struct span text = rows_text(rows, names[i], row);

		if (text.len)
			buf_printf(out, "%.*s=%.*s;", SPAN_FMT(names[i]), SPAN_FMT(text));
	}
}

static inline int collect(void *ctx, struct rows *rows)
{
	struct answer *answer = ctx;
	struct span names[NAMES_MAX];
	size_t n = sorted_names(rows, names);

	for (uint32_t row = 0; row < rows->n; row++, answer->rows++) {
		put_row(&answer->text, rows, names, n, row);
		buf_putc(&answer->text, '\n');
	}
	return answer->stop_at && answer->rows >= answer->stop_at ? answer->stop_code : 0;
}

static inline int run_with(const char *text, struct query_source *source,
			   const struct query_conf *conf, struct answer *answer,
			   struct query_result *result, struct err *err)
{
	struct query *query;
	int r;

	*err = (struct err){.text = ""};
	if (query_parse(span_cstr(text), NOW_NS, &query_lang_ops, &query, err) < 0)
		fail_msg("%s: %s", text, err->text);
	buf_init(&answer->text, 64 << 20);
	r = query_execute(query, conf, source, collect, answer, result, err);
	query_free(query);
	return r;
}

/* The answer is these lines, in this order. */
static inline void expect(const char *text, struct query_source *source, const char *lines)
{
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct err err;
	int r = run_with(text, source, &(struct query_conf){.threads = 1}, &answer, &result, &err);

	if (r < 0)
		fail_msg("%s: %s", text, err.text);
	assert_false(result.partial);
	assert_string_equal(buf_cstr(&answer.text), lines);
	buf_release(&answer.text);
	query_result_release(&result);
}

/* It fails with this code, and the text has `words`. */
static inline void expect_failure(const char *text, struct query_source *source,
				  const struct query_conf *conf, int code, const char *words)
{
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct err err;
	int r = run_with(text, source, conf, &answer, &result, &err);

	assert_int_equal(r, code);
	if (!strstr(err.text, words))
		fail_msg("%s: `%s` is not about `%s`", text, err.text, words);
	buf_release(&answer.text);
	query_result_release(&result);
}

#endif
