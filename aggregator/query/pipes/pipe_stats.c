/*
 * stats by (…) f(), g(): groups of rows and what functions make of them.
 *
 * A batch of rows is first turned into the group of each row, then each
 * function goes over its column: the loops are over rows, not over functions.
 * Each worker has groups of its own; finish() merges them.
 */
#include "aggregator/query/pipes/pipe_stats.h"

#include "aggregator/query/group.h"
#include "aggregator/query/pipes/pipes.h"
#include "aggregator/query/run.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/lang/number.h"
#include <errno.h>

#define RESULT_MAX (64 << 20)
#define PUSH_ROWS  4096

#define ITEM_FIELDS_MAX (1 << 20)

struct stats_worker {
	bool open;
	struct group_table groups;
};

static int stats_open(struct stage *stage)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	int r = stage_new_states(stage, sizeof(struct stats_worker));

	for (unsigned i = 0; r >= 0 && i < stage_workers(stage); i++) {
		struct stats_worker *worker = stage_state(stage, i);

		group_table_init(&worker->groups, stats->state_size);
		worker->open = true;
	}
	return r;
}

/* The bucket of `_time`, if nothing else of it is asked; else NULL. */
static const struct bucket *only_bucket(const struct pipe_stats *stats)
{
	_cleanup_(arena_release) struct arena arena;
	const struct bucket *bucket = NULL;
	struct field_set items;

	arena_init(&arena, ITEM_FIELDS_MAX);
	field_set_init(&items, &arena, false);
	for (size_t i = 0; i < stats->nitems; i++) {
		stats->items[i].func->ops->needs(stats->items[i].func, &items);
		field_set_add_filter(&items, stats->items[i].filter);
	}
	if (field_set_has(&items, SPAN("_time")))
		return NULL;
	for (size_t i = 0; i < stats->nby; i++) {
		if (!span_eq(stats->by[i].name, SPAN("_time")))
			continue;
		if (bucket || stats->by[i].bucket.unit == BUCKET_NONE)
			return NULL;
		bucket = &stats->by[i].bucket;
	}
	return bucket;
}

/* All rows of a block are often in one bucket of time: then no time is read. */
static int stats_before(struct stage *stage, struct rows *rows)
{
	const struct bucket *bucket;

	if (!rows_is_stored(rows, SPAN("_time")) || !(bucket = only_bucket(stage_pipe(stage))))
		return 0;
	struct span text =
		bucket_range(bucket, rows->block->min_time, rows->block->max_time, rows->arena);

	return text.len ? rows_set_const(rows, SPAN("_time"), text) : 0;
}

/* The columns to group by, values in their buckets. */
static int by_columns(const struct pipe_stats *stats, struct rows *rows, struct column **ret)
{
	struct column *columns = ARENA_ARRAY(rows->arena, struct column, stats->nby);
	int r = columns ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < stats->nby; i++)
		r = bucket_column(&stats->by[i].bucket, rows_listed(rows, stats->by[i].name),
				  rows->arena, &columns[i]);
	*ret = columns;
	return r < 0 ? r : rows->failed;
}

static bool all_const(const struct column *columns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (columns[i].kind != COLUMN_CONST)
			return false;
	return true;
}

static int find_groups(struct stage *stage, struct stats_worker *worker, struct rows *rows,
		       struct stats_batch *batch)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	struct column *columns;
	char **groups;
	int r;

	if (!stats->nby)
		return group_only(&worker->groups, stage, &batch->only);
	r = by_columns(stats, rows, &columns);
	bool one = r >= 0 && all_const(columns, stats->nby);

	if (r >= 0)
		r = group_find(&worker->groups, stage, columns, stats->nby, one ? 1 : rows->n,
			       rows->arena, &groups);
	if (r >= 0 && one)
		batch->only = groups[0];
	else if (r >= 0)
		batch->groups = groups;
	return r;
}

static int update_item(const struct stats_item *item, struct stats_batch batch)
{
	int r = rows_match_if(batch.rows, item->filter, &batch.selected);

	batch.offset = item->offset;
	return r < 0 ? r : item->func->ops->update(item->func, &batch);
}

