/*
 * query.h - running a LogsQL query over a source of rows.
 *
 *	source ──row_block──▶ filter ──rows──▶ stage ▶ stage ▶ … ▶ sink callback
 *	  │        (pruned, then column        (pipes)             (one call at a time)
 *	  │         by column to a bitmap)
 *	  └ store snapshot · files and stdin · rows at hand
 *
 * The query itself is common/lang's struct query, parsed with query_lang_ops
 * of pipe.h.  A run takes blocks from the source with `threads` workers, reads
 * only the columns that filter and pipes need, and calls `sink` with what comes
 * out of the last pipe.  Sub-queries run first, over the same source.
 *
 * A block that fails its checksum is left out and `partial` says why; all else
 * that goes wrong ends the run with an error.
 *
 *	struct query *q;
 *	struct query_result res;
 *	if (query_parse(text, clock_real_ns(), &query_lang_ops, &q, &err) < 0) …
 *	r = query_execute(q, &(struct query_conf){.threads = 2}, source, print_rows, out, &res, &err);
 *	if (res.partial) warn(res.partial_why);
 *	query_result_release(&res);
 */
#ifndef SLUICE_QUERY_QUERY_H
#define SLUICE_QUERY_QUERY_H

#include "aggregator/query/pipe.h"
#include "aggregator/query/source.h"

/* How far a run is, for those who wait; written by its workers block by block. */
struct query_progress {
	atomic_ullong rows_scanned, rows_matched;
};

/* Zero = the default. */
struct query_conf {
	unsigned threads;          /* default: 2, at most STAGE_WORKERS_MAX */
	bool in_order;             /* blocks go through the pipes in the source's order */
	uint64_t memory_bytes;     /* of rows, stages and sub-queries together, default 512 MiB */
	int64_t timeout_ns;        /* 0 = none */
	const atomic_bool *cancel; /* set it and the run ends with -ECANCELED */
	bool has_time_range;       /* rows outside [min_time, max_time] don't exist */
	int64_t min_time, max_time;
	struct query_progress *progress; /* NULL: nobody looks */
};

/* What it cost and whether it is all. */
struct query_result {
	uint64_t rows_scanned, rows_matched, rows_out;
	uint64_t bytes_scanned;
	uint64_t blocks_scanned, blocks_skipped;
	/* Of the skipped: outside of the time, no better than the best rows; else by ranges or words. */
	uint64_t skipped_time, skipped_best;
	uint64_t columns_read, values_read;
	uint64_t memory_peak;
	int64_t elapsed_ns, cpu_ns;
	/* Of all workers: filters and reading, pipes; and what came after the last block. */
	int64_t read_ns, push_ns, finish_ns;
	unsigned threads;
	bool partial;
	struct buf partial_why; /* lines */
};
void query_result_release(struct query_result *result);

/*
 * Rows that came out of the last pipe; never called twice at a time, from any
 * thread.  They are the sink's until it returns.  0 go on, 1 enough, negative
 * errno: the run ends with it (-EPIPE: the client is gone).
 */
typedef int query_sink_fn(void *ctx, struct rows *rows);

/*
 * Sub-queries of `query` get their values filled in, so one query is run by
 * one thread at a time.  0, or -ENOMEM (memory budget), -ETIME, -ECANCELED,
 * what the source or the sink said, …, with text.  `ret` is always filled.
 */
int query_execute(struct query *query, const struct query_conf *conf, struct query_source *source,
		  query_sink_fn *sink, void *ctx, struct query_result *ret, struct err *reterr);

/*
 * True if a pipe says which fields there are (`fields a, b`, `stats`), which is
 * then their order.  Else rows have them in that of rows_compare_names().
 */
bool query_lists_fields(const struct query *query);
/* True if each pipe hands its rows on at once: fit for live tail. */
bool query_streams(const struct query *query);
/* The pipe that is not fit for it, for messages; empty if none. */
struct span query_first_blocking_pipe(const struct query *query);

/* True if it reads its source more than once: sub-queries, stream_context, diff. */
bool query_rescans(const struct query *query);

/* What would be done, for people: time range, order of filters, fields read, stages. */
int query_explain(const struct query *query, const struct query_conf *conf, struct buf *out);

/*
 * Sum up `result` for people:
 *
 *	5 rows of 131072 scanned (1204 matched), 3.0 MiB, 2 of 4 blocks skipped, 7.2 ms
 *	  skipped: 1 by time, 1 by ranges or words, 0 behind the best rows
 *	  …
 */
void query_result_print(const struct query_result *result, struct buf *out);

#endif
