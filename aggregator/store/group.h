/*
 * group.h - a row group: up to 64 Ki rows as column chunks and a directory.
 *
 *	+---------+--------+---------+--------+-----+-----------+
 *	| chunk   | filter | chunk   | filter | …   | directory |
 *	| column 0         | column 1         |     |           |
 *	+---------+--------+---------+--------+-----+-----------+
 *
 *	directory := varint rows · varint columns · column …, ordered by name
 *	column    := name · u8 codec · u8 types · u8 flags · [f64 min · f64 max] ·
 *	             [const value] · varint off · varint len · u64 hash64 of the chunk ·
 *	             varint filter off · varint filter lines
 *
 * Rows are ordered by (stream, time).  Every byte is covered: chunks by their
 * hashes in the directory, filters by their pages' hashes, the directory by
 * the hash that the owner of the group keeps.  Offsets count from the group's
 * begin, so that a merge copies whole groups unread.
 *
 * The bytes are in memory until a commit, then in a part's file; group_source
 * reads either.
 */
#ifndef SLUICE_STORE_GROUP_H
#define SLUICE_STORE_GROUP_H

#include "aggregator/store/codec.h"
#include "aggregator/store/memtable.h"

#define GROUP_BYTES_MAX (1u << 30)

/* The flags of a column in the directory. */
enum entry_flag { ENTRY_RANGE = 1 };

/* What the owner keeps of a group. */
struct group_info {
	uint64_t off; /* of the group in its file */
	uint32_t len; /* with the directory, which is at the end */
	uint32_t dir_len;
	uint64_t dir_sum;
	uint32_t nrows;
	bool overflow; /* has an overflow column: never merged into another group */
	int64_t min_time, max_time;
};

/* Scratch memory for making groups; one thread at a time. */
struct group_maker;
int group_maker_new(struct group_maker **ret);
void group_maker_free(struct group_maker *maker);

/* Append the group of a frozen table's rows to `out`.  0 or a negative errno. */
int group_make(struct group_maker *maker, struct memtable *table, struct buf *out,
	       struct group_info *ret);

/* Where bytes are read from: a file, or memory. */
struct group_source {
	int fd; /* used when `mem` is NULL */
	const char *mem;
	uint64_t size; /* of either */
};

/* Read into `ret`, in the arena, with INTS_SLACK bytes behind it.  0, -EBADMSG, -EIO, … */
int source_read(const struct group_source *source, uint64_t off, uint64_t len, struct arena *arena,
		struct span *ret);

/* A group that is being read. */
struct group {
	const struct group_source *source;
	struct group_info info;
};

/* Its columns, verified, ordered by name; in the arena. */
struct directory {
	uint32_t nrows;
	const struct column_entry *columns;
	size_t ncolumns;
};
int group_directory(const struct group *group, struct arena *arena, struct directory *ret);
const struct column_entry *directory_find(const struct directory *directory, struct span name);

/* A stored column, of which only `wanted` rows are needed (NULL = all); no special names. */
int group_column(const struct group *group, const struct column_entry *entry,
		 const uint64_t *wanted, struct arena *arena, struct column *ret);
/* Verify every checksum; `deep`: decode every column too.  0, or what is wrong in reterr. */
int group_verify(const struct group *group, bool deep, struct err *reterr);

/*
 * The group as a row_block; the view borrows the source.  The directory and the
 * overflow column are read by the first op that needs them, and go when the block
 * is released: a query asks for them some times a block, and over many blocks.
 */
struct view_directory;
struct overflow;
struct group_view {
	struct row_block base;
	struct group group;
	_Atomic(struct view_directory *) directory; /* NULL = not read */
	_Atomic(struct overflow *) overflow;        /* the same */
};
void group_view_init(struct group_view *view, const struct group_source *source,
		     const struct group_info *info);
/* Frees what the view holds; may be called more than once. */
void group_view_release(struct group_view *view);

#endif
