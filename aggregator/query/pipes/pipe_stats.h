/*
 * pipe_stats.h - the parsed `stats` pipe.
 *
 *	stats by (_time:5m, host) count() if (level:error) as errors, sum(x) y
 *
 * `f() switch(case (a) as x, case (b) as y, default as z)` is parsed into the
 * three functions that it stands for: if (a), if (!a b), if (!a !b).
 */
#ifndef SLUICE_QUERY_PIPES_PIPE_STATS_H
#define SLUICE_QUERY_PIPES_PIPE_STATS_H

#include "aggregator/query/pipes/bucket.h"
#include "aggregator/query/stats.h"

#define STATS_BY_MAX    128
#define STATS_FUNCS_MAX 256

struct stats_by {
	struct span name;
	struct bucket bucket;
};

struct stats_item {
	struct stats_func *func;
	struct filter *filter; /* if (…); NULL = all rows */
	struct span result;
	size_t offset; /* of its state in a group */
};

struct pipe_stats {
	struct pipe pipe;
	struct stats_by *by;
	size_t nby;
	struct stats_item *items;
	size_t nitems;
	size_t state_size; /* of all items */
};

/* pipe_stats_parse.c */
int stats_parse(struct lex *lex, struct pipe **ret);
void stats_print(const struct pipe *pipe, struct buf *out);

#endif
