/*
 * show.h - run what was asked and show it; the exit status says how it went.
 *
 * Here sources, what rows pass on their way (row_sink.h) and the printer are
 * put together.
 */
#ifndef SLUICE_LOGQ_SHOW_H
#define SLUICE_LOGQ_SHOW_H

#include "aggregator/logq/ask.h"

int show(const struct options *opts, struct ask *ask, int64_t now_ns);
/* A wrong query is shown with a caret under the byte.  LOGQ_ERROR. */
int show_error(const struct ask *ask, const struct err *err);

#endif