static int stats_push(struct stage *stage, unsigned number, struct rows *rows)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	struct stats_worker *worker = stage_state(stage, number);
	struct stats_batch batch = {
		.stage = stage, .arena = &worker->groups.arena.arena, .rows = rows};
	int r = find_groups(stage, worker, rows, &batch);

	for (size_t i = 0; r >= 0 && i < stats->nitems; i++)
		r = update_item(&stats->items[i], batch);
	if (r >= 0)
		r = rows->failed;
	return r < 0 ? r : stage_arena_charge(stage, &worker->groups.arena);
}

static int merge_group(void *ctx, char *to, char *from)
{
	struct stage *stage = ctx;
	const struct pipe_stats *stats = stage_pipe(stage);
	struct stats_worker *all = stage_state(stage, 0);
	int r = 0;

	for (size_t i = 0; i < stats->nitems; i++) {
		const struct stats_item *item = &stats->items[i];

		if (r >= 0)
			r = item->func->ops->merge(item->func, stage, &all->groups.arena.arena,
						   to + item->offset, from + item->offset);
		else if (item->func->ops->release)
			item->func->ops->release(item->func, from + item->offset);
	}
	return r;
}

/* The rows of the answer, columns being filled. */
struct answer {
	struct span *columns[STATS_BY_MAX + STATS_FUNCS_MAX];
	uint32_t n;
	struct buf text;
};

static int answer_begin(struct answer *answer, const struct pipe_stats *stats, struct arena *arena)
{
	arena_reset(arena);
	answer->n = 0;
	for (size_t i = 0; i < stats->nby + stats->nitems; i++) {
		answer->columns[i] = ARENA_ARRAY(arena, struct span, PUSH_ROWS);
		if (!answer->columns[i])
			return -ENOMEM;
	}
	return 0;
}

static int answer_push(struct answer *answer, struct stage *stage)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	struct rows rows;
	int r = 0;

	rows_init(&rows, stage_rows_arena(stage, 0), answer->n);
	for (size_t i = 0; r >= 0 && i < stats->nby; i++)
		r = rows_set_texts(&rows, stats->by[i].name, answer->columns[i]);
	for (size_t i = 0; r >= 0 && i < stats->nitems; i++)
		r = rows_set_texts(&rows, stats->items[i].result, answer->columns[stats->nby + i]);
	return r < 0 ? r : stage_push(stage->next, 0, &rows);
}

/* How much time a group stands for: its bucket, or the time range of the query. */
static double seconds_of(struct stage *stage, const struct span *by)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	const struct query_run *run = stage->run;
	int64_t begin;

	for (size_t i = 0; i < stats->nby; i++)
		if (span_eq(stats->by[i].name, SPAN("_time")) && lang_time(by[i], &begin) &&
		    stats->by[i].bucket.unit != BUCKET_NONE)
			return (double)bucket_length(&stats->by[i].bucket, begin) /
			       (double)NS_PER_SEC;
	if (run->min_time == INT64_MIN || run->max_time == INT64_MAX)
		return 0;
	return (double)((uint64_t)run->max_time - (uint64_t)run->min_time + 1) / (double)NS_PER_SEC;
}

static int answer_add(struct answer *answer, struct stage *stage, struct span key, char *group)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	struct arena *arena = stage_rows_arena(stage, 0);
	struct span texts[STATS_BY_MAX];
	int r = 0;

	if (stats->nby)
		group_key_texts(key, stats->nby, texts);
	struct stats_env env = {.stage = stage, .seconds = seconds_of(stage, texts)};

	for (size_t i = 0; i < stats->nby; i++)
		answer->columns[i][answer->n] = texts[i];
	for (size_t i = 0; r >= 0 && i < stats->nitems; i++) {
		const struct stats_item *item = &stats->items[i];
		struct span *result = &answer->columns[stats->nby + i][answer->n];

		buf_reset(&answer->text);
		r = item->func->ops->result(item->func, &env, group + item->offset, &answer->text);
		if (r >= 0 && answer->text.failed)
			r = stage_fail(stage, -ENOMEM, "a result of stats is too large");
		if (r >= 0)
			*result = arena_dup(arena, buf_span(&answer->text));
	}
	answer->n++;
	return arena->overflowed ? stage_fail(stage, -ENOMEM, "no memory for results") : r;
}

