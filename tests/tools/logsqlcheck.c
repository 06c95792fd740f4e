/*
 * logsqlcheck.c - run LogsQL conformance cases through the real engine.
 *
 *	logsqlcheck FILE      V=1 in the environment: show each failing case
 *
 * FILE has one JSON object a line: {"id","kind","query","rows","expected"}.
 *
 *	filter      `expected` = indexes of the rows that match; asked of the row
 *	            matcher (`when:`, retention) and of the columnar engine
 *	pipe        `query` = pipes behind `*`, `expected` = rows that come out, as
 *	            a multiset; absent and empty are the same
 *
 *	filter and pipe run twice, over raw rows and over the same rows sealed into
 *	a part of a store; a field that a store makes itself, as _stream, is sealed
 *	under another name and renamed in front of the pipes; query_stats, which
 *	tells of the store, and filters on such fields run raw alone
 *
 *	parse_ok    the query must parse, and what it prints must parse to the same text
 *	parse_bad   it must be refused, with a text and a position in the query
 *
 * Ends with `logsql KIND: PASSED/TOTAL` for each kind and `N passed, N failed`.
 * The exit code is 0 if the file could be read; what failed is judged by who
 * reads the counts.
 */
#include "aggregator/query/query.h"
#include "aggregator/store/store.h"
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/data/timestamp.h"
#include "common/lang/ast/query.h"
#include "common/lang/match.h"
#include "common/lang/number.h"
#include "tests/unit/scratch.h"
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>

#define CASES_MAX (64u << 20)
#define NOW_NS    INT64_C(1714556789123456789)

struct check {
	const char *query;
	json_object *rows, *expected;
	struct buf why; /* what came in place of what was expected */
};

static unsigned sealed_runs, raw_runs;

static struct span json_text(json_object *value)
{
	return value ? span_of(json_object_get_string(value),
			       (size_t)json_object_get_string_len(value))
		     : (struct span){0};
}

/* The rows of a case as the engine asks for them. */
static struct span row_get(const struct row_view *row, struct span name)
{
	json_object *value = NULL;
	char key[256];

	if (name.len >= sizeof(key))
		return (struct span){0};
	memcpy(key, name.ptr, name.len);
	key[name.len] = 0;
	json_object_object_get_ex((json_object *)(uintptr_t)row->ctx, key, &value);
	return json_text(value);
}

static bool row_at(const struct row_view *row, size_t i, struct span *ret_name,
		   struct span *ret_text)
{
	json_object_object_foreach((json_object *)(uintptr_t)row->ctx, key, value)
	{
		if (i-- == 0) {
			*ret_name = span_cstr(key);
			*ret_text = json_text(value);
			return true;
		}
	}
	return false;
}

static int parse(struct check *check, struct query **ret)
{
	struct span text = span_cstr(check->query);
	struct err err = {0};
	int r = query_parse(text, NOW_NS, &query_lang_ops, ret, &err);

	if (r < 0)
		lex_print_error(&check->why, text, &err, 0);
	return r;
}

static void print_expected(struct check *check, const char *came)
{
	buf_printf(&check->why, "expected %s\ncame     %s\n",
		   json_object_to_json_string_ext(check->expected, JSON_C_TO_STRING_PLAIN), came);
}

/* The rows of a case as a source; `mark` adds a field with the row's number. */
static struct query_source *open_rows(json_object *rows, const char *mark)
{
	size_t n = json_object_array_length(rows);
	struct source_row *own = calloc(n + 1, sizeof(*own));
	struct query_source *source = NULL;
	struct arena arena;

	arena_init(&arena, 64 << 20);
	for (size_t i = 0; own && i < n; i++) {
		json_object *row = json_object_array_get_idx(rows, i);
		size_t fields = (size_t)json_object_object_length(row) + 1, k = 0;
		struct span *pairs = ARENA_ARRAY(&arena, struct span, 2 * fields);

		if (mark) {
			pairs[0] = span_cstr(mark);
			pairs[1] = arena_printf(&arena, "%zu", i);
			k++;
		}
		json_object_object_foreach(row, key, value)
		{
			pairs[2 * k] = span_cstr(key);
			pairs[2 * k + 1] = json_text(value);
			k++;
		}
		own[i] = (struct source_row){pairs, k};
	}
	if (!own || source_rows_open(own, n, &source) < 0)
		abort();
	free(own);
	arena_release(&arena);
	return source;
}

