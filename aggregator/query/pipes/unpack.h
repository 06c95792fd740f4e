/*
 * unpack.h - what pipes share that take one text of a row apart into fields.
 *
 *	unpack_json if (…) from x fields (a, b*) result_prefix p_ keep_original_fields
 *	            condition  from       fields               prefix     keep
 *
 *	extract, extract_regexp, unpack_json, unpack_logfmt, unpack_syslog
 *
 * A pipe gives a function that calls unpack_add() for each field it finds in a
 * text.  Rows outside `if (…)` and fields that were not found keep what they
 * have; so do those that `keep_original_fields` (they had a value) or
 * `skip_empty_results` (the new one is empty) protect.
 */
#ifndef SLUICE_QUERY_PIPES_UNPACK_H
#define SLUICE_QUERY_PIPES_UNPACK_H

#include "aggregator/query/pipe.h"
#include "common/base/map.h"

/* A struct of such a pipe begins with this. */
struct pipe_unpack {
	struct pipe pipe;
	struct filter *condition; /* NULL = every row */
	struct span from;
	struct span_list fields; /* only these; empty = all */
	struct span prefix;
	bool keep_original, skip_empty;
};

struct unpack_column;

/* One push: the columns that are being filled. */
struct unpack {
	const struct pipe_unpack *pipe;
	struct rows *rows;
	uint32_t row;
	struct map columns; /* name → struct unpack_column */
	int failed;
};

/* `name` and `value` live as long as the rows, or in rows->arena. */
void unpack_add(struct unpack *unpack, struct span name, struct span value);

typedef void unpack_fn(struct unpack *unpack, struct span text);

int unpack_push(struct stage *stage, unsigned worker, struct rows *rows, unpack_fn *fn);
void unpack_needs(const struct pipe *pipe, struct field_set *set);
int unpack_filters(const struct pipe *pipe, pipe_filter_fn *fn, void *ctx);

/* [from] field   defaults to _msg */
int unpack_parse_from(struct lex *lex, struct pipe_unpack *pipe);
/* [fields (a, b)] */
int unpack_parse_fields(struct lex *lex, struct pipe_unpack *pipe);
/* [result_prefix p] */
int unpack_parse_prefix(struct lex *lex, struct pipe_unpack *pipe);
/* [keep_original_fields | skip_empty_results] */
void unpack_parse_keep(struct lex *lex, struct pipe_unpack *pipe);
void unpack_print_from(const struct pipe_unpack *pipe, struct buf *out);
void unpack_print_fields(const struct pipe_unpack *pipe, struct buf *out);
/* prefix and what is kept */
void unpack_print_rest(const struct pipe_unpack *pipe, struct buf *out);

#endif
