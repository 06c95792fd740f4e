/*
 * store.h - the index: rows, durable exactly when their Kafka offsets are.
 *
 *	store_append() ──▶ memory rows ──encode──▶ blocks ──store_commit()──▶ part file + manifest
 *	                       │                      │                            │
 *	                       └──────────────────────┴── store_snapshot() ────────┘ ──▶ queries
 *
 * A row is visible to queries as soon as store_append() returns, and durable
 * as soon as the store_commit() after it returns.  A commit is one
 * transaction of {parts, next offset of each partition, progress of each
 * source}: a crash at any instant leaves the state before it or after it.
 *
 * Threads: one thread, the writer, calls append, commit and progress.  Any
 * thread may take snapshots, load columns of their blocks, and ask for stats.
 * A snapshot stays as it was: later rows, merges and retention do not touch it.
 *
 * Each durable row has a `_commit`, a number that grows from commit to commit: who
 * has seen all rows up to one number asks for greater ones next time.  Rows in
 * memory have none yet.
 *
 * Invariants: parts never change; every byte read from a file was checked
 * against its checksum; a part that fails is reported, never skipped silently.
 *
 *	struct store *s;
 *	r = store_open(path, false, &(struct store_conf){0}, &s, &err);
 *	for (n) store_progress(s)->partitions[n] …		where to go on
 *	store_stream_get(s, labels, nlabels, &stream);
 *	r = store_append(s, stream, &rec);			-ENOBUFS: commit first
 *	if (store_commit_due(s))
 *		r = store_commit(s, &progress, &err);		-ENOSPC: pause, try again later
 *	store_close(s);
 */
#ifndef SLUICE_STORE_STORE_H
#define SLUICE_STORE_STORE_H

#include "common/base/err.h"
#include "common/data/column.h"
#include "common/data/record.h"
#include "common/flow/block.h"
#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_stream;

/* Zero = the default. */
struct store_conf {
	uint64_t commit_rows;     /* a commit is due at so many rows, default 512 Ki */
	int64_t commit_age_ns;    /* … or when the oldest row waited so long, default 2 s */
	uint64_t memory_bytes;    /* append answers -ENOBUFS beyond it, default 192 MiB */
	int64_t retention_age_ns; /* parts whose newest row is older go; 0 = keep */
	uint64_t retention_bytes; /* oldest parts go beyond this size in all; 0 = keep */
	uint64_t free_bytes;      /* a commit that would leave less free fails with -ENOSPC */
	bool no_background;       /* tests: encode in store_commit(), merge in store_merge() */
	struct span origin;       /* which bus and topic the offsets are of; kept at the first
				      commit, a store of another origin is refused; empty = any */
};

/* Byte range of a source that was never seen, [start, end). */
struct store_gap {
	uint64_t start, end;
};

struct store_source {
	struct source_id source;
	uint32_t generation;
	uint64_t watermark; /* every byte before it is indexed, filtered out or in a gap */
	uint64_t hash;      /* XXH64 of the source's bytes [0, watermark) */
	struct store_gap *gaps;
	size_t ngaps;
	int64_t seen_ns; /* real time of the last change, for forgetting old sources */
	bool forgotten;  /* for store_commit(): remove it; only its names count */
};

struct store_partition {
	uint32_t partition;
	int64_t next_offset;
};

/* A list of positions: all of them (store_progress) or those that changed (store_commit). */
struct store_progress {
	struct store_partition *partitions;
	size_t npartitions;
	struct store_source *sources;
	size_t nsources;
};

/*
 * Open the store in the folder `path`.  The writer makes it when missing,
 * takes its lock (-EAGAIN: another process has it), bumps the epoch, removes
 * files that no commit names.  Read-only works while a writer runs and sees
 * what is committed; store_refresh() looks again.
 *
 * A manifest that fails its checksums is set aside and rebuilt from the parts,
 * which describe themselves: that is no failure, but store_notices() says it.
 */
int store_open(const char *path, bool read_only, const struct store_conf *conf, struct store **ret,
	       struct err *reterr);
