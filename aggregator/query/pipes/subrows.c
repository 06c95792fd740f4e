#include "aggregator/query/pipes/subrows.h"

#include "common/data/json_write.h"
#include <errno.h>

#define ROWS_MAX   4096
#define FIELDS_MAX 256

/* A key or a value: anything but a nested object or array. */
static int parse_scalar(struct lex *lex, const char *what, struct span *ret)
{
	if (lex->kind != LEX_WORD && lex->kind != LEX_QUOTED && !lex_is(lex, "-"))
		return lex_error(lex, "expected %s", what);
	return lex_compound(lex, what, ":{}", ret);
}

/* {"a":"b","c":5} */
static int parse_row(struct lex *lex, struct source_row *ret)
{
	struct span *pairs = ARENA_ARRAY(lex->arena, struct span, 2 * FIELDS_MAX);
	int r = lex_expect(lex, "{", "at the start of a row");

	if (!pairs)
		return pipe_no_memory(lex);
	ret->pairs = pairs;
	while (r >= 0 && !lex_is(lex, "}")) {
		if (ret->n == FIELDS_MAX)
			return lex_error(lex, "at most %d fields in a row", FIELDS_MAX);
		if (ret->n)
			r = lex_expect(lex, ",", "between fields");
		if (r >= 0)
			r = parse_scalar(lex, "the name of a field", &pairs[2 * ret->n]);
		if (r >= 0)
			r = lex_expect(lex, ":", "behind the name of the field");
		if (r >= 0)
			r = parse_scalar(lex, "a text or a number", &pairs[2 * ret->n + 1]);
		if (r >= 0)
			ret->n++;
	}
	return r < 0 ? r : lex_expect(lex, "}", "at the end of the row");
}

static int parse_rows(struct lex *lex, struct subrows *ret)
{
	int r = lex_expect(lex, "(", "behind `rows`");

	ret->rows = ARENA_ARRAY(lex->arena, struct source_row, ROWS_MAX);
	if (!ret->rows)
		return pipe_no_memory(lex);
	while (r >= 0 && !lex_is(lex, ")")) {
		if (ret->nrows == ROWS_MAX)
			return lex_error(lex, "at most %d rows", ROWS_MAX);
		if (ret->nrows)
			r = lex_expect(lex, ",", "between rows");
		if (r >= 0)
			r = parse_row(lex, &ret->rows[ret->nrows]);
		if (r >= 0)
			ret->nrows++;
	}
	return r < 0 ? r : lex_expect(lex, ")", "behind the rows");
}

int subrows_parse(struct lex *lex, struct subrows *ret)
{
	*ret = (struct subrows){0};
	return lex_accept(lex, "rows") ? parse_rows(lex, ret)
				       : lang_parse_subquery(lex, &ret->query);
}

void subrows_print(const struct subrows *subrows, struct buf *out)
{
	if (subrows->query) {
		buf_putc(out, '(');
		query_print(subrows->query, out);
		buf_putc(out, ')');
		return;
	}
	buf_puts(out, SPAN("rows("));
	for (size_t i = 0; i < subrows->nrows; i++) {
		const struct source_row *row = &subrows->rows[i];
		bool first = true;

		buf_puts(out, i ? SPAN(", {") : SPAN("{"));
		for (size_t k = 0; k < row->n; k++)
			json_write_field(out, &first, row->pairs[2 * k], VALUE_STRING,
					 row->pairs[2 * k + 1]);
		buf_putc(out, '}');
	}
	buf_putc(out, ')');
}

/* All written rows in one batch; a field that a row lacks is empty. */
static int run_rows(const struct subrows *subrows, struct stage *stage,
		    int (*sink)(void *ctx, struct rows *rows), void *ctx)
{
	struct arena arena;
	struct rows rows;
	int r = 0;

	arena_init(&arena, SIZE_MAX / 4);
	arena.shared = stage_budget(stage);
	rows_init(&rows, &arena, (uint32_t)subrows->nrows);
	for (size_t i = 0; r >= 0 && i < subrows->nrows; i++)
		for (size_t k = 0; r >= 0 && k < subrows->rows[i].n; k++) {
			struct span name = subrows->rows[i].pairs[2 * k];
			const struct column *column = rows_column(&rows, name);
			struct span *texts = NULL;

			if (column->kind == COLUMN_TEXT) {
				texts = (struct span *)(uintptr_t)column->texts;
			} else {
				texts = ARENA_ARRAY(&arena, struct span, subrows->nrows);
				r = texts ? rows_set_texts(&rows, name, texts) : -ENOMEM;
			}
			if (r >= 0)
				texts[i] = subrows->rows[i].pairs[2 * k + 1];
		}
	if (r < 0)
		r = stage_no_memory(stage);
	else if (rows.n)
		r = sink(ctx, &rows);
	arena_release(&arena);
	return r;
}

int subrows_run(const struct subrows *subrows, struct stage *stage,
		int (*sink)(void *ctx, struct rows *rows), void *ctx)
{
	if (!subrows->query)
		return run_rows(subrows, stage, sink, ctx);
	return stage_run_query(stage, subrows->query, sink, ctx);
}
