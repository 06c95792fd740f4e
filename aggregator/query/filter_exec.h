/*
 * filter_exec.h - a tree of filters on columns: which rows match.
 *
 *	bits:  1 1 1 1 1 1 1 1     in: the rows to look at
 *	         level:error  (dictionary: 3 texts looked at, not 8)
 *	       0 1 0 0 1 0 0 1
 *	         _msg:~"a.*b" (only the 3 rows left)
 *	       0 1 0 0 0 0 0 0     out: those of them that match
 *
 * The kids of an AND run cheapest first, and those of an OR only on rows that
 * no kid has taken yet.  Before a column is read, the block is asked whether
 * it can have the numbers or words at all.  What a leaf means is in
 * common/lang/match.h; here is only how often it is asked:
 *
 *	CONST once · DICT once an entry · INT and TIME on numbers for ranges · TEXT each row,
 *	or of a list: each shape, then each text whose shape does not tell
 */
#ifndef SLUICE_QUERY_FILTER_EXEC_H
#define SLUICE_QUERY_FILTER_EXEC_H

#include "aggregator/query/rows.h"
#include "common/lang/ast/filter.h"

/* Clear the bits of rows that don't match.  0, or rows->failed. */
int filter_exec(const struct filter *filter, struct rows *rows, uint64_t *bits);

/* What a filter costs, for ordering and for people: cheap is small. */
unsigned filter_cost(const struct filter *filter);

/* Set the bits of the first n rows, clear the rest of the last word. */
void bits_fill(uint64_t *bits, size_t n);
bool bits_any(const uint64_t *bits, size_t n);

#endif
