/*
 * Every pipe on many rows: within a small memory budget it answers as it does
 * with plenty, or says which pipe needs more; and it ends soon when the query
 * is cancelled, wherever it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/io.h"
#include "common/base/num.h"
#include "tests/unit/sanitized.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define ROWS         (SANITIZED ? 70000 : 200000)
#define PAIRS        9
#define SMALL_BYTES  (24 << 20)
#define BESIDE_BYTES (24 << 20) /* what is no part of the budget: buffers, the allocator's own */
#define SOON_NS      (SANITIZED ? 20 * NS_PER_SEC : NS_PER_SEC)
#define NOW_NS       (INT64_C(1700000000) * NS_PER_SEC)

/* A query of each pipe that makes the most of its rows. */
static const char *const queries[] = {
	"* | block_stats",
	"* | blocks_count",
	"* | collapse_nums at text",
	"* | copy text as copied, n as m",
	"* | decolorize text",
	"* | delete g",
	"_time:2d | diff offset 1d by (n)",
	"* | drop_empty_fields",
	"* | extract \"<first> text <rest>\" from text",
	"* | extract_regexp \"(?P<digits>[0-9]+)\" from text",
	"* | facets 10 max_values_per_field 1000000 max_value_len 10000",
	"* | field_names",
	"* | field_values n",
	"* | fields n, text",
	"* | filter text:~\"(some|any) .*7.*9\"",
	"* | first 100000 by (text)",
	"* | format \"<n> and <text> and <text>\" as long",
	"* | generate_sequence 3000000 | count()",
	"* | hash(text) as h",
	"* | join by (n) (* | fields n, text)",
	"* | json_array_len(list)",
	"* | last 100000 by (text)",
	"* | len(text)",
	"* | limit 190000",
	"* | math n*2+1 as m",
	"* | offset 10",
	"* | pack_json as j",
	"* | pack_logfmt as l",
	"* | patterns at text by (n) limit 0",
	"* | query_stats",
	"* | rename text as t",
	"* | replace (\"some\", \"nothing but some\") at text",
	"* | replace_regexp (\"[0-9]\", \"digit\") at text",
	"* | running_stats by (g) sum(n) s, count() c, max(text) t",
	"* | sample 3",
	"* | set_stream_fields n",
	"* | sort by (text)",
	"* | sort by (g, n desc) limit 50000",
	"* | split \" \" from text as words",
	"* | stats by (n) count() c, uniq_values(text) u",
	"* | stats count_uniq(n) u, count_uniq(text) t, quantile(0.5, n) q, values(n) v",
	"* | stats by (g) json_values(n, text) sort by (text) j, row_max(n, text) r",
	"* | stream_context before 3 after 3",
	"* | time_add 1h",
	"* | top 100000 by (text)",
	"* | total_stats by (g) sum(n) s, count() c",
	"* | trace limit 100000",
	"* | union (* | fields n)",
	"* | uniq by (text)",
	"* | unpack_json from json",
	"* | unpack_logfmt from logfmt",
	"* | unpack_syslog from text",
	"* | unpack_words from text as words",
	"* | unroll by (list)",
	"n:in(* | fields n) | count()",
	"text:in(* | fields text) | stats by (text) count() if (n:in(* | fields n)) c",
};
#define NQUERIES (sizeof(queries) / sizeof(*queries))

static struct query_source *source;

