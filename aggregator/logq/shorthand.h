/*
 * shorthand.h - flags as LogsQL text.
 *
 *	-u payment -p warning	service:="payment" level:in(WARN,ERROR,FATAL)
 *	--histogram=5m		stats by (_time:5m) count() as hits | sort by (_time)
 */
#ifndef SLUICE_LOGQ_SHORTHAND_H
#define SLUICE_LOGQ_SHORTHAND_H

#include "aggregator/logq/options.h"
#include "common/base/buf.h"

/* The filter that flags mean; nothing is appended when there are none.  0 or -EINVAL. */
int shorthand_filter(const struct options *opts, struct buf *out, struct err *reterr);

/* The pipes that -c -F -N --histogram -A -B -C mean, each with `| ` before it. */
void shorthand_pipes(const struct options *opts, int64_t span_ns, struct buf *out);
/* True if those pipes sum rows up. */
bool shorthand_sums_up(const struct options *opts);

#endif
