/*
 * checkpoint.h - the watermark of every source, on disk.
 *
 * A SQLite database (WAL, synchronous=FULL) of one row a file: its key, the
 * truncation counter, the pinned partition, and the mark up to which every
 * byte is acknowledged.  Never more than that: what is in flight is not in it.
 * Losing it costs a second reading of the files, not a record: the index drops
 * by byte range what it has.
 *
 * Each row carries a CRC; a database that SQLite calls damaged is said loudly,
 * set aside as checkpoint.db.bad-TIME and replaced by an empty one.  A row
 * whose CRC is wrong is said and forgotten, the others stay.
 *
 *	checkpoint_open("/var/lib/shipper", &cp, &err);		-EAGAIN: in use
 *	found = checkpoint_get(cp, &key, &row);
 *	checkpoint_begin(cp); checkpoint_put(cp, &row); checkpoint_commit(cp);
 *	checkpoint_close(cp);
 */
#ifndef SLUICE_SHIPPER_CHECKPOINT_H
#define SLUICE_SHIPPER_CHECKPOINT_H

#include "shipper/identity.h"
#include "shipper/mark.h"

#define CHECKPOINT_PATH_MAX 4096
#define PARTITION_NONE      UINT32_MAX

struct checkpoint_row {
	struct source_id key;
	uint64_t ino;
	int64_t birth_ns;
	int64_t seen_ns; /* wall clock of the last put */
	uint32_t truncations;
	uint32_t partition; /* PARTITION_NONE = not yet pinned */
	struct mark mark;
	char path[CHECKPOINT_PATH_MAX]; /* where it was last */
};

struct checkpoint;

/* The directory is made where it is missing, and locked. */
int checkpoint_open(const char *dir, struct checkpoint **ret, struct err *reterr);
void checkpoint_close(struct checkpoint *checkpoint);
/* True when it was lost or damaged: files are read from the start whatever start_at says. */
bool checkpoint_was_lost(const struct checkpoint *checkpoint);

/* 1 found, 0 not there, negative errno. */
int checkpoint_get(struct checkpoint *checkpoint, const struct source_id *key,
		   struct checkpoint_row *ret);
/* What is known of other files that were called `path`. */
struct checkpoint_others {
	bool any;
	bool unfinished;     /* one of them was not read to its end */
	int64_t youngest_ns; /* their latest birth */
};
int checkpoint_others(struct checkpoint *checkpoint, const char *path,
		      const struct source_id *except, struct checkpoint_others *ret);
/* Each row; fn returns < 0 to stop. */
typedef int checkpoint_row_fn(void *ctx, const struct checkpoint_row *row);
int checkpoint_each(struct checkpoint *checkpoint, checkpoint_row_fn *fn, void *ctx);

/* All puts and deletes between begin and commit, or none.  -ENOSPC, -EIO … */
int checkpoint_begin(struct checkpoint *checkpoint);
int checkpoint_put(struct checkpoint *checkpoint, const struct checkpoint_row *row);
int checkpoint_delete(struct checkpoint *checkpoint, const struct source_id *key);
int checkpoint_commit(struct checkpoint *checkpoint);
void checkpoint_abort(struct checkpoint *checkpoint);
/* Forget rows last put before `seen_ns`: files that are long gone. */
int checkpoint_expire(struct checkpoint *checkpoint, int64_t seen_ns);

/* The truncation counter of a key, which outlives the database. */
uint32_t checkpoint_truncations(const struct checkpoint *checkpoint, const struct source_id *key);
/* On disk when it returns 0. */
int checkpoint_truncated(struct checkpoint *checkpoint, const struct source_id *key,
			 uint32_t count);

#endif
