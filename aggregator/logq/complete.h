/*
 * complete.h - what may come next in a query, for the completions of shells.
 *
 * `logq --complete TEXT [-D DIR | --server URL | FILE…]` prints for a query that
 * is written as far as TEXT
 *
 *	st			the piece at its end that is replaced
 *	stats			what it may become, one a line
 *	stream_context
 *
 * Words are from the tables of the language, names and values of fields from the
 * source, within a tenth of a second or so; what can't be had is left out.
 *
 *	error | st		pipes
 *	| stats by (ser		names of fields; behind it functions
 *	ser			names of fields, functions of filters
 *	level:			values of the field, functions of filters
 *	level:in(ERROR,		values of the field
 */
#ifndef SLUICE_LOGQ_COMPLETE_H
#define SLUICE_LOGQ_COMPLETE_H

#include "aggregator/logq/options.h"
#include "common/base/arena.h"

enum complete_kind {
	COMPLETE_NOTHING,
	COMPLETE_FILTER, /* a term of a filter */
	COMPLETE_VALUE,  /* of `field`, or a function of it */
	COMPLETE_ITEM,   /* a value of `field` only */
	COMPLETE_PIPE,
	COMPLETE_STATS, /* a function of stats */
	COMPLETE_FIELD,
};

struct complete_place {
	enum complete_kind kind;
	struct span field;
	struct span piece; /* the end of the text, which is to be replaced */
	bool by;           /* `by (` may stand here, too */
};

/* Where the end of `text` is.  Results live in the text and in `arena`. */
struct complete_place complete_find(struct span text, struct arena *arena);

/* Answer --complete on standard output.  An exit status. */
int complete_print(const struct options *opts);

#endif
