/*
 * blocks_count: how many blocks had rows that matched.
 * block_stats: how each column of each of them is stored.
 */
#include "aggregator/query/pipes/pipes.h"
#include "common/lang/words.h"
#include <errno.h>
#include <stdlib.h>

struct pipe_blocks {
	struct pipe pipe;
	struct span as;
};

struct blocks_state {
	atomic_uint_fast64_t n;
};

static int blocks_count_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_blocks *blocks = PIPE_NEW(lex, struct pipe_blocks, &pipe_blocks_count_ops);

	if (!blocks)
		return pipe_no_memory(lex);
	*ret = &blocks->pipe;
	blocks->as = SPAN("blocks_count");
	return lex_at_pipe_end(lex) ? 0 : pipe_parse_as(lex, &blocks->as);
}

static void blocks_count_print(const struct pipe *pipe, struct buf *out)
{
	const struct pipe_blocks *blocks = (const struct pipe_blocks *)pipe;

	buf_puts(out, SPAN("blocks_count"));
	if (!span_eq(blocks->as, SPAN("blocks_count"))) {
		buf_puts(out, SPAN(" as "));
		text_print(out, blocks->as);
	}
}

static void blocks_count_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_reset(set, false);
}

static int blocks_count_open(struct stage *stage)
{
	stage->state = calloc(1, sizeof(struct blocks_state));
	return stage->state ? 0 : stage_fail(stage, -ENOMEM, "out of memory");
}

static int blocks_count_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	(void)worker;
	(void)rows;
	atomic_fetch_add(&((struct blocks_state *)stage->state)->n, 1);
	return 0;
}

static int blocks_count_finish(struct stage *stage)
{
	const struct pipe_blocks *blocks = stage_pipe(stage);
	int64_t n = (int64_t)atomic_load(&((struct blocks_state *)stage->state)->n);
	struct arena *arena = stage_rows_arena(stage, 0);
	struct rows rows;
	int r;

	arena_reset(arena);
	rows_init(&rows, arena, 1);
	r = rows_set_ints(&rows, blocks->as, &n);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

const struct pipe_ops pipe_blocks_count_ops = {
	.names = "blocks_count",
	.lists = true,
	.whole = true,
	.parse = blocks_count_parse,
	.print = blocks_count_print,
	.needs = blocks_count_needs,
	.open = blocks_count_open,
	.push = blocks_count_push,
	.finish = blocks_count_finish,
};

static int block_stats_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe_blocks *blocks = PIPE_NEW(lex, struct pipe_blocks, &pipe_block_stats_ops);

	if (!blocks)
		return pipe_no_memory(lex);
	*ret = &blocks->pipe;
	return 0;
}

static void block_stats_print(const struct pipe *pipe, struct buf *out)
{
	(void)pipe;
	buf_puts(out, SPAN("block_stats"));
}

static void block_stats_needs(const struct pipe *pipe, struct field_set *set)
{
	(void)pipe;
	field_set_reset(set, true);
}

struct block_line {
	struct span type;
	int64_t rows, values_bytes, dict_bytes, dict_items;
};

static struct block_line describe(const struct column *column)
{
	static const char *const types[] = {
		[COLUMN_CONST] = "const", [COLUMN_DICT] = "dict",   [COLUMN_INT] = "int",
		[COLUMN_TIME] = "time",   [COLUMN_TEXT] = "string",
	};
	struct block_line line = {.type = span_cstr(types[column->kind]), .rows = column->nrows};

	switch (column->kind) {
	case COLUMN_CONST:
		line.values_bytes = (int64_t)column->value.len;
		break;
	case COLUMN_DICT:
		line.values_bytes = column->nrows;
		line.dict_items = column->ndict;
		for (uint32_t i = 0; i < column->ndict; i++)
			line.dict_bytes += (int64_t)column->dict[i].len;
		break;
	case COLUMN_INT:
	case COLUMN_TIME:
		line.values_bytes = (int64_t)column->nrows * 8;
		break;
	case COLUMN_TEXT:
		for (uint32_t i = 0; i < column->nrows; i++)
			line.values_bytes += (int64_t)column->texts[i].len;
		break;
	}
	return line;
}

static int block_stats_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	const struct span *names;
	struct span *types;
	int64_t *ints[4];
	struct rows out;
	size_t n;
	int r = rows_names(rows, &names, &n);

	if (r < 0)
		return r;
	rows_init(&out, rows->arena, (uint32_t)n);
	types = ARENA_ARRAY(rows->arena, struct span, n + 1);
	for (size_t k = 0; k < 4; k++)
		ints[k] = ARENA_ARRAY(rows->arena, int64_t, n + 1);
	if (rows->arena->overflowed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct block_line line = describe(rows_column(rows, names[i]));

		types[i] = line.type;
		ints[0][i] = line.rows;
		ints[1][i] = line.values_bytes;
		ints[2][i] = line.dict_bytes;
		ints[3][i] = line.dict_items;
	}
	r = rows_set_texts(&out, SPAN("field"), names);
	if (r >= 0)
		r = rows_set_texts(&out, SPAN("type"), types);
	if (r >= 0)
		r = rows_set_ints(&out, SPAN("rows"), ints[0]);
	if (r >= 0)
		r = rows_set_ints(&out, SPAN("values_bytes"), ints[1]);
	if (r >= 0)
		r = rows_set_ints(&out, SPAN("dict_bytes"), ints[2]);
	if (r >= 0)
		r = rows_set_ints(&out, SPAN("dict_items"), ints[3]);
	return r < 0 ? r : stage_push(stage->next, worker, &out);
}

const struct pipe_ops pipe_block_stats_ops = {
	.names = "block_stats",
	.lists = true,
	.whole = true,
	.streams = true,
	.parse = block_stats_parse,
	.print = block_stats_print,
	.needs = block_stats_needs,
	.push = block_stats_push,
};
