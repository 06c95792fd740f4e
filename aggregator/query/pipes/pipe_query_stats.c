/*
 * query_stats: what reading the index has cost so far, as one row, in the
 * names that VictoriaLogs gives them.  Rows at hand and written rows cost
 * nothing to read: blocks without stored bytes don't count.
 */
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/run.h"

static int query_stats_parse(struct lex *lex, struct pipe **ret)
{
	struct pipe *pipe = ARENA_NEW(lex->arena, struct pipe);

	if (!pipe)
		return pipe_no_memory(lex);
	pipe->ops = &pipe_query_stats_ops;
	*ret = pipe;
	return 0;
}

static void query_stats_print(const struct pipe *pipe, struct buf *out)
{
	(void)pipe;
	buf_puts(out, SPAN("query_stats"));
}

/* The rows are not looked at, but what the query would read without the pipe is read. */
static int query_stats_push(struct stage *stage, unsigned worker, struct rows *rows)
{
	(void)stage;
	(void)worker;
	(void)rows;
	return 0;
}

static struct query_worker sum_of(const struct query_run *run)
{
	struct query_worker sum = {0};

	for (unsigned i = 0; i < run->nworkers; i++) {
		const struct query_cost *cost = &run->workers[i].stored;

		sum.stored.blocks += cost->blocks;
		sum.stored.rows += cost->rows;
		sum.stored.matched += cost->matched;
		sum.stored.bytes += cost->bytes;
		sum.stored.values += cost->values;
		sum.stored.ns += cost->ns;
	}
	return sum;
}

static int query_stats_finish(struct stage *stage)
{
	const struct query_cost cost = sum_of(stage->run).stored;
	const struct {
		struct span name;
		int64_t value;
	} fields[] = {
		{SPAN("BytesReadColumnsHeaders"), 0},
		{SPAN("BytesReadColumnsHeaderIndexes"), 0},
		{SPAN("BytesReadBloomFilters"), 0},
		{SPAN("BytesReadValues"), (int64_t)cost.bytes},
		{SPAN("BytesReadTimestamps"), 0},
		{SPAN("BytesReadBlockHeaders"), 0},
		{SPAN("BytesReadTotal"), (int64_t)cost.bytes},
		{SPAN("BlocksProcessed"), (int64_t)cost.blocks},
		{SPAN("RowsProcessed"), (int64_t)cost.rows},
		{SPAN("RowsFound"), (int64_t)cost.matched},
		{SPAN("ValuesRead"), (int64_t)cost.values},
		{SPAN("TimestampsRead"), 0},
		{SPAN("BytesProcessedUncompressedValues"), (int64_t)cost.bytes},
		{SPAN("QueryDurationNsecs"), cost.ns},
	};
	struct arena *arena = stage_rows_arena(stage, 0);
	struct rows rows;
	int r = 0;

	arena_reset(arena);
	rows_init(&rows, arena, 1);
	for (size_t i = 0; r >= 0 && i < sizeof(fields) / sizeof(*fields); i++)
		r = rows_set_ints(&rows, fields[i].name, &fields[i].value);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

const struct pipe_ops pipe_query_stats_ops = {
	.names = "query_stats",
	.lists = true,
	.parse = query_stats_parse,
	.print = query_stats_print,
	.push = query_stats_push,
	.finish = query_stats_finish,
};
