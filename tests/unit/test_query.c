/* Running queries: limits, errors, cancellation, damage, sub-queries, pipes. */
#include "aggregator/query/filter_exec.h"
#include "common/base/cleanup.h"
#include "tests/unit/query_fixture.h"
#include <errno.h>

/* Rows {"n":"0"} … {"n":"N-1"} with g = n % 7 and a long text. */
static struct query_source *open_numbers(size_t n)
{
	struct source_row *rows = calloc(n, sizeof(*rows));
	struct span(*pairs)[6] = calloc(n, sizeof(*pairs));
	struct query_source *source;
	struct arena arena;

	assert_non_null(rows);
	assert_non_null(pairs);
	arena_init(&arena, 64 << 20);
	for (size_t i = 0; i < n; i++) {
		pairs[i][0] = SPAN("n");
		pairs[i][1] = arena_printf(&arena, "%zu", i);
		pairs[i][2] = SPAN("g");
		pairs[i][3] = arena_printf(&arena, "%zu", i % 7);
		pairs[i][4] = SPAN("text");
		pairs[i][5] = SPAN("some text that takes room when rows are kept");
		rows[i] = (struct source_row){pairs[i], 3};
	}
	assert_int_equal(source_rows_open(rows, n, &source), 0);
	arena_release(&arena);
	free(pairs);
	free(rows);
	return source;
}

static void test_memory_budget_names_the_pipe(void **state)
{
	struct query_source *source = open_numbers(20000);
	struct query_conf conf = {.memory_bytes = 256 << 10};

	(void)state;
	expect_failure("* | sort by (n)", source, &conf, -ENOMEM, "pipe `sort`");
	expect_failure("* | stats by (n) count()", source, &conf, -ENOMEM, "pipe `stats`");
	expect_failure("* | uniq by (n)", source, &conf, -ENOMEM, "pipe `uniq`");
	expect_failure("* | top by (n)", source, &conf, -ENOMEM, "pipe `top`");
	expect_failure("* | running_stats sum(n)", source, &conf, -ENOMEM, "pipe `running_stats`");
	expect_failure("* | join by (n) (*)", source, &conf, -ENOMEM, "pipe `join`");
	source_close(source);
}

/* The best few of many rows fit where all of them do not. */
static void test_top_k_keeps_few_rows(void **state)
{
	struct query_source *source = open_numbers(60000);
	struct query_conf conf = {.memory_bytes = 8 << 20, .threads = 1};
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct err err;

	(void)state;
	assert_int_equal(run_with("* | sort by (n desc) offset 1 limit 2 | fields n", source, &conf,
				  &answer, &result, &err),
			 0);
	assert_string_equal(buf_cstr(&answer.text), "n=59998;\nn=59997;\n");
	expect_failure("* | sort by (n desc)", source, &conf, -ENOMEM, "pipe `sort`");
	buf_release(&answer.text);
	query_result_release(&result);
	/* Of equal rows the first ones; by two fields. */
	expect("* | sort by (g) limit 3 | fields n", source, "n=0;\nn=7;\nn=14;\n");
	expect("* | sort by (g desc, n desc) limit 2 | fields g, n", source,
	       "g=6;n=59996;\ng=6;n=59989;\n");
	source_close(source);
}

/* One that is asked for the sixth time. */
static int stop_soon(void *asked)
{
	return ++*(int *)asked > 5 ? -ECANCELED : 0;
}

/* Within a block too: filters of many terms, and slow ones, ask now and then. */
static void test_stop_in_block(void **state)
{
	static const char *const queries[] = {"a or b or c or d or e or f or g", "~\"x.y\""};
	uint64_t bits[BITMAP_WORDS(1000)];
	struct span texts[1000];
	struct arena arena;
	struct rows rows;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < 1000; i++)
		texts[i] = SPAN("nothing of this");
	for (size_t i = 0; i < 2; i++) {
		struct query *query = NULL;
		int asked = 0;

		assert_int_equal(query_parse(span_cstr(queries[i]), 0, NULL, &query, NULL), 0);
		rows_init(&rows, &arena, 1000);
		rows_set_texts(&rows, SPAN("_msg"), texts);
		rows.stopped = stop_soon;
		rows.stopped_ctx = &asked;
		bits_fill(bits, 1000);
		assert_int_equal(filter_exec(query->filter, &rows, bits), -ECANCELED);
		rows.stopped = NULL;
		rows.failed = 0;
		assert_int_equal(rows_match(&rows, query->filter, bits), 0);
		assert_false(bits_any(bits, 1000));
		query_free(query);
	}
	arena_release(&arena);
}

