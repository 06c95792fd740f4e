/*
 * remote.h - a query that an aggregator answers.
 */
#ifndef SLUICE_LOGQ_REMOTE_H
#define SLUICE_LOGQ_REMOTE_H

#include "aggregator/logq/answer.h"

/* Where the local aggregator listens: the first socket that is there; NULL = none. */
const char *remote_default(void);

/* Like local_run(): rows to the printer, what it cost to `ret`. */
int remote_run(const struct options *opts, struct ask *ask, const char *server,
	       struct printer *printer, struct answer *ret, struct err *reterr);

#endif
