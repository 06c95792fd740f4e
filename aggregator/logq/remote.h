/*
 * remote.h - a query that aggregators answer: one, or several whose rows are merged.
 */
#ifndef SLUICE_LOGQ_REMOTE_H
#define SLUICE_LOGQ_REMOTE_H

#include "aggregator/logq/answer.h"

/* Where the local aggregator listens: the first socket that is there; NULL = none. */
const char *remote_default(void);

/*
 * Like local_run(): rows to the sink, what it cost to `ret`.  When one of
 * several servers fails the answer is partial; when all do it is an error.
 */
int remote_run(const struct options *opts, struct ask *ask, const struct span *servers, size_t n,
	       struct row_sink *sink, struct answer *ret, struct err *reterr);

#endif
