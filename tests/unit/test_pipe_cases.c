/*
 * The tables of tests/cases/pipes: rows, pipes, and the rows that come out, what
 * the pipes print as, or the error.  See the README there.
 *
 * Each case runs three times: over the rows, over the rows with what it prints
 * as, and over the rows in a store, half of them sealed into a part.  So do
 * random pipes over random rows, of which the three must agree.
 */
#include "aggregator/query/query.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/base/vec.h"
#include "common/data/json_write.h"
#include "common/lang/number.h"
#include "tests/unit/store_fixture.h"

/* 2024-05-01T09:46:29.123456789Z */
#define NOW_NS    INT64_C(1714556789123456789)
#define NAMES_MAX 64

typedef VEC(struct span) span_vec;

struct table {
	const char *path;
	int line, case_line;
	struct arena arena;

	struct record rows[64];
	size_t nrows;
	bool rows_done; /* the next row begins new ones */
	bool has_time;
	struct query_source *source; /* of the rows, made for the first case */
	char dir[SCRATCH_MAX];
	struct store *store; /* NULL: these rows can't be had from a store as they are */
	struct query_source *stored;

	struct span pipes; /* of the case; NULL: none is open */
	span_vec expected;
	bool ordered, refused;
	bool learn; /* the first answer is what is expected */
	size_t cases;
};

#define FAIL(table, ...)                                                                           \
	do {                                                                                       \
		print_error("%s:%d: %.*s\n", (table)->path, (table)->case_line,                    \
			    SPAN_FMT((table)->pipes));                                             \
		print_error(__VA_ARGS__);                                                          \
		fail();                                                                            \
	} while (0)

