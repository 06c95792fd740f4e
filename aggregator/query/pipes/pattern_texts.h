/*
 * pattern_texts.h - the pattern of each message, for the pipes that group by it.
 *
 *	"user 7 logged in from 10.0.0.3"  →  "user <N> logged in from <IP4>"
 *
 * Where texts come in shapes, a shape whose texts all have one pattern is
 * looked at once, and none of its texts is made.
 */
#ifndef SLUICE_QUERY_PIPES_PATTERN_TEXTS_H
#define SLUICE_QUERY_PIPES_PATTERN_TEXTS_H

#include "aggregator/query/rows.h"

/* One for each row's text of `name`, in the rows' arena; NULL: rows->failed, or no memory. */
struct span *pattern_texts(struct rows *rows, struct span name);
/* The same as a column without a name: a list of the patterns.  0 or a negative errno. */
int pattern_column(struct rows *rows, struct span name, struct column *ret);

#endif
