/*
 * bucket.h - values rounded down to steps: stats by (_time:5m offset 2h, size:1KiB, ip:/24).
 *
 *	_time:5m          times and numbers to multiples of the step
 *	_time:week        from Monday, 1w too; month and year by the calendar
 *	… offset 2h       numbers: boundaries moved up by it; times: in the zone UTC+2
 *	ip:/24            addresses to their network
 *
 * A size as 5KiB counts as its bytes.  A value that is no number, time, address
 * or duration stays what it is, as one that would fall out of an int64_t.  Steps
 * and offsets are below 2^62.
 */
#ifndef SLUICE_QUERY_PIPES_BUCKET_H
#define SLUICE_QUERY_PIPES_BUCKET_H

#include "aggregator/query/rows.h"
#include "common/lang/lex.h"

enum bucket_unit { BUCKET_NONE, BUCKET_STEP, BUCKET_WEEK, BUCKET_MONTH, BUCKET_YEAR };

struct bucket {
	enum bucket_unit unit;
	double step, offset;
	struct span step_text, offset_text; /* as written, for printing */
};

/* The lexer stands behind `:`. */
int bucket_parse(struct lex *lex, struct bucket *ret);
void bucket_print(const struct bucket *bucket, struct buf *out);

/* The column with each value in its bucket; new values in `arena`. */
int bucket_column(const struct bucket *bucket, const struct column *from, struct arena *arena,
		  struct column *ret);
/* The text of the bucket that all times from `min` to `max` are in; empty where there is none. */
struct span bucket_range(const struct bucket *bucket, int64_t min, int64_t max,
			 struct arena *arena);
/* One time. */
int64_t bucket_time(const struct bucket *bucket, int64_t ns);
/* How many ns are in the bucket that begins at `begin`: months and years differ. */
int64_t bucket_length(const struct bucket *bucket, int64_t begin);

#endif
