/*
 * Blocks and columns that a query need not read, against a naive sort: an
 * index of many small parts whose times and numbers overlap at random.
 */
#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "tests/unit/store_fixture.h"

#define PARTS        40
#define PART_ROWS    480
#define ROWS         (PARTS * PART_ROWS)
#define DAY_NS       (INT64_C(86400) * NS_PER_SEC)
#define MOST         64
#define LITTLE_BYTES (768 << 10)

struct row {
	int64_t time;
	int64_t n; /* -1: the row has none */
};

static struct row rows[ROWS];
static struct store *store;
static struct query_source *source;
static char dir[SCRATCH_MAX];

/* Times of a part lie within two of forty slots, numbers in a part's own range or anywhere. */
static void make_row(uint64_t *seed, size_t part, struct row *row)
{
	struct arena arena;
	struct record rec;
	struct store_stream *stream;
	char digits[24], text[80];

	row->time = DAY_NS + (int64_t)(part * 1000 + next_random(seed) % 2000);
	row->n = (int64_t)(part % 8 * 1000 + next_random(seed) % 1500);
	if (part % 5 == 1 && next_random(seed) % 4 == 0)
		row->n = -1;
	arena_init(&arena, 64 << 10);
	record_init(&rec, &arena, SPAN(""));
	rec.time_ns = row->time;
	snprintf(digits, sizeof(digits), "%" PRId64, row->n);
	if (row->n >= 0)
		assert_int_equal(record_add(&rec, (struct field){.key = SPAN("n"),
								 .text = span_cstr(digits),
								 .type = VALUE_NUMBER}),
				 0);
	assert_int_equal(record_add(&rec, (struct field){.key = SPAN("kind"),
							 .text = row->n % 3 ? SPAN("a") : SPAN("b"),
							 .type = VALUE_STRING}),
			 0);
	snprintf(text, sizeof(text), "request %u of user-%u",
		 (unsigned)(next_random(seed) % 100000), (unsigned)(next_random(seed) % 100000));
	assert_int_equal(record_add(&rec, (struct field){.key = SPAN("text"),
							 .text = span_cstr(text),
							 .type = VALUE_STRING}),
			 0);
	assert_int_equal(store_stream_get(store, NULL, 0, &stream), 0);
	assert_int_equal(store_append(store, stream, &rec), 0);
	arena_release(&arena);
}

static int make_index(void **state)
{
	uint64_t seed = 20261128;
	struct store_progress none = {0};
	struct err err;

	(void)state;
	scratch_make(dir);
	store = open_store(dir, &(struct store_conf){.no_background = true});
	for (size_t part = 0; part < PARTS; part++) {
		for (size_t i = 0; i < PART_ROWS; i++)
			make_row(&seed, part, &rows[part * PART_ROWS + i]);
		if (part < PARTS - 1) /* the last rows stay in memory */
			assert_int_equal(store_commit(store, &none, &err), 0);
	}
	return source_store_open(store, &source);
}

static int drop_index(void **state)
{
	(void)state;
	source_close(source);
	store_close(store);
	scratch_remove(dir);
	return 0;
}

/* The first keys in the order of an answer. */
struct keys {
	int64_t of[ROWS];
	size_t n;
	bool by_time;
};

static int take_keys(void *ctx, struct rows *came)
{
	struct keys *keys = ctx;
	const struct column *times = rows_column(came, SPAN("_time"));

	for (uint32_t i = 0; i < came->n; i++) {
		struct span text = rows_text(came, SPAN("n"), i);
		uint64_t number = 0;

		assert_true(!text.len || num_parse_u64(text, &number) == 0);
		assert_true(keys->n < ROWS);
		if (keys->by_time)
			assert_int_equal(times->kind, COLUMN_TIME);
		keys->of[keys->n++] = keys->by_time ? times->ints[i]
				      : text.len    ? (int64_t)number
						    : -1;
	}
	return 0;
}

