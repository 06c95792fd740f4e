/*
 * totals.h - what the shipper counts.
 *
 * One row a counter; the pipeline's thread adds, any thread reads.  The books
 * balance at every instant:
 *
 *	read = acked + pending + rewound + abandoned	(bytes)
 */
#ifndef SLUICE_SHIPPER_TOTALS_H
#define SLUICE_SHIPPER_TOTALS_H

#include "common/ops/metrics.h"

enum total {
	TOTAL_READ_BYTES,
	TOTAL_ACKED_BYTES,
	TOTAL_REWOUND_BYTES,
	TOTAL_ABANDONED_BYTES,
	TOTAL_ABANDONED_RECORDS,
	TOTAL_ACKED_RECORDS,
	TOTAL_FILTERED_RECORDS,
	TOTAL_FILTER_ERRORS,
	TOTAL_PARSE_ERRORS,
	TOTAL_SKIPPED_BYTES,
	TOTAL_RAW_BYTES,
	TOTAL_BLOCKS,
	TOTAL_BLOCK_BYTES,
	TOTAL_DELIVERY_ERRORS,
	TOTAL_PRODUCER_REOPENS,
	TOTAL_QUEUE_FULL,
	TOTAL_TRUNCATIONS,
	TOTAL_ROTATIONS,
	TOTAL_READ_ERRORS,
	TOTAL_OPEN_ERRORS,
	TOTAL_CHECKPOINT_ERRORS,
	TOTAL_RELOADS,
	TOTAL_RELOAD_ERRORS,
	TOTALS,
};

struct totals {
	struct counter counters[TOTALS];
	struct gauge files, pending_bytes, in_flight, lag_bytes;
};

static inline void total_add(struct totals *totals, enum total which, uint64_t n)
{
	counter_add(&totals->counters[which], n);
}

static inline uint64_t total_get(const struct totals *totals, enum total which)
{
	return counter_get(&totals->counters[which]);
}

/* Every counter as a series of `metrics`; `totals` outlives it. */
int totals_register(struct totals *totals, struct metrics *metrics);

#endif
