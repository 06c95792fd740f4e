/* union (query): the rows so far, then those of another query. */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/pipes/subrows.h"

#include <errno.h>

struct pipe_union {
	struct pipe pipe;
	struct subrows other;
};

static int union_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_union *pipe = PIPE_NEW(lex, struct pipe_union, &pipe_union_ops);

	if (!pipe)
		return pipe_no_memory(lex);
	*ret = &pipe->pipe;
	return subrows_parse(lex, &pipe->other);
}

static void union_print(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("union "));
	subrows_print(&((const struct pipe_union *)pipe)->other, out);
}

static int union_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	return stage_push(stage->next, worker, rows);
}

static int push_other(void *ctx, struct rows *rows)
{
	return stage_push(((struct stage *)ctx)->next, 0, rows);
}

static int union_finish(struct stage *stage)
{
	const struct pipe_union *pipe = stage_pipe(stage);

	if (atomic_load(&stage->next->full))
		return 0;
	return subrows_run(&pipe->other, stage, push_other, stage);
}

const struct pipe_ops pipe_union_ops = {
	.names = "union",
	.parse = union_parse,
	.print = union_print,
	.push = union_push,
	.finish = union_finish,
};
