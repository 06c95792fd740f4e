/*
 * spool.h - a stream that will be read more than once.
 *
 * Its bytes, as they come, go to a file without a name in $TMPDIR, which goes
 * with its descriptor.  For queries that scan their source again: those with
 * sub-queries, stream_context, diff.
 */
#ifndef SLUICE_QUERY_SPOOL_H
#define SLUICE_QUERY_SPOOL_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdatomic.h>

/*
 * All of `path` ("-" = standard input), to its end.  Returns the descriptor; -ECANCELED
 * once `cancel` (NULL = never) is set; other negatives with text.
 */
int spool_stream(struct span path, const atomic_bool *cancel, struct err *reterr);

#endif
