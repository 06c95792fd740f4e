/*
 * source.h - where a query's rows come from.
 *
 * A source can be scanned any number of times (a query with sub-queries scans
 * it more than once), each scan hands out all row_blocks that may have rows in
 * the wanted time, in any order.  next() of one scan is called by
 * several workers at once.
 *
 *	struct query_source *s;
 *	source_store_open(store, &s);			the index, rows in memory included
 *	source_files_open(paths, n, &conf, &s, &err);	files, .gz, .zst, "-" = stdin
 *	source_rows_open(rows, n, &s);			rows at hand, for tests and inline rows
 *	…
 *	source_close(s);
 */
#ifndef SLUICE_QUERY_SOURCE_H
#define SLUICE_QUERY_SOURCE_H

#include "aggregator/query/field_set.h"
#include "common/data/column.h"
#include "common/lang/ast/query.h"
#include <stdatomic.h>

struct query_source;
struct store;

/* Of rows of the store: see store.h. */
#define COMMIT_FIELD SPAN("_commit")

/* What is wanted: help to read less, never an obligation. */
struct source_want {
	int64_t min_time, max_time;     /* inclusive */
	const struct filter *filter;    /* only rows that match will be used */
	const struct field_set *fields; /* only these fields will be loaded */
	bool oldest_first;              /* blocks in this order; else newest first */
	unsigned workers;
	struct budget *memory; /* for what blocks take themselves; NULL: they are not counted */
};

struct source_scan;

struct query_source_ops {
	/* Start a scan.  What `want` points to lives until close_scan. */
	int (*scan)(struct query_source *source, const struct source_want *want,
		    struct source_scan **ret, struct err *reterr);
	/*
	 * 1 and a block, which its release op gives back; 0 at the end.
	 * -EBADMSG: something could not be read, reterr says what; go on calling.
	 * Other negatives end the query.
	 */
	int (*next)(struct source_scan *scan, unsigned worker, struct row_block **ret,
		    struct err *reterr);
	void (*close_scan)(struct source_scan *scan);
	/*
	 * 1 and a time, at or before which about half of the rows from `min` to
	 * `max` lie; 0: they can't be parted.  NULL = never.
	 */
	int (*split)(struct query_source *source, int64_t min, int64_t max, int64_t *ret_at);
	/* See store_last_commit(); NULL: rows have no `_commit`. */
	uint64_t (*last_commit)(struct query_source *source);
	void (*close)(struct query_source *source);
};

struct query_source {
	const struct query_source_ops *ops;
};

/* A scan's struct begins with this. */
struct source_scan {
	struct query_source *source;
};

void source_close(struct query_source *source);

/* Each scan takes a fresh snapshot.  `store` must outlive the source. */
int source_store_open(struct store *store, struct query_source **ret);

/* Zero = the default. */
struct source_files_conf {
	struct span format;        /* of common/parse/parse.h, default auto */
	struct span multiline;     /* of common/parse/multiline.h, default none */
	int64_t now_ns;            /* time of lines without one: 0 = of reading */
	uint64_t max_line;         /* longer lines are cut; default 1 MiB */
	const atomic_bool *cancel; /* ends a read that waits for stdin; NULL = none */
	/*
	 * The source is scanned more than once, see query_rescans(): what comes from
	 * stdin and pipes is kept, and lines without a time have, with now_ns, the
	 * same ones each time, in the order of the lines.
	 */
	bool rescans;
	/*
	 * Lines of a stream are wanted while it goes on: an event of several is one
	 * when its stream was silent for as long as the shipper would wait.
	 */
	bool streaming;
};
/* `paths` is copied.  Files are opened when they are read; streams can be read once unless `rescans`. */
int source_files_open(const struct span *paths, size_t npaths, const struct source_files_conf *conf,
		      struct query_source **ret, struct err *reterr);

/* One row: `n` pairs of name and value. */
struct source_row {
	const struct span *pairs; /* name, value, name, value … */
	size_t n;
};
/* Everything is copied.  Fields may be missing, empty is the same. */
int source_rows_open(const struct source_row *rows, size_t nrows, struct query_source **ret);

#endif
