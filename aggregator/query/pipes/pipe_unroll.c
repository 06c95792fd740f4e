/*
 * pipe_unroll.c - unroll [if (…)] [by] (a, b): a row for each item of the JSON arrays in a and b.
 */
#include "aggregator/query/pipes/json_array.h"
#include "aggregator/query/pipes/pipes.h"
#include <errno.h>

struct pipe_unroll {
	struct pipe pipe;
	struct filter *condition;
	struct span_list fields;
};

static int unroll_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_unroll *pipe = PIPE_NEW(lex, struct pipe_unroll, &pipe_unroll_ops);

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->condition);

	if (r < 0)
		return r;
	bool by = lex_accept(lex, "by");

	if (by || lex_is(lex, "("))
		r = lex_parse_fields_in_parens(lex, &pipe->fields);
	else
		r = lex_parse_fields(lex, &pipe->fields);
	if (r >= 0 && pipe->fields.len == 0)
		r = lex_error(lex, "unroll needs at least one field");
	*ret = &pipe->pipe;
	return r;
}

static void unroll_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_unroll *u = (const struct pipe_unroll *)pipe;

	buf_puts(out, SPAN("unroll"));
	pipe_print_if(u->condition, out);
	pipe_print_by("by", &u->fields, out);
}

static void unroll_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_unroll *u = (const struct pipe_unroll *)pipe;

	field_set_add_list(set, &u->fields);
	field_set_add_filter(set, u->condition);
}

static int unroll_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	const struct pipe_unroll *u = (const struct pipe_unroll *)pipe;

	return u->condition ? fn(ctx, u->condition) : 0;
}

/* Items of the array; a text that is no array has none. */
static size_t count_items(struct span text)
{
	struct json_array array;
	struct span item;
	bool quoted;
	size_t n = 0;

	if (json_array_init(&array, text))
		while (json_array_next(&array, &item, &quoted))
			n++;
	return array.valid ? n : 0;
}

/* Rows that a row becomes: as many as its longest array has items, at least one. */
static uint32_t unrolled(const struct pipe_unroll *pipe, const struct span **texts, uint32_t row)
{
	size_t max = 1;

	for (size_t f = 0; f < pipe->fields.len; f++) {
		size_t n = count_items(texts[f][row]);

		max = n > max ? n : max;
	}
	return max < ROW_BLOCK_MAX ? (uint32_t)max : ROW_BLOCK_MAX;
}

/* The items of `text` into to[0 … n-1]; behind the last they are empty. */
static void put_items(struct span text, struct arena *arena, struct span *to, uint32_t n)
{
	struct json_array array;
	struct span item;
	bool quoted;
	uint32_t i = 0;

	if (count_items(text) && json_array_init(&array, text))
		while (i < n && json_array_next(&array, &item, &quoted))
			to[i++] = json_array_text(arena, item, quoted);
	while (i < n)
		to[i++] = SPAN("");
}

/* What a run of rows becomes. */
struct unroll_plan {
	const struct span **texts; /* of each field, before */
	const uint64_t *bits;
	uint32_t *at;    /* row that each new row comes from */
	uint32_t *first; /* first new row of each row of the run */
};

/* Rows from `from` on that fit into one block; their number is returned. */
static uint32_t plan_run(const struct pipe_unroll *pipe, struct unroll_plan *plan, uint32_t from,
			 uint32_t end, uint32_t *ret_n)
{
	uint32_t row = from, n = 0;

	for (; row < end; row++) {
		bool in = !plan->bits || bit_get(plan->bits, row);
		uint32_t more = in ? unrolled(pipe, plan->texts, row) : 1;

		if (n + more > ROW_BLOCK_MAX)
			break;
		plan->first[row - from] = n;
		for (uint32_t i = 0; i < more; i++)
			plan->at[n++] = row;
	}
	plan->first[row - from] = n;
	*ret_n = n;
	return row - from;
}

static int set_fields(const struct pipe_unroll *pipe, const struct unroll_plan *plan,
		      struct rows *out, uint32_t from, uint32_t run)
{
	for (size_t f = 0; f < pipe->fields.len; f++) {
		struct span *to = ARENA_ARRAY(out->arena, struct span, (size_t)out->n + 1);

		if (!to)
			return -ENOMEM;
		for (uint32_t i = 0; i < run; i++) {
			uint32_t first = plan->first[i], n = plan->first[i + 1] - first;

			if (plan->bits && !bit_get(plan->bits, from + i))
				to[first] = plan->texts[f][from + i];
			else
				put_items(plan->texts[f][from + i], out->arena, to + first, n);
		}
		int r = rows_set_texts(out, pipe->fields.ptr[f], to);

		if (r < 0)
			return r;
	}
	return out->arena->overflowed ? -ENOMEM : 0;
}

static int unroll_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_unroll *pipe = stage_pipe(stage);
	struct arena *arena = rows->arena;
	struct unroll_plan plan = {
		.texts = ARENA_ARRAY(arena, const struct span *, pipe->fields.len),
		.at = ARENA_ARRAY(arena, uint32_t, ROW_BLOCK_MAX),
		.first = ARENA_ARRAY(arena, uint32_t, (size_t)rows->n + 1),
	};

	if (!plan.texts || !plan.at || !plan.first)
		return -ENOMEM;
	for (size_t f = 0; f < pipe->fields.len; f++)
		plan.texts[f] = rows_texts(rows, pipe->fields.ptr[f]);
	int r = rows_match_if(rows, pipe->condition, &plan.bits);

	for (uint32_t from = 0, run; r == 0 && from < rows->n; from += run) {
		struct rows out;
		uint32_t n;

		run = plan_run(pipe, &plan, from, rows->n, &n);
		r = rows_pick(rows, plan.at, n, arena, &out);
		if (r >= 0)
			r = set_fields(pipe, &plan, &out, from, run);
		if (r >= 0)
			r = stage_push(stage->next, worker, &out);
	}
	return r;
}

const struct pipe_ops pipe_unroll_ops = {
	.names = "unroll",
	.streams = true,
	.parse = unroll_parse,
	.print = unroll_print,
	.needs = unroll_needs,
	.filters = unroll_filters,
	.push = unroll_push,
};