static int compare_spans(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* Nothing for an empty text; a store knows a time, not its spelling. */
static void put_field(struct buf *line, bool *first, struct span name, struct span text,
		      bool any_time)
{
	char time[TIMESTAMP_TEXT_LEN];
	int64_t ns;

	if (any_time && span_eq(name, SPAN("_time")) && lang_time(text, &ns)) {
		timestamp_format(time, ns);
		text = span_of(time, sizeof(time));
	}
	if (text.len)
		json_write_field(line, first, name, VALUE_STRING, text);
}

static void read_row(struct table *table, struct span json, struct record *ret)
{
	size_t at;

	record_init(ret, &table->arena, json);
	if (json_scan_record(json, ret, &at) < 0)
		FAIL(table, "the row is no JSON: %.*s\n", SPAN_FMT(json));
}

static struct span expected_line(struct table *table, struct span json, bool any_time)
{
	struct buf line = BUF_INIT(1 << 16);
	struct span names[NAMES_MAX];
	struct record record;
	bool first = true;

	read_row(table, json, &record);
	assert_true(record.nfields <= NAMES_MAX);
	for (size_t i = 0; i < record.nfields; i++)
		names[i] = record.fields[i].key;
	qsort(names, record.nfields, sizeof(*names), compare_spans);
	buf_putc(&line, '{');
	for (size_t i = 0; i < record.nfields; i++)
		put_field(&line, &first, names[i], record_text(&record, names[i]), any_time);
	buf_putc(&line, '}');
	struct span kept = arena_dup(&table->arena, buf_span(&line));

	buf_release(&line);
	return kept;
}

struct answer {
	struct table *table;
	span_vec lines;
	bool any_time;
};

static int collect(void *ctx, struct rows *rows)
{
	struct answer *answer = ctx;
	struct buf line = BUF_INIT(1 << 16);
	struct span names[NAMES_MAX];
	const struct span *given;
	size_t n;

	assert_int_equal(rows_names(rows, &given, &n), 0);
	assert_true(n <= NAMES_MAX);
	memcpy(names, given, n * sizeof(*names));
	qsort(names, n, sizeof(*names), compare_spans);
	for (uint32_t row = 0; row < rows->n; row++) {
		bool first = true;

		buf_reset(&line);
		buf_putc(&line, '{');
		for (size_t i = 0; i < n; i++)
			put_field(&line, &first, names[i], rows_text(rows, names[i], row),
				  answer->any_time);
		buf_putc(&line, '}');
		assert_int_equal(
			vec_push(&answer->lines, arena_dup(&answer->table->arena, buf_span(&line))),
			0);
	}
	buf_release(&line);
	return 0;
}

static void sort_lines(span_vec *lines)
{
	if (lines->len)
		qsort(lines->ptr, lines->len, sizeof(*lines->ptr), compare_spans);
}

static void put_lines(struct buf *out, const char *title, const span_vec *lines)
{
	buf_printf(out, "%s\n", title);
	for (size_t i = 0; i < lines->len; i++)
		buf_printf(out, "= %.*s\n", SPAN_FMT(lines->ptr[i]));
}

/* The answer of `query` over `source` is what the case says. */
static void check_answer(struct table *table, struct query *query, struct query_source *source,
			 const char *how)
{
	struct answer answer = {.table = table, .any_time = source == table->stored};
	struct query_conf conf = {.threads = 2};
	struct query_result result;
	struct err err = {0};
	span_vec expected = {0};
	bool same;

	for (size_t i = 0; i < table->expected.len; i++)
		assert_int_equal(vec_push(&expected, expected_line(table, table->expected.ptr[i],
								   answer.any_time)),
				 0);
	if (query_execute(query, &conf, source, collect, &answer, &result, &err) < 0)
		FAIL(table, "%s: failed: %s\n", how, err.text);
	query_result_release(&result);
	for (size_t i = 0; i < answer.lines.len && table->learn; i++)
		assert_int_equal(vec_push(&table->expected, answer.lines.ptr[i]), 0);
	for (size_t i = 0; i < answer.lines.len && table->learn; i++)
		assert_int_equal(vec_push(&expected, answer.lines.ptr[i]), 0);
	table->learn = false;
	if (!table->ordered) {
		sort_lines(&expected);
		sort_lines(&answer.lines);
	}
	same = expected.len == answer.lines.len;
	for (size_t i = 0; i < expected.len && same; i++)
		same = span_eq(expected.ptr[i], answer.lines.ptr[i]);
	if (!same) {
		struct buf text = BUF_INIT(1 << 20);

		put_lines(&text, "expected", &expected);
		put_lines(&text, "came", &answer.lines);
		FAIL(table, "%s:\n%s", how, buf_cstr(&text));
	}
	vec_release(&expected);
	vec_release(&answer.lines);
}

static void check_text(struct table *table, struct span pipes, struct query_source *source,
		       const char *how)
{
	struct query *query;
	struct err err = {0};

	if (query_parse_pipes(pipes, NOW_NS, &query_lang_ops, &query, &err) < 0)
		FAIL(table, "%s: refused: %s\n", how, err.text);
	check_answer(table, query, source, how);
	query_free(query);
}

/* As it prints, without the `*` that stands for all rows. */
static struct span printed(struct table *table, struct span pipes)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 16);
	struct query *query;
	struct err err = {0};

	if (query_parse_pipes(pipes, NOW_NS, &query_lang_ops, &query, &err) < 0)
		FAIL(table, "refused: %s\n", err.text);
	query_print(query, &text);
	query_free(query);
	assert_true(span_starts(buf_span(&text), SPAN("* | ")));
	return arena_dup(&table->arena, span_skip(buf_span(&text), 4));
}

static void append_to_store(struct table *table, const struct record *row)
{
	struct store_stream *stream;
	struct record rec;

	record_init(&rec, &table->arena, SPAN(""));
	rec.time_ns = NOW_NS;
	assert_int_equal(store_stream_get(table->store, NULL, 0, &stream), 0);
	for (size_t i = 0; i < row->nfields; i++) {
		struct field field = {.key = row->fields[i].key,
				      .text = row->fields[i].text,
				      .type = VALUE_STRING};

		if (span_eq(field.key, SPAN("_time")))
			assert_true(lang_time(field.text, &rec.time_ns));
		else
			assert_int_equal(record_add(&rec, field), 0);
	}
	assert_int_equal(store_append(table->store, stream, &rec), 0);
}

/* A store has a time in each row, as these must have in all or in none. */
static bool can_store(struct table *table)
{
	size_t times = 0;

	for (size_t i = 0; i < table->nrows; i++) {
		const struct record *row = &table->rows[i];
		int64_t ns;

		if (record_get(row, SPAN("_stream")))
			return false;
		if (record_get(row, SPAN("_time")) &&
		    !lang_time(record_text(row, SPAN("_time")), &ns))
			return false;
		times += record_get(row, SPAN("_time")) != NULL;
	}
	table->has_time = times > 0;
	return table->nrows && (times == 0 || times == table->nrows);
}

