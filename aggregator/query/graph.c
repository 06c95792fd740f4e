#include "aggregator/query/graph.h"
#include "aggregator/query/pipes/pipe_stats.h"
#include "aggregator/query/pipes/pipes.h"
#include <errno.h>

static struct pipe_stats *last_stats(struct query *query)
{
	for (size_t i = query->npipes; i--;) {
		struct pipe *pipe = query->pipes[i];

		if (pipe->ops == &pipe_stats_ops)
			return (struct pipe_stats *)pipe;
	}
	return NULL;
}

static int add_step(struct query *query, struct pipe_stats *stats, struct span step,
		    int64_t step_ns)
{
	struct arena *arena = &query->root->arena;

	if (!stats->by)
		stats->by = ARENA_ARRAY(arena, struct stats_by, STATS_BY_MAX);
	if (!stats->by)
		return -ENOMEM;
	if (stats->nby == STATS_BY_MAX)
		return -E2BIG;
	struct stats_by *by = &stats->by[stats->nby++];

	*by = (struct stats_by){.name = SPAN("_time")};
	by->bucket.unit = BUCKET_STEP;
	by->bucket.step = (double)step_ns;
	by->bucket.step_text = arena_dup(arena, step);
	return by->bucket.step_text.ptr ? 0 : -ENOMEM;
}

int graph_of(struct query *query, struct span step, int64_t step_ns, struct graph *ret,
	     struct err *reterr)
{
	struct pipe_stats *stats = last_stats(query);
	bool timed = false;
	int r = 0;

	if (!stats)
		return err_set(reterr, -EINVAL,
			       "a graph needs a stats pipe, such as | stats by (level) count() n");
	*ret = (struct graph){0};
	for (size_t i = 0; i < stats->nby; i++) {
		if (span_eq(stats->by[i].name, SPAN("_time")))
			timed = true;
		else if (ret->nlabels < GRAPH_LABELS_MAX)
			ret->labels[ret->nlabels++] = stats->by[i].name;
	}
	if (step.len && !timed)
		r = add_step(query, stats, step, step_ns);
	return r < 0 ? err_set(reterr, r, "too many fields to group by") : 0;
}
