/*
 * graph.h - the stats pipe of a query as the source of graphs.
 *
 *	level:ERROR | stats by (service) count() n      labels: service
 *	  over time, step 1m: | stats by (service, _time:1m) count() n
 */
#ifndef SLUICE_QUERY_GRAPH_H
#define SLUICE_QUERY_GRAPH_H

#include "common/lang/ast/query.h"

#define GRAPH_LABELS_MAX 128

struct graph {
	struct span labels[GRAPH_LABELS_MAX]; /* what its last stats pipe groups by, but _time */
	size_t nlabels;
};

/*
 * With a `step` ("1m"; `step_ns` long) groups are also by that step of _time, unless
 * they are already by one.  The labels live as long as the query.  -EINVAL, with
 * text: no stats pipe.  -ENOMEM, -E2BIG: too many labels.
 */
int graph_of(struct query *query, struct span step, int64_t step_ns, struct graph *ret,
	     struct err *reterr);

#endif
