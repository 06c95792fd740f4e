/* filter …: only rows that match. */
#include "aggregator/query/pipes/pipes.h"

#include <errno.h>

struct pipe_filter {
	struct pipe pipe;
	struct filter *filter;
};

static int filter_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_filter *filter = PIPE_NEW(lex, struct pipe_filter, &pipe_filter_ops);

	/* `filter(a or b)`: no call of a function, whatever the space. */
	lex->space |= lex_is(lex, "(");
	if (!filter)
		return pipe_no_memory(lex);
	*ret = &filter->pipe;
	return lang_parse_filter(lex, &filter->filter);
}

static void filter_print_pipe(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("filter "));
	filter_print(((const struct pipe_filter *)pipe)->filter, out);
}

static void filter_needs(const struct pipe *pipe, struct field_set *set)
{
	field_set_add_filter(set, ((const struct pipe_filter *)pipe)->filter);
}

static int filter_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	return fn(ctx, ((const struct pipe_filter *)pipe)->filter);
}

static int filter_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_filter *filter = stage_pipe(stage);
	uint64_t *bits = ARENA_ARRAY(rows->arena, uint64_t, BITMAP_WORDS(rows->n));
	int r = bits ? rows_match(rows, filter->filter, bits) : -ENOMEM;

	if (r >= 0)
		r = rows_keep(rows, bits);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_filter_ops = {
	.names = "filter where",
	.streams = true,
	.lazy = true,
	.picks = true,
	.parse = filter_parse,
	.print = filter_print_pipe,
	.needs = filter_needs,
	.filters = filter_filters,
	.push = filter_push,
};
