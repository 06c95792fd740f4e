/*
 * subrows.h - the second set of rows of `union` and `join`: a query or rows
 * written out.
 *
 *	union (_time:1h error | fields a)
 *	join by (x) rows({"x":"1","name":"one"},{"x":"2","name":"two"})
 */
#ifndef SLUICE_QUERY_PIPES_SUBROWS_H
#define SLUICE_QUERY_PIPES_SUBROWS_H

#include "aggregator/query/pipe.h"
#include "aggregator/query/source.h"

struct subrows {
	struct query *query; /* or NULL: */
	struct source_row *rows;
	size_t nrows;
};

/* The lexer stands on `(` or `rows`. */
int subrows_parse(struct lex *lex, struct subrows *ret);
void subrows_print(const struct subrows *subrows, struct buf *out);
/* Hand all rows to `sink`, on this thread.  0 or a negative errno, said in the run. */
int subrows_run(const struct subrows *subrows, struct stage *stage,
		int (*sink)(void *ctx, struct rows *rows), void *ctx);

#endif