/* Rows that were not committed are gone.  Snapshots must have been freed. */
void store_close(struct store *store);
/* Read-only: see what was committed since.  0, or a negative errno. */
int store_refresh(struct store *store, struct err *reterr);

/*
 * What the operator must be told about the last open: one line each (manifest
 * rebuilt, damaged part quarantined, …).  Valid until close.
 */
const struct span *store_notices(const struct store *store, size_t *ret_n);

/* The committed positions; the store's, changes with the next commit. */
const struct store_progress *store_progress(const struct store *store);
uint64_t store_epoch(const struct store *store);

/*
 * The stream with these labels (name, value, name, value …; non-empty names):
 * rows of a stream are stored together and share `_stream` and `_stream_id`.
 * The handle is good until close.  -E2BIG past 64 Ki streams or 4 KiB of text.
 */
int store_stream_get(struct store *store, const struct span *labels, size_t nspans,
		     struct store_stream **ret);

/*
 * Add one row.  Nested objects become dotted fields; `message` is `_msg` and
 * `timestamp` (canonical) is `_time`, rec->time_ns.  Everything is copied.
 * 0, -ENOBUFS: the memory limit, commit first; -EMSGSIZE: more than 64 MiB of
 * text, or names of nested fields that come to as much; -ENOMEM.  On failure
 * the row is not there at all.
 */
int store_append(struct store *store, struct store_stream *stream, const struct record *rec);

/* Rows and bytes that wait in memory; how long the oldest did. */
bool store_commit_due(const struct store *store);
/*
 * Make every appended row and these positions durable.  `changed` lists the
 * partitions and sources that moved since the last commit.  With nothing
 * appended only the positions are written.
 * -ENOSPC, -EDQUOT, -EIO, …: nothing was committed, the rows stay in memory
 * and visible; call again.  -ESTALE: another process owns the store now, or
 * what the last commit did can't be found out: stop, and open it again.
 */
int store_commit(struct store *store, const struct store_progress *changed, struct err *reterr);

/*
 * The rows of [min_time, max_time], as blocks to query.  Blocks belong to the
 * snapshot (their release op does nothing), which keeps them alive.
 */
struct store_snapshot {
	struct row_block **blocks; /* newest rows first by max_time */
	size_t nblocks;
	uint64_t rows;
	/* Parts in that range that can't be read: the answer is partial. */
	struct store_damage {
		struct span file, why;
		int64_t min_time, max_time;
		uint64_t rows;
	} * damages;
	size_t ndamages;
};

int store_snapshot(struct store *store, int64_t min_time, int64_t max_time,
		   struct store_snapshot **ret);
/* The same without the parts that have only rows with a `_commit` up to this one. */
int store_snapshot_after(struct store *store, uint64_t commit, int64_t min_time, int64_t max_time,
			 struct store_snapshot **ret);
/*
 * No row has a greater `_commit`, and those that become durable from now on have
 * one.  It may go back when retention takes the newest part.
 */
uint64_t store_last_commit(struct store *store);
void store_snapshot_free(struct store_snapshot *snapshot);

struct store_stats {
	uint64_t rows, parts, blocks, disk_bytes; /* committed */
	uint64_t memory_rows, memory_bytes;       /* waiting */
	uint64_t appended_rows, commits, merges, merged_rows, expired_parts, damaged_parts;
	uint64_t merge_failures, raw_bytes; /* text bytes appended */
	int64_t min_time, max_time;         /* of all rows; min > max = none */
};
void store_stats(struct store *store, struct store_stats *ret);

/*
 * One step of upkeep: retention, then at most one merge.  The store's own
 * thread does this; with conf.no_background the caller does.
 * 1 = did something, 0 = nothing to do, or a negative errno.
 */
int store_upkeep(struct store *store, struct err *reterr);

/*
 * Read everything and verify every checksum, that parts and manifest agree,
 * and that the offsets of each partition have no gap and no overlap.  Each
 * finding is one line to `report`.  Returns the number of problems or a
 * negative errno when the check itself failed.
 */
typedef void store_fsck_fn(void *ctx, bool problem, const char *line);
int store_fsck(const char *path, store_fsck_fn *report, void *ctx, struct err *reterr);

#endif
