/*
 * update.h - what pipes share that turn one text of a row into another.
 *
 *	collapse_nums, decolorize, replace, split, unpack_words, time_add, len, …
 *
 * Each is a function from a text to a text, a field it comes from, a field it
 * goes to, and maybe an `if (…)`: rows outside it keep what they have.
 */
#ifndef SLUICE_QUERY_PIPES_UPDATE_H
#define SLUICE_QUERY_PIPES_UPDATE_H

#include "aggregator/query/pipe.h"

/* A struct of such a pipe begins with this. */
struct pipe_update {
	struct pipe pipe;
	struct filter *condition; /* NULL = every row */
	struct span from, to;
};

/*
 * Append what `text` becomes to `out`.  0; -EAGAIN: it stays as it is;
 * another negative errno ends the query.
 */
typedef int update_fn(const struct pipe_update *pipe, struct span text, struct buf *out);

/* The push of such a pipe.  Equal neighbors are computed once. */
int update_push(struct stage *stage, unsigned worker, struct rows *rows, update_fn *fn);
/* Its needs, and its trees of filters. */
void update_needs(const struct pipe *pipe, struct field_set *set);
int update_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx);

/* [from] field [as] field   both default to _msg; the second to the first */
int update_parse_from_as(struct lex *lex, struct pipe_update *pipe);
/* at field   defaults to _msg */
int update_parse_at(struct lex *lex, struct pipe_update *pipe);
/* ' from a as b' */
void update_print_from_as(const struct pipe_update *pipe, struct buf *out);
/* ' at a', nothing for the field that it is without saying. */
void update_print_at(const struct pipe_update *pipe, struct span usual, struct buf *out);

#endif
