/*
 * tail.h - rows as they come: a query asked again and again.
 *
 * A look asks for the rows that became durable since the one before, by the
 * number of their commit (store.h), and for those that are still in memory:
 *
 *	look 1    ▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 17 ░░░░░		▓ durable   ░ in memory
 *	look 2    ▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 17 ▓▓▓▓▓ 18 ░░		asks for `_commit:>17 or _commit:""`
 *
 * So rows are seen however late their time is, and old parts are not read.  A
 * stage of its own in front of the query's pipes holds back the rows that the
 * look before has shown out of memory, told by a hash of all their fields, with
 * a count, so that two equal rows are two.  The new ones are put in order of time:
 *
 *	filter ──▶ new rows ──▶ sort by (_time) ──▶ pipes of the query ──▶ sink
 *
 * Pipes that count (limit) begin anew each look.  Memory is 16 bytes and a slot
 * for each row that matches and waits for its commit.
 *
 *	tail_open(query, &conf, source, since_ns, &t, &err);
 *	for (;;) { tail_look(t, print, ctx, &result, &err); wait }
 *	tail_close(t);
 *
 * Only queries whose pipes stream (query_streams()) can be followed.
 */
#ifndef SLUICE_QUERY_TAIL_H
#define SLUICE_QUERY_TAIL_H

#include "aggregator/query/query.h"

struct tail;

/*
 * Everything is borrowed.  The first look shows what is there from `since_ns` on,
 * later ones all that has come, whatever its time.
 * 0, -EINVAL: a pipe does not stream; -ENOMEM.
 */
int tail_open(struct query *query, const struct query_conf *conf, struct query_source *source,
	      int64_t since_ns, struct tail **ret, struct err *reterr);
/*
 * New rows, in order of time, to `sink`.  0; 1: the sink has enough; negative:
 * what sink or engine said.
 */
int tail_look(struct tail *tail, query_sink_fn *sink, void *ctx, struct query_result *ret,
	      struct err *reterr);
void tail_close(struct tail *tail);

#endif
