/*
 * Fields beyond the columns of a group: rows with thousands of keys, each of
 * them rare, are found and shown like others, in memory, sealed and committed,
 * within a fifth of a query's memory: in all of it that is 40,000 rows.
 */
#include "tests/unit/query_fixture.h"
#include "tests/unit/store_fixture.h"

#include "common/base/clock.h"
#include "common/base/num.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROWS 2000
#else
#define ROWS 7500
#endif
#define MEMORY     (96u << 20)
#define KEYS_A_ROW 10
#define KEYS_MAX   8000

/* What is in the store, told without it. */
struct model {
	uint32_t nkeys;
	uint64_t hits[KEYS_MAX]; /* rows that have the key */
};

static void add_row(struct store *store, struct model *model, uint32_t row, uint64_t *seed)
{
	static const struct span labels[] = {{"service", 7}, {"t", 1}};
	struct field fields[KEYS_A_ROW + 1] = {
		{.key = SPAN("n"), .type = VALUE_NUMBER},
	};
	char names[KEYS_A_ROW][32], number[NUM_TEXT_MAX], values[KEYS_A_ROW][32];
	uint32_t keys[KEYS_A_ROW], n = 0;
	struct store_stream *stream;

	fields[0].text = span_of(number, num_format_u64(number, row));
	while (n < KEYS_A_ROW) {
		uint32_t key = (uint32_t)(next_random(seed) % model->nkeys), i = 0;

		while (i < n && keys[i] != key)
			i++;
		if (i < n)
			continue;
		keys[n] = key;
		snprintf(names[n], sizeof(names[n]), "key%05u", key);
		snprintf(values[n], sizeof(values[n]), "v%u", (unsigned)(row % 7));
		fields[n + 1] = (struct field){.key = span_cstr(names[n]),
					       .type = VALUE_STRING,
					       .text = span_cstr(values[n])};
		model->hits[key]++;
		n++;
	}
	struct record rec = {
		.time_ns = row * NS_PER_MS, .fields = fields, .nfields = KEYS_A_ROW + 1};

	assert_int_equal(store_stream_get(store, labels, 2, &stream), 0);
	assert_int_equal(store_append(store, stream, &rec), 0);
}

static uint64_t number_of(struct span text, uint64_t below)
{
	uint64_t n;

	assert_int_equal(num_parse_u64(text, &n), 0);
	assert_true(n < below);
	return n;
}

/* What the sink counted: cells by key, and rows. */
struct seen {
	uint64_t rows, cells;
	uint64_t hits[KEYS_MAX];
	uint64_t wrong; /* values that their row does not have */
};

