/*
 * manifest.h - what is committed: a SQLite file, one transaction a commit.
 *
 *	meta       name → number, text     version, epoch, origin, total
 *	part       id → bytes, rows, times, hash of the footer
 *	partition  id → next offset, end of the offsets that parts carry
 *	source     source id, generation → watermark, hash, gaps
 *	expired    partition, first → next offsets whose parts are gone by retention
 *
 * Each row carries the hash64 of its other columns, and meta's `total` is the
 * sum of all those hashes: a flipped bit, a lost row and an old row are
 * noticed when the file is read, which is at open.  Journal: TRUNCATE with
 * synchronous=FULL, so that a commit is in the file when it returns, and what
 * is damaged is noticed (a damaged frame of a WAL would silently end it).
 *
 * One thread at a time; the store has a lock for it.
 */
#ifndef SLUICE_STORE_MANIFEST_H
#define SLUICE_STORE_MANIFEST_H

#include "aggregator/store/progress.h"
#include "common/base/vec.h"

#define MANIFEST_VERSION 1

struct manifest_part {
	uint64_t id, bytes, rows;
	int64_t min_time, max_time;
	uint64_t footer_sum;
};

struct manifest_partition {
	uint32_t partition;
	int64_t next_offset;
	int64_t covered; /* where the last part's offsets end */
};

/* All that a manifest says. */
struct manifest_state {
	uint64_t epoch;
	struct span origin; /* in `arena` */
	struct arena arena;
	VEC(struct manifest_part) parts; /* by id */
	VEC(struct manifest_partition) partitions;
	struct offset_ranges expired;
	struct progress progress;
};
void manifest_state_init(struct manifest_state *state);
void manifest_state_release(struct manifest_state *state);

/* What one transaction changes. */
struct manifest_change {
	const struct manifest_part *add; /* NULL = none */
	const uint64_t *remove;          /* parts */
	size_t nremove;
	const struct manifest_partition *partitions;
	size_t npartitions;
	const struct store_source *sources;
	size_t nsources;
	const struct offset_ranges *expired; /* replaces all; NULL = as it was */
};

struct manifest;

/*
 * 0; -ENOENT: read-only and there is none; -EBADMSG: not a manifest, or
 * damaged; -ENOTSUP: of a newer version.
 */
int manifest_open(const char *path, bool read_only, struct manifest **ret, struct err *reterr);
void manifest_close(struct manifest *manifest);
/* Read and verify everything.  -EBADMSG as above. */
int manifest_load(struct manifest *manifest, struct manifest_state *ret, struct err *reterr);
/* Be the owner from now on; the first time, `origin` is kept. */
int manifest_claim(struct manifest *manifest, uint64_t epoch, struct span origin,
		   struct err *reterr);
/* All or nothing.  -ESTALE: another epoch owns the store now, or manifest_unsure(). */
int manifest_apply(struct manifest *manifest, const struct manifest_change *change,
		   struct err *reterr);
/* A commit failed and whether it happened can't be read: no further one is taken. */
bool manifest_unsure(const struct manifest *manifest);

#endif
