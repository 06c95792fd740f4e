/* The pipe `diff`: rows of two days, and what has changed between them. */
#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

/* 2024-05-02T12:00:00Z */
#define NOW_NS INT64_C(1714651200000000000)
#define HOUR   (3600 * NS_PER_SEC)
#define DAY    (24 * HOUR)

/* So many rows at a time; numbers in messages differ from row to row. */
static const struct {
	unsigned n;
	const char *time, *message, *service, *level;
} groups[] = {
	{3, "2024-05-02T11:10:00Z", "took 12ms", "pay", "INFO"},
	{6, "2024-05-02T11:20:00Z", "slow", "pay", "WARN"},
	{2, "2024-05-02T11:50:00Z", "refused", "cart", "ERROR"},
	{2, "2024-05-02T11:40:00Z", "ok", "pay", ""},
	/* a day before */
	{2, "2024-05-01T11:10:00Z", "took 7ms", "pay", "INFO"},
	{9, "2024-05-01T11:20:00Z", "slow", "pay", "WARN"},
	{4, "2024-05-01T11:55:00Z", "disk 3 full", "mail", "ERROR"},
	{2, "2024-05-01T11:40:00Z", "ok", "pay", ""},
	/* in neither hour */
	{7, "2024-05-01T12:30:00Z", "slow", "pay", "WARN"},
	{5, "2024-04-30T11:30:00Z", "ok", "mail", ""},
};

#define ROWS_MAX  64
#define PAIRS_MAX 8

static int open_rows(void **state)
{
	static struct span pairs[ROWS_MAX][PAIRS_MAX];
	struct source_row rows[ROWS_MAX];
	struct query_source *source;
	size_t n = 0;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		const struct span row[PAIRS_MAX] = {
			SPAN("_time"),   span_cstr(groups[g].time),
			SPAN("_msg"),    span_cstr(groups[g].message),
			SPAN("service"), span_cstr(groups[g].service),
			SPAN("level"),   span_cstr(groups[g].level),
		};

		for (unsigned i = 0; i < groups[g].n; i++, n++) {
			assert_true(n < ROWS_MAX);
			memcpy(pairs[n], row, sizeof(row));
			rows[n] = (struct source_row){pairs[n], PAIRS_MAX / 2};
		}
	}
	assert_int_equal(source_rows_open(rows, n, &source), 0);
	*state = source;
	return 0;
}

static int close_rows(void **state)
{
	source_close(*state);
	return 0;
}

/* The values of each row on a line. */
static int put_rows(void *ctx, struct rows *rows)
{
	struct buf *out = ctx;
	const struct span *names;
	size_t n;

	assert_int_equal(rows_names(rows, &names, &n), 0);
	for (uint32_t i = 0; i < rows->n; i++)
		for (size_t k = 0; k < n; k++) {
			buf_puts(out, rows_text(rows, names[k], i));
			buf_putc(out, k + 1 < n ? ' ' : '\n');
		}
	return 0;
}

static int run(struct query_source *source, const char *text, const struct query_conf *conf,
	       struct buf *out, struct err *reterr)
{
	struct query_result result;
	struct query *query;
	int r = query_parse(span_cstr(text), NOW_NS, &query_lang_ops, &query, reterr);

	if (r < 0)
		fail_msg("%s: %s", text, reterr->text);
	r = query_execute(query, conf, source, put_rows, out, &result, reterr);
	query_result_release(&result);
	query_free(query);
	return r;
}