/* A store knows the time, not its spelling: all are written alike. */
static void put_field(struct buf *line, struct span name, struct span text)
{
	char time[TIMESTAMP_TEXT_LEN];
	int64_t ns;

	if (span_eq(name, SPAN("_time")) && lang_time(text, &ns)) {
		timestamp_format(time, ns);
		text = span_of(time, sizeof(time));
	}
	buf_printf(line, "%.*s=%.*s;", SPAN_FMT(name), SPAN_FMT(text));
}

/* One answer row as a line, names in order, empty values left out. */
static int compare_names(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static int collect_row(void *ctx, struct rows *rows)
{
	json_object *lines = ctx;
	const struct span *given;
	struct span *names;
	size_t n;

	if (rows_names(rows, &given, &n) < 0)
		return -ENOMEM;
	names = ARENA_ARRAY(rows->arena, struct span, n + 1);
	memcpy(names, given, n * sizeof(*names));
	qsort(names, n, sizeof(*names), compare_names);
	for (uint32_t row = 0; row < rows->n; row++) {
		_cleanup_(buf_release) struct buf line = BUF_INIT(1 << 20);

		for (size_t i = 0; i < n; i++) {
			struct span text = rows_text(rows, names[i], row);

			if (text.len && !(i && span_eq(names[i], names[i - 1])))
				put_field(&line, names[i], text);
		}
		json_object_array_add(
			lines, json_object_new_string_len(line.ptr ? line.ptr : "", (int)line.len));
	}
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(json_object_get_string(*(json_object *const *)a),
		      json_object_get_string(*(json_object *const *)b));
}

/* The rows as lines, sorted. */
static json_object *run_engine(struct check *check, struct query *query,
			       struct query_source *source)
{
	json_object *lines = json_object_new_array();
	struct query_conf conf = {.threads = 2};
	struct query_result result;
	struct err err = {0};
	int r = query_execute(query, &conf, source, collect_row, lines, &result, &err);

	query_result_release(&result);
	if (r < 0) {
		buf_printf(&check->why, "the query failed: %s\n", err.text);
		json_object_put(lines);
		return NULL;
	}
	json_object_array_sort(lines, compare_lines);
	return lines;
}

static json_object *expected_lines(json_object *expected)
{
	json_object *lines = json_object_new_array();
	struct query_source *source = open_rows(expected, NULL);
	struct source_scan *scan;
	struct row_block *block;
	struct arena arena;

	arena_init(&arena, 64 << 20);
	source->ops->scan(source, NULL, &scan, NULL);
	while (source->ops->next(scan, 0, &block, NULL) > 0) {
		struct rows rows;

		rows_init_block(&rows, &arena, block, NULL, block->nrows);
		collect_row(lines, &rows);
	}
	source->ops->close_scan(scan);
	source_close(source);
	arena_release(&arena);
	json_object_array_sort(lines, compare_lines);
	return lines;
}

static bool same_lines(struct check *check, json_object *expected, json_object *came)
{
	if (came && json_object_equal(expected, came))
		return true;
	if (came)
		buf_printf(&check->why, "expected %s\ncame     %s\n",
			   json_object_to_json_string_ext(expected, JSON_C_TO_STRING_PRETTY),
			   json_object_to_json_string_ext(came, JSON_C_TO_STRING_PRETTY));
	return false;
}

/* The same rows in a part on disk. */
struct sealed {
	char dir[SCRATCH_MAX];
	struct store *store;
	struct query_source *source;
	bool has_time;    /* the rows have times of their own */
	unsigned renamed; /* bit i: own_names[i] has another name in the part */
};

/* What a store makes itself of a row; a case's field of that name is sealed as case.NAME. */
static const char *const own_names[] = {"_time", "_stream", "_stream_id", "message", "timestamp"};
#define OWN_NAMES (sizeof(own_names) / sizeof(own_names[0]))
#define OWN_TIME  1u

static unsigned own_name_bit(const char *key)
{
	for (size_t i = 0; i < OWN_NAMES; i++)
		if (strcmp(own_names[i], key) == 0)
			return 1u << i;
	return 0;
}

/* A _time stays what it is if it is one, in each row.  False: a name is empty, which no store has. */
static bool look_at_names(json_object *rows, struct sealed *sealed)
{
	size_t n = json_object_array_length(rows), times = 0;
	int64_t ns;

	for (size_t i = 0; i < n; i++) {
		json_object_object_foreach(json_object_array_get_idx(rows, i), key, value)
		{
			if (!*key)
				return false;
			sealed->renamed |= own_name_bit(key);
			times += strcmp(key, "_time") == 0 && lang_time(json_text(value), &ns);
		}
	}
	sealed->has_time = n && times == n;
	if (sealed->has_time)
		sealed->renamed &= ~OWN_TIME;
	return true;
}

static int append_row(struct sealed *sealed, json_object *row, size_t number, const char *mark)
{
	struct store_stream *stream;
	struct arena arena;
	struct record rec;
	int r = store_stream_get(sealed->store, NULL, 0, &stream);

	arena_init(&arena, 64 << 20);
	record_init(&rec, &arena, SPAN(""));
	rec.time_ns = NOW_NS;
	if (r >= 0 && mark)
		r = record_add(&rec, (struct field){.key = span_cstr(mark),
						    .text = arena_printf(&arena, "%zu", number),
						    .type = VALUE_STRING});
	json_object_object_foreach(row, key, value)
	{
		struct field field = {
			.key = span_cstr(key), .text = json_text(value), .type = VALUE_STRING};

		if (sealed->renamed & own_name_bit(key))
			field.key = arena_printf(&arena, "case.%s", key);
		if (strcmp(key, "_time") == 0 && sealed->has_time)
			lang_time(field.text, &rec.time_ns);
		else if (r >= 0)
			r = record_add(&rec, field);
	}
	if (r >= 0)
		r = store_append(sealed->store, stream, &rec);
	arena_release(&arena);
	return r;
}

static void unseal(struct sealed *sealed)
{
	source_close(sealed->source);
	store_close(sealed->store);
	scratch_remove(sealed->dir);
}

/* False if what is asked could not be asked of these rows in a part. */
static bool seal(json_object *rows, const char *mark, struct sealed *sealed)
{
	struct store_conf conf = {.no_background = true};
	struct store_progress none = {0};
	struct err err = {0};
	int r;

	*sealed = (struct sealed){.store = NULL};
	if (!look_at_names(rows, sealed) || (mark && sealed->renamed))
		return false;
	scratch_make(sealed->dir);
	r = store_open(sealed->dir, false, &conf, &sealed->store, &err);
	for (size_t i = 0; r >= 0 && i < json_object_array_length(rows); i++)
		r = append_row(sealed, json_object_array_get_idx(rows, i), i, mark);
	if (r >= 0)
		r = store_commit(sealed->store, &none, &err);
	if (r >= 0)
		r = source_store_open(sealed->store, &sealed->source);
	if (r < 0) {
		fprintf(stderr, "logsqlcheck: can't seal rows: %d %s\n", r, err.text);
		abort();
	}
	return true;
}

/* Pipes that make sealed rows those of the case again. */
static void print_restore(const struct sealed *sealed, struct buf *out)
{
	buf_printf(out, "delete %s_stream, _stream_id", sealed->has_time ? "" : "_time, ");
	for (size_t i = 0; i < OWN_NAMES; i++)
		if (sealed->renamed & 1u << i)
			buf_printf(out, " | rename case.%s as %s", own_names[i], own_names[i]);
}

/*
 * Run `text` over the sealed rows.  What query_stats tells is about the store,
 * so that it differs is right.
 */
static bool check_sealed(struct check *check, json_object *expected, const char *mark)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	json_object *came = NULL;
	struct sealed sealed;
	struct query *query;
	struct err err = {0};
	bool same = false;
	int r;

	raw_runs++;
	if (strcmp(check->query, "query_stats") == 0 || !seal(check->rows, mark, &sealed))
		return true;
	sealed_runs++;
	if (mark)
		buf_printf(&text, "%s\n| ", check->query);
	print_restore(&sealed, &text);
	if (!mark)
		buf_printf(&text, " | %s", check->query);
	r = mark ? query_parse(buf_span(&text), NOW_NS, &query_lang_ops, &query, &err)
		 : query_parse_pipes(buf_span(&text), NOW_NS, &query_lang_ops, &query, &err);
	if (r < 0) {
		lex_print_error(&check->why, buf_span(&text), &err, 0);
	} else {
		came = run_engine(check, query, sealed.source);
		same = same_lines(check, expected, came);
		json_object_put(came);
		query_free(query);
	}
	if (!same)
		buf_printf(&check->why, "(over the same rows sealed into a part)\n");
	unseal(&sealed);
	return same;
}

