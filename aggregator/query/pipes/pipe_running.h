/*
 * pipe_running.h - the parsed running_stats and total_stats.
 *
 *	running_stats by (host) sum(bytes) as so_far, last(level) offset 1 as before
 *	total_stats by (host) count() as of_host
 *
 * Rows are put in order of _time, and each gets the value of the function over
 * the rows of its group up to it (running) or over all of them (total).
 */
#ifndef SLUICE_QUERY_PIPES_PIPE_RUNNING_H
#define SLUICE_QUERY_PIPES_PIPE_RUNNING_H

#include "aggregator/query/pipe.h"
#include "aggregator/query/text/long_sum.h"

#define RUNNING_MAX 64

struct running_func;

/* What a group knows; what of it is used depends on the function. */
struct running_state {
	uint64_t n; /* rows: count() those that count, else all */
	struct long_sum sum;
	struct span value;   /* min max first last */
	struct span *recent; /* last(x) offset N: a ring of N + 1 */
};

struct running_item {
	const struct running_func *func;
	struct span_list fields; /* none = all */
	uint64_t offset;         /* first, last */
	struct span result;
};

struct pipe_running {
	struct pipe pipe;
	bool total;
	struct span_list by;
	struct running_item *items;
	size_t nitems;
};

/* The texts of one row that a function sees. */
struct running_func {
	const char *name;
	bool one_field; /* and `offset N` */
	/* Take in the next row. */
	int (*update)(const struct running_item *item, struct running_state *state,
		      const struct span *texts, size_t n, struct arena *arena);
	struct span (*result)(const struct running_item *item, const struct running_state *state,
			      struct arena *arena);
};

/* running_funcs.c */
const struct running_func *running_func_find(struct span name);
extern const char running_func_names[];

#endif
