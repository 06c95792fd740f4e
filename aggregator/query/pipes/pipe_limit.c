/* limit N: the first N rows, whichever they are. */
#include "aggregator/query/pipes/pipes.h"

#include <errno.h>
#include <stdlib.h>

#define LIMIT_DEFAULT 10

struct pipe_limit {
	struct pipe pipe;
	uint64_t n;
};

struct limit_state {
	atomic_uint_fast64_t taken;
};

static int limit_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_limit *limit = PIPE_NEW(lex, struct pipe_limit, &pipe_limit_ops);
	int r = 0;

	if (!limit)
		return pipe_no_memory(lex);
	limit->n = LIMIT_DEFAULT;
	if (!lex_at_pipe_end(lex))
		r = lex_parse_u64(lex, "limit", &limit->n);
	*ret = &limit->pipe;
	return r;
}

static void limit_print(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("limit "));
	buf_put_u64(out, ((const struct pipe_limit *)pipe)->n);
}

static int limit_open(struct stage *stage)
{
	const struct pipe_limit *limit = stage_pipe(stage);

	stage->state = calloc(1, sizeof(struct limit_state));
	if (!stage->state)
		return stage_fail(stage, -ENOMEM, "out of memory");
	return limit->n == 0;
}

static int limit_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_limit *limit = stage_pipe(stage);
	struct limit_state *state = stage->state;
	uint64_t before = atomic_fetch_add(&state->taken, rows->n);
	int r;

	if (before >= limit->n)
		return 1;
	if (limit->n - before > rows->n)
		return stage_push(stage->next, worker, rows);
	r = rows_slice(rows, 0, (uint32_t)(limit->n - before));
	if (r >= 0)
		r = stage_push(stage->next, worker, rows);
	return r < 0 ? r : 1;
}

const struct pipe_ops pipe_limit_ops = {
	.names = "limit head",
	.streams = true,
	.parse = limit_parse,
	.print = limit_print,
	.open = limit_open,
	.push = limit_push,
};
