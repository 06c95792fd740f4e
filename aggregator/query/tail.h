/*
 * tail.h - rows as they come: a query asked again and again.
 *
 * Each look runs the query over the last `lookback` of log time.  A stage of its
 * own in front of the query's pipes lets through the rows that earlier looks did
 * not have, which are then put in order of time:
 *
 *	filter ──▶ new rows ──▶ sort by (_time) ──▶ pipes of the query ──▶ sink
 *
 * Rows may arrive late and out of order; they are told apart by a hash of all
 * their fields, with a count, so that two equal rows are two.  What arrives later
 * than the lookback is not seen.  Pipes that count (limit) begin anew each look.
 *
 *	tail_open(query, &conf, source, 30 * NS_PER_SEC, &t);
 *	for (;;) { tail_look(t, print, ctx, &err); wait }
 *	tail_close(t);
 *
 * Only queries whose pipes stream (query_streams()) can be followed.
 */
#ifndef SLUICE_QUERY_TAIL_H
#define SLUICE_QUERY_TAIL_H

#include "aggregator/query/query.h"

struct tail;

/*
 * Everything is borrowed.  The first look shows rows from `since_ns` on.
 * 0, -EINVAL: a pipe does not stream; -ENOMEM.
 */
int tail_open(struct query *query, const struct query_conf *conf, struct query_source *source,
	      int64_t lookback_ns, int64_t since_ns, struct tail **ret, struct err *reterr);
/*
 * New rows, in order of time, to `sink`.  0; 1: the sink has enough; negative:
 * what sink or engine said.
 */
int tail_look(struct tail *tail, query_sink_fn *sink, void *ctx, struct query_result *ret,
	      struct err *reterr);
void tail_close(struct tail *tail);

#endif