static void assert_rows(struct query_source *source, const char *text,
			const struct query_conf *conf, const char *expected)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	struct err err = {.text = ""};

	if (run(source, text, conf, &out, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	if (strcmp(buf_cstr(&out), expected) != 0)
		fail_msg("%s:\n%s", text, buf_cstr(&out));
}

static void test_what_has_changed(void **state)
{
	static const struct {
		const char *query, *rows;
	} cases[] = {
		{"_time:1h | diff offset 1d by (pattern, service)",
		 "disk <N> full mail 4 0 -4 gone\n"
		 "slow pay 9 6 -3 shrunk\n"
		 "refused cart 0 2 2 new\n"
		 "took <N>ms pay 2 3 1 grown\n"
		 "ok pay 2 2 0 same\n"},
		{"_time:1h | diff offset 1d limit 2",
		 "disk <N> full 4 0 -4 gone\nslow 9 6 -3 shrunk\n"},
		{"_time:1h ok | diff offset 1d by (service) limit 0", "pay 2 2 0 same\n"},
		{"_time:1h nothing | diff offset 1d", ""},
		/* only what the rows of either time have */
		{"_time:15m | diff offset 1d by (service)", "mail 4 0 -4 gone\ncart 0 2 2 new\n"},
		/* a field of that name comes first */
		{"_time:1h service:pay | copy level as pattern | diff offset 1d",
		 "WARN 9 6 -3 shrunk\nINFO 2 3 1 grown\nok 2 2 0 same\n"},
		/* rows of pipes */
		{"_time:1h | stats by (service, level) count() n | diff offset 1d by (service)",
		 "cart 0 1 1 new\nmail 1 0 -1 gone\npay 3 3 0 same\n"},
		/* what stands behind it */
		{"_time:1h | diff offset 1d by (service) | filter state:gone | fields service",
		 "mail\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_rows(*state, cases[i].query, &(struct query_conf){.threads = 1},
			    cases[i].rows);
		assert_rows(*state, cases[i].query, &(struct query_conf){.threads = 4},
			    cases[i].rows);
	}
}

/* Every time in the query is moved, also in sub-queries and in pipes. */
static void test_all_times_move(void **state)
{
	static const struct {
		const char *query, *rows;
	} cases[] = {
		{"_time:1h service:in(_time:1h disk | fields service) | diff offset 1d by "
		 "(service)",
		 "mail 4 0 -4 gone\n"},
		{"_time:1h | filter _time:15m | diff offset 1d by (service)",
		 "mail 4 0 -4 gone\ncart 0 2 2 new\n"},
		{"_time:1h service:cart | union (_time:1h service:mail) | diff offset 1d by "
		 "(service)",
		 "mail 4 0 -4 gone\ncart 0 2 2 new\n"},
		{"_time:day_range[11:45, 11:59] _time:1h | diff offset 1d by (service)",
		 "mail 4 0 -4 gone\ncart 0 2 2 new\n"},
		{"_time:day_range[11:45, 12:59] _time:1h | diff offset 15m by (service)",
		 "cart 0 2 2 new\npay 2 0 -2 gone\n"},
		{"service:in(_time:1h | diff offset 1d by (service) | filter state:gone "
		 "| fields service) | stats count() n",
		 "9\n"},
		/* an open end is now */
		{"_time:>=2024-05-02T11:00:00Z | diff offset 1d by (service)",
		 "mail 4 0 -4 gone\ncart 0 2 2 new\npay 13 11 -2 same\n"},
		{"options(time_offset=1d) _time:1h | diff offset 1d by (service)",
		 "pay 0 13 13 new\nmail 5 4 -1 same\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_rows(*state, cases[i].query, &(struct query_conf){.threads = 1},
			    cases[i].rows);
}

/* The range of the configuration moves too, for sub-queries as well. */
static void test_range_of_the_configuration(void **state)
{
	struct query_conf hour = {
		.has_time_range = true, .min_time = NOW_NS - HOUR, .max_time = NOW_NS - 1};
	struct query_conf open = hour;

	open.max_time = INT64_MAX;
	for (int i = 0; i < 2; i++) {
		const struct query_conf *conf = i ? &open : &hour;

		assert_rows(*state, "* | diff offset 1d by (service)", conf,
			    "mail 4 0 -4 gone\ncart 0 2 2 new\npay 13 11 -2 same\n");
		assert_rows(*state,
			    "service:in(disk | fields service) | diff offset 1d by (service)", conf,
			    "mail 4 0 -4 gone\n");
		assert_rows(*state, "service:in(ok | fields service) | diff offset 2d by (service)",
			    conf, "pay 0 11 11 new\nmail 5 0 -5 gone\n");
	}
	assert_int_equal(hour.min_time, NOW_NS - HOUR);
	/* A query that doesn't want it has its own. */
	assert_rows(*state,
		    "options(ignore_global_time_filter=true) _time:2d service:mail "
		    "| diff offset 1d by (service)",
		    &hour, "mail 9 4 -5 shrunk\n");
}

static void test_open_range_is_an_error(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	struct query_conf until = {
		.has_time_range = true, .min_time = INT64_MIN, .max_time = NOW_NS};
	struct err err = {.text = ""};

	assert_int_equal(run(*state, "* | diff offset 1d", &(struct query_conf){0}, &out, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "needs a time range"));
	assert_int_equal(run(*state, "* | diff offset 1d", &until, &out, &err), -EINVAL);
	assert_int_equal(out.len, 0);
}

static void test_memory_is_bounded(void **state)
{
	_cleanup_(buf_release) struct buf out = BUF_INIT(1 << 16);
	struct err err = {.text = ""};

	assert_int_equal(run(*state, "_time:1h | diff offset 1d",
			     &(struct query_conf){.memory_bytes = 20 << 10, .threads = 1}, &out,
			     &err),
			 -ENOMEM);
	assert_non_null(strstr(err.text, "of memory that a query may use"));
}

static void test_text(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"* | diff offset 1d", "* | diff offset 1d by (pattern) limit 20"},
		{"* | diff offset 1h30m by (a, \"b c\") limit 5",
		 "* | diff offset 1h30m by (a, \"b c\") limit 5"},
		{"* | DIFF offset 1w by (service) limit 0",
		 "* | diff offset 1w by (service) limit 0"},
	};
	static const struct {
		const char *text, *says;
	} wrong[] = {
		{"* | diff", "offset"},
		{"* | diff 1d", "offset"},
		{"* | diff offset", "an offset"},
		{"* | diff offset 0s", "more than 0"},
		{"* | diff offset -1d", "more than 0"},
		{"* | diff offset 1d by service", "("},
		{"* | diff offset 1d limit x", "limit"},
	};
	struct query *query;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(buf_release) struct buf out = BUF_INIT(1024);

		if (query_parse(span_cstr(cases[i].text), NOW_NS, &query_lang_ops, &query, &err) <
		    0)
			fail_msg("%s: %s", cases[i].text, err.text);
		query_print(query, &out);
		query_free(query);
		assert_string_equal(buf_cstr(&out), cases[i].printed);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(query_parse(span_cstr(wrong[i].text), NOW_NS, &query_lang_ops,
					     &query, &err),
				 -EINVAL);
		if (!strstr(err.text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_has_changed),
		cmocka_unit_test(test_all_times_move),
		cmocka_unit_test(test_range_of_the_configuration),
		cmocka_unit_test(test_open_range_is_an_error),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("pipe_diff", tests, open_rows, close_rows);
}