static bool check_pipe(struct check *check)
{
	struct query_source *source = open_rows(check->rows, NULL);
	struct span text = span_cstr(check->query);
	json_object *expected, *came;
	struct query *query;
	struct err err = {0};
	bool same = false;

	if (query_parse_pipes(text, NOW_NS, &query_lang_ops, &query, &err) < 0) {
		lex_print_error(&check->why, text, &err, 0);
	} else {
		expected = expected_lines(check->expected);
		came = run_engine(check, query, source);
		same = same_lines(check, expected, came) && check_sealed(check, expected, NULL);
		json_object_put(expected);
		json_object_put(came);
		query_free(query);
	}
	source_close(source);
	return same;
}

/* The same rows through blocks and bitmaps. */
static bool check_filter_engine(struct check *check, struct query *query)
{
	static const char mark[] = "_row_of_the_case";
	json_object *rows = json_object_new_array();
	struct query_source *source = open_rows(check->rows, mark);
	json_object *expected, *came;
	bool same;

	for (size_t i = 0; i < json_object_array_length(check->expected); i++) {
		size_t at = (size_t)json_object_get_int64(
			json_object_array_get_idx(check->expected, i));
		json_object *row = json_object_new_object();
		json_object *given = json_object_array_get_idx(check->rows, at);

		json_object_object_foreach(given, key, value)
			json_object_object_add(row, key, json_object_get(value));
		char number[24];

		snprintf(number, sizeof(number), "%zu", at);
		json_object_object_add(row, mark, json_object_new_string(number));
		json_object_array_add(rows, row);
	}
	expected = expected_lines(rows);
	came = run_engine(check, query, source);
	same = same_lines(check, expected, came) && check_sealed(check, expected, mark);
	json_object_put(expected);
	json_object_put(came);
	json_object_put(rows);
	source_close(source);
	return same;
}

