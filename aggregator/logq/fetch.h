/*
 * fetch.h - rows of what was asked, from wherever the flags say.
 *
 * Some questions need another one before them: where the last N rows are that
 * following begins with, and how many of the last N matches each of several
 * servers has, when rows around them come, too.
 *
 *	fetch_ahead(&opts, &ask, now, &answer, &err);	nothing, if nothing is to be known
 *	fetch(&opts, &ask, sink, &answer, &err);
 */
#ifndef SLUICE_LOGQ_FETCH_H
#define SLUICE_LOGQ_FETCH_H

#include "aggregator/logq/answer.h"

/* Rows to the sink, what it cost to `ret`.  0 or a negative errno with text. */
int fetch(const struct options *opts, struct ask *ask, struct row_sink *sink, struct answer *ret,
	  struct err *reterr);
/* What is missing of its answer is missing of the next one, too: it is put into `ret`. */
int fetch_ahead(const struct options *opts, struct ask *ask, int64_t now_ns, struct answer *ret,
		struct err *reterr);

#endif