static void open_store_of_rows(struct table *table)
{
	struct store_conf conf = {.no_background = true};
	struct store_progress none = {0};
	struct err err = {0};

	scratch_make(table->dir);
	table->store = open_store(table->dir, &conf);
	for (size_t i = 0; i < table->nrows; i++) {
		append_to_store(table, &table->rows[i]);
		if (i == table->nrows / 2 && store_commit(table->store, &none, &err) < 0)
			fail_msg("%s", err.text);
	}
	assert_int_equal(source_store_open(table->store, &table->stored), 0);
}

static void open_rows(struct table *table)
{
	struct source_row list[64];

	for (size_t i = 0; i < table->nrows; i++) {
		const struct record *row = &table->rows[i];
		struct span *pairs = ARENA_ARRAY(&table->arena, struct span, 2 * row->nfields + 1);

		for (size_t k = 0; k < row->nfields; k++) {
			pairs[2 * k] = row->fields[k].key;
			pairs[2 * k + 1] = row->fields[k].text;
		}
		list[i] = (struct source_row){pairs, row->nfields};
	}
	assert_int_equal(source_rows_open(list, table->nrows, &table->source), 0);
	if (can_store(table))
		open_store_of_rows(table);
}

static void close_rows(struct table *table)
{
	if (table->source)
		source_close(table->source);
	if (table->stored)
		source_close(table->stored);
	if (table->store) {
		store_close(table->store);
		scratch_remove(table->dir);
	}
	table->source = table->stored = NULL;
	table->store = NULL;
	table->nrows = 0;
	table->rows_done = false;
}

static void end_case(struct table *table)
{
	struct buf text = BUF_INIT(1 << 16);

	if (table->pipes.ptr && !table->refused) {
		if (!table->source)
			open_rows(table);
		check_text(table, table->pipes, table->source, "over the rows");
		check_text(table, printed(table, table->pipes), table->source, "as it is printed");
		if (table->stored) {
			buf_printf(&text, "delete %s_stream, _stream_id\n| %.*s",
				   table->has_time ? "" : "_time, ", SPAN_FMT(table->pipes));
			check_text(table, buf_span(&text), table->stored, "over a store");
		}
	}
	buf_release(&text);
	table->pipes = (struct span){0};
	table->expected.len = 0;
	table->ordered = table->refused = false;
}

static void check_error(struct table *table, struct span expected)
{
	struct span offset = {0};
	struct query *query;
	struct err err = {0};
	char number[24];

	table->refused = true;
	if (query_parse_pipes(table->pipes, NOW_NS, &query_lang_ops, &query, &err) >= 0)
		FAIL(table, "is not refused\n");
	assert_true(span_cut(&expected, ' ', &offset));
	snprintf(number, sizeof(number), "%zu", err.offset);
	if (!span_eq(offset, span_cstr(number)) || span_find(span_cstr(err.text), expected) < 0)
		FAIL(table, "says at byte %zu: %s\n", err.offset, err.text);
}

static void add_row(struct table *table, struct span json)
{
	end_case(table);
	if (table->rows_done)
		close_rows(table);
	assert_true(table->nrows < 64);
	read_row(table, json, &table->rows[table->nrows++]);
}

static void run_line(struct table *table, struct span line)
{
	struct span rest = span_skip(line, 2);

	switch (line.len ? line.ptr[0] : '#') {
	case '+':
		add_row(table, rest);
		break;
	case '?':
		end_case(table);
		table->case_line = table->line;
		table->pipes = rest;
		table->rows_done = true;
		table->cases++;
		break;
	case '~':
		if (!span_eq(printed(table, table->pipes), rest))
			FAIL(table, "prints as %.*s\n", SPAN_FMT(printed(table, table->pipes)));
		break;
	case '=':
	case '>':
		table->ordered = line.ptr[0] == '>';
		assert_int_equal(vec_push(&table->expected, rest), 0);
		break;
	case '!':
		check_error(table, rest);
		break;
	case '#':
		break;
	default:
		FAIL(table, "a line that no table has: %.*s\n", SPAN_FMT(line));
	}
}

