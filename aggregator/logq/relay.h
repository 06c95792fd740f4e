/*
 * relay.h - the rest of a query's pipes, over rows that come from elsewhere.
 *
 * Rows of several servers, or those a cursor let pass, are given to a query
 * that runs in a thread of this process.  They are handed over in batches; the
 * giver waits while one is being read, so memory is two batches.
 *
 *	row, row, … ──▶ batch ──▶ query `* | stats by (x) count()` ──▶ sink
 *
 *	relay_open(&ask->rest, &conf, next, &relay, &err);
 *	sink = relay_sink(relay);	1 from row(): the query wants no more
 *	r = relay_finish(relay, &err);	no more rows: wait for the answer
 *	relay_free(relay);
 */
#ifndef SLUICE_LOGQ_RELAY_H
#define SLUICE_LOGQ_RELAY_H

#include "aggregator/logq/row_sink.h"
#include "aggregator/query/query.h"

struct relay;

/* Everything is borrowed; `next` is called from the relay's thread. */
int relay_open(struct query *query, const struct query_conf *conf, struct row_sink *next,
	       struct relay **ret, struct err *reterr);
struct row_sink *relay_sink(struct relay *relay);
/* What the query said. */
int relay_finish(struct relay *relay, struct err *reterr);
/* Ends the query, finished or not. */
void relay_free(struct relay *relay);

/* All rows of a query's result to a sink. */
int rows_to_sink(struct rows *rows, struct row_sink *sink);

#endif
