/*
 * feed.h - lines from elsewhere, as a file that a query can read.
 *
 * A thread writes into a pipe what a bus holds, or what is appended to files;
 * the other end has a path, which source_files_open() takes like any file.
 *
 *	bus ──blocks──▶ thread ──NDJSON──▶ pipe ──▶ /dev/fd/7 ──▶ query
 *
 * The text of a block is written as it is, duplicates included: what a resend
 * brought twice is on the bus twice.
 */
#ifndef SLUICE_LOGQ_FEED_H
#define SLUICE_LOGQ_FEED_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stddef.h>

struct feed;

/* What is on the bus now; with `follow`, and what comes. */
int feed_bus(struct span uri, bool follow, struct feed **ret, struct err *reterr);
/* What is appended to the files from now on; one that is renamed and made anew is followed. */
int feed_files(const struct span *paths, size_t n, struct feed **ret, struct err *reterr);
/* Ends the thread. */
void feed_free(struct feed *feed);

struct span feed_path(const struct feed *feed);
/* After the end of the pipe: what the thread ran into, if anything. */
int feed_result(struct feed *feed, struct err *reterr);

#endif
