/*
 * fuzz_logsql.c - no query crashes or hangs: parse, print, parse again, match.
 * Once as a condition, without pipes, and once as a query.
 *
 * What parses must print as text that parses and prints the same.  What is
 * refused must say so, at a byte of the query.  Of any of it a completion knows
 * the piece at its end.
 */
#include "aggregator/logq/complete.h"
#include "aggregator/query/pipe.h"
#include "common/base/check.h"
#include "common/base/cleanup.h"
#include "common/lang/ast/query.h"
#include "common/lang/match.h"

#define NOW_NS INT64_C(1714556789123456789)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every field has the query's own text, so that filters have something to find. */
static struct span row_get(const struct row_view *row, struct span name)
{
	(void)name;
	return *(const struct span *)row->ctx;
}

static bool row_at(const struct row_view *row, size_t i, struct span *ret_name,
		   struct span *ret_text)
{
	*ret_name = SPAN("field");
	*ret_text = *(const struct span *)row->ctx;
	return i == 0;
}

static void check_error(struct span text, const struct err *err)
{
	_cleanup_(buf_release) struct buf shown = BUF_INIT(4 << 20);

	CHECK(err->text[0]);
	CHECK(err->offset <= text.len);
	lex_print_error(&shown, text, err, 80);
	lex_print_error(&shown, text, err, 0);
	CHECK(!shown.failed);
}

static void check_printed(const struct query *query, const struct lang_ops *ops)
{
	_cleanup_(buf_release) struct buf once = BUF_INIT(16 << 20), again = BUF_INIT(16 << 20);
	struct query *printed;
	struct err err = {0};

	query_print(query, &once);
	/* Quotes and keywords written out may make it longer than a query can be. */
	if (once.failed || once.len > QUERY_TEXT_MAX)
		return;
	if (query_parse(buf_span(&once), NOW_NS, ops, &printed, &err) < 0) {
		CHECK(err.code == -12 /* -ENOMEM */);
		return;
	}
	query_print(printed, &again);
	CHECK(span_eq(buf_span(&once), buf_span(&again)));
	query_free(printed);
}

static void check_query(struct span text, const struct lang_ops *ops)
{
	struct row_view row = {row_get, row_at, NULL, &text}, empty = row;
	struct span nothing = {0};
	struct query *query;
	struct err err = {0};

	empty.ctx = &nothing;
	if (query_parse(text, NOW_NS, ops, &query, &err) < 0) {
		check_error(text, &err);
		return;
	}
	check_printed(query, ops);
	filter_match_row(query->filter, &row);
	filter_match_row(query->filter, &empty);
	query_free(query);
}

static void check_completion(struct span text)
{
	struct arena arena;

	arena_init(&arena, 4 << 20);
	struct complete_place place = complete_find(text, &arena);

	CHECK(place.piece.len <= text.len);
	CHECK(span_eq(place.piece, span_skip(text, text.len - place.piece.len)));
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size);

	check_query(text, NULL);
	check_query(text, &query_lang_ops);
	check_completion(text);
	return 0;
}
