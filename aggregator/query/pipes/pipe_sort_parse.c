/* The texts of sort, first and last. */
#include "aggregator/query/pipes/pipe_sort.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/lang/words.h"

#define SORT_FIELDS_MAX 256

static int parse_field(struct lex *lex, struct order_field *ret)
{
	int r = lex_parse_field(lex, &ret->name);

	if (r < 0)
		return r;
	if (lex_accept(lex, "desc"))
		ret->desc = true;
	else
		lex_accept(lex, "asc");
	return 0;
}

/* (a, b desc,)   the lexer stands on the parenthesis */
static int parse_fields(struct lex *lex, struct pipe_sort *sort)
{
	int r = lex_expect(lex, "(", "before the fields to sort by");
	struct order_field *fields = ARENA_ARRAY(lex->arena, struct order_field, SORT_FIELDS_MAX);

	if (r < 0)
		return r;
	if (!fields)
		return pipe_no_memory(lex);
	sort->fields = fields;
	while (!lex_is(lex, ")")) {
		if (sort->nfields == SORT_FIELDS_MAX)
			return lex_error(lex, "at most %d fields to sort by", SORT_FIELDS_MAX);
		r = parse_field(lex, &fields[sort->nfields]);
		if (r < 0)
			return r;
		sort->nfields++;
		if (!lex_accept(lex, ",") && !lex_is(lex, ")"))
			return lex_error(lex, "expected `,` or `)` after the field");
	}
	lex_next(lex);
	return 0;
}

static int parse_by(struct lex *lex, struct pipe_sort *sort)
{
	bool by = lex_accept(lex, "by");

	return by || lex_is(lex, "(") ? parse_fields(lex, sort) : 0;
}

static int parse_partition(struct lex *lex, struct pipe_sort *sort)
{
	if (sort->partition.len)
		return lex_error(lex, "`partition by` was given before");
	lex_accept(lex, "by");
	return lex_parse_fields_in_parens(lex, &sort->partition);
}

static int parse_count(struct lex *lex, const char *what, uint64_t *ret)
{
	if (*ret)
		return lex_error(lex, "`%s` was given before", what);
	return lex_parse_u64(lex, what, ret);
}

static struct pipe_sort *sort_new(struct lex *lex, const struct pipe_ops *ops, const char *name)
{
	struct pipe_sort *sort = PIPE_NEW(lex, struct pipe_sort, ops);

	if (sort)
		sort->name = name;
	return sort;
}

static int parse_options(struct lex *lex, struct pipe_sort *sort)
{
	int r = 0;

	while (r >= 0) {
		if (lex_accept(lex, "offset")) {
			r = parse_count(lex, "offset", &sort->offset);
		} else if (lex_accept(lex, "limit")) {
			r = parse_count(lex, "limit", &sort->limit);
			sort->has_limit = sort->limit > 0;
		} else if (lex_accept(lex, "rank")) {
			r = pipe_parse_rank(lex, &sort->rank);
		} else if (lex_accept(lex, "partition")) {
			r = parse_partition(lex, sort);
		} else {
			break;
		}
	}
	if (r >= 0 && sort->partition.len && !sort->has_limit)
		return lex_error(lex, "`partition by` needs a `limit`");
	return r;
}

int sort_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_sort *sort = sort_new(lex, &pipe_sort_ops, "sort");
	int r;

	if (!sort)
		return pipe_no_memory(lex);
	*ret = &sort->pipe;
	r = parse_by(lex, sort);
	if (r < 0)
		return r;
	if (lex_accept(lex, "desc"))
		sort->desc = true;
	else
		lex_accept(lex, "asc");
	return parse_options(lex, sort);
}

/* [N] [by (fields)] [partition by (fields)] [rank [as name]] */
static int parse_first(struct lex *lex, struct pipe_sort *sort)
{
	int r = 0;

	sort->limit = 1;
	sort->has_limit = true;
	if (!lex_at_pipe_end(lex) && !lex_is_any(lex, "by ( partition rank"))
		r = pipe_parse_above_zero(lex, "a number of rows", &sort->limit);
	if (r >= 0)
		r = parse_by(lex, sort);
	while (r >= 0) {
		if (lex_accept(lex, "rank"))
			r = pipe_parse_rank(lex, &sort->rank);
		else if (lex_accept(lex, "partition"))
			r = parse_partition(lex, sort);
		else
			break;
	}
	return r;
}

int first_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_sort *sort = sort_new(lex, &pipe_first_ops, "first");

	if (!sort)
		return pipe_no_memory(lex);
	*ret = &sort->pipe;
	return parse_first(lex, sort);
}

int last_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_sort *sort = sort_new(lex, &pipe_last_ops, "last");

	if (!sort)
		return pipe_no_memory(lex);
	*ret = &sort->pipe;
	sort->desc = true;
	return parse_first(lex, sort);
}

static void print_by(const struct pipe_sort *sort, struct buf *out)
{
	if (!sort->nfields)
		return;
	buf_puts(out, SPAN(" by ("));
	for (size_t i = 0; i < sort->nfields; i++) {
		buf_puts(out, i ? SPAN(", ") : SPAN(""));
		text_print(out, sort->fields[i].name);
		buf_puts(out, sort->fields[i].desc ? SPAN(" desc") : SPAN(""));
	}
	buf_putc(out, ')');
}

static void print_options(const struct pipe_sort *sort, struct buf *out)
{
	pipe_print_by("partition by", &sort->partition, out);
	if (sort->rank.ptr) {
		buf_puts(out, SPAN(" rank as "));
		text_print(out, sort->rank);
	}
}

void sort_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_sort *sort = (const struct pipe_sort *)pipe;

	buf_puts(out, SPAN("sort"));
	print_by(sort, out);
	buf_puts(out, sort->desc ? SPAN(" desc") : SPAN(""));
	if (sort->offset) {
		buf_puts(out, SPAN(" offset "));
		buf_put_u64(out, sort->offset);
	}
	if (sort->has_limit) {
		buf_puts(out, SPAN(" limit "));
		buf_put_u64(out, sort->limit);
	}
	print_options(sort, out);
}

void first_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_sort *sort = (const struct pipe_sort *)pipe;

	buf_printf(out, "%s ", sort->name);
	buf_put_u64(out, sort->limit);
	print_by(sort, out);
	print_options(sort, out);
}