static int push_groups(struct stage *stage, struct answer *answer)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	struct stats_worker *all = stage_state(stage, 0);
	struct span key;
	struct group *at = NULL;
	char *group;
	int r = answer_begin(answer, stats, stage_rows_arena(stage, 0));

	while (r == 0 && group_next(&all->groups, &at, &key, &group)) {
		r = answer_add(answer, stage, key, group);
		if (r < 0 || answer->n < PUSH_ROWS)
			continue;
		r = answer_push(answer, stage);
		if (r == 0)
			r = stage_stopped(stage);
		if (r == 0)
			r = answer_begin(answer, stats, stage_rows_arena(stage, 0));
	}
	return r == 0 && answer->n ? answer_push(answer, stage) : r;
}

static int stats_finish(struct stage *stage)
{
	const struct pipe_stats *stats = stage_pipe(stage);
	struct stats_worker *all = stage_state(stage, 0);
	struct answer *answer;
	char *unused;
	int r = 0;

	for (unsigned i = 1; r >= 0 && i < stage_workers(stage); i++) {
		struct stats_worker *worker = stage_state(stage, i);

		r = group_merge(&all->groups, &worker->groups, stage, merge_group, stage);
	}
	/* Without `by` there is an answer about no rows, too. */
	if (r >= 0 && !stats->nby)
		r = group_only(&all->groups, stage, &unused);
	if (r < 0)
		return r;
	answer = calloc(1, sizeof(*answer));
	if (!answer)
		return stage_fail(stage, -ENOMEM, "out of memory");
	answer->text = BUF_INIT(RESULT_MAX);
	r = push_groups(stage, answer);
	buf_release(&answer->text);
	free(answer);
	return r < 0 ? r : 0;
}

static void release_groups(const struct pipe_stats *stats, struct group_table *groups)
{
	struct span key;
	struct group *at = NULL;
	char *group;

	while (group_next(groups, &at, &key, &group))
		for (size_t i = 0; i < stats->nitems; i++) {
			const struct stats_item *item = &stats->items[i];

			if (item->func->ops->release)
				item->func->ops->release(item->func, group + item->offset);
		}
}

/* Groups that finish() moved to worker 0 are no longer in the tables of the others. */
static void stats_close(struct stage *stage)
{
	const struct pipe_stats *stats = stage_pipe(stage);

	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct stats_worker *worker = stage_state(stage, i);

		if (worker->open)
			release_groups(stats, &worker->groups);
	}
	for (unsigned i = 0; stage->state && i < stage_workers(stage); i++) {
		struct stats_worker *worker = stage_state(stage, i);

		if (worker->open)
			group_table_release(&worker->groups);
	}
}

static void stats_needs(const struct pipe *pipe, struct field_set *set)
{
	const struct pipe_stats *stats = (const struct pipe_stats *)pipe;
	struct field_set next = {.arena = set->arena};

	field_set_copy(&next, set);
	field_set_reset(set, false);
	for (size_t i = 0; i < stats->nby; i++)
		field_set_add(set, stats->by[i].name);
	for (size_t i = 0; i < stats->nitems; i++) {
		const struct stats_item *item = &stats->items[i];

		/* It is computed in any case, and cheap where nobody reads it. */
		item->func->ops->needs(item->func, set);
		field_set_add_filter(set, item->filter);
	}
}

static int stats_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx)
{
	const struct pipe_stats *stats = (const struct pipe_stats *)pipe;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < stats->nitems; i++)
		if (stats->items[i].filter)
			r = fn(ctx, stats->items[i].filter);
	return r;
}

const struct pipe_ops pipe_stats_ops = {
	.names = "stats",
	.lists = true,
	.parse = stats_parse,
	.print = stats_print,
	.needs = stats_needs,
	.filters = stats_filters,
	.open = stats_open,
	.before = stats_before,
	.push = stats_push,
	.finish = stats_finish,
	.close = stats_close,
};