static void test_table(void **state)
{
	struct table table = {.path = *state};
	struct buf text = BUF_INIT(1 << 20);
	struct span rest, line;
	struct err err;

	if (io_read_file(table.path, &text, &err) < 0)
		fail_msg("%s", err.text);
	arena_init(&table.arena, 64 << 20);
	rest = buf_span(&text);
	while (span_cut(&rest, '\n', &line)) {
		table.line++;
		run_line(&table, line);
	}
	end_case(&table);
	close_rows(&table);
	assert_true(table.cases > 5);
	vec_release(&table.expected);
	arena_release(&table.arena);
	buf_release(&text);
}

#define RANDOM_TABLES 60
#define RANDOM_CASES  20
#define RANDOM_ROWS   40

static size_t pick(uint64_t *seed, size_t n)
{
	return (size_t)(next_random(seed) % n);
}

#define PICK(seed, list) ((list)[pick((seed), sizeof(list) / sizeof((list)[0]))])

/* What the values of one field look like. */
static void put_value(struct buf *out, uint64_t *seed, size_t kind)
{
	static const char *const numbers[] = {"1.50", "007",   "+6",  "1e3",
					      "0x1f", "-0",    "NaN", "inf",
					      "5KiB", "1.5KB", "2MB", "9007199254740993"};
	static const char *const durations[] = {"10ms", "1.5s", "2m", "1h30m", "-3s", "250µs"};
	static const char *const texts[] = {"red",
					    "green",
					    "Red green",
					    "a=b c=\\\"d e\\\"",
					    "{\\\"k\\\":{\\\"l\\\":1}}",
					    "[\\\"p\\\",2]",
					    "user 17 from 10.0.0.3",
					    "true",
					    ""};

	switch (kind) {
	case 0:
		buf_printf(out, "%d", (int)pick(seed, 40) - 5);
		break;
	case 1:
		buf_printf(out, "%d.%02d", (int)pick(seed, 30), (int)pick(seed, 100));
		break;
	case 2:
		buf_printf(out, "%s", PICK(seed, numbers));
		break;
	case 3:
		buf_printf(out, "%s", PICK(seed, durations));
		break;
	case 4:
		buf_printf(out, "10.0.%d.%d", (int)pick(seed, 3), (int)pick(seed, 256));
		break;
	case 5:
		buf_printf(out, "2024-0%d-1%dT0%d:00:00.5Z", 1 + (int)pick(seed, 3),
			   (int)pick(seed, 10), (int)pick(seed, 10));
		break;
	default:
		buf_printf(out, "%s", PICK(seed, texts));
	}
}

static struct span random_row(struct table *table, uint64_t *seed, const size_t *kinds)
{
	_cleanup_(buf_release) struct buf row = BUF_INIT(4096);

	buf_printf(&row, "{\"_time\":\"2024-01-%02dT0%d:00:00Z\"", 1 + (int)table->nrows % 28,
		   (int)pick(seed, 10));
	for (size_t i = 0; i < 5; i++) {
		if (pick(seed, 6) == 0)
			continue;
		buf_printf(&row, ",\"%s\":\"",
			   i == 4 ? "_msg" : (const char *[]){"a", "b", "c", "d"}[i]);
		put_value(&row, seed, i == 4 ? 6 : kinds[i]);
		buf_putc(&row, '"');
	}
	buf_putc(&row, '}');
	return arena_dup(&table->arena, buf_span(&row));
}

/* `$` is a field, `@` a filter, `#` a function, `%` fields and steps to group by. */
static void put_template(struct buf *out, uint64_t *seed, const char *template)
{
	static const char *const fields[] = {"a", "b", "c", "d", "_msg", "zz"};
	static const char *const filters[] = {"$:*",   "$:red", "$:>5", "!$:10",
					      "$:<1s", "$:=7",  "$:1*", "$:~\"0\""};
	static const char *const functions[] = {
		"count()", "count($)",    "sum($)",    "avg($)",           "min($)",
		"max($)",  "median($)",   "sum(a*)",   "quantile(0.9, $)", "count_uniq($, $)",
		"rate()",  "sum_len($)",  "min(b*)",   "uniq_values($)",   "count_empty($, $)",
		"max(c*)", "rate_sum($)", "sum($, $)", "histogram(a)",     "count_uniq_hash($)"};
	static const char *const groups[] = {"$",
					     "a:5",
					     "b:1KB",
					     "c:0.5",
					     "d:1s",
					     "a:/24",
					     "b:1h",
					     "c:month",
					     "d:10 offset 3",
					     "_time:1w",
					     "_time:1d offset 2h, $",
					     "$, $"};

	for (const char *at = template; *at; at++) {
		if (*at == '$')
			buf_puts(out, span_cstr(PICK(seed, fields)));
		else if (*at == '@')
			put_template(out, seed, PICK(seed, filters));
		else if (*at == '#')
			put_template(out, seed, PICK(seed, functions));
		else if (*at == '%')
			put_template(out, seed, PICK(seed, groups));
		else
			buf_putc(out, *at);
	}
}

