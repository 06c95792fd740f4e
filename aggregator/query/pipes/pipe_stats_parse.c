/* The text of the stats pipe. */
#include "aggregator/query/pipes/pipe_stats.h"
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/stats/stats_funcs.h"
#include "common/lang/words.h"
#include <errno.h>

#define NAME_MAX_BYTES (64 << 10)

static int parse_by_field(struct lex *lex, struct stats_by *ret)
{
	int r = lex_compound(lex, "field", ":", &ret->name);

	if (r < 0)
		return r;
	if (!ret->name.len)
		ret->name = SPAN("_msg");
	if (lex_is(lex, "*"))
		return lex_error(lex, "expected the name of a field");
	return lex_accept(lex, ":") ? bucket_parse(lex, &ret->bucket) : 0;
}

/* (a, b:1h, c,)   the lexer stands on the parenthesis */
static int parse_by(struct lex *lex, struct pipe_stats *stats)
{
	int r = lex_expect(lex, "(", "before the fields to group by");

	if (r < 0)
		return r;
	stats->by = ARENA_ARRAY(lex->arena, struct stats_by, STATS_BY_MAX);
	if (!stats->by)
		return pipe_no_memory(lex);
	while (!lex_is(lex, ")")) {
		if (stats->nby == STATS_BY_MAX)
			return lex_error(lex, "at most %d fields to group by", STATS_BY_MAX);
		r = parse_by_field(lex, &stats->by[stats->nby]);
		if (r < 0)
			return r;
		stats->nby++;
		if (!lex_accept(lex, ",") && !lex_is(lex, ")"))
			return lex_error(lex, "expected `,` or `)` after the field");
	}
	lex_next(lex);
	return 0;
}

/* `count(*) if (a:b)`: the name of a result that has none. */
static int name_of(struct lex *lex, const struct stats_item *item, struct span *ret)
{
	struct buf text = BUF_INIT(NAME_MAX_BYTES);

	item->func->ops->print(item->func, &text);
	pipe_print_if(item->filter, &text);
	*ret = arena_dup(lex->arena, buf_span(&text));
	buf_release(&text);
	return ret->ptr ? 0 : pipe_no_memory(lex);
}

static int add_item(struct lex *lex, struct pipe_stats *stats, size_t pos, struct stats_item item)
{
	for (size_t i = 0; i < stats->nby; i++)
		if (span_eq(stats->by[i].name, item.result))
			return lex_error_at(lex, pos, "`%.*s` is a field to group by already",
					    SPAN_FMT(item.result));
	for (size_t i = 0; i < stats->nitems; i++)
		if (span_eq(stats->items[i].result, item.result))
			return lex_error_at(lex, pos, "`%.*s` is the name of another result",
					    SPAN_FMT(item.result));
	if (stats->nitems == STATS_FUNCS_MAX)
		return lex_error(lex, "at most %d functions", STATS_FUNCS_MAX);
	item.offset = stats->state_size;
	stats->state_size += (item.func->ops->state_size + 7) & ~(size_t)7;
	stats->items[stats->nitems++] = item;
	return 0;
}

static struct filter *new_filter(struct lex *lex, enum filter_kind kind, struct filter *kid)
{
	struct filter *filter = ARENA_NEW(lex->arena, struct filter);

	if (!filter)
		return NULL;
	filter->kind = kind;
	filter->kids = ARENA_ARRAY(lex->arena, struct filter *, 2);
	if (!filter->kids)
		return NULL;
	filter->kids[0] = kid;
	filter->nkids = 1;
	return filter;
}

/* *rest and not taken: what is left for the cases behind this one. */
static struct filter *without(struct lex *lex, struct filter *rest, struct filter *taken)
{
	struct filter *not = new_filter(lex, FILTER_NOT, taken), *both;

	if (!not || !rest)
		return not ;
	both = new_filter(lex, FILTER_AND, rest);
	if (both)
		both->kids[both->nkids++] = not ;
	return both;
}

static struct filter *both_of(struct lex *lex, struct filter *rest, struct filter *own)
{
	struct filter *both = rest ? new_filter(lex, FILTER_AND, own) : own;

	if (both && rest)
		both->kids[both->nkids++] = rest;
	return both;
}

/* case (filter) as name   or   default as name */
static int parse_case(struct lex *lex, struct pipe_stats *stats, struct stats_func *func,
		      struct filter **rest, struct span *default_name)
{
	struct stats_item item = {.func = func};
	struct filter *own = NULL;
	size_t pos = lex->pos;
	int r;

