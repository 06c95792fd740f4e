/*
 * pattern_texts.h - the pattern of each message, for the pipes that group by it.
 *
 *	"user 7 logged in from 10.0.0.3"  →  "user <N> logged in from <IP4>"
 */
#ifndef SLUICE_QUERY_PIPES_PATTERN_TEXTS_H
#define SLUICE_QUERY_PIPES_PATTERN_TEXTS_H

#include "aggregator/query/rows.h"

/* One for each of rows->n messages, in the rows' arena; NULL = no memory. */
struct span *pattern_texts(struct rows *rows, const struct span *messages);
/* The same as a column without a name: a dictionary where there are few.  0 or -ENOMEM. */
int pattern_column(struct rows *rows, const struct span *messages, struct column *ret);

#endif