static struct span random_pipes(struct table *table, uint64_t *seed)
{
	static const char *const pipes[] = {"filter @",
					    "filter @ or @",
					    "math a + b as m, c / d as n, round(a, 0.5) as a",
					    "format \"<$>-<uc:$>-<time:$>\" as x",
					    "format if (@) \"<q:$><duration:$>\" as a",
					    "len($) as x",
					    "copy $ as y",
					    "rename a as b, c as d",
					    "delete $",
					    "fields a, b, c",
					    "extract 'a=<x> ' keep_original_fields",
					    "extract_regexp \"(?P<x>[0-9]+)\" from $",
					    "replace (\"e\", \"E\") at $",
					    "replace_regexp (\"[0-9]+\", \"<$0>\") at $ limit 1",
					    "unpack_json from $ result_prefix j_",
					    "unpack_logfmt result_prefix l_",
					    "unpack_words from $ as w",
					    "unroll ($)",
					    "split \" \" from $ as w",
					    "collapse_nums if (@) at $ prettify",
					    "hash($) as h",
					    "drop_empty_fields",
					    "pack_json fields (d, a, b) as p",
					    "pack_logfmt fields ($, zz) as p",
					    "time_add 1h at $",
					    "json_array_len($) as n"};
	static const char *const ends[] = {
		"stats by (%) # as f, # if (@) as g",
		"stats # as f, # if (@) as g",
		"stats by (%) # as f, # switch(case (@) as g, default as h)",
		"uniq by ($, a) with hits",
		"top 1000 by ($)",
		"field_values a",
		"field_names",
		"sort by ($, _time, a, b, c, d, _msg) limit 5 rank as r",
		"first 2 by ($ desc, _time, a, b, c, d, _msg) partition by ($)",
		"facets 1000 keep_const_fields | filter field_name:!=_time",
		"patterns limit 0 | delete example, trend",
		"total_stats sum($) as t, count() as n"};
	_cleanup_(buf_release) struct buf text = BUF_INIT(4096);

	for (size_t n = pick(seed, 3); n > 0; n--) {
		put_template(&text, seed, PICK(seed, pipes));
		buf_puts(&text, SPAN(" | "));
	}
	put_template(&text, seed, pick(seed, 4) ? PICK(seed, ends) : PICK(seed, pipes));
	return arena_dup(&table->arena, buf_span(&text));
}

static void test_random(void **state)
{
	uint64_t seed = UINT64_C(20261128);

	(void)state;
	for (size_t t = 0; t < RANDOM_TABLES; t++) {
		struct table table = {.path = "random"};
		size_t kinds[4];

		arena_init(&table.arena, 64 << 20);
		for (size_t i = 0; i < 4; i++)
			kinds[i] = pick(&seed, 7);
		for (size_t n = 1 + pick(&seed, RANDOM_ROWS); n > 0; n--)
			add_row(&table, random_row(&table, &seed, kinds));
		for (table.case_line = 1; table.case_line <= RANDOM_CASES; table.case_line++) {
			table.pipes = random_pipes(&table, &seed);
			table.learn = true;
			end_case(&table);
		}
		close_rows(&table);
		vec_release(&table.expected);
		arena_release(&table.arena);
	}
}

#define TABLE(name)                                                                                \
	cmocka_unit_test_prestate(test_table, (char *)(uintptr_t) "tests/cases/pipes/" name ".tx"  \
								  "t")

int main(void)
{
	struct CMUnitTest tests[] = {
		TABLE("fields"), TABLE("text"),   TABLE("math"),
		TABLE("stats"),  TABLE("sort"),   TABLE("join"),
		TABLE("own"),    TABLE("errors"), cmocka_unit_test(test_random),
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (tests[i].initial_state)
			tests[i].name = strrchr(tests[i].initial_state, '/') + 1;
	return cmocka_run_group_tests_name("pipe_cases", tests, NULL, NULL);
}
