/*
 * memtable.h - rows in memory, a field's values side by side.
 *
 * One table becomes one row group.  Values are appended to one reserved
 * stretch of memory that never moves, so that a query may borrow them:
 *
 *	text     [ERROR|payment declined|cart|INFO|…                 reserved]
 *	            ▲                     ▲
 *	level    {row 0, off, len} {row 1, off, len} …      only rows that have it
 *	message  {row 0, off, len} …
 *
 * The writer appends while other threads load columns of views: each view
 * ends at the row that was last when it was made.  A frozen table takes no
 * more rows and may be read without the lock.  Reference-counted.
 */
#ifndef SLUICE_STORE_MEMTABLE_H
#define SLUICE_STORE_MEMTABLE_H

#include "aggregator/store/streams.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/vec.h"
#include "common/data/column.h"
#include "common/data/record.h"
#include <pthread.h>
#include <stdatomic.h>

#define MEMTABLE_TEXT_FULL (32u << 20) /* full at so much text … */
#define MEMTABLE_TEXT_MAX  (96u << 20) /* … so that a row of 64 MiB still fits */
#define MEMTABLE_COLUMNS   1000        /* further fields go to the overflow column */
#define FIELD_NAME_MAX     256         /* longer names too */

/* Fields beyond the caps, as one JSON object a row. */
#define OVERFLOW_NAME SPAN("_overflow")

/*
 * Of each row the number of the commit that made it durable, which grows from one
 * to the next, over restarts too: about the tenths of a second since 1970.  Rows
 * with a number up to N are all those that were there after commit N, however they
 * are merged; rows in memory have none yet.  A query may name the field, but it is
 * in no list of fields.  In a fresh group it is one constant.
 */
#define COMMIT_NAME SPAN("_commit")
#define COMMIT_NS   (100 * NS_PER_MS)

/* The columns of our own count against no cap. */
static inline bool is_own_column(struct span name)
{
	return span_eq(name, OVERFLOW_NAME) || span_eq(name, COMMIT_NAME);
}

struct mem_value {
	uint32_t row, off, len;
};

struct mem_column {
	struct span name;
	VEC(struct mem_value) values; /* ascending rows, none empty */
	uint8_t types;                /* 1 << enum value_type, of all values */
	uint32_t own_row;             /* 1 + the last row that has it as a key of its own */
	struct mem_column *after;     /* which field followed it last time: a guess */
};

struct memtable {
	atomic_uint refs;
	pthread_mutex_t lock; /* all below, until frozen */
	bool frozen;
	uint32_t nrows;
	uint64_t commit; /* that its rows will be part of; 0: they bring their numbers (a merge) */
	int64_t *times;  /* ROW_BLOCK_MAX of each */
	const struct store_stream **streams;
	int64_t min_time, max_time;
	VEC(struct mem_column *) columns;
	size_t nfields; /* columns that count against MEMTABLE_COLUMNS */
	struct map by_name;
	struct mem_column *last; /* field appended last, whose `after` is the next guess */
	char *text;
	size_t text_len;
	size_t values_bytes;  /* held by the columns' arrays */
	struct arena arena;   /* columns and their names */
	struct arena scratch; /* of one append */
	struct buf overflow;  /* of one append */
};

int memtable_new(struct memtable **ret);
struct memtable *memtable_ref(struct memtable *table);
void memtable_unref(struct memtable *table);

/* 0, -ENOBUFS: full, take another; -ENOMEM; on failure nothing was added. */
int memtable_append(struct memtable *table, const struct store_stream *stream,
		    const struct record *rec);
void memtable_freeze(struct memtable *table);
/* Memory held, in bytes. */
size_t memtable_bytes(struct memtable *table);

/*
 * For merges, on a table that nobody else sees: room for `n` further rows
 * (-ENOBUFS: there is none), then their columns as texts.
 */
int memtable_add_rows(struct memtable *table, uint32_t n, const int64_t *times,
		      const struct store_stream *const *streams, uint32_t *ret_first);
int memtable_add_column(struct memtable *table, uint32_t first, uint32_t n, struct span name,
			const struct span *texts, uint8_t types);

struct overflow;
/* The rows so far, as a block to query; the view does not hold a reference. */
struct mem_view {
	struct row_block base;
	struct memtable *table;
	_Atomic(struct overflow *) overflow; /* NULL = not read */
};
void mem_view_init(struct mem_view *view, struct memtable *table);
/* Frees what the view holds; may be called more than once. */
void mem_view_release(struct mem_view *view);

#endif