/* value_type() is about a stored column: one row alone can't tell. */
static int find_value_type(void *ctx, struct filter *leaf)
{
	*(bool *)ctx |= leaf->kind == FILTER_VALUE_TYPE;
	return 0;
}

static bool check_filter(struct check *check)
{
	_cleanup_(buf_release) struct buf came = BUF_INIT(1 << 20);
	struct query *query;
	size_t nexpected = json_object_array_length(check->expected), hits = 0;
	bool same = true, by_column = false;

	if (parse(check, &query) < 0)
		return false;
	filter_walk(query->filter, find_value_type, &by_column);
	buf_putc(&came, '[');
	for (size_t i = 0; i < json_object_array_length(check->rows); i++) {
		struct row_view row = {row_get, row_at, NULL,
				       json_object_array_get_idx(check->rows, i)};

		if (!filter_match_row(query->filter, &row))
			continue;
		buf_printf(&came, hits ? ",%zu" : "%zu", i);
		same = same && hits < nexpected &&
		       (size_t)json_object_get_int64(
			       json_object_array_get_idx(check->expected, hits)) == i;
		hits++;
	}
	buf_putc(&came, ']');
	same = by_column || (same && hits == nexpected);
	if (!same)
		print_expected(check, buf_cstr(&came));
	else
		same = check_filter_engine(check, query);
	query_free(query);
	return same;
}

