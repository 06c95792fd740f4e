/* offset N: all but the first N rows. */
#include "aggregator/query/pipes/pipes.h"

#include <errno.h>
#include <stdlib.h>

struct pipe_offset {
	struct pipe pipe;
	uint64_t n;
};

struct offset_state {
	atomic_uint_fast64_t seen;
};

static int offset_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_offset *offset = PIPE_NEW(lex, struct pipe_offset, &pipe_offset_ops);

	if (!offset)
		return pipe_no_memory(lex);
	*ret = &offset->pipe;
	return lex_parse_u64(lex, "offset", &offset->n);
}

static void offset_print(const struct pipe *pipe, struct buf *out)
{
	buf_puts(out, SPAN("offset "));
	buf_put_u64(out, ((const struct pipe_offset *)pipe)->n);
}

static int offset_open(struct stage *stage)
{
	stage->state = calloc(1, sizeof(struct offset_state));
	return stage->state ? 0 : stage_fail(stage, -ENOMEM, "out of memory");
}

static int offset_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct pipe_offset *offset = stage_pipe(stage);
	struct offset_state *state = stage->state;
	uint64_t before = atomic_fetch_add(&state->seen, rows->n);
	uint32_t skip;
	int r;

	if (before >= offset->n)
		return stage_push(stage->next, worker, rows);
	if (offset->n - before >= rows->n)
		return 0;
	skip = (uint32_t)(offset->n - before);
	r = rows_slice(rows, skip, rows->n - skip);
	return r < 0 ? r : stage_push(stage->next, worker, rows);
}

const struct pipe_ops pipe_offset_ops = {
	.names = "offset skip",
	.streams = true,
	.parse = offset_parse,
	.print = offset_print,
	.open = offset_open,
	.push = offset_push,
};
