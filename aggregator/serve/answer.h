/*
 * answer.h - one query on its way to one client.
 *
 * The engine pushes rows from its workers, HTTP pulls bytes when the socket has
 * room.  Between them is a buffer with a limit:
 *
 *	thread of the query ──rows──▶ text ──▶ buffer ──pull──▶ socket
 *	        waits while it is full ◀──────────────┘ drained
 *
 * A client that goes away sets the cancel flag; the engine sees it in the
 * middle of a block, the sink at once.
 */
#ifndef SLUICE_AGGREGATOR_SERVE_ANSWER_H
#define SLUICE_AGGREGATOR_SERVE_ANSWER_H

#include "aggregator/query/query.h"
#include "aggregator/serve/shape.h"
#include "common/ops/http.h"

struct answer;

struct answer_conf {
	struct query_conf query;
	uint64_t limit;   /* rows; 0 = all */
	bool trailer;     /* end with {"_end":{…}} */
	bool follow;      /* never end: rows as they come */
	bool events;      /* rows are server-sent events, else NDJSON */
	const char *type; /* that NDJSON is called; NULL = application/x-ndjson */
	/* Rows become this document instead; owned, freed with the answer; NULL = none. */
	struct shape *shape;
	/* Called last, exactly once: give the slot of the query back. */
	void (*done)(void *ctx);
	void *ctx;
};

/*
 * Run `query` over `source` and reply with what comes out.  Takes query and
 * source, also on failure.
 */
int answer_start(struct http_request *req, const struct answer_conf *conf, struct query *query,
		 struct query_source *source);

#endif
