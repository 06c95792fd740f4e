/*
 * local.h - a query that this process answers: an index, files, stdin, a bus.
 */
#ifndef SLUICE_LOGQ_LOCAL_H
#define SLUICE_LOGQ_LOCAL_H

#include "aggregator/logq/answer.h"

/* Rows to the sink, what it cost to `ret`.  0 or a negative errno with text. */
int local_run(const struct options *opts, struct ask *ask, struct row_sink *sink,
	      struct answer *ret, struct err *reterr);

#endif
