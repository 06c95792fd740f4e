/*
 * serve.h - the HTTP API of the aggregator.
 *
 *	GET|POST /api/v1/query	query=… start= end= limit= timeout= trailer=1
 *	GET|POST /api/v1/tail	query=…		rows as they come; server-sent events for
 *						who accepts text/event-stream
 *	GET|POST /api/v1/hits, field_names, field_values, streams, facets, patterns, trace/ID
 *	GET|POST /api/v1/stats_query, stats_query_range		Prometheus' JSON
 *	GET|POST /select/logsql/…	VictoriaLogs' paths and JSON, see shape.h: query,
 *					tail, hits, field_names, field_values, streams,
 *					stream_ids, stream_field_names, stream_field_values,
 *					facets, stats_query, stats_query_range
 *	GET /api/v1/status, /livez, /health (the same), /readyz, /metrics
 *
 * All of them take what params.h reads.  Rows are NDJSON: one object a row, all
 * values texts, empty ones left out.
 *
 * With trailer=1 one more line ends the stream and says what the answer is
 * worth:
 *
 *	{"_end":{"rows":17,"scanned":120000,…,"ms":3.1,"partial":false}}
 *
 * Without it an answer that turns out to be partial or fails after its first
 * bytes ends with the connection being cut, so that no client takes it for
 * whole.  What fails before is {"error":"…","position":17} with a status:
 * 400 the query, 429 too many queries, 504 out of time, 507 out of memory.
 *
 * A client that goes away cancels its query.  Number, time and memory of
 * queries are limited; tails, which never end, have slots of their own.
 */
#ifndef SLUICE_AGGREGATOR_SERVE_SERVE_H
#define SLUICE_AGGREGATOR_SERVE_SERVE_H

#include "aggregator/store/store.h"
#include "common/ops/health.h"
#include "common/ops/metrics.h"

struct serve_conf {
	const char *listen, *unix_path; /* NULL = none */
	unsigned connections;
	unsigned queries, tails; /* that run at a time */
	int64_t query_time_ns;
	uint64_t query_memory;
	void (*status)(void *ctx, struct buf *out); /* /api/v1/status */
	void *status_ctx;
};

struct serve;

/* Everything but the conf is borrowed until close. */
int serve_open(const struct serve_conf *conf, struct store *store, struct metrics *metrics,
	       struct health *health, struct serve **ret, struct err *reterr);
/* Running queries are cancelled. */
void serve_close(struct serve *serve);

#endif
