#include "aggregator/query/graph.h"
#include "aggregator/query/pipes/pipe_sort.h"
#include "aggregator/query/pipes/pipe_stats.h"
#include "aggregator/query/pipes/pipes.h"
#include "common/base/num.h"
#include <errno.h>
#include <stdio.h>

static struct pipe_stats *stats_at(struct query *query, size_t i)
{
	struct pipe *pipe = query->pipes[i];

	return pipe->ops == &pipe_stats_ops ? (struct pipe_stats *)pipe : NULL;
}

static struct pipe_sort *sort_at(struct query *query, size_t i)
{
	struct pipe *pipe = query->pipes[i];
	bool sorts = pipe->ops == &pipe_sort_ops || pipe->ops == &pipe_first_ops ||
		     pipe->ops == &pipe_last_ops;

	return sorts ? (struct pipe_sort *)pipe : NULL;
}

static bool is_time(struct span name)
{
	return span_eq(name, SPAN("_time"));
}

static bool has_time(const struct pipe_stats *stats)
{
	for (size_t i = 0; i < stats->nby; i++)
		if (is_time(stats->by[i].name))
			return true;
	return false;
}

static int add_step(struct query *query, struct pipe_stats *stats, int64_t step_ns)
{
	struct arena *arena = &query->root->arena;
	char text[NUM_TEXT_MAX + 4];

	if (!stats->by)
		stats->by = ARENA_ARRAY(arena, struct stats_by, STATS_BY_MAX);
	if (!stats->by)
		return -ENOMEM;
	if (stats->nby == STATS_BY_MAX)
		return -E2BIG;
	struct stats_by *by = &stats->by[stats->nby++];

	snprintf(text, sizeof(text), "%lldns", (long long)step_ns);
	*by = (struct stats_by){.name = SPAN("_time")};
	by->bucket.unit = BUCKET_STEP;
	by->bucket.step = (double)step_ns;
	by->bucket.step_text = arena_dup(arena, span_cstr(text));
	return by->bucket.step_text.ptr ? 0 : -ENOMEM;
}

/* `sort by (x) | limit N` is one pipe. */
static void join_limit(struct query *query, size_t i, struct pipe_sort *sort)
{
	struct pipe *limit = i + 1 < query->npipes ? query->pipes[i + 1] : NULL;

	if (sort->has_limit || !limit || limit->ops != &pipe_limit_ops || !limit_count(limit))
		return;
	sort->limit = limit_count(limit);
	sort->has_limit = true;
	memmove(&query->pipes[i + 1], &query->pipes[i + 2],
		(query->npipes - i - 2) * sizeof(query->pipes[0]));
	query->npipes--;
}

/* Those of each step, not of all. */
static int part_by_time(struct query *query, size_t from)
{
	for (size_t i = from; i < query->npipes; i++) {
		struct pipe_sort *sort = sort_at(query, i);

		if (!sort)
			continue;
		join_limit(query, i, sort);
		if (!sort->has_limit || sort->partition.len)
			continue;
		if (span_list_push(&query->root->arena, &sort->partition, SPAN("_time")) < 0)
			return -ENOMEM;
	}
	return 0;
}

int graph_of(struct query *query, int64_t step_ns, struct graph *ret, struct err *reterr)
{
	struct pipe_stats *last = NULL;
	size_t behind = 0;
	int r = 0;

	for (size_t i = 0; i < query->npipes && r == 0; i++) {
		struct pipe_stats *stats = stats_at(query, i);

		if (!stats)
			continue;
		if (step_ns && !has_time(stats))
			r = add_step(query, stats, step_ns);
		last = stats;
		behind = i + 1;
	}
	if (!last)
		return err_set(reterr, -EINVAL,
			       "a graph needs a stats pipe, such as | stats by (level) count() n");
	*ret = (struct graph){0};
	for (size_t i = 0; i < last->nby; i++)
		if ((!step_ns || !is_time(last->by[i].name)) && ret->nlabels < GRAPH_LABELS_MAX)
			ret->labels[ret->nlabels++] = last->by[i].name;
	if (r == 0 && step_ns)
		r = part_by_time(query, behind);
	return r < 0 ? err_set(reterr, r, "too many fields to group by") : 0;
}

static bool keeps_time(const struct pipe *pipe)
{
	struct field_set set;
	struct arena arena;
	bool keeps;

	arena_init(&arena, 1 << 20);
	field_set_init(&set, &arena, false);
	field_set_add(&set, SPAN("_time"));
	/* Whoever makes a _time of its own does not read that of before. */
	if (pipe->ops->needs)
		pipe->ops->needs(pipe, &set);
	keeps = field_set_has(&set, SPAN("_time")) && !set.failed;
	arena_release(&arena);
	return keeps;
}

size_t graph_timed_pipes(const struct query *query)
{
	size_t n = 0;

	while (n < query->npipes) {
		const struct pipe *pipe = query->pipes[n];

		if (!pipe->ops->streams || !keeps_time(pipe))
			break;
		n++;
	}
	return n;
}
