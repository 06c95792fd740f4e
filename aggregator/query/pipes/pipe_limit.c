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

uint64_t limit_count(const struct pipe *limit)
{
	return ((const struct pipe_limit *)limit)->n;
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

static int cut(struct rows *rows, uint64_t most)
{
	return rows->n > most ? rows_slice(rows, 0, (uint32_t)most) : 0;
}

/*
 * Columns are read for the rows that there is still room for, and rows count
 * only when that went well; another worker may have been faster in between.
 */
static int limit_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_limit *limit = stage_pipe(stage);
	struct limit_state *state = stage->state;
	uint64_t before = atomic_load(&state->taken);
	bool enough;
	int r = before < limit->n ? cut(rows, limit->n - before) : 1;

	if (r == 0)
		r = stage_read(stage, rows);
	if (r != 0)
		return r;
	before = atomic_fetch_add(&state->taken, rows->n);
	enough = before + rows->n >= limit->n;
	r = before < limit->n ? cut(rows, limit->n - before) : 1;
	if (r == 0)
		r = stage_push(stage->next, worker, rows);
	return r == 0 ? enough : r;
}

const struct pipe_ops pipe_limit_ops = {
	.names = "limit head",
	.streams = true,
	.lazy = true,
	.parse = limit_parse,
	.print = limit_print,
	.open = limit_open,
	.push = limit_push,
};
