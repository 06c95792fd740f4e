/* pipe_generate_sequence.c - generate_sequence N: rows with _msg 0 … N-1 in place of those that come. */
#include "aggregator/query/pipes/pipes.h"
#include <errno.h>

struct pipe_generate_sequence {
	struct pipe pipe;
	uint64_t n;
};

static int sequence_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_generate_sequence *pipe =
		PIPE_NEW(lex, struct pipe_generate_sequence, &pipe_generate_sequence_ops);
	size_t pos = lex->pos;

	if (!pipe)
		return -ENOMEM;
	int r = lex_parse_u64(lex, "how many rows", &pipe->n);

	if (r >= 0 && pipe->n == 0)
		r = lex_error_at(lex, pos, "a sequence has at least one row");
	*ret = &pipe->pipe;
	return r;
}

static void sequence_print(const struct pipe *pipe, struct buf *out)
{
	buf_printf(out, "generate_sequence %llu",
		   (unsigned long long)((const struct pipe_generate_sequence *)pipe)->n);
}

static void sequence_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_reset(set, false);
}

static int sequence_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	(void)stage, (void)worker, (void)rows;
	return 1;
}

static int sequence_finish(struct stage *stage)
{
	uint64_t n = ((const struct pipe_generate_sequence *)stage_pipe(stage))->n;
	struct arena *arena = stage_rows_arena(stage, 0);
	int r = 0;

	for (uint64_t from = 0; from < n && r == 0; from += ROW_BLOCK_MAX) {
		uint32_t here = n - from < ROW_BLOCK_MAX ? (uint32_t)(n - from) : ROW_BLOCK_MAX;
		int64_t *ints = ARENA_ARRAY(arena, int64_t, here);
		struct rows rows;

		for (uint32_t i = 0; ints && i < here; i++)
			ints[i] = (int64_t)(from + i);
		rows_init(&rows, arena, here);
		r = ints ? rows_set_ints(&rows, SPAN("_msg"), ints) : -ENOMEM;
		if (r >= 0)
			r = stage_stopped(stage);
		if (r >= 0)
			r = stage_push(stage->next, 0, &rows);
		arena_reset(arena);
	}
	return r < 0 ? r : 0;
}

const struct pipe_ops pipe_generate_sequence_ops = {
	.names = "generate_sequence",
	.lists = true,
	.parse = sequence_parse,
	.print = sequence_print,
	.needs = sequence_needs,
	.push = sequence_push,
	.finish = sequence_finish,
};
