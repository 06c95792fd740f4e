/*
 * run.h - one run of one query: the inside of query_execute().
 *
 *	           ┌ worker 0: block ▶ filter ▶ rows ┐
 *	scan ──────┤                                 ├─▶ stages[0] ▶ … ▶ sink
 *	           └ worker 1: block ▶ filter ▶ rows ┘
 *
 * Blocks are filtered at once; with conf.in_order they wait for their turn
 * before the first stage.
 *
 * A sub-query is a run of its own with `parent` set: it shares memory budget,
 * time limit, cancel flag and partial reasons with the outermost run.
 */
#ifndef SLUICE_QUERY_RUN_H
#define SLUICE_QUERY_RUN_H

#include "aggregator/query/query.h"
#include <pthread.h>

/* What reading stored blocks has cost; rows at hand have no stored bytes. */
struct query_cost {
	uint64_t blocks, rows, matched, bytes, values;
	int64_t ns;
};

struct query_worker {
	struct query_run *run;
	unsigned index;
	pthread_t thread;
	struct arena arena;   /* of the rows that are being pushed */
	struct arena scratch; /* of one column of few of them */
	uint64_t rows_scanned, rows_matched, bytes_scanned;
	uint64_t blocks_scanned, blocks_skipped, columns_read, values_read;
	uint64_t skipped_time, skipped_best;
	int64_t read_ns, push_ns;
	struct query_cost stored;
	uint64_t number; /* of the block it has, where blocks go in order */
};

/* What all runs of one query_execute() share. */
struct query_shared {
	const struct query_conf *conf;
	struct query_source *source;
	int64_t start_ns, deadline_ns; /* monotonic; 0 = none */
	struct budget memory;          /* of all that rows need: arenas, groups, kept rows … */
	pthread_mutex_t lock;          /* of what follows and of each run's err */
	struct query_result *result;
};

struct query_run {
	struct query *query;
	struct query_shared *shared;
	struct stage *stages; /* one for each pipe, then the sink */
	size_t nstages;
	struct stage *chooser; /* the stage behind those that only pick */
	bool reads_late;       /* it reads the columns: it is lazy, as are those before it */
	struct query_worker *workers;
	unsigned nworkers;
	struct arena plan;      /* of the field sets */
	struct field_set needs; /* what the first stage reads */
	struct field_set reads; /* and the filter */
	int64_t min_time, max_time;
	bool in_window; /* other rows of its blocks belong to another span of time */
	struct source_scan *scan;
	query_sink_fn *sink;
	void *sink_ctx;
	bool lists;          /* query_lists_fields() */
	size_t values_bytes; /* of its filters' sub-queries, in the query's memory */
	uint64_t rows_out;
	pthread_mutex_t sink_lock;
	/* Where blocks go in order: how many were taken, and whose turn it is. */
	pthread_mutex_t take_lock, turn_lock;
	pthread_cond_t turn_news;
	uint64_t taken, turn;
	atomic_bool stop; /* nobody wants more blocks */
	atomic_int failed;
	struct err err;
};

/* Run `query` with the pipes it has; errors in *reterr. */
int run_query(struct query *query, struct query_shared *shared, unsigned nworkers,
	      query_sink_fn *sink, void *ctx, struct err *reterr);

/* plan.c: which fields and which time; into run->plan. */
int run_plan(struct query_run *run);
/* subquery.c: fill in the values of in(…) and its like. */
int run_subqueries(struct query_run *run, struct err *reterr);

/* How many workers the query has: its own option, the configuration, the default. */
unsigned query_threads(const struct query *query, const struct query_conf *conf);
/* One scan of the source by all workers, from min_time to max_time. */
int run_scan(struct query_run *run);
/* windows.c: the same, span by span where the rows of all don't fit into memory. */
int run_in_order(struct query_run *run);
/* Read the columns that the stages need.  0 or rows->failed. */
int run_read(struct query_run *run, struct rows *rows);

/* 0, -ETIME, -ECANCELED, or what the run failed with. */
int run_stopped(struct query_run *run);
/* Keep the first error. */
int run_fail(struct query_run *run, int code, const char *text);
/* Forget it, with all workers gone: what failed will be tried in another way. */
void run_forgive(struct query_run *run);
/* -ENOMEM: `what` ("pipe `sort`") needs more memory than a query may use. */
int run_no_memory(struct query_run *run, const char *what);
/* Note why the answer is partial; where the query does not allow that, it fails. */
void run_partial(struct query_run *run, const char *why);

#endif
