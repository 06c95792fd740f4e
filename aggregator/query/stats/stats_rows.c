/*
 * stats_rows.c - functions whose answer comes out of one row.
 *
 *	any(x)                 some value of x
 *	field_min(src, x)      x of the row with the smallest src; field_max()
 *	row_any(x, …)          fields of some row, as JSON
 *	row_min(src, x, …)     fields of the row with the smallest src; row_max()
 */
#include "aggregator/query/stats/stats_common.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/lang/number.h"
#include "common/lang/words.h"
#include <errno.h>

struct row_func {
	struct stats_of_fields of; /* fields of the answer */
	struct span source;        /* what is compared; empty for any */
	int sign;                  /* -1 smallest, 1 largest, 0 any */
	bool json;                 /* the answer is the row as JSON, not one value */
};

struct held {
	struct span source, answer;
	bool has;
};

static bool is_single(const struct stats_func *func)
{
	return !((const struct row_func *)func)->json;
}

/* The list's first field is the source; what is left are the fields, `*` if none. */
static int take_source(struct lex *lex, size_t pos, struct row_func *func)
{
	struct span_list *fields = &func->of.fields;

	func->source = fields->ptr[0];
	if (field_filter_is_wild(func->source))
		return lex_error_at(lex, pos,
				    "the first field of %.*s() is compared, so it must be "
				    "one name, not `%.*s`",
				    (int)strcspn(func->of.func.ops->names, " "),
				    func->of.func.ops->names, SPAN_FMT(func->source));
	if (fields->len == 1) {
		fields->ptr[0] = SPAN("*");
	} else {
		fields->ptr++;
		fields->len--;
	}
	return 0;
}

static int parse(struct lex *lex, const struct stats_func_ops *ops, int sign, bool json,
		 struct stats_func **ret)
{
	unsigned flags = (sign || !json ? STATS_SOME : 0) | (json ? 0 : STATS_NAMES_ONLY);
	struct row_func *func;
	size_t pos = lex->pos;
	size_t wanted = sign ? 2 : 1;
	int r = stats_parse_fields(lex, ops, flags, sizeof *func, (struct stats_of_fields **)&func);

	if (r < 0)
		return r;
	func->sign = sign;
	func->json = json;
	if (!json && func->of.fields.len != wanted)
		return lex_error_at(lex, pos, "%s() takes %s", ops->names,
				    sign ? "two fields: what is compared, and what is wanted"
					 : "one field");
	if (sign)
		r = take_source(lex, pos, func);
	*ret = &func->of.func;
	return r;
}

#define PARSE(name, sign, json)                                                                    \
	static int name##_parse(struct lex *lex, struct stats_func **ret)                          \
	{                                                                                          \
		return parse(lex, &stats_##name##_ops, sign, json, ret);                           \
	}
PARSE(any, 0, false)
PARSE(field_min, -1, false)
PARSE(field_max, 1, false)
PARSE(row_any, 0, true)
PARSE(row_min, -1, true)
PARSE(row_max, 1, true)

static void print(const struct stats_func *func, struct buf *out)
{
	const struct row_func *f = (const struct row_func *)func;

	if (!f->sign) {
		stats_print_fields(func, out);
		return;
	}
	buf_puts(out, span_cstr(func->ops->names));
	buf_putc(out, '(');
	text_print(out, f->source);
	if (!stats_all_fields(&f->of.fields)) {
		buf_puts(out, SPAN(", "));
		pipe_print_fields(&f->of.fields, out);
	}
	buf_putc(out, ')');
}

static void needs(const struct stats_func *func, struct field_set *set)
{
	const struct row_func *f = (const struct row_func *)func;

	if (f->sign)
		field_set_add(set, f->source);
	stats_needs_fields(func, set);
}

/* Whether a row with this source takes the place of the one that is held. */
static bool beats(const struct row_func *f, const struct held *held, struct span source)
{
	if (!f->sign)
		return !held->has;
	if (source.len == 0)
		return false;
	return !held->has || lang_compare(source, held->source) * f->sign > 0;
}

static int take_row(const struct stats_batch *batch, const struct row_func *f, struct held *held,
		    const struct span *names, size_t n, uint32_t row, struct span source)
{
	struct span answer = n ? rows_text(batch->rows, names[0], row) : SPAN("");
	int r = stats_keep(batch, source, &held->source);

	/* any() wants a value, so an empty one does not count. */
	if (!f->sign && !f->json && answer.len == 0)
		return 0;
	held->has = true;
	if (r >= 0 && f->json)
		r = stats_row_json(batch->rows, names, n, row, batch->arena, &held->answer);
	else if (r >= 0)
		r = stats_keep(batch, answer, &held->answer);
	return r;
}

static int update(const struct stats_func *func, const struct stats_batch *batch)
{
	const struct row_func *f = (const struct row_func *)func;
	const struct span *sources = f->sign ? rows_texts(batch->rows, f->source) : NULL;
	struct span *names;
	size_t n;
	uint32_t row;
	int r = stats_columns(batch->rows, &f->of.fields, &names, &n);

	if (r < 0)
		return r;
	stats_each_row (batch, row) {
		struct span source = sources ? sources[row] : SPAN("");
		struct held *held = stats_state(batch, row);

		if (!beats(f, held, source))
			continue;
		r = take_row(batch, f, held, names, n, row, source);
		if (r < 0)
			break;
	}
	return r;
}

static int merge(const struct stats_func *func, struct stage *stage, struct arena *arena, void *to,
		 void *from)
{
	const struct held *held = from;

	(void)stage;
	if (!held->has || !beats((const struct row_func *)func, to, held->source))
		return 0;
	*(struct held *)to =
		(struct held){arena_dup(arena, held->source), arena_dup(arena, held->answer), true};
	return arena->overflowed ? -ENOMEM : 0;
}

static int result(const struct stats_func *func, const struct stats_env *env, void *state,
		  struct buf *out)
{
	const struct held *held = state;

	(void)env;
	buf_puts(out, held->has || is_single(func) ? held->answer : SPAN("{}"));
	return 0;
}

#define ROW_FUNC(name)                                                                             \
	const struct stats_func_ops stats_##name##_ops = {                                         \
		.names = #name,                                                                    \
		.state_size = sizeof(struct held),                                                 \
		.parse = name##_parse,                                                             \
		.print = print,                                                                    \
		.needs = needs,                                                                    \
		.update = update,                                                                  \
		.merge = merge,                                                                    \
		.result = result,                                                                  \
	}
ROW_FUNC(any);
ROW_FUNC(field_min);
ROW_FUNC(field_max);
ROW_FUNC(row_any);
ROW_FUNC(row_min);
ROW_FUNC(row_max);
