/*
 * inside.h - the store's insides, for the files of this folder.
 *
 *	writer thread     append, commit; also encodes when the encoder lags
 *	encoder thread    frozen tables → groups in memory
 *	upkeep thread     retention, merges
 *	any thread        snapshots
 *
 * Rows move from left to right, and are in exactly one of these lists at any
 * time that `lock` is free, so that a snapshot sees each once:
 *
 *	active ──▶ frozen ──▶ sealed ──▶ parts
 *	(one table) (tables)  (groups    (files)
 *	                       in memory)
 *
 * `lock` guards the lists and counters and is held for moments only, never
 * over I/O.  `manifest_lock` serializes transactions, and is taken first.
 */
#ifndef SLUICE_STORE_INSIDE_H
#define SLUICE_STORE_INSIDE_H

#include "aggregator/store/manifest.h"
#include "aggregator/store/part.h"
#include "aggregator/store/store.h"
#include "common/base/clock.h"

struct frozen {
	struct memtable *table;
	bool busy; /* a thread makes its group */
};

struct store {
	char *path;
	int parts_fd; /* the folder of parts */
	bool read_only;
	struct store_conf conf;
	char *origin;
	uint64_t epoch;
	int lock_fd;

	/* The writer's. */
	struct progress progress;
	struct stream_table streams;
	struct group_maker *maker;
	uint64_t next_commit; /* see COMMIT_NAME */
	uint64_t waiting_rows;
	int64_t waiting_since; /* monotonic; 0 = no row waits */
	atomic_uint_fast64_t appended, raw_bytes;

	pthread_mutex_t manifest_lock;
	struct manifest *manifest;
	uint64_t next_id; /* of a part */
	VEC(struct manifest_partition) partitions;
	struct offset_ranges expired;

	pthread_mutex_t lock;
	pthread_cond_t work; /* something was frozen, or stop */
	pthread_cond_t tidy; /* something was committed, or stop */
	pthread_cond_t done; /* a group was made, or not */
	struct memtable *active;
	VEC(struct frozen) frozen;
	VEC(struct part *) sealed;
	VEC(struct part *) parts;
	struct store_stats stats; /* counters only; the rest is made when asked */
	bool stop;

	bool threads;
	pthread_t encoder, upkeep;
	VEC(struct span) notices;
};

/* store.c */
void store_notice(struct store *store, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
/* Call `fn` for the id of each part's file, until it returns a negative errno. */
int store_each_file(struct store *store, int (*fn)(void *ctx, uint64_t id), void *ctx);

/* recover.c: what the manifest would say, from the parts. */
int store_recover(struct store *store, struct manifest_state *ret, struct err *reterr);

/* The number of the next commit, greater than `before`. */
static inline uint64_t store_commit_after(uint64_t before)
{
	int64_t now = clock_real_ns() / COMMIT_NS;

	return now > 0 && (uint64_t)now > before ? (uint64_t)now : before + 1;
}

/* append.c: freeze the active table; make the groups of frozen ones. */
int store_freeze(struct store *store);
/* Make one group.  1, 0 when there is nothing to do, or a negative errno. */
int store_encode_one(struct store *store, struct group_maker *maker);
/* When all frozen tables are being worked on, wait until one is done; with the lock held. */
void store_wait_for_group(struct store *store);
void *store_encoder(void *store);

/* upkeep.c */
void *store_upkeep_thread(void *store);
/* -ENOSPC when writing `bytes` would leave less than the configured space. */
int store_check_space(struct store *store, uint64_t bytes, struct err *reterr);
struct manifest_part store_manifest_part(const struct part *part);

/* merge.c: write a part of the rows of all these. */
int store_merge(struct store *store, struct part *const *inputs, size_t n, uint64_t id,
		struct err *reterr);

#endif
