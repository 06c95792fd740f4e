/*
 * hint.h - what may be the reason when nothing was found.
 *
 *	level:error          level is written in upper case: try level:ERROR
 *	error|warn           `|` begins a pipe …
 *	error | feilds a     `feilds` is no pipe, so it was looked for as a word; …
 *	error limit 10       `limit` was looked for as a word; …
 *	level in (A, B)      `in` was asked of the message; write level:in(…)
 *	servce:payment       no row has a field `servce`; did you mean `service`?
 */
#ifndef SLUICE_LOGQ_HINT_H
#define SLUICE_LOGQ_HINT_H

#include "aggregator/logq/ask.h"

/* What is likely not meant as it stands; `out` stays empty if all is well. */
void hint_print(struct span query, struct filter *filter, struct buf *out);
/*
 * A field that the filter, or -F, names and no row has, when another has a name
 * that is near.  Asks the source (peek.h), so only what the query was asked of.
 */
void hint_field(const struct options *opts, const struct ask *ask, struct buf *out);

#endif