static void test_time_limit_and_cancel(void **state)
{
	struct query_source *source = open_numbers(100);
	atomic_bool cancel = true;

	(void)state;
	expect_failure("*", source, &(struct query_conf){.timeout_ns = 1}, -ETIME, "time limit");
	expect_failure("*", source, &(struct query_conf){.cancel = &cancel}, -ECANCELED, "cancel");
	source_close(source);
}

static void test_sink_ends_the_run(void **state)
{
	struct query_source *source = open_numbers(200000);
	struct answer answer = {.stop_at = 1, .stop_code = 1};
	struct query_conf conf = {.threads = 1};
	struct query_result result;
	struct err err;

	(void)state;
	assert_int_equal(run_with("*", source, &conf, &answer, &result, &err), 0);
	assert_true(answer.rows < 200000);
	buf_release(&answer.text);
	query_result_release(&result);

	answer = (struct answer){.stop_at = 1, .stop_code = -EPIPE};
	assert_int_equal(run_with("*", source, &conf, &answer, &result, &err), -EPIPE);
	buf_release(&answer.text);
	query_result_release(&result);
	source_close(source);
}

static void test_limit_reads_no_further(void **state)
{
	struct query_source *source = open_numbers(300000);
	struct answer answer = {.rows = 0};
	struct query_conf conf = {.threads = 1};
	struct query_result result;
	struct err err;

	(void)state;
	assert_int_equal(run_with("* | limit 3", source, &conf, &answer, &result, &err), 0);
	assert_int_equal(answer.rows, 3);
	assert_int_equal(result.rows_scanned, ROW_BLOCK_MAX);
	buf_release(&answer.text);
	query_result_release(&result);
	expect("* | limit 0", source, "");
	expect("* | limit 0 | count() as n", source, "n=0;\n");
	source_close(source);
}

static void test_subqueries(void **state)
{
	struct query_source *source = open_numbers(21);

	(void)state;
	expect("n:in(g:=3 | fields n) | fields n", source, "n=3;\nn=10;\nn=17;\n");
	expect("n:in(n:in(g:=3 | fields n) n:>5 | fields n) | fields n", source, "n=10;\nn=17;\n");
	expect("* | count() if (n:in(g:=3 | fields n)) as c", source, "c=3;\n");
	expect("n:=1 | fields n | union (n:=2 | fields n | union (n:=3 | fields n))", source,
	       "n=1;\nn=2;\nn=3;\n");
	expect("n:=1 | fields n | union (n:=2 | fields n) | limit 1", source, "n=1;\n");
	expect("options(global_filter=(n:<9)) n:in(g:=3 | fields n) | fields n", source, "n=3;\n");
	expect("options(global_filter=(n:<11)) n:in(g:=3 | fields n) | fields n", source,
	       "n=3;\nn=10;\n");
	expect("n:<2 | fields n | union rows({\"n\":\"x\"},{\"m\":5})", source,
	       "n=0;\nn=1;\nn=x;\nm=5;\n");
	source_close(source);
}

static void test_join(void **state)
{
	struct query_source *source = open_numbers(4);

	(void)state;
	expect("* | fields n | join by (n) rows({\"n\":\"1\",\"name\":\"one\"},"
	       "{\"n\":\"1\",\"name\":\"uno\"},{\"n\":\"9\",\"name\":\"nine\"})",
	       source, "n=0;\nn=1;name=one;\nn=1;name=uno;\nn=2;\nn=3;\n");
	expect("* | fields n | join by (n) (n:>1 | fields n, g) inner prefix p.", source,
	       "n=2;p.g=2;\nn=3;p.g=3;\n");
	source_close(source);
}

static void test_sort_order(void **state)
{
	struct query_source *source = open_numbers(14);

	(void)state;
	/* Numbers by value, not by their digits; rank counts within a partition. */
	expect("n:>7 | sort by (n) | fields n", source, "n=8;\nn=9;\nn=10;\nn=11;\nn=12;\nn=13;\n");
	expect("g:<2 | sort by (n desc) limit 1 partition by (g) rank as r | fields n, g, r",
	       source, "g=0;n=7;r=1;\ng=1;n=8;r=1;\n");
	expect("* | last 2 by (n) | fields n", source, "n=13;\nn=12;\n");
	source_close(source);
}

static void test_running_stats(void **state)
{
	struct query_source *source = open_numbers(9);

	(void)state;
	expect("* | sort by (n) | running_stats by (g) sum(n) s, last(n) offset 1 l, max(n) m "
	       "| filter g:<2 | fields n, s, l, m",
	       source, "m=0;n=0;s=0;\nm=1;n=1;s=1;\nl=0;m=7;n=7;s=7;\nl=1;m=8;n=8;s=9;\n");
	expect("* | total_stats by (g) count() c | filter n:=0 | fields n, c", source,
	       "c=2;n=0;\n");
	source_close(source);
}

