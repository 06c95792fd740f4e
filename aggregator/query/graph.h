/*
 * graph.h - queries as the source of graphs: the stats pipe of one, or its rows.
 *
 *	level:ERROR | stats by (service) count() n      labels: service
 *	  over time, step 1m: | stats by (service, _time:1m) count() n
 *	… | sort by (n desc) | limit 3
 *	  over time:          | sort by (n desc) limit 3 partition by (_time)
 */
#ifndef SLUICE_QUERY_GRAPH_H
#define SLUICE_QUERY_GRAPH_H

#include "common/lang/ast/query.h"

#define GRAPH_LABELS_MAX 128

struct graph {
	/* What its last stats pipe groups by; over time but _time. */
	struct span labels[GRAPH_LABELS_MAX];
	size_t nlabels;
};

/*
 * With a step (ns; 0 = none) groups are also by that step of _time, unless they are
 * already by one, and the best are the best of each step.  The labels live as long
 * as the query.  -EINVAL, with text: no stats pipe.  -ENOMEM, -E2BIG: too many labels.
 */
int graph_of(struct query *query, int64_t step_ns, struct graph *ret, struct err *reterr);

/*
 * How many of the pipes, from the first on, hand rows on as they come and with their
 * _time: what can be counted over time of `error | fields _msg | limit 5` is `error`.
 */
size_t graph_timed_pipes(const struct query *query);

#endif