static void fill_row(struct span *pairs, struct arena *arena, size_t i)
{
	char time[40];
	int64_t seconds = (int64_t)(i % 170000);

	snprintf(time, sizeof(time), "2023-11-%02dT%02d:%02d:%02d.%09dZ",
		 13 + (int)(seconds / 86400), (int)(seconds / 3600 % 24), (int)(seconds / 60 % 60),
		 (int)(seconds % 60), (int)(i % 1000));
	const struct span values[2 * PAIRS] = {
		SPAN("n"),
		arena_printf(arena, "%zu", i),
		SPAN("g"),
		arena_printf(arena, "%zu", i % 7),
		SPAN("text"),
		arena_printf(arena, "some text number %zu that is kept, user=%zu", i * 7919, i),
		SPAN("_time"),
		arena_printf(arena, "%s", time),
		SPAN("_stream"),
		arena_printf(arena, "{s=\"%zu\"}", i % 3),
		SPAN("trace_id"),
		arena_printf(arena, "%032zx", i / 5),
		SPAN("json"),
		arena_printf(arena, "{\"a\":%zu,\"b\":{\"c\":\"d%zu\"}}", i, i % 100),
		SPAN("logfmt"),
		arena_printf(arena, "a=%zu b=\"c d\" e=f%zu", i, i % 100),
		SPAN("list"),
		arena_printf(arena, "[\"a%zu\",\"b\",%zu]", i % 50, i),
	};

	memcpy(pairs, values, sizeof(values));
}

static int open_rows(void **state)
{
	struct source_row *rows = calloc(ROWS, sizeof(*rows));
	struct span(*pairs)[2 * PAIRS] = calloc(ROWS, sizeof(*pairs));
	struct arena arena;

	(void)state;
	assert_non_null(rows);
	assert_non_null(pairs);
	arena_init(&arena, (size_t)1 << 30);
	for (size_t i = 0; i < ROWS; i++) {
		fill_row(pairs[i], &arena, i);
		rows[i] = (struct source_row){pairs[i], PAIRS};
	}
	assert_false(arena.overflowed);
	assert_int_equal(source_rows_open(rows, ROWS, &source), 0);
	arena_release(&arena);
	free(pairs);
	free(rows);
	return 0;
}

static int close_rows(void **state)
{
	(void)state;
	source_close(source);
	return 0;
}

static bool has_pipe(const char *query, const struct pipe_ops *ops)
{
	struct span rest = span_cstr(ops->names), name = rest;
	char behind[64];

	span_cut(&rest, ' ', &name);
	snprintf(behind, sizeof(behind), "| %.*s", SPAN_FMT(name));
	const char *at = strstr(query, behind);

	return at && (at[strlen(behind)] == ' ' || at[strlen(behind)] == '\0' ||
		      at[strlen(behind)] == '(');
}

static void test_each_pipe_is_here(void **state)
{
	(void)state;
	for (size_t p = 0; pipe_table[p]; p++) {
		bool found = false;

		for (size_t i = 0; i < NQUERIES; i++)
			found |= has_pipe(queries[i], pipe_table[p]);
		if (!found)
			fail_msg("no query of pipe `%s`", pipe_table[p]->names);
	}
}

struct answer {
	uint64_t rows, bytes;
};

/* Takes what comes, by size: which of equal rows are chosen is not said. */
static int take(void *ctx, struct rows *rows)
{
	struct answer *answer = ctx;
	const struct span *names;
	size_t n;

	if (rows_names(rows, &names, &n) < 0)
		return rows->failed;
	answer->rows += rows->n;
	for (size_t i = 0; i < n; i++) {
		const struct column *column = rows_column(rows, names[i]);
		char scratch[64];

		for (uint32_t row = 0; row < rows->n; row++)
			answer->bytes += column_text(column, row, scratch).len;
	}
	return 0;
}

static int run(const char *text, const struct query_conf *conf, struct answer *answer,
	       struct query_result *result, struct err *err)
{
	struct query *query;
	int r;

	*answer = (struct answer){0};
	*err = (struct err){.text = ""};
	if (query_parse(span_cstr(text), NOW_NS, &query_lang_ops, &query, err) < 0)
		fail_msg("%s: %s", text, err->text);
	r = query_execute(query, conf, source, take, answer, result, err);
	query_free(query);
	return r;
}

