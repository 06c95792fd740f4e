/*
 * logsqlcheck.c - run LogsQL conformance cases through the real engine.
 *
 *	logsqlcheck FILE      V=1 in the environment: show each failing case
 *
 * FILE has one JSON object a line: {"id","kind","query","rows","expected"}.
 *
 *	filter      `expected` = indexes of the rows that match
 *	parse_ok    the query must parse, and what it prints must parse to the same text
 *	parse_bad   it must be refused, with a text and a position in the query
 *
 * Ends with `logsql KIND: PASSED/TOTAL` for each kind and `N passed, N failed`.
 * The exit code is 0 if the file could be read; what failed is judged by who
 * reads the counts.
 */
#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/lang/ast/query.h"
#include "common/lang/match.h"
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
	int r = query_parse(text, NOW_NS, NULL, ret, &err);

	if (r < 0)
		lex_print_error(&check->why, text, &err, 0);
	return r;
}

static void print_expected(struct check *check, const char *came)
{
	buf_printf(&check->why, "expected %s\ncame     %s\n",
		   json_object_to_json_string_ext(check->expected, JSON_C_TO_STRING_PLAIN), came);
}

static bool check_filter(struct check *check)
{
	_cleanup_(buf_release) struct buf came = BUF_INIT(1 << 20);
	struct query *query;
	size_t nexpected = json_object_array_length(check->expected), hits = 0;
	bool same = true;

	if (parse(check, &query) < 0)
		return false;
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
	query_free(query);
	if (same && hits == nexpected)
		return true;
	print_expected(check, buf_cstr(&came));
	return false;
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
	if (query_parse(buf_span(&once), NOW_NS, NULL, &query, &err) < 0) {
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

	if (query_parse(span_cstr(check->query), NOW_NS, NULL, &query, &err) >= 0) {
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
	if (run_file(argv[1], v && strcmp(v, "1") == 0) < 0)
		return 1;
	for (size_t i = 0; i < NKINDS; i++) {
		printf("logsql %s: %u/%u\n", kinds[i].name, kinds[i].passed, kinds[i].total);
		passed += kinds[i].passed;
		failed += kinds[i].total - kinds[i].passed;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return 0;
}
