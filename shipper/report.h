/*
 * report.h - what the shipper says of itself: /livez, /readyz, /metrics, a summary.
 *
 *	live    the loop turns (it has not for 30 s: restart it)
 *	ready   the output can be reached, or nothing is to be sent
 */
#ifndef SLUICE_SHIPPER_REPORT_H
#define SLUICE_SHIPPER_REPORT_H

#include "common/ops/chain_metrics.h"
#include "common/ops/health.h"
#include "common/ops/http.h"
#include "shipper/pipeline.h"

struct report {
	struct metrics *metrics;
	struct health *health;
	struct health_check *loop, *output;
	struct http_server *server;
	int64_t next_lag_ns;
	struct chain_metrics filters;
};

/* `listen` may be empty: then nothing is served. */
int report_open(struct report *report, struct span listen, struct totals *totals,
		struct err *reterr);
void report_close(struct report *report);
/* The filters that are in force now; before the old ones are freed.  NULL = none. */
void report_filters(struct report *report, const struct chain *chain);
/* Once a turn of the loop, at most every 200 ms. */
void report_update(struct report *report, const struct pipeline *pipeline);
/* --once: what was done, one line on stdout. */
void report_summary(const struct totals *totals, size_t files, int64_t ns);

#endif