/* A line of /proc/self/status in bytes: VmRSS, VmHWM. */
static size_t status_bytes(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	size_t len = strlen(name);
	uint64_t kib = 0;
	char line[256];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct span rest = span_cstr(line), digits;

		if (strncmp(line, name, len) != 0)
			continue;
		rest = span_trim(span_skip(rest, len + 1));
		span_cut(&rest, ' ', &digits);
		assert_int_equal(num_parse_u64(digits, &kib), 0);
	}
	fclose(file);
	return (size_t)kib << 10;
}

/* Forget the peak of resident memory; false where the kernel has no such thing. */
static bool reset_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");
	bool done = file && fputs("5", file) >= 0;

	if (file)
		done = fclose(file) == 0 && done;
	return done;
}

static void check_memory(const char *text)
{
	const struct query_conf plenty = {.threads = 2, .memory_bytes = (uint64_t)4 << 30};
	const struct query_conf small = {.threads = 2, .memory_bytes = SMALL_BYTES};
	struct answer with_plenty, with_little;
	struct query_result result;
	struct err err;
	size_t before, after;
	bool measured;
	int r;

	measured = reset_peak() && !SANITIZED;
	before = status_bytes("VmRSS");
	r = run(text, &small, &with_little, &result, &err);
	after = status_bytes("VmHWM");
	if (measured && after > before + SMALL_BYTES + BESIDE_BYTES)
		fail_msg("%s: took %zu MiB with a budget of %d", text, (after - before) >> 20,
			 SMALL_BYTES >> 20);
	assert_true(result.memory_peak <= SMALL_BYTES);
	query_result_release(&result);
	if (r == -ENOMEM && strstr(err.text, "24.0 MiB of memory that a query may use"))
		return;
	if (r < 0)
		fail_msg("%s: %d %s", text, r, err.text);
	if (THREAD_SANITIZED)
		return; /* what it answers is no matter of threads */
	r = run(text, &plenty, &with_plenty, &result, &err);
	query_result_release(&result);
	if (r < 0)
		fail_msg("%s: with plenty: %s", text, err.text);
	/* Which rows these choose, or what they cost, is not said. */
	if (strstr(text, "sample") || strstr(text, "query_stats"))
		return;
	if (with_little.rows != with_plenty.rows)
		fail_msg("%s: %llu rows with little memory, %llu with plenty", text,
			 (unsigned long long)with_little.rows,
			 (unsigned long long)with_plenty.rows);
	if (with_little.bytes != with_plenty.bytes && !strstr(text, "offset 10") &&
	    !strstr(text, "limit 1"))
		fail_msg("%s: another answer with little memory", text);
}

static void test_memory_holds_for_each_pipe(void **state)
{
	(void)state;
	for (size_t i = 0; i < NQUERIES; i++)
		check_memory(queries[i]);
}

/* CPU time of all threads so far: on a busy machine a clock says nothing of the work done. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Sets `cancel` once so many rows were scanned. */
struct watch {
	struct query_progress progress;
	atomic_bool cancel, done;
	unsigned long long rows;
	int64_t cancelled_ns; /* CPU time until then */
};

static void *watch_main(void *ctx)
{
	struct watch *watch = ctx;

	while (!atomic_load(&watch->done) &&
	       atomic_load(&watch->progress.rows_scanned) < watch->rows)
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	watch->cancelled_ns = cpu_ns();
	atomic_store(&watch->cancel, true);
	return NULL;
}

/* True if the query was cancelled before it was through. */
static bool check_cancel(const char *text, unsigned long long rows)
{
	struct watch watch = {.rows = rows};
	struct query_conf conf = {
		.threads = 2, .cancel = &watch.cancel, .progress = &watch.progress};
	struct query_result result;
	struct answer answer;
	struct err err;
	pthread_t thread;
	int64_t took;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, watch_main, &watch), 0);
	r = run(text, &conf, &answer, &result, &err);
	took = cpu_ns();
	atomic_store(&watch.done, true);
	pthread_join(thread, NULL);
	took -= watch.cancelled_ns;
	query_result_release(&result);
	if (r < 0 && r != -ECANCELED)
		fail_msg("%s: %s", text, err.text);
	if (r == -ECANCELED && took > SOON_NS)
		fail_msg("%s: worked on for %lld ms", text, (long long)(took / NS_PER_MS));
	return r == -ECANCELED;
}

