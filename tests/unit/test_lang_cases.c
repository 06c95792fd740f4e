/*
 * The tables of tests/cases/lang: queries, rows that they match and don't,
 * what they print as, or the error.  See the README there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/io.h"
#include "common/data/json_scan.h"
#include "common/lang/ast/query.h"
#include "common/lang/match.h"
#include "common/lang/token.h"
#include <errno.h>
#include <stdio.h>

/* 2024-05-01T09:46:29.123456789Z */
#define NOW_NS INT64_C(1714556789123456789)

struct table {
	const char *path;
	struct span text;
	int line; /* of the case's query */
	struct span query_text;
	struct query *query; /* NULL: refused with `err` */
	struct err err;
	struct query *printed; /* the query again, from its canonical text */
	struct buf canonical;
	struct arena arena;
	size_t cases;
};

#define FAIL(table, ...)                                                                           \
	do {                                                                                       \
		print_error("%s:%d: %.*s\n", (table)->path, (table)->line,                         \
			    SPAN_FMT((table)->query_text));                                        \
		print_error(__VA_ARGS__);                                                          \
		fail();                                                                            \
	} while (0)

static struct span record_row_text(const struct row_view *row, struct span name)
{
	return record_text(row->ctx, name);
}

static bool record_row_field(const struct row_view *row, size_t i, struct span *ret_name,
			     struct span *ret_text)
{
	const struct record *record = row->ctx;

	if (i >= record->nfields)
		return false;
	*ret_name = record->fields[i].key;
	*ret_text = record->fields[i].text;
	return true;
}

static void end_case(struct table *table)
{
	query_free(table->query);
	query_free(table->printed);
	table->query = table->printed = NULL;
}

static void begin_case(struct table *table, struct span text)
{
	struct err err = {0};

	end_case(table);
	table->cases++;
	table->query_text = text;
	table->err = (struct err){0};
	if (query_parse(text, NOW_NS, NULL, &table->query, &table->err) < 0) {
		table->query = NULL;
		return;
	}
	buf_reset(&table->canonical);
	query_print(table->query, &table->canonical);
	if (query_parse(buf_span(&table->canonical), NOW_NS, NULL, &table->printed, &err) < 0)
		FAIL(table, "printed as %s, which is refused: %s\n", buf_cstr(&table->canonical),
		     err.text);
}

/* What the store would prune by must be in a text that matches. */
static void check_tokens(struct table *table, const struct filter *leaf, struct span text)
{
	uint64_t tokens[64];
	size_t n = filter_required_tokens(leaf, tokens, 64);

	for (size_t i = 0; i < n; i++) {
		struct span rest = text, word;
		bool found = false;

		while (!found && token_next(&rest, &word))
			found = token_hash(word) == tokens[i];
		if (!found)
			FAIL(table, "would be pruned though it matches: %.*s\n", SPAN_FMT(text));
	}
}

struct leaf_check {
	struct table *table;
	const struct record *record;
};

static int check_leaf(void *ctx, struct filter *leaf)
{
	struct table *table = ((struct leaf_check *)ctx)->table;
	struct span text = record_text(((struct leaf_check *)ctx)->record, leaf->field);
	bool matches;

	if (filter_class(leaf) != FILTER_ON_TEXT || leaf->wild)
		return 0;
	matches = filter_match_text(leaf, text);
	if (text.len == 0)
		assert_int_equal(matches, filter_matches_empty(leaf));
	if (matches)
		check_tokens(table, leaf, text);
	return 0;
}

static void check_row(struct table *table, struct span json, bool expected)
{
	struct record record;
	struct row_view row = {record_row_text, record_row_field, NULL, &record};
	size_t at;

	if (!table->query)
		FAIL(table, "refused: %s\n", table->err.text);
	arena_reset(&table->arena);
	record_init(&record, &table->arena, json);
	if (json_scan_record(json, &record, &at) < 0)
		FAIL(table, "the row is no JSON: %.*s\n", SPAN_FMT(json));
	if (filter_match_row(table->query->filter, &row) != expected)
		FAIL(table, "%s %.*s\n", expected ? "doesn't match" : "matches", SPAN_FMT(json));
	if (filter_match_row(table->printed->filter, &row) != expected)
		FAIL(table, "as %s %s %.*s\n", buf_cstr(&table->canonical),
		     expected ? "doesn't match" : "matches", SPAN_FMT(json));
	filter_walk(table->query->filter, check_leaf, &(struct leaf_check){table, &record});
}

static void check_printed(struct table *table, struct span expected)
{
	if (!table->query)
		FAIL(table, "refused: %s\n", table->err.text);
	if (!span_eq(buf_span(&table->canonical), expected))
		FAIL(table, "prints as %s\n", buf_cstr(&table->canonical));
}

static void check_error(struct table *table, struct span expected)
{
	struct span offset = {0}, text;
	char number[24];

	if (table->query)
		FAIL(table, "is not refused, but parsed as %s\n", buf_cstr(&table->canonical));
	assert_true(span_cut(&expected, ' ', &offset));
	text = expected;
	snprintf(number, sizeof(number), "%zu", table->err.offset);
	if (!span_eq(offset, span_cstr(number)) || span_find(span_cstr(table->err.text), text) < 0)
		FAIL(table, "says at byte %zu: %s\n", table->err.offset, table->err.text);
}

static void run_line(struct table *table, struct span line)
{
	struct span rest = span_skip(line, 2);

	switch (line.len ? line.ptr[0] : '#') {
	case '?':
		begin_case(table, rest);
		break;
	case '+':
	case '-':
		check_row(table, rest, line.ptr[0] == '+');
		break;
	case '=':
		check_printed(table, rest);
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
	struct buf text = BUF_INIT(1 << 20);
	struct table table = {.path = *state, .canonical = BUF_INIT(1 << 20)};
	struct span rest, line;
	struct err err;

	if (io_read_file(table.path, &text, &err) < 0)
		fail_msg("%s", err.text);
	arena_init(&table.arena, 1 << 20);
	rest = buf_span(&text);
	for (int n = 1; span_cut(&rest, '\n', &line); n++) {
		if (line.len && line.ptr[0] == '?')
			table.line = n;
		run_line(&table, line);
	}
	assert_true(table.cases > 5);
	end_case(&table);
	arena_release(&table.arena);
	buf_release(&table.canonical);
	buf_release(&text);
}

#define TABLE(name)                                                                                \
	cmocka_unit_test_prestate(test_table, (char *)(uintptr_t) "tests/cases/lang/" name ".txt")

int main(void)
{
	struct CMUnitTest tests[] = {
		TABLE("words"), TABLE("exact"),   TABLE("regex"),  TABLE("range"), TABLE("time"),
		TABLE("logic"), TABLE("pattern"), TABLE("errors"), TABLE("print"), TABLE("syntax"),
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i].name = strrchr(tests[i].initial_state, '/') + 1;
	return cmocka_run_group_tests_name("lang_cases", tests, NULL, NULL);
}
