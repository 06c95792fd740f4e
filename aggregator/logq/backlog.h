/*
 * backlog.h - the last N rows of what is there, before following goes on.
 *
 * A sink that keeps rows until it is told that nothing more is from before,
 * gives the last N of them in order of time, and lets through all that come after:
 *
 *	before ──row, row, … ──▶ the last N ──backlog_end()──▶ next
 *	after  ──row ─────────────────────────────────────▶ next
 *
 * Rows of a unit (a file) that have no time of their own stay behind the one before them.
 *
 *	backlog_open(100, next, &backlog, &err);
 *	backlog_begin(backlog, unit);		and again, when its rows come anew, more of them
 *	…				rows to backlog_sink(backlog)
 *	if (backlog_seen(backlog) < 100) look further back
 *	backlog_end(backlog, &err);
 *
 * Not more than BACKLOG_BYTES are kept.
 */
#ifndef SLUICE_LOGQ_BACKLOG_H
#define SLUICE_LOGQ_BACKLOG_H

#include "aggregator/logq/row_sink.h"
#include "common/base/err.h"
#include <stdint.h>

#define BACKLOG_BYTES (256u << 20)
#define BACKLOG_ALL   UINT64_MAX

struct backlog;

int backlog_open(uint64_t rows, struct row_sink *next, struct backlog **ret, struct err *reterr);
void backlog_free(struct backlog *backlog);
struct row_sink *backlog_sink(struct backlog *backlog);

/* Rows are of this unit from now on; those that it gave before are forgotten. */
void backlog_begin(struct backlog *backlog, size_t unit);
/* How many the unit has given since. */
uint64_t backlog_seen(const struct backlog *backlog);
/* How many are wanted. */
uint64_t backlog_wanted(const struct backlog *backlog);
/*
 * Where the source doesn't tell when it is through with what was there: it is
 * when it pauses and has given so many rows, or has taken too long for them.
 */
void backlog_expect(struct backlog *backlog, uint64_t rows);
/* That was what was there.  0, 1 (next wants no more), or what next said, with text. */
int backlog_end(struct backlog *backlog, struct err *reterr);

#endif
