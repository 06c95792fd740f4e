/*
 * feed.h - lines from elsewhere, as a file that a query can read.
 *
 * A thread writes into a pipe what a bus holds, or what is appended to files;
 * the other end has a path, which source_files_open() takes like any file.
 *
 *	bus ──blocks──▶ thread ──NDJSON──▶ pipe ──▶ /dev/fd/7 ──▶ query
 *
 * The text of a block is written as it is, duplicates included: what a resend
 * brought twice is on the bus twice.  Of files there are only whole lines.
 *
 * When a feed is opened it remembers how far each file and partition is.  What
 * is before that seam can be asked for, from its end backwards, and what comes
 * after it follows, nothing between left out or twice:
 *
 *	app.log  ───────────────┬──────seam┄┄┄┄┄┄┄┄┄┄▶
 *	                  feed_look_back() │ feed_follow()
 *
 *	feed_files(paths, n, &feed, &err);
 *	for (unit = 0; unit < feed_units(feed); unit++) {
 *		whole = feed_look_back(feed, unit, 1 << 20, &err);
 *		… a query over feed_path(feed), to its end …
 *		feed_end(feed, &err);
 *	}
 *	feed_follow(feed, &err);
 *	…
 *	feed_end(feed, &err);
 *	feed_free(feed);
 */
#ifndef SLUICE_LOGQ_FEED_H
#define SLUICE_LOGQ_FEED_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_FILES_MAX 64

struct feed;

/* A topic; without `follow` only what is there now. */
int feed_bus(struct span uri, bool follow, struct feed **ret, struct err *reterr);
/*
 * Files that grow, by their names: one that is renamed and made anew, or cut, is
 * followed, one that isn't there yet is waited for; "-" and pipes to their end.
 */
int feed_files(const struct span *paths, size_t n, struct feed **ret, struct err *reterr);
void feed_free(struct feed *feed);

/* What is in order by itself: each file; all of a bus is one. */
size_t feed_units(const struct feed *feed);
/*
 * Begin to give the last lines before the seam: of a file its last `reach` bytes,
 * of a bus as many messages of each partition.  Of a pipe what is there until it
 * falls silent, or for some seconds.  1: there are no lines before them; 0: there are.
 */
int feed_look_back(struct feed *feed, size_t unit, uint64_t reach, struct err *reterr);
/* Begin to give what comes after the seam; of a bus all, unless it was looked back at. */
int feed_follow(struct feed *feed, struct err *reterr);
/* Of what was begun last. */
struct span feed_path(const struct feed *feed);
/* Its reader is through: end it.  What the thread ran into, if anything. */
int feed_end(struct feed *feed, struct err *reterr);

#endif
