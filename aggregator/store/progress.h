/*
 * progress.h - positions: next offset by partition, watermark by source.
 *
 * The store keeps all positions here in memory; a part carries those that
 * changed with its commit, so that they can be rebuilt from the parts.
 */
#ifndef SLUICE_STORE_PROGRESS_H
#define SLUICE_STORE_PROGRESS_H

#include "aggregator/store/bytes.h"
#include "aggregator/store/store.h"
#include "common/base/map.h"
#include "common/base/vec.h"

#define PROGRESS_GAPS_MAX 4096 /* gaps of one source */

struct progress {
	struct store_progress all;
	size_t cap_partitions, cap_sources;
	struct map by_source; /* source id and generation → index */
	VEC(char *) keys;     /* of each source; behind them those of forgotten ones */
	struct arena arena;   /* of the keys */
};

void progress_init(struct progress *progress);
void progress_release(struct progress *progress);

/*
 * Take these positions over, replacing those of the same partition or source;
 * one that is `forgotten` goes.
 * With `forward` a position only moves on, never back.  0, -ENOMEM, -E2BIG.
 */
int progress_apply(struct progress *progress, const struct store_progress *changed, bool forward);
/* The position of a partition; NULL = not known. */
const struct store_partition *progress_partition(const struct progress *progress,
						 uint32_t partition);

/* Offsets [first, next) of a partition. */
struct offset_range {
	uint32_t partition;
	int64_t first, next;
};

struct offset_ranges {
	struct offset_range *ptr;
	size_t len, cap;
};

/* Add a range, joined with those that it touches; ordered by partition and offset. */
int offset_ranges_add(struct offset_ranges *ranges, struct offset_range range);
void offset_ranges_release(struct offset_ranges *ranges);
void offset_ranges_put(struct buf *out, const struct offset_ranges *ranges);
int offset_ranges_get(struct cursor *in, struct offset_ranges *ret);

void gaps_put(struct buf *out, const struct store_gap *gaps, size_t n);
/* A malloc'd array. */
int gaps_get(struct cursor *in, struct store_gap **ret, size_t *ret_n);
void sources_put(struct buf *out, const struct store_source *sources, size_t n);
/* Read sources and take them over, forward. */
int sources_get(struct cursor *in, struct progress *progress);

#endif