static void test_each_pipe_is_cancelled_soon(void **state)
{
	size_t early = 0, late = 0, tried = 0;

	(void)state;
	for (size_t i = 0; i < NQUERIES; i++) {
		/* For races one of both will do. */
		bool both = !THREAD_SANITIZED;

		if (both || i % 2 == 0) {
			tried++;
			early += check_cancel(queries[i], 1);
		}
		if (both || i % 2 == 1)
			late += check_cancel(queries[i], ROWS);
	}
	/* Fast ones may be through before they hear of it. */
	assert_true(early > tried / 2);
	assert_true(late > 0);
}

/* One block that takes minutes to filter. */
static void test_a_huge_filter_is_cancelled_soon(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(8 << 20);
	struct watch watch = {.rows = 1};

	(void)state;
	buf_puts(&text, SPAN("n:in(* | limit 5 | fields n) and ("));
	for (unsigned i = 0; i < 50000; i++)
		buf_printf(&text, "%stext:word%u", i ? " or " : "", i);
	buf_puts(&text, SPAN(") | count()"));
	(void)watch;
	assert_true(check_cancel(buf_cstr(&text), 1));
}

/* The time limit is looked at as often. */
static void test_a_huge_filter_meets_its_time_limit(void **state)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(8 << 20);
	struct query_conf conf = {.threads = 2, .timeout_ns = 50 * NS_PER_MS};
	struct query_result result;
	struct answer answer;
	struct err err;
	int64_t start;

	(void)state;
	for (unsigned i = 0; i < 50000; i++)
		buf_printf(&text, "%stext:word%u", i ? " or " : "", i);
	start = cpu_ns();
	assert_int_equal(run(buf_cstr(&text), &conf, &answer, &result, &err), -ETIME);
	assert_true(cpu_ns() - start < 10 * SOON_NS);
	query_result_release(&result);
}

/* Rows go through all of them on one stack. */
static void test_many_pipes(void **state)
{
	static const char *const pipes[] = {"unpack_json", "copy n as m", "filter n:*",
					    "uniq by (n)", "format \"<n>\" as m"};
	struct query *query;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(pipes) / sizeof(pipes[0]); i++) {
		_cleanup_(buf_release) struct buf text = BUF_INIT(8 << 20);
		struct query_conf conf = {.threads = 2};
		struct query_result result;
		struct answer answer;

		buf_puts(&text, SPAN("* | limit 3"));
		for (int k = 1; k < QUERY_PIPES_MAX; k++)
			buf_printf(&text, " | %s", pipes[i]);
		assert_int_equal(run(buf_cstr(&text), &conf, &answer, &result, &err), 0);
		assert_true(answer.rows > 0);
		query_result_release(&result);
		buf_puts(&text, SPAN(" | limit 1"));
		assert_int_equal(
			query_parse(buf_span(&text), NOW_NS, &query_lang_ops, &query, &err),
			-EINVAL);
		assert_non_null(strstr(err.text, "at most 1000 pipes"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_pipe_is_here),
		cmocka_unit_test(test_memory_holds_for_each_pipe),
		cmocka_unit_test(test_each_pipe_is_cancelled_soon),
		cmocka_unit_test(test_a_huge_filter_is_cancelled_soon),
		cmocka_unit_test(test_a_huge_filter_meets_its_time_limit),
		cmocka_unit_test(test_many_pipes),
	};

	return cmocka_run_group_tests(tests, open_rows, close_rows);
}