/* Ten rows of each of two streams, a second apart; row 4 of stream a is the match. */
static void test_stream_context(void **state)
{
	struct span pairs[20][6];
	struct source_row rows[20];
	struct query_source *source;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (unsigned i = 0; i < 20; i++) {
		const char *stream = i % 2 ? "b" : "a";

		pairs[i][0] = SPAN("_time");
		pairs[i][1] = arena_printf(&arena, "2024-01-01T00:00:%02u.000000000Z", i);
		pairs[i][2] = SPAN("_stream");
		pairs[i][3] = arena_printf(&arena, "{s=\"%s\"}", stream);
		pairs[i][4] = SPAN("_msg");
		pairs[i][5] = arena_printf(&arena, "%s%u", stream, i / 2);
		rows[i] = (struct source_row){pairs[i], 3};
	}
	assert_int_equal(source_rows_open(rows, 20, &source), 0);
	expect("_msg:=a4 | stream_context before 1 after 2 | fields _msg", source,
	       "_msg=a3;\n_msg=a4;\n_msg=a5;\n_msg=a6;\n");
	expect("_msg:in(a0, a9) | stream_context after 1 before 1 | fields _msg", source,
	       "_msg=a0;\n_msg=a1;\n_msg=---;\n_msg=a8;\n_msg=a9;\n");
	/* Ten rows of a stream are 18 s; a window of 3 s sees one neighbor. */
	expect("_msg:=a4 | stream_context before 5 after 5 time_window 3s | fields _msg", source,
	       "_msg=a3;\n_msg=a4;\n_msg=a5;\n");
	source_close(source);
	arena_release(&arena);
}

static void test_names_and_values(void **state)
{
	struct query_source *source = open_numbers(10);

	(void)state;
	expect("* | field_names | sort by (name)", source,
	       "hits=10;name=g;\nhits=10;name=n;\nhits=10;name=text;\n");
	expect("* | field_values g | sort by (g) limit 2", source, "g=0;hits=2;\ng=1;hits=2;\n");
	expect("* | uniq by (g) limit 20 | sort by (g) limit 1", source, "g=0;\n");
	expect("* | top 1 by (g) rank", source, "g=0;hits=2;rank=1;\n");
	expect("* | facets 1 | fields field_name, field_value", source,
	       "field_name=g;field_value=0;\nfield_name=n;field_value=0;\n");
	source_close(source);
}

static void test_explain(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	struct query_conf conf = {.threads = 1};
	struct query *query;
	struct err err;

	(void)state;
	assert_int_equal(query_parse(SPAN("~\"a.*b\" level:=ERROR | stats by (host) count() as n"),
				     NOW_NS, &query_lang_ops, &query, &err),
			 0);
	assert_int_equal(query_explain(query, &conf, &text), 0);
	const char *s = buf_cstr(&text);

	/* The cheap filter first, and only what is read. */
	assert_non_null(strstr(s, "level:=ERROR"));
	assert_true(strstr(s, "3  level:=ERROR") < strstr(s, "20  ~"));
	assert_non_null(strstr(s, "fields read: host, "));
	assert_null(strstr(s, "fields read: all"));
	assert_false(query_streams(query));
	query_free(query);

	buf_reset(&text);
	assert_int_equal(query_parse(SPAN("a:foo | fields _time, a | sort by (_time) limit 7"),
				     NOW_NS, &query_lang_ops, &query, &err),
			 0);
	assert_int_equal(query_explain(query, &conf, &text), 0);
	s = buf_cstr(&text);
	assert_non_null(strstr(s, "blocks: oldest first, those whose _time is behind the best 7 "
				  "rows are skipped\n"));
	assert_non_null(strstr(s, "raw files: only lines with foo are parsed\n"));
	assert_non_null(strstr(s, "threads: 1\n"));
	query_free(query);
}

/* What a query cost, in words. */
static void test_cost(void **state)
{
	struct query_source *source = open_numbers(200000);
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 16);
	struct query_conf conf = {.threads = 1};
	struct answer answer = {.rows = 0};
	struct query_result result;
	struct err err;

	(void)state;
	assert_int_equal(run_with("n:<5 | fields n", source, &conf, &answer, &result, &err), 0);
	query_result_print(&result, &text);
	assert_true(span_starts(buf_span(&text),
				SPAN("5 rows of 200000 scanned (5 matched), 0 B, 0 of 4 blocks")));
	assert_non_null(strstr(buf_cstr(&text), "1 thread: "));
	assert_true(result.read_ns > 0);
	assert_true(result.read_ns + result.push_ns <= result.elapsed_ns);
	buf_release(&answer.text);
	query_result_release(&result);
	source_close(source);
}

/* A source whose second of three blocks is damaged. */
struct damaged_source {
	struct query_source source;
	struct query_source *good;
};

