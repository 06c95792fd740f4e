/*
 * chain_metrics.h - what each filter of a chain saw, dropped and failed at, as
 * metrics.
 *
 *	shipper_filter_records_total{position="1",filter="grep"} 1200
 *	shipper_filter_dropped_total{…}, shipper_filter_errors_total{…}
 *
 *	chain_metrics_set(&cm, metrics, "shipper", setup->chain);
 *	chain_metrics_set(&cm, metrics, "shipper", next->chain);	at a reload, before
 *									the old one is freed
 *	chain_metrics_set(&cm, metrics, "shipper", NULL);		before chain_free()
 */
#ifndef SLUICE_OPS_CHAIN_METRICS_H
#define SLUICE_OPS_CHAIN_METRICS_H

#include "common/flow/chain.h"
#include "common/ops/metrics.h"

struct chain_probe {
	const struct chain *chain;
	size_t at;   /* filter */
	size_t what; /* offset in struct chain_stats */
};

/* Metrics point into it: it stays where it is. */
struct chain_metrics {
	struct chain_probe probes[CHAIN_MAX * 3];
	size_t n;
};

/*
 * The series are those of `chain` from now on, which is borrowed until the next
 * call; NULL = none.  Without `metrics` nothing is done.  0 or -ENOMEM.
 */
int chain_metrics_set(struct chain_metrics *cm, struct metrics *metrics, const char *program,
		      const struct chain *chain);

#endif
