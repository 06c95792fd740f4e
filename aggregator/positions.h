/*
 * positions.h - where the index stands, between the ledger and the manifest.
 *
 * The store keeps, per commit, the next offset of each partition and the state
 * of each source; the ledger and the consumer keep the same while it moves.
 * A fork (ledger.h) is stored as a generation of its own: its number takes the
 * upper bits, which no truncation counter reaches.
 *
 *	positions_restore(store_progress(store), ledger, &err);
 *	positions_partition(&pos, 3, 17);
 *	positions_sources(&pos, ledger, now);
 *	store_commit(store, positions_get(&pos), &err);
 *	positions_reset(&pos);
 */
#ifndef SLUICE_AGGREGATOR_POSITIONS_H
#define SLUICE_AGGREGATOR_POSITIONS_H

#include "aggregator/ledger.h"
#include "aggregator/store/store.h"

/* Truncation counters that are stored as they are; a block with a larger one is refused. */
#define GENERATION_MAX ((1u << 29) - 1)

/* What a commit stores.  Zeroed = empty. */
struct positions {
	VEC(struct store_partition) partitions;
	VEC(struct store_source) sources;
	VEC(struct store_gap) gaps; /* of all sources, one after the other */
	struct store_progress progress;
};

/* Give the ledger what was committed.  0, -EBADMSG with text, -ENOMEM. */
int positions_restore(const struct store_progress *progress, struct ledger *ledger,
		      struct err *reterr);

void positions_reset(struct positions *positions);
void positions_release(struct positions *positions);
int positions_partition(struct positions *positions, unsigned partition, int64_t next_offset);
/* What changed in the ledger, or was forgotten, since its last ledger_committed(). */
int positions_sources(struct positions *positions, const struct ledger *ledger, int64_t now_ns);
/* Borrowed until the next call on `positions`. */
const struct store_progress *positions_get(struct positions *positions);

#endif
