/*
 * peek.h - a short question to the source that a command line names.
 *
 * For what is about the answer, not of it: completions, hints.  It must not keep
 * anybody waiting, so it has little time, says nothing, and what fails is no
 * error but fewer texts.  A person may have more of it: LOGQ_PATIENCE=1s.  All rows are looked at if that is quick, else some.
 *
 *	peek(opts, ask->files.ptr, n, "service:pa*", "uniq by (service)", ask, put, ctx);
 */
#ifndef SLUICE_LOGQ_PEEK_H
#define SLUICE_LOGQ_PEEK_H

#include "aggregator/logq/ask.h"

/* The value of the first field of a row.  0; 1: enough. */
typedef int peek_fn(void *ctx, struct span text);

#define PEEK_SOME 5000 /* rows */

/*
 * The question goes to -D, the servers or the local aggregator as `opts` have
 * them, or to `files`; not to a bus, nor to what can be read only once.  `range`
 * (borrowed) says from when to when; NULL: what -S and -U say, or a day.
 * 0: of all rows; 1: of PEEK_SOME; or a negative errno when there was no answer.
 */
int peek(const struct options *opts, const struct span *files, size_t nfiles, const char *filter,
	 const char *pipes, const struct ask *range, peek_fn *put, void *ctx);

#endif