	if (lex_accept(lex, "default")) {
		if (default_name->ptr)
			return lex_error_at(lex, pos, "`default` was given before");
		return pipe_parse_as(lex, default_name);
	}
	if (!lex_accept(lex, "case"))
		return lex_error(lex, "expected `case (filter) as name` or `default as name`");
	r = lex_expect(lex, "(", "behind `case`");
	if (r >= 0)
		r = lang_parse_filter(lex, &own);
	if (r >= 0)
		r = lex_expect(lex, ")", "behind the filter");
	if (r < 0)
		return r;
	item.filter = both_of(lex, *rest, own);
	*rest = without(lex, *rest, own);
	if (!item.filter || !*rest)
		return pipe_no_memory(lex);
	pos = lex->pos;
	r = pipe_parse_as(lex, &item.result);
	return r < 0 ? r : add_item(lex, stats, pos, item);
}

/* switch(case (a) as x, …, default as z)   the lexer stands behind `switch` */
static int parse_switch(struct lex *lex, struct pipe_stats *stats, struct stats_func *func)
{
	struct filter *rest = NULL;
	struct stats_item item = {.func = func};
	size_t pos = lex->pos, before = stats->nitems;
	int r = lex_expect(lex, "(", "after `switch`");

	while (r >= 0 && !lex_is(lex, ")")) {
		r = parse_case(lex, stats, func, &rest, &item.result);
		if (r >= 0 && !lex_accept(lex, ",") && !lex_is(lex, ")"))
			return lex_error(lex, "expected `,` or `)` after the case");
	}
	if (r < 0)
		return r;
	if (item.result.ptr) {
		item.filter = rest;
		r = add_item(lex, stats, pos, item);
	} else if (stats->nitems == before) {
		return lex_error(lex, "expected `case (filter) as name`");
	}
	lex_next(lex);
	return r;
}

/*
 * A query that ends in `| avg(x) y`, with nothing else to say that this is stats
 * (the word, `by`, another function, `as`, a pipe behind it), reads like a slip for
 * `avg(x, y)` and is refused; `| count() n` can't be meant otherwise.
 */
static bool looks_like_slip(const struct lex *lex, const struct pipe_stats *stats,
			    const struct stats_item *item, bool named)
{
	struct lex ahead = *lex;

	lex_next(&ahead);
	return !named && stats->nitems == 0 && !stats_counts_rows(item->func) &&
	       !lex_is(lex, "as") && span_eq(lex->previous, SPAN(")")) && lex_at_end(&ahead);
}

/* `named`: `stats` or `by` stood in front. */
static int parse_item(struct lex *lex, struct pipe_stats *stats, bool named)
{
	struct stats_item item = {0};
	size_t pos;
	int r = stats_func_parse(lex, &item.func);

	if (r < 0)
		return r;
	if (lex_accept(lex, "switch"))
		return parse_switch(lex, stats, item.func);
	r = pipe_parse_if(lex, &item.filter);
	if (r < 0)
		return r;
	pos = lex->pos;
	if (lex_at_pipe_end(lex) || lex_is(lex, ","))
		r = name_of(lex, &item, &item.result);
	else if (looks_like_slip(lex, stats, &item, named))
		return lex_error(lex,
				 "expected `as` before the result's name (or `stats` in front of "
				 "the function)");
	else
		r = pipe_parse_as(lex, &item.result);
	return r < 0 ? r : add_item(lex, stats, pos, item);
}

int stats_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_stats *stats = PIPE_NEW(lex, struct pipe_stats, &pipe_stats_ops);
	bool named = !span_eq(lex->previous, SPAN("|")) && lex->previous.len;
	bool by = lex_accept(lex, "by") || lex_is(lex, "(");
	int r = 0;

	if (!stats)
		return pipe_no_memory(lex);
	*ret = &stats->pipe;
	stats->items = ARENA_ARRAY(lex->arena, struct stats_item, STATS_FUNCS_MAX);
	if (!stats->items)
		return pipe_no_memory(lex);
	if (by)
		r = parse_by(lex, stats);
	do {
		if (r >= 0)
			r = parse_item(lex, stats, named || by);
	} while (r >= 0 && lex_accept(lex, ","));
	return r;
}

void stats_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_stats *stats = (const struct pipe_stats *)pipe;

	buf_puts(out, stats->nby ? SPAN("stats by (") : SPAN("stats "));
	for (size_t i = 0; i < stats->nby; i++) {
		buf_puts(out, i ? SPAN(", ") : SPAN(""));
		text_print(out, stats->by[i].name);
		bucket_print(&stats->by[i].bucket, out);
	}
	buf_puts(out, stats->nby ? SPAN(") ") : SPAN(""));
	for (size_t i = 0; i < stats->nitems; i++) {
		const struct stats_item *item = &stats->items[i];

		buf_puts(out, i ? SPAN(", ") : SPAN(""));
		item->func->ops->print(item->func, out);
		pipe_print_if(item->filter, out);
		buf_puts(out, SPAN(" as "));
		text_print(out, item->result);
	}
}