static void run_within(const char *text, unsigned threads, uint64_t memory, query_sink_fn *sink,
		       void *ctx, struct query_result *result)
{
	const struct query_conf conf = {.threads = threads, .memory_bytes = memory};
	struct query *query;
	struct err err = {.text = ""};

	if (query_parse(span_cstr(text), 0, &query_lang_ops, &query, &err) < 0 ||
	    query_execute(query, &conf, source, sink, ctx, result, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_false(result->partial);
	query_free(query);
}

static void run(const char *text, unsigned threads, query_sink_fn *sink, void *ctx,
		struct query_result *result)
{
	run_within(text, threads, 0, sink, ctx, result);
}

static int compare_keys(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Keys of all rows of `kind` (NULL: all) in order; an empty number is before all. */
static void naive_keys(struct keys *keys, const char *kind, bool desc)
{
	keys->n = 0;
	for (size_t i = 0; i < ROWS; i++)
		if (!kind || (rows[i].n % 3 ? 'a' : 'b') == *kind)
			keys->of[keys->n++] = keys->by_time ? rows[i].time : rows[i].n;
	qsort(keys->of, keys->n, sizeof(int64_t), compare_keys);
	for (size_t i = 0; desc && i < keys->n / 2; i++) {
		int64_t saved = keys->of[i];

		keys->of[i] = keys->of[keys->n - 1 - i];
		keys->of[keys->n - 1 - i] = saved;
	}
}

static const struct shape {
	const char *before, *kind, *sort; /* kind:a or not */
	bool by_time, desc, skips;
} shapes[] = {
	{"*", NULL, "sort by (_time desc, n)", true, true, true},
	{"*", NULL, "sort by (_time, n)", true, false, true},
	{"*", NULL, "sort by (_time) desc", true, true, true},
	{"kind:=a", "a", "sort by (_time desc)", true, true, true},
	{"* | fields n, _time, kind | filter kind:=a", "a", "sort by (_time)", true, false, true},
	{"*", NULL, "sort by (n desc, _time)", false, true, true},
	{"* | delete nothing", NULL, "sort by (n desc)", false, true, true},
	/* Rows without a number come first, and no block says that it has none. */
	{"*", NULL, "sort by (n)", false, false, false},
	/* The field is another one than that of the block. */
	{"* | copy n as m | format \"<_time>\" as keep | copy m as n", NULL, "sort by (n desc)",
	 false, true, false},
};

static void check_shape(const struct shape *shape, uint64_t *seed)
{
	struct keys *came = calloc(1, sizeof(*came)), *all = calloc(1, sizeof(*all));
	size_t offset = next_random(seed) % 8, limit = 1 + next_random(seed) % MOST;
	unsigned threads = 1 + (unsigned)(next_random(seed) % 3);
	struct query_result result;
	char text[256];

	assert_non_null(came);
	assert_non_null(all);
	came->by_time = all->by_time = shape->by_time;
	snprintf(text, sizeof(text), "%s | %s offset %zu limit %zu", shape->before, shape->sort,
		 offset, limit);
	run(text, threads, take_keys, came, &result);
	naive_keys(all, shape->kind, shape->desc);
	assert_int_equal(came->n, limit);
	for (size_t i = 0; i < limit; i++)
		if (came->of[i] != all->of[offset + i])
			fail_msg("%s: row %zu is %" PRId64 ", not %" PRId64, text, i, came->of[i],
				 all->of[offset + i]);
	if (shape->skips && threads == 1)
		assert_true(result.skipped_best > PARTS / 2);
	assert_int_equal(result.skipped_time, 0);
	if (!shape->skips)
		assert_int_equal(result.blocks_skipped, 0);
	query_result_release(&result);
	free(came);
	free(all);
}

static void test_blocks_beyond_the_best_are_skipped(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 40; round++)
		for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
			check_shape(&shapes[i], &seed);
}

/*
 * How much two workers hold at a time is chance: the answer is whole, or it was
 * refused, and what came until then is the beginning of it.
 */
static void check_two_workers(const char *text, struct keys *came, const struct keys *all)
{
	const struct query_conf conf = {.threads = 2, .memory_bytes = LITTLE_BYTES};
	struct query_result result;
	struct err err = {.text = ""};
	struct query *query;
	int r;

	came->n = 0;
	assert_int_equal(query_parse(span_cstr(text), 0, &query_lang_ops, &query, &err), 0);
	r = query_execute(query, &conf, source, take_keys, came, &result, &err);
	if (r == 0)
		assert_int_equal(came->n, all->n);
	else
		assert_non_null(strstr(err.text, "of memory that a query may use"));
	assert_memory_equal(came->of, all->of, came->n * sizeof(*came->of));
	query_result_release(&result);
	query_free(query);
}

/* More rows than fit into memory, in order of time; what can't be cut is refused. */
static void test_sort_by_time_goes_span_by_span(void **state)
{
	static const struct shape sorts[] = {
		{"*", NULL, "sort by (_time desc, n)", true, true, false},
		{"* | filter kind:=a", "a", "sort by (_time, n)", true, false, false},
		{"kind:=b | fields _time, n, kind", "b", "sort by (_time) desc", true, true, false},
	};
	struct keys *came = calloc(1, sizeof(*came)), *all = calloc(1, sizeof(*all));
	struct query_result result;
	struct err err = {.text = ""};
	struct query *query;
	char text[256];

	(void)state;
	assert_non_null(came);
	assert_non_null(all);
	came->by_time = all->by_time = true;
	for (size_t i = 0; i < 3; i++) {
		const struct shape *shape = &sorts[i];

		came->n = 0;
		snprintf(text, sizeof(text), "%s | %s", shape->before, shape->sort);
		run_within(text, 1, LITTLE_BYTES, take_keys, came, &result);
		/* Some blocks were read more than once. */
		assert_true(result.blocks_scanned > PARTS);
		naive_keys(all, shape->kind, shape->desc);
		assert_int_equal(came->n, all->n);
		assert_memory_equal(came->of, all->of, came->n * sizeof(*came->of));
		query_result_release(&result);
		check_two_workers(text, came, all);
	}
	/* Ranks, and the order of another field, need all rows at once. */
	for (size_t i = 0; i < 2; i++) {
		const struct query_conf conf = {.threads = 1, .memory_bytes = LITTLE_BYTES};

		assert_int_equal(query_parse(i ? SPAN("* | sort by (n)")
					       : SPAN("* | sort by (_time) rank as r"),
					     0, &query_lang_ops, &query, &err),
				 0);
		came->n = 0;
		assert_int_equal(
			query_execute(query, &conf, source, take_keys, came, &result, &err),
			-ENOMEM);
		assert_int_equal(came->n, 0);
		query_result_release(&result);
		query_free(query);
	}
	free(came);
	free(all);
}

static int count_rows(void *ctx, struct rows *came)
{
	*(size_t *)ctx += came->n;
	return 0;
}

/* What is not sorted, or of each partition, needs all blocks. */
static void test_other_pipes_see_all_blocks(void **state)
{
	static const struct {
		const char *text;
		size_t rows;
	} cases[] = {
		{"* | sort by (_time desc)", ROWS},
		{"* | sort by (_time desc) limit 1 partition by (kind)", 2},
		{"* | limit 4700", 4700},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct query_result result;
		size_t n = 0;

		run(cases[i].text, 2, count_rows, &n, &result);
		assert_int_equal(n, cases[i].rows);
		assert_int_equal(result.blocks_skipped, 0);
		query_result_release(&result);
	}
}

static uint64_t values_read(const char *text, size_t *ret_rows)
{
	struct query_result result;

	*ret_rows = 0;
	run(text, 1, count_rows, ret_rows, &result);
	assert_int_equal(result.blocks_scanned, 1);
	query_result_release(&result);
	return result.values_read;
}

/* A few rows of a block, of a part: of all others, only what the filter looks at is read. */
static void test_limit_reads_its_rows_only(void **state)
{
	static const struct {
		const char *text;
		size_t columns; /* beside _time: text and n, and kind, _stream, _stream_id */
	} cases[] = {
		{"_time:<1970-01-02T00:00:00.000001Z | limit 3", 5},
		{"_time:<1970-01-02T00:00:00.000001Z | fields text, n | limit 3", 2},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t few;
		uint64_t values = values_read(cases[i].text, &few);

		assert_int_equal(few, 3);
		assert_int_equal(values, PART_ROWS + few * cases[i].columns);
	}
}

static int take_row(void *ctx, struct rows *came)
{
	struct span *answer = ctx;
	static char texts[2][64];

	assert_int_equal(came->n, 1);
	for (size_t i = 0; i < 2; i++) {
		struct span text = rows_text(came, i ? SPAN("n") : SPAN("_time"), 0);

		assert_true(text.len < sizeof(texts[i]));
		memcpy(texts[i], text.ptr, text.len);
		answer[i] = span_of(texts[i], text.len);
	}
	return 0;
}

/* All blocks are within a second of the second day. */
static void test_one_bucket_reads_no_time(void **state)
{
	static const struct {
		const char *by, *time;
		uint64_t values;
	} cases[] = {
		{"by (_time:1s) count() n", "1970-01-02T00:00:00Z", 0},
		{"by (_time:week) count() n", "1969-12-29T00:00:00Z", 0},
		{"by (_time:1d offset 1h) count() n", "1970-01-01T23:00:00Z", 0},
		{"by (_time:1d) count() n, max(_time) last", "1970-01-02T00:00:00Z", ROWS},
		{"by (_time:1s) count() if (_time:<2026) n", "1970-01-02T00:00:00Z", ROWS},
		{"by (_time:1s, _time:1d) count() n", "1970-01-02T00:00:00Z", ROWS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct query_result result;
		struct span answer[2];
		char text[100];

		snprintf(text, sizeof(text), "* | stats %s", cases[i].by);
		run(text, 2, take_row, answer, &result);
		assert_true(span_eq(answer[0], span_cstr(cases[i].time)));
		assert_true(span_eq(answer[1], SPAN("19200")));
		assert_int_equal(result.values_read, cases[i].values);
		query_result_release(&result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_beyond_the_best_are_skipped),
		cmocka_unit_test(test_sort_by_time_goes_span_by_span),
		cmocka_unit_test(test_other_pipes_see_all_blocks),
		cmocka_unit_test(test_limit_reads_its_rows_only),
		cmocka_unit_test(test_one_bucket_reads_no_time),
	};

	return cmocka_run_group_tests(tests, make_index, drop_index);
}
