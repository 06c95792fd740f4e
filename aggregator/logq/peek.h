/*
 * peek.h - a short question to the source that a command line names.
 *
 * For what is about the answer, not of it: completions, hints.  It must not keep
 * anybody waiting, so it has little time, says nothing, and what fails is no
 * error but fewer texts.
 *
 *	peek(opts, &files, SPAN("* | uniq by (service)"), range, 100 * MS, put, ctx);
 */
#ifndef SLUICE_LOGQ_PEEK_H
#define SLUICE_LOGQ_PEEK_H

#include "aggregator/logq/ask.h"

/* The value of the first field of a row.  0; 1: enough. */
typedef int peek_fn(void *ctx, struct span text);

/*
 * The question goes to -D, the servers or the local aggregator as `opts` have
 * them, or to `files`; not to a bus, nor to what can be read only once.  `range`
 * (borrowed) says from when to when; NULL: what -S and -U say, or a day.
 * 0, or a negative errno when there was no answer.
 */
int peek(const struct options *opts, const struct span *files, size_t nfiles, struct span query,
	 const struct ask *range, int64_t timeout_ns, peek_fn *put, void *ctx);

#endif
