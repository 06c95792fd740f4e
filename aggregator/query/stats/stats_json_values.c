/*
 * stats_json_values.c - json_values(a, b) sort by (c desc) limit 3: rows as a JSON array.
 */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

struct json_values {
	struct stats_of_fields of;
	struct span_list by; /* fields that order the rows */
	bool *descending;    /* of each */
};

struct json_row {
	struct span json;
	const struct span *keys; /* values of `by` */
};

struct json_rows {
	struct json_row *ptr; /* malloced */
	size_t len, cap;
};

/* (a desc, b)   behind `sort by` */
static int parse_order(struct lex *lex, struct json_values *func)
{
	bool descending[64] = {false};
	int r = lex_expect(lex, "(", "behind `sort by`");

	while (r >= 0 && !lex_is(lex, ")")) {
		struct span field;

		r = lex_parse_field(lex, &field);
		if (r < 0)
			return r;
		if (func->by.len == 64)
			return lex_error(lex, "at most 64 fields order the rows");
		if (lex_accept(lex, "desc"))
			descending[func->by.len] = true;
		else
			lex_accept(lex, "asc");
		r = span_list_push(lex->arena, &func->by, field);
		if (r >= 0 && !lex_is(lex, ")"))
			r = lex_expect(lex, ",", "between fields");
	}
	if (r < 0)
		return r;
	lex_next(lex);
	func->descending = ARENA_ARRAY(lex->arena, bool, func->by.len + 1);
	if (!func->descending)
		return -ENOMEM;
	memcpy(func->descending, descending, func->by.len * sizeof *descending);
	return 0;
}

static int json_values_parse(struct lex *lex, struct stats_func **ret)
{
	struct json_values *func;
	int r = stats_parse_fields(lex, &stats_json_values_ops, 0, sizeof *func,
				   (struct stats_of_fields **)&func);

	if (r >= 0 && lex_is_any(lex, "sort order")) {
		lex_next(lex);
		lex_accept(lex, "by");
		r = parse_order(lex, func);
	}
	if (r >= 0 && lex_accept(lex, "limit"))
		r = lex_parse_u64(lex, "limit", &func->of.limit);
	if (r < 0)
		return r;
	*ret = &func->of.func;
	return 0;
}

static void json_values_print(const struct stats_func *func, struct buf *out)
{
	const struct json_values *f = (const struct json_values *)func;

	buf_puts(out, SPAN("json_values("));
	pipe_print_fields(&f->of.fields, out);
	buf_putc(out, ')');
	for (size_t i = 0; i < f->by.len; i++) {
		buf_puts(out, i ? SPAN(", ") : SPAN(" sort by ("));
		text_print(out, f->by.ptr[i]);
		if (f->descending[i])
			buf_puts(out, SPAN(" desc"));
	}
	if (f->by.len)
		buf_putc(out, ')');
	if (f->of.limit)
		buf_printf(out, " limit %llu", (unsigned long long)f->of.limit);
}

static void json_values_needs(const struct stats_func *func, struct field_set *set)
{
	stats_needs_fields(func, set);
	field_set_add_list(set, &((const struct json_values *)func)->by);
}

static int rows_push(struct stage *stage, struct json_rows *rows, struct json_row row)
{
	int r = stats_reserve(stage, (void **)&rows->ptr, rows->len, &rows->cap, sizeof *rows->ptr);

	if (r < 0)
		return r;
	rows->ptr[rows->len++] = row;
	return 0;
}

static int keep_keys(const struct stats_batch *batch, const struct span_list *by, uint32_t row,
		     const struct span **ret)
{
	struct span *keys = ARENA_ARRAY(batch->arena, struct span, by->len + 1);
	int r = keys ? 0 : -ENOMEM;

	for (size_t i = 0; i < by->len && r >= 0; i++)
		r = stats_keep(batch, rows_text(batch->rows, by->ptr[i], row), &keys[i]);
	*ret = keys;
	return r;
}

static int update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct json_values *f = (const struct json_values *)func;
	struct span *names;
	size_t n;
	uint32_t row;
	int r = stats_columns(batch->rows, &f->of.fields, &names, &n);

	if (r < 0)
		return r;
	stats_each_row (batch, row) {
		struct json_rows *rows = stats_state(batch, row);
		struct json_row kept;

		if (f->of.limit && !f->by.len && rows->len >= f->of.limit)
			continue;
		r = stats_row_json(batch->rows, names, n, row, batch->arena, &kept.json);
		if (r >= 0)
			r = keep_keys(batch, &f->by, row, &kept.keys);
		if (r >= 0)
			r = rows_push(batch->stage, rows, kept);
		if (r < 0)
			break;
	}
	return r;
}

static void release(const struct stats_func *func, void *state)
{
	struct json_rows *rows = state;

	(void)func;
	free(rows->ptr);
	*rows = (struct json_rows){0};
}

static int merge(const struct stats_func *func, struct stage *stage, struct arena *arena, void *to,
		 void *from)
{
	const struct json_values *f = (const struct json_values *)func;
	const struct json_rows *rows = from;
	int r = 0;

	for (size_t i = 0; i < rows->len && r >= 0; i++) {
		struct span *keys = ARENA_ARRAY(arena, struct span, f->by.len + 1);

		for (size_t k = 0; keys && k < f->by.len; k++)
			keys[k] = arena_dup(arena, rows->ptr[i].keys[k]);
		r = rows_push(stage, to,
			      (struct json_row){arena_dup(arena, rows->ptr[i].json), keys});
	}
	stage_uncharge(stage, rows->cap * sizeof *rows->ptr);
	release(func, from);
	return arena->overflowed ? -ENOMEM : r;
}

static int row_cmp(const void *a, const void *b, void *ctx)
{
	const struct json_values *f = ctx;
	const struct json_row *x = a, *y = b;

	for (size_t i = 0; i < f->by.len; i++) {
		int order = lang_compare(x->keys[i], y->keys[i]);

		if (order)
			return f->descending[i] ? -order : order;
	}
	return 0;
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	const struct json_values *f = (const struct json_values *)func;
	struct json_rows *rows = state;
	size_t n = f->of.limit && rows->len > f->of.limit ? f->of.limit : rows->len;
	struct json_values order = *f; /* a context that is not const */
	int r = f->by.len ? stage_sort(env->stage, rows->ptr, rows->len, sizeof *rows->ptr, row_cmp,
				       &order)
			  : 0;

	buf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(out, ',');
		buf_puts(out, rows->ptr[i].json);
	}
	buf_putc(out, ']');
	return r;
}

const struct stats_func_ops stats_json_values_ops = {
	.names = "json_values",
	.state_size = sizeof(struct json_rows),
	.parse = json_values_parse,
	.print = json_values_print,
	.needs = json_values_needs,
	.update = update,
	.merge = merge,
	.result = result,
	.release = release,
};
