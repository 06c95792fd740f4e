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

/*
 * The pipes that -A -B -C mean, which go before all others: -n and -m are about
 * matches, not about what stands around them.  False: there are none.
 */
bool shorthand_context(const struct options *opts, bool newest_first, struct buf *out);
/* The pipes that -c -F -N --patterns --histogram mean, each with `| ` before it. */
void shorthand_pipes(const struct options *opts, const char *histogram_step, struct buf *out);
/*
 * A round step that gives some forty bars over `span_ns`; its name, its length.
 * Of files and of all there is nobody knows the span before the answer: then
 * rows are counted in small steps, *ret_fine says so, and the view makes them wider.
 */
const char *histogram_step(int64_t span_ns, int64_t *ret_ns);
const char *histogram_auto_step(int64_t span_ns, bool known, int64_t *ret_ns, bool *ret_fine);

#endif
