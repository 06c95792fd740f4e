/*
 * hint.h - what may be the reason when nothing was found.
 *
 *	level:error          level is written in upper case: try level:ERROR
 *	error|warn           `|` begins a pipe …
 *	error | feilds a     `feilds` is no pipe, so it was looked for as a word; …
 *	error limit 10       `limit` was looked for as a word; …
 *	level in (A, B)      `in` was asked of the message; write level:in(…)
 */
#ifndef SLUICE_LOGQ_HINT_H
#define SLUICE_LOGQ_HINT_H

#include "common/base/buf.h"

struct filter;

/* What is likely not meant as it stands; `out` stays empty if all is well. */
void hint_print(struct span query, struct filter *filter, struct buf *out);

#endif