static bool check_parse_ok(struct check *check)
{
	_cleanup_(buf_release) struct buf once = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
	struct query *query;
	struct err err = {0};

	if (parse(check, &query) < 0)
		return false;
	query_print(query, &once);
	query_free(query);
	if (query_parse(buf_span(&once), NOW_NS, &query_lang_ops, &query, &err) < 0) {
		buf_printf(&check->why, "printed as `%s`, which is refused: %s\n", buf_cstr(&once),
			   err.text);
		return false;
	}
	query_print(query, &again);
	query_free(query);
	if (span_eq(buf_span(&once), buf_span(&again)))
		return true;
	buf_printf(&check->why, "printed as  %s\nand then as %s\n", buf_cstr(&once),
		   buf_cstr(&again));
	return false;
}

static bool check_parse_bad(struct check *check)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);
	struct query *query;
	struct err err = {0};

	if (query_parse(span_cstr(check->query), NOW_NS, &query_lang_ops, &query, &err) >= 0) {
		query_print(query, &text);
		query_free(query);
		buf_printf(&check->why, "parsed as   %s\n", buf_cstr(&text));
		return false;
	}
	if (err.text[0] && err.offset <= strlen(check->query))
		return true;
	buf_printf(&check->why, "refused without text or position\n");
	return false;
}

static struct kind {
	const char *name;
	bool (*check)(struct check *check);
	unsigned passed, total;
} kinds[] = {
	{"filter", check_filter, 0, 0},
	{"pipe", check_pipe, 0, 0},
	{"parse_ok", check_parse_ok, 0, 0},
	{"parse_bad", check_parse_bad, 0, 0},
};

#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static void run_case(json_object *object, bool verbose)
{
	struct check check = {.why = BUF_INIT(1 << 20)};
	json_object *value = NULL;
	const char *id, *kind;

	json_object_object_get_ex(object, "id", &value);
	id = json_object_get_string(value);
	json_object_object_get_ex(object, "kind", &value);
	kind = json_object_get_string(value);
	json_object_object_get_ex(object, "query", &value);
	check.query = json_object_get_string(value);
	json_object_object_get_ex(object, "rows", &check.rows);
	json_object_object_get_ex(object, "expected", &check.expected);
	for (size_t i = 0; i < NKINDS; i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		bool passed = kinds[i].check(&check);

		kinds[i].total++;
		kinds[i].passed += passed;
		if (!passed && verbose)
			printf("not ok %s %s\n%s\n%s\n", kind, id, check.query,
			       buf_cstr(&check.why));
	}
	buf_release(&check.why);
}

static int run_file(const char *path, bool verbose)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(CASES_MAX);
	struct err err;
	int r = io_read_file(path, &text, &err);

	if (r < 0) {
		fprintf(stderr, "logsqlcheck: %s\n", err.text);
		return r;
	}
	struct span rest = buf_span(&text), line;
	json_tokener *tokener = json_tokener_new();

	while (span_cut(&rest, '\n', &line)) {
		json_tokener_reset(tokener);
		json_object *object = json_tokener_parse_ex(tokener, line.ptr, (int)line.len);

		if (!object && line.len) {
			fprintf(stderr, "logsqlcheck: %s: a line is not JSON\n", path);
			json_tokener_free(tokener);
			return -EBADMSG;
		}
		if (object)
			run_case(object, verbose);
		json_object_put(object);
	}
	json_tokener_free(tokener);
	return 0;
}

int main(int argc, char **argv)
{
	const char *v = getenv("V");
	unsigned passed = 0, failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: logsqlcheck FILE\n");
		return 2;
	}
	/* A thousand stores are synced to disk below; memory has nothing to sync. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	if (run_file(argv[1], v && strcmp(v, "1") == 0) < 0)
		return 1;
	for (size_t i = 0; i < NKINDS; i++) {
		printf("logsql %s: %u/%u\n", kinds[i].name, kinds[i].passed, kinds[i].total);
		passed += kinds[i].passed;
		failed += kinds[i].total - kinds[i].passed;
	}
	printf("logsql sealed: %u of %u runs also over a part\n", sealed_runs, raw_runs);
	printf("%u passed, %u failed\n", passed, failed);
	return 0;
}