struct damaged_scan {
	struct source_scan scan;
	struct source_scan *good;
	atomic_int calls;
};

static int damaged_scan(struct query_source *source, const struct source_want *want,
			struct source_scan **ret, struct err *reterr)
{
	struct damaged_scan *scan = calloc(1, sizeof(*scan));
	struct query_source *good = ((struct damaged_source *)source)->good;

	assert_non_null(scan);
	scan->scan.source = source;
	*ret = &scan->scan;
	return good->ops->scan(good, want, &scan->good, reterr);
}

static int damaged_next(struct source_scan *base, unsigned worker, struct row_block **ret,
			struct err *reterr)
{
	struct damaged_scan *scan = (struct damaged_scan *)base;

	if (atomic_fetch_add(&scan->calls, 1) == 1)
		return err_set(reterr, -EBADMSG, "part 7 is damaged");
	return scan->good->source->ops->next(scan->good, worker, ret, reterr);
}

static void damaged_close_scan(struct source_scan *base)
{
	struct damaged_scan *scan = (struct damaged_scan *)base;

	scan->good->source->ops->close_scan(scan->good);
	free(scan);
}

static void test_damage_makes_it_partial(void **state)
{
	static const struct query_source_ops ops = {
		.scan = damaged_scan, .next = damaged_next, .close_scan = damaged_close_scan};
	struct damaged_source source = {.source = {&ops}, .good = open_numbers(100)};
	struct answer answer = {.rows = 0};
	struct query_conf conf = {.threads = 2};
	struct query_result result;
	struct err err;

	(void)state;
	assert_int_equal(run_with("* | count() n", &source.source, &conf, &answer, &result, &err),
			 0);
	assert_true(result.partial);
	assert_string_equal(buf_cstr(&result.partial_why), "part 7 is damaged\n");
	assert_string_equal(buf_cstr(&answer.text), "n=100;\n");
	buf_release(&answer.text);
	query_result_release(&result);
	expect_failure("options(allow_partial_response=false) * | count() n", &source.source, &conf,
		       -EBADMSG, "not allowed: part 7 is damaged");
	source_close(source.good);
}

/* A hundred seconds, to the nanosecond: 2 rows are 0.02 a second, not 0.0199999999998. */
/* `* |` was left out; words that only begin like a pipe are words. */
static void test_no_filter_before_the_pipe(void **state)
{
	static const struct {
		const char *query;
		bool refused;
	} cases[] = {
		{"limit 10", true},          {" Fields a, b | sort by (a)", true},
		{"keep alive", true},        {"limit", false},
		{"sort | limit 3", false},   {"\"limit\" 10", false},
		{"drop table users", false}, {"fields.foo:bar", false},
		{"error limit 10", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct query *query = NULL;
		struct err err = {0};
		int r = query_parse(span_cstr(cases[i].query), 0, &query_lang_ops, &query, &err);

		assert_int_equal(r, cases[i].refused ? -EINVAL : 0);
		assert_true(!cases[i].refused || strstr(err.text, "behind a filter: write * | "));
		query_free(query);
	}
}

static void test_rate_by_the_time_range(void **state)
{
	static const struct span pairs[2][4] = {
		{SPAN("_time"), SPAN("2024-05-01T10:00:00Z"), SPAN("x"), SPAN("1")},
		{SPAN("_time"), SPAN("2024-05-01T10:00:07Z"), SPAN("x"), SPAN("2")},
	};
	struct source_row rows[2] = {{pairs[0], 2}, {pairs[1], 2}};
	struct query_source *source;

	(void)state;
	assert_int_equal(source_rows_open(rows, 2, &source), 0);
	expect("_time:[2024-05-01T10:00:00Z, 2024-05-01T10:01:40Z) | stats rate() r, rate_sum(x) s",
	       source, "r=0.02;s=0.03;\n");
	expect("_time:2024-05-01 | stats by (_time:5s) rate() r | sort by (_time) | fields r",
	       source, "r=0.2;\nr=0.2;\n");
	source_close(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_filter_before_the_pipe),
		cmocka_unit_test(test_rate_by_the_time_range),
		cmocka_unit_test(test_memory_budget_names_the_pipe),
		cmocka_unit_test(test_top_k_keeps_few_rows),
		cmocka_unit_test(test_time_limit_and_cancel),
		cmocka_unit_test(test_stop_in_block),
		cmocka_unit_test(test_sink_ends_the_run),
		cmocka_unit_test(test_limit_reads_no_further),
		cmocka_unit_test(test_subqueries),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_sort_order),
		cmocka_unit_test(test_running_stats),
		cmocka_unit_test(test_stream_context),
		cmocka_unit_test(test_names_and_values),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_damage_makes_it_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
