/* pipe_collapse_nums.c - collapse_nums [if (…)] [at field] [prettify] */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/update.h"
#include "aggregator/query/text/collapse.h"
#include <errno.h>

struct pipe_collapse_nums {
	struct pipe_update update;
	bool prettify;
};

static int collapse_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_collapse_nums *pipe =
		PIPE_NEW(lex, struct pipe_collapse_nums, &pipe_collapse_nums_ops);

	if (!pipe)
		return -ENOMEM;
	int r = pipe_parse_if(lex, &pipe->update.condition);

	if (r >= 0)
		r = update_parse_at(lex, &pipe->update);
	if (r < 0)
		return r;
	pipe->prettify = lex_accept(lex, "prettify");
	*ret = &pipe->update.pipe;
	return 0;
}

static void collapse_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_collapse_nums *c = (const struct pipe_collapse_nums *)pipe;

	buf_puts(out, SPAN("collapse_nums"));
	pipe_print_if(c->update.condition, out);
	update_print_at(&c->update, SPAN("_msg"), out);
	if (c->prettify)
		buf_puts(out, SPAN(" prettify"));
}

static int collapse(const struct pipe_update *pipe, struct span text, struct buf *out)
{
	size_t from = out->len;

	text_collapse_nums(text, out);
	if (((const struct pipe_collapse_nums *)pipe)->prettify && !out->failed)
		text_prettify_nums(out, from);
	return 0;
}

static int collapse_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return update_push(stage, worker, rows, collapse);
}

const struct pipe_ops pipe_collapse_nums_ops = {
	.names = "collapse_nums",
	.streams = true,
	.parse = collapse_parse,
	.print = collapse_print,
	.needs = update_needs,
	.filters = update_filters,
	.push = collapse_push,
};