static int count_cells(void *ctx, struct rows *rows)
{
	struct seen *seen = ctx;
	const struct span *names, *numbers = rows_texts(rows, SPAN("n"));
	size_t n;

	assert_int_equal(rows_names(rows, &names, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (!span_starts(names[i], SPAN("key")))
			continue;
		uint64_t key = number_of(span_skip(names[i], 3), KEYS_MAX);
		const struct span *texts = rows_texts(rows, names[i]);

		for (uint32_t row = 0; row < rows->n; row++) {
			if (!texts[row].len)
				continue;
			seen->wrong +=
				texts[row].len != 2 || (uint64_t)(texts[row].ptr[1] - '0') !=
							       number_of(numbers[row], ROWS) % 7;
			seen->hits[key]++;
			seen->cells++;
		}
	}
	seen->rows += rows->n;
	return 0;
}

static void run(struct store *store, const char *text, query_sink_fn *sink, void *ctx)
{
	struct query_result result;
	struct query_source *source;
	struct query *query;
	struct err err = {.text = ""};

	assert_int_equal(source_store_open(store, &source), 0);
	if (query_parse(span_cstr(text), NOW_NS, &query_lang_ops, &query, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	if (query_execute(query, &(struct query_conf){.threads = 2, .memory_bytes = MEMORY}, source,
			  sink, ctx, &result, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	assert_false(result.partial);
	query_free(query);
	query_result_release(&result);
	source_close(source);
}

static void expect_all(struct store *store, const struct model *model, const char *text)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	run(store, text, count_cells, seen);
	assert_int_equal(seen->rows, ROWS);
	assert_int_equal(seen->cells, ROWS * KEYS_A_ROW);
	assert_int_equal(seen->wrong, 0);
	assert_memory_equal(seen->hits, model->hits, sizeof(seen->hits));
	free(seen);
}

/* {field_name or name, hits} of the answer, added up by key. */
static int count_names(void *ctx, struct rows *rows)
{
	struct seen *seen = ctx;
	const struct span *hits = rows_texts(rows, SPAN("hits"));
	const struct span *names = rows_texts(rows, SPAN("name"));

	for (uint32_t row = 0; row < rows->n; row++) {
		struct span name =
			names[row].len ? names[row] : rows_text(rows, SPAN("field_name"), row);
		if (!span_starts(name, SPAN("key")))
			continue;
		seen->hits[number_of(span_skip(name, 3), KEYS_MAX)] +=
			number_of(hits[row], ROWS + 1);
	}
	return 0;
}

static void expect_names(struct store *store, const struct model *model, const char *text)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	run(store, text, count_names, seen);
	assert_memory_equal(seen->hits, model->hits, sizeof(seen->hits));
	free(seen);
}

static int count_rows(void *ctx, struct rows *rows)
{
	*(uint64_t *)ctx += rows->n;
	return 0;
}

/* One key by name, also in a filter; the last keys are beyond the columns. */
static void expect_one(struct store *store, const struct model *model, uint32_t key)
{
	uint64_t rows = 0;
	char text[64];

	snprintf(text, sizeof(text), "key%05u:v*", key);
	run(store, text, count_rows, &rows);
	assert_int_equal(rows, model->hits[key]);
}

static void check(struct store *store, const struct model *model)
{
	static const char *const all[] = {"*", "* | fields *", "* | limit 1000000",
					  "* | delete none", "* | filter n:*"};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		expect_all(store, model, all[i]);
	expect_names(store, model, "* | field_names");
	expect_names(store, model, "* | facets 10");
	expect_one(store, model, 0);
	expect_one(store, model, model->nkeys - 1);
	uint64_t rows = 0;

	run(store, "key*:v3", count_rows, &rows);
	assert_int_equal(rows, ROWS / 7 + (ROWS % 7 > 3));
	run(store, "no_such_key:v*", count_rows, &rows);
	assert_int_equal(rows, ROWS / 7 + (ROWS % 7 > 3));
}

static void keys_are_shown(uint32_t nkeys)
{
	const struct store_conf conf = {.no_background = true};
	struct model *model = calloc(1, sizeof(*model));
	uint64_t seed = nkeys;
	char path[SCRATCH_MAX];

	scratch_make(path);
	struct store *store = open_store(path, &conf);

	assert_non_null(model);
	model->nkeys = nkeys;
	for (uint32_t row = 0; row < ROWS; row++)
		add_row(store, model, row, &seed);
	check(store, model);
	assert_int_equal(commit_at(store, 1, NULL), 0);
	check(store, model);
	store_close(store);
	free(model);
	scratch_remove(path);
}

static void three_thousand_keys(void **state)
{
	(void)state;
	keys_are_shown(3000);
}

static void eight_thousand_keys(void **state)
{
	(void)state;
	keys_are_shown(KEYS_MAX);
}

/* A part of rows with `nkeys` fields; of the same ones each time. */
static void commit_wide(struct store *store, uint32_t nkeys, int64_t next)
{
	static const struct span labels[] = {{"service", 7}, {"t", 1}};
	struct field *fields = calloc(nkeys, sizeof(*fields));
	char(*names)[32] = calloc(nkeys, sizeof(*names));
	struct store_stream *stream;

	assert_true(fields && names);
	for (uint32_t i = 0; i < nkeys; i++) {
		snprintf(names[i], sizeof(names[i]), "key%05u", i);
		fields[i] = (struct field){.key = span_cstr(names[i]),
					   .type = VALUE_STRING,
					   .text = span_cstr(names[i])};
	}
	struct record rec = {.time_ns = next, .fields = fields, .nfields = nkeys};

	assert_int_equal(store_stream_get(store, labels, 2, &stream), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(store_append(store, stream, &rec), 0);
	assert_int_equal(commit_at(store, next, NULL), 0);
	free(fields);
	free(names);
}

static void upkeep(struct store *store)
{
	struct err err = {.text = ""};

	if (store_upkeep(store, &err) != 1)
		fail_msg("nothing was merged: %s", err.text);
}

/* Groups of just as many columns as one may have, and of one less and one more. */
static void full_groups_merge(void **state)
{
	const struct store_conf conf = {.no_background = true};

	(void)state;
	for (uint32_t nkeys = 999; nkeys <= 1001; nkeys++) {
		struct store_stats stats;
		char path[SCRATCH_MAX];
		uint64_t rows = 0;

		scratch_make(path);
		struct store *store = open_store(path, &conf);

		for (int64_t i = 1; i <= 4; i++)
			commit_wide(store, nkeys, i);
		upkeep(store);
		store_stats(store, &stats);
		assert_int_equal(stats.parts, 1);
		run(store, "key00000:key00000 key00998:key00998", count_rows, &rows);
		assert_int_equal(rows, 40);
		store_close(store);
		scratch_remove(path);
	}
}

/* More streams than a program may know at a time, of several runs of it. */
static void many_streams_merge(void **state)
{
	enum { RUNS = 4, STREAMS = 20000 };
	const struct store_conf conf = {.no_background = true};
	struct field field = {.key = SPAN("n"), .type = VALUE_NUMBER, .text = SPAN("1")};
	char path[SCRATCH_MAX];
	uint64_t rows = 0;

	(void)state;
	scratch_make(path);
	for (int64_t i = 0; i < RUNS; i++) {
		struct store *store = open_store(path, &conf);

		for (int64_t k = 0; k < STREAMS; k++) {
			struct record rec = {.time_ns = k, .fields = &field, .nfields = 1};
			struct store_stream *stream;
			char name[NUM_TEXT_MAX];
			struct span labels[] = {
				SPAN("host"),
				span_of(name, num_format_u64(name, (uint64_t)(i * STREAMS + k)))};

			assert_int_equal(store_stream_get(store, labels, 2, &stream), 0);
			assert_int_equal(store_append(store, stream, &rec), 0);
		}
		assert_int_equal(commit_at(store, i + 1, NULL), 0);
		if (i + 1 == RUNS)
			upkeep(store);
		store_close(store);
	}
	struct store *store = open_store(path, &conf);

	run(store, "{host=\"79999\"} or {host=\"0\"} n:1", count_rows, &rows);
	assert_int_equal(rows, 2);
	store_close(store);
	scratch_remove(path);
}

static int take_id(void *ctx, struct rows *rows)
{
	struct span id = rows_text(rows, SPAN("_stream_id"), 0);

	assert_int_equal(rows->n, 1);
	assert_int_equal(id.len, 48);
	memcpy(ctx, id.ptr, id.len);
	return 0;
}

/* Of a block of many streams only those of the rows that are asked for are known. */
static void ids_of_few_rows(void **state)
{
	enum { COUNT = 8000, STREAMS = 1000 };
	const struct store_conf conf = {.no_background = true};
	struct field fields[] = {{.key = SPAN("n"), .type = VALUE_NUMBER},
				 {.key = SPAN("id"), .type = VALUE_STRING}};
	char path[SCRATCH_MAX], ids[3][48], text[64];

	uint64_t seed = 1;

	(void)state;
	scratch_make(path);
	struct store *store = open_store(path, &conf);

	for (unsigned i = 0; i < COUNT; i++) {
		struct record rec = {.time_ns = i, .fields = fields, .nfields = 2};
		char name[NUM_TEXT_MAX], number[NUM_TEXT_MAX], id[17];
		struct store_stream *stream;
		struct span labels[] = {SPAN("host"),
					span_of(name, num_format_u64(name, i % STREAMS))};

		snprintf(id, sizeof(id), "%016" PRIx64, next_random(&seed));
		fields[0].text = span_of(number, num_format_u64(number, i));
		fields[1].text = span_cstr(id);
		assert_int_equal(store_stream_get(store, labels, 2, &stream), 0);
		assert_int_equal(store_append(store, stream, &rec), 0);
	}
	assert_int_equal(commit_at(store, 1, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		static const unsigned rows[] = {STREAMS + 7, 4 * STREAMS + 7, 4 * STREAMS + 8};

		snprintf(text, sizeof(text), "n:=%u | fields id, _stream_id", rows[i]);
		run(store, text, take_id, ids[i]);
	}
	assert_memory_equal(ids[0], ids[1], sizeof(ids[0]));
	assert_memory_not_equal(ids[0], ids[2], sizeof(ids[0]));
	store_close(store);
	scratch_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_groups_merge),   cmocka_unit_test(many_streams_merge),
		cmocka_unit_test(ids_of_few_rows),     cmocka_unit_test(three_thousand_keys),
		cmocka_unit_test(eight_thousand_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
