/*
 * report.h - what the daemon says about itself: metrics, status, the summary.
 *
 * Everything is read from counters that others keep, by any thread.
 */
#ifndef SLUICE_AGGREGATOR_REPORT_H
#define SLUICE_AGGREGATOR_REPORT_H

#include "aggregator/consume.h"
#include "aggregator/options.h"
#include "common/ops/chain_metrics.h"
#include <stdio.h>

#define REPORT_PROBES 9

/* A number of the store, for whoever reads the metric. */
struct report_probe {
	struct store *store;
	size_t offset; /* in struct store_stats */
};

/* Metrics point into it: it stays where it is. */
struct report {
	struct store *store;
	struct consume *consume; /* NULL: idle */
	int64_t began_mono, began_cpu;
	uint64_t began_disk;
	struct counter reloads, reload_failures;
	struct report_probe probes[REPORT_PROBES];
	struct metrics *metrics;
	struct chain_metrics filters;
	struct setup *reloaded; /* whose filters are in force; NULL = the first setup's */
};

void report_init(struct report *report, struct store *store, struct consume *consume);
void report_release(struct report *report);
/* `chain`: the filters that are in force.  0 or -ENOMEM. */
int report_metrics(struct report *report, struct metrics *metrics, const struct chain *chain);
/* A reload was good; keeps `setup`, whose chain is in use, and frees the one before. */
void report_reloaded(struct report *report, struct setup *setup);

/* /api/v1/status: one JSON object.  `ctx` is the report. */
void report_status(void *ctx, struct buf *out);
/* What --once prints. */
void report_summary(struct report *report, FILE *out);

#endif
