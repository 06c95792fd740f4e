/*
 * pipe_sort.h - what sort, first and last have in common.
 *
 *	sort by (a, b desc) desc offset 10 limit 20 partition by (host) rank as n
 *	first 20 by (a, b desc)		the same with a limit, default 1
 *	last 20 by (a, b desc)		the same, all around
 */
#ifndef SLUICE_QUERY_PIPES_PIPE_SORT_H
#define SLUICE_QUERY_PIPES_PIPE_SORT_H

#include "aggregator/query/order.h"
#include "aggregator/query/pipe.h"

struct pipe_sort {
	struct pipe pipe;
	const char *name;
	struct order_field *fields; /* none: by all fields */
	size_t nfields;
	bool desc;

	uint64_t offset, limit;
	bool has_limit;
	struct span_list partition;
	struct span rank; /* ptr NULL = none */
};

/* pipe_sort_parse.c */
int sort_parse(struct lex *lex, struct pipe **ret);
int first_parse(struct lex *lex, struct pipe **ret);
int last_parse(struct lex *lex, struct pipe **ret);
void sort_print(const struct pipe *pipe, struct buf *out);
void first_print(const struct pipe *pipe, struct buf *out);

#endif
